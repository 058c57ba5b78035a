//! Where a fetch goes: the base URL of a platform from the configuration, and the path that the database asks for. No
//! path, whatever is in it, can lead to another host than the base's, since a credential travels with it.

use hyper::Uri;
use hyper::http::uri::Scheme;

/// Longer paths are refused, in bytes; far more than any identifier needs, far less than servers take.
const PATH_MAX: usize = 4096;
/// Hosts that cannot be reached over a network.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// The URL that all paths of a platform are under, without a slash at its end.
#[derive(Debug, Clone)]
pub struct Base {
    text: String,
    uri: Uri,
}

impl Base {
    /// Reads `https://host[:port][/prefix]`; `http` only for hosts of this machine. Fails with a reason that does not
    /// repeat the text, in which somebody may have put a password.
    pub fn parse(text: &str) -> Result<Base, &'static str> {
        const FORM: &str = "must be https://host[:port][/prefix], without user, query and fragment";
        let text = text.strip_suffix('/').unwrap_or(text);
        if text.bytes().any(|byte| matches!(byte, b'?' | b'#' | b'@' | b'\\') || !byte.is_ascii_graphic()) {
            return Err(FORM);
        }
        let uri: Uri = text.parse().map_err(|_| FORM)?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else { return Err(FORM) };
        let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        if authority.host().is_empty() || (!port.is_empty() && authority.port_u16().is_none()) {
            return Err(FORM);
        }
        if *scheme == Scheme::HTTP {
            if !LOOPBACK.contains(&authority.host()) {
                return Err(
                    "must be https: over http only this machine (127.0.0.1, [::1], localhost) is asked, because a \
                     credential must not travel in the clear",
                );
            }
        } else if *scheme != Scheme::HTTPS {
            return Err(FORM);
        }
        if text.ends_with('/') || has_dot_segments(uri.path()) {
            return Err(FORM);
        }
        Ok(Base { text: text.to_owned(), uri })
    }

    /// Whether TLS is spoken.
    pub fn is_https(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }

    /// The URL of a path with its query. `None`: the path is not one that may be asked for.
    pub fn join(&self, path: &str) -> Option<Uri> {
        let harmless = |byte: u8| byte.is_ascii_graphic() && byte != b'\\' && byte != b'#';
        if path.len() > PATH_MAX
            || !path.starts_with('/')
            || path.starts_with("//")
            || !path.bytes().all(harmless)
            || has_dot_segments(path.split_once('?').map_or(path, |(before, _)| before))
        {
            return None;
        }
        let uri: Uri = format!("{}{path}", self.text).parse().ok()?;
        // By construction; asked all the same, since it is what the credential's safety rests on.
        let same = uri.scheme() == self.uri.scheme() && uri.authority() == self.uri.authority();
        same.then_some(uri)
    }
}

/// Whether a server could read a segment as "here" or "one up", also when it decodes percent signs first.
fn has_dot_segments(path: &str) -> bool {
    let decoded = path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    decoded.split('/').any(|segment| matches!(segment, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases() {
        for good in [
            "https://api.humanitix.com",
            "https://api.humanitix.com/",
            "https://proxy.example:8443/humanitix/live",
            "http://127.0.0.1:8080",
            "http://localhost:1/prefix",
            "http://[::1]:8080",
            "https://[2001:db8::1]",
        ] {
            assert!(Base::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "api.humanitix.com",
            "https://",
            "https:///x",
            "ftp://api.humanitix.com",
            "http://api.humanitix.com",
            "http://127.0.0.1.example.com",
            "http://127.0.0.2",
            "http://localhost@example.com",
            "https://user:hunter2@api.humanitix.com",
            "https://api.humanitix.com?x=1",
            "https://api.humanitix.com/#x",
            "https://api.humanitix.com\\x",
            "https://api.humanitix.com/a b",
            "https://api.humanitix.com:port",
            "https://api.humanitix.com:70000",
            "https://api.humanitix.com:",
            "https://api.humanitix.com//",
            "https://api.humanitix.com/a/../b",
        ] {
            let why = Base::parse(bad).expect_err(bad);
            assert!(!why.contains("hunter2"));
        }
    }

    #[test]
    fn paths_are_joined() {
        let joined = |base: &str, path: &str| Base::parse(base).unwrap().join(path).map(|uri| uri.to_string());
        let path = "/v3/orders/1034608029/?expand=attendees&a=..%2F..";
        assert_eq!(joined("https://a.example", path).unwrap(), format!("https://a.example{path}"));
        assert_eq!(joined("https://a.example/p/", path).unwrap(), format!("https://a.example/p{path}"));
        assert_eq!(joined("http://[::1]:80/p", "/").unwrap(), "http://[::1]:80/p/");
        assert_eq!(joined("https://a.example", "/x@b.example:1/").unwrap(), "https://a.example/x@b.example:1/");
    }

    #[test]
    fn paths_that_are_refused() {
        let base = Base::parse("https://a.example/prefix").unwrap();
        for bad in [
            "",
            "v3/orders",
            "@b.example/",
            ".b.example/",
            ":1/",
            "//b.example/",
            "https://b.example/",
            "/\\b.example/",
            "/a b",
            "/a\r\nx-header: 1",
            "/a\0",
            "/a\u{7f}",
            "/\u{e9}",
            "/a#b",
            "/../x",
            "/a/..",
            "/./a",
            "/%2e%2E/x",
            "/.%2e/x",
            "/a%2f..%2fx",
            "/a/..%5Cx",
        ] {
            assert_eq!(base.join(bad), None, "{bad:?}");
        }
        assert_eq!(base.join(&format!("/{}", "a".repeat(PATH_MAX))), None);
        assert!(base.join("/a..b/...").is_some());
    }
}
