//! Being the worker by hand: any SQL client can be one.

use anyhow::ensure;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::fake::{EVENTBRITE_TOKEN, Fake, HUMANITIX_KEY};
use crate::sql::{ingest, line, lines};
use crate::{Database, Result, http};

/// A call that was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The lease.
    pub id: i64,
    /// Whom to ask.
    pub platform: String,
    /// With which credential.
    pub account: String,
    /// Path and query.
    pub path: String,
}

/// Says that a worker holds the default credentials of both platforms.
pub async fn announce(client: &Client) -> Result {
    client.execute("SELECT boxoffice.announce_accounts('{eventbrite/default,humanitix/default}')", &[]).await?;
    Ok(())
}

/// Makes the Eventbrite account know its organization, and both believe that their events were just listed.
pub async fn settle(client: &Client) -> Result {
    announce(client).await?;
    client.execute("SELECT boxoffice.configure_account('eventbrite', organization_ids => '{7001}')", &[]).await?;
    client.execute("UPDATE boxoffice.platform_accounts SET discovered_at = now()", &[]).await?;
    Ok(())
}

/// Takes what is due, of all accounts.
pub async fn claim(client: &Client, max: i32) -> Result<Vec<Call>> {
    let rows = client.query("SELECT * FROM boxoffice.claim_fetches($1, NULL)", &[&max]).await?;
    let mut calls: Vec<Call> = rows
        .iter()
        .map(|row| Call { id: row.get(0), platform: row.get(1), account: row.get(2), path: row.get(3) })
        .collect();
    calls.sort_by_key(|call| call.id);
    Ok(calls)
}

/// Hands over an answer; the outcome.
pub async fn complete(client: &Client, call: &Call, status: i32, body: &Value) -> Result<String> {
    complete_with(client, call, Some(status), &json!({}), body.to_string().as_bytes()).await
}

/// Hands over an answer with headers, or (without a status) why there is none.
pub async fn complete_with(
    client: &Client,
    call: &Call,
    status: Option<i32>,
    headers: &Value,
    body: &[u8],
) -> Result<String> {
    let body = status.map(|_| body);
    let query = "SELECT outcome FROM boxoffice.complete_fetch($1, $2, $3, $4)";
    Ok(client.query_one(query, &[&call.id, &status, headers, &body]).await?.try_get(0)?)
}

/// Whatever waits is due now; leases have run out.
pub async fn time_passes(client: &Client) -> Result {
    let due =
        "UPDATE boxoffice.fetch_jobs SET due_at = now() WHERE status IN ('waiting', 'leased') AND due_at < 'infinity'";
    client.execute(due, &[]).await?;
    client.execute("UPDATE boxoffice.platform_accounts SET blocked_until = NULL, burst_until = NULL", &[]).await?;
    Ok(())
}

/// Makes a call look as if it had been handed out that much later (or earlier): the time that its answer counts as
/// fetched.
pub async fn claimed(client: &Client, call: &Call, shift: &str) -> Result {
    let query = "UPDATE boxoffice.fetch_jobs SET claimed_at = claimed_at + $2::text::interval WHERE lease_id = $1";
    client.execute(query, &[&call.id, &shift]).await?;
    Ok(())
}

/// The jobs as `kind status path`, in their order.
pub async fn jobs(client: &Client) -> Result<Vec<String>> {
    lines(client, "SELECT kind || ' ' || status || ' ' || path FROM boxoffice.fetch_jobs ORDER BY id").await
}

/// Status and reason of an account.
pub async fn account(client: &Client, platform: &str) -> Result<String> {
    let query = "SELECT status || ' ' || COALESCE(stopped_reason, '-') || ' ' || failures || ' ' || (blocked_until > now() IS TRUE)
        FROM boxoffice.platform_accounts WHERE platform = ";
    line(client, &format!("{query} '{platform}'")).await
}

/// Ends runs that have read all their pages.
pub async fn finish(client: &Client) -> Result {
    client.execute("SELECT boxoffice.finish_sync_runs(100000)", &[]).await?;
    Ok(())
}

/// A worker made of SQL calls and an HTTP client: what the real one does, step by step, when the test says so.
pub struct Puller<'f> {
    /// The platforms.
    pub fake: &'f Fake,
    /// Calls made so far.
    pub calls: usize,
    /// Outcomes that were not `done`, with their messages.
    pub trouble: Vec<String>,
}

