//! Is a delivery authentic? Decided on the raw bytes, in constant time, before anything is parsed.

use std::fmt;

use crate::headers::Headers;
use crate::settings::{Secrets, Settings};
use crate::time::Micros;

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

/// How a delivery has proved itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// By a signature; which of [`Secrets::signature`].
    Signature(usize),
    /// By the URL; which of [`Secrets::path_token`].
    PathToken(usize),
    /// Not at all: the platform is open.
    Open,
}
