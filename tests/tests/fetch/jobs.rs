//! The life of a single fetch: coalesced, leased, answered, tried again, given up. The test is the worker.

use boxoffice_tests::Result;
use boxoffice_tests::payloads::{eventbrite_attendee, eventbrite_order};
use boxoffice_tests::pump::{account, claim, claimed, complete, complete_with, hint, one, open, time_passes};
use boxoffice_tests::sql::{line, lines};
use serde_json::{Value, json};

fn order(id: &str, changed: &str, attendees: &[&str], changes: Value) -> Value {
    let attendees: Vec<Value> =
        attendees.iter().map(|a| eventbrite_attendee(id, a, changed, 2500, json!({}))).collect();
    let gross = 2500 * i64::try_from(attendees.len()).unwrap_or(0);
    serde_json::from_str(&eventbrite_order(id, changed, gross, &attendees, changes)).unwrap_or_default()
}

fn not_found() -> Value {
    json!({"status_code": 404, "error": "NOT_FOUND", "error_description": "The order you requested does not exist."})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_becomes_a_sale() -> Result {
    let (_db, client) = open().await?;
    hint(&client, "order.placed", "orders/50000000001/").await?;
    let call = one(&client).await?;
    assert_eq!(call.path, "/v3/orders/50000000001/?expand=attendees,refund_requests");
    assert_eq!((call.platform.as_str(), call.account.as_str()), ("eventbrite", "default"));
    assert_eq!(
        complete(&client, &call, 200, &order("50000000001", "2026-03-01T10:00:00Z", &["a", "b"], json!({}))).await?,
        "done"
    );
    let sale = "SELECT platform_order_id, ticket_quantity, total_amount, refund_status FROM ticket_sales";
    assert_eq!(line(&client, sale).await?, "50000000001|2|50.00|none");
    // The answer is kept with the time of the claim, for replays.
    let kept = "SELECT l.status, l.event_type, l.fetched_at = j.claimed_at, l.headers->>':status', j.status
        FROM webhook_logs l, fetch_jobs j WHERE l.source = 'api'";
    assert_eq!(line(&client, kept).await?, "processed|api.order|t|200|done");
    assert_eq!(claim(&client, 10).await?, [], "nothing is left to do");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_hints_are_one_fetch_and_one_more_for_what_came_during_it() -> Result {
    let (_db, client) = open().await?;
    for _ in 0..5 {
        hint(&client, "order.updated", "orders/1/").await?;
    }
    let first = one(&client).await?;
    hint(&client, "order.updated", "orders/1/").await?;
    hint(&client, "order.updated", "orders/1/").await?;
    // Not beside the first one, but after it.
    assert_eq!(claim(&client, 10).await?, []);
    complete(&client, &first, 200, &order("1", "2026-03-01T10:00:00Z", &["a"], json!({}))).await?;
    let second = one(&client).await?;
    assert_eq!(second.path, first.path);
    complete(&client, &second, 200, &order("1", "2026-03-01T10:00:00Z", &["a"], json!({}))).await?;
    assert_eq!(claim(&client, 10).await?, []);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_loses_its_lease_and_not_the_job() -> Result {
    let (_db, client) = open().await?;
    hint(&client, "order.placed", "orders/1/").await?;
    let dead = one(&client).await?;
    assert_eq!(claim(&client, 10).await?, [], "leased");
    time_passes(&client).await?;
    let alive = one(&client).await?;
    assert_eq!(alive.path, dead.path);
    assert_ne!(alive.id, dead.id);
    // The dead one was only slow: its answer is older than it would count as.
    assert_eq!(complete(&client, &dead, 200, &order("1", "2026-03-01T10:00:00Z", &["a"], json!({}))).await?, "lost");
    assert_eq!(line(&client, "SELECT count(*) FROM ticket_sales").await?, "0");
    assert_eq!(complete(&client, &alive, 200, &order("1", "2026-03-01T10:00:00Z", &["a"], json!({}))).await?, "done");
    assert_eq!(
        complete(&client, &alive, 200, &order("1", "2026-03-01T10:00:00Z", &["a"], json!({}))).await?,
        "lost",
        "once"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn several_workers_share_the_jobs() -> Result {
    let (db, client) = open().await?;
    client
        .execute("SELECT boxoffice.configure_account('eventbrite', max_in_flight => 64, burst_threshold => 1000, calls_per_hour => 40)", &[])
        .await?;
    for number in 0..60 {
        hint(&client, "order.placed", &format!("orders/{number}/")).await?;
    }
    // As if somebody had asked for them: hints have a share only.
    client.execute("UPDATE fetch_jobs SET priority = 2", &[]).await?;
    let mut workers = Vec::new();
    for _ in 0..6 {
        let client = db.client().await?;
        workers.push(tokio::spawn(async move {
            let mut mine = Vec::new();
            for _ in 0..10 {
                mine.extend(claim(&client, 3).await?);
            }
            anyhow::Ok(mine)
        }));
    }
    let mut paths = Vec::new();
    for worker in workers {
        paths.extend(worker.await??.into_iter().map(|call| call.path));
    }
    let handed_out = paths.len();
    paths.sort();
    paths.dedup();
    // Together they keep to the budget, however they race, and nothing is handed out twice.
    assert_eq!((paths.len(), handed_out), (40, 40));
    assert_eq!(line(&client, "SELECT sum(calls) FROM account_calls").await?, "40");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_404_after_a_hint_is_asked_again_for_five_minutes() -> Result {
    let (_db, client) = open().await?;
    hint(&client, "order.placed", "orders/1/").await?;
    for attempt in 1..=3 {
        let call = one(&client).await?;
        assert_eq!(complete(&client, &call, 404, &not_found()).await?, "retry", "attempt {attempt}");
        assert_eq!(claim(&client, 10).await?, [], "not at once");
        time_passes(&client).await?;
    }
    let call = one(&client).await?;
    complete(&client, &call, 200, &order("1", "2026-03-01T10:00:00Z", &["a"], json!({}))).await?;
    assert_eq!(line(&client, "SELECT refund_status FROM ticket_sales").await?, "none");

    hint(&client, "order.placed", "orders/2/").await?;
    let call = one(&client).await?;
    client.execute("UPDATE fetch_jobs SET created_at = created_at - interval '6 minutes'", &[]).await?;
    assert_eq!(complete(&client, &call, 404, &not_found()).await?, "gone", "it never was");
    assert_eq!(line(&client, "SELECT count(*) FROM ticket_sales WHERE platform_order_id = '2'").await?, "0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_404_counts_twenty_minutes_after_the_last_sighting() -> Result {
    let (_db, client) = open().await?;
    hint(&client, "order.placed", "orders/1/").await?;
    let call = one(&client).await?;
    complete(&client, &call, 200, &order("1", "2026-03-01T10:00:00Z", &["a"], json!({}))).await?;

    hint(&client, "order.updated", "orders/1/").await?;
    let call = one(&client).await?;
    client.execute("UPDATE fetch_jobs SET created_at = created_at - interval '6 minutes'", &[]).await?;
    assert_eq!(complete(&client, &call, 404, &not_found()).await?, "retry", "seen a moment ago");
    assert_eq!(line(&client, "SELECT refund_status FROM ticket_sales").await?, "none");
    let wait = "SELECT due_at BETWEEN now() + interval '9 minutes' AND now() + interval '21 minutes' FROM fetch_jobs WHERE status = 'waiting'";
    assert_eq!(line(&client, wait).await?, "t");

    time_passes(&client).await?;
    let call = one(&client).await?;
    claimed(&client, &call, "21 minutes").await?;
    assert_eq!(complete(&client, &call, 404, &not_found()).await?, "gone");
    assert_eq!(line(&client, "SELECT refund_status FROM ticket_sales").await?, "cancelled");
    assert_eq!(line(&client, "SELECT status FROM attendees").await?, "cancelled");
    // Replaying the 404s and the copy changes nothing, in whatever order.
    let replay = "SELECT replayed, changed, failed FROM replay_webhooks('-infinity', 'infinity')";
    assert_eq!(line(&client, replay).await?, "5|0|0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_404_of_an_attendee_cancels_the_attendee() -> Result {
    let (_db, client) = open().await?;
    hint(&client, "order.placed", "orders/1/").await?;
    let call = one(&client).await?;
    complete(&client, &call, 200, &order("1", "2026-03-01T10:00:00Z", &["a", "b"], json!({}))).await?;
    hint(&client, "attendee.updated", "events/2000000000001/attendees/b/").await?;
    let call = one(&client).await?;
    assert_eq!(call.path, "/v3/events/2000000000001/attendees/b/");
    client.execute("UPDATE fetch_jobs SET created_at = created_at - interval '6 minutes'", &[]).await?;
    claimed(&client, &call, "25 minutes").await?;
    assert_eq!(complete(&client, &call, 404, &not_found()).await?, "gone");
    let status = "SELECT platform_attendee_id, status FROM attendees ORDER BY 1";
    assert_eq!(lines(&client, status).await?, ["a|registered", "b|cancelled"]);
    let replay = "SELECT changed FROM replay_webhooks('-infinity', 'infinity', 'eventbrite')";
    assert_eq!(line(&client, replay).await?, "0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_waits_longer_and_longer_and_ends_with_a_reason() -> Result {
    let (_db, client) = open().await?;
    hint(&client, "order.placed", "orders/1/").await?;
    let body = json!({"status_code": 500, "error": "INTERNAL_ERROR"});
    let mut waits = Vec::new();
    for attempt in 1..=10 {
        let call = one(&client).await?;
        let expected = if attempt < 10 { "retry" } else { "dead" };
        assert_eq!(complete(&client, &call, 500, &body).await?, expected, "attempt {attempt}");
        if attempt < 10 {
            let wait = line(&client, "SELECT extract(epoch FROM due_at - now())::integer FROM fetch_jobs").await?;
            waits.push(wait.parse::<i64>()?);
        }
        time_passes(&client).await?;
    }
    assert!(waits.windows(2).all(|pair| pair[1] >= pair[0] * 3 / 2 || pair[1] > 1000), "{waits:?}");
    assert_eq!(line(&client, "SELECT status, last_error FROM fetch_jobs").await?, "dead|HTTP 500 INTERNAL_ERROR");
    assert_eq!(claim(&client, 10).await?, []);
    assert_eq!(line(&client, "SELECT fetches_dead FROM webhook_health WHERE platform = 'eventbrite'").await?, "1");
    assert_eq!(line(&client, "SELECT retry_dead_fetches('humanitix'), retry_dead_fetches('eventbrite')").await?, "0|1");
    let call = one(&client).await?;
    assert_eq!(complete(&client, &call, 400, &json!({"error": "ARGUMENTS_ERROR"})).await?, "dead");
    // A new hint is a new beginning.
    hint(&client, "order.updated", "orders/1/").await?;
    assert_eq!(claim(&client, 10).await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_platform_is_no_fault_of_a_job() -> Result {
    let (_db, client) = open().await?;
    hint(&client, "order.placed", "orders/1/").await?;
    for _ in 0..40 {
        let call = one(&client).await?;
        let outcome = complete_with(&client, &call, None, &json!({":error": "connect"}), b"").await?;
        assert_eq!(outcome, "retry");
        time_passes(&client).await?;
    }
    let call = one(&client).await?;
    complete_with(&client, &call, Some(503), &json!({}), b"<html>").await?;
    assert!(account(&client, "eventbrite").await?.ends_with("true"), "the account pauses");
    assert_eq!(claim(&client, 10).await?, []);
    time_passes(&client).await?;
    // One call at a time until one succeeds.
    hint(&client, "order.placed", "orders/2/").await?;
    let call = one(&client).await?;
    complete(&client, &call, 200, &order("1", "2026-03-01T10:00:00Z", &["a"], json!({}))).await?;
    assert_eq!(account(&client, "eventbrite").await?, "active - 0 false");
    assert_eq!(claim(&client, 10).await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_honoured_and_holds_the_whole_account() -> Result {
    let (_db, client) = open().await?;
    for number in 0..3 {
        hint(&client, "order.placed", &format!("orders/{number}/")).await?;
    }
    let calls = claim(&client, 1).await?;
    let body = json!({"status_code": 429, "error": "HIT_RATE_LIMIT"});
    let headers = json!({"retry-after": "120"});
    assert_eq!(complete_with(&client, &calls[0], Some(429), &headers, body.to_string().as_bytes()).await?, "retry");
    assert_eq!(claim(&client, 10).await?, []);
    let wait = "SELECT blocked_until BETWEEN now() + interval '115 seconds' AND now() + interval '121 seconds'
        FROM platform_accounts WHERE platform = 'eventbrite'";
    assert_eq!(line(&client, wait).await?, "t");
    time_passes(&client).await?;
    assert_eq!(claim(&client, 10).await?.len(), 3, "no try is counted against the job");
    assert_eq!(line(&client, "SELECT max(attempts) FROM fetch_jobs").await?, "1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn expansions_that_fail_are_given_up_one_by_one() -> Result {
    let (_db, client) = open().await?;
    hint(&client, "order.placed", "orders/1/").await?;
    let failed = json!({"status_code": 500, "error": "EXPANSION_FAILED"});
    let call = one(&client).await?;
    assert_eq!(complete(&client, &call, 500, &failed).await?, "retry");
    let call = one(&client).await?;
    assert_eq!(call.path, "/v3/orders/1/?expand=attendees");
    assert_eq!(complete(&client, &call, 500, &failed).await?, "retry");
    let call = one(&client).await?;
    assert_eq!(call.path, "/v3/orders/1/");
    let mut bare = order("1", "2026-03-01T10:00:00Z", &["a", "b"], json!({}));
    bare.as_object_mut().map(|order| order.remove("attendees"));
    assert_eq!(complete(&client, &call, 200, &bare).await?, "done");
    // Its attendees are asked for by themselves, page by page.
    let call = one(&client).await?;
    assert_eq!(call.path, "/v3/orders/1/attendees/");
    let page = |ids: &[&str], more: bool| {
        let attendees: Vec<Value> =
            ids.iter().map(|id| eventbrite_attendee("1", id, "2026-03-01T10:00:00Z", 2500, json!({}))).collect();
        json!({"pagination": {"has_more_items": more, "continuation": "next"}, "attendees": attendees})
    };
    assert_eq!(complete(&client, &call, 200, &page(&["a"], true)).await?, "done");
    let call = one(&client).await?;
    assert_eq!(call.path, "/v3/orders/1/attendees/?continuation=next");
    assert_eq!(complete(&client, &call, 200, &page(&["b"], false)).await?, "done");
    assert_eq!(line(&client, "SELECT count(*) FROM attendees").await?, "2");
    assert_eq!(claim(&client, 10).await?, []);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_by_an_early_copy_is_looked_at_again() -> Result {
    let (_db, client) = open().await?;
    let now = line(&client, "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')").await?;
    hint(&client, "order.placed", "orders/1/").await?;
    let call = one(&client).await?;
    complete(&client, &call, 200, &order("1", &now, &["a", "b"], json!({}))).await?;
    assert_eq!(claim(&client, 10).await?, []);
    assert_eq!(
        line(&client, "SELECT count(*) FROM fetch_jobs WHERE status = 'waiting'").await?,
        "0",
        "nothing is in doubt"
    );

    // The same second, but one of the two attendees has gone: torn, or the truth?
    hint(&client, "order.updated", "orders/1/").await?;
    let call = one(&client).await?;
    complete(&client, &call, 200, &order("1", &now, &["a"], json!({"name": "Somebody Else"}))).await?;
    let again =
        "SELECT purpose, priority, path, due_at BETWEEN now() + interval '9 minutes' AND now() + interval '11 minutes'
        FROM fetch_jobs WHERE status = 'waiting'";
    assert_eq!(line(&client, again).await?, "again|5|/v3/orders/1/?expand=attendees,refund_requests|t");
    assert_eq!(claim(&client, 10).await?, [], "not before its time");

    // A fresh hint does not wait for it.
    hint(&client, "order.updated", "orders/1/").await?;
    let call = one(&client).await?;
    claimed(&client, &call, "11 minutes").await?;
    complete(&client, &call, 200, &order("1", &now, &["a", "b"], json!({}))).await?;
    assert_eq!(line(&client, "SELECT ticket_quantity, valid_quantity FROM ticket_sales").await?, "2|2");
    assert_eq!(line(&client, "SELECT count(*) FROM fetch_jobs WHERE status = 'waiting'").await?, "0", "settled");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_none_lose_nothing() -> Result {
    let (_db, client) = open().await?;
    hint(&client, "order.placed", "orders/1/").await?;
    let bodies: [(i32, &[u8]); 5] = [
        (200, b""),
        (200, b"<html>busy</html>"),
        (200, b"{\"id\": \"1\", \"costs\""),
        (200, b"[1,2"),
        (200, b"\xff\xfe"),
    ];
    for (status, body) in bodies {
        let call = one(&client).await?;
        assert_eq!(complete_with(&client, &call, Some(status), &json!({}), body).await?, "retry");
        time_passes(&client).await?;
    }
    for word in ["timeout", "tls", "broken"] {
        let call = one(&client).await?;
        assert_eq!(complete_with(&client, &call, None, &json!({":error": word}), b"").await?, "retry", "{word}");
        time_passes(&client).await?;
    }
    let call = one(&client).await?;
    assert_eq!(complete_with(&client, &call, None, &json!({":error": "stopping"}), b"").await?, "released");
    let call = one(&client).await?;
    assert_eq!(complete(&client, &call, 200, &order("1", "2026-03-01T10:00:00Z", &["a"], json!({}))).await?, "done");

    for (headers, status) in
        [(json!({":error": "too_large"}), None), (json!({"location": "https://elsewhere.example/"}), Some(302))]
    {
        hint(&client, "order.placed", "orders/2/").await?;
        let call = one(&client).await?;
        assert_eq!(complete_with(&client, &call, status, &headers, b"").await?, "dead");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_claim_takes_no_lock_and_no_transaction_id() -> Result {
    let (_db, client) = open().await?;
    assert_eq!(claim(&client, 10).await?, []);
    client.batch_execute("BEGIN").await?;
    assert_eq!(claim(&client, 10).await?, []);
    assert_eq!(
        line(&client, "SELECT pg_current_xact_id_if_assigned() IS NULL").await?,
        "t",
        "one every second, for ever"
    );
    let locked = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND mode = 'RowShareLock'";
    assert_eq!(line(&client, locked).await?, "0");
    client.batch_execute("COMMIT").await?;
    hint(&client, "order.placed", "orders/1/").await?;
    client.batch_execute("BEGIN").await?;
    assert_eq!(claim(&client, 10).await?.len(), 1);
    assert_eq!(line(&client, "SELECT pg_current_xact_id_if_assigned() IS NULL").await?, "f");
    client.batch_execute("COMMIT").await?;
    Ok(())
}
