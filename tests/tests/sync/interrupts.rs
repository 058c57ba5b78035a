//! Whatever takes long can be ended: by `statement_timeout`, by `pg_cancel_backend()`, by `pg_terminate_backend()`. And what
//! was ended is no verdict on anything.

use std::fs;

use anyhow::Context as _;
use boxoffice_tests::payloads::{envelope, eventbrite_attendee, eventbrite_order};
use boxoffice_tests::pump::{Call, announce, claim, complete, one, open};
use boxoffice_tests::sql::{deliver, line, lines, open_humanitix, refusal, signed};
use boxoffice_tests::{Database, Result};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// Orders of a page, deliveries of a batch.
const MANY: usize = 2_000;

/// The work that a backend has done so far, in nanoseconds of a processor. Not time: a busy machine changes nothing about it.
fn work(pid: i32) -> Result<u64> {
    let path = format!("/proc/{pid}/schedstat");
    let text = fs::read_to_string(&path).with_context(|| path.clone())?;
    Ok(text.split(' ').next().context(path)?.parse()?)
}

/// Runs the statement wholly, without effect, and then with a quarter of the time that it needs at least: that must end it,
/// and soon, not only when all the work is done.
async fn assert_ends_early(client: &Client, statement: &str) -> Result {
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
    let mut whole = 0;
    // Twice: the first time it also reads catalogs and makes plans.
    for _ in 0..2 {
        client.batch_execute("BEGIN").await?;
        let before = work(pid)?;
        client.simple_query(statement).await.with_context(|| statement.to_owned())?;
        whole = work(pid)? - before;
        client.batch_execute("ROLLBACK").await?;
    }
    assert!(whole > 40_000_000, "too little work to be interrupted: {whole} ns of {statement}");
    client.batch_execute(&format!("SET statement_timeout = {}", whole / 4_000_000)).await?;
    let before = work(pid)?;
    let failed = refusal(client, statement).await?;
    let part = work(pid)? - before;
    client.batch_execute("RESET statement_timeout").await?;
    assert_eq!(failed.code, "57014", "{statement}: {failed:?}");
    assert!(part < whole / 4 * 3, "{part} of {whole} ns were worked on, though the time was over: {statement}");
    Ok(())
}

fn order(number: usize) -> Value {
    let id = format!("{}", 5_000_000 + number);
    let attendees = ["a", "b"].map(|letter| {
        eventbrite_attendee(&id, &format!("{id}{letter}"), "2026-03-01T10:00:00Z", 2500, json!({"event_id": "901"}))
    });
    let order = eventbrite_order(&id, "2026-03-01T10:00:00Z", 5000, &attendees, json!({"event_id": "901"}));
    serde_json::from_str(&order).unwrap_or_default()
}

/// Puts a body where statements find it.
async fn lay_down(client: &Client, body: &Value) -> Result {
    client.batch_execute("CREATE TEMP TABLE IF NOT EXISTS laid (body bytea); TRUNCATE laid").await?;
    client.execute("INSERT INTO laid VALUES ($1)", &[&body.to_string().as_bytes()]).await?;
    Ok(())
}

fn answer(call: &Call) -> String {
    format!("SELECT complete_fetch({}, 200, '{{}}', (SELECT body FROM laid))", call.id)
}

/// A page of very many orders.
fn page() -> Value {
    json!({"orders": (0..MANY).map(order).collect::<Vec<_>>(), "pagination": {"has_more_items": false, "object_count": MANY}})
}

