//! Envelopes of the bridge convention: `{"event_type", "data": {"event", "order"}, "timestamp"}`, a whole order each.
//!
//! Amounts are in major units. Senders differ in spelling (`first_name`, `firstName`); both are read everywhere. Only
//! the order's id is relied on.

use serde_json::Value;

use crate::document::access::{Notes, Object};
use crate::document::{self, Document};
use crate::error::{Error, Result};
use crate::money::{Amount, Currency};
use crate::observation::{Envelope, EnvelopeRefund, EnvelopeStatus, EventCopy, Fact, Observation, OrderDoc, Payment};
use crate::platform::{Delivery, Effect, Failure};
use crate::time::{Micros, Reading};

use super::normalise::{key, whole_name};
use super::people;

/// What an envelope means that arrived then.
pub(in crate::platform) fn webhook(body: &[u8], arrived: Micros) -> std::result::Result<Delivery, Failure> {
    let unusable = |event_type, error| Failure::Unusable { event_type, error };
    let mut body = document::parse(body).map_err(|error| unusable(None, error))?;
    let notes = Notes::default();
    let (event_type, timestamp) = heading(&body, &notes).map_err(|error| unusable(None, error))?;
    let Some(kind) = Kind::of(&event_type) else {
        return Ok(Delivery {
            event_type,
            order_id: None,
            effect: Effect::Ignore("the event type is not one that changes an order".into()),
            event: None,
            notes: notes.into_vec(),
        });
    };
    let data = body.get_mut("data").map_or(Value::Null, Value::take);
    match envelope(kind, timestamp, data, arrived, &notes) {
        Ok((order_id, envelope, event)) => Ok(Delivery {
            event_type,
            order_id: Some(order_id.clone()),
            effect: Effect::Apply(vec![Observation { key: key(order_id), fact: Fact::Envelope(Box::new(envelope)) }]),
            event,
            notes: notes.into_vec(),
        }),
        Err(error) => Err(unusable(Some(event_type), error)),
    }
}

/// The event types of the convention.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Created,
    Cancelled,
    Refunded,
}

impl Kind {
    fn of(event_type: &str) -> Option<Kind> {
        match event_type {
            // Both carry the whole order; either may come first.
            "order.created" | "order.updated" => Some(Kind::Created),
            "order.cancelled" => Some(Kind::Cancelled),
            "order.refunded" => Some(Kind::Refunded),
            _ => None,
        }
    }
}

fn heading(body: &Value, notes: &Notes) -> Result<(String, Option<Reading>)> {
    let body = Object::required(body, "", notes)?;
    let event_type = body.label(&["event_type", "eventType"]);
    let event_type = event_type.ok_or_else(|| Error::Shape("event_type is missing".into()))?;
    Ok((event_type, body.reading(&["timestamp"])))
}

fn envelope(
    kind: Kind,
    timestamp: Option<Reading>,
    mut data: Value,
    arrived: Micros,
    notes: &Notes,
) -> Result<(String, Envelope, Option<EventCopy>)> {
    // Attendees are kept one by one, beside the order; lines with a quantity are not attendees and stay in it.
    let attendees = match data.get_mut("order").and_then(Value::as_object_mut) {
        Some(order) if order.get("attendees").is_some_and(people::are_people) => order.remove("attendees"),
        _ => None,
    };
    let view = Object::required(&data, "data", notes)?;
    let order = view.object("order", "data.order").ok_or_else(|| Error::Shape("data.order is missing".into()))?;
    let order_id = order.required_id(&["id", "_id", "orderName", "order_name"])?;
    let event = view.object("event", "data.event").and_then(event);

    let (mut doc, lines) = order_doc(order, event.as_ref())?;
    let said = status(kind, order, doc.currency)?;
    let refunds = said.refunded.is_some_and(|amount| amount != Some(Amount::ZERO));
    let takes_back = refunds || matches!(said.status, EnvelopeStatus::Cancelled | EnvelopeStatus::Refunded);
    let version =
        if takes_back { taken_back_at(timestamp, order, arrived, notes) } else { version(timestamp, order, notes) };
    if doc.fees.is_none() && !refunds {
        let net = order.amount(&["net_amount", "netAmount"], doc.currency)?;
        doc.fees = doc
            .purchase_total
            .zip(net)
            .map(|(total, net)| total.saturating_sub(net))
            .filter(|fees| !fees.is_negative());
    }
    let refund = said.refunded.map(|amount| {
        let refunded_at = order.reading(&["refunded_at", "refundedAt"]);
        let at = refunded_at.map_or(version, |reading| until(reading, version));
        EnvelopeRefund { amount, refunded_at: refunded_at.map(|reading| reading.at), at }
    });
    let attendees = attendees.map(|list| people::read(&list, version, &doc, notes));
    let people = attendees.as_ref().map(|list| list.iter().filter(|attendee| !attendee.doc.donation).count() as i64);
    let hashes: Vec<_> = attendees.iter().flatten().map(|attendee| attendee.raw.hash).collect();
    let envelope = Envelope {
        timestamp: version,
        status: said.status,
        stands: said.stands,
        // What was given back had been paid.
        payment: said.payment.or(said
            .refunded
            .flatten()
            .filter(|amount| *amount > Amount::ZERO)
            .map(|_| Payment::Paid)),
        refund,
        quantity: if lines.any { lines.quantity } else { people.or(lines.quantity) },
        doc,
        attendees,
        raw: Document::beside(&data, hashes),
    };
    Ok((order_id, envelope, event))
}