impl<'f> Puller<'f> {
    /// For these platforms.
    pub fn new(fake: &'f Fake) -> Puller<'f> {
        Puller { fake, calls: 0, trouble: Vec::new() }
    }

    /// Fetches one call and hands the answer over; the outcome.
    pub async fn fetch(&mut self, client: &Client, call: &Call) -> Result<String> {
        let (base, header) = match call.platform.as_str() {
            "humanitix" => (self.fake.humanitix_url(), ("x-api-key", HUMANITIX_KEY.to_owned())),
            _ => (self.fake.eventbrite_url(), ("authorization", format!("Bearer {EVENTBRITE_TOKEN}"))),
        };
        self.calls += 1;
        let answer = http::get_with(&format!("{base}{}", call.path), &[(header.0, &header.1)]).await;
        let query = "SELECT outcome, message FROM boxoffice.complete_fetch($1, $2, $3, $4)";
        let row = match answer {
            Ok(answer) => {
                let headers = match answer.header("retry-after") {
                    Some(wait) => json!({ "retry-after": wait }),
                    None => json!({}),
                };
                let body: &[u8] = &answer.body;
                client.query_one(query, &[&call.id, &Some(i32::from(answer.status)), &headers, &Some(body)]).await?
            }
            Err(_) => {
                let none: (Option<i32>, Option<&[u8]>) = (None, None);
                client.query_one(query, &[&call.id, &none.0, &json!({":error": "broken"}), &none.1]).await?
            }
        };
        let (outcome, message): (String, String) = (row.get(0), row.get(1));
        if outcome != "done" {
            self.trouble.push(format!("{outcome}: {message}"));
        }
        Ok(outcome)
    }

    /// Works until nothing is due any more.
    pub async fn drain(&mut self, client: &Client) -> Result {
        loop {
            let calls = claim(client, 16).await?;
            if calls.is_empty() {
                // The empty claim may have ended a run, which may have asked for more.
                let left = "SELECT (SELECT count(*) FROM boxoffice.sync_history WHERE status = 'finishing')
                    + (SELECT count(*) FROM boxoffice.fetch_jobs j JOIN boxoffice.platform_accounts a
                           ON a.platform = j.platform AND a.name = j.account AND a.status <> 'stopped'
                           AND COALESCE(a.blocked_until <= now(), true) AND COALESCE(a.burst_until <= now(), true)
                       WHERE j.status = 'waiting' AND j.due_at <= now())";
                if line(client, left).await? == "0" {
                    return Ok(());
                }
            }
            for call in calls {
                self.fetch(client, &call).await?;
            }
        }
    }

    /// Begins what is due by the clock, and works until nothing is.
    pub async fn tick(&mut self, client: &Client) -> Result {
        client.query("SELECT * FROM boxoffice.run_due_tasks()", &[]).await?;
        self.drain(client).await
    }
}

/// Path token of Eventbrite deliveries in these tests.
const TOKEN: &str = "token-of-the-pump-tests";

/// A database whose two accounts are known and quiet, ready for hints of Eventbrite.
pub async fn open() -> Result<(Database, Client)> {
    let db = Database::create().await?;
    let client = db.client().await?;
    client.execute("SELECT boxoffice.set_path_token('eventbrite', $1)", &[&TOKEN]).await?;
    settle(&client).await?;
    Ok((db, client))
}

/// Eventbrite says that something has changed.
pub async fn hint(client: &Client, action: &str, path: &str) -> Result {
    let body = json!({
        "config": {"action": action, "user_id": "1", "endpoint_url": "https://example.org", "webhook_id": "5"},
        "api_url": format!("https://www.eventbriteapi.com/v3/{path}"),
    });
    let receipt = ingest(client, "eventbrite", &json!({":path-token": TOKEN}), body.to_string().as_bytes()).await?;
    ensure!(receipt.outcome == "queued", "{receipt:?}");
    Ok(())
}

/// The only call that is due.
pub async fn one(client: &Client) -> Result<Call> {
    let mut calls = claim(client, 10).await?;
    ensure!(calls.len() == 1, "{calls:?}");
    Ok(calls.remove(0))
}
