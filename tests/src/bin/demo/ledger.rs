//! What has to come out, added up from what the platforms know, and compared with what the database says.

use std::collections::BTreeMap;

use boxoffice_tests::Result;
use boxoffice_tests::fake::{AttendeeStatus, Money, Platform, RefundStatus, TruthOrder};
use tokio_postgres::Client;

/// The sums of one event in one currency; money in hundredths.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Sums {
    sold: i64,
    standing: i64,
    tickets: i64,
    held: i64,
    net: i64,
    refunds: i64,
    refunded: i64,
    cancelled: i64,
    pending: i64,
    reserved: i64,
    humanitix: i64,
    eventbrite: i64,
}

/// By event and currency.
type Ledger = BTreeMap<(String, String), Sums>;

fn expected<'t>(truth: impl IntoIterator<Item = (&'t str, Platform, &'t TruthOrder)>) -> Ledger {
    let hundredths = |money: Money| money.minor * 10_i64.pow(2 - money.exponent.min(2));
    let mut ledger = Ledger::new();
    for (event, platform, order) in truth {
        let sums = ledger.entry((event.to_owned(), order.currency.clone())).or_default();
        let stands = !matches!(order.refund_status, RefundStatus::Refunded | RefundStatus::Cancelled);
        if order.payment_status == "unpaid" {
            sums.pending += i64::from(stands);
            sums.reserved += if stands { order.valid_quantity } else { 0 };
            continue;
        }
        sums.sold += 1;
        sums.tickets += order.valid_quantity;
        sums.held += hundredths(order.kept_amount);
        sums.net += hundredths(order.net_amount);
        sums.refunds += hundredths(order.refund_amount);
        sums.refunded += i64::from(matches!(order.refund_status, RefundStatus::Partial | RefundStatus::Refunded));
        sums.cancelled += i64::from(order.refund_status == RefundStatus::Cancelled);
        sums.standing += i64::from(stands);
        match platform {
            Platform::Humanitix => sums.humanitix += i64::from(stands),
            Platform::Eventbrite => sums.eventbrite += i64::from(stands),
        }
    }
    ledger
}

async fn found(client: &Client, events: &[String]) -> Result<Ledger> {
    let query = "SELECT event_id, COALESCE(currency, ''), sold_orders::bigint, total_orders::bigint, \
            total_tickets_sold::bigint, (gross_revenue * 100)::bigint, (net_revenue * 100)::bigint, \
            (total_refunds * 100)::bigint, refunded_orders::bigint, cancelled_orders::bigint, pending_orders::bigint, \
            pending_tickets::bigint, humanitix_orders::bigint, eventbrite_orders::bigint \
        FROM boxoffice.ticket_sales_analytics WHERE event_id = ANY ($1)";
    let mut ledger = Ledger::new();
    for row in client.query(query, &[&events]).await? {
        let sums = Sums {
            sold: row.get(2),
            standing: row.get(3),
            tickets: row.get(4),
            held: row.get(5),
            net: row.get(6),
            refunds: row.get(7),
            refunded: row.get(8),
            cancelled: row.get(9),
            pending: row.get(10),
            reserved: row.get(11),
            humanitix: row.get(12),
            eventbrite: row.get(13),
        };
        ledger.insert((row.get(0), row.get(1)), sums);
    }
    Ok(ledger)
}

/// Where the analytics differ from what was sold, a line each. `truth`: orders with our event and their platform.
pub async fn differences(
    client: &Client,
    events: &[String],
    truth: &[(&str, Platform, &TruthOrder)],
) -> Result<Vec<String>> {
    let (expected, found) = (expected(truth.iter().copied()), found(client, events).await?);
    let mut wrong = Vec::new();
    for key in expected.keys().chain(found.keys().filter(|key| !expected.contains_key(*key))) {
        if expected.get(key) != found.get(key) {
            wrong.push(format!("{key:?}\n  expected {:?}\n  found    {:?}", expected.get(key), found.get(key)));
        }
    }
    let count = "SELECT count(*) FROM boxoffice.ticket_sales WHERE event_id = ANY ($1)";
    let sales: i64 = client.query_one(count, &[&events]).await?.get(0);
    if usize::try_from(sales)? != truth.len() {
        wrong.push(format!("expected {} sales of {}, found {sales}", truth.len(), events.join(", ")));
    }
    let people = "SELECT COALESCE(sum(total_attendees), 0)::bigint, COALESCE(sum(checked_in), 0)::bigint \
        FROM boxoffice.attendee_checkin_status WHERE event_id = ANY ($1)";
    let row = client.query_one(people, &[&events]).await?;
    let found = (usize::try_from(row.get::<_, i64>(0))?, usize::try_from(row.get::<_, i64>(1))?);
    let attendees = || truth.iter().flat_map(|(_, _, order)| &order.attendees);
    let is_in = attendees().filter(|attendee| attendee.status == AttendeeStatus::CheckedIn).count();
    if found != (attendees().count(), is_in) {
        wrong.push(format!("expected {} attendees and {is_in} check-ins, found {found:?}", attendees().count()));
    }
    Ok(wrong)
}
