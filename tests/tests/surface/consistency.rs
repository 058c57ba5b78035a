//! `check_consistency()` finds each kind of contradiction, and none where only boxoffice has written.

use boxoffice_tests::payloads::{self, envelope};
use boxoffice_tests::sql::{apply, deliver, line, lines, open_humanitix, refusal};
use boxoffice_tests::{Database, Result};
use serde_json::json;
use tokio_postgres::Client;

async fn open() -> Result<(Database, Client)> {
    let db = Database::create().await?;
    let client = db.client().await?;
    open_humanitix(&client).await?;
    client.batch_execute("SELECT link_event('humanitix', 'evt_1', 'ours')").await?;
    let people = json!({"attendees": [{"id": "x", "name": "Ada"}]});
    deliver(&client, &envelope("order.created", "o", "2026-03-01T10:00:00Z", people)).await?;
    deliver(&client, "nonsense").await?;
    apply(&client, "eventbrite", "order", payloads::SAMPLE_ORDER, None).await?;
    Ok((db, client))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_contradiction_is_found() -> Result {
    let (_db, client) = open().await?;
    assert_eq!(lines(&client, "SELECT * FROM check_consistency()").await?, [""; 0]);
    for (harm, found) in [
        ("DELETE FROM order_states WHERE platform = 'humanitix'", "sale without a merge state|humanitix|o"),
        ("DELETE FROM ticket_sales WHERE platform = 'humanitix'", "attendee without a sale|humanitix|o x"),
        (
            "UPDATE ticket_sales SET valid_quantity = 7 WHERE platform_order_id = 'o'",
            "more valid tickets than bought|humanitix|o",
        ),
        (
            "UPDATE ticket_sales SET refund_amount = 51 WHERE platform_order_id = 'o'",
            "refunded more than charged|humanitix|o",
        ),
        (
            "UPDATE ticket_sales SET refund_status = 'cancelled', refund_amount = 1, kept_amount = 0, net_amount = 0 WHERE platform_order_id = 'o'",
            "cancelled without a refund, but with a refund amount|humanitix|o",
        ),
        (
            "UPDATE ticket_sales SET net_amount = kept_amount + 1 WHERE platform_order_id = 'o'",
            "amounts that contradict each other|humanitix|o",
        ),
        (
            "UPDATE ticket_sales SET kept_amount = total_amount + 1, net_amount = total_amount + 1 WHERE platform_order_id = 'o'",
            "amounts that contradict each other|humanitix|o",
        ),
        (
            "UPDATE ticket_sales SET payment_status = 'unpaid' WHERE platform_order_id = 'o'",
            "amounts that contradict each other|humanitix|o",
        ),
        (
            "UPDATE ticket_sales SET kept_amount = NULL WHERE platform_order_id = 'o'",
            "amounts that contradict each other|humanitix|o",
        ),
        (
            "UPDATE ticket_sales SET refund_status = 'cancelled', source_version = now() WHERE platform_order_id = 'o'",
            "taken back without a date|humanitix|o",
        ),
        (
            "UPDATE attendees SET refunded = true WHERE platform = 'humanitix'",
            "refunded attendee that may still come in|humanitix|o x",
        ),
        (
            "UPDATE ticket_sales SET event_id = 'theirs' WHERE platform_order_id = 'o'",
            "sale of another event than its platform event is linked to|humanitix|o",
        ),
        ("DELETE FROM ticket_events", "link to an event that does not exist|humanitix|evt_1"),
        (
            "INSERT INTO access_grants VALUES ('nobody at all', '*')",
            "right to read of a role that does not exist|-|nobody at all *",
        ),
        (
            "UPDATE webhook_logs SET id = DEFAULT, status = 'failed' WHERE event_type = 'order.created'",
            "failed delivery that nobody will try again|humanitix|",
        ),
    ] {
        client.batch_execute("BEGIN").await?;
        client.batch_execute(harm).await?;
        let problems = lines(&client, "SELECT * FROM check_consistency()").await?;
        assert!(problems.len() == 1 && problems[0].starts_with(found), "{harm}: {problems:#?}");
        client.batch_execute("ROLLBACK").await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_can_be_read_as_json_where_they_are_json() -> Result {
    let (_db, client) = open().await?;
    let query = "SELECT status, l.payload -> 'data' -> 'order' ->> 'id', payload(l) IS NULL FROM webhook_logs l WHERE platform = 'humanitix' ORDER BY id";
    assert_eq!(lines(&client, query).await?, ["processed|o|f", "invalid|-|t"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn old_deliveries_go_and_unfinished_ones_stay() -> Result {
    let (_db, client) = open().await?;
    client.batch_execute("UPDATE webhook_logs SET created_at = now() - interval '500 days'").await?;
    deliver(&client, &envelope("order.created", "new", "2026-03-01T10:00:00Z", json!({}))).await?;
    assert_eq!(line(&client, "SELECT purge_webhook_logs(max_rows => 1)").await?, "1");
    assert_eq!(line(&client, "SELECT purge_webhook_logs()").await?, "1");
    assert_eq!(line(&client, "SELECT purge_webhook_logs()").await?, "0");
    // What could not be understood is kept until somebody has looked at it.
    assert_eq!(lines(&client, "SELECT status FROM webhook_logs ORDER BY id").await?, ["invalid", "processed"]);
    for (call, code) in [("purge_webhook_logs('1 day')", "22023"), ("purge_webhook_logs(NULL)", "22004")] {
        assert_eq!(refusal(&client, &format!("SELECT {call}")).await?.code, code, "{call}");
    }
    Ok(())
}
