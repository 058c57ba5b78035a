//! What each figure means, on a night whose numbers can be counted by hand.

use boxoffice_tests::payloads::{envelope, eventbrite_attendee, eventbrite_order};
use boxoffice_tests::sql::{apply, deliver, line, lines};
use boxoffice_tests::{Database, Result};
use serde_json::json;
use tokio_postgres::Client;

use super::scene::{of_event, open};

async fn told(client: &Client, kind: &str, order: &str, at: &str, changes: serde_json::Value) -> Result {
    let receipt = deliver(client, &envelope(kind, order, at, changes)).await?;
    assert_eq!(receipt.outcome, "processed", "{order}: {}", receipt.message);
    Ok(())
}

/// Sales of 50.00 AUD: one that stands, one with fees, one free, one refunded in part, one refunded, one cancelled, one unpaid,
/// one in another currency, one without tickets, one without a time.
async fn night(client: &Client) -> Result {
    let bought = |day: u32| format!("2026-03-0{day}T14:30:00Z");
    told(client, "order.created", "stands", &bought(1), json!({"created_at": bought(1)})).await?;
    told(client, "order.created", "fees", &bought(1), json!({"created_at": bought(1), "fees": 2.5})).await?;
    told(client, "order.created", "free", &bought(2), json!({"created_at": bought(2), "total_amount": 0})).await?;
    told(
        client,
        "order.created",
        "part",
        &bought(2),
        json!({"created_at": bought(2), "refund_amount": 20, "refunded_at": bought(4)}),
    )
    .await?;
    told(client, "order.created", "back", &bought(2), json!({"created_at": bought(2)})).await?;
    told(
        client,
        "order.refunded",
        "back",
        &bought(5),
        json!({"created_at": bought(2), "status": "refunded", "refund_amount": 50, "refunded_at": bought(5)}),
    )
    .await?;
    told(client, "order.created", "void", &bought(3), json!({"created_at": bought(3)})).await?;
    told(client, "order.cancelled", "void", &bought(4), json!({"created_at": bought(3), "status": "cancelled"}))
        .await?;
    told(client, "order.created", "owes", &bought(3), json!({"created_at": bought(3), "status": "pending"})).await?;
    told(
        client,
        "order.created",
        "kiwi",
        &bought(3),
        json!({"created_at": bought(3), "currency": "NZD", "total_amount": 70}),
    )
    .await?;
    told(client, "order.created", "bare", &bought(3), json!({"created_at": bought(3), "tickets": null})).await?;
    let people = [eventbrite_attendee("e1", "1", "2026-03-03T14:30:00Z", 3000, json!({"checked_in": true}))];
    let order =
        eventbrite_order("e1", "2026-03-03T14:30:00Z", 3000, &people, json!({"created": "2026-03-03T14:30:00Z"}));
    apply(client, "eventbrite", "order", &order, None).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_are_those_of_the_night() -> Result {
    let (_db, client) = open().await?;
    let columns = "currency, orders, free_orders, tickets, tickets_bought, gross, refunds, cancelled, kept, fees, net, average_order,
        refunded_orders, cancelled_orders, orders_without_quantity, orders_without_amount, pending_orders, pending_tickets, capacity, used_percent";
    let totals = format!("SELECT {columns} FROM event_totals('ours')");
    assert_eq!(line(&client, &totals).await?, "-|0|0|0|0|0|0|0|0|0|0|-|0|0|0|0|0|0|100|0.00", "nothing sold is zero");
    night(&client).await?;
    for folded in [false, true] {
        if folded {
            line(&client, "SELECT fold_sales()").await?;
        }
        // stands, fees, free, part, bare and the 30.00 of Eventbrite stand; fees 2.50 and a twentieth of 30.00.
        assert_eq!(
            lines(&client, &totals).await?,
            [
                "AUD|6|1|9|13|330.00|70.00|50.00|210.00|4.00|206.00|35.00|2|1|1|0|1|2|100|11.00",
                "NZD|1|0|2|2|70.00|0.00|0.00|70.00|0|70.00|70.00|0|0|0|0|0|0|100|11.00",
            ],
            "folded {folded}"
        );
        let all = "SELECT currency, orders, tickets, kept, net, previous_orders FROM organisation_totals()";
        assert_eq!(lines(&client, all).await?, ["AUD|6|9|210.00|206.00|-", "NZD|1|2|70.00|70.00|-"]);
        // Sydney is eleven hours ahead: 14:30 UTC is the next day there. The refund is on its own day.
        let days =
            "SELECT bucket_start, orders, tickets, gross, refunds, tickets_void, kept, running_tickets, running_kept
            FROM sales_timeline('ours', '2026-03-01T13:00:00Z', '2026-03-06T13:00:00Z', 'day') WHERE currency = 'AUD'";
        assert_eq!(
            lines(&client, days).await?,
            [
                "2026-03-01 13:00:00+00|2|4|100.00|0.00|0|100.00|4|100.00",
                "2026-03-02 13:00:00+00|3|6|100.00|0.00|0|100.00|10|200.00",
                "2026-03-03 13:00:00+00|3|3|130.00|0.00|0|130.00|13|330.00",
                "2026-03-04 13:00:00+00|-1|-2|0|20.00|2|-70.00|11|260.00",
                "2026-03-05 13:00:00+00|-1|-2|0|50.00|2|-50.00|9|210.00",
            ],
            "folded {folded}"
        );
        let hours = "SELECT bucket_start, tickets, running_tickets FROM sales_timeline('ours', '2026-03-01T14:00:00Z', '2026-03-01T16:00:00Z', 'hour') WHERE currency = 'AUD'";
        assert_eq!(lines(&client, hours).await?, ["2026-03-01 14:00:00+00|4|4", "2026-03-01 15:00:00+00|0|4"]);
        // To the second: the span ends within a local day.
        let span =
            "SELECT currency, orders, kept FROM organisation_totals('2026-03-02T14:30:00Z', '2026-03-03T14:30:00Z')";
        assert_eq!(lines(&client, span).await?, ["AUD|3|100.00"], "folded {folded}");
        let span = "SELECT orders, kept, previous_orders, previous_kept FROM organisation_totals('2026-03-02T14:30:01Z', '2026-03-03T14:30:01Z') WHERE currency = 'AUD'";
        assert_eq!(lines(&client, span).await?, ["3|130.00|3|100.00"], "folded {folded}");
        let platforms =
            "SELECT platform, currency, orders, kept, share_percent, fees, net FROM platform_breakdown('ours')";
        assert_eq!(
            lines(&client, platforms).await?,
            [
                "humanitix|AUD|5|180.00|85.7|2.50|177.50",
                "eventbrite|AUD|1|30.00|14.3|1.50|28.50",
                "humanitix|NZD|1|70.00|100.0|0|70.00"
            ]
        );
        let back = "SELECT currency, refunded_orders, partly_refunded_orders, cancelled_orders, amount, rate_percent FROM refund_summary('ours')";
        assert_eq!(lines(&client, back).await?, ["AUD|2|1|1|70.00|25.0", "NZD|0|0|0|0.00|0.0"]);
        for (group, shown) in [
            ("event", "ours|Friday|AUD|9|206.00"),
            ("month", "2026-03|-|AUD|9|206.00"),
            ("week", "2026-03-02|-|AUD|9|206.00"),
            ("show", "ours 2026-03-07 06:30|Friday|AUD|9|206.00"),
            ("venue", "The Cellar|-|AUD|9|206.00"),
        ] {
            let net = format!(
                "SELECT group_key, title, currency, tickets, net FROM net_revenue('{group}') WHERE currency = 'AUD'"
            );
            assert_eq!(lines(&client, &net).await?, [shown], "by {group}");
        }
    }
    let types =
        "SELECT platform, ticket_type, tickets, free_tickets, price_sum, checked_in FROM ticket_type_breakdown('ours')";
    assert_eq!(lines(&client, types).await?, ["eventbrite|General Admission|1|0|30.00|1"]);
    // e1 is Zoë's; all others are Ada's, who came back.
    let buyers = "SELECT buyers, new_buyers, returning_buyers, orders_per_buyer FROM customer_summary()";
    assert_eq!(line(&client, buyers).await?, "2|1|1|3.50");
    line(&client, "SELECT configure_console(shared_addresses => '{Ada@example.org}')").await?;
    assert_eq!(line(&client, "SELECT buyers, orders_without_address FROM customer_summary()").await?, "1|6");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_hour_is_missing_or_comes_twice_when_clocks_change() -> Result {
    let (_db, client) = open().await?;
    for (zone, change) in [
        ("Australia/Sydney", "2026-04-04"),
        ("Australia/Sydney", "2026-10-03"),
        ("Australia/Adelaide", "2026-04-04"),
        ("Australia/Adelaide", "2026-10-03"),
        ("Pacific/Chatham", "2026-04-04"),
        ("Pacific/Chatham", "2026-09-26"),
    ] {
        client.batch_execute("TRUNCATE ticket_sales, attendees, order_states, webhook_logs, sale_history").await?;
        client.execute("UPDATE ticket_events SET time_zone = $1 WHERE event_id = 'ours'", &[&zone]).await?;
        for hour in 0..48 {
            let at = line(&client, &format!("SELECT to_char('{change} 03:45Z'::timestamptz + {hour} * interval '1 hour', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")).await?;
            told(&client, "order.created", &format!("{zone}{hour}"), &at, json!({"created_at": at})).await?;
        }
        for folded in [false, true] {
            if folded {
                line(&client, "SELECT rebuild_analytics()").await?;
            }
            for bucket in ["hour", "day"] {
                let gaps = format!(
                    "SELECT count(*) FILTER (WHERE bucket_start <> before), sum(tickets), count(DISTINCT bucket_start) = count(*) FROM (
                         SELECT *, lag(bucket_end, 1, bucket_start) OVER (ORDER BY bucket_start) AS before
                         FROM sales_timeline('ours', '{change} 00:00Z'::timestamptz - interval '1 day', '{change} 00:00Z'::timestamptz + interval '4 days', '{bucket}')) t"
                );
                assert_eq!(line(&client, &gaps).await?, "0|96|t", "{zone} {change} {bucket}");
            }
        }
        let long = format!(
            "SELECT string_agg(DISTINCT extract(epoch FROM bucket_end - bucket_start) / 3600 || '', ' ') ~ '2[35]' FROM sales_timeline('ours', '{change}'::timestamptz - interval '1 day', '{change}'::timestamptz + interval '3 days', 'day')"
        );
        assert_eq!(line(&client, &long).await?, "t", "{zone} {change}: a day of 23 or 25 hours");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_with_several_dates_is_several_shows() -> Result {
    let (_db, client) = open().await?;
    let event = json!({
        "_id": "evt_1", "name": "Two Nights", "currency": "AUD", "published": true, "updatedAt": "2026-01-01T00:00:00Z",
        "startDate": "2026-03-06T09:00:00Z", "endDate": "2026-03-07T11:00:00Z",
        "dates": [{"_id": "fri", "startDate": "2026-03-06T09:00:00Z", "endDate": "2026-03-06T11:00:00Z"},
                  {"_id": "sat", "startDate": "2026-03-07T09:00:00Z", "endDate": "2026-03-07T11:00:00Z"}],
    });
    apply(&client, "humanitix", "event", &event.to_string(), None).await?;
    // Eventbrite has the first of them as an event of its own, ten minutes off.
    let body = json!({"id": "2000000000001", "name": {"text": "Friday"}, "start": {"timezone": "Australia/Sydney", "utc": "2026-03-06T09:10:00Z", "local": "2026-03-06T20:10:00"}, "changed": "2026-01-01T00:00:00Z"});
    apply(&client, "eventbrite", "event", &body.to_string(), None).await?;
    for (order, date, many) in [("a", json!("fri"), 1), ("b", json!("sat"), 2), ("c", json!(null), 3)] {
        let copy = json!({"_id": order, "eventId": "evt_1", "eventDateId": date, "currency": "AUD", "status": "complete", "financialStatus": "paid",
            "createdAt": "2026-03-01T10:00:00Z", "completedAt": "2026-03-01T10:00:00Z", "updatedAt": "2026-03-01T10:00:00Z",
            "purchaseTotals": {"total": 10 * many}, "totals": {"total": 10 * many}});
        apply(&client, "humanitix", "order", &copy.to_string(), None).await?;
        for n in 0..many {
            let ticket = json!({"_id": format!("{order}{n}"), "orderId": order, "eventId": "evt_1", "eventDateId": date, "status": "complete",
                "updatedAt": "2026-03-01T10:00:00Z", "price": 10, "currency": "AUD"});
            apply(&client, "humanitix", "ticket", &ticket.to_string(), None).await?;
        }
    }
    let people = [eventbrite_attendee("e", "1", "2026-03-01T10:00:00Z", 1000, json!({}))];
    apply(
        &client,
        "eventbrite",
        "order",
        &eventbrite_order("e", "2026-03-01T10:00:00Z", 1000, &people, json!({})),
        None,
    )
    .await?;
    let shows = "SELECT starts_at, jsonb_array_length(members), tickets, registered, state FROM shows WHERE event_id = 'ours' ORDER BY 1";
    assert_eq!(
        lines(&client, shows).await?,
        ["2026-03-06 09:00:00+00|2|2|2|over", "2026-03-07 09:00:00+00|1|2|2|over"]
    );
    let of = |show: &str| format!("SELECT tickets, kept FROM event_totals('ours'{show})");
    assert_eq!(line(&client, &of(", '2026-03-06T09:00:00Z'")).await?, "2|20.00");
    assert_eq!(line(&client, &of(", '2026-03-07T09:00:00Z'")).await?, "2|20.00");
    // Those whose date is not known count for the event.
    assert_eq!(line(&client, &of("")).await?, "7|70.00");
    let unknown = "SELECT tickets FROM net_revenue('show') WHERE group_key = 'ours date unknown'";
    assert_eq!(line(&client, unknown).await?, "3");
    line(&client, "SELECT configure_show('ours', '2026-03-07T09:00:00Z', capacity => 40, goal_tickets => 10, costs => 5, currency => 'AUD')").await?;
    let used = "SELECT capacity, used_percent, goal_percent FROM event_totals('ours', '2026-03-07T09:00:00Z')";
    assert_eq!(line(&client, used).await?, "40|5.00|20.00");
    let settled = "SELECT label, quantity, amount FROM settlement('ours', '2026-03-07T09:00:00Z') WHERE section IN ('money', 'result')";
    assert_eq!(
        lines(&client, settled).await?,
        [
            "gross|1|20.00",
            "refunds|0|0.00",
            "cancelled|0|0.00",
            "fees|-|0",
            "net|1|20.00",
            "costs|-|-5",
            "result|-|15.00"
        ]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn unlinked_sales_count_when_they_are_asked_for() -> Result {
    let (_db, client) = open().await?;
    let sale = envelope("order.created", "a", "2026-03-01T10:00:00Z", json!({}));
    deliver(&client, &of_event(&sale, "evt_9")?).await?;
    for folded in [false, true] {
        if folded {
            line(&client, "SELECT fold_sales()").await?;
        }
        assert_eq!(line(&client, "SELECT orders FROM organisation_totals()").await?, "0");
        assert_eq!(line(&client, "SELECT orders FROM organisation_totals(include_unlinked => true)").await?, "1");
        let span = "SELECT orders FROM organisation_totals('2026-03-01T09:00Z', '2026-03-01T11:00Z', include_unlinked => true)";
        assert_eq!(line(&client, span).await?, "1");
    }
    let told = "SELECT what, how_much FROM needs_attention() WHERE what LIKE 'Sales of%'";
    assert_eq!(
        line(&client, told).await?,
        "Sales of \"Friday Night\" (humanitix) belong to no event of yours|1 order, 50.00 AUD"
    );
    line(&client, "SELECT link_event('humanitix', 'evt_9', 'ours')").await?;
    assert_eq!(lines(&client, told).await?, [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn payouts_are_compared_with_what_is_left() -> Result {
    let (_db, client) = open().await?;
    told(&client, "order.created", "a", "2026-03-01T10:00:00Z", json!({"fees": 5})).await?;
    let state = "SELECT event_ids, currency, net, paid, difference, state FROM payout_reconciliation('humanitix')";
    assert_eq!(line(&client, state).await?, "{ours}|AUD|45.00|0|-45.00|open");
    for (amount, expected) in [("40", "short"), ("45", "settled"), ("50", "over")] {
        line(&client, &format!("SELECT record_payout('humanitix', 'PO-1', '2026-03-10', 'AUD', {amount}, '{{ours}}')"))
            .await?;
        assert!(line(&client, state).await?.ends_with(expected), "{amount}");
    }
    // Events that share a payout are compared together.
    let sale = envelope("order.created", "b", "2026-03-01T10:00:00Z", json!({"fees": 5}));
    deliver(&client, &of_event(&sale, "evt_2")?).await?;
    line(&client, "SELECT link_event('humanitix', 'evt_2', 'other')").await?;
    line(&client, "SELECT record_payout('humanitix', 'PO-2', '2026-03-11', 'AUD', 40, '{other,ours}')").await?;
    assert_eq!(line(&client, state).await?, "{other,ours}|AUD|90.00|90|0.00|settled");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_there_twice_is_found() -> Result {
    let (_db, client) = open().await?;
    let person = |order: &str, id: &str| {
        let profile = json!({"name": "Ada Lovelace", "email": "ada@example.org"});
        eventbrite_attendee(
            order,
            id,
            "2026-03-01T10:00:00Z",
            1000,
            json!({"profile": profile, "barcodes": [{"barcode": "777"}]}),
        )
    };
    let order = eventbrite_order("e", "2026-03-01T10:00:00Z", 2000, &[person("e", "1"), person("e", "2")], json!({}));
    apply(&client, "eventbrite", "order", &order, None).await?;
    told(
        &client,
        "order.created",
        "h",
        "2026-03-01T10:00:00Z",
        json!({"attendees": [{"id": "x", "name": "Ada Lovelace"}]}),
    )
    .await?;
    let twice = "SELECT reason, value, platforms, tickets FROM duplicate_attendees('ours')";
    assert_eq!(
        lines(&client, twice).await?,
        [
            "one code on several tickets|777|eventbrite|2",
            "one person on several platforms|ada lovelace <ada@example.org>|eventbrite and humanitix|3"
        ]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_that_are_asked_for_name_the_night() -> Result {
    let db = Database::create().await?;
    let client = db.client().await?;
    client
        .batch_execute(
            "INSERT INTO ticket_events (event_id, title, starts_at, time_zone)
                 SELECT 'night-' || n, 'Late Show', date_trunc('day', now()) + (n || ' days 23 hours')::interval, 'UTC' FROM generate_series(1, 2) n;
             INSERT INTO ticket_sales (platform, platform_order_id, event_id, currency, total_amount, kept_amount, refund_status, payment_status)
                 SELECT 'eventbrite', n::text, 'night-' || n, 'AUD', 50, 50, 'requested', 'paid' FROM generate_series(1, 2) n",
        )
        .await?;
    let told = lines(&client, "SELECT what FROM needs_attention() WHERE what LIKE 'Refunds%'").await?;
    let dates =
        lines(&client, "SELECT to_char(starts_at AT TIME ZONE 'UTC', 'DD Mon') FROM ticket_events ORDER BY starts_at")
            .await?;
    let expected: Vec<String> = dates.iter().map(|date| format!("Refunds are asked for: Late Show, {date}")).collect();
    assert_eq!(told, expected);
    Ok(())
}
