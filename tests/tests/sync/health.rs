//! What the operator sees, and how deliveries are tried and applied again.

use boxoffice_tests::payloads::{self, envelope};
use boxoffice_tests::pump::{announce, claim, complete};
use boxoffice_tests::sql::{apply, deliver, ingest, line, lines, open_humanitix};
use boxoffice_tests::{Database, Result};
use serde_json::json;
use tokio_postgres::Client;

async fn open() -> Result<(Database, Client)> {
    let db = Database::create().await?;
    let client = db.client().await?;
    open_humanitix(&client).await?;
    Ok((db, client))
}

/// Deliveries in the log, one for each of these offsets from now.
async fn log(client: &Client, offsets: &str) -> Result {
    let add = format!(
        "INSERT INTO webhook_logs (platform, event_type, status, processed, verified_by, headers, body, created_at)
         SELECT 'humanitix', 'order.created', 'processed', true, 'signature', '{{}}', '', now() - o FROM {offsets} AS t (o)"
    );
    client.batch_execute(&add).await?;
    Ok(())
}

const SILENCE: &str =
    "SELECT silence, usual_in_silence, date_trunc('hour', silent_for) FROM webhook_health WHERE platform = 'humanitix'";

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_compared_with_the_same_hours_of_the_weeks_before() -> Result {
    let (_db, client) = open().await?;
    assert_eq!(line(&client, SILENCE).await?, "unknown|-|-", "nothing was ever heard");
    log(&client, "(VALUES (interval '3 hours 30 minutes'))").await?;
    assert_eq!(line(&client, SILENCE).await?, "unknown|-|03:00:00", "there is no week to compare with");
    // A quiet platform: one an hour on the day before, nothing in these hours of the weeks.
    log(&client, "(SELECT h * interval '1 hour' FROM generate_series(24, 47) h)").await?;
    log(&client, "(VALUES (interval '10 days'), (interval '20 days'))").await?;
    assert_eq!(line(&client, SILENCE).await?, "usual|0.0|03:00:00");
    // Four weeks ago, three, two and one: four an hour in these hours.
    for week in 1..=4 {
        log(
            &client,
            &format!("(SELECT {week} * interval '7 days' + interval '5 minutes' + q * interval '15 minutes' FROM generate_series(0, 24) q)"),
        )
        .await?;
    }
    assert_eq!(line(&client, SILENCE).await?, "unusual|14.0|03:00:00");
    log(&client, "(VALUES (interval '1 minute'))").await?;
    assert!(line(&client, SILENCE).await?.starts_with("usual|"), "heard a minute ago");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_says_something_from_the_first_day() -> Result {
    let (_db, client) = open().await?;
    let silence = "SELECT silence, usual_in_silence, silence_by FROM webhook_health WHERE platform = 'humanitix'";
    let fresh = "DELETE FROM webhook_logs; DELETE FROM sync_history";
    // The first afternoon: thirty in six hours, and nothing for two.
    log(&client, "(SELECT interval '2 hours' + n * interval '12 minutes' FROM generate_series(0, 30) n)").await?;
    assert_eq!(line(&client, silence).await?, "usual|10.0|hours");
    client.batch_execute(fresh).await?;
    log(&client, "(SELECT interval '2 hours' + n * interval '6 minutes' FROM generate_series(0, 60) n)").await?;
    assert_eq!(line(&client, silence).await?, "unusual|20.0|hours");
    client.batch_execute(fresh).await?;
    log(&client, "(SELECT interval '2 hours' + n * interval '1 second' FROM generate_series(0, 60) n)").await?;
    assert_eq!(line(&client, silence).await?, "unknown|-|-", "a rush of a minute says nothing about hours");

    // The third day: the same hours of the days before.
    client.batch_execute(fresh).await?;
    log(&client, "(SELECT interval '2 hours' + n * interval '20 minutes' FROM generate_series(0, 200) n)").await?;
    assert_eq!(line(&client, silence).await?, "unusual|6.0|days");
    client.batch_execute(fresh).await?;
    log(
        &client,
        "(SELECT d * interval '1 day' + h * interval '1 hour' FROM generate_series(0, 2) d, generate_series(8, 14) h)",
    )
    .await?;
    assert_eq!(line(&client, silence).await?, "usual|0.0|days", "nothing ever comes at this time of the day");

    // Whatever the hour: what synchronisations find first was not told.
    client.batch_execute(fresh).await?;
    log(&client, "(VALUES (interval '1 hour'))").await?;
    let found = "SELECT silence, found_in_silence, silence_by FROM webhook_health WHERE platform = 'humanitix'";
    let run = async |mode: &str, ago: &str, orders: i64| {
        let add = "INSERT INTO sync_history (platform, account, external_event_id, mode, reason, status, priority, started_at, finished_at, new_orders)
            VALUES ('humanitix', 'default', 'evt', $1, 'schedule', 'done', 3, now() - $2::text::interval, now(), $3)";
        client.execute(add, &[&mode, &ago, &orders]).await
    };
    run("full", "30 minutes", 500).await?;
    run("changes", "59 minutes", 10).await?;
    run("changes", "2 hours", 10).await?;
    assert_eq!(line(&client, found).await?, "unknown|0|-", "a first reading, before the silence, as the webhook came");
    run("changes", "30 minutes", 1).await?;
    run("reconcile", "20 minutes", 1).await?;
    assert_eq!(line(&client, found).await?, "unknown|2|-");
    run("changes", "10 minutes", 1).await?;
    assert_eq!(line(&client, found).await?, "unusual|3|synchronisation");
    log(&client, "(VALUES (interval '1 minute'))").await?;
    assert_eq!(line(&client, found).await?, "unknown|0|-");

    // Nothing was ever heard. Humanitix has no webhooks; Eventbrite should have been told to send them.
    client.execute("DELETE FROM webhook_logs", &[]).await?;
    client.execute("INSERT INTO sync_history (platform, account, mode, reason, status, priority, started_at, finished_at, new_orders)
        VALUES ('eventbrite', 'default', 'changes', 'schedule', 'done', 3, now() - interval '1 day', now(), 4)", &[]).await?;
    let all = "SELECT platform, silence FROM webhook_health ORDER BY 1";
    assert_eq!(lines(&client, all).await?, ["eventbrite|never", "humanitix|unknown"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_count_the_orders_that_nobody_had_told_of() -> Result {
    let (_db, client) = open().await?;
    announce(&client).await?;
    line(&client, "SELECT link_event('humanitix', 'evt', 'e')").await?;
    deliver(&client, &envelope("order.created", "told", "2026-03-01T10:00:00Z", json!({}))).await?;
    client
        .execute(
            "UPDATE ticket_platforms SET last_full_sync_at = now(), last_sync_at = now() - interval '2 hours'",
            &[],
        )
        .await?;
    client.execute("UPDATE platform_accounts SET discovered_at = now()", &[]).await?;
    client.query("SELECT * FROM run_due_tasks()", &[]).await?;
    let order = |id: &str| json!({"_id": id, "eventId": "evt", "currency": "AUD", "status": "complete", "updatedAt": "2026-03-01T10:00:00.000Z"});
    for call in claim(&client, 10).await? {
        let page = json!({"total": 3, "orders": [order("told"), order("new 1"), order("new 2")], "tickets": []});
        assert_eq!(complete(&client, &call, 200, &page).await?, "done");
    }
    assert_eq!(line(&client, "SELECT mode, status, new_orders FROM sync_history").await?, "changes|done|2");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_shows_its_last_delivery_and_deliveries_write_nothing_for_it() -> Result {
    let (db, client) = open().await?;
    client.execute("SELECT set_path_token('eventbrite', 'a-path-token-of-the-tests')", &[]).await?;
    for (platform, event) in
        [("humanitix", "evt_1234567890"), ("humanitix", "quiet"), ("eventbrite", "901"), ("eventbrite", "902")]
    {
        line(&client, &format!("SELECT link_event('{platform}', '{event}', '{event}')")).await?;
    }
    let last = "SELECT external_event_id, now() - last_delivery_at < interval '1 minute' FROM sync_status ORDER BY 1";
    assert_eq!(lines(&client, last).await?, ["901|-", "902|-", "evt_1234567890|-", "quiet|-"]);
    let rows = "SELECT string_agg(xmin::text, ' ' ORDER BY external_event_id) FROM ticket_platforms";
    // By the order, and by the event that the delivery itself names.
    deliver(&client, payloads::SAMPLE_CREATED).await?;
    // The first one told the title of the event.
    let before = line(&client, rows).await?;
    deliver(&client, payloads::SAMPLE_REFUNDED).await?;
    let token = json!({":path-token": "a-path-token-of-the-tests"});
    let hint = |path: &str| {
        json!({"config": {"action": "attendee.updated", "webhook_id": "5"}, "api_url": format!("https://www.eventbriteapi.com/v3/{path}")}).to_string()
    };
    ingest(&client, "eventbrite", &token, hint("events/901/attendees/5/").as_bytes()).await?;
    ingest(&client, "eventbrite", &token, hint("orders/34/").as_bytes()).await?;
    assert_eq!(lines(&client, last).await?, ["901|t", "902|-", "evt_1234567890|t", "quiet|-"]);
    // Whose order that is, is known once it was fetched.
    let order = json!({"id": "34", "event_id": "902", "changed": "2026-03-01T10:00:00Z", "costs": {"gross": {"currency": "AUD", "value": 100}}});
    apply(&client, "eventbrite", "order", &order.to_string(), None).await?;
    assert_eq!(lines(&client, last).await?[1], "902|t");
    assert_eq!(line(&client, rows).await?, before, "deliveries write nothing for it");

    // The tasks remember it, and go on where they were.
    let noted = "SELECT coalesce(sum(items), 0) FROM run_due_tasks() WHERE task = 'note_deliveries'";
    assert_eq!(line(&client, noted).await?, "0", "what is a minute old may have older ones still to come");
    client.execute("UPDATE webhook_logs SET created_at = created_at - interval '3 days'", &[]).await?;
    assert_eq!(line(&client, noted).await?, "3");
    let days = "SELECT external_event_id, date_trunc('day', now() - last_delivery_at) FROM sync_status ORDER BY 1";
    let expected = ["901|3 days", "902|3 days", "evt_1234567890|3 days", "quiet|-"];
    assert_eq!(lines(&client, days).await?, expected);
    let remembered = "SELECT count(last_delivery_at) FROM ticket_platforms";
    assert_eq!(line(&client, remembered).await?, "3");
    assert_eq!(line(&client, noted).await?, "0");
    client.execute("DELETE FROM webhook_logs", &[]).await?;
    assert_eq!(lines(&client, days).await?, expected, "also when the log is purged");
    deliver(&client, payloads::SAMPLE_CREATED).await?;
    client.execute("UPDATE webhook_logs SET created_at = now() - interval '2 minutes'", &[]).await?;
    line(&client, noted).await?;
    assert_eq!(line(&client, "SELECT date_trunc('minute', now() - last_delivery_at) FROM ticket_platforms WHERE external_event_id = 'evt_1234567890'").await?, "00:02:00");
    // What somebody else is changing is noted the next time.
    deliver(&client, payloads::SAMPLE_CREATED).await?;
    client.execute("UPDATE webhook_logs SET created_at = now() - interval '70 seconds' WHERE created_at > now() - interval '1 minute'", &[]).await?;
    let other = db.client().await?;
    other.batch_execute("BEGIN; SELECT FROM ticket_platforms FOR UPDATE").await?;
    assert_eq!(line(&client, noted).await?, "0");
    other.batch_execute("ROLLBACK").await?;
    assert_eq!(line(&client, noted).await?, "1");

    // It is looked up with the index, and not at all where nobody asks for it.
    client.execute("SET enable_seqscan = off", &[]).await?;
    let plan = lines(&client, "EXPLAIN SELECT last_delivery_at FROM sync_status").await?.join("\n");
    assert!(plan.contains("webhook_logs_created_at_idx"), "{plan}");
    let plan = lines(&client, "EXPLAIN SELECT state FROM sync_status").await?.join("\n");
    assert!(!plan.contains("webhook_logs"), "{plan}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_and_fetches_are_counted_by_what_became_of_them() -> Result {
    let (_db, client) = open().await?;
    announce(&client).await?;
    client.execute("SELECT set_path_token('eventbrite', 'a-path-token-of-the-tests')", &[]).await?;
    deliver(&client, payloads::SAMPLE_CREATED).await?;
    deliver(&client, payloads::SAMPLE_CREATED).await?;
    deliver(&client, "no JSON").await?;
    ingest(&client, "humanitix", &json!({"x-humanitix-signature": "00"}), b"forged").await?;
    let token = json!({":path-token": "a-path-token-of-the-tests"});
    ingest(&client, "eventbrite", &token, payloads::EVENTBRITE_PLACED.as_bytes()).await?;
    ingest(&client, "eventbrite", &token, payloads::EVENTBRITE_BARE.as_bytes()).await?;
    let health = "SELECT platform, received, processed, ignored, queued, invalid, failed, dead, rejected, fetches_waiting, fetches_dead
        FROM webhook_health ORDER BY 1";
    assert_eq!(lines(&client, health).await?, ["eventbrite|2|0|0|2|0|0|0|0|2|0", "humanitix|3|2|0|0|1|0|0|1|0|0"]);
    for (number, call) in claim(&client, 10).await?.iter().enumerate() {
        let status = if number == 0 { 400 } else { 500 };
        complete(&client, call, status, &json!({"error": "ARGUMENTS_ERROR"})).await?;
    }
    assert_eq!(lines(&client, health).await?[0], "eventbrite|2|0|0|2|0|0|0|0|1|1");
    let stale = "SELECT events_late, oldest_sync_at IS NULL FROM webhook_health WHERE platform = 'humanitix'";
    line(&client, "SELECT link_event('humanitix', 'still to come', 'e')").await?;
    assert_eq!(line(&client, stale).await?, "1|t", "linked and never synchronised");
    client.execute("UPDATE ticket_platforms SET last_sync_at = now(), last_full_sync_at = now()", &[]).await?;
    assert_eq!(line(&client, stale).await?, "0|f");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_failures_that_are_meant_are_tried_again() -> Result {
    let (_db, client) = open().await?;
    let trap = "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION USING ERRCODE = CASE WHEN NEW.platform_order_id LIKE 'a%' THEN '23514' ELSE '22000' END; END $$;
        CREATE TRIGGER trap BEFORE INSERT ON ticket_sales FOR EACH ROW EXECUTE FUNCTION public.refuse()";
    client.batch_execute(trap).await?;
    for (id, event) in [("a1", "order.created"), ("a2", "order.updated"), ("b1", "order.created")] {
        let body = envelope(event, id, "2026-03-01T10:00:00Z", json!({}));
        assert_eq!(deliver(&client, &body).await?.outcome, "failed");
    }
    client.batch_execute("DROP TRIGGER trap ON ticket_sales; UPDATE webhook_logs SET next_attempt_at = now()").await?;
    let tried = async |arguments: &str| {
        line(&client, &format!("SELECT tried, succeeded FROM retry_failed_webhooks({arguments})")).await
    };
    assert_eq!(tried("platform => 'eventbrite'").await?, "0|0");
    assert_eq!(tried("error_code => '22000'").await?, "1|1");
    assert_eq!(tried("event_type => 'order.updated'").await?, "1|1");
    assert_eq!(tried("100, true").await?, "1|1");
    assert_eq!(line(&client, "SELECT count(*) FROM ticket_sales").await?, "3");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_says_beforehand_what_it_would_change_and_then_does_that() -> Result {
    let (_db, client) = open().await?;
    deliver(&client, payloads::SAMPLE_CREATED).await?;
    deliver(&client, payloads::SAMPLE_REFUNDED).await?;
    deliver(&client, &envelope("order.created", "other", "2026-03-01T10:00:00Z", json!({}))).await?;
    let diff = "SELECT log_id, platform_order_id FROM replay_diff('-infinity') ORDER BY 1";
    assert_eq!(lines(&client, diff).await?, [""; 0]);
    let all = "SELECT s::text FROM (SELECT platform_order_id, total_amount, refund_status, refund_amount, customer_name, raw_data FROM ticket_sales) s ORDER BY 1";
    let before = lines(&client, all).await?;
    for table in ["order_states", "ticket_sales"] {
        client.execute(&format!("DELETE FROM {table} WHERE platform_order_id = 'ord_ABC123DEF456'"), &[]).await?;
    }
    assert_eq!(lines(&client, diff).await?, ["1|ord_ABC123DEF456", "2|ord_ABC123DEF456"]);
    let words = line(&client, "SELECT string_agg(change, '; ') FROM replay_diff('-infinity')").await?;
    assert!(words.contains("total_amount 75.00") && !words.contains("John"), "{words}");
    assert_eq!(line(&client, "SELECT count(*) FROM ticket_sales").await?, "1", "only looked");
    assert_eq!(
        line(&client, "SELECT replayed FROM replay_webhooks('-infinity', platform => 'eventbrite')").await?,
        "0"
    );
    assert_eq!(line(&client, "SELECT replayed FROM replay_webhooks(now() + interval '1 hour')").await?, "0");
    assert_eq!(line(&client, "SELECT replayed, changed, failed FROM replay_webhooks('-infinity')").await?, "3|2|0");
    assert_eq!(lines(&client, all).await?, before);
    assert_eq!(line(&client, "SELECT changed FROM replay_webhooks('-infinity')").await?, "0");
    Ok(())
}
