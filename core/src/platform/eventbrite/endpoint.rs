//! `config.endpoint_url`: every real delivery repeats the URL that it was sent to, and with it the secret in it.

use std::ops::Range;

use crate::redact::find;

const FIELD: &[u8] = b"\"endpoint_url\"";
/// What stands before the token in the two forms of our URL.
const BEFORE: [&[u8]; 2] = [b"/webhooks/eventbrite", b"/eventbrite-webhook"];

/// The parts of a body that may be a token: of each `endpoint_url` what follows our own path, and every query. Found in the
/// bytes, whether or not they are JSON.
pub(in crate::platform) fn secrets(body: &[u8]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut from = 0;
    while let Some(field) = find(&body[from..], FIELD).map(|at| from + at + FIELD.len()) {
        from = field;
        let Some(value) = value(body, field) else { continue };
        let url = &body[value.clone()];
        let query = url.iter().position(|byte| matches!(byte, b'?' | b'#'));
        let path = &url[..query.unwrap_or(url.len())];
        // In JSON a slash may be written with a backslash before it.
        let ours = BEFORE.iter().filter_map(|before| end_of(path, before)).max();
        if let Some(start) = ours.map(|end| end + path[end..].iter().take_while(|byte| b"\\/".contains(byte)).count()) {
            ranges.push(value.start + start..value.start + path.len());
        }
        ranges.extend(query.map(|at| value.start + at + 1..value.end));
        from = value.end;
    }
    ranges.retain(|range| !range.is_empty());
    ranges
}

/// The text after a field's colon, without its quotes.
fn value(body: &[u8], from: usize) -> Option<Range<usize>> {
    let skip =
        |from: usize| Some(from + body.get(from..)?.iter().take_while(|byte| byte.is_ascii_whitespace()).count());
    let colon = skip(from)?;
    let quote = skip((body.get(colon)? == &b':').then_some(colon + 1)?)?;
    let start = (body.get(quote)? == &b'"').then_some(quote + 1)?;
    let mut end = start;
    loop {
        match body.get(end)? {
            b'"' => return Some(start..end),
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
}

/// Where that path ends, with or without backslashes before its slashes.
fn end_of(url: &[u8], path: &[u8]) -> Option<usize> {
    (0..url.len()).find_map(|from| {
        let mut at = from;
        for byte in path {
            if *byte == b'/' && url.get(at) == Some(&b'\\') {
                at += 1;
            }
            if url.get(at) != Some(byte) {
                return None;
            }
            at += 1;
        }
        Some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::blank_ranges;
    use proptest::prelude::*;
    use std::borrow::Cow;

    fn blanked(body: &str) -> String {
        String::from_utf8(blank_ranges(Cow::Borrowed(body.as_bytes()), secrets(body.as_bytes())).into_owned()).unwrap()
    }

    #[test]
    fn tokens_in_our_own_url_go() {
        for (url, left) in [
            ("https://h/webhooks/eventbrite/0123456789abcdef", "https://h/webhooks/eventbrite/****************"),
            ("https://h/functions/v1/eventbrite-webhook/t0ken_-", "https://h/functions/v1/eventbrite-webhook/*******"),
            (
                r"https:\/\/h\/webhooks\/eventbrite\/0123456789abcdef",
                r"https:\/\/h\/webhooks\/eventbrite\/****************",
            ),
            ("https://h/webhooks/eventbrite/abc/def?x=y", "https://h/webhooks/eventbrite/*******?***"),
            ("https://h/other?secret=s3cret", "https://h/other?*************"),
            ("https://h/webhooks/eventbrite", "https://h/webhooks/eventbrite"),
            ("https://h/webhooks/eventbrite/", "https://h/webhooks/eventbrite/"),
            ("https://h/somewhere/else", "https://h/somewhere/else"),
            ("", ""),
        ] {
            for (open, close) in
                [("{\"config\":{\"endpoint_url\":\"", "\"}}"), ("{\"endpoint_url\" : \n\"", "\",\"a\":\"b\"")]
            {
                assert_eq!(blanked(&format!("{open}{url}{close}")), format!("{open}{left}{close}"));
            }
        }
        assert_eq!(blanked(r#"{"endpoint_url":"#), r#"{"endpoint_url":"#);
        assert_eq!(blanked(r#"{"endpoint_url":7}"#), r#"{"endpoint_url":7}"#);
        assert_eq!(
            blanked(r#"{"endpoint_url":"https://h/webhooks/eventbrite/abcdefgh\"#),
            r#"{"endpoint_url":"https://h/webhooks/eventbrite/abcdefgh\"#
        );
    }

    proptest! {
        #[test]
        fn never_panics(body in r#"("endpoint_url"[ :]{0,2}"?[a-z/\\?"]{0,40}){0,3}"#) {
            let _ = blanked(&body);
        }
    }
}
