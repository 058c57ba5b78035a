//! Everything boxoffice knows about ticketing platforms, as pure functions: no database, no network, no clock.
//!
//! The path of a delivery through this crate: [`verify`] its bytes, [`platform`] turns them into [`observation`]s,
//! [`merge`] folds those into the state of an order, and derives from it the rows people read.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod backoff;
pub mod document;
pub mod error;
pub mod headers;
pub mod merge;
pub mod money;
pub mod observation;
pub mod platform;
pub mod redact;
pub mod settings;
pub mod similarity;
pub mod time;
pub mod verify;

pub use error::{Error, Result};
