//! When an envelope's news happened, in all the ways that bridges write times, or leave them out.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a failing helper is a failing test")]

use boxoffice_core::headers::Headers;
use boxoffice_core::merge::{RefundStatus, State};
use boxoffice_core::observation::{Envelope, Fact, Observation};
use boxoffice_core::platform::{Effect, Platform};
use boxoffice_core::time::{Micros, parse, to_text};
use serde_json::{Value, json};

const ARRIVED: &str = "2026-03-02T12:00:00Z";

fn at(text: &str) -> Micros {
    parse(text).unwrap()
}

fn read(body: &Value, arrived: &str) -> (Vec<Observation>, Vec<String>) {
    let platform = Platform::from_name("humanitix").unwrap();
    let settings = platform.default_settings();
    let delivery = platform.webhook(&settings, &Headers::default(), body.to_string().as_bytes(), at(arrived)).unwrap();
    let Effect::Apply(facts) = delivery.effect else { panic!("not applied: {body}") };
    (facts, delivery.notes)
}

fn envelope(body: &Value, arrived: &str) -> (Envelope, Vec<String>) {
    let (mut facts, notes) = read(body, arrived);
    let Fact::Envelope(envelope) = facts.remove(0).fact else { panic!("no envelope: {body}") };
    (*envelope, notes)
}

/// A body of that type about an order of 1 March, 10:00, with that timestamp.
fn body(event_type: &str, timestamp: Value) -> Value {
    json!({ "event_type": event_type, "timestamp": timestamp, "data": { "order": {
        "id": "o1", "total_amount": 75, "currency": "AUD", "created_at": "2026-03-01T10:00:00Z",
    } } })
}

#[test]
fn every_way_to_write_a_time_is_read() {
    for (written, meant, notes) in [
        (json!("2026-03-02T10:00:05Z"), "2026-03-02T10:00:05Z", 0),
        (json!("2026-03-02T21:00:05+11:00"), "2026-03-02T10:00:05Z", 0),
        (json!(1_772_445_605), "2026-03-02T10:00:05Z", 0),
        (json!("1772445605"), "2026-03-02T10:00:05Z", 0),
        (json!(1_772_445_605_123_i64), "2026-03-02T10:00:05.123Z", 0),
        (json!(1_772_445_605.5), "2026-03-02T10:00:05.500Z", 0),
        (json!("Mon, 02 Mar 2026 10:00:05 +0000"), "2026-03-02T10:00:05Z", 0),
        (json!("Mon, 02 Mar 2026 10:00:05 GMT"), "2026-03-02T10:00:05Z", 0),
        (json!("2026-03-02T10:00:05"), "2026-03-02T10:00:05Z", 1),
        (json!("2026-03-02 10:00:05"), "2026-03-02T10:00:05Z", 1),
    ] {
        for event_type in ["order.created", "order.updated", "order.cancelled", "order.refunded"] {
            let (envelope, said) = envelope(&body(event_type, written.clone()), ARRIVED);
            assert_eq!(
                (to_text(envelope.timestamp), said.len()),
                (meant.to_owned(), notes),
                "{event_type} {written} {said:?}"
            );
        }
    }
}

#[test]
fn a_date_alone_leaves_open_when_on_that_day() {
    let day = |event_type, arrived| to_text(envelope(&body(event_type, json!("2026-03-02")), arrived).0.timestamp);
    // The news of a day must not lose against what was known that morning, nor lie in the future.
    for event_type in ["order.cancelled", "order.refunded"] {
        assert_eq!(day(event_type, ARRIVED), ARRIVED);
        assert_eq!(day(event_type, "2026-03-05T08:00:00Z"), "2026-03-02T23:59:59.999999Z");
    }
    assert_eq!(day("order.updated", ARRIVED), "2026-03-02T00:00:00Z");
}

#[test]
fn a_cancellation_or_refund_without_a_readable_time_has_that_of_its_arrival() {
    for timestamp in [Value::Null, json!(""), json!("yesterday"), json!("03/02/2026"), json!(0), json!({}), json!(true)]
    {
        for event_type in ["order.cancelled", "order.refunded"] {
            let (envelope, notes) = envelope(&body(event_type, timestamp.clone()), ARRIVED);
            assert_eq!(to_text(envelope.timestamp), ARRIVED, "{event_type} {timestamp}");
            assert!(notes.iter().any(|note| note.contains("arrival")), "{notes:?}");
        }
    }
    // What an update tells counts as well.
    for change in [json!({ "status": "cancelled" }), json!({ "status": "refunded" }), json!({ "refund_amount": 5 })] {
        let mut body = body("order.updated", Value::Null);
        for (name, value) in change.as_object().unwrap() {
            body["data"]["order"][name] = value.clone();
        }
        assert_eq!(to_text(envelope(&body, ARRIVED).0.timestamp), ARRIVED, "{body}");
    }
}

#[test]
fn the_order_tells_when_it_was_taken_back() {
    for (event_type, name) in
        [("order.refunded", "refunded_at"), ("order.cancelled", "cancelled_at"), ("order.cancelled", "cancelledAt")]
    {
        let mut body = body(event_type, Value::Null);
        body["data"]["order"][name] = json!("2026-03-02T09:30:00Z");
        assert_eq!(to_text(envelope(&body, ARRIVED).0.timestamp), "2026-03-02T09:30:00Z", "{name}");
    }
}

