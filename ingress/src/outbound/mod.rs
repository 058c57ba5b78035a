//! From the database to the platforms and back: what to fetch, the calls, and their answers, unread.

pub mod desk;
pub mod fetch;
pub mod log;
pub mod metrics;
pub mod pump;
