//! A JSON document in its canonical form, as it is hashed for ties and stored as jsonb.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

pub(crate) mod access;
mod parse;

pub use parse::parse;

/// PostgreSQL's numeric ends at 131072 digits; far before that a number is no fact about a sale.
const MAX_EXPONENT: usize = 300;
/// Longest number literal that is stored as a number.
const MAX_NUMBER: usize = 400;

/// The canonical text of a JSON document and its hash.
///
/// Equal hash means equal document: keys are sorted, numbers keep their literal, NUL characters (which jsonb refuses) are
/// removed, and numbers that would explode as `numeric` are kept as strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// First 16 bytes of the SHA-256 of `text`.
    pub hash: [u8; 16],
    /// Compact JSON, acceptable to jsonb.
    pub text: String,
}

impl Document {
    /// The document of a parsed value.
    #[must_use]
    pub fn from_value(value: &Value) -> Document {
        Document::beside(value, [])
    }

    /// The document of a value from which parts were taken away to be documents of their own: they are not in the text, but
    /// their hashes are in its hash, so that two copies that differ only there are not taken for equal.
    #[must_use]
    pub fn beside(value: &Value, parts: impl IntoIterator<Item = [u8; 16]>) -> Document {
        let text = canonical(value);
        let mut digest = Sha256::new_with_prefix(text.as_bytes());
        for part in parts {
            digest.update(part);
        }
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest.finalize()[..16]);
        Document { hash, text }
    }
}

/// The canonical text alone.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut out = String::with_capacity(1024);
    write_value(&mut out, value);
    out
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(out, number.as_str()),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Object(map) => write_object(out, map),
    }
}

fn write_object(out: &mut String, map: &Map<String, Value>) {
    // serde_json's map is sorted unless some crate of the build asks for insertion order.
    if map.keys().is_sorted() && !map.keys().any(|key| key.contains('\0')) {
        write_members(out, map.iter().map(|(key, value)| (key.as_str(), value)));
    } else {
        let mut members: Vec<_> = map.iter().map(|(key, value)| (key.replace('\0', ""), value)).collect();
        members.sort_by(|a, b| a.0.cmp(&b.0));
        // Two keys that differed by a NUL only: one stays, as jsonb itself would have it.
        members.dedup_by(|later, earlier| later.0 == earlier.0);
        write_members(out, members.iter().map(|(key, value)| (key.as_str(), *value)));
    }
}

fn write_members<'a>(out: &mut String, members: impl Iterator<Item = (&'a str, &'a Value)>) {
    out.push('{');
    for (i, (key, value)) in members.enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_string(out, key);
        out.push(':');
        write_value(out, value);
    }
    out.push('}');
}

fn write_number(out: &mut String, literal: &str) {
    let exponent = literal.split_once(['e', 'E']).map_or("", |(_, exponent)| exponent);
    let digits = exponent.trim_start_matches(['+', '-']).trim_start_matches('0');
    let explodes = literal.len() > MAX_NUMBER
        || (!digits.is_empty() && digits.parse::<usize>().map_or(true, |value| value > MAX_EXPONENT));
    if explodes {
        write_string(out, literal);
    } else {
        out.push_str(literal);
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut start = 0;
    for (i, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0 => "",
            0x01..=0x1f => "\\u00",
            _ => continue,
        };
        out.push_str(&text[start..i]);
        out.push_str(short);
        if short == "\\u00" {
            // Writing to a String cannot fail.
            let _ = write!(out, "{byte:02x}");
        }
        start = i + 1;
    }
    out.push_str(&text[start..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(json: &str) -> String {
        canonical(&parse(json.as_bytes()).unwrap())
    }

    #[test]
    fn canonical_form() {
        assert_eq!(text(r#" { "b" : 1.50, "a" : [ true , null ] } "#), r#"{"a":[true,null],"b":1.50}"#);
        assert_eq!(text(r#"{"a":1,"a":2}"#), r#"{"a":2}"#);
        assert_eq!(text(r#"["x\u0000y","\u00e9\u0001\n\"\\"]"#), r#"["xy","é\u0001\n\"\\"]"#);
        assert_eq!(text(r#"{"b\u0000":1,"a":2,"b":3}"#).matches("\"b\"").count(), 1);
    }

    #[test]
    fn numbers_that_explode_become_text() {
        // serde_json writes every exponent with a small e and a sign.
        assert_eq!(text("[1e300,1E-300,1e+0000007]"), "[1e+300,1e-300,1e+0000007]");
        assert_eq!(text("[1e301,-1e-301]"), r#"["1e+301","-1e-301"]"#);
        assert_eq!(text("1e99999999999999999999999"), r#""1e+99999999999999999999999""#);
        let long = "9".repeat(401);
        assert_eq!(text(&long), format!("\"{long}\""));
    }

    #[test]
    fn equal_documents_have_equal_hashes() {
        let [a, b, c] = [r#"{"a":1,"b":2}"#, r#"{ "b":2, "a":1 }"#, r#"{"a":1,"b":3}"#]
            .map(|json| Document::from_value(&parse(json.as_bytes()).unwrap()));
        assert_eq!(a, b);
        assert_ne!(a.hash, c.hash);
    }

    proptest! {
        #[test]
        fn canonical_is_json_and_stable(text in ".{0,60}", number in -1e9f64..1e9) {
            let value = serde_json::json!({ "k": text, "n": number, text.as_str(): [text] });
            let once = canonical(&value);
            let again = parse(once.as_bytes()).unwrap();
            prop_assert_eq!(canonical(&again), once.clone());
            prop_assert!(!once.contains("\\u0000"));
        }
    }
}