#[tokio::test(flavor = "multi_thread")]
async fn suggestions_can_be_interrupted_and_are_right_among_thousands() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    client
        .batch_execute(
            "INSERT INTO ticket_events (event_id, title, venue, starts_at)
             SELECT 'e' || i, 'Comedy Night ' || i / 20, 'Cellar ' || i % 7, '2026-01-01Z'::timestamptz + i * interval '4 hours'
             FROM generate_series(1, 5000) i;
             INSERT INTO ticket_platforms (platform, external_event_id, external_title, external_venue, external_starts_at)
             SELECT 'humanitix', 'h' || i, upper('Comedy Night ' || i / 20), 'Cellar ' || i % 7,
                    '2026-01-01Z'::timestamptz + i * interval '4 hours' + interval '20 seconds'
             FROM generate_series(1, 5000) i",
        )
        .await?;
    let best = "SELECT count(*), count(*) FILTER (WHERE substr(event_id, 2) = substr(external_event_id, 2)), min(score)
        FROM (SELECT DISTINCT ON (external_event_id) * FROM link_suggestions ORDER BY external_event_id, score DESC) s";
    assert_eq!(line(&client, best).await?, "5000|5000|1.00");
    assert_ends_early(&client, "SELECT count(*) FROM link_suggestions").await
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_the_end_of_runs_can_be_interrupted() -> Result {
    let (_db, client) = open().await?;
    line(&client, "SELECT link_event('eventbrite', '901', 'ours')").await?;
    lay_down(&client, &page()).await?;
    assert_ends_early(
        &client,
        "SELECT apply_resource('eventbrite', 'orders', (SELECT body FROM laid), '2026-03-01T11:00:00Z')",
    )
    .await?;

    // Read, compared without writing (here everything is missing), read, compared and put right.
    for begin in ["sync_event('ours')", "reconcile_event('ours', true)", "reconcile_event('ours')"] {
        line(&client, &format!("SELECT {begin}")).await?;
        let call = one(&client).await?;
        assert_ends_early(&client, &answer(&call)).await?;
        let job = format!("SELECT status, attempts, last_error FROM fetch_jobs WHERE lease_id = {}", call.id);
        assert_eq!(line(&client, &job).await?, "leased|1|-", "{begin}");
        if begin == "sync_event('ours')" {
            // Not yet: the next has to find that everything is missing.
            assert_eq!(complete(&client, &call, 403, &json!({"error": "NOT_AUTHORIZED"})).await?, "dead");
        } else {
            client.simple_query(&answer(&call)).await?;
            end(&client).await?;
        }
    }
    let expected = format!("{MANY}|{}", 2 * MANY);
    assert_eq!(
        line(&client, "SELECT (SELECT count(*) FROM ticket_sales), (SELECT count(*) FROM attendees)").await?,
        expected
    );

    // The end of a run that has shown none of the orders that are here.
    line(&client, "SELECT reconcile_event('ours')").await?;
    while let Some(call) = claim(&client, 1).await?.pop() {
        let empty = json!({"orders": [], "attendees": [], "pagination": {"has_more_items": false, "object_count": 0}});
        assert_eq!(complete(&client, &call, 200, &empty).await?, "done");
        if line(&client, "SELECT count(*) FROM sync_history WHERE status = 'finishing'").await? == "1" {
            break;
        }
    }
    assert_ends_early(&client, "SELECT finish_sync_runs(100000)").await?;
    let run = "SELECT status, error FROM sync_history ORDER BY id DESC LIMIT 1";
    assert_eq!(line(&client, run).await?, "finishing|-", "it goes on next time");
    end(&client).await?;
    assert_eq!(line(&client, run).await?, "done|-");
    let missing = "SELECT count(*) FROM reconciliation_differences WHERE difference = 'missing_there'";
    assert_eq!(line(&client, missing).await?, format!("{MANY}"));
    Ok(())
}

/// Reads what is left of a run, and ends it.
async fn end(client: &Client) -> Result {
    let empty = json!({"attendees": [], "orders": [], "pagination": {"has_more_items": false, "object_count": 0}});
    for call in claim(client, 10).await? {
        assert_eq!(complete(client, &call, 200, &empty).await?, "done");
    }
    line(client, "SELECT finish_sync_runs(100000)").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_retries_and_replays_can_be_interrupted() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    open_humanitix(&client).await?;
    client.batch_execute("CREATE TEMP TABLE laid (headers jsonb, body bytea)").await?;
    let bodies: Vec<String> =
        (0..MANY).map(|i| envelope("order.created", &format!("o{i}"), "2026-03-01T10:00:00Z", json!({}))).collect();
    let headers: Vec<Value> = bodies.iter().map(|body| signed(body)).collect();
    let bytes: Vec<&[u8]> = bodies.iter().map(|body| body.as_bytes()).collect();
    client.execute("INSERT INTO laid SELECT * FROM unnest($1::jsonb[], $2::bytea[])", &[&headers, &bytes]).await?;

    let batch = "SELECT count(*) FROM (SELECT array_agg('humanitix'::text) AS p, array_agg(headers) AS h, array_agg(body) AS b FROM laid) l,
        ingest_webhooks(p, h, b) WHERE outcome = 'processed'";
    assert_ends_early(&client, batch).await?;
    assert_eq!(line(&client, "SELECT count(*) FROM webhook_logs").await?, "0");
    assert_eq!(line(&client, batch).await?, format!("{MANY}"));

    assert_ends_early(&client, "SELECT * FROM replay_diff('-infinity', 'infinity')").await?;
    assert_ends_early(&client, "SELECT * FROM replay_webhooks('-infinity', 'infinity')").await?;

    let failed =
        "UPDATE webhook_logs SET status = 'failed', attempts = 1, next_attempt_at = now(), processed_at = NULL";
    client.execute(failed, &[]).await?;
    assert_ends_early(&client, &format!("SELECT * FROM retry_failed_webhooks({MANY})")).await?;
    let states = "SELECT status, attempts, count(*) FROM webhook_logs GROUP BY 1, 2";
    assert_eq!(lines(&client, states).await?, [format!("failed|1|{MANY}")]);
    assert_eq!(line(&client, &format!("SELECT retry_failed_webhooks({MANY})")).await?, format!("({MANY},{MANY},0,0)"));
    Ok(())
}

