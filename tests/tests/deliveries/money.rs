//! Money through SQL: what rows and views show of paid and unpaid, refunded, cancelled and kept.

use boxoffice_tests::payloads::envelope;
use boxoffice_tests::sql::{apply, deliver, line, lines, open_humanitix};
use boxoffice_tests::{Database, Result};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// Rows and sums that contradict each other: net = total - refund - void - fees kept, in every row and every sum.
const WRONG: &str = "SELECT 'row ' || platform_order_id FROM ticket_sales
    WHERE net_amount < 0 OR net_amount > kept_amount OR kept_amount > total_amount - refund_amount OR kept_amount - net_amount > COALESCE(fee_amount, 0)
       OR (payment_status = 'unpaid' AND kept_amount <> 0) OR (kept_amount IS NULL) <> (total_amount IS NULL)
    UNION ALL
    SELECT 'view ' || a.event_id FROM ticket_sales_analytics a
    JOIN (SELECT event_id, currency, sum(kept_amount) AS kept, sum(net_amount) AS net,
                 sum(total_amount) - sum(refund_amount) - sum(total_amount - refund_amount - kept_amount) - sum(kept_amount - net_amount) AS worked_out
          FROM ticket_sales WHERE payment_status IS DISTINCT FROM 'unpaid' GROUP BY 1, 2) s USING (event_id, currency)
    WHERE a.net_revenue <> s.net OR a.gross_revenue <> s.kept OR s.net <> s.worked_out OR a.gross_revenue - a.total_fees <> a.net_revenue";

async fn open() -> Result<(Database, Client)> {
    let db = Database::create().await?;
    let client = db.client().await?;
    open_humanitix(&client).await?;
    client.batch_execute("SET timezone = 'UTC'; SELECT link_event('humanitix', 'evt_1', 'ours'); SELECT link_event('eventbrite', '20', 'ours')").await?;
    line(&client, "UPDATE ticket_events SET capacity = 100 RETURNING 1").await?;
    Ok((db, client))
}

fn cost(minor: i64) -> Value {
    json!({"currency": "AUD", "value": minor})
}

/// An Eventbrite ticket of 33.69, of which 3.69 are fees.
fn attendee(id: &str, status: &str, flags: (bool, bool)) -> Value {
    json!({
        "id": id, "order_id": "o", "event_id": "20", "changed": "2026-03-01T10:00:00Z", "status": status,
        "cancelled": flags.0, "refunded": flags.1,
        "costs": {"gross": cost(3369), "eventbrite_fee": cost(300), "payment_fee": cost(69), "base_price": cost(3000)},
    })
}

fn order(id: &str, changed: &str, status: &str, attendees: &[Value]) -> Value {
    let n = attendees.len() as i64;
    json!({
        "id": id, "event_id": "20", "status": status, "changed": changed, "created": "2026-03-01T10:00:00Z", "name": "Ada Lovelace",
        "costs": {"gross": cost(3369 * n), "eventbrite_fee": cost(300 * n), "payment_fee": cost(69 * n)},
        "attendees": attendees,
    })
}

async fn hand_over(client: &Client, order: &Value) -> Result {
    apply(client, "eventbrite", "order", &order.to_string(), None).await?;
    Ok(())
}

