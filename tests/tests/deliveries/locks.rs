//! What others hold: a locked order is tried again later, and the deliveries that came with it go on.

use boxoffice_tests::payloads::envelope;
use boxoffice_tests::sql::{deliver, failed, ingest_many, line, lines, open_humanitix, signed};
use boxoffice_tests::{Database, Result, sign};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// A call that waited for its locks would end by this, and fail its test.
const LIMIT: &str = "SET statement_timeout = '12s'";
const TOKEN: &str = "a-path-token-of-the-tests";

async fn open() -> Result<(Database, Client)> {
    let db = Database::create().await?;
    let client = db.client().await?;
    open_humanitix(&client).await?;
    client.execute("SELECT set_path_token('eventbrite', $1)", &[&TOKEN]).await?;
    client.batch_execute(LIMIT).await?;
    Ok((db, client))
}

fn created(order: &str) -> String {
    let people = json!([{"id": format!("{order}-a"), "name": "Ada Lovelace"}]);
    envelope("order.created", order, "2026-03-01T10:00:00Z", json!({"attendees": people}))
}

fn updated(order: &str) -> String {
    let people = json!([{"id": format!("{order}-a"), "name": "Countess Lovelace"}]);
    let changes = json!({"attendees": people, "total_amount": 60});
    envelope("order.updated", order, "2026-03-01T11:00:00Z", changes)
}

async fn outcomes(client: &Client, bodies: &[String]) -> Result<Vec<String>> {
    let items: Vec<_> = bodies.iter().map(|body| ("humanitix", signed(body), body.as_bytes())).collect();
    Ok(ingest_many(client, &items).await?.into_iter().map(|receipt| receipt.outcome).collect())
}

/// Another session that holds what these statements lock, in a transaction that goes on.
async fn holder(db: &Database, statements: &str) -> Result<Client> {
    let client = db.client().await?;
    client.batch_execute(&format!("BEGIN; {statements}")).await?;
    Ok(client)
}

