//! Harness of the end-to-end tests: real servers, the real worker, real HTTP.
//!
//! A test asks for what it needs and gets it fresh; everything ends when the value is dropped.
//!
//! ```no_run
//! # async fn test() -> anyhow::Result<()> {
//! use boxoffice_tests::{Database, Worker, http, sign};
//! let db = Database::create().await?;                 // a database of its own on the shared cluster
//! let worker = Worker::start(&db, &[]).await?;        // the worker as a process, on a free port
//! let body = br#"{"event_type":"order.created"}"#;
//! let answer = http::post(&worker.url("/webhooks/humanitix"), &[("x-humanitix-signature", &sign::hex("key", body))], body).await?;
//! # Ok(()) }
//! ```
//!
//! `make test` provides the environment (see `environment`); [`Cluster::start`] makes more servers, for tests that
//! stop, kill or restart one. Signatures are made here without the project's own code, so that both check each other.

pub mod body;
pub mod checkout;
mod cluster;
mod database;
mod environment;
pub mod fake;
pub mod hold;
pub mod http;
pub mod payloads;
pub mod program;
pub mod pump;
pub mod random;
pub mod scene;
pub mod shown;
pub mod sign;
pub mod sql;
pub mod wire;
mod worker;

pub use checkout::Checkout;
pub use cluster::{Cluster, Stop};
pub use database::{Database, Role};
pub use environment::samples;
pub use hold::Hold;
pub use scene::{Answer, Scene};
pub use worker::Worker;

/// What tests return.
pub type Result<T = ()> = anyhow::Result<T>;
