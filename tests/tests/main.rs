//! The end-to-end tests: one binary, since linking is most of a warm run. A folder for each subject.

mod analytics;
mod commands;
mod deliveries;
mod docs;
mod fake;
mod fetch;
mod harness;
mod http;
mod proof;
mod rights;
mod smoke;
mod surface;
mod sync;
