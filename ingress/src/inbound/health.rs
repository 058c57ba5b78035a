//! `/live` and `/ready`. Live: the process answers. Ready: a delivery could be kept right now, which only the database
//! can say, so it is really asked. Not ready comes with the reason, in words that hold no data.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::inbound::respond::{Answer, json_answer};
use crate::store::{Session, Store, Versions};

/// Longest time that `/ready` takes: less than the usual limit of whoever asks.
const READY_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an answer of the database serves everybody who asks: a flood of probes is no flood of questions.
const FRESH: Duration = Duration::from_millis(250);

/// The answer of `/live`.
pub fn live() -> Answer {
    json_answer(StatusCode::OK, &json!({"live": true}))
}

/// Whether a delivery could be kept, or why not.
type Verdict = Result<Versions, String>;

/// Asks the database over a connection of its own, since the pumps' may be busy with a long commit. Opened when first
/// asked. One question at a time.
pub struct Probe<S: Store> {
    store: Arc<S>,
    kept: Mutex<Kept<S::Session>>,
}

struct Kept<T> {
    session: Option<T>,
    verdict: Option<(Instant, Verdict)>,
}

impl<S: Store> Probe<S> {
    /// A probe without a connection yet.
    pub fn new(store: Arc<S>) -> Probe<S> {
        Probe { store, kept: Mutex::new(Kept { session: None, verdict: None }) }
    }

    /// The answer of `/ready`. `trouble`: why it is no, when that is known already.
    pub async fn ready(&self, trouble: Option<&str>) -> Answer {
        let verdict = match trouble {
            Some(reason) => Err(reason.to_owned()),
            None => timeout(READY_TIMEOUT, self.ask())
                .await
                .unwrap_or_else(|_| Err(format!("the database does not answer within {} s", READY_TIMEOUT.as_secs()))),
        };
        match verdict {
            Ok(versions) => json_answer(
                StatusCode::OK,
                &json!({"ready": true, "library_version": versions.library, "sql_version": versions.sql}),
            ),
            Err(reason) => json_answer(StatusCode::SERVICE_UNAVAILABLE, &json!({"ready": false, "reason": reason})),
        }
    }

    async fn ask(&self) -> Verdict {
        let mut kept = self.kept.lock().await;
        if let Some((at, verdict)) = &kept.verdict
            && at.elapsed() < FRESH
        {
            return verdict.clone();
        }
        let verdict = self.question(&mut kept.session).await;
        kept.verdict = Some((Instant::now(), verdict.clone()));
        verdict
    }

    async fn question(&self, kept: &mut Option<S::Session>) -> Verdict {
        // Taken out while in use: a question that is given up leaves nothing half-read behind.
        if let Some(mut session) = kept.take()
            && let Ok(readiness) = session.ready().await
        {
            *kept = Some(session);
            return readiness.verdict();
        }
        // A kept connection may have died with a server that is up again.
        let mut session = self.store.connect().await.map_err(|error| error.words().to_owned())?;
        let readiness = session.ready().await.map_err(|error| error.words().to_owned())?;
        *kept = Some(session);
        readiness.verdict()
    }
}
