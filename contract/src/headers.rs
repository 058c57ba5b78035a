//! Names of pseudo headers: what stands beside the headers of HTTP in the same object. No header of HTTP can have such a name.

/// Of a delivery: the last segment of the URL's path, as sent.
pub const PATH_TOKEN: &str = ":path-token";
/// Of a delivery: the address of the sender, without port.
pub const REMOTE_ADDR: &str = ":remote-addr";
/// Of a call without an answer: the reason, one of [`crate::fetch::NoAnswer`].
pub const ERROR: &str = ":error";
/// Of an answer in the log: its HTTP status.
pub const STATUS: &str = ":status";
/// Of an answer in the log: path and query that were asked for.
pub const PATH: &str = ":path";
/// Of an answer in the log: the account whose credential was used.
pub const ACCOUNT: &str = ":account";
/// Of an answer in the log: the id of the resource.
pub const RESOURCE: &str = ":resource";
/// Of an answer in the log: the platform's id of the event.
pub const EVENT: &str = ":event";
