//! Request headers as they reach the database: lower-case names, a repeated header is an array.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::document;
use crate::error::{Error, Result};

pub use boxoffice_contract::headers::{PATH_TOKEN, REMOTE_ADDR};

/// Stands in the log for a value that must not be there.
pub const REDACTED: &str = "[redacted]";
/// Headers that carry credentials whatever the platform.
const SECRET_NAMES: [&str; 6] = ["authorization", "proxy-authorization", "cookie", "x-api-key", "apikey", PATH_TOKEN];
/// Parts of a name that give a credential away.
const SECRET_PARTS: [&str; 3] = ["signature", "token", "secret"];

/// Pseudo header of a sample: how many headers it lacks.
const LEFT_OUT: &str = ":left-out";
/// Longest name and value in a sample, in bytes.
const SAMPLE_NAME: usize = 60;
const SAMPLE_VALUE: usize = 200;

/// The headers of one delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(BTreeMap<String, Vec<String>>);

impl Headers {
    /// Reads a JSON object of name to string or array of strings. Numbers and booleans count as text, null as absent;
    /// names are lower-cased, and names that become equal are one repeated header.
    ///
    /// # Errors
    /// [`Error::Shape`] for anything else.
    pub fn from_json(text: &str) -> Result<Headers> {
        Headers::from_value(document::parse(text.as_bytes()).unwrap_or_default())
    }

    /// The same for JSON that has been read already.
    ///
    /// # Errors
    /// As [`Headers::from_json`].
    pub fn from_value(value: Value) -> Result<Headers> {
        let Value::Object(object) = value else {
            return Err(Error::Shape("the headers are not a JSON object".into()));
        };
        let mut headers = Headers::default();
        for (name, value) in object {
            match value {
                Value::Array(values) => {
                    for value in values {
                        headers.add(&name, value)?;
                    }
                }
                value => headers.add(&name, value)?,
            }
        }
        Ok(headers)
    }

    /// Headers from pairs of name and value; equal names are one repeated header.
    pub fn from_pairs<N: AsRef<str>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Headers {
        let mut headers = Headers::default();
        for (name, value) in pairs {
            headers.push(name.as_ref(), value.into());
        }
        headers
    }

    /// The value of a header; of a repeated one the first.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).first().map(String::as_str)
    }

    /// All values of a header, in their order.
    #[must_use]
    pub fn all(&self, name: &str) -> &[String] {
        let found = match self.0.get(name) {
            None if name.bytes().any(|b| b.is_ascii_uppercase()) => self.0.get(&name.to_ascii_lowercase()),
            found => found,
        };
        found.map_or(&[], Vec::as_slice)
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A JSON object for the log: credentials, and the headers named in `also`, are replaced by `[redacted]`; NUL
    /// characters, which jsonb refuses, are left out.
    #[must_use]
    pub fn redacted_json(&self, also: &[&str]) -> String {
        let object = self.0.iter().map(|(name, values)| (name.clone(), redacted(name, values, also)));
        document::canonical(&Value::Object(object.collect()))
    }

    /// The same for deliveries that were turned away: of at most about `max` bytes, so that strangers cannot make rows large.
    /// Names and values are cut; `:left-out` says how many headers had no room.
    #[must_use]
    pub fn redacted_sample(&self, also: &[&str], max: usize) -> String {
        let mut object = Map::new();
        let mut size = 0;
        for (name, values) in &self.0 {
            let cut_values: Vec<String> = values.iter().map(|value| cut(value, SAMPLE_VALUE)).collect();
            let value = redacted(name, &cut_values, also);
            let name = cut(name, SAMPLE_NAME);
            // Quotation marks, colon, comma.
            size += name.len() + value.to_string().len() + 4;
            if size > max {
                break;
            }
            object.insert(name, value);
        }
        let left_out = self.0.len().saturating_sub(object.len());
        if left_out > 0 {
            object.insert(LEFT_OUT.to_owned(), left_out.into());
        }
        document::canonical(&Value::Object(object))
    }

    fn add(&mut self, name: &str, value: Value) -> Result<()> {
        let text = match value {
            Value::Null => return Ok(()),
            Value::String(text) => text,
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            _ => return Err(Error::Shape("a header is neither text nor a list of texts".into())),
        };
        self.push(name, text);
        Ok(())
    }

    fn push(&mut self, name: &str, value: String) {
        self.0.entry(name.to_lowercase()).or_default().push(value);
    }
}

fn redacted(name: &str, values: &[String], also: &[&str]) -> Value {
    let secret = SECRET_NAMES.contains(&name)
        || SECRET_PARTS.iter().any(|part| name.contains(part))
        || also.iter().any(|other| other.eq_ignore_ascii_case(name));
    let show = |value: &String| Value::from(if secret { REDACTED } else { value });
    match values {
        [value] => show(value),
        values => Value::Array(values.iter().map(show).collect()),
    }
}

/// The beginning of a text, of at most that many bytes.
fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = (0..=max).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_json() {
        let text = r#"{"X-A":"1","x-a":["2","3"],"n":7,"b":true,"gone":null,"empty":[]}"#;
        let headers = Headers::from_json(text).unwrap();
        assert_eq!(headers.all("x-a"), ["1", "2", "3"]);
        assert_eq!(headers.get("X-A"), Some("1"));
        assert_eq!((headers.get("n"), headers.get("b")), (Some("7"), Some("true")));
        assert_eq!((headers.get("gone"), headers.get("empty"), headers.get("x")), (None, None, None));
        for bad in ["", "[]", "null", "{", r#"{"a":{}}"#, r#"{"a":[["x"]]}"#] {
            assert!(matches!(Headers::from_json(bad), Err(Error::Shape(_))), "{bad}");
        }
    }

    #[test]
    fn hides_secrets() {
        let headers = Headers::from_pairs([
            ("Authorization", "Bearer abc"),
            ("X-Example-Signature", "abc"),
            ("x-auth-token", "abc"),
            (":path-token", "abc"),
            ("x-mine", "abc"),
            ("Accept", "a\0b"),
            ("accept", "c"),
        ]);
        let text = headers.redacted_json(&["X-Mine"]);
        assert_eq!(text.matches(REDACTED).count(), 5);
        assert!(!text.contains("abc"));
        assert!(text.contains(r#""accept":["ab","c"]"#), "{text}");
    }

    #[test]
    fn samples_are_bounded_and_hide_secrets_too() {
        let long = "é".repeat(8000);
        let many: Vec<(String, String)> = (0..90).map(|n| (format!("x-{n}"), long.clone())).collect();
        let mut headers = Headers::from_pairs(many);
        headers.push(":remote-addr", "192.0.2.1".to_owned());
        headers.push("authorization", "Bearer abc".to_owned());
        headers.push(&"n".repeat(9000), "1".to_owned());
        let text = headers.redacted_sample(&[], 1000);
        assert!(text.len() <= 1050, "{}", text.len());
        assert!(text.contains(":remote-addr\":\"192.0.2.1\"") && !text.contains("abc"), "{text}");
        assert!(text.contains("éé…") && text.contains(":left-out\":8"), "{text}");
        // Nothing is left out of what is short.
        let short = Headers::from_pairs([("a", "1"), ("x-signature", "abc"), ("a", "2")]);
        assert_eq!(short.redacted_sample(&["b"], 1000), short.redacted_json(&["b"]));
    }
}
