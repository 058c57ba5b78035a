//! After a clock that was ten days ahead: what it has left behind counts as never, and work goes on.

use boxoffice_tests::Result;
use boxoffice_tests::payloads;
use boxoffice_tests::pump::{claim, complete, hint, one, open};
use boxoffice_tests::sql::{deliver, line, lines, open_humanitix, refusal};
use serde_json::{Value, json};
use tokio_postgres::Client;

async fn tasks(client: &Client) -> Result {
    client.query("SELECT * FROM run_due_tasks()", &[]).await?;
    Ok(())
}

fn empty() -> Value {
    json!({"total": 0, "orders": [], "tickets": [], "attendees": [], "events": [], "pagination": {"has_more_items": false}})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_synchronised_in_the_future_is_late_and_is_read() -> Result {
    for column in ["last_sync_at", "last_full_sync_at", "last_attempt_at", "last_full_attempt_at", "all"] {
        let (_db, client) = open().await?;
        line(&client, "SELECT link_event('eventbrite', '901', 'ours')").await?;
        client.execute("UPDATE ticket_platforms SET last_sync_at = now(), last_full_sync_at = now()", &[]).await?;
        let columns: &[&str] = if column == "all" {
            &["last_sync_at", "last_full_sync_at", "last_attempt_at", "last_full_attempt_at", "tickets_swept_at"]
        } else {
            &[column]
        };
        for column in columns {
            client.execute(&format!("UPDATE ticket_platforms SET {column} = now() + interval '10 days'"), &[]).await?;
        }
        let state = line(&client, "SELECT state, age < interval '0' FROM sync_status").await?;
        let late = line(&client, "SELECT events_late FROM webhook_health WHERE platform = 'eventbrite'").await?;
        if matches!(column, "last_sync_at" | "all") {
            assert_eq!((state.as_str(), late.as_str()), ("late|-", "1"), "{column}");
        } else {
            assert_eq!((state.as_str(), late.as_str()), ("fresh|f", "0"), "{column}: the last success is what counts");
            client.execute("UPDATE ticket_platforms SET last_sync_at = now() - interval '2 hours'", &[]).await?;
        }
        tasks(&client).await?;
        let calls = claim(&client, 10).await?;
        assert!(
            !calls.is_empty() && calls.iter().all(|call| call.path.starts_with("/v3/events/901/")),
            "{column}: {calls:?}"
        );
        for call in calls {
            assert_eq!(complete(&client, &call, 200, &empty()).await?, "done");
        }
        tasks(&client).await?;
        let read = "SELECT state, last_sync_at <= now(), COALESCE(last_full_sync_at <= now(), false) FROM sync_status";
        let is_full = matches!(column, "last_full_sync_at" | "all");
        let expected = if is_full || column != "last_full_sync_at" { "fresh|t|t" } else { "fresh|t|f" };
        assert_eq!(line(&client, read).await?, expected, "{column}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_account_waits_for_the_future() -> Result {
    for column in ["blocked_until", "burst_until", "burst_off_until", "discovered_at", "troubled_at", "resumed_at"] {
        let (_db, client) = open().await?;
        client.execute(&format!("UPDATE platform_accounts SET {column} = now() + interval '10 days'"), &[]).await?;
        hint(&client, "order.placed", "orders/1/").await?;
        let call = one(&client).await?;
        assert_eq!(call.path, "/v3/orders/1/?expand=attendees,refund_requests", "{column}");
        if column == "resumed_at" {
            assert_eq!(complete(&client, &call, 401, &json!({"error": "NO_AUTH"})).await?, "stopped");
        }
        tasks(&client).await?;
        if column == "discovered_at" {
            let runs = "SELECT mode, platform FROM sync_runs ORDER BY platform";
            assert_eq!(lines(&client, runs).await?, ["discovery|eventbrite", "discovery|humanitix"]);
        }
        if column != "resumed_at" {
            let left = format!("SELECT count(*) FROM platform_accounts WHERE {column} > now() + interval '2 days'");
            assert_eq!(line(&client, &left).await?, "0", "{column}");
        }
    }
    // A pause that the platform has asked for is none of these.
    let (_db, client) = open().await?;
    client.execute("UPDATE platform_accounts SET blocked_until = now() + interval '23 hours'", &[]).await?;
    hint(&client, "order.placed", "orders/1/").await?;
    tasks(&client).await?;
    assert_eq!(claim(&client, 10).await?, []);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_leases_and_runs_of_the_future_go_on() -> Result {
    let (_db, client) = open().await?;
    hint(&client, "order.placed", "orders/1/").await?;
    hint(&client, "order.placed", "orders/2/").await?;
    line(&client, "SELECT link_event('eventbrite', '901', 'ours')").await?;
    line(&client, "SELECT reconcile_event('ours')").await?;
    let leased = claim(&client, 1).await?;
    assert_eq!(leased.len(), 1);
    let ahead = "UPDATE fetch_jobs SET due_at = due_at + interval '10 days', created_at = created_at + interval '10 days',
            claimed_at = claimed_at + interval '10 days' WHERE due_at < 'infinity';
        UPDATE sync_history SET started_at = started_at + interval '10 days';
        INSERT INTO account_calls VALUES ('eventbrite', 'default', date_trunc('minute', now()) + interval '10 days', 1900, 1900, 1900, 1900)";
    client.batch_execute(ahead).await?;
    tasks(&client).await?;
    let calls = claim(&client, 10).await?;
    let paths: Vec<&str> = calls.iter().filter_map(|call| call.path.split('?').next()).collect();
    assert!(paths.contains(&"/v3/orders/1/") && paths.contains(&"/v3/orders/2/"), "the lease has run out: {paths:?}");
    assert_eq!(line(&client, "SELECT count(*) FROM account_calls WHERE minute > now()").await?, "0");
    // A run that began in the future is standing still, as far as anybody can tell, once its account gives no answer.
    let status = "SELECT status FROM sync_runs WHERE mode = 'reconcile'";
    assert_eq!(line(&client, status).await?, "running", "its page waits for its turn");
    client.execute("UPDATE platform_accounts SET failures = 3", &[]).await?;
    tasks(&client).await?;
    assert_eq!(line(&client, status).await?, "failed");
    // A hint of the future is not asked about for ten days.
    client.execute("UPDATE platform_accounts SET failures = 0", &[]).await?;
    client.batch_execute("DELETE FROM fetch_jobs").await?;
    hint(&client, "order.placed", "orders/3/").await?;
    client.execute("UPDATE fetch_jobs SET created_at = created_at + interval '10 days'", &[]).await?;
    let call = one(&client).await?;
    assert_eq!(complete(&client, &call, 404, &json!({"error": "NOT_FOUND"})).await?, "gone");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_of_an_hour_and_lists_that_wait_for_others_are_left_alone() -> Result {
    let (_db, client) = open().await?;
    for (path, due) in
        [("/a/", "now() + interval '70 minutes'"), ("/b/", "'infinity'"), ("/c/", "now() + interval '10 days'")]
    {
        let add = format!(
            "INSERT INTO fetch_jobs (platform, path, kind, due_at) VALUES ('eventbrite', '{path}', 'events', {due})"
        );
        client.execute(&add, &[]).await?;
    }
    tasks(&client).await?;
    let due = "SELECT path, due_at <= now() FROM fetch_jobs ORDER BY path";
    assert_eq!(lines(&client, due).await?, ["/a/|f", "/b/|f", "/c/|t"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_that_failed_in_the_future_are_tried_again() -> Result {
    let (_db, client) = open().await?;
    open_humanitix(&client).await?;
    let trap = "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
        CREATE TRIGGER trap BEFORE INSERT ON ticket_sales FOR EACH ROW EXECUTE FUNCTION public.refuse()";
    client.batch_execute(trap).await?;
    assert_eq!(deliver(&client, payloads::SAMPLE_CREATED).await?.outcome, "failed");
    client.batch_execute("DROP TRIGGER trap ON ticket_sales; UPDATE webhook_logs SET next_attempt_at = now() + interval '10 days', created_at = now() + interval '10 days'").await?;
    let health = "SELECT received, last_seen_at, silent_for FROM webhook_health WHERE platform = 'humanitix'";
    assert_eq!(line(&client, health).await?, "0|-|-", "what will have come has not come");
    assert_eq!(line(&client, "SELECT count(last_delivery_at) FROM sync_status").await?, "0");
    tasks(&client).await?;
    assert_eq!(line(&client, "SELECT status FROM webhook_logs").await?, "processed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_saw_the_clock_go_back_knows_by_how_much() -> Result {
    let (_db, client) = open().await?;
    line(&client, "SELECT link_event('humanitix', '901', 'ours')").await?;
    hint(&client, "order.placed", "orders/1/").await?;
    // The worker has said that it is there, and all has been well, until five minutes ago: by a clock ten days ahead.
    let ahead = "UPDATE platform_accounts SET announced_at = now() + interval '10 days', discovered_at = now() + interval '10 days' - interval '5 minutes';
        UPDATE ticket_platforms SET last_sync_at = now() + interval '10 days' - interval '4 minutes', last_attempt_at = now() + interval '10 days',
            last_full_sync_at = now() + interval '10 days' - interval '3 hours';
        UPDATE fetch_jobs SET due_at = now() + interval '10 days' + interval '20 minutes'";
    client.batch_execute(ahead).await?;
    assert_eq!(refusal(&client, "SELECT sync_event('ours')").await?.code, "55000", "nobody is there yet");
    assert_eq!(claim(&client, 10).await?, []);
    let event = "SELECT state, round(extract(epoch FROM age) / 60), round(extract(epoch FROM now() - last_full_sync_at) / 3600) FROM sync_status";
    assert_eq!(line(&client, event).await?, "fresh|4|3");
    let wait = "SELECT round(extract(epoch FROM due_at - now()) / 60) FROM fetch_jobs";
    assert_eq!(line(&client, wait).await?, "20", "it waits no longer than it was to wait");
    assert_eq!(line(&client, "SELECT count(*) FROM sync_event('ours')").await?, "1");
    Ok(())
}
