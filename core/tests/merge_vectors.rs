//! Worlds of observations with the exact rows they must become, whatever their order, doubling and batching.
//!
//! One line of a vector file is `{"observations": [...], "expected": [...]}`, instants in milliseconds, money in minor
//! units of a currency with two decimals. The vectors come from an executable model of the merge rules, which is
//! independent of this implementation; where the environment variable `BOXOFFICE_MODEL` (or the folder beside the
//! project) holds more of them, those are checked too.
#![allow(clippy::expect_used, clippy::panic, reason = "a failing helper is a failing test")]

mod merge_support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use boxoffice_core::merge::{Derived, State};
use boxoffice_core::money::{Amount, Currency};
use boxoffice_core::observation::{
    AttendeeCopy, AttendeeDoc, Envelope, EnvelopeRefund, EnvelopeStatus, Fact, OrderCopy, OrderDoc, RefundRequests,
    Void,
};
use boxoffice_core::platform::Platform;
use merge_support::{Rng, blake2b, fold_in_parts, folded, model_document};
use serde_json::Value;

/// Every world is merged in this many random ways.
const ORDERS: usize = 24;

#[test]
fn own_vectors_come_out_equal() {
    let worlds = check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/merge_vectors.jsonl"));
    assert_eq!(worlds, 150);
}

#[test]
fn model_vectors_come_out_equal() {
    let model = std::env::var_os("BOXOFFICE_MODEL")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/model"), PathBuf::from);
    let file = model.join("vectors.jsonl");
    if file.exists() {
        assert!(check(&file) > 0, "no vectors in {}", file.display());
    }
}

fn check(file: &Path) -> usize {
    let text = std::fs::read_to_string(file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    let mut wrong = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let world: Value = serde_json::from_str(line).expect("a JSON line");
        if let Err(why) = check_world(&world, number as u64) {
            wrong.push(format!("world {}: {why}", number + 1));
        }
    }
    let shown = wrong.iter().take(10).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} worlds of {} are wrong:\n{shown}", wrong.len(), file.display());
    text.lines().count()
}

fn check_world(world: &Value, seed: u64) -> Result<(), String> {
    let mut facts: BTreeMap<(Platform, String), Vec<Fact>> = BTreeMap::new();
    for observation in list(world, "observations") {
        if let Some(key) = order_key(observation) {
            facts.entry(key).or_default();
        }
    }
    for observation in list(world, "observations") {
        let fact = fact(observation);
        for (key, facts) in &mut facts {
            // A sweep concerns every order of its event.
            if order_key(observation).is_none_or(|of| of == *key) && platform(observation) == key.0 {
                facts.push(fact.clone());
            }
        }
    }
    let expected: BTreeMap<(Platform, String), &Value> = list(world, "expected")
        .iter()
        .map(|row| ((platform_of(&str(row, "platform")), str(row, "order")), row))
        .collect();
    for key in expected.keys() {
        if !facts.contains_key(key) {
            return Err(format!("{key:?} is expected, but never observed"));
        }
    }
    let mut rng = Rng::new(seed);
    for (key, facts) in &facts {
        let reference = folded(facts);
        compare(reference.derive(key.0).as_ref(), expected.get(key).copied())?;
        for round in 0..ORDERS {
            let mut shuffled = facts.clone();
            for _ in 0..rng.below(facts.len() + 1) {
                shuffled.push(facts[rng.below(facts.len())].clone());
            }
            rng.shuffle(&mut shuffled);
            let state = if round % 2 == 0 { folded(&shuffled) } else { fold_in_parts(&shuffled, &mut rng) };
            if state != reference {
                return Err(format!("round {round}: the state depends on the order"));
            }
            compare(state.derive(key.0).as_ref(), expected.get(key).copied())?;
            let stored = State::decode(&state.encode()).map_err(|why| why.to_string())?;
            if stored != state {
                return Err("the stored state reads back differently".to_owned());
            }
        }
    }
    Ok(())
}

