//! What the operator sees, and how deliveries are tried and applied again.

use boxoffice_tests::payloads::{self, envelope};
use boxoffice_tests::pump::{announce, claim, complete};
use boxoffice_tests::sql::{deliver, ingest, line, lines, open_humanitix};
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
