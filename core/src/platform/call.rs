//! Calls of the platforms' APIs: how paths are built, and what an HTTP answer means before its body is read.
//!
//! Paths only. Where a platform lives is not known here, so no answer and no payload can send a credential elsewhere.

use serde_json::Value;

use crate::document;
use crate::headers::Headers;
use crate::platform::ResourceKind;
use crate::time::{self, Micros};

/// A list to be read page by page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// What its pages are.
    pub kind: ResourceKind,
    /// Path and query of the first page.
    pub path: String,
}

/// What an answer means for the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The body is what was asked for.
    Good,
    /// There is no such resource: not any more, or not yet.
    Gone,
    /// Too many calls with this credential.
    Limited {
        /// How long to wait, when the platform says (microseconds).
        wait: Option<Micros>,
    },
    /// The credential is refused; the platform's code, or the status.
    Credential(String),
    /// The API does not let this credential see this; the platform's code, or the status. Whether that says something about
    /// the credential depends on what was asked for: see [`Subject`].
    Refused(String),
    /// An expansion failed: ask with fewer.
    Plainer,
    /// The place in the list is no longer known: read it from its start.
    Restart,
    /// Trouble that may pass.
    Trouble {
        /// What it was.
        reason: String,
        /// It says something about the platform rather than about this resource.
        everywhere: bool,
        /// How long to wait, when the platform says (microseconds).
        wait: Option<Micros>,
    },
    /// The same call will never work.
    Never(String),
}

/// Most pages of a list that announces how long it is.
const PAGES: i64 = 40_000;
/// Most pages of a list that does not.
const PAGES_UNANNOUNCED: i32 = 2_000;

/// Most pages that a list may have whose first page has shown so many items of so many (`total`): twice as many as that, and
/// twenty, since it may grow while it is read. A list that goes on beyond never ends.
#[must_use]
pub fn page_limit(total: Option<i64>, items: usize) -> i32 {
    let (Some(total), Ok(items @ 1..)) = (total, i64::try_from(items)) else { return PAGES_UNANNOUNCED };
    let pages = (total.max(0) / items).saturating_add(1).saturating_mul(2).saturating_add(20).min(PAGES);
    i32::try_from(pages).unwrap_or(PAGES_UNANNOUNCED)
}

/// What a call asks about, which says whom a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'p> {
    /// The account itself, such as its list of events: what every good credential may ask.
    Account,
    /// The events of one of the account's organizations, by its id. When it is the only one, that is the account.
    Organization(&'p str),
    /// An event, an order, a list of either: a credential may be good and yet not see it.
    Resource,
}

/// A page's own word about where it stands in its list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Items in the whole list.
    pub total: Option<i64>,
    /// Whether there are more.
    pub has_more: Option<bool>,
    /// Where the next page begins.
    pub continuation: Option<String>,
    /// Number of this page, from 1.
    pub number: Option<i64>,
    /// Number of pages.
    pub count: Option<i64>,
}

impl Page {
    /// Reads `{"total"}` and `{"pagination": {…}}`, the usual forms.
    pub(super) fn read(body: &Value) -> Page {
        let pagination = body.get("pagination");
        let number = |name: &str| pagination.and_then(|p| p.get(name)).and_then(Value::as_i64);
        Page {
            // Anything else is a mistake, and would spoil sums.
            total: body
                .get("total")
                .and_then(Value::as_i64)
                .or_else(|| number("object_count"))
                .filter(|total| (0..=1_000_000_000).contains(total)),
            has_more: pagination.and_then(|p| p.get("has_more_items")).and_then(Value::as_bool),
            continuation: pagination
                .and_then(|p| p.get("continuation"))
                .and_then(Value::as_str)
                .filter(|token| (1..=4096).contains(&token.len()))
                .map(str::to_owned),
            number: number("page_number"),
            count: number("page_count"),
        }
    }
}

/// What a status means on both platforms.
pub(super) fn by_status(status: u16, headers: &Headers, told: &Told, now: Micros) -> Answer {
    let said = told.code.as_ref().map_or_else(|| format!("HTTP {status}"), |code| format!("HTTP {status} {code}"));
    let wait = headers.get("retry-after").and_then(|text| retry_after(text, now));
    match status {
        200..=299 => Answer::Good,
        300..=399 => Answer::Never(format!("{said}: a redirect, which is never followed")),
        401 => Answer::Credential(said),
        403 if told.by_api => Answer::Refused(match told.denied.as_slice() {
            [] => said,
            denied => format!("{said} (denied: {})", denied.join(", ")),
        }),
        // A firewall or a CDN in front of the API has no opinion about credentials, and may change its mind.
        403 => Answer::Trouble { reason: format!("{said}, and not by the API"), everywhere: true, wait },
        404 | 410 => Answer::Gone,
        429 => Answer::Limited { wait },
        // A gateway or an overload speaks for everybody; a plain 500 may be about this one resource.
        408 | 502..=504 => Answer::Trouble { reason: said, everywhere: true, wait },
        500..=599 => Answer::Trouble { reason: said, everywhere: false, wait },
        _ => Answer::Never(said),
    }
}

/// What the body of an error answer says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The platform's code (`{"error": "NOT_FOUND"}`).
    pub code: Option<String>,
    /// Its message.
    pub message: Option<String>,
    /// It has the form of the API's errors, as opposed to a page of somebody in between.
    pub by_api: bool,
    /// Permissions that the credential lacks, where the platform names them.
    pub denied: Vec<String>,
}

