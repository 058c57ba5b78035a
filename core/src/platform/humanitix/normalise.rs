//! What Humanitix API resources mean.

use serde_json::Value;

use crate::document::Document;
use crate::document::access::Notes;
use crate::error::Result;
use crate::observation::{
    AttendeeCopy, AttendeeDoc, EventCopy, Fact, Observation, OrderCopy, OrderDoc, OrderKey, Session, Void,
};
use crate::platform::Platform;
use crate::time::{self, Micros};

use super::{Humanitix, wire, words};

/// The fact that an API order is.
///
/// `totals` shrink when something is refunded, `purchaseTotals` keep the sale: amounts of the purchase come from the
/// latter where they are present.
pub(super) fn order(value: &Value, fetched_at: Option<Micros>, notes: &Notes) -> Result<Observation> {
    let order = wire::Order::read(value, notes)?;
    let doc = OrderDoc {
        // Only `complete` orders are documented, and listed; what varies is whether they are paid, free or refunded.
        platform_status: match (order.status, order.financial_status) {
            (Some(status), _) if !status.eq_ignore_ascii_case("complete") => Some(status),
            (status, financial_status) => financial_status.or(status),
        },
        external_event_id: order.event_id,
        external_session_id: order.event_date_id,
        customer_name: whole_name(order.first_name.as_deref(), order.last_name.as_deref()),
        customer_email: order.email,
        customer_phone: order.mobile,
        currency: order.currency,
        purchase_total: order.purchase_totals.total,
        total: order.totals.total,
        fees: order.purchase_totals.booking_fee.or(order.totals.booking_fee),
        tax: order.purchase_totals.total_taxes.or(order.totals.total_taxes),
        discount: order.purchase_totals.discounts.or(order.totals.discounts),
        refunds: order.totals.refunds,
        purchased: order.completed_at.or(order.created_at),
        marketing_opt_in: order.mail_list_opt_in,
        ticket_types: Vec::new(),
    };
    if !words::is_known(&doc) {
        notes.add("status is not one that we know; the order is taken as one that stands");
    }
    let order_copy = OrderCopy {
        version: version(order.updated_at, notes),
        standing: words::standing(&doc),
        doc,
        raw: Document::from_value(value),
    };
    let fact = Fact::Order {
        fetched_at,
        in_progress: false,
        order: Box::new(order_copy),
        attendees: None,
        refund_requests: None,
    };
    Ok(Observation { key: key(order.id), fact })
}

/// The fact that an API ticket is.
pub(super) fn ticket(value: &Value, fetched_at: Option<Micros>, notes: &Notes) -> Result<Observation> {
    let ticket = wire::Ticket::read(value, notes)?;
    let void = match ticket.status.as_deref() {
        Some("complete") => Void::Valid,
        Some("cancelled") => Void::Cancelled,
        None if ticket.cancelled_at.is_some() => Void::Cancelled,
        None => Void::Valid,
        Some(_) => {
            notes.add("status is not one that we know; the ticket is taken as valid");
            Void::Valid
        }
    };
    let (checked_in, check_in_date) = check_in(&ticket);
    let dates = [ticket.cancelled_at, check_in_date];
    let copy = AttendeeCopy {
        id: ticket.id,
        version: dates.into_iter().flatten().fold(version(ticket.updated_at, notes), Micros::max),
        doc: AttendeeDoc {
            void,
            checked_in,
            check_in_date,
            donation: ticket.is_donation,
            external_session_id: ticket.event_date_id,
            name: whole_name(ticket.first_name.as_deref(), ticket.last_name.as_deref()),
            first_name: ticket.first_name,
            last_name: ticket.last_name,
            email: None,
            phone: None,
            ticket_type: ticket.ticket_type_name,
            price: ticket.total.or(ticket.price),
            barcode: ticket.custom_scanning_code.or(ticket.qr_code_id),
            currency: ticket.currency,
            external_event_id: ticket.event_id,
        },
        // Only `total` contains it.
        fees: ticket.total.and(ticket.passed_on_fee),
        paid: None,
        raw: Document::from_value(value),
    };
    Ok(Observation { key: key(ticket.order_id), fact: Fact::Attendee { fetched_at, attendee: copy } })
}

/// Whether the platform holds the ticket for checked in, and when its newest check-in or check-out was.
fn check_in(ticket: &wire::Ticket) -> (bool, Option<Micros>) {
    let newest = ticket.check_in_history.iter().filter(|entry| entry.date.is_some()).max_by_key(|entry| entry.date);
    let current = ticket.check_in.as_ref();
    // `checkIn` is the present state; the history stands in where it is absent.
    let checked_in = current.and_then(|entry| entry.checked_in).or(newest.and_then(|entry| entry.checked_in));
    let date = current.and_then(|entry| entry.date).max(newest.and_then(|entry| entry.date));
    (checked_in.unwrap_or(false), date)
}

/// An event.
pub(super) fn event(value: &Value, notes: &Notes) -> Result<EventCopy> {
    let event = wire::Event::read(value, notes)?;
    let status = match (event.published, event.marked_as_sold_out, event.suspend_sales) {
        (Some(false), _, _) => Some("unpublished"),
        (_, Some(true), _) => Some("markedAsSoldOut"),
        (_, _, Some(true)) => Some("suspendSales"),
        (Some(true), _, _) => Some("published"),
        (None, _, _) => None,
    };
    let active = || event.dates.iter().filter(|date| date.active);
    let session = |date: &wire::EventDate| {
        Some(Session {
            id: date.id.clone()?,
            starts_at: date.start.map(time::to_text),
            ends_at: date.end.map(time::to_text),
            active: date.active,
        })
    };
    Ok(EventCopy {
        external_event_id: event.id,
        version: version(event.updated_at, notes),
        title: event.name,
        venue: event.venue_name,
        starts_at: event.start_date.or_else(|| active().filter_map(|date| date.start).min()),
        ends_at: event.end_date.or_else(|| active().filter_map(|date| date.end).max()),
        time_zone: event.timezone,
        capacity: event.total_capacity,
        currency: event.currency,
        on_sale: status.map(|status| status == "published"),
        platform_status: status.map(str::to_owned),
        url: event.url,
        sessions: event.dates.iter().filter_map(session).collect(),
        raw: Some(Document::from_value(value)),
    })
}

/// Given and family name in one.
pub(super) fn whole_name(first: Option<&str>, last: Option<&str>) -> Option<String> {
    match (first, last) {
        (Some(first), Some(last)) => Some(format!("{first} {last}")),
        (first, last) => first.or(last).map(str::to_owned),
    }
}

/// The key of an order.
pub(super) fn key(order_id: String) -> OrderKey {
    OrderKey { platform: Platform::of(&Humanitix), order_id }
}

fn version(updated_at: Option<Micros>, notes: &Notes) -> Micros {
    updated_at.unwrap_or_else(|| {
        notes.add("updatedAt is missing, so every other copy counts as newer");
        0
    })
}
