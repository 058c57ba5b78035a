//! The one error type of this crate: why a body could not be used.

use std::fmt;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a body was not acceptable. Never carries payload values, only the place where they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The body is empty.
    Empty,
    /// The body is not UTF-8; the offset is that of the first bad byte.
    NotUtf8(usize),
    /// The body is not JSON, is truncated or too deeply nested. Says where and what the parser missed.
    NotJson(String),
    /// The body is JSON, but not what the platform sends; says which part is missing or wrong.
    Shape(String),
    /// An amount is no number, or beyond what a ticket sale can cost; names the field.
    Amount(String),
    /// A URL in the body does not point to the platform; says what is wrong with it.
    Address(String),
    /// The caller asked for something that does not exist (platform, resource kind, event type).
    Unknown(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Empty => write!(f, "the body is empty"),
            Error::NotUtf8(at) => write!(f, "the body is not UTF-8 (byte {at})"),
            Error::NotJson(why) => write!(f, "the body is not valid JSON: {why}"),
            Error::Shape(why) => write!(f, "the body does not have the expected shape: {why}"),
            Error::Amount(why) => write!(f, "unusable amount: {why}"),
            Error::Address(why) => write!(f, "refused address: {why}"),
            Error::Unknown(what) => write!(f, "unknown {what}"),
        }
    }
}

impl std::error::Error for Error {}
