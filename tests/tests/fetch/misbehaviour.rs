//! What a platform, a list or a row that misbehaves must not be able to do to everything else.

use anyhow::Context as _;
use boxoffice_tests::payloads::{eventbrite_attendee, eventbrite_order};
use boxoffice_tests::pump::{Call, claim, complete, complete_with, finish, settle, time_passes};
use boxoffice_tests::sql::{line, lines};
use boxoffice_tests::{Database, Result};
use serde_json::{Value, json};
use tokio_postgres::Client;

async fn open() -> Result<(Database, Client)> {
    let db = Database::create().await?;
    let client = db.client().await?;
    settle(&client).await?;
    Ok((db, client))
}

/// A call for an order waits, for this purpose.
async fn wanted(client: &Client, order: &str, purpose: &str) -> Result {
    let add = "INSERT INTO fetch_jobs (platform, path, kind, resource_id, purpose) VALUES ('eventbrite', $1, 'order', $2, $3)";
    client.execute(add, &[&format!("/v3/orders/{order}/?expand=attendees,refund_requests"), &order, &purpose]).await?;
    Ok(())
}

fn order(id: &str) -> Value {
    let attendee = eventbrite_attendee(id, &format!("{id}-a"), "2026-03-01T10:00:00Z", 2500, json!({}));
    serde_json::from_str(&eventbrite_order(id, "2026-03-01T10:00:00Z", 2500, &[attendee], json!({})))
        .unwrap_or_default()
}

fn page(orders: &[&str], more: Value) -> Value {
    let mut page = json!({"orders": orders.iter().map(|id| order(id)).collect::<Vec<_>>(), "pagination": {"has_more_items": false}});
    for (name, value) in more.as_object().into_iter().flatten() {
        page["pagination"][name] = value.clone();
    }
    page
}

/// An event that is linked, known completely, and being read.
async fn reading(client: &Client, event: &str) -> Result<Call> {
    let link = "SELECT link_event('eventbrite', $1, $1)";
    client.execute(link, &[&event]).await?;
    line(client, &format!("SELECT sync_event('{event}')")).await?;
    let calls = claim(client, 10).await?;
    calls.into_iter().find(|call| call.path.contains(event)).with_context(|| format!("no call for {event}"))
}

