//! Who may do and see what.

mod bodies;
mod roles;
mod secrets;
mod server_log;
mod sessions;
mod strangers;
