//! What deliveries and answers mean, field by field where `samples.rs` cannot show it: texts, ids, documents, refusals.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing helper is a failing test")]

use boxoffice_core::Error;
use boxoffice_core::headers::Headers;
use boxoffice_core::observation::{AttendeeCopy, Envelope, Fact, OrderCopy};
use boxoffice_core::platform::{Delivery, Effect, Failure, Platform, ResourceKind, Resources};
use boxoffice_core::settings::Settings;
use boxoffice_core::time::to_text;
use boxoffice_core::verify::Refusal;
use serde_json::{Value, json};

/// The platform of that name.
fn named(name: &str) -> Platform {
    Platform::from_name(name).unwrap()
}

const ARRIVED: i64 = 1_795_305_600_000_000;

fn fixture(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn read(platform: Platform, kind: ResourceKind, body: &Value) -> Result<Resources, Error> {
    platform.resource(kind, body.to_string().as_bytes(), Some(ARRIVED), ARRIVED)
}

fn deliver(platform: Platform, body: &Value) -> Result<Delivery, Failure> {
    platform.webhook(&platform.default_settings(), &Headers::default(), body.to_string().as_bytes(), ARRIVED)
}

fn envelope(body: &Value) -> (Envelope, Vec<String>) {
    let delivery = deliver(named("humanitix"), body).unwrap();
    let Effect::Apply(mut facts) = delivery.effect else { panic!("not applied") };
    let Fact::Envelope(envelope) = facts.remove(0).fact else { panic!("no envelope") };
    (*envelope, delivery.notes)
}

fn eventbrite_order(body: &Value) -> (OrderCopy, Option<Vec<AttendeeCopy>>) {
    let mut found = read(named("eventbrite"), ResourceKind::Order, body).unwrap();
    match found.observations.remove(0).fact {
        Fact::Order { order, attendees, .. } => (*order, attendees),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_envelope_is_kept_with_its_event_and_without_its_attendees() {
    let body = fixture("humanitix/envelope_attendees");
    let (envelope, _) = envelope(&body);
    let kept: Value = serde_json::from_str(&envelope.raw.text).unwrap();
    let mut data = body["data"].clone();
    data["order"].as_object_mut().unwrap().remove("attendees");
    assert_eq!(kept, data);
    let attendees = envelope.attendees.unwrap();
    assert_eq!(attendees[0].doc.name.as_deref(), Some("Linh Tran-Example"));
    let kept: Value = serde_json::from_str(&attendees[0].raw.text).unwrap();
    assert_eq!(kept, body["data"]["order"]["attendees"][0]);
}

#[test]
fn both_spellings_name_the_buyer() {
    let (snake, _) = envelope(&fixture("humanitix/envelope_created"));
    assert_eq!(snake.doc.customer_name.as_deref(), Some("Linh Tran-Example"));
    assert_eq!(snake.doc.customer_email.as_deref(), Some("linh.tran@example.com"));
    assert_eq!(snake.doc.customer_phone.as_deref(), Some("+61491570156"));
    let (camel, _) = envelope(&fixture("humanitix/envelope_camel_case"));
    assert_eq!(camel.doc.customer_name.as_deref(), Some("Tane Sample"));
    assert_eq!(camel.doc.customer_phone.as_deref(), Some("+64211234567"));
}

#[test]
fn versions_in_the_future_count_as_the_arrival() {
    let far = "2999-01-01T00:00:00Z";
    let skewed = to_text(ARRIVED + 600_000_000);
    for (platform, kind, body, versioned) in [
        (named("eventbrite"), ResourceKind::Event, json!({"id": "1"}), "changed"),
        (named("humanitix"), ResourceKind::Event, json!({"_id": "1"}), "updatedAt"),
        (named("eventbrite"), ResourceKind::Order, json!({"id": "1", "attendees": [{"id": "2"}]}), "changed"),
        (named("eventbrite"), ResourceKind::Attendee, json!({"id": "1", "order_id": "2"}), "changed"),
        (named("humanitix"), ResourceKind::Order, json!({"_id": "1"}), "updatedAt"),
        (named("humanitix"), ResourceKind::Ticket, json!({"_id": "1", "orderId": "2"}), "updatedAt"),
    ] {
        let version = |at: &str| {
            let mut body = body.clone();
            body[versioned] = at.into();
            let read = read(platform, kind, &body).unwrap();
            let version = match read.observations.first().map(|observation| &observation.fact) {
                None => read.events[0].version,
                Some(Fact::Order { order, .. }) => order.version,
                Some(Fact::Attendee { attendee: copy, .. }) => copy.version,
                other => panic!("{other:?}"),
            };
            (to_text(version), read.notes.iter().any(|note| note.contains("future")))
        };
        assert_eq!(version(far), (to_text(ARRIVED), true), "{kind:?}");
        assert_eq!(version(&skewed), (skewed.clone(), false), "{kind:?}: clocks differ");
    }
    // Inside a copy as well.
    let ticket = json!({"_id": "1", "orderId": "2", "updatedAt": "2026-01-01T00:00:00Z", "checkIn": {"checkedIn": true, "date": far}});
    let Fact::Attendee { attendee: ticket, .. } =
        &read(named("humanitix"), ResourceKind::Ticket, &ticket).unwrap().observations[0].fact
    else {
        panic!("a ticket")
    };
    assert_eq!((ticket.version, ticket.doc.check_in_date), (ARRIVED, Some(ARRIVED)));
}

#[test]
fn only_the_order_id_is_needed() {
    let (envelope, _) = envelope(&json!({ "event_type": "order.updated", "data": { "order": { "id": 7 } } }));
    assert_eq!((envelope.doc.customer_name, envelope.quantity, envelope.attendees), (None, None, None));
    for order in [json!({}), json!({ "id": "" }), json!({ "id": {} }), json!({ "id": "x".repeat(257) }), json!([])] {
        let body = json!({ "event_type": "order.updated", "data": { "order": order } });
        let Err(Failure::Unusable { event_type, error }) = deliver(named("humanitix"), &body) else { panic!("{body}") };
        assert_eq!(event_type.as_deref(), Some("order.updated"));
        assert!(matches!(error, Error::Shape(_)), "{error}");
    }
    for body in [json!([]), json!({}), json!({ "event_type": 7.5e3, "data": 1 }), json!({ "event_type": " " })] {
        assert!(!matches!(deliver(named("humanitix"), &body), Ok(Delivery { effect: Effect::Apply(_), .. })), "{body}");
    }
}

#[test]
fn amounts_that_are_none() {
    let with = |amount: &str| {
        let body = format!(
            r#"{{"event_type":"order.created","data":{{"order":{{"id":"a","currency":"AUD","total_amount":{amount}}}}}}}"#
        );
        named("humanitix").webhook(
            &named("humanitix").default_settings(),
            &Headers::default(),
            body.as_bytes(),
            ARRIVED,
        )
    };
    for amount in ["-1", "1e400", "1e13", "\"abc\"", "\"$5\"", "-1e-2"] {
        let Err(Failure::Unusable { error: Error::Amount(why), .. }) = with(amount) else { panic!("{amount}") };
        assert!(why.starts_with("data.order.total_amount: "), "{why}");
        assert!(!why.contains(amount.trim_matches('"')), "{why}");
    }
    for (amount, notes) in [("null", 0), ("\"\"", 0), ("{}", 1), ("true", 1), ("[5]", 1)] {
        let Ok(Delivery { effect: Effect::Apply(facts), notes: found, .. }) = with(amount) else { panic!("{amount}") };
        assert!(matches!(&facts[0].fact, Fact::Envelope(envelope) if envelope.doc.purchase_total.is_none()));
        // One more note says that there is no timestamp.
        assert_eq!(found.len(), notes + 1, "{amount}: {found:?}");
    }
}

#[test]
fn odd_texts_are_tamed() {
    let mut body = fixture("humanitix/envelope_created");
    body["data"]["order"]["customer"]["first_name"] = " A\u{0}da \u{a0}".into();
    body["data"]["order"]["customer"]["last_name"] = "\u{0}\t".into();
    body["data"]["order"]["customer"]["email"] = "é".repeat(5_000).into();
    body["data"]["order"]["customer"]["phone"] = 61_491_570_156u64.into();
    let (envelope, notes) = envelope(&body);
    assert_eq!(envelope.doc.customer_name.as_deref(), Some("Ada"));
    assert_eq!(envelope.doc.customer_email.map(|text| text.chars().count()), Some(4_096));
    assert_eq!(envelope.doc.customer_phone.as_deref(), Some("61491570156"));
    assert_eq!(notes, ["data.order.customer.email is longer than 4096 characters and was cut"]);
    assert!(!envelope.raw.text.contains("\\u0000"));
}

#[test]
fn refunds_that_envelopes_speak_of() {
    let base = fixture("humanitix/envelope_created");
    let refund = |event_type: &str, order: Value| {
        let mut body = base.clone();
        body["event_type"] = event_type.into();
        for (name, value) in order.as_object().unwrap() {
            body["data"]["order"][name] = value.clone();
        }
        let (envelope, _) = envelope(&body);
        envelope.refund.map(|refund| refund.amount.map(|amount| amount.to_string()))
    };
    assert_eq!(refund("order.updated", json!({})), None);
    assert_eq!(refund("order.cancelled", json!({ "status": "cancelled" })), None);
    assert_eq!(refund("order.updated", json!({ "status": "refunded" })), Some(None));
    assert_eq!(refund("order.refunded", json!({})), Some(None));
    assert_eq!(refund("order.refunded", json!({ "refund_amount": 0 })), Some(Some("0.00".into())));
    assert_eq!(refund("order.updated", json!({ "refundAmount": "12.5" })), Some(Some("12.50".into())));
    assert_eq!(refund("order.updated", json!({ "totals": { "refunds": 0 } })), None);
    assert_eq!(refund("order.updated", json!({ "totals": { "refunds": 3 } })), Some(Some("3.00".into())));
}

#[test]
fn eventbrite_texts_and_documents() {
    let body = fixture("eventbrite/order_refund_requests");
    let (order, attendees) = eventbrite_order(&body);
    let mut kept = body.clone();
    kept.as_object_mut().unwrap().retain(|name, _| name != "attendees" && name != "refund_requests");
    assert_eq!(serde_json::from_str::<Value>(&order.raw.text).unwrap(), kept);
    assert_eq!(order.doc.customer_name.as_deref(), Some("Zoë Fictus"));
    assert_eq!(serde_json::from_str::<Value>(&attendees.unwrap()[0].raw.text).unwrap(), body["attendees"][0]);
    let named = read(named("eventbrite"), ResourceKind::Attendee, &fixture("eventbrite/attendee_bytes_name")).unwrap();
    let Fact::Attendee { attendee, .. } = &named.observations[0].fact else { panic!() };
    assert_eq!(attendee.doc.name.as_deref(), Some("Zoë Fictus"));
    assert_eq!(attendee.doc.first_name.as_deref(), Some("Zoë"));
}

#[test]
fn the_copy_of_an_order_does_not_depend_on_its_expansions() {
    let (plain, none) = eventbrite_order(&fixture("eventbrite/order_unexpanded"));
    let mut body = fixture("eventbrite/order_expanded");
    body.as_object_mut().unwrap().remove("contact_list_preferences");
    let (expanded, some) = eventbrite_order(&body);
    assert_eq!(plain, expanded);
    assert_eq!((none.is_none(), some.map(|list| list.len())), (true, Some(2)));
}

#[test]
fn registered_webhooks_only() {
    let platform = named("eventbrite");
    let settings = Settings { webhook_ids: vec!["20000001".into()], ..platform.default_settings() };
    let answer = |body: Value| platform.webhook(&settings, &Headers::default(), body.to_string().as_bytes(), ARRIVED);
    let mut body = fixture("eventbrite/webhook_order_placed");
    assert!(answer(body.clone()).is_ok());
    body["config"]["webhook_id"] = 20_000_001.into();
    assert!(answer(body.clone()).is_ok());
    for id in [json!("20000002"), json!(20_000_002), Value::Null, json!({}), json!("")] {
        body["config"]["webhook_id"] = id;
        assert_eq!(answer(body.clone()), Err(Failure::Refused(Refusal::WebhookNotAllowed)));
    }
    body["config"]["action"] = "test".into();
    assert!(matches!(answer(body), Ok(Delivery { effect: Effect::Ignore(_), .. })));
}

#[test]
fn header_and_body_must_agree() {
    let platform = named("eventbrite");
    let body = fixture("eventbrite/webhook_order_placed").to_string();
    let answer = |action: &[&str]| {
        let headers = Headers::from_pairs(action.iter().map(|action| ("X-Eventbrite-Event", *action)));
        platform.webhook(&platform.default_settings(), &headers, body.as_bytes(), ARRIVED)
    };
    assert!(answer(&[]).is_ok());
    assert!(answer(&["order.placed"]).is_ok());
    for other in [&["order.refunded"][..], &["order.placed", "test"], &[""]] {
        assert!(
            matches!(answer(other), Err(Failure::Unusable { event_type: None, error: Error::Shape(_) })),
            "{other:?}"
        );
    }
}

#[test]
fn kinds_that_a_platform_does_not_have() {
    for (platform, kinds) in [
        (named("eventbrite"), [ResourceKind::Ticket, ResourceKind::Tickets]),
        (named("humanitix"), [ResourceKind::Attendee, ResourceKind::Attendees]),
    ] {
        for kind in kinds {
            assert!(matches!(platform.resource(kind, b"{}", None, ARRIVED), Err(Error::Unknown(_))));
        }
    }
    for kind in ResourceKind::ALL {
        assert_eq!(ResourceKind::from_name(kind.as_str()), Some(kind));
    }
    for platform in Platform::all() {
        assert_eq!(Platform::from_name(platform.as_str()), Some(platform));
    }
    assert_eq!(ResourceKind::from_name("Order"), None);
}

#[test]
fn pages_that_are_none() {
    for body in ["{}", r#"{"orders":{}}"#, "7", r#"{"orders":null}"#] {
        for platform in Platform::all() {
            let answer = platform.resource(ResourceKind::Orders, body.as_bytes(), None, ARRIVED);
            assert!(matches!(answer, Err(Error::Shape(_))), "{body}");
        }
    }
    assert_eq!(named("humanitix").resource(ResourceKind::Orders, b"", None, ARRIVED), Err(Error::Empty));
}

#[test]
fn notes_are_bounded_and_impersonal() {
    let items: Vec<_> = (0..500).map(|i| json!({ "_id": { "email": format!("person{i}@example.com") } })).collect();
    let found = read(named("humanitix"), ResourceKind::Orders, &json!({ "orders": items })).unwrap();
    assert_eq!((found.items, found.observations.len(), found.notes.len()), (500, 0, 101));
    assert_eq!(found.notes[0], "orders[0]: left out: _id is neither text nor a whole number");
    assert!(!found.notes.concat().contains("person"));
}

#[test]
fn an_order_that_names_no_event_is_of_the_one_that_was_asked_about() {
    let page = br#"{"total": 2, "orders": [{"_id": "a"}, {"_id": "b", "eventId": "other"}]}"#;
    let read =
        |event| named("humanitix").resource_of(event, ResourceKind::Orders, page, None, ARRIVED, &|| ()).unwrap();
    let events = |event| {
        let list = read(event).observations.into_iter().map(|o| match o.fact {
            Fact::Order { order, .. } => (order.doc.external_event_id, order.raw.hash),
            other => panic!("{other:?}"),
        });
        list.collect::<Vec<_>>()
    };
    let (asked, unasked) = (events(Some("evt")), events(None));
    assert_eq!(asked[0].0.as_deref(), Some("evt"));
    assert_eq!((asked[1].0.as_deref(), unasked[0].0.as_deref()), (Some("other"), None));
    assert_ne!(asked[0].1, unasked[0].1, "another meaning is another document");
    assert_eq!(asked[1].1, unasked[1].1);
}
