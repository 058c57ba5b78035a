//! The reasons not to believe a delivery, and what to tell the operator.

use std::fmt;

/// Why a delivery is not believed. Each has a stable code, a message and a hint for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// No such platform.
    UnknownPlatform,
    /// The platform is closed: nobody has set a secret for it.
    NoSecret,
    /// The signature header is absent or empty.
    SignatureMissing,
    /// The header holds nothing that could be a signature in the configured encoding.
    SignatureMalformed,
    /// Well formed, but made with another secret or for another body.
    SignatureMismatch,
    /// Right, but made with a secret whose time is over.
    SecretExpired,
    /// A timestamp is configured, but the header is absent.
    TimestampMissing,
    /// The timestamp is not a plain count of seconds.
    TimestampMalformed,
    /// Signed longer ago than the tolerance.
    TimestampStale,
    /// Signed further in the future than the tolerance.
    TimestampFuture,
    /// The URL has no token.
    TokenMissing,
    /// The URL has a wrong token.
    TokenMismatch,
    /// `config.webhook_id` is not one that we registered.
    WebhookNotAllowed,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Refusal; 13] = [
        Refusal::UnknownPlatform,
        Refusal::NoSecret,
        Refusal::SignatureMissing,
        Refusal::SignatureMalformed,
        Refusal::SignatureMismatch,
        Refusal::SecretExpired,
        Refusal::TimestampMissing,
        Refusal::TimestampMalformed,
        Refusal::TimestampStale,
        Refusal::TimestampFuture,
        Refusal::TokenMissing,
        Refusal::TokenMismatch,
        Refusal::WebhookNotAllowed,
    ];

    /// The stable name, as it stands in counters and tables.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.texts().0
    }

    /// What is wrong, in PostgreSQL's message style.
    #[must_use]
    pub fn message(self) -> &'static str {
        self.texts().1
    }

    /// What the sender is told: nothing that helps to guess.
    #[must_use]
    pub fn answer(self) -> &'static str {
        match self {
            Refusal::UnknownPlatform => self.message(),
            _ => "the delivery is not authenticated",
        }
    }

    /// What the operator can do about it.
    #[must_use]
    pub fn hint(self) -> &'static str {
        self.texts().2
    }

    fn texts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Refusal::UnknownPlatform => {
                ("unknown_platform", "there is no such platform", "Check the platform's name in the webhook's URL.")
            }
            Refusal::NoSecret => (
                "no_secret",
                "no secret is set for the platform",
                "Set the platform's webhook secret; until then all its deliveries are refused.",
            ),
            Refusal::SignatureMissing => (
                "signature_missing",
                "the signature header is missing",
                "Check that the sender signs its deliveries, that the header's name is the configured one, and that no proxy removes it.",
            ),
            Refusal::SignatureMalformed => (
                "signature_malformed",
                "the signature header holds no usable signature",
                "Check the configured encoding and prefix; an HMAC-SHA256 has 64 hexadecimal or 44 base64 characters.",
            ),
            Refusal::SignatureMismatch => (
                "signature_mismatch",
                "the signature does not fit the body",
                "The sender uses another secret, or something between has changed the body; it is signed byte for byte.",
            ),
            Refusal::SecretExpired => (
                "secret_expired",
                "the delivery was made with a secret that has expired",
                "Give the sender the new secret, or extend the old one.",
            ),
            Refusal::TimestampMissing => (
                "timestamp_missing",
                "the timestamp header is missing",
                "Check the name of the timestamp header in the platform's settings.",
            ),
            Refusal::TimestampMalformed => (
                "timestamp_malformed",
                "the timestamp header is not a count of seconds",
                "It must be plain digits: seconds or, with 13 digits, milliseconds since 1970.",
            ),
            Refusal::TimestampStale => (
                "timestamp_stale",
                "the delivery was signed too long ago",
                "Compare the clocks of both sides; a delivery that was held back must be signed anew.",
            ),
            Refusal::TimestampFuture => {
                ("timestamp_future", "the delivery was signed in the future", "Compare the clocks of both sides.")
            }
            Refusal::TokenMissing => (
                "token_missing",
                "the URL has no token",
                "Register the webhook with a URL that ends in the platform's token.",
            ),
            Refusal::TokenMismatch => (
                "token_mismatch",
                "the URL has a wrong token",
                "Compare the URL registered at the platform with the configured token.",
            ),
            Refusal::WebhookNotAllowed => (
                "webhook_not_allowed",
                "the delivery comes from a webhook registration that is not allowed",
                "Add the registration's id to the platform's allowed webhook ids, or empty that list to accept all.",
            ),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_has_words_of_its_own() {
        for texts in [Refusal::code, Refusal::message, Refusal::hint] {
            let distinct: BTreeSet<&str> = Refusal::ALL.iter().map(|refusal| texts(*refusal)).collect();
            assert_eq!(distinct.len(), Refusal::ALL.len());
        }
        for refusal in Refusal::ALL {
            assert!(
                refusal.message().split_whitespace().count() >= 4 && !refusal.message().ends_with('.'),
                "{refusal:?}"
            );
            assert!(refusal.hint().ends_with('.'), "{refusal:?}");
            assert_eq!(refusal.to_string(), refusal.message());
            assert!(refusal.code().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{refusal:?}");
        }
    }

    #[test]
    fn strangers_are_told_one_thing() {
        let told: BTreeSet<&str> = Refusal::ALL.iter().map(|refusal| refusal.answer()).collect();
        assert_eq!(told.len(), 2, "whether there is such a platform, and whether it believes them");
    }
}
