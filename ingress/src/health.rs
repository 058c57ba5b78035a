//! `/live` and `/ready`. Live: the process answers. Ready: a delivery could be kept right now, which only the database
//! can say, so it is really asked.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::respond::{Answer, json_answer};
use crate::store::{Session, Store, Versions};

/// Longest time that `/ready` takes: less than the usual limit of whoever asks.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// The answer of `/live`.
pub fn live() -> Answer {
    json_answer(StatusCode::OK, &json!({"live": true}))
}

/// Asks the database over a connection of its own, since the pumps' may be busy with a long commit. Opened when first
/// asked. One question at a time: a flood of probes is no flood of connections.
pub struct Probe<S: Store> {
    store: Arc<S>,
    session: Mutex<Option<S::Session>>,
}

impl<S: Store> Probe<S> {
    /// A probe without a connection yet.
    pub fn new(store: Arc<S>) -> Probe<S> {
        Probe { store, session: Mutex::new(None) }
    }

    /// The answer of `/ready`. `serving`: not stopping, and at least one pump is connected.
    pub async fn ready(&self, serving: bool) -> Answer {
        let asked = async { if serving { self.ask().await } else { None } };
        match timeout(READY_TIMEOUT, asked).await {
            Ok(Some(versions)) => json_answer(
                StatusCode::OK,
                &json!({"ready": true, "library_version": versions.library, "sql_version": versions.sql}),
            ),
            Ok(None) | Err(_) => json_answer(StatusCode::SERVICE_UNAVAILABLE, &json!({"ready": false})),
        }
    }

    async fn ask(&self) -> Option<Versions> {
        let mut kept = self.session.lock().await;
        // Taken out while in use: a question that is given up leaves nothing half-read behind.
        if let Some(mut session) = kept.take()
            && let Ok(versions) = session.ping().await
        {
            *kept = Some(session);
            return Some(versions);
        }
        // A kept connection may have died with a server that is up again.
        let mut session = self.store.connect().await.ok()?;
        let versions = session.ping().await.ok()?;
        *kept = Some(session);
        Some(versions)
    }
}