/// Reads an error answer.
pub(super) fn error_of(body: &[u8]) -> Told {
    // Error answers are short; what is longer is a page of somebody else.
    if body.len() > 65_536 {
        return Told::default();
    }
    let Ok(value) = document::parse(body) else { return Told::default() };
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let code = text("error").filter(|code| is_word(code, b"_- "));
    // Beside the code, or among its details.
    let denied = [value.get("denied_permissions"), value.get("error_detail").and_then(|d| d.get("denied_permissions"))];
    let denied = denied.into_iter().flatten().filter_map(Value::as_array).flatten().filter_map(Value::as_str);
    let denied: Vec<String> = denied.filter(|word| is_word(word, b"_-.:/")).take(8).map(str::to_owned).collect();
    let listed = value.get("errors").and_then(Value::as_array).and_then(|list| list.first()?.get("code")?.as_str());
    let code = code.or_else(|| listed.filter(|code| is_word(code, b"_- ")).map(str::to_owned));
    // Those in between have codes too, but neither repeat the status in the body nor explain it.
    let explained = ["statusCode", "status_code", "message", "error_description", "error_detail"];
    let is_constant = |code: &String| code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let by_api = ["statusCode", "status_code"].iter().any(|name| value.get(name).is_some())
        || !denied.is_empty()
        || listed.is_some()
        || code
            .as_ref()
            .is_some_and(|code| is_constant(code) || explained.iter().any(|name| value.get(name).is_some()));
    Told { by_api, code, message: text("message"), denied }
}

/// A short word of letters, digits and these: a code, and nothing that could name a person.
fn is_word(text: &str, more: &[u8]) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
}

/// `Retry-After`: seconds or an HTTP date. At most a day is believed.
fn retry_after(text: &str, now: Micros) -> Option<Micros> {
    const DAY: Micros = 86_400_000_000;
    let text = text.trim();
    let wait = match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => (seconds.min(86_400.0) * 1e6).ceil() as Micros,
        Ok(_) => return None,
        Err(_) => {
            let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
            at.as_microsecond().saturating_sub(now)
        }
    };
    Some(wait.clamp(0, DAY))
}

/// An id that may stand in a path: 1 to 64 letters, digits, hyphens and underscores.
pub(super) fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// The path with that query parameter, once; `None` takes it away. The value is escaped.
pub(super) fn with_query(path: &str, name: &str, value: Option<&str>) -> String {
    let (base, query) = path.split_once('?').unwrap_or((path, ""));
    let same = |part: &&str| part.split('=').next() == Some(name);
    let mut parts: Vec<String> =
        query.split('&').filter(|part| !part.is_empty() && !same(part)).map(str::to_owned).collect();
    parts.extend(value.map(|value| format!("{name}={}", escape(value))));
    if parts.is_empty() { base.to_owned() } else { format!("{base}?{}", parts.join("&")) }
}

/// The value of a query parameter, as it stands there.
pub(super) fn query<'p>(path: &'p str, name: &str) -> Option<&'p str> {
    path.split_once('?')?.1.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~,:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// An instant in whole seconds, rounded down: `2026-03-01T10:00:00Z`.
pub(super) fn seconds_text(at: Micros) -> String {
    time::to_text(at.div_euclid(1_000_000).saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_as_it_is_told() {
        let now = 1_445_412_440_000_000; // 2015-10-21T07:27:20Z
        assert_eq!(retry_after("120", now), Some(120_000_000));
        assert_eq!(retry_after(" 0.5 ", now), Some(500_000));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now), Some(40_000_000));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:27:00 GMT", now), Some(0));
        assert_eq!(retry_after("99999999", now), Some(86_400_000_000));
        for nonsense in ["", "soon", "-5", "NaN", "inf"] {
            assert_eq!(retry_after(nonsense, now), None, "{nonsense}");
        }
    }

    #[test]
    fn queries_are_set_once_and_escaped() {
        assert_eq!(with_query("/a", "page", Some("2")), "/a?page=2");
        assert_eq!(with_query("/a?page=1&x=y", "page", Some("2")), "/a?x=y&page=2");
        assert_eq!(with_query("/a?page=1", "page", None), "/a");
        assert_eq!(with_query("/a?pages=1", "page", Some("a b&c=%#/")), "/a?pages=1&page=a%20b%26c%3D%25%23%2F");
        assert_eq!(query("/a?pages=1&page=7", "page"), Some("7"));
        assert_eq!(query("/a", "page"), None);
    }

    #[test]
    fn lists_may_grow_and_must_end() {
        assert_eq!(page_limit(Some(0), 0), 2_000, "an empty first page with more to come");
        assert_eq!(page_limit(Some(3), 3), 24);
        assert_eq!(page_limit(Some(5_000), 50), 222);
        assert_eq!(page_limit(Some(100_000), 50), 4_022);
        assert_eq!(page_limit(Some(i64::MAX), 1), 40_000);
        assert_eq!(page_limit(Some(-5), 50), 22);
        assert_eq!(page_limit(None, 50), 2_000);
    }

    #[test]
    fn ids_that_would_leave_the_path_are_none() {
        for id in ["", ".", "..", "a/b", "a?b", "a#b", "a b", "é", "%2e", &"x".repeat(65)] {
            assert!(!is_id(id), "{id}");
        }
        assert!(is_id("690507907-1") && is_id("evt_1"));
    }
}