fn compare(derived: Option<&Derived>, expected: Option<&Value>) -> Result<(), String> {
    let (derived, expected) = match (derived, expected) {
        (None, None) => return Ok(()),
        (Some(derived), Some(expected)) => (derived, expected),
        (None, Some(_)) => return Err("no row".to_owned()),
        (Some(_), None) => return Err("a row where none is expected".to_owned()),
    };
    let sale = &derived.sale;
    let mut wrong = Vec::new();
    let mut field = |name: &str, got: String, want: String| {
        if got != want {
            wrong.push(format!("{name} is {got}, expected {want}"));
        }
    };
    field("name", show(&sale.customer_name), show(&opt_str(expected, "name")));
    field("email", show(&sale.customer_email), show(&opt_str(expected, "email")));
    field("currency", show(&sale.currency), show(&currency(expected)));
    field("total", show(&sale.total_amount), show(&amount(expected, "total")));
    field("fees", show(&sale.fee_amount), show(&amount(expected, "fees")));
    field("tax", show(&sale.tax_amount), show(&amount(expected, "tax")));
    field("refund_amount", show(&sale.refund_amount), show(&amount(expected, "refund_amount")));
    field("refund_status", sale.refund_status.as_str().to_owned(), str(expected, "refund_status"));
    field("refund_date", show(&sale.refund_date), show(&time(expected, "refund_date")));
    field("ticket_quantity", show(&sale.ticket_quantity), show(&int(expected, "ticket_quantity")));
    field("valid_quantity", show(&sale.valid_quantity), show(&int(expected, "valid_quantity")));
    field("purchase_date", show(&sale.purchase_date), show(&time(expected, "purchase_date")));
    field("version", show(&sale.source_version), show(&time(expected, "version")));

    let attendees = expected["attendees"].as_object().expect("attendees");
    let ids = derived.attendees.iter().map(|row| row.id.clone()).collect::<Vec<_>>();
    let mut want_ids = attendees.keys().cloned().collect::<Vec<_>>();
    want_ids.sort();
    field("attendees", show(&ids), show(&want_ids));
    for row in &derived.attendees {
        let Some(want) = attendees.get(&row.id) else { continue };
        let mut field = |name: &str, got: String, want: String| field(&format!("{}.{name}", row.id), got, want);
        field("name", show(&row.name), show(&opt_str(want, "name")));
        field("type", show(&row.ticket_type), show(&opt_str(want, "type")));
        field("price", show(&row.price), show(&amount(want, "price")));
        field("barcode", show(&row.barcode), show(&opt_str(want, "barcode")));
        field("status", row.status.as_str().to_owned(), str(want, "status"));
        field("checked_in_at", show(&row.checked_in_at), show(&time(want, "checked_in_at")));
        field("refunded", show(&row.refunded), show(&bool(want, "refunded")));
        field("donation", show(&row.donation), show(&bool(want, "donation")));
        field("version", show(&row.source_version), show(&time(want, "version")));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

fn fact(observation: &Value) -> Fact {
    let fetched_at = time(observation, "F");
    match str(observation, "k").as_str() {
        "hx_order" => Fact::HumanitixOrder { fetched_at, order: order_copy(observation, "fin") },
        "hx_ticket" => Fact::HumanitixTicket { fetched_at, ticket: attendee_copy(&observation["c"]) },
        "hx_env" => Fact::Envelope(Box::new(envelope(observation))),
        "eb_order" => Fact::EventbriteOrder {
            fetched_at,
            in_progress: bool(&observation["doc"], "in_progress"),
            order: Box::new(order_copy(observation, "status")),
            attendees: attendee_copies(observation),
            refund_requests: Some(&observation["rr"]).filter(|rr| !rr.is_null()).map(|rr| RefundRequests {
                processed: amount(rr, "processed").expect("processed"),
                pending: bool(rr, "pending"),
                processed_date: time(rr, "pdate"),
            }),
        },
        "eb_att" => Fact::EventbriteAttendee { fetched_at, attendee: attendee_copy(&observation["c"]) },
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

fn order_copy(observation: &Value, status: &str) -> OrderCopy {
    let doc = &observation["doc"];
    OrderCopy {
        version: time(observation, "ver").expect("a version"),
        doc: OrderDoc {
            total: amount(doc, "total").or(amount(doc, "gross")),
            purchase_total: amount(doc, "ptotal"),
            ..order_doc(doc, status)
        },
        raw: model_document(doc),
    }
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
    let speaks = status == EnvelopeStatus::Refunded || str(observation, "type") == "order.refunded" || given.is_some();
    Envelope {
        timestamp: time(observation, "ts").expect("a timestamp"),
        status,
        doc: OrderDoc { purchase_total: amount(doc, "total"), ..order_doc(doc, "status") },
        refund: speaks.then(|| EnvelopeRefund { amount: given, refunded_at: time(doc, "refunded_at") }),
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
        raw: model_document(doc),
    }
}

fn order_key(observation: &Value) -> Option<(Platform, String)> {
    Some((platform(observation), opt_str(observation, "oid")?))
}

fn platform(observation: &Value) -> Platform {
    platform_of(&opt_str(observation, "p").unwrap_or_else(|| str(observation, "k")))
}

fn platform_of(name: &str) -> Platform {
    if name.starts_with("hx") { Platform::Humanitix } else { Platform::Eventbrite }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().expect("a list")
}

fn opt_str(value: &Value, name: &str) -> Option<String> {
    value[name].as_str().map(str::to_owned)
}

fn str(value: &Value, name: &str) -> String {
    opt_str(value, name).unwrap_or_else(|| panic!("no {name} in {value}"))
}

fn bool(value: &Value, name: &str) -> bool {
    value[name].as_bool().unwrap_or_else(|| panic!("no {name} in {value}"))
}

fn int(value: &Value, name: &str) -> Option<i64> {
    value[name].as_i64()
}

fn millis(value: &Value) -> Option<i64> {
    value.as_i64().map(|ms| ms * 1000)
}

fn time(value: &Value, name: &str) -> Option<i64> {
    millis(&value[name])
}

fn amount(value: &Value, name: &str) -> Option<Amount> {
    int(value, name).map(|cents| Amount(cents * 100))
}

fn currency(value: &Value) -> Option<Currency> {
    value["currency"].as_str().and_then(Currency::parse)
}

fn show(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

#[test]
fn the_hash_of_the_model() {
    let hash = |text: &str| blake2b::hash(text.as_bytes()).map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(hash(""), "cae66941d9efbd404e4d88758ea67670");
    assert_eq!(hash("abc"), "cf4ab791c62b8d2b2109c90275287816");
    assert_eq!(hash(&"x".repeat(300)), "c2f093e41879e412280bfcc0ed6533e4");
}
