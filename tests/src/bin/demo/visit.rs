//! The fake platforms' place in the database: accounts of their own with a worker of their own, so that no account that
//! somebody has configured is used, and nothing of them is left behind.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use boxoffice_tests::fake::{EVENTBRITE_TOKEN, Fake, HUMANITIX_KEY, Platform};
use boxoffice_tests::{Result, Worker};
use tokio_postgres::Client;

/// Longest that the worker may need for what it has been given.
const PATIENCE: Duration = Duration::from_secs(120);

/// Ends the accounts of demos: nobody can do what they still wait for, and their events are no longer late.
const CLEAN: &str = "
    DELETE FROM boxoffice.platform_accounts a WHERE a.name ~ '^demo-[0-9]{10}$';
    DELETE FROM boxoffice.account_calls c WHERE c.name ~ '^demo-[0-9]{10}$';
    DELETE FROM boxoffice.fetch_jobs j WHERE j.account ~ '^demo-[0-9]{10}$' AND j.status IN ('waiting', 'leased', 'covered');
    DELETE FROM boxoffice.sync_history h WHERE h.account ~ '^demo-[0-9]{10}$' AND h.status IN ('running', 'finishing');
    SELECT boxoffice.configure_event_sync(p.platform, p.external_event_id, 10080, 8760) FROM boxoffice.ticket_platforms p
        WHERE p.account ~ '^demo-[0-9]{10}$' AND NOT p.platform_config ? 'sync_minutes'";

/// While there is only one account, everything that belongs to no account is given to it. So there must be a second one.
const HOLD_PLACES: &str = "
    INSERT INTO boxoffice.platform_accounts (platform, name, calls_per_hour, discovered_at)
    SELECT p, 'default', boxoffice.default_calls_per_hour(p), now() FROM unnest('{humanitix,eventbrite}'::text[]) p
    ON CONFLICT DO NOTHING RETURNING platform::text";

/// A worker that may ask the fake platforms, and the accounts for it.
pub struct Visit<'c> {
    client: &'c Client,
    worker: Worker,
    account: String,
    /// Platforms whose account `default` is only there to be a second one.
    places: Vec<String>,
}

impl<'c> Visit<'c> {
    /// Starts the worker. `number` names the accounts, and the webhook whose hints are theirs.
    pub async fn begin(client: &'c Client, database_url: &str, fake: &Fake, number: u64) -> Result<Visit<'c>> {
        client.batch_execute(CLEAN).await?;
        let account = format!("demo-{number}");
        let rows = client.query(HOLD_PLACES, &[]).await?;
        let places = rows.iter().map(|row| row.get(0)).collect();
        for (platform, webhooks) in [("humanitix", vec![]), ("eventbrite", vec![number.to_string()])] {
            // No limit but the machine's, and no pause to wait for lists in place of many hints: a day passes in seconds.
            let configure = "SELECT boxoffice.configure_account($1, $2, calls_per_hour => 1000000,
                max_in_flight => 8, webhook_ids => $3, burst_threshold => 1000000)";
            client.execute(configure, &[&platform, &account, &webhooks]).await?;
        }
        let file = std::env::temp_dir().join(format!("boxoffice-{account}.credentials"));
        let lines = format!("humanitix {account} {HUMANITIX_KEY}\neventbrite {account} {EVENTBRITE_TOKEN}\n");
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?.write_all(lines.as_bytes())?;
        let settings = [
            ("BOXOFFICE_CREDENTIALS_FILE", &*file.to_string_lossy()),
            ("HUMANITIX_API_URL", &fake.url(Platform::Humanitix)),
            ("EVENTBRITE_API_URL", &fake.url(Platform::Eventbrite)),
        ];
        // It has read the file once it listens.
        let worker = Worker::spawn(database_url, &settings);
        fs::remove_file(&file)?;
        let visit = Visit { client, worker: worker?, account, places };
        visit.worker.wait_ready().await?;
        Ok(visit)
    }

    /// Waits until everything is fetched that hints have asked for.
    pub async fn drain(&self) -> Result {
        let open = "SELECT count(*) FROM boxoffice.fetch_jobs
            WHERE account = $1 AND status IN ('waiting', 'leased') AND due_at < now() + interval '5 minutes'";
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left: i64 = self.client.query_one(open, &[&self.account]).await?.get(0);
            if left == 0 {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{left} fetches are still waiting");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Begins a synchronisation of each event with that function, and waits for its end. Says what it did.
    pub async fn synchronise(&self, function: &str, events: &[String]) -> Result<String> {
        let begin = format!("SELECT r FROM unnest($1::text[]) e CROSS JOIN LATERAL boxoffice.{function}(e) r");
        let rows = self.client.query(&begin, &[&events]).await?;
        let runs: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        let state = "SELECT count(*) FILTER (WHERE status IN ('running', 'finishing')), min(platform || ': ' || error),
            concat_ws(', ', count(*) || ' runs', sum(pages) || ' pages', sum(items) || ' orders and tickets read',
                sum(rows_changed) || ' rows changed', round(extract(epoch FROM max(finished_at) - min(started_at))::numeric, 1) || ' s')
            FROM boxoffice.sync_runs WHERE id = ANY ($1)";
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
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Ends the worker, and what only it could do. Says what the worker complained about.
    pub async fn end(mut self) -> Result<Vec<String>> {
        let status = self.worker.term_and_wait().await.context("the demo's worker")?;
        self.client.batch_execute(CLEAN).await?;
        let free = "DELETE FROM boxoffice.platform_accounts
            WHERE platform = ANY ($1) AND name = 'default' AND announced_at IS NULL";
        self.client.execute(free, &[&self.places]).await?;
        let mut complaints = self.worker.log();
        complaints.retain(|line| line.contains("\"level\":\"warn\"") || line.contains("\"level\":\"error\""));
        if !status.success() {
            complaints.push(format!("the demo's worker ended with {status}"));
        }
        Ok(complaints)
    }
}
