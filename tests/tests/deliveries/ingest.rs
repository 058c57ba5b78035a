//! The envelope convention, from the signed bytes to sales, attendees and the log.

use boxoffice_tests::payloads::{self, envelope};
use boxoffice_tests::sql::{SECRET, deliver, ingest, line, lines, open_humanitix, process};
use boxoffice_tests::{Database, Result, sign};
use serde_json::{Value, json};
use tokio_postgres::Client;

const SALE: &str =
    "SELECT platform_order_id, external_event_id, customer_name, ticket_quantity, valid_quantity, ticket_type,
    currency, total_amount, refund_status, refund_amount, net_amount, refund_date::text FROM ticket_sales ORDER BY 1";

async fn open() -> Result<(Database, Client)> {
    let db = Database::create().await?;
    let client = db.client().await?;
    open_humanitix(&client).await?;
    client.batch_execute("SET timezone = 'UTC'").await?;
    Ok((db, client))
}

/// Delivers it and returns the outcome.
async fn told(client: &Client, event_type: &str, timestamp: &str, changes: Value) -> Result<String> {
    Ok(deliver(client, &envelope(event_type, "ord_1", timestamp, changes)).await?.outcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_payload_of_the_old_system_is_understood() -> Result {
    let cases = [
        (payloads::TEST_CREATED, "ord_test123|evt_test123|Test User|2|2|General Admission|AUD|50.00|none|0.00|50.00|-"),
        (
            payloads::SAMPLE_CREATED,
            "ord_ABC123DEF456|evt_1234567890|John Doe|3|3|General Admission, VIP Seating|AUD|75.00|none|0.00|75.00|-",
        ),
        (
            payloads::LARGE_AMOUNT,
            "test-order-456|test-event-123|Test User|2|2|General Admission|AUD|5000.00|none|0.00|5000.00|-",
        ),
        (
            payloads::ENDPOINT_TEST,
            "test-order-789|test-event-123|Test Customer|2|2|General Admission|AUD|2500.00|none|0.00|2500.00|-",
        ),
        (payloads::WITH_FEES, "ord_fees_1|evt_fees|Fee Payer|2|2|General Admission|AUD|72.45|none|0.00|70.00|-"),
        // No date of the refund: the time of the envelope; no amount: all of it.
        (
            payloads::TEST_REFUNDED,
            "ord_test123|evt_test123|Test User|2|0|General Admission|AUD|50.00|refunded|50.00|0.00|2026-03-01 10:05:00+00",
        ),
        (
            payloads::SAMPLE_REFUNDED,
            "ord_ABC123DEF456|evt_1234567890|John Doe|3|0|General Admission, VIP Seating|AUD|75.00|refunded|75.00|0.00|2024-01-25 14:20:00+00",
        ),
    ];
    for (body, sale) in cases {
        let (_db, client) = open().await?;
        let receipt = deliver(&client, body).await?;
        assert_eq!((receipt.outcome.as_str(), receipt.http_status), ("processed", 200), "{body}");
        assert_eq!(lines(&client, SALE).await?, [sale], "{body}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_eventbrite_payload_of_the_old_system_is_a_hint_to_fetch() -> Result {
    let (_db, client) = open().await?;
    let token = "a-path-token-of-the-tests";
    client.execute("SELECT set_path_token('eventbrite', $1)", &[&token]).await?;
    for body in
        [payloads::EVENTBRITE_PLACED, payloads::EVENTBRITE_REFUNDED, payloads::SAMPLE_PLACED, payloads::EVENTBRITE_BARE]
    {
        let receipt = ingest(&client, "eventbrite", &json!({":path-token": token}), body.as_bytes()).await?;
        assert_eq!((receipt.outcome.as_str(), receipt.http_status), ("queued", 200), "{body}");
    }
    let jobs =
        lines(&client, "SELECT path, kind, resource_id, external_event_id, status FROM fetch_jobs ORDER BY id").await?;
    // Two hints about one order make one job.
    assert_eq!(
        jobs,
        [
            "/v3/orders/987654321/?expand=attendees,refund_requests|order|987654321|123456789|waiting",
            "/v3/orders/345678901234/?expand=attendees,refund_requests|order|345678901234|234567890123|waiting",
            "/v3/orders/12345/?expand=attendees,refund_requests|order|12345|-|waiting",
        ]
    );
    let applied =
        "SELECT items, orders_changed, attendees_changed, events_changed FROM apply_resource('eventbrite', 'order', ";
    assert_eq!(line(&client, &format!("{applied}$${}$$)", payloads::SAMPLE_ORDER)).await?, "1|1|1|1");
    let query =
        "SELECT s.customer_name, s.total_amount, s.fee_amount, s.currency, s.ticket_quantity, a.name, p.external_title
        FROM ticket_sales s JOIN attendees a USING (platform, platform_order_id)
        JOIN ticket_platforms p ON p.external_event_id = s.external_event_id";
    assert_eq!(line(&client, query).await?, "Jane Smith|44.00|5.50|USD|1|Jane Smith|Melbourne Comedy Festival Show");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_goes_its_way_and_late_news_do_not_turn_it_back() -> Result {
    let (_db, client) = open().await?;
    let now = "SELECT refund_status, refund_amount, refund_method, valid_quantity, refund_date::text FROM ticket_sales";
    let pending = json!({"status": "pending"});
    assert_eq!(told(&client, "order.created", "2026-03-01T10:00:00Z", pending).await?, "processed");
    assert_eq!(line(&client, now).await?, "none|0.00|-|2|-");
    assert_eq!(told(&client, "order.updated", "2026-03-01T10:01:00Z", json!({})).await?, "processed");
    assert_eq!(told(&client, "order.updated", "2026-03-01T10:01:00Z", json!({})).await?, "duplicate");
    let part = json!({"refund_amount": 20, "refunded_at": "2026-03-01T11:00:00Z"});
    assert_eq!(told(&client, "order.refunded", "2026-03-01T11:00:01Z", part).await?, "processed");
    assert_eq!(line(&client, now).await?, "partial|20.00|envelope|2|2026-03-01 11:00:00+00");
    // What was said before the refund arrives after it.
    assert_eq!(told(&client, "order.updated", "2026-03-01T10:30:00Z", json!({})).await?, "duplicate");
    assert_eq!(line(&client, now).await?, "partial|20.00|envelope|2|2026-03-01 11:00:00+00");
    // And what is said after it, without a word about the refund, does not take it back either.
    assert_eq!(told(&client, "order.updated", "2026-03-01T12:00:00Z", json!({})).await?, "processed");
    assert_eq!(line(&client, now).await?, "partial|20.00|envelope|2|2026-03-01 11:00:00+00");
    let rest = json!({"refund_amount": "50.00", "refunded_at": "2026-03-02T09:00:00Z", "status": "refunded"});
    assert_eq!(told(&client, "order.refunded", "2026-03-02T09:00:00Z", rest).await?, "processed");
    assert_eq!(line(&client, now).await?, "refunded|50.00|envelope|0|2026-03-01 11:00:00+00");
    assert_eq!(line(&client, "SELECT count(*), sum(net_amount) FROM ticket_sales").await?, "1|0.00");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_is_not_refunded_and_can_be_taken_back() -> Result {
    let (_db, client) = open().await?;
    let now = "SELECT refund_status, refund_amount, ticket_quantity, valid_quantity, net_amount FROM ticket_sales";
    told(&client, "order.cancelled", "2026-03-01T11:00:00Z", json!({"status": "cancelled"})).await?;
    assert_eq!(line(&client, now).await?, "cancelled|0.00|2|0|0.00");
    // Created arrives last: the older word does not win.
    told(&client, "order.created", "2026-03-01T10:00:00Z", json!({})).await?;
    assert_eq!(line(&client, now).await?, "cancelled|0.00|2|0|0.00");
    told(&client, "order.updated", "2026-03-01T12:00:00Z", json!({})).await?;
    assert_eq!(line(&client, now).await?, "none|0.00|2|2|50.00");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn free_orders_and_currencies_without_cents() -> Result {
    let (_db, client) = open().await?;
    let one = |id: &str, changes: Value| envelope("order.created", id, "2026-03-01T10:00:00Z", changes);
    deliver(&client, &one("free", json!({"total_amount": 0, "status": "free"}))).await?;
    deliver(&client, &one("exact", json!({"total_amount": "0.1", "currency": "aud"}))).await?;
    deliver(&client, &one("kuwait", json!({"total_amount": 12.3456, "currency": "KWD"}))).await?;
    deliver(&client, &one("yen", json!({"total_amount": 5000, "currency": "JPY", "tickets": []}))).await?;
    let query =
        "SELECT platform_order_id, total_amount, currency, refund_amount, ticket_quantity FROM ticket_sales ORDER BY 1";
    assert_eq!(
        lines(&client, query).await?,
        ["exact|0.10|AUD|0.00|2", "free|0.00|AUD|0.00|2", "kuwait|12.346|KWD|0.000|2", "yen|5000|JPY|0|0"]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attendees_come_with_both_spellings_and_follow_their_order() -> Result {
    let (_db, client) = open().await?;
    let people = json!([
        {"id": "a1", "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.org", "ticket_type": "VIP", "price": 30},
        {"id": "a2", "firstName": "Charles", "lastName": "Babbage", "ticketTypeName": "General", "price": "20.00"},
    ]);
    let buyer =
        json!({"firstName": "Ada", "lastName": "Lovelace", "email": "ada@example.org", "mobile": "+61400000000"});
    let full = json!({"attendees": people, "customer": buyer, "tickets": null});
    told(&client, "order.created", "2026-03-01T10:00:00Z", full).await?;
    let seats = "SELECT platform_attendee_id, name, email, ticket_type, ticket_price, status, external_event_id FROM attendees ORDER BY 1";
    assert_eq!(
        lines(&client, seats).await?,
        [
            "a1|Ada Lovelace|ada@example.org|VIP|30.00|registered|evt_1",
            "a2|Charles Babbage|-|General|20.00|registered|evt_1"
        ]
    );
    let sale = "SELECT customer_name, customer_phone, ticket_quantity, ticket_type FROM ticket_sales";
    assert_eq!(line(&client, sale).await?, "Ada Lovelace|+61400000000|2|General, VIP");
    told(&client, "order.cancelled", "2026-03-02T10:00:00Z", json!({})).await?;
    assert_eq!(
        line(&client, "SELECT count(*), min(status), max(status) FROM attendees").await?,
        "2|cancelled|cancelled"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_can_be_processed_by_hand() -> Result {
    let (_db, client) = open().await?;
    let mut created: Value = serde_json::from_str(payloads::TEST_CREATED)?;
    created["data"]["order"]["id"] = "test_order_1".into();
    let receipt = process(&client, "humanitix", "order.created", &created["data"]).await?;
    assert_eq!((receipt.outcome.as_str(), receipt.message.contains("successfully")), ("processed", true));
    let query = "SELECT customer_email, ticket_quantity, total_amount = 50, refund_status FROM ticket_sales";
    assert_eq!(line(&client, query).await?, "test@example.com|2|t|none");

    let refund = json!({"event": {"id": "evt_test123"}, "order": {"id": "test_order_1", "total_amount": 50.00}});
    assert_eq!(process(&client, "humanitix", "order.refunded", &refund).await?.outcome, "processed");
    // So little was said; what was known before stays.
    let query = "SELECT refund_status, refund_amount, refund_date IS NOT NULL, ticket_quantity, customer_email, currency FROM ticket_sales";
    assert_eq!(line(&client, query).await?, "refunded|50.00|t|2|test@example.com|AUD");

    let receipt = process(&client, "humanitix", "test.event", &json!({"test": true})).await?;
    assert_eq!((receipt.outcome.as_str(), receipt.http_status), ("ignored", 200));
    let query =
        "SELECT event_type, source, verified_by, status, convert_from(body, 'UTF8')::jsonb -> 'data' FROM webhook_logs
        WHERE event_type = 'test.event'";
    assert_eq!(line(&client, query).await?, r#"test.event|manual|trusted|ignored|{"test": true}"#);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_keeps_the_exact_bytes_and_no_credential() -> Result {
    let (_db, client) = open().await?;
    let body = "{ \"event_type\" : \"order.created\",\n\t\"data\": {\"order\": {\"id\":\"o\\u0000 1\"}}, \"x\": \"é\u{1F39F}\" }\r\n";
    let headers = json!({
        "X-Humanitix-Signature": [sign::hex("an older key", body.as_bytes()), sign::hex(SECRET, body.as_bytes())],
        "authorization": "Bearer abc", "cookie": "session=abc", "x-api-key": "abc", ":path-token": "abc", "x-session-token": "abc",
        ":remote-addr": "192.0.2.1", "user-agent": "bridge/1", "accept": ["a", "b"],
    });
    let receipt = ingest(&client, "humanitix", &headers, body.as_bytes()).await?;
    assert_eq!(receipt.outcome, "processed", "{}", receipt.message);
    let query = "SELECT id, platform, event_type, source, status, processed, attempts, verified_by, error_message, next_attempt_at,
        processed_at = created_at, platform_order_id FROM webhook_logs";
    let id = receipt.log_id.unwrap_or_default();
    let expected = format!("{id}|humanitix|order.created|webhook|processed|t|1|signature|-|-|t|");
    let found = line(&client, query).await?;
    assert!(found.starts_with(&expected), "{found}");
    assert!(!line(&client, "SELECT platform_order_id FROM ticket_sales").await?.contains('\0'));
    let row = client.query_one("SELECT body, headers FROM webhook_logs", &[]).await?;
    assert_eq!(row.get::<_, &[u8]>(0), body.as_bytes());
    let gone = "[redacted]";
    let kept = json!({
        "x-humanitix-signature": [gone, gone], "authorization": gone, "cookie": gone, "x-api-key": gone, ":path-token": gone,
        "x-session-token": gone, ":remote-addr": "192.0.2.1", "user-agent": "bridge/1", "accept": ["a", "b"],
    });
    assert_eq!(row.get::<_, Value>(1), kept);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_order_is_kept_and_said_so() -> Result {
    let (_db, client) = open().await?;
    let cases = [
        (r#"{"event_type":"event.published","data":{}}"#, "ignored", 200, "event.published|ignored|t|-"),
        ("", "invalid", 400, "-|invalid|f|22P02"),
        (r#"{"invalid": json}"#, "invalid", 400, "-|invalid|f|22P02"),
        ("[1,2]", "invalid", 400, "-|invalid|f|22000"),
        (r#"{"event_type":"order.created","data":{"order":{}}}"#, "invalid", 400, "order.created|invalid|f|22000"),
        (
            r#"{"event_type":"order.created","data":{"order":{"id":"1","total_amount":1e400}}}"#,
            "invalid",
            400,
            "order.created|invalid|f|22003",
        ),
    ];
    for (body, outcome, http_status, log) in cases {
        let receipt = deliver(&client, body).await?;
        assert_eq!(
            (receipt.outcome.as_str(), receipt.http_status),
            (outcome, http_status),
            "{body}: {}",
            receipt.message
        );
        let query = "SELECT event_type, status, processed, error_code FROM webhook_logs ORDER BY id DESC LIMIT 1";
        assert_eq!(line(&client, query).await?, log, "{body}");
    }
    let left = "SELECT (SELECT count(*) FROM ticket_sales), (SELECT count(*) FROM order_states), (SELECT count(*) FROM webhook_logs)";
    assert_eq!(line(&client, left).await?, "0|0|6");
    Ok(())
}
