//! What extension and worker must agree on, because both decide by it. No I/O and no dependencies: either side can have it.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod fetch;
pub mod headers;
pub mod sqlstate;
mod words;