/// What somebody does to a backend, and how it says so.
const ENDS: [(&str, &str); 2] = [("pg_cancel_backend", "57014"), ("pg_terminate_backend", "57P01")];

/// Calls that apply something, each in a subtransaction that takes failures for verdicts.
const CALLS: [&str; 5] = [
    "replay_webhook((SELECT min(id) FROM webhook_logs))",
    "replay_webhooks('-infinity', 'infinity')",
    "retry_failed_webhooks(10, true)",
    "complete_fetch((SELECT lease_id FROM fetch_jobs WHERE lease_id IS NOT NULL), 200, '{}', (SELECT body FROM prepared))",
    "finish_sync_runs(10)",
];

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_cancelled_or_terminated_while_applying_has_not_failed() -> Result {
    let (db, client) = open().await?;
    open_humanitix(&client).await?;
    announce(&client).await?;
    deliver(&client, &envelope("order.created", "o", "2026-03-01T10:00:00Z", json!({}))).await?;
    client
        .batch_execute(
            "UPDATE webhook_logs SET status = 'failed', attempts = 1, next_attempt_at = now(), processed_at = NULL;
             CREATE TABLE prepared (body bytea)",
        )
        .await?;
    // One run waits for its page, another one for its end, which has to look at the order of the first page.
    line(&client, "SELECT link_event('eventbrite', '901', 'ours')").await?;
    line(&client, "SELECT sync_event('ours')").await?;
    let page = |orders: &[Value]| json!({"orders": orders, "pagination": {"has_more_items": false, "object_count": orders.len()}});
    complete(&client, &one(&client).await?, 200, &page(&[order(1)])).await?;
    end(&client).await?;
    line(&client, "SELECT sync_event('ours')").await?;
    complete(&client, &one(&client).await?, 200, &page(&[])).await?;
    line(&client, "SELECT sync_event('ours')").await?;
    one(&client).await?;
    let changed = page(&[order(1), order(2)]).to_string().replace("10:00:00Z", "10:30:00Z");
    client.execute("INSERT INTO prepared VALUES ($1)", &[&changed.as_bytes()]).await?;

    let states = "SELECT 'delivery', id, status, attempts FROM webhook_logs
        UNION ALL SELECT 'job', id, status, attempts FROM fetch_jobs UNION ALL SELECT 'run', id, status, 0 FROM sync_history ORDER BY 1, 2";
    let before = lines(&client, states).await?;
    assert!(before.iter().any(|line| line.starts_with("run|") && line.contains("|finishing|")), "{before:#?}");
    assert!(before.iter().any(|line| line.starts_with("job|") && line.contains("|leased|")), "{before:#?}");

    let holder = db.client().await?;
    for call in CALLS {
        for (end, code) in ENDS {
            holder.batch_execute("BEGIN; SELECT FROM boxoffice.order_states FOR UPDATE").await?;
            let caller = db.client().await?;
            let pid: i32 = caller.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
            let called = tokio::spawn(async move {
                let failed = refusal(&caller, &format!("SELECT {call}")).await;
                (caller, failed)
            });
            // Until it waits for the lock: then it is in the middle of its work.
            let waits = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND wait_event_type = 'Lock'");
            while line(&client, &waits).await? != "1" {
                anyhow::ensure!(!called.is_finished(), "it did not wait: {call} {:?}", called.await?.1);
                tokio::task::yield_now().await;
            }
            line(&client, &format!("SELECT {end}({pid})")).await?;
            let (caller, failed) = called.await?;
            assert_eq!(failed?.code, code, "{call}");
            assert_eq!(lines(&client, states).await?, before, "{call}");
            holder.batch_execute("ROLLBACK").await?;
            if code == "57014" {
                // The same session is good for more.
                caller.batch_execute("BEGIN").await?;
                line(&caller, &format!("SELECT {call}")).await?;
                caller.batch_execute("ROLLBACK").await?;
            }
        }
    }
    Ok(())
}
