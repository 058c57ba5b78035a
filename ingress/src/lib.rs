//! The two pumps of boxoffice. Inbound: takes webhooks over HTTP and hands them to the database, which decides. Outbound:
//! asks the platforms what the database wants to know, and hands over their answers unread.
//!
//! | request | answer |
//! |---|---|
//! | `POST /webhooks/{platform}[/{path-token}]` | what `boxoffice.ingest_webhooks` says, after its commit |
//! | `POST /functions/v1/{platform}-webhook[/{path-token}]` | the same |
//! | `GET /live` | 200 while the process works |
//! | `GET /ready` | 200 when the database, asked now, is there; otherwise 503 |
//! | `GET /metrics` | numbers for Prometheus |
//! | `OPTIONS` on any of them | 204 with `Allow`; other methods 405, other paths 404 |
//!
//! What holds:
//! - A delivery is acknowledged only after the commit of the transaction that keeps it. When nobody knows whether it was
//!   committed, the answer is 503, and the database recognises the second copy.
//! - A delivery whose sender has gone away in the meantime is carried all the same.
//! - A delivery that the database cannot take does not hurt those that travel with it.
//! - A credential goes to the configured URL of its platform and nowhere else: no host comes from a payload or a table,
//!   and no redirect is followed.
//! - Everything is bounded: sizes, counts, times, memory. Never 410, never a redirect, never the text of a database error.
//! - No header value, body, path token, credential or personal data is ever logged.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod config;
pub mod inbound;
mod lock;
pub mod log;
pub mod outbound;
mod prometheus;
mod retry;
pub mod serve;
pub mod store;

pub use config::Config;
pub use outbound::fetch::Fetcher;
pub use serve::{Unfinished, run};
pub use store::Store;