/// The time of an envelope that tells how an order stands: its own, or else that of the order. Without any it counts as older
/// than everything, so that a late repetition of an old body never undoes anything.
fn version(timestamp: Option<Reading>, order: Object<'_>, notes: &Notes) -> Micros {
    let created = || order.instant(&["created_at", "createdAt"]);
    timestamp.map(|reading| reading.at).or_else(created).unwrap_or_else(|| {
        notes.add("there is no readable timestamp, so every other copy counts as newer");
        0
    })
}

/// The time of a cancellation or refund. Never that at which the order was created, which is before all that it takes back:
/// without a time of its own it happened when we heard of it.
fn taken_back_at(timestamp: Option<Reading>, order: Object<'_>, arrived: Micros, notes: &Notes) -> Micros {
    let names = ["refunded_at", "refundedAt", "cancelled_at", "cancelledAt", "canceled_at", "canceledAt"];
    timestamp.or_else(|| order.reading(&names)).map_or_else(
        || {
            notes.add("the cancellation or refund has no readable time; that of its arrival counts");
            arrived
        },
        |reading| until(reading, arrived),
    )
}

/// The last instant that a time can mean, but not after it was known.
fn until(reading: Reading, known: Micros) -> Micros {
    reading.latest().min(known.max(reading.at))
}

fn event(event: Object<'_>) -> Option<EventCopy> {
    Some(EventCopy {
        external_event_id: event.id(&["id", "_id"])?,
        title: event.text(&["name", "title"]),
        venue: event.object("venue", "data.event.venue").and_then(|venue| venue.text(&["name"])),
        starts_at: event.instant(&["date", "startDate"]),
        ..EventCopy::default()
    })
}

/// What the lines of an order add up to.
struct Lines {
    any: bool,
    /// The sum; `None` while unknown, 0 for an empty list.
    quantity: Option<i64>,
    types: Vec<String>,
}

fn lines(order: Object<'_>) -> Lines {
    let list = order.array("tickets").or_else(|| if order.has(&["tickets"]) { None } else { order.array("attendees") });
    let mut lines =
        Lines { any: list.is_some_and(|list| !list.is_empty()), quantity: list.map(|_| 0), types: Vec::new() };
    for line in list.unwrap_or_default() {
        let Some(line) = order.element(line, "data.order.tickets[]") else {
            order.note("tickets", "has an element that is not an object");
            lines.quantity = None;
            continue;
        };
        let quantity = if line.has(&["quantity"]) { line.integer(&["quantity"]) } else { Some(1) };
        let quantity = quantity.filter(|quantity| (0..=1_000_000).contains(quantity));
        if quantity.is_none() {
            line.note("quantity", "is not a believable number, so that of the order is unknown");
        }
        lines.quantity = lines.quantity.zip(quantity).map(|(sum, quantity)| sum.saturating_add(quantity));
        let name = line.text(&["ticket_type_name", "ticketTypeName", "ticket_type", "ticketType", "name"]);
        lines.types.extend(name.filter(|name| !lines.types.contains(name)));
    }
    lines
}

fn order_doc(order: Object<'_>, event: Option<&EventCopy>) -> Result<(OrderDoc, Lines)> {
    let currency = order.currency(&["currency"]);
    // Some senders put the buyer into the order itself.
    let buyer = order.object("customer", "data.order.customer").unwrap_or(order);
    let [first, last] = [["first_name", "firstName"], ["last_name", "lastName"]].map(|names| buyer.text(&names));
    let totals = order.object("totals", "data.order.totals");
    let total = |name| totals.map_or(Ok(None), |totals| totals.amount(&[name], currency));
    let (refunds, present) = (total("refunds")?, total("total")?);
    // `totals.total` shrinks when something is refunded; `total_amount` is the sale.
    let from_totals = present.map(|present| present.saturating_add(refunds.unwrap_or_default()));
    let mut lines = lines(order);
    let doc = OrderDoc {
        platform_status: order.text(&["status"]).or_else(|| order.text(&["financialStatus", "financial_status"])),
        external_event_id: event
            .map(|event| event.external_event_id.clone())
            .or_else(|| order.id(&["event_id", "eventId"])),
        external_session_id: order.id(&["event_date_id", "eventDateId"]),
        customer_name: whole_name(first.as_deref(), last.as_deref()).or_else(|| buyer.text(&["name"])),
        customer_email: buyer.text(&["email"]),
        customer_phone: buyer.text(&["phone", "mobile"]),
        currency,
        purchase_total: order.amount(&["total_amount", "totalAmount"], currency)?.or(from_totals),
        total: None,
        fees: match (order.amount(&["fees", "bookingFee", "humanitixFee"], currency)?, total("bookingFee")?) {
            (None, None) => total("humanitixFee")?,
            (fees, booking_fee) => fees.or(booking_fee),
        },
        tax: order.amount(&["tax"], currency)?.or(total("totalTaxes")?),
        discount: order.amount(&["discount"], currency)?.or(total("discounts")?),
        refunds: None,
        purchased: order.instant(&["created_at", "createdAt"]),
        marketing_opt_in: buyer.flag(&["organiserMailListOptIn", "marketing_opt_in"]),
        ticket_types: std::mem::take(&mut lines.types),
    };
    Ok((doc, lines))
}

