//! The worker of the demo, and waiting for what it does.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use boxoffice_tests::fake::{EVENTBRITE_TOKEN, Fake, HUMANITIX_KEY, Platform};
use boxoffice_tests::{Result, Worker};
use tokio_postgres::Client;

/// Longest that the worker may need for what it has been given.
const PATIENCE: Duration = Duration::from_secs(120);

/// No limit but the machine's, and no pause to wait for lists in place of many hints: an evening passes in seconds.
const HASTE: &str = "SELECT boxoffice.configure_account(p, 'default', calls_per_hour => 1000000, max_in_flight => 8, \
    burst_threshold => 1000000) FROM unnest('{humanitix,eventbrite}'::text[]) p";

/// A worker that takes webhooks and asks the fake platforms, and nobody else.
pub struct Visit<'c> {
    client: &'c Client,
    worker: Worker,
}

impl<'c> Visit<'c> {
    /// Starts the worker, with the fakes' keys and addresses.
    pub async fn begin(client: &'c Client, database_url: &str, fake: &Fake) -> Result<Visit<'c>> {
        client.batch_execute(HASTE).await?;
        let settings = [
            ("HUMANITIX_API_KEY", HUMANITIX_KEY),
            ("HUMANITIX_API_URL", &fake.url(Platform::Humanitix)),
            ("EVENTBRITE_OAUTH_TOKEN", EVENTBRITE_TOKEN),
            ("EVENTBRITE_API_URL", &fake.url(Platform::Eventbrite)),
        ];
        let visit = Visit { client, worker: Worker::spawn(database_url, &settings)? };
        visit.worker.wait_ready().await?;
        Ok(visit)
    }

    /// An address of the worker.
    pub fn url(&self, path: &str) -> String {
        self.worker.url(path)
    }

    /// Waits until a count is that, and says what it is about when it does not come to it.
    async fn wait(&self, query: &str, wanted: i64, what: &str) -> Result {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let count: i64 = self.client.query_one(query, &[]).await?.get(0);
            if count == wanted {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{what}: {count}, and not {wanted} after {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the listings of the platforms have shown that many events.
    pub async fn find(&self, events: usize) -> Result {
        let found = "SELECT count(*) FROM boxoffice.ticket_platforms WHERE source_version IS NOT NULL";
        self.wait(found, i64::try_from(events)?, "events found").await
    }

    /// Waits until everything is fetched that hints have asked for.
    pub async fn drain(&self) -> Result {
        let open = "SELECT count(*) FROM boxoffice.fetch_jobs
            WHERE status IN ('waiting', 'leased') AND due_at < now() + interval '5 minutes'";
        self.wait(open, 0, "fetches waiting").await
    }

    /// Begins a synchronisation of each event with that function, and waits for the end of all. Says what was read.
    pub async fn synchronise(&self, function: &str, events: &[String]) -> Result<i64> {
        let begin = format!("SELECT r FROM unnest($1::text[]) e CROSS JOIN LATERAL boxoffice.{function}(e) r");
        let rows = self.client.query(&begin, &[&events]).await?;
        let runs: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        let state = "SELECT count(*) FILTER (WHERE status IN ('running', 'finishing')), min(platform || ': ' || error),
            COALESCE(sum(items), 0)::bigint FROM boxoffice.sync_runs WHERE id = ANY ($1)";
        let deadline = Instant::now() + PATIENCE;
        loop {
            let row = self.client.query_one(state, &[&runs]).await?;
            let (open, error): (i64, Option<String>) = (row.get(0), row.get(1));
            if let Some(error) = error {
                bail!("{function} has failed: {error}");
            }
            if open == 0 {
                return Ok(row.get(2));
            }
            ensure!(Instant::now() < deadline, "{function} does not come to its end");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends the worker. Says what it complained about.
    pub async fn end(mut self) -> Result<Vec<String>> {
        let status = self.worker.term_and_wait().await.context("the demo's worker")?;
        let mut complaints = self.worker.log();
        complaints.retain(|line| line.contains("\"level\":\"warn\"") || line.contains("\"level\":\"error\""));
        if !status.success() {
            complaints.push(format!("the demo's worker ended with {status}"));
        }
        Ok(complaints)
    }
}
