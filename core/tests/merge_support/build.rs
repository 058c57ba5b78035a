//! Facts in few words, for tests that tell a story. Instants are those of one day, written `10:00` or `10:00:01.5`.

use boxoffice_core::money::{Amount, Currency};
use boxoffice_core::observation::{
    AttendeeCopy, AttendeeDoc, Envelope, EnvelopeRefund, EnvelopeStatus, Fact, OrderCopy, OrderDoc, Void,
};
use boxoffice_core::time::Micros;

use super::{document, named};

/// That time of the day of all stories.
pub fn at(clock: &str) -> Micros {
    let mut parts = clock.split(':').map(|part| part.parse::<f64>().expect("a number"));
    let mut next = || parts.next().unwrap_or_default();
    let seconds = next() * 3600.0 + next() * 60.0 + next();
    1_790_000_000_000_000 / 86_400_000_000 * 86_400_000_000 + (seconds * 1e6).round() as Micros
}

/// An amount with two decimals, given in minor units.
pub fn cents(minor: i64) -> Amount {
    Amount(minor * 100)
}

/// An attendee copy: its effective version, standing, and price in minor units.
pub fn copy(id: &str, version: &str, void: Void, checked_in: bool, price: i64) -> AttendeeCopy {
    copy_of(id, version, AttendeeDoc { void, checked_in, price: Some(cents(price)), ..AttendeeDoc::default() })
}

/// An attendee copy of that content.
pub fn copy_of(id: &str, version: &str, doc: AttendeeDoc) -> AttendeeCopy {
    AttendeeCopy { id: id.to_owned(), version: at(version), raw: document(&doc), doc, fees: None, paid: None }
}

/// A valid, not checked-in attendee copy that cost 33.69.
pub fn valid(id: &str, version: &str) -> AttendeeCopy {
    copy(id, version, Void::Valid, false, 3369)
}

/// An attendee read by itself.
pub fn alone(fetched: &str, attendee: AttendeeCopy) -> Fact {
    Fact::Attendee { fetched_at: Some(at(fetched)), attendee }
}

/// An Eventbrite order with its complete listing of attendees.
pub fn listing(changed: &str, fetched: &str, status: &str, gross: i64, attendees: &[AttendeeCopy]) -> Fact {
    eventbrite(changed, fetched, status, gross, Some(attendees.to_vec()))
}

/// An Eventbrite order that was not expanded.
pub fn unexpanded(changed: &str, fetched: &str, status: &str, gross: i64) -> Fact {
    eventbrite(changed, fetched, status, gross, None)
}

fn eventbrite(changed: &str, fetched: &str, status: &str, gross: i64, attendees: Option<Vec<AttendeeCopy>>) -> Fact {
    let doc = OrderDoc {
        platform_status: Some(status.to_owned()),
        currency: Currency::parse("AUD"),
        total: Some(cents(gross)),
        purchased: Some(at("9:00")),
        ..OrderDoc::default()
    };
    let order = Box::new(OrderCopy::of(named("eventbrite"), at(changed), doc.clone(), document(&doc)));
    Fact::Order { fetched_at: Some(at(fetched)), in_progress: false, order, attendees, refund_requests: None }
}

/// A Humanitix order that cost 75.00 and was bought at 9:00.
pub fn humanitix(updated: &str, fetched: &str, status: &str, refunds: i64) -> Fact {
    let doc = OrderDoc {
        platform_status: Some(status.to_owned()),
        purchase_total: Some(cents(7500)),
        refunds: Some(cents(refunds)),
        purchased: Some(at("9:00")),
        ..OrderDoc::default()
    };
    let order = OrderCopy::of(named("humanitix"), at(updated), doc.clone(), document(&doc));
    bare_order(Some(at(fetched)), order)
}

/// An order by itself.
pub fn bare_order(fetched_at: Option<Micros>, order: OrderCopy) -> Fact {
    let order = Box::new(order);
    Fact::Order { fetched_at, in_progress: false, order, attendees: None, refund_requests: None }
}

/// A Humanitix ticket.
pub fn ticket(fetched: &str, ticket: AttendeeCopy) -> Fact {
    Fact::Attendee { fetched_at: Some(at(fetched)), attendee: ticket }
}

/// An envelope about three tickets for 75.00; with a refund of so many minor units when it speaks of one.
pub fn envelope(timestamp: &str, status: EnvelopeStatus, refund: Option<i64>) -> Fact {
    let doc = OrderDoc { purchase_total: Some(cents(7500)), purchased: Some(at("9:00")), ..OrderDoc::default() };
    Fact::Envelope(Box::new(Envelope {
        timestamp: at(timestamp),
        status,
        stands: stands(status),
        payment: None,
        refund: refund.map(|amount| EnvelopeRefund {
            amount: Some(cents(amount)),
            refunded_at: None,
            at: at(timestamp),
        }),
        quantity: Some(3),
        attendees: None,
        raw: document(&(&doc, status, refund)),
        doc,
    }))
}

/// What a status alone says about that.
pub fn stands(status: EnvelopeStatus) -> Option<bool> {
    match status {
        EnvelopeStatus::Pending | EnvelopeStatus::Paid => Some(true),
        EnvelopeStatus::Cancelled => Some(false),
        EnvelopeStatus::Refunded => None,
    }
}

/// A scan at the door.
pub fn scan(id: &str, time: &str, entry: bool) -> Fact {
    Fact::Scan { attendee_id: id.to_owned(), scan_id: format!("scan of {time}"), at: at(time), entry }
}

/// A 404 for the order, or for one attendee.
pub fn gone(attendee: Option<&str>, fetched: &str) -> Fact {
    Fact::Gone { attendee_id: attendee.map(str::to_owned), fetched_at: at(fetched) }
}