async fn health_can_be_read(client: &Client) -> Result {
    for view in ["webhook_health", "sync_status", "sync_runs", "reconciliation_reports", "sync_drift"] {
        lines(client, &format!("SELECT * FROM {view}")).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn second_looks_are_never_replaced_by_a_list_that_cannot_show_them() -> Result {
    let (_db, client) = open().await?;
    for number in 0..50 {
        wanted(&client, &format!("{number}"), "again").await?;
    }
    let calls = claim(&client, 10).await?;
    assert_eq!(calls.len(), 4);
    assert!(calls.iter().all(|call| call.path.starts_with("/v3/orders/")), "{calls:?}");
    // Nor are hints that a list has not shown once.
    client.batch_execute("DELETE FROM fetch_jobs").await?;
    for number in 0..50 {
        wanted(&client, &format!("{number}"), "hint").await?;
    }
    let list = claim(&client, 10).await?;
    assert_eq!(list.len(), 1);
    assert_eq!(complete(&client, &list[0], 200, &page(&["49"], json!({}))).await?, "done");
    client.execute("UPDATE platform_accounts SET burst_until = NULL", &[]).await?;
    let calls = claim(&client, 10).await?;
    assert!(calls.len() == 4 && calls.iter().all(|call| call.path.starts_with("/v3/orders/")), "{calls:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_does_not_end_a_pause_that_the_platform_asked_for() -> Result {
    let (_db, client) = open().await?;
    for number in 0..3 {
        wanted(&client, &format!("{number}"), "hint").await?;
    }
    let calls = claim(&client, 2).await?;
    let wait = json!({"retry-after": "600"});
    assert_eq!(complete_with(&client, &calls[0], Some(429), &wait, b"{}").await?, "retry");
    assert_eq!(complete(&client, &calls[1], 200, &order("1")).await?, "done");
    assert_eq!(claim(&client, 10).await?, []);
    assert_eq!(
        line(
            &client,
            "SELECT blocked_until > now() + interval '9 minutes' FROM platform_accounts WHERE platform = 'eventbrite'"
        )
        .await?,
        "t"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_of_nothing_is_a_pause_all_the_same() -> Result {
    let (_db, client) = open().await?;
    wanted(&client, "1", "hint").await?;
    for _ in 0..9 {
        let calls = claim(&client, 10).await?;
        assert_eq!(complete_with(&client, &calls[0], Some(429), &json!({"retry-after": "0"}), b"{}").await?, "retry");
        assert_eq!(claim(&client, 10).await?, [], "not at once");
        time_passes(&client).await?;
    }
    assert_eq!(line(&client, "SELECT attempts FROM fetch_jobs").await?, "9", "and it is counted");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polite_maintenance_kills_no_job() -> Result {
    let (_db, client) = open().await?;
    wanted(&client, "1", "hint").await?;
    for _ in 0..30 {
        let calls = claim(&client, 10).await?;
        assert_eq!(
            complete_with(&client, &calls[0], Some(503), &json!({"retry-after": "30"}), b"<html>").await?,
            "retry"
        );
        time_passes(&client).await?;
    }
    let calls = claim(&client, 10).await?;
    assert_eq!(complete(&client, &calls[0], 200, &order("1")).await?, "done");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_can_neither_break_the_claims_nor_the_views() -> Result {
    let (_db, client) = open().await?;
    let call = reading(&client, "900").await?;
    let token = json!({"has_more_items": true, "continuation": "x".repeat(3900), "object_count": i64::MAX});
    assert_eq!(complete(&client, &call, 200, &page(&["1"], token)).await?, "done");
    assert_eq!(
        line(&client, "SELECT status, error FROM sync_runs").await?,
        "failed|the platform's word for the next page is too long"
    );
    let call = reading(&client, "901").await?;
    let lie = json!({"has_more_items": true, "continuation": "x", "object_count": i64::MAX});
    assert_eq!(complete(&client, &call, 200, &page(&["2"], lie)).await?, "done");
    health_can_be_read(&client).await?;
    let next = claim(&client, 10).await?;
    let lie = json!({"object_count": 999_999_999, "has_more_items": true, "continuation": "y"});
    assert_eq!(complete(&client, &next[0], 200, &page(&["3"], lie)).await?, "done");
    health_can_be_read(&client).await?;
    wanted(&client, "5", "hint").await?;
    assert_eq!(claim(&client, 10).await?.len(), 2);
    assert_eq!(line(&client, "SELECT count(*) FROM ticket_sales").await?, "3", "nothing that was read is lost");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_cannot_be_applied_takes_nothing_with_it() -> Result {
    let (_db, client) = open().await?;
    let trap = "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.platform_order_id = 'bad' THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER trap BEFORE INSERT OR UPDATE ON ticket_sales FOR EACH ROW EXECUTE FUNCTION public.refuse()";
    client.batch_execute(trap).await?;
    let call = reading(&client, "900").await?;
    assert_eq!(complete(&client, &call, 200, &page(&["1", "bad", "2"], json!({}))).await?, "done");
    // The others are there, and the run does not claim to have read everything.
    assert_eq!(lines(&client, "SELECT platform_order_id FROM ticket_sales ORDER BY 1").await?, ["1", "2"]);
    assert_eq!(line(&client, "SELECT status FROM sync_runs").await?, "failed");
    assert_eq!(
        line(
            &client,
            "SELECT last_sync_at IS NULL, last_sync_error LIKE '%could not be applied%' FROM ticket_platforms WHERE event_id IS NOT NULL"
        )
        .await?,
        "t|t"
    );
    assert_eq!(line(&client, "SELECT status, event_type FROM webhook_logs").await?, "failed|api.orders");
    client.batch_execute("DROP TRIGGER trap ON ticket_sales; UPDATE webhook_logs SET next_attempt_at = now()").await?;
    assert_eq!(line(&client, "SELECT succeeded FROM retry_failed_webhooks()").await?, "1");
    assert_eq!(line(&client, "SELECT count(*) FROM ticket_sales").await?, "3");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_be_finished_keeps_nobody_waiting() -> Result {
    let (_db, client) = open().await?;
    for (event, id) in [("900", "1"), ("901", "2")] {
        let call = reading(&client, event).await?;
        let mut answer = page(&[id], json!({}));
        answer["orders"][0]["event_id"] = json!(event);
        complete(&client, &call, 200, &answer).await?;
        finish(&client).await?;
    }
    // Both orders disappear from their lists, half an hour later, and one of them cannot be marked.
    let trap = "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.platform_order_id = '1' THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER trap BEFORE UPDATE ON ticket_sales FOR EACH ROW EXECUTE FUNCTION public.refuse()";
    client.batch_execute(trap).await?;
    for event in ["900", "901"] {
        let call = reading(&client, event).await?;
        boxoffice_tests::pump::claimed(&client, &call, "30 minutes").await?;
        complete(&client, &call, 200, &page(&[], json!({}))).await?;
    }
    for _ in 0..3 {
        claim(&client, 10).await?;
    }
    let runs = "SELECT external_event_id, status, coalesce(error, '-') FROM sync_runs ORDER BY id DESC LIMIT 2";
    assert_eq!(lines(&client, runs).await?, ["901|done|-", "900|failed|could not be finished: not this one"]);
    assert_eq!(line(&client, "SELECT platform_order_id FROM ticket_sales WHERE unlisted_at IS NOT NULL").await?, "2");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_survives_is_given_up() -> Result {
    let (_db, client) = open().await?;
    reading(&client, "900").await?;
    for _ in 0..9 {
        time_passes(&client).await?;
        assert_eq!(claim(&client, 10).await?.len(), 1);
    }
    time_passes(&client).await?;
    assert_eq!(claim(&client, 10).await?, []);
    line(&client, "SELECT items FROM run_due_tasks() WHERE task = 'end_lost_fetches'").await?;
    assert_eq!(line(&client, "SELECT status FROM fetch_jobs").await?, "dead");
    assert!(
        line(&client, "SELECT error FROM sync_runs WHERE mode = 'full' AND status = 'failed'")
            .await?
            .contains("ten workers")
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn organizations_without_a_usable_id_leave_nothing_hanging() -> Result {
    let (_db, client) = open().await?;
    client
        .execute(
            "UPDATE platform_accounts SET organization_ids = '{}', discovered_at = NULL WHERE platform = 'eventbrite'",
            &[],
        )
        .await?;
    line(&client, "SELECT begin_discovery('eventbrite', 'default', 'manual', 2)").await?;
    let call = &claim(&client, 10).await?[0];
    let answer = json!({"organizations": [{"id": "a b"}, {"id": "../x"}], "pagination": {"has_more_items": false}});
    complete(&client, call, 200, &answer).await?;
    assert_eq!(
        line(&client, "SELECT status, error FROM sync_runs").await?,
        "failed|the credential sees no organization"
    );
    client
        .execute("UPDATE platform_accounts SET organization_ids = '{a b}' WHERE platform = 'eventbrite'", &[])
        .await?;
    for number in 0..50 {
        wanted(&client, &format!("{number}"), "hint").await?;
    }
    assert_eq!(claim(&client, 10).await?.len(), 4, "one by one, since there is no list");
    assert_eq!(line(&client, "SELECT count(*) FROM sync_runs WHERE status = 'running'").await?, "0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_attendees_of_an_order_may_be_asked_for_twice_at_once() -> Result {
    let (_db, client) = open().await?;
    let add = "INSERT INTO fetch_jobs (platform, path, kind) VALUES ('eventbrite', $1, 'attendees')";
    for path in ["/v3/orders/1/attendees/", "/v3/orders/1/attendees/?continuation=c"] {
        client.execute(add, &[&path]).await?;
    }
    let calls = claim(&client, 1).await?;
    let more = json!({"attendees": [eventbrite_attendee("1", "a", "2026-03-01T10:00:00Z", 2500, json!({}))],
        "pagination": {"has_more_items": true, "continuation": "c"}});
    assert_eq!(complete(&client, &calls[0], 200, &more).await?, "done");
    assert_eq!(claim(&client, 10).await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_names_no_event_gets_the_one_that_was_asked_about() -> Result {
    let (_db, client) = open().await?;
    line(&client, "SELECT link_event('humanitix', 'evt', 'ours')").await?;
    line(&client, "SELECT sync_event('ours')").await?;
    for call in claim(&client, 10).await? {
        let bare = json!([{"_id": "o", "orderId": "o", "currency": "AUD", "updatedAt": "2026-03-01T10:00:00.000Z"}]);
        let page = json!({"total": 1, "orders": bare, "tickets": bare});
        assert_eq!(complete(&client, &call, 200, &page).await?, "done");
    }
    assert_eq!(line(&client, "SELECT external_event_id, event_id FROM ticket_sales").await?, "evt|ours");
    assert_eq!(line(&client, "SELECT changed FROM replay_webhooks('-infinity')").await?, "0");
    Ok(())
}
