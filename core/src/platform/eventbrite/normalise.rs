//! What Eventbrite API resources mean.

use serde_json::Value;

use crate::document::Document;
use crate::document::access::{Notes, Object};
use crate::error::{Error, Result};
use crate::money::{Amount, Currency};
use crate::observation::{
    AttendeeCopy, AttendeeDoc, EventCopy, Fact, Observation, OrderCopy, OrderDoc, OrderKey, RefundRequests, Void,
};
use crate::platform::page::reason;
use crate::platform::{Platform, Resources};
use crate::time::Micros;

use super::{Eventbrite, wire, words};

/// Adds the facts that an API order is, expanded or not.
///
/// Attendees and refund requests have registers of their own, so the copy of the order is kept without them. A list of
/// attendees that is not complete, or not wholly readable, must not cancel those that are missing from it: its attendees
/// then count one by one.
pub(super) fn order(mut value: Value, fetched_at: Option<Micros>, notes: &Notes, out: &mut Resources) -> Result<()> {
    let expansions = value.as_object_mut().map(|order| (order.remove("attendees"), order.remove("refund_requests")));
    let (attendees, requests) = expansions.unwrap_or_default();
    let order = wire::Order::read(&value, notes)?;
    let list = attendees.as_ref().and_then(|list| listed(list, &order, notes));
    let doc = OrderDoc {
        platform_status: order.status,
        external_event_id: order.event_id,
        external_session_id: None,
        customer_name: order.name.or_else(|| whole_name(order.first_name.as_deref(), order.last_name.as_deref())),
        customer_email: order.email,
        customer_phone: None,
        currency: order.costs.currency,
        purchase_total: None,
        total: order.costs.gross,
        fees: order.costs.fees,
        tax: order.costs.tax,
        discount: order.costs.discount_amount,
        refunds: None,
        purchased: order.created,
        marketing_opt_in: order.has_opted_in,
        // Only what is in the kept document may be in here: equal documents must mean the same.
        ticket_types: Vec::new(),
    };
    if !words::is_known(&doc) {
        notes.add("status is not one that we know; the order is taken as one that stands");
    }
    let refund_requests = match &requests {
        Some(requests) => refund_requests(requests, doc.currency, notes)?,
        None => None,
    };
    if let Some(expanded) = value.get("event").filter(|event| event.is_object()) {
        // Welcome, but not what was asked for: no document is kept, and its oddities are not this order's.
        out.events.extend(event(expanded, &Notes::default()).ok().map(|event| EventCopy { raw: None, ..event }));
    }

    let key = OrderKey { platform: Platform::of(&Eventbrite), order_id: order.id };
    let (complete, loose) = match list {
        Some(list) if list.complete => (Some(list.attendees), Vec::new()),
        Some(list) => (None, list.attendees),
        None => (None, Vec::new()),
    };
    out.observations.push(Observation {
        key: key.clone(),
        fact: Fact::Order {
            fetched_at,
            in_progress: order.in_checkout,
            order: Box::new(OrderCopy {
                version: version(order.changed, notes),
                standing: words::standing(&doc),
                doc,
                raw: Document::from_value(&value),
            }),
            attendees: complete,
            refund_requests,
        },
    });
    // Those of a cart are nobody yet.
    if !order.in_checkout {
        out.observations.extend(
            loose
                .into_iter()
                .map(|attendee| Observation { key: key.clone(), fact: Fact::Attendee { fetched_at, attendee } }),
        );
    }
    Ok(())
}

/// The attendees that an order was expanded with.
struct Listed {
    attendees: Vec<AttendeeCopy>,
    complete: bool,
}

fn listed(list: &Value, order: &wire::Order, notes: &Notes) -> Option<Listed> {
    let (items, has_more_items) = match list {
        Value::Null => return None,
        Value::Array(items) => (items.as_slice(), order.has_more_items),
        list => {
            // A list with a pagination of its own.
            let list = Object::required(list, "attendees", notes).ok()?;
            let more = wire::has_more_items(list);
            (list.items("attendees")?, more || order.has_more_items)
        }
    };
    let mut listed = Listed { attendees: Vec::with_capacity(items.len()), complete: !has_more_items };
    for (i, item) in items.iter().enumerate() {
        match attendee(item, order.event_id.as_deref(), notes) {
            Ok((_, attendee)) => listed.attendees.push(attendee),
            Err(error) => {
                notes.add(format_args!("attendees[{i}] was left out: {}", reason(&error)));
                listed.complete = false;
            }
        }
    }
    Some(listed)
}

/// The fact that an API attendee is.
pub(super) fn lone_attendee(value: &Value, fetched_at: Option<Micros>, notes: &Notes) -> Result<Observation> {
    let (order_id, attendee) = attendee(value, None, notes)?;
    let order_id = order_id.ok_or_else(|| Error::Shape("order_id is missing".into()))?;
    let key = OrderKey { platform: Platform::of(&Eventbrite), order_id };
    Ok(Observation { key, fact: Fact::Attendee { fetched_at, attendee } })
}

