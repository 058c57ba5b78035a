//! What has to come out, added up from the orders themselves, and compared with what the database says.

use std::collections::BTreeMap;

use anyhow::ensure;
use boxoffice_tests::Result;
use tokio_postgres::Client;

use crate::shows::{End, Expected};

/// The sums of one event in one currency; money in hundredths.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Sums {
    pub orders: i64,
    pub tickets: i64,
    pub gross: i64,
    pub net: i64,
    pub fees: i64,
    pub refunds: i64,
    pub refunded_orders: i64,
    pub cancelled_orders: i64,
    pub humanitix: i64,
    pub eventbrite: i64,
}

/// By event and currency.
pub type Ledger = BTreeMap<(String, String), Sums>;

/// The sums that have to come out.
pub fn expected(orders: &[Expected]) -> Ledger {
    let mut ledger = Ledger::new();
    for order in orders {
        let sums = ledger.entry((order.show.event_id.into(), order.show.currency.into())).or_default();
        if matches!(order.end, End::Stands | End::PartlyRefunded) {
            sums.orders += 1;
            sums.tickets += order.valid;
            let by_platform =
                if order.show.platform == "humanitix" { &mut sums.humanitix } else { &mut sums.eventbrite };
            *by_platform += 1;
        }
        if order.end == End::Cancelled {
            sums.cancelled_orders += 1;
            continue;
        }
        sums.gross += order.total - order.refund;
        sums.net += (order.total - order.refund - order.fee).max(0);
        sums.fees += order.fee;
        sums.refunds += order.refund;
        sums.refunded_orders += i64::from(order.end != End::Stands);
    }
    ledger
}

/// The sums of `ticket_sales_analytics` for these events.
pub async fn found(client: &Client, events: &[&str]) -> Result<Ledger> {
    let query = "SELECT event_id, COALESCE(currency, ''), total_orders::bigint, total_tickets_sold::bigint, \
            (gross_revenue * 100)::bigint, (net_revenue * 100)::bigint, (total_fees * 100)::bigint, \
            (total_refunds * 100)::bigint, refunded_orders::bigint, \
            cancelled_orders::bigint, humanitix_orders::bigint, eventbrite_orders::bigint \
        FROM boxoffice.ticket_sales_analytics WHERE event_id = ANY ($1)";
    let mut ledger = Ledger::new();
    for row in client.query(query, &[&events]).await? {
        let sums = Sums {
            orders: row.get(2),
            tickets: row.get(3),
            gross: row.get(4),
            net: row.get(5),
            fees: row.get(6),
            refunds: row.get(7),
            refunded_orders: row.get(8),
            cancelled_orders: row.get(9),
            humanitix: row.get(10),
            eventbrite: row.get(11),
        };
        ledger.insert((row.get(0), row.get(1)), sums);
    }
    Ok(ledger)
}

/// Compares; the error names every difference.
pub async fn check(client: &Client, events: &[&str], orders: &[Expected]) -> Result {
    let (expected, found) = (expected(orders), found(client, events).await?);
    let mut wrong = Vec::new();
    for key in expected.keys().chain(found.keys().filter(|key| !expected.contains_key(*key))) {
        if expected.get(key) != found.get(key) {
            wrong.push(format!("{key:?}\n  expected {:?}\n  found    {:?}", expected.get(key), found.get(key)));
        }
    }
    let count = "SELECT count(*) FROM boxoffice.ticket_sales WHERE event_id = ANY ($1)";
    let sales: i64 = client.query_one(count, &[&events]).await?.get(0);
    if usize::try_from(sales)? != orders.len() {
        wrong.push(format!("expected {} sales, found {sales}", orders.len()));
    }
    let people = "SELECT COALESCE(sum(total_attendees), 0)::bigint, COALESCE(sum(checked_in), 0)::bigint \
        FROM boxoffice.attendee_checkin_status WHERE event_id = ANY ($1)";
    let row = client.query_one(people, &[&events]).await?;
    let attendees =
        (orders.iter().map(|order| order.attendees).sum(), orders.iter().map(|order| order.checked_in).sum());
    let found: (i64, i64) = (row.get(0), row.get(1));
    if attendees != found {
        wrong.push(format!("expected {attendees:?} attendees and check-ins, found {found:?}"));
    }
    ensure!(wrong.is_empty(), "the analytics differ from what was sold:\n{}", wrong.join("\n"));
    Ok(())
}