async fn retry(client: &Client) -> Result<String> {
    client.batch_execute("UPDATE webhook_logs SET next_attempt_at = now() WHERE status = 'failed'").await?;
    line(client, "SELECT * FROM retry_failed_webhooks()").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_order_fails_alone_and_heals() -> Result {
    for what in [
        "SELECT FROM order_states WHERE platform_order_id = 'held' FOR UPDATE",
        "SELECT FROM ticket_sales WHERE platform_order_id = 'held' FOR UPDATE",
        "UPDATE attendees SET name = 'Ada' WHERE platform_order_id = 'held'",
        "DELETE FROM ticket_sales WHERE platform_order_id = 'held'",
    ] {
        let (db, client) = open().await?;
        assert_eq!(outcomes(&client, &["a", "held", "z"].map(created)).await?, ["processed"; 3]);
        let other = holder(&db, what).await?;
        let bodies = ["z", "held", "new", "a"].map(updated);
        assert_eq!(outcomes(&client, &bodies).await?, ["processed", "failed", "processed", "processed"], "{what}");
        // One alone, as SQL callers send it.
        let receipt = deliver(&client, &updated("held")).await?;
        assert_eq!((receipt.outcome.as_str(), receipt.http_status), ("failed", 202), "{what}");
        let query =
            "SELECT DISTINCT error_code, attempts, next_attempt_at > now() FROM webhook_logs WHERE status = 'failed'";
        assert_eq!(line(&client, query).await?, "55P03|1|t", "{what}");
        // Still held: the next try fails as well, and waits for nobody.
        assert_eq!(retry(&client).await?, "2|0|2|0", "{what}");
        other.batch_execute("ROLLBACK").await?;
        assert_eq!(retry(&client).await?, "2|2|0|0", "{what}");
        let query = "SELECT platform_order_id, total_amount, a.name FROM ticket_sales JOIN attendees a USING (platform, platform_order_id) ORDER BY 1";
        let expected: Vec<String> = ["a", "held", "new", "z"].map(|o| format!("{o}|60.00|Countess Lovelace")).into();
        assert_eq!(lines(&client, query).await?, expected, "{what}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_another_session_is_making_fails_alone() -> Result {
    let (db, client) = open().await?;
    // The event is known, or everything of it would wait.
    deliver(&client, &created("zero")).await?;
    let other = db.client().await?;
    other.batch_execute("BEGIN").await?;
    deliver(&other, &created("held")).await?;
    assert_eq!(outcomes(&client, &["a", "held"].map(updated)).await?, ["processed", "failed"]);
    other.batch_execute("COMMIT").await?;
    assert_eq!(retry(&client).await?, "1|1|0|0");
    assert_eq!(line(&client, "SELECT sum(total_amount) FROM ticket_sales").await?, "170.00");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_hint_and_a_held_event_fail_alone() -> Result {
    let (db, client) = open().await?;
    let hint = |order: &str| {
        let url = format!("https://www.eventbriteapi.com/v3/orders/{order}/");
        json!({"config": {"action": "order.placed"}, "api_url": url}).to_string()
    };
    let token = json!({":path-token": TOKEN});
    let (first, second) = (hint("1"), hint("2"));
    ingest_many(&client, &[("eventbrite", token.clone(), first.as_bytes())]).await?;
    // It waits for a later time, so the next hint about it brings it forward.
    client.batch_execute("UPDATE fetch_jobs SET due_at = now() + interval '1 hour'").await?;
    let other = holder(&db, "SELECT FROM fetch_jobs FOR UPDATE; INSERT INTO ticket_platforms (platform, external_event_id) VALUES ('humanitix', 'evt_1')").await?;
    // The row of the event is not there yet for anybody else, so its deliveries wait for it.
    let order = created("o");
    let elsewhere = created("p").replace("evt_1", "evt_2");
    let items: Vec<(&str, Value, &[u8])> = vec![
        ("eventbrite", token.clone(), first.as_bytes()),
        ("humanitix", signed(&order), order.as_bytes()),
        ("eventbrite", token, second.as_bytes()),
        ("humanitix", signed(&elsewhere), elsewhere.as_bytes()),
    ];
    let receipts = ingest_many(&client, &items).await?;
    let outcomes: Vec<&str> = receipts.iter().map(|r| r.outcome.as_str()).collect();
    assert_eq!(outcomes, ["failed", "failed", "queued", "processed"]);
    other.batch_execute("ROLLBACK").await?;
    assert_eq!(retry(&client).await?, "2|2|0|0");
    assert_eq!(line(&client, "SELECT count(*) FROM fetch_jobs WHERE status = 'waiting'").await?, "2");
    assert_eq!(line(&client, "SELECT count(*) FROM ticket_sales").await?, "2");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_with_a_locked_order_gives_the_others() -> Result {
    let (db, client) = open().await?;
    deliver(&client, &created("held")).await?;
    let other = holder(&db, "SELECT FROM order_states FOR UPDATE").await?;
    let order =
        |id: &str| json!({"_id": id, "eventId": "evt_1", "currency": "AUD", "updatedAt": "2026-03-01T12:00:00.000Z"});
    let page = json!({"total": 3, "orders": [order("b"), order("held"), order("y")]}).to_string();
    let query = "SELECT orders_changed, notes[1] LIKE 'kept, could not be applied yet (55P03)%' FROM apply_resource('humanitix', 'orders', $1::text)";
    let row = client.query_one(query, &[&page]).await?;
    assert_eq!((row.get::<_, i32>(0), row.get::<_, bool>(1)), (2, true));
    other.batch_execute("ROLLBACK").await?;
    assert_eq!(retry(&client).await?, "1|1|0|0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_table_keeps_many_deliveries_and_waits_for_none_of_them() -> Result {
    let (db, client) = open().await?;
    let other = holder(&db, "LOCK TABLE ticket_sales").await?;
    let bodies: Vec<String> = (0..256).map(|n| created(&format!("o{n}"))).collect();
    assert_eq!(outcomes(&client, &bodies).await?, ["failed"; 256]);
    other.batch_execute("ROLLBACK").await?;
    assert_eq!(retry(&client).await?, "256|256|0|0");
    assert_eq!(line(&client, "SELECT count(*), sum(total_amount) FROM ticket_sales").await?, "256|12800.00");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_every_delivery_needs_ends_the_call() -> Result {
    let (db, client) = open().await?;
    // Past the first one, so that settings are in memory.
    deliver(&client, &created("a")).await?;
    for what in ["SELECT link_event('humanitix', 'evt_1', 'ours')", "LOCK TABLE webhook_logs"] {
        let other = holder(&db, what).await?;
        let bodies = [created("b"), updated("a")];
        let items: Vec<_> = bodies.iter().map(|body| ("humanitix", signed(body), body.as_bytes())).collect();
        let error = ingest_many(&client, &items).await.err().and_then(|e| e.downcast::<tokio_postgres::Error>().ok());
        let code = error.map(|error| failed(&error)).transpose()?.map(|error| error.code);
        assert_eq!(code.as_deref(), Some("55P03"), "{what}");
        other.batch_execute("ROLLBACK").await?;
        assert_eq!(line(&client, "SELECT count(*) FROM webhook_logs").await?, "1", "{what}");
    }
    assert_eq!(outcomes(&client, &[created("b"), updated("a")]).await?, ["processed"; 2]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_count_of_rejections_holds_nobody_up() -> Result {
    let (db, client) = open().await?;
    let body = created("o");
    let forged = json!({"x-humanitix-signature": sign::hex("another key", body.as_bytes())});
    let items: Vec<(&str, Value, &[u8])> =
        vec![("humanitix", forged, body.as_bytes()), ("humanitix", signed(&body), body.as_bytes())];
    assert_eq!(ingest_many(&client, &items).await?[1].outcome, "processed");
    for what in ["DELETE FROM webhook_rejections", "LOCK TABLE webhook_rejections"] {
        let other = holder(&db, what).await?;
        let receipts = ingest_many(&client, &items).await?;
        assert_eq!((receipts[0].http_status, receipts[1].outcome.as_str()), (401, "duplicate"), "{what}");
        other.batch_execute("ROLLBACK").await?;
    }
    // The first hold was passed by in another slot; the second left no slot.
    assert_eq!(line(&client, "SELECT sum(count), count(*) FROM webhook_rejections").await?, "2|2");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_own_patience_stays_as_it_is() -> Result {
    let (db, client) = open().await?;
    deliver(&client, &created("held")).await?;
    let other = holder(&db, "SELECT FROM order_states FOR UPDATE").await?;
    client.batch_execute("BEGIN; SET LOCAL lock_timeout = '7s'").await?;
    for outcome in ["failed", "failed"] {
        assert_eq!(deliver(&client, &updated("held")).await?.outcome, outcome);
        assert_eq!(line(&client, "SHOW lock_timeout").await?, "7s");
    }
    line(&client, "SELECT * FROM retry_failed_webhooks(include_dead => true)").await?;
    assert_eq!(line(&client, "SHOW lock_timeout").await?, "7s");
    client.batch_execute("COMMIT").await?;
    assert_eq!(line(&client, "SHOW lock_timeout").await?, "0");
    drop(other);
    Ok(())
}
