//! From the notation of the vectors to facts.

use std::collections::BTreeMap;

use boxoffice_core::document::Document;
use boxoffice_core::money::{Amount, Currency};
use boxoffice_core::observation::{
    AttendeeCopy, AttendeeDoc, Envelope, EnvelopeRefund, EnvelopeStatus, Fact, OrderCopy, OrderDoc, Payment,
    RefundRequests, Void,
};
use boxoffice_core::platform::Platform;
use serde_json::Value;

/// The fact of an observation.
pub fn fact(observation: &Value) -> Fact {
    let fetched_at = time(observation, "F");
    match str(observation, "k").as_str() {
        "hx_order" => super::build::bare_order(fetched_at, order_copy(observation, "humanitix", "fin")),
        "hx_ticket" => Fact::Attendee { fetched_at, attendee: attendee_copy(&observation["c"]) },
        "hx_env" => Fact::Envelope(Box::new(envelope(observation))),
        "eb_order" => Fact::Order {
            fetched_at,
            in_progress: bool(&observation["doc"], "in_progress"),
            order: Box::new(order_copy(observation, "eventbrite", "status")),
            attendees: attendee_copies(observation),
            refund_requests: Some(&observation["rr"]).filter(|rr| !rr.is_null()).map(|rr| RefundRequests {
                processed: amount(rr, "processed").expect("processed"),
                pending: bool(rr, "pending"),
                processed_date: time(rr, "pdate"),
            }),
        },
        "eb_att" => Fact::Attendee { fetched_at, attendee: attendee_copy(&observation["c"]) },
        "gone" => {
            Fact::Gone { attendee_id: opt_str(observation, "aid"), fetched_at: fetched_at.expect("a 404 has a time") }
        }
        "scan" => Fact::Scan {
            attendee_id: str(observation, "aid"),
            scan_id: str(observation, "id"),
            at: time(observation, "at").expect("a scan has a time"),
            entry: int(observation, "dir") == Some(1),
        },
        "sweep" => {
            assert_eq!(str(observation, "what"), "tickets");
            Fact::TicketsSwept(time(observation, "T").expect("a sweep has a time"))
        }
        other => panic!("unknown kind {other}"),
    }
}

fn order_copy(observation: &Value, platform: &str, status: &str) -> OrderCopy {
    let doc = &observation["doc"];
    let content = OrderDoc {
        total: amount(doc, "total").or(amount(doc, "gross")),
        purchase_total: amount(doc, "ptotal"),
        ..order_doc(doc, status)
    };
    let version = time(observation, "ver").expect("a version");
    OrderCopy::of(super::named(platform), version, content, model_document(doc))
}

fn order_doc(doc: &Value, status: &str) -> OrderDoc {
    OrderDoc {
        platform_status: opt_str(doc, status),
        customer_name: opt_str(doc, "name"),
        customer_email: opt_str(doc, "email"),
        currency: currency(doc),
        fees: amount(doc, "fees"),
        tax: amount(doc, "tax"),
        refunds: amount(doc, "refunds"),
        purchased: time(doc, "purchased").or(time(doc, "created")),
        ..OrderDoc::default()
    }
}

fn envelope(observation: &Value) -> Envelope {
    let doc = &observation["doc"];
    let status = match str(doc, "status").as_str() {
        "pending" => EnvelopeStatus::Pending,
        "cancelled" => EnvelopeStatus::Cancelled,
        "refunded" => EnvelopeStatus::Refunded,
        _ => EnvelopeStatus::Paid,
    };
    let given = amount(doc, "refund_amount");
    let timestamp = time(observation, "ts").expect("a timestamp");
    let speaks = status == EnvelopeStatus::Refunded || str(observation, "type") == "order.refunded" || given.is_some();
    Envelope {
        timestamp,
        status,
        stands: super::build::stands(status),
        doc: OrderDoc { purchase_total: amount(doc, "total"), ..order_doc(doc, "status") },
        payment: match str(doc, "status").as_str() {
            "pending" => Some(Payment::Unpaid),
            "paid" | "refunded" => Some(Payment::Paid),
            "free" => Some(Payment::Free),
            _ => None,
        },
        refund: speaks.then(|| {
            let refunded_at = time(doc, "refunded_at");
            EnvelopeRefund { amount: given, refunded_at, at: refunded_at.unwrap_or(timestamp) }
        }),
        quantity: int(doc, "qty"),
        attendees: attendee_copies(observation),
        raw: model_document(doc),
    }
}

