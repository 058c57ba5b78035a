//! Request headers as they reach the database: lower-case names, a repeated header is an array.

use std::collections::BTreeMap;

/// Pseudo header with the last path segment of the URL.
pub const PATH_TOKEN: &str = ":path-token";
/// Pseudo header with the peer's address.
pub const REMOTE_ADDR: &str = ":remote-addr";

/// The headers of one delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(BTreeMap<String, Vec<String>>);