async fn told(client: &Client, event_type: &str, order: &str, timestamp: &str, changes: Value) -> Result {
    deliver(client, &envelope(event_type, order, timestamp, changes)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_count_what_was_sold_and_what_is_held() -> Result {
    let (_db, client) = open().await?;
    let valid = |id: &str| attendee(id, "Attending", (false, false));
    // Stands; one of two refunded with a stated amount that keeps the fee; a comp cancelled; unpaid; unpaid and cancelled.
    hand_over(&client, &order("stands", "2026-03-01T10:00:00Z", "placed", &[valid("1"), valid("2")])).await?;
    let mut partly =
        order("partly", "2026-03-02T10:00:00Z", "placed", &[valid("3"), attendee("4", "Not Attending", (true, true))]);
    partly["refund_requests"] = json!([{"items": [{"status": "processed", "amount_processed": cost(3000)}]}]);
    hand_over(&client, &partly).await?;
    let mut comp = attendee("5", "Deleted", (true, true));
    comp["costs"] = json!({"gross": cost(0)});
    let mut free = order("comp", "2026-03-02T10:00:00Z", "placed", &[comp]);
    free["costs"] = json!({"gross": cost(0)});
    hand_over(&client, &free).await?;
    let unpaid = attendee("6", "Unpaid", (false, false));
    hand_over(
        &client,
        &order("waits", "2026-03-01T10:00:00Z", "placed", &[unpaid.clone(), attendee("7", "Unpaid", (false, false))]),
    )
    .await?;
    hand_over(&client, &order("never", "2026-03-01T10:00:00Z", "placed", std::slice::from_ref(&unpaid))).await?;
    hand_over(
        &client,
        &order("never", "2026-03-02T10:00:00Z", "cancelled", &[attendee("6", "Not Attending", (true, false))]),
    )
    .await?;
    // Cancelled by the platform without a refund; refunded by a bridge; not paid yet by a bridge's word.
    hand_over(
        &client,
        &order("void", "2026-03-02T10:00:00Z", "cancelled", &[attendee("8", "Not Attending", (true, false))]),
    )
    .await?;
    told(&client, "order.created", "back", "2026-03-01T10:00:00Z", json!({})).await?;
    told(&client, "order.refunded", "back", "2026-03-03T10:00:00Z", json!({"status": "refunded", "refund_amount": 50}))
        .await?;
    told(&client, "order.created", "owes", "2026-03-01T10:00:00Z", json!({"status": "pending"})).await?;

    let rows = "SELECT platform_order_id, payment_status, refund_status, total_amount, refund_amount, kept_amount, net_amount, void_date
        FROM ticket_sales ORDER BY 1";
    assert_eq!(
        lines(&client, rows).await?,
        [
            "back|paid|refunded|50.00|50.00|0.00|0.00|2026-03-03 10:00:00+00",
            "comp|free|cancelled|0.00|0.00|0.00|0.00|2026-03-02 10:00:00+00",
            "never|unpaid|cancelled|33.69|0.00|0.00|0.00|2026-03-02 10:00:00+00",
            "owes|unpaid|none|50.00|0.00|0.00|0.00|-",
            "partly|paid|partial|67.38|30.00|37.38|30.00|2026-03-02 10:00:00+00",
            "stands|paid|none|67.38|0.00|67.38|60.00|-",
            "void|-|cancelled|33.69|0.00|0.00|0.00|2026-03-02 10:00:00+00",
            "waits|unpaid|none|67.38|0.00|0.00|0.00|-",
        ]
    );
    let sums = "SELECT total_orders, sold_orders, total_tickets_sold, gross_revenue, total_fees, net_revenue, total_refunds,
            refunded_orders, refund_rate_percent, cancelled_orders, pending_orders, pending_tickets, capacity_utilization_percent
        FROM ticket_sales_analytics";
    // 104.76 = 67.38 + 37.38; fees kept 7.38 + 7.38; two of five sold orders were refunded.
    assert_eq!(line(&client, sums).await?, "2|5|3|104.76|14.76|90.00|80.00|2|40.00|2|2|4|3.00");
    assert_eq!(lines(&client, WRONG).await?, [""; 0]);
    assert_eq!(lines(&client, "SELECT * FROM check_consistency()").await?, [""; 0]);
    // The checks notice.
    line(&client, "UPDATE ticket_sales SET kept_amount = 70 WHERE platform_order_id = 'stands' RETURNING 1").await?;
    assert_eq!(
        line(&client, "SELECT problem, item FROM check_consistency()").await?,
        "amounts that contradict each other|stands"
    );
    assert_eq!(line(&client, WRONG).await?, "row stands");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn money_of_cancelled_tickets_is_held_and_places_of_refunded_ones_are_taken() -> Result {
    let (_db, client) = open().await?;
    let box_office = |id: &str, financial: &str, refunds: f64| {
        json!({"_id": id, "eventId": "evt_1", "currency": "AUD", "status": "complete", "financialStatus": financial,
            "createdAt": "2026-03-01T10:00:00Z", "completedAt": "2026-03-01T10:00:00Z", "updatedAt": "2026-03-02T10:00:00Z",
            "purchaseTotals": {"total": 64.2, "bookingFee": 4.2}, "totals": {"total": 64.2 - refunds, "refunds": refunds, "bookingFee": 4.2}})
    };
    let ticket = |id: &str, order: &str, status: &str, price: f64| {
        json!({"_id": id, "orderId": order, "eventId": "evt_1", "currency": "AUD", "status": status, "total": price, "price": price,
            "updatedAt": "2026-03-02T10:00:00Z", "ticketTypeName": "General"})
    };
    for (id, financial, refunds, status, price) in [
        ("kept", "paid", 0.0, "cancelled", 0.0),
        ("admits", "refunded", 60.0, "complete", 32.1),
        ("void", "paid", 0.0, "complete", 32.1),
    ] {
        apply(&client, "humanitix", "order", &box_office(id, financial, refunds).to_string(), None).await?;
        for n in ["a", "b"] {
            apply(&client, "humanitix", "ticket", &ticket(&format!("{id}-{n}"), id, status, price).to_string(), None)
                .await?;
        }
    }
    // An undocumented word for an order; kept as it is.
    let mut void = box_office("void", "paid", 0.0);
    void["status"] = json!("cancelled");
    void["updatedAt"] = json!("2026-03-03T10:00:00Z");
    apply(&client, "humanitix", "order", &void.to_string(), None).await?;
    let rows = "SELECT platform_order_id, platform_status, refund_status, valid_quantity, refund_amount, kept_amount, net_amount
        FROM ticket_sales ORDER BY 1";
    assert_eq!(
        lines(&client, rows).await?,
        [
            "admits|refunded|refunded|2|60.00|4.20|0.00",
            "kept|paid|none|0|0.00|64.20|60.00",
            "void|cancelled|cancelled|0|0.00|0.00|0.00"
        ]
    );
    let sums = "SELECT total_tickets_sold, gross_revenue, net_revenue, total_fees, capacity_utilization_percent FROM ticket_sales_analytics";
    assert_eq!(line(&client, sums).await?, "2|68.40|60.00|8.40|2.00");
    assert_eq!(lines(&client, WRONG).await?, [""; 0]);
    let prices =
        "SELECT platform_attendee_id, ticket_price FROM attendees WHERE platform_order_id = 'admits' ORDER BY 1";
    for copy in [ticket("admits-a", "admits", "cancelled", 0.0), ticket("admits-a", "admits", "complete", 32.1)] {
        apply(&client, "humanitix", "ticket", &copy.to_string(), None).await?;
        assert_eq!(lines(&client, prices).await?, ["admits-a|32.10", "admits-b|32.10"]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_nobody_knows_are_kept_with_a_note() -> Result {
    let (_db, client) = open().await?;
    let odd = order("odd", "2026-03-01T10:00:00Z", "on_hold", &[attendee("1", "Attending", (false, false))]);
    let notes = apply(&client, "eventbrite", "order", &odd.to_string(), None).await?;
    assert!(notes.iter().any(|note| note.contains("status is not one that we know")), "{notes:?}");
    let odd = envelope("order.created", "strange", "2026-03-01T10:00:00Z", json!({"status": "mysterious"}));
    deliver(&client, &odd).await?;
    let noted =
        "SELECT count(*) FROM webhook_logs WHERE array_to_string(notes, ' ') LIKE '%status is not one that we know%'";
    assert_eq!(line(&client, noted).await?, "2");
    let rows = "SELECT platform_order_id, platform_status, refund_status, kept_amount > 0 FROM ticket_sales ORDER BY 1";
    assert_eq!(lines(&client, rows).await?, ["odd|on_hold|none|t", "strange|mysterious|none|t"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fees_of_an_envelope_have_several_names() -> Result {
    let (_db, client) = open().await?;
    for (id, changes) in [
        ("fees", json!({"fees": 2.45})),
        ("net", json!({"net_amount": 47.55})),
        ("both", json!({"fees": 2.45, "net_amount": 40})),
        ("totals", json!({"totals": {"total": 50, "humanitixFee": 2.45}})),
        ("booking", json!({"totals": {"total": 50, "humanitixFee": 2.0, "bookingFee": 2.45}})),
        ("refund", json!({"net_amount": 20, "refund_amount": 30})),
    ] {
        told(&client, "order.created", id, "2026-03-01T10:00:00Z", changes).await?;
    }
    let rows = "SELECT platform_order_id, fee_amount, net_amount FROM ticket_sales ORDER BY 1";
    assert_eq!(
        lines(&client, rows).await?,
        [
            "booking|2.45|47.55",
            "both|2.45|47.55",
            "fees|2.45|47.55",
            "net|2.45|47.55",
            "refund|-|20.00",
            "totals|2.45|47.55"
        ]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_did_not_come_is_known_date_by_date() -> Result {
    let (_db, client) = open().await?;
    let event = json!({
        "_id": "evt_1", "name": "Two Nights", "currency": "AUD", "published": true, "updatedAt": "2026-01-01T00:00:00Z",
        "startDate": "2020-01-01T09:00:00Z", "endDate": "2099-01-02T11:00:00Z",
        "dates": [
            {"_id": "past", "startDate": "2020-01-01T09:00:00Z", "endDate": "2020-01-01T11:00:00Z"},
            {"_id": "open", "startDate": "2020-01-02T09:00:00Z"},
            {"_id": "ahead", "startDate": "2099-01-02T09:00:00Z", "endDate": "2099-01-02T11:00:00Z"},
            {"_id": "gone", "startDate": "2020-01-03T09:00:00Z", "endDate": "2020-01-03T11:00:00Z", "deleted": true},
        ],
    });
    apply(&client, "humanitix", "event", &event.to_string(), None).await?;
    let mut number = 0;
    let mut sell = async |date: Option<&str>, checked_in: bool| -> Result {
        number += 1;
        let ticket = json!({"_id": format!("t{number}"), "orderId": format!("o{number}"), "eventId": "evt_1", "eventDateId": date,
            "status": "complete", "updatedAt": "2019-12-01T00:00:00Z", "checkIn": {"checkedIn": checked_in}});
        apply(&client, "humanitix", "ticket", &ticket.to_string(), None).await?;
        Ok(())
    };
    for (date, checked_in) in [
        (Some("past"), true),
        (Some("past"), false),
        (Some("open"), false),
        (Some("gone"), false),
        (Some("ahead"), false),
        (Some("unheard"), false),
        (None, false),
    ] {
        sell(date, checked_in).await?;
    }
    // Those of an unknown date, or of none, are over with the event.
    let door =
        "SELECT total_attendees, checked_in, not_checked_in, no_shows, checkin_percentage FROM attendee_checkin_status";
    assert_eq!(line(&client, door).await?, "7|1|3|3|14.29");
    let dates = "SELECT string_agg(d ->> 'id' || ' ' || (d ->> 'active'), ', ' ORDER BY d ->> 'id') FROM ticket_platforms, jsonb_array_elements(external_sessions) d";
    assert_eq!(line(&client, dates).await?, "ahead true, gone false, open true, past true");
    // An event that is over as a whole.
    client.batch_execute("UPDATE ticket_events SET starts_at = '2020-01-01', ends_at = '2020-01-05'").await?;
    assert_eq!(line(&client, door).await?, "7|1|1|5|14.29");
    Ok(())
}