/// What is said about the order as a whole, about its payment and about a refund.
struct Said {
    status: EnvelopeStatus,
    stands: Option<bool>,
    payment: Option<Payment>,
    /// It speaks of a refund, of that amount; without one of everything.
    refunded: Option<Option<Amount>>,
}

fn status(kind: Kind, order: Object<'_>, currency: Option<Currency>) -> Result<Said> {
    let [status, financial] =
        [&["status"][..], &["financialStatus", "financial_status"]].map(|names| order.text(names));
    let read = |name, text: &Option<String>| {
        let word = Word::of(text.as_deref()?);
        if word.is_none() {
            order.note(name, "is not one that we know, and decides nothing");
        }
        Some(word.unwrap_or(Word { status: EnvelopeStatus::Paid, payment: None, stands: None }))
    };
    let words = [read("status", &status), read("financialStatus", &financial)];
    let is_cancelled = kind == Kind::Cancelled || words.iter().flatten().any(|word| word.stands == Some(false));
    // `financialStatus` stays `paid` when the order is cancelled.
    let stands = if is_cancelled { Some(false) } else { words[0].as_ref().and_then(|word| word.stands) };
    let said = words.iter().flatten().map(|word| word.status).max();
    // `financialStatus` says more of the payment; `complete` may stand beside it.
    let payment = words.iter().rev().flatten().find_map(|word| word.payment);
    // A handler that says what happened knows better than a status that may be older.
    let at_least = match kind {
        Kind::Created => EnvelopeStatus::Pending,
        Kind::Cancelled => EnvelopeStatus::Cancelled,
        Kind::Refunded => EnvelopeStatus::Refunded,
    };
    let status = said.unwrap_or_default().max(at_least);
    if said.is_some_and(|said| said < at_least) {
        order.note("status", "contradicts the event type, which is believed");
    }

    let given = order.amount(&["refund_amount", "refundAmount"], currency)?;
    if status == EnvelopeStatus::Refunded && given == Some(Amount::ZERO) {
        order.note("refund_amount", "is 0: nothing was given back");
    }
    let totals = order.object("totals", "data.order.totals");
    let refunds = totals.map_or(Ok(None), |totals| totals.amount(&["refunds"], currency))?;
    // Outside a refund `totals.refunds` is there as well, and 0.
    let amount = given.or(refunds.filter(|refunds| *refunds > Amount::ZERO || status == EnvelopeStatus::Refunded));
    let refunded = (amount.is_some() || status == EnvelopeStatus::Refunded).then_some(amount);
    Ok(Said { status, stands, payment, refunded })
}

/// What a word for the state of an order means.
struct Word {
    status: EnvelopeStatus,
    payment: Option<Payment>,
    stands: Option<bool>,
}

impl Word {
    /// `None` for words that we do not know.
    fn of(word: &str) -> Option<Word> {
        let (status, payment) = match word.to_ascii_lowercase().as_str() {
            "pending" | "unpaid" | "incomplete" | "outstanding" => (EnvelopeStatus::Pending, Some(Payment::Unpaid)),
            "abandoned" => (EnvelopeStatus::Cancelled, Some(Payment::Unpaid)),
            "cancelled" | "canceled" | "deleted" => (EnvelopeStatus::Cancelled, None),
            "refunded" => (EnvelopeStatus::Refunded, Some(Payment::Paid)),
            "free" => (EnvelopeStatus::Paid, Some(Payment::Free)),
            "paid" | "complete" | "completed" | "partiallyrefunded" => (EnvelopeStatus::Paid, Some(Payment::Paid)),
            _ => return None,
        };
        let stands = match status {
            EnvelopeStatus::Pending | EnvelopeStatus::Paid => Some(true),
            EnvelopeStatus::Cancelled => Some(false),
            EnvelopeStatus::Refunded => None,
        };
        Some(Word { status, payment, stands })
    }
}
