//! From the bytes of a body to a JSON value.

use serde_json::Value;

use crate::error::{Error, Result};

/// Parses a body. A byte order mark is skipped, of duplicate keys the last wins, and escapes of lone surrogates, which
/// no text can hold, become U+FFFD. Every number keeps its literal.
///
/// # Errors
/// [`Error::Empty`], [`Error::NotUtf8`], or [`Error::NotJson`]; the latter also beyond 127 levels of nesting.
pub fn parse(body: &[u8]) -> Result<Value> {
    let mark = if body.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let text = std::str::from_utf8(&body[mark..]).map_err(|error| Error::NotUtf8(mark + error.valid_up_to()))?;
    if text.bytes().all(|b| b.is_ascii_whitespace()) {
        return Err(Error::Empty);
    }
    serde_json::from_str(text).or_else(|error| match without_lone_surrogates(text) {
        Some(mended) => serde_json::from_str(&mended).map_err(|error| not_json(&error)),
        None => Err(not_json(&error)),
    })
}

/// Only positions and serde_json's own words: a message about data could quote the data.
fn not_json(error: &serde_json::Error) -> Error {
    if error.is_data() {
        Error::NotJson(format!("unusable value at line {} column {}", error.line(), error.column()))
    } else {
        Error::NotJson(error.to_string())
    }
}

/// The text with escapes of lone surrogates replaced, or `None` when there are none.
fn without_lone_surrogates(text: &str) -> Option<String> {
    let mut out = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = text[at..].find('\\') {
        let escape = at + found;
        at = match unit(text, escape) {
            Some(0xd800..=0xdbff) if matches!(unit(text, escape + 6), Some(0xdc00..=0xdfff)) => escape + 12,
            Some(0xd800..=0xdfff) => {
                out.push_str(&text[copied..escape]);
                out.push_str("\\ufffd");
                copied = escape + 6;
                copied
            }
            Some(_) => escape + 6,
            // An escape of one character, perhaps cut short or followed by a longer one: step over its first byte only.
            None => escape + 1 + usize::from(text.as_bytes().get(escape + 1).is_some_and(u8::is_ascii)),
        };
    }
    if copied == 0 {
        return None;
    }
    out.push_str(&text[copied..]);
    Some(out)
}

/// The UTF-16 unit of a `\uXXXX` that stands there.
fn unit(text: &str, at: usize) -> Option<u16> {
    let escape = text.as_bytes().get(at..at + 6)?;
    let digits = escape.strip_prefix(b"\\u")?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bodies_that_are_no_json() {
        assert_eq!(parse(b""), Err(Error::Empty));
        assert_eq!(parse(b"\xef\xbb\xbf \n"), Err(Error::Empty));
        assert_eq!(parse(b"{\"a\":\"\xff\"}"), Err(Error::NotUtf8(6)));
        assert_eq!(parse(b"\xef\xbb\xbf{\xff"), Err(Error::NotUtf8(4)));
        for bad in ["{", "{\"a\":}", "nul", "{} x", "[1,]", "\"\\x\"", "\u{feff}\u{feff}1"] {
            assert!(matches!(parse(bad.as_bytes()), Err(Error::NotJson(_))), "{bad}");
        }
        assert!(matches!(parse("[".repeat(200_000).as_bytes()), Err(Error::NotJson(_))));
        let Err(Error::NotJson(why)) = parse(br#"{"$serde_json::private::Number":"secret"}"#) else { return };
        assert!(!why.contains("secret"), "{why}");
    }

    #[test]
    fn surrogates() {
        let read = |text: &str| parse(text.as_bytes()).unwrap().as_str().map(str::to_owned).unwrap();
        assert_eq!(read(r#""\ud83c\udfad""#), "🎭");
        assert_eq!(read(r#""a\ud83c""#), "a\u{fffd}");
        assert_eq!(read(r#""\udfad\ud83cz""#), "\u{fffd}\u{fffd}z");
        assert_eq!(read(r#""\ud83c\ud83c\udfad""#), "\u{fffd}🎭");
        assert_eq!(read(r#""\\ud83c \ud83c""#), "\\ud83c \u{fffd}");
        assert_eq!(parse(b"\xef\xbb\xbf1").unwrap().to_string(), "1");
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in r#"["\\ud8c0-9é{}]{0,40}"#) {
            let _ = parse(&bytes);
            let _ = parse(text.as_bytes());
        }
    }
}
