//! Results as JSON, small enough to be read and compared by eye.

use boxoffice_core::Error;
use boxoffice_core::money::{Amount, Currency};
use boxoffice_core::observation::{AttendeeCopy, EventCopy, Fact, Observation, OrderDoc, RefundRequests};
use boxoffice_core::platform::{Delivery, Effect, Failure, Family, Resources};
use boxoffice_core::time::{Micros, to_text};
use serde_json::{Map, Value, json};

pub fn delivery(result: Result<Delivery, Failure>) -> Value {
    match result {
        Ok(delivery) => {
            let effect = match delivery.effect {
                Effect::Apply(facts) => json!({ "apply": facts.iter().map(observation).collect::<Vec<_>>() }),
                Effect::Fetch(fetch) => json!({
                    "fetch": fetch.path, "kind": fetch.kind.as_str(), "id": fetch.resource_id,
                    "event": fetch.external_event_id,
                }),
                Effect::Ignore(why) => json!({ "ignore": why }),
            };
            short(json!({
                "event_type": delivery.event_type, "order_id": delivery.order_id, "effect": short(effect),
                "event": delivery.event.as_ref().map(event), "notes": delivery.notes,
            }))
        }
        Err(Failure::Refused(refusal)) => json!({ "refused": refusal.code() }),
        Err(Failure::Unusable { event_type, error }) => {
            short(json!({ "event_type": event_type, "error": error.to_string() }))
        }
    }
}

pub fn resources(result: Result<Resources, Error>) -> Value {
    match result {
        Ok(resources) => short(json!({
            "items": resources.items,
            "facts": resources.observations.iter().map(observation).collect::<Vec<_>>(),
            "events": resources.events.iter().map(event).collect::<Vec<_>>(),
            "notes": resources.notes,
        })),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

pub fn observation(observation: &Observation) -> Value {
    let fact = match &observation.fact {
        Fact::Envelope(envelope) => json!({
            "version": time(envelope.timestamp),
            "status": format!("{:?}", envelope.status),
            "payment": envelope.payment.map(|payment| payment.as_str()),
            "quantity": envelope.quantity,
            "order": doc(&envelope.doc),
            "refund": envelope.refund.map(|refund| json!({
                "amount": money(refund.amount, envelope.doc.currency), "at": refund.refunded_at.map(time),
            })),
            "attendees": envelope.attendees.as_ref().map(|list| list.iter().map(attendee).collect::<Vec<_>>()),
        }),
        Fact::Order { in_progress, order, attendees, refund_requests, .. } => json!({
            "version": time(order.version),
            "in_progress": in_progress.then_some(true),
            "order": doc(&order.doc),
            "attendees": attendees.as_ref().map(|list| list.iter().map(attendee).collect::<Vec<_>>()),
            "refund_requests": refund_requests.map(|sum| requests(sum, order.doc.currency)),
        }),
        Fact::Attendee { attendee: copy, .. } => match observation.key.platform.family() {
            Family::Listed => json!({ "attendee": attendee(copy) }),
            Family::Swept => json!({ "ticket": attendee(copy) }),
        },
        other => json!(format!("{other:?}")),
    };
    let mut fact = short(fact);
    fact["id"] = observation.key.order_id.as_str().into();
    fact
}

fn doc(doc: &OrderDoc) -> Value {
    let money = |amount| money(amount, doc.currency);
    short(json!({
        "platform_status": doc.platform_status, "event": doc.external_event_id, "session": doc.external_session_id,
        "currency": doc.currency.map(|currency| currency.to_string()), "purchase_total": money(doc.purchase_total),
        "total": money(doc.total), "fees": money(doc.fees), "tax": money(doc.tax), "discount": money(doc.discount),
        "refunds": money(doc.refunds), "purchased": doc.purchased.map(time), "opt_in": doc.marketing_opt_in,
        "types": doc.ticket_types, "has": has([
            ("name", &doc.customer_name), ("email", &doc.customer_email), ("phone", &doc.customer_phone),
        ]),
    }))
}

fn attendee(copy: &AttendeeCopy) -> Value {
    let doc = &copy.doc;
    short(json!({
        "id": copy.id, "version": time(copy.version), "void": format!("{:?}", doc.void),
        "checked_in": doc.checked_in.then_some(true), "check_in_date": doc.check_in_date.map(time),
        "donation": doc.donation.then_some(true), "type": doc.ticket_type, "barcode": doc.barcode,
        "price": money(doc.price, doc.currency), "fees": money(copy.fees, doc.currency), "paid": copy.paid, "event": doc.external_event_id, "session": doc.external_session_id,
        "has": has([
            ("name", &doc.name), ("first_name", &doc.first_name), ("last_name", &doc.last_name), ("email", &doc.email),
            ("phone", &doc.phone),
        ]),
    }))
}

fn event(event: &EventCopy) -> Value {
    short(json!({
        "id": event.external_event_id, "version": time(event.version), "starts": event.starts_at.map(time),
        "ends": event.ends_at.map(time), "zone": event.time_zone, "capacity": event.capacity,
        "currency": event.currency.map(|currency| currency.to_string()), "status": event.platform_status,
        "has": has([("title", &event.title), ("venue", &event.venue), ("url", &event.url)]),
    }))
}

fn requests(sum: RefundRequests, currency: Option<Currency>) -> Value {
    json!({
        "processed": money(Some(sum.processed), currency), "pending": sum.pending, "date": sum.processed_date.map(time),
    })
}

fn money(amount: Option<Amount>, currency: Option<Currency>) -> Option<String> {
    amount.map(|amount| amount.to_numeric(currency))
}

fn time(micros: Micros) -> String {
    if micros == 0 { "none".into() } else { to_text(micros) }
}

/// Which of the personal fields are there; their values do not belong into an expectation.
fn has<const N: usize>(fields: [(&str, &Option<String>); N]) -> String {
    fields.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

/// Without what says nothing.
fn short(value: Value) -> Value {
    let Value::Object(map) = value else { return value };
    let empty = |name: &str, value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        // An empty list of attendees says that nobody is left.
        Value::Array(list) => list.is_empty() && name != "attendees" && name != "apply",
        _ => false,
    };
    Value::Object(map.into_iter().filter(|(name, value)| !empty(name, value)).collect::<Map<_, _>>())
}
