//! Secrets inside bodies, made unreadable before the bytes are kept.

use std::borrow::Cow;
use std::ops::Range;

/// What stands in their place, as many times as they have bytes: offsets and lengths stay, so that replays read the same.
const BLANK: u8 = b'*';

/// Shorter words occur by chance.
const SHORTEST: usize = 8;

/// The body with every occurrence of these secrets blanked.
#[must_use]
pub fn blank<'b>(body: &'b [u8], secrets: &[&str]) -> Cow<'b, [u8]> {
    let mut body = Cow::Borrowed(body);
    for secret in secrets.iter().map(|secret| secret.as_bytes()).filter(|secret| secret.len() >= SHORTEST) {
        let mut from = 0;
        while let Some(at) = find(&body[from..], secret).map(|at| from + at) {
            from = at + secret.len();
            body.to_mut()[at..from].fill(BLANK);
        }
    }
    body
}

/// The body with these ranges blanked, as far as they lie in it.
#[must_use]
pub fn blank_ranges<'b>(mut body: Cow<'b, [u8]>, ranges: impl IntoIterator<Item = Range<usize>>) -> Cow<'b, [u8]> {
    for range in ranges {
        if body.get(range.clone()).is_some_and(|part| part.iter().any(|byte| *byte != BLANK)) {
            body.to_mut()[range].fill(BLANK);
        }
    }
    body
}

/// Where a word first occurs.
#[must_use]
pub fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    let first = *word.first()?;
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.iter().position(|byte| *byte == first)?;
        if text[at..].starts_with(word) {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_occurrence_goes_and_nothing_moves() {
        let body = br#"{"a":"https://x/token-0123456789","b":"token-0123456789","c":1}"#;
        let blanked = blank(body, &["token-0123456789", "absent-secret"]);
        assert_eq!(blanked.len(), body.len());
        assert_eq!(&*blanked, br#"{"a":"https://x/****************","b":"****************","c":1}"#.as_slice());
        assert!(matches!(blank(body, &["absent-secret", "", "a"]), Cow::Borrowed(_)), "nothing to do, nothing copied");
    }

    proptest! {
        #[test]
        fn no_secret_is_left(parts in proptest::collection::vec("[ab\"/]{0,9}", 0..9), secret in "[ab]{8,12}") {
            let body = parts.join(&secret);
            let blanked = blank(body.as_bytes(), &[&secret]);
            prop_assert_eq!(find(&blanked, secret.as_bytes()), None);
            prop_assert_eq!(blanked.len(), body.len());
        }
    }
}
