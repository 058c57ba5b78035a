//! The queries that people have in their notes run as they stand there, in `psql` and through a driver.

use boxoffice_tests::payloads::{self, envelope};
use boxoffice_tests::sql::{apply, deliver, line, lines, open_humanitix};
use boxoffice_tests::{Database, Result, program};
use serde_json::json;
use tokio_postgres::Client;

/// Word for word, with the comments and the blank at a line's end.
const QUERIES: &str = "-- View ticket sales for an event
SELECT * FROM ticket_sales \nWHERE event_id = 'your-event-id'
ORDER BY purchase_date DESC;

-- Get sales analytics
SELECT * FROM ticket_sales_analytics
WHERE event_id = 'your-event-id';

-- Check attendee check-in status
SELECT * FROM attendee_checkin_status
WHERE event_id = 'your-event-id';

-- Monitor webhook activity
SELECT * FROM webhook_logs
WHERE platform = 'humanitix'
ORDER BY created_at DESC
LIMIT 20;
";

/// Three orders of the linked event, one of another, one of the other platform, a refund.
async fn fill(client: &Client) -> Result {
    open_humanitix(client).await?;
    line(client, "SELECT link_event('humanitix', 'evt_1', 'your-event-id')").await?;
    line(client, "SELECT link_event('eventbrite', '234567890123', 'your-event-id')").await?;
    for (order, day) in [("first", 1), ("third", 3), ("second", 2)] {
        let changes = json!({
            "created_at": format!("2026-03-0{day}T10:00:00Z"),
            "attendees": [{"id": format!("{order}-a"), "name": "Ada"}, {"id": format!("{order}-b"), "name": "Bob"}],
        });
        deliver(client, &envelope("order.created", order, &format!("2026-03-0{day}T10:00:00Z"), changes)).await?;
    }
    let refund = json!({"refund_amount": 50, "status": "refunded"});
    deliver(client, &envelope("order.refunded", "second", "2026-03-04T10:00:00Z", refund)).await?;
    deliver(client, payloads::SAMPLE_CREATED).await?;
    apply(client, "eventbrite", "order", payloads::SAMPLE_ORDER, None).await?;
    Ok(())
}

fn query(number: usize) -> &'static str {
    QUERIES.split_inclusive(';').nth(number).unwrap_or_default()
}

/// The values of one column of a query, as text.
async fn column(client: &Client, query: &str, name: &str) -> Result<Vec<String>> {
    let inner = query.trim_end().trim_end_matches(';');
    lines(client, &format!("SELECT q.{name} FROM (\n{inner}\n) q")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn they_run_on_a_database_without_data() -> Result {
    let db = Database::create().await?;
    assert_eq!(program::psql(&db.url(), QUERIES)?, [""; 0]);
    assert_eq!(lines(&db.client().await?, QUERIES).await?, [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn they_show_what_was_ingested() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    fill(&client).await?;

    let orders = column(&client, query(0), "platform_order_id").await?;
    assert_eq!(orders, ["third", "second", "first", "345678901234"]);
    let seen = column(&client, query(0), "refund_status").await?;
    assert_eq!(seen, ["none", "refunded", "none", "none"]);

    for (name, values) in [
        ("event_title", ["Friday Night", "Friday Night"]),
        ("currency", ["AUD", "USD"]),
        ("total_orders", ["2", "1"]),
        ("total_tickets_sold", ["4", "1"]),
        ("gross_revenue", ["100.00", "44.00"]),
        ("net_revenue", ["100.00", "38.50"]),
        ("average_order_value", ["50.00", "44.00"]),
        ("humanitix_orders", ["2", "0"]),
        ("eventbrite_orders", ["0", "1"]),
        ("manual_orders", ["0", "0"]),
        ("refunded_orders", ["1", "0"]),
        ("total_refunds", ["50.00", "0.00"]),
        ("cancelled_orders", ["0", "0"]),
        ("sales_last_7_days", ["0", "0"]),
        ("capacity_utilization_percent", ["-", "-"]),
    ] {
        let mut found = column(&client, query(1), &format!("currency, q.{name}")).await?;
        found.sort();
        let expected = [format!("AUD|{}", values[0]), format!("USD|{}", values[1])];
        assert_eq!(found, expected, "{name}");
    }

    // The show was on 6 March 2026: who has not come by now does not come.
    let door = "total_attendees, q.checked_in, q.not_checked_in, q.no_shows, q.cancelled, q.checkin_percentage,
        q.humanitix_attendees, q.eventbrite_attendees, q.manual_attendees";
    assert_eq!(column(&client, query(2), door).await?, ["7|0|0|5|2|0.00|6|1|0"]);

    let mut log = column(&client, query(3), "event_type").await?;
    log.sort();
    let created = "order.created";
    assert_eq!(log, [created, created, created, created, "order.refunded"]);

    // And psql shows the same rows, one query after the other.
    let printed = program::psql(&db.url(), QUERIES)?;
    assert_eq!(printed.len(), 4 + 2 + 1 + 5, "{printed:#?}");
    assert!(printed[0].starts_with("humanitix|third|your-event-id|evt_1|"), "{}", printed[0]);
    assert!(printed[6].starts_with("your-event-id|"), "{}", printed[6]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_views_say_zero_where_nothing_was_sold_and_know_when_a_show_is_over() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    client
        .batch_execute(
            "INSERT INTO ticket_events (event_id, title, venue, starts_at, capacity) VALUES
                ('empty', 'Nobody came', 'Nowhere', now() + interval '1 day', 10),
                ('over', 'Yesterday', 'Here', now() - interval '1 day', 4)",
        )
        .await?;
    let query = "SELECT event_id, total_orders, total_tickets_sold, gross_revenue, average_order_value, refunded_orders, total_refunds,
        first_sale_date, sales_last_7_days, capacity_utilization_percent, net_revenue, orders_without_quantity
        FROM ticket_sales_analytics WHERE event_id = 'empty'";
    assert_eq!(line(&client, query).await?, "empty|0|0|0|0|0|0|-|0|0.00|0|0");
    let door = "SELECT event_id, total_attendees, checked_in, not_checked_in, no_shows, cancelled, checkin_percentage
        FROM attendee_checkin_status ORDER BY 1";
    assert_eq!(lines(&client, door).await?, ["empty|0|0|0|0|0|0", "over|0|0|0|0|0|0"]);

    line(&client, "SELECT link_event('eventbrite', '2000000000001', 'over')").await?;
    let people = [("1", json!({"checked_in": true})), ("2", json!({})), ("3", json!({"cancelled": true}))]
        .map(|(id, changes)| payloads::eventbrite_attendee("77", id, "2026-03-01T10:00:00Z", 1000, changes));
    let order = payloads::eventbrite_order("77", "2026-03-01T10:00:00Z", 3000, &people, json!({}));
    apply(&client, "eventbrite", "order", &order, None).await?;
    assert_eq!(lines(&client, door).await?[1], "over|3|1|0|1|1|50.00");
    let query =
        "SELECT total_tickets_sold, capacity_utilization_percent FROM ticket_sales_analytics WHERE event_id = 'over'";
    assert_eq!(line(&client, query).await?, "2|50.00");
    Ok(())
}
