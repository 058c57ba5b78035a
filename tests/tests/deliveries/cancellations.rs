//! Cancellations and refunds that a bridge tells: applied, or not confirmed. However their times are written, and again.

use boxoffice_tests::payloads::envelope;
use boxoffice_tests::sql::{SECRET, deliver, line, lines, open_humanitix};
use boxoffice_tests::{Database, Result};
use serde_json::{Value, json};
use tokio_postgres::Client;

const STATUS: &str = "SELECT refund_status FROM ticket_sales";

async fn open() -> Result<(Database, Client)> {
    let db = Database::create().await?;
    let client = db.client().await?;
    assert!(SECRET.len() >= 16);
    open_humanitix(&client).await?;
    client.batch_execute("SET timezone = 'UTC'").await?;
    Ok((db, client))
}

/// An envelope about the order with that timestamp, as it is, or none.
fn about(event_type: &str, timestamp: Option<Value>, order: &Value) -> String {
    let mut body = json!({"event_type": event_type, "data": {"event": {"id": "evt_1"}, "order": order}});
    if let Some(timestamp) = timestamp {
        body["timestamp"] = timestamp;
    }
    body.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_is_applied_whatever_its_time_looks_like() -> Result {
    let (_db, client) = open().await?;
    let times = [
        None,
        Some(json!(null)),
        Some(json!("")),
        Some(json!("soon")),
        Some(json!(1_772_445_605)),
        Some(json!("1772445605000")),
        Some(json!("Mon, 02 Mar 2026 10:00:05 +0000")),
        Some(json!("2026-03-02T10:00:05")),
        Some(json!("2026-03-02")),
    ];
    for (event_type, shown) in [("order.cancelled", "cancelled"), ("order.refunded", "refunded")] {
        for (n, time) in times.iter().enumerate() {
            let id = format!("{shown} {n}");
            deliver(&client, &envelope("order.created", &id, "2026-03-01T10:00:00Z", json!({}))).await?;
            for order in [
                json!({"id": id}),
                json!({"id": id, "created_at": "2026-03-01T10:00:00Z", "total_amount": 50, "currency": "AUD"}),
            ] {
                let receipt = deliver(&client, &about(event_type, time.clone(), &order)).await?;
                let status = line(&client, &format!("{STATUS} WHERE platform_order_id = '{id}'")).await?;
                assert_eq!((receipt.http_status, status.as_str()), (200, shown), "{time:?} {receipt:?}");
            }
        }
    }
    assert_eq!(lines(&client, "SELECT * FROM check_consistency()").await?, [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_arrival_stays_with_the_log_and_is_reused() -> Result {
    let (_db, client) = open().await?;
    deliver(&client, &envelope("order.created", "o", "2026-03-01T10:00:00Z", json!({}))).await?;
    let receipt = deliver(&client, &about("order.cancelled", None, &json!({"id": "o"}))).await?;
    assert_eq!(receipt.outcome, "processed");
    let same = "SELECT void_date = (SELECT created_at FROM webhook_logs WHERE event_type = 'order.cancelled') FROM ticket_sales";
    assert_eq!(line(&client, same).await?, "t");
    let states = "SELECT md5(state) FROM order_states";
    let before = line(&client, states).await?;
    // Replays, of one or of all, however late, say the same.
    client.batch_execute("UPDATE webhook_logs SET created_at = created_at").await?;
    let replayed =
        line(&client, "SELECT outcome FROM webhook_logs l, replay_webhook(l.id) WHERE event_type = 'order.cancelled'")
            .await?;
    assert_eq!(replayed, "duplicate");
    assert_eq!(line(&client, "SELECT replayed, changed FROM replay_webhooks('2000-01-01')").await?, "2|0");
    assert_eq!(line(&client, states).await?, before);
    // And from nothing.
    client.batch_execute("TRUNCATE ticket_sales, attendees, order_states").await?;
    assert_eq!(line(&client, "SELECT replayed, changed FROM replay_webhooks('2000-01-01')").await?, "2|2");
    assert_eq!(line(&client, same).await?, "t");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_newer_news_overrule_is_not_confirmed() -> Result {
    let (_db, client) = open().await?;
    deliver(&client, &envelope("order.updated", "o", "2026-03-05T10:00:00Z", json!({"status": "paid"}))).await?;
    let old = |kind| envelope(kind, "o", "2026-03-02T10:00:00Z", json!({}));
    // Of the same clock, a cancellation is the order's status then; the newest status counts.
    let receipt = deliver(&client, &old("order.cancelled")).await?;
    assert_eq!((receipt.outcome.as_str(), receipt.http_status), ("ignored", 200));
    assert!(receipt.message.contains("not applied") && !receipt.message.contains("success"), "{}", receipt.message);
    assert_eq!(line(&client, STATUS).await?, "none");
    let log = "SELECT status, notes[1] FROM webhook_logs WHERE event_type = 'order.cancelled'";
    assert!(line(&client, log).await?.starts_with("ignored|something newer is known"), "{}", line(&client, log).await?);
    let steps = "SELECT passed, detail FROM explain_webhook('humanitix', '{}', $$%$$) WHERE step = 'effect'"
        .replace('%', &old("order.cancelled"));
    assert!(line(&client, &steps).await?.starts_with("f|something newer is known"), "explained");
    // A refund is money that went back: a later "paid" does not take it back.
    assert_eq!(deliver(&client, &old("order.refunded")).await?.outcome, "processed");
    assert_eq!(line(&client, STATUS).await?, "refunded");
    // One that is known is no contradiction.
    assert_eq!(deliver(&client, &old("order.refunded")).await?.outcome, "duplicate");
    let receipt = deliver(&client, &old("order.updated")).await?;
    assert!(!receipt.message.contains("success"), "nothing was done: {}", receipt.message);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_from_the_far_future_freezes_nothing() -> Result {
    let (_db, client) = open().await?;
    let created = envelope("order.created", "o", "2999-01-01T00:00:00Z", json!({}));
    deliver(&client, &created).await?;
    let note = "SELECT count(*) FROM webhook_logs WHERE array_to_string(notes, ' ') LIKE '%lies in the future%'";
    assert_eq!(line(&client, note).await?, "1");
    assert_eq!(deliver(&client, &about("order.cancelled", None, &json!({"id": "o"}))).await?.outcome, "processed");
    assert_eq!(line(&client, STATUS).await?, "cancelled");
    // The same for answers of the API, whether or not it is known when they were asked for.
    for (id, asked) in [("a", "NULL"), ("b", "now()")] {
        for (changed, name) in [("2999-01-01T00:00:00Z", "Future"), ("2026-03-01T10:00:00Z", "Past")] {
            let body = json!({"id": id, "event_id": "20", "status": "placed", "changed": changed, "name": name,
                "costs": {"gross": {"currency": "AUD", "value": 100}}});
            line(&client, &format!("SELECT items FROM apply_resource('eventbrite', 'order', $${body}$$, {asked})"))
                .await?;
        }
        let later = "UPDATE ticket_sales SET source_version = source_version WHERE source_version > now() + interval '1 minute' RETURNING 1";
        assert_eq!(lines(&client, later).await?, [""; 0]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_the_status_out_does_not_undo_a_cancellation() -> Result {
    let (_db, client) = open().await?;
    let query = "SELECT refund_status, valid_quantity, refund_amount, kept_amount, payment_status FROM ticket_sales";
    deliver(&client, &envelope("order.created", "a", "2026-03-01T10:00:00Z", json!({}))).await?;
    deliver(&client, &envelope("order.cancelled", "a", "2026-03-02T10:00:00Z", json!({}))).await?;
    let cancelled = line(&client, query).await?;
    assert!(cancelled.starts_with("cancelled|0|0.00|0.00"), "{cancelled}");
    let thin = |event_type: &str, at: &str, more: Value| {
        let mut order = json!({"id": "a", "customer_name": "Ada Again"});
        order.as_object_mut().into_iter().for_each(|order| order.extend(more.as_object().cloned().unwrap_or_default()));
        about(event_type, Some(json!(at)), &order)
    };
    deliver(&client, &thin("order.updated", "2026-03-03T10:00:00Z", json!({}))).await?;
    assert_eq!(line(&client, query).await?, cancelled);
    for (n, more) in [json!({}), json!({"status": "cancelled"})].into_iter().enumerate() {
        let mut more = more;
        more["refund_amount"] = json!(30);
        deliver(&client, &thin("order.refunded", &format!("2026-03-04T1{n}:00:00Z"), more)).await?;
        assert_eq!(line(&client, query).await?.split('|').take(3).collect::<Vec<_>>(), ["partial", "0", "30.00"]);
    }
    // A status that says so brings it back.
    deliver(&client, &thin("order.updated", "2026-03-05T10:00:00Z", json!({"status": "complete"}))).await?;
    assert_ne!(line(&client, "SELECT valid_quantity FROM ticket_sales").await?, "0");
    assert_eq!(lines(&client, "SELECT * FROM check_consistency()").await?, [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_of_nothing_says_so_and_of_more_than_was_paid_is_cut() -> Result {
    let (_db, client) = open().await?;
    for order in ["none", "more"] {
        deliver(&client, &envelope("order.created", order, "2026-03-01T10:00:00Z", json!({}))).await?;
    }
    let nothing = json!({"status": "refunded", "refund_amount": 0});
    let receipt = deliver(&client, &envelope("order.refunded", "none", "2026-03-02T10:00:00Z", nothing)).await?;
    let notes = format!("SELECT notes::text FROM webhook_logs WHERE id = {}", receipt.log_id.unwrap_or_default());
    assert!(line(&client, &notes).await?.contains("is 0: nothing was given back"));
    let more = json!({"refund_amount": 10_000});
    deliver(&client, &envelope("order.refunded", "more", "2026-03-02T10:00:00Z", more)).await?;
    let sale = "SELECT platform_order_id, refund_status, total_amount - refund_amount - kept_amount FROM ticket_sales ORDER BY 1";
    assert_eq!(lines(&client, sale).await?, ["more|refunded|0.00", "none|none|0.00"]);
    Ok(())
}
