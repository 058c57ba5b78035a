//! Standing still at a chosen moment, and waiting for one, without a clock.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::bail;
use tokio_postgres::Client;

use crate::{Database, Result};

/// Longest that a test waits for something to become true.
const PATIENCE: Duration = Duration::from_secs(60);

/// Keeps every delivery in the middle of its transaction, before its commit, until it is released.
#[derive(Debug)]
pub struct Hold {
    client: Client,
}

impl Hold {
    /// Begins.
    pub async fn begin(db: &Database) -> Result<Hold> {
        let client = db.client().await?;
        // Readers may go on.
        client.batch_execute("BEGIN; LOCK TABLE boxoffice.webhook_logs IN SHARE MODE").await?;
        Ok(Hold { client })
    }

    /// Waits until that many calls of workers stand still.
    pub async fn caught(&self, calls: i64) -> Result {
        let query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
             AND application_name = 'boxoffice-ingress' AND wait_event_type = 'Lock'";
        until("the deliveries stand still", async || {
            Ok(self.client.query_one(query, &[]).await?.get::<_, i64>(0) == calls)
        })
        .await
    }

    /// Lets them go on.
    pub async fn release(self) -> Result {
        Ok(self.client.batch_execute("COMMIT").await?)
    }
}

/// Asks again and again until the answer is yes.
pub async fn until<F>(what: &str, mut ask: impl FnMut() -> F) -> Result
where
    F: Future<Output = Result<bool>>,
{
    let deadline = Instant::now() + PATIENCE;
    while !ask().await? {
        if Instant::now() > deadline {
            bail!("waited for {PATIENCE:?} in vain until {what}");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
