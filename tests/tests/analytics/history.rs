//! What was known when, and why it is different now.

use boxoffice_tests::Result;
use boxoffice_tests::payloads::envelope;
use boxoffice_tests::random::Random;
use boxoffice_tests::sql::{deliver, line, lines};
use serde_json::json;

use super::scene::{happen, of_event, open};

#[tokio::test(flavor = "multi_thread")]
async fn figures_of_a_time_are_those_that_were_shown_then() -> Result {
    let (_db, client) = open().await?;
    let shown = "SELECT currency, orders, tickets, gross, refunds, cancelled, kept, fees, net FROM event_totals('ours') WHERE tickets_bought > 0 OR gross > 0 OR orders > 0";
    let totals = "SELECT jsonb_object_agg(COALESCE(currency, ''), jsonb_build_array(orders, tickets, trim_scale(gross), trim_scale(refunds), trim_scale(cancelled), trim_scale(kept), trim_scale(fees), trim_scale(net)))";
    for seed in 0..30 {
        let mut random = Random::new(1000 + seed);
        client.batch_execute("TRUNCATE ticket_sales, attendees, order_states, webhook_logs, sale_history").await?;
        line(&client, "SELECT rebuild_analytics()").await?;
        let mut seen: Vec<(String, String)> = Vec::new();
        for _ in 0..15 {
            happen(&client, &mut random).await?;
            // Links move the past with them: they are no news about orders.
            if lines(&client, "SELECT FROM ticket_platforms WHERE event_id = 'other' OR (external_event_id = 'evt_2' AND event_id = 'ours')").await?.is_empty() {
                let now = line(&client, &format!("SELECT clock_timestamp(), ({totals} FROM ({shown}) t)")).await?;
                let (at, figures) = now.split_once('|').unwrap_or_default();
                seen.push((at.to_owned(), figures.to_owned()));
            } else {
                lines(&client, "SELECT unlink_event(platform, external_event_id) FROM ticket_platforms WHERE event_id = 'other' OR external_event_id = 'evt_2' AND event_id IS NOT NULL").await?;
            }
        }
        for (at, figures) in &seen {
            let known = format!("{totals} FROM sales_as_of('{at}', 'ours') WHERE orders IS NOT NULL");
            let known = line(&client, &known).await?;
            // A currency of which nothing is left is a row of zeros in one and none in the other.
            let same = |text: &str| text.replace("-", "{}");
            assert_eq!(same(&known), same(figures), "world {seed} at {at}");
        }
        if let [(first, _), .., (last, _)] = &seen[..] {
            let moved = format!(
                "SELECT currency, sum(orders), sum(tickets), sum(kept), sum(net) FROM (
                     SELECT currency, orders, tickets, kept, net FROM sales_explained('ours', '{first}', '{last}')
                     UNION ALL SELECT currency, orders, tickets, kept, net FROM sales_as_of('{first}', 'ours') WHERE orders IS NOT NULL
                     UNION ALL SELECT currency, -orders, -tickets, -kept, -net FROM sales_as_of('{last}', 'ours') WHERE orders IS NOT NULL) t
                 GROUP BY 1 HAVING (sum(orders), sum(tickets), sum(kept), sum(net)) <> (0, 0, 0, 0)"
            );
            assert_eq!(lines(&client, &moved).await?, [""; 0], "world {seed}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_tells_what_became_of_it() -> Result {
    let (_db, client) = open().await?;
    let before = line(&client, "SELECT clock_timestamp()").await?;
    let bare = json!({"tickets": null});
    deliver(&client, &envelope("order.created", "a", "2026-03-01T10:00:00Z", bare)).await?;
    let sold = line(&client, "SELECT clock_timestamp()").await?;
    deliver(&client, &envelope("order.updated", "a", "2026-03-01T10:01:00Z", json!({}))).await?;
    // The name is no number: no row of history.
    let renamed = json!({"customer": {"name": "A. Lovelace"}});
    deliver(&client, &envelope("order.updated", "a", "2026-03-01T10:02:00Z", renamed)).await?;
    let refund = json!({"status": "refunded", "refund_amount": 50});
    deliver(&client, &envelope("order.refunded", "a", "2026-03-02T10:00:00Z", refund)).await?;
    let changes = "SELECT h.what, h.event_type, h.refund_status, h.ticket_quantity, h.valid_quantity, h.kept_amount, h.recorded_at <= l.processed_at
        FROM order_history('humanitix', 'a') h LEFT JOIN webhook_logs l ON l.id = h.log_id ORDER BY h.recorded_at";
    assert_eq!(
        lines(&client, changes).await?,
        [
            "first known|order.created|none|-|-|50.00|t",
            "quantity learned|order.updated|none|2|2|50.00|t",
            "refunded|order.refunded|refunded|2|0|0.00|t"
        ]
    );
    let why = |from: &str| format!("SELECT what, orders, tickets, kept FROM sales_explained('ours', '{from}')");
    assert_eq!(line(&client, &why(&sold)).await?, "refunded|-1|0|-50.00");
    // Sold and refunded meanwhile: nothing is left but that it was sold.
    assert_eq!(line(&client, &why(&before)).await?, "sold|0|0|0.00");
    assert_eq!(line(&client, &format!("SELECT * FROM sales_as_of('{before}', 'ours')")).await?, "-|-|-|-|-|-|-|-|-");
    assert_eq!(
        line(&client, &format!("SELECT orders, tickets, kept FROM sales_as_of('{sold}', 'ours')")).await?,
        "1|0|50.00"
    );
    let happened = "SELECT orders, kept FROM sales_as_of('2026-03-01T23:00:00Z', 'ours', 'happened')";
    assert_eq!(line(&client, happened).await?, "1|50.00");
    // An order that moves is explained on both sides.
    line(&client, "SELECT link_event('humanitix', 'evt_2', 'other')").await?;
    let before = line(&client, "SELECT clock_timestamp()").await?;
    let paid = envelope("order.created", "b", "2026-03-03T10:00:00Z", json!({}));
    deliver(&client, &paid).await?;
    let between = line(&client, "SELECT clock_timestamp()").await?;
    let moved = envelope("order.updated", "b", "2026-03-04T10:00:00Z", json!({}));
    deliver(&client, &of_event(&moved, "evt_2")?).await?;
    let why = |event: &str, from: &str| format!("SELECT what, orders, kept FROM sales_explained('{event}', '{from}')");
    assert_eq!(line(&client, &why("ours", &between)).await?, "moved away|-1|-50.00");
    assert_eq!(line(&client, &why("other", &between)).await?, "moved here|1|50.00");
    assert_eq!(lines(&client, &why("ours", &before)).await?, [""; 0]);
    Ok(())
}