fn attendee_copies(observation: &Value) -> Option<Vec<AttendeeCopy>> {
    Some(observation["atts"].as_array()?.iter().map(attendee_copy).collect())
}

fn attendee_copy(copy: &Value) -> AttendeeCopy {
    let doc = &copy["doc"];
    // The effective version: that of the copy, or a newer date inside it. Envelopes give none.
    let dates = copy["dates"].as_array().into_iter().flatten().filter_map(millis);
    AttendeeCopy {
        id: str(copy, "id"),
        version: dates.chain(time(copy, "ver")).max().unwrap_or_default(),
        doc: AttendeeDoc {
            void: match int(doc, "void") {
                Some(0) => Void::Valid,
                Some(1) => Void::Cancelled,
                _ => Void::Refunded,
            },
            checked_in: bool(doc, "ci"),
            check_in_date: time(doc, "ci_date"),
            donation: bool(doc, "donation"),
            name: opt_str(doc, "name"),
            ticket_type: opt_str(doc, "type"),
            price: amount(doc, "gross"),
            barcode: opt_str(doc, "barcode"),
            ..AttendeeDoc::default()
        },
        fees: amount(doc, "fees"),
        paid: doc["paid"].as_bool(),
        raw: model_document(doc),
    }
}

/// The order that an observation is about; `None` for all of the event.
pub fn order_key(observation: &Value) -> Option<(Platform, String)> {
    Some((platform(observation), opt_str(observation, "oid")?))
}

/// The platform of an observation.
pub fn platform(observation: &Value) -> Platform {
    platform_of(&opt_str(observation, "p").unwrap_or_else(|| str(observation, "k")))
}

/// The platform of that name.
pub fn platform_of(name: &str) -> Platform {
    if name.starts_with("hx") { super::named("humanitix") } else { super::named("eventbrite") }
}

/// A field.
pub fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().expect("a list")
}

/// A field.
pub fn opt_str(value: &Value, name: &str) -> Option<String> {
    value[name].as_str().map(str::to_owned)
}

/// A field.
pub fn str(value: &Value, name: &str) -> String {
    opt_str(value, name).unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// A field.
pub fn bool(value: &Value, name: &str) -> bool {
    value[name].as_bool().unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// A field.
pub fn int(value: &Value, name: &str) -> Option<i64> {
    value[name].as_i64()
}

fn millis(value: &Value) -> Option<i64> {
    value.as_i64().map(|ms| ms * 1000)
}

/// A field, in microseconds.
pub fn time(value: &Value, name: &str) -> Option<i64> {
    millis(&value[name])
}

/// A field, in ten-thousandths.
pub fn amount(value: &Value, name: &str) -> Option<Amount> {
    int(value, name).map(|cents| Amount(cents * 100))
}

/// The currency of a document.
pub fn currency(value: &Value) -> Option<Currency> {
    value["currency"].as_str().and_then(Currency::parse)
}

/// The document of a vector, hashed as the model does it: over Python's notation of its sorted fields. Some worlds
/// hold copies that nothing but this hash decides.
fn model_document(value: &Value) -> Document {
    let object = value.as_object().expect("a document");
    let fields = object.iter().collect::<BTreeMap<_, _>>();
    let text = fields.iter().map(|(name, field)| format!("('{name}', {})", python(field))).collect::<Vec<_>>();
    Document { hash: super::blake2b::hash(format!("[{}]", text.join(", ")).as_bytes()), text: value.to_string() }
}

fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => format!("'{text}'"),
        Value::Number(number) => number.to_string(),
        Value::Array(_) | Value::Object(_) => panic!("no vector has nested documents"),
    }
}