#[test]
fn what_tells_how_an_order_stands_is_as_old_as_the_order() {
    for event_type in ["order.created", "order.updated"] {
        let mut body = body(event_type, json!("yesterday"));
        assert_eq!(to_text(envelope(&body, ARRIVED).0.timestamp), "2026-03-01T10:00:00Z");
        body["data"]["order"]["created_at"] = json!("last week");
        let (envelope, notes) = envelope(&body, ARRIVED);
        assert_eq!(envelope.timestamp, 0, "older than everything");
        assert!(notes.iter().any(|note| note.contains("no readable timestamp")), "{notes:?}");
        body["data"]["order"]["refund_amount"] = json!(0);
        assert_eq!(envelope_time(&body), 0, "a refund of nothing is none");
    }
}

fn envelope_time(body: &Value) -> Micros {
    envelope(body, ARRIVED).0.timestamp
}

#[test]
fn times_in_the_future_count_as_the_arrival() {
    for event_type in ["order.created", "order.updated", "order.cancelled", "order.refunded"] {
        for timestamp in [
            json!("2999-01-01T00:00:00Z"),
            json!(32_472_144_000_i64),
            json!("2999-01-01"),
            json!("2026-03-02T12:10:01Z"),
        ] {
            let (envelope, notes) = envelope(&body(event_type, timestamp.clone()), ARRIVED);
            assert_eq!(to_text(envelope.timestamp), ARRIVED, "{event_type} {timestamp}");
            assert!(notes.iter().any(|note| note.contains("future")), "{notes:?}");
        }
        // Clocks differ.
        let (envelope, notes) = envelope(&body(event_type, json!("2026-03-02T12:10:00Z")), ARRIVED);
        assert_eq!((to_text(envelope.timestamp), notes.len()), ("2026-03-02T12:10:00Z".to_owned(), 0));
    }
    let mut body = body("order.refunded", json!("2026-03-02T11:00:00Z"));
    body["data"]["order"]["refunded_at"] = json!("2999-01-01T00:00:00Z");
    let refund = envelope(&body, ARRIVED).0.refund.unwrap();
    assert_eq!((refund.refunded_at, refund.at), (Some(at(ARRIVED)), at(ARRIVED)));
}

/// What is shown after these bodies, in whatever order they are merged.
fn status(bodies: &[(&Value, &str)]) -> RefundStatus {
    let facts: Vec<Fact> =
        bodies.iter().flat_map(|(body, arrived)| read(body, arrived).0).map(|observation| observation.fact).collect();
    let shown: Vec<RefundStatus> = (0..facts.len())
        .map(|first| {
            let mut state = State::default();
            for fact in facts.iter().cycle().skip(first).take(facts.len()) {
                state.observe(fact);
            }
            state.derive(Platform::from_name("humanitix").unwrap()).unwrap().sale.refund_status
        })
        .collect();
    assert!(shown.windows(2).all(|pair| pair[0] == pair[1]), "depends on the order: {shown:?}");
    shown[0]
}

#[test]
fn a_cancellation_takes_back_what_was_known_before_it() {
    let created = body("order.created", json!("2026-03-01T10:00:05Z"));
    for timestamp in
        [json!(1_772_445_605), json!("2026-03-02T10:00:05"), json!("2026-03-02"), Value::Null, json!("now")]
    {
        let cancelled = body("order.cancelled", timestamp.clone());
        assert_eq!(
            status(&[(&created, "2026-03-01T10:00:06Z"), (&cancelled, ARRIVED)]),
            RefundStatus::Cancelled,
            "{timestamp}"
        );
        let thin =
            json!({ "event_type": "order.cancelled", "timestamp": timestamp, "data": { "order": { "id": "o1" } } });
        assert_eq!(
            status(&[(&created, "2026-03-01T10:00:06Z"), (&thin, ARRIVED)]),
            RefundStatus::Cancelled,
            "{timestamp}"
        );
    }
}

#[test]
fn a_late_repetition_of_an_old_body_undoes_nothing() {
    let cancelled = body("order.cancelled", json!("2026-03-02T10:00:05Z"));
    for timestamp in [json!("2026-03-01T10:00:05Z"), Value::Null, json!("whenever")] {
        let mut created = body("order.created", timestamp);
        assert_eq!(status(&[(&cancelled, ARRIVED), (&created, "2026-03-09T10:00:00Z")]), RefundStatus::Cancelled);
        created["data"]["order"]["created_at"] = Value::Null;
        assert_eq!(status(&[(&cancelled, ARRIVED), (&created, "2026-03-09T10:00:00Z")]), RefundStatus::Cancelled);
    }
}

#[test]
fn a_refund_on_a_day_is_not_older_than_that_day() {
    let mut refunded = body("order.refunded", json!("2026-03-02T11:00:00Z"));
    refunded["data"]["order"]["refunded_at"] = json!("2026-03-02");
    let refund = envelope(&refunded, ARRIVED).0.refund.unwrap();
    assert_eq!(to_text(refund.refunded_at.unwrap()), "2026-03-02T00:00:00Z", "the date is shown as it was given");
    assert_eq!(to_text(refund.at), "2026-03-02T11:00:00Z", "and compared as the last moment that it can mean");
}