fn attendee(value: &Value, event_id: Option<&str>, notes: &Notes) -> Result<(Option<String>, AttendeeCopy)> {
    let attendee = wire::Attendee::read(value, notes)?;
    // `status` is text for humans; the two flags decide.
    let void = match (attendee.refunded, attendee.cancelled) {
        (true, _) => Void::Refunded,
        (false, true) => Void::Cancelled,
        (false, false) => Void::Valid,
    };
    let whole = attendee.name.or_else(|| whole_name(attendee.first_name.as_deref(), attendee.last_name.as_deref()));
    let copy = AttendeeCopy {
        id: attendee.id,
        version: version(attendee.changed, notes).max(attendee.barcode_changed.unwrap_or(0)),
        doc: AttendeeDoc {
            void,
            checked_in: attendee.checked_in,
            check_in_date: None,
            donation: attendee.donation,
            external_session_id: None,
            name: whole,
            first_name: attendee.first_name,
            last_name: attendee.last_name,
            email: attendee.email,
            phone: attendee.phone,
            ticket_type: attendee.ticket_class_name,
            price: attendee.costs.gross,
            barcode: attendee.barcode,
            currency: attendee.costs.currency,
            external_event_id: attendee.event_id.or_else(|| event_id.map(str::to_owned)),
        },
        fees: attendee.costs.fees,
        paid: attendee.paid,
        raw: Document::from_value(value),
    };
    Ok((attendee.order_id, copy))
}

/// What the refund requests add up to.
fn refund_requests(list: &Value, currency: Option<Currency>, notes: &Notes) -> Result<Option<RefundRequests>> {
    let Value::Array(requests) = list else {
        if !list.is_null() {
            notes.add("refund_requests has the wrong type and was left out");
        }
        return Ok(None);
    };
    let mut sum = RefundRequests { processed: Amount::ZERO, pending: false, processed_date: None };
    for request in requests {
        let Ok(request) = Object::required(request, "refund_requests[]", notes) else { continue };
        let items = request.array("items").unwrap_or_default();
        sum.pending |= items.is_empty() && request.text(&["status"]).as_deref() == Some("pending");
        for item in items {
            let Some(item) = request.element(item, "refund_requests[].items[]") else { continue };
            sum.pending |= item.text(&["status"]).as_deref() == Some("pending");
            let processed = wire::cost(item, "amount_processed", "refund_requests[].items[].amount_processed")?;
            let Some((amount, its_currency)) = processed.filter(|(amount, _)| *amount > Amount::ZERO) else { continue };
            if its_currency.is_some() && currency.is_some() && its_currency != currency {
                item.note("amount_processed", "is in another currency than the order and was left out");
                continue;
            }
            sum.processed = sum.processed.saturating_add(amount);
            let date = item.instant(&["processed_date"]);
            sum.processed_date = [sum.processed_date, date].into_iter().flatten().min();
        }
    }
    Ok(Some(sum))
}

/// An event.
pub(super) fn event(value: &Value, notes: &Notes) -> Result<EventCopy> {
    let event = Object::required(value, "", notes)?;
    let multipart = |name, path| event.object(name, path).and_then(|text| text.text(&["text"]));
    let (start, end) = (event.object("start", "start"), event.object("end", "end"));
    let status = event.text(&["status"]);
    let utc = |time: Option<Object<'_>>| time.and_then(|time| time.instant(&["utc"]));
    Ok(EventCopy {
        external_event_id: event.required_id(&["id"])?,
        version: version(event.instant(&["changed"]), notes),
        title: multipart("name", "name"),
        venue: event.object("venue", "venue").and_then(|venue| venue.text(&["name"])),
        starts_at: utc(start),
        ends_at: utc(end),
        time_zone: start.and_then(|start| start.text(&["timezone"])),
        capacity: event.places(&["capacity"]),
        currency: event.currency(&["currency"]),
        on_sale: status
            .as_deref()
            .map(|status| ["live", "started"].iter().any(|word| status.eq_ignore_ascii_case(word))),
        platform_status: status,
        url: event.text(&["url"]),
        sessions: Vec::new(),
        raw: Some(Document::from_value(value)),
    })
}

fn whole_name(first: Option<&str>, last: Option<&str>) -> Option<String> {
    match (first, last) {
        (Some(first), Some(last)) => Some(format!("{first} {last}")),
        (first, last) => first.or(last).map(str::to_owned),
    }
}

fn version(changed: Option<Micros>, notes: &Notes) -> Micros {
    changed.unwrap_or_else(|| {
        notes.add("changed is missing, so every other copy counts as newer");
        0
    })
}
