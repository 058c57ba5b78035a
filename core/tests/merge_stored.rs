//! Stored states stay readable: bytes written by version 1 still become the same rows.
//!
//! The fixtures are frozen. When the encoding gets a new version, they stay as they are and new ones join them.
#![allow(clippy::expect_used, clippy::panic, reason = "a failing helper is a failing test")]

mod merge_support;

use boxoffice_core::Error;
use boxoffice_core::merge::{Attendee, AttendeeStatus, RefundStatus, Sale, State};
use boxoffice_core::money::Currency;
use boxoffice_core::observation::{
    AttendeeCopy, AttendeeDoc, Envelope, EnvelopeRefund, EnvelopeStatus, Fact, OrderCopy, OrderDoc, Payment,
    RefundRequests, Void,
};
use merge_support::build::*;
use merge_support::{document, folded, named};

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn frozen(hex: &str) -> State {
    let bytes = hex::decode(hex.split_whitespace().collect::<String>()).expect("hex");
    State::decode(&bytes).expect("a state that was readable once")
}

/// Two tickets, one of them refunded, the buyer scanned in; every register of Eventbrite is set.
fn eventbrite_facts() -> Vec<Fact> {
    let attendee = |id: &str, name: &str, changed: &str, void| {
        let doc = AttendeeDoc {
            void,
            checked_in: id == "20590123456",
            name: Some(format!("{name} Nguyen")),
            first_name: text(name),
            last_name: text("Nguyen"),
            email: Some(format!("{}.nguyen@example.com", name.to_lowercase())),
            ticket_type: text("General Admission"),
            price: Some(cents(3369)),
            barcode: Some(format!("15413130193{id}001")),
            currency: Currency::parse("AUD"),
            external_event_id: text("1992029938987"),
            ..AttendeeDoc::default()
        };
        AttendeeCopy {
            fees: Some(cents(219)),
            paid: Some(void == Void::Valid).filter(|paid| *paid),
            ..copy_of(id, changed, doc)
        }
    };
    let order = |changed: &str, fetched: &str, status: &str, gross: i64, listed: Vec<AttendeeCopy>| {
        let doc = OrderDoc {
            platform_status: text(status),
            external_event_id: text("1992029938987"),
            customer_name: text("Mai Nguyen"),
            customer_email: text("mai.nguyen@example.com"),
            currency: Currency::parse("AUD"),
            total: Some(cents(gross)),
            fees: Some(cents(438)),
            tax: Some(cents(40)),
            purchased: Some(at("9:58:12")),
            ..OrderDoc::default()
        };
        Fact::Order {
            fetched_at: Some(at(fetched)),
            in_progress: false,
            order: Box::new(OrderCopy::of(named("eventbrite"), at(changed), doc.clone(), document(&doc))),
            attendees: Some(listed),
            refund_requests: Some(RefundRequests {
                processed: cents(6738 - gross),
                pending: false,
                processed_date: (gross < 6738).then(|| at("12:00:07")),
            }),
        }
    };
    let bought = |void| attendee("20590123457", "Linh", "10:00:03", void);
    vec![
        order(
            "10:00:03",
            "10:00:05",
            "placed",
            6738,
            vec![attendee("20590123456", "Mai", "10:00:03", Void::Valid), bought(Void::Valid)],
        ),
        order(
            "12:00:07",
            "12:40:00",
            "placed",
            3369,
            vec![attendee("20590123456", "Mai", "11:30:00", Void::Valid), bought(Void::Refunded)],
        ),
        scan("20590123456", "11:29:58", true),
        gone(Some("20590123457"), "13:30"),
        gone(None, "9:00"),
        Fact::OrdersSwept(at("12:30")),
    ]
}

fn eventbrite_attendee(id: &str, name: &str) -> Attendee {
    Attendee {
        id: id.to_owned(),
        external_event_id: text("1992029938987"),
        external_session_id: None,
        name: Some(format!("{name} Nguyen")),
        first_name: text(name),
        last_name: text("Nguyen"),
        email: Some(format!("{}.nguyen@example.com", name.to_lowercase())),
        phone: None,
        ticket_type: text("General Admission"),
        price: Some(cents(3369)),
        currency: Currency::parse("AUD"),
        barcode: Some(format!("15413130193{id}001")),
        status: AttendeeStatus::CheckedIn,
        checked_in_at: Some(at("11:29:58")),
        refunded: false,
        donation: false,
        source_version: Some(at("11:30:00")),
    }
}

#[test]
fn version_1_of_an_eventbrite_order() {
    let state = frozen(include_str!("fixtures/merge_state_v1_eventbrite.hex"));
    assert_eq!(state, folded(&eventbrite_facts()), "the bytes hold these facts");
    let rows = state.derive(named("eventbrite")).expect("rows");
    assert_eq!(
        rows.sale,
        Sale {
            external_event_id: text("1992029938987"),
            customer_name: text("Mai Nguyen"),
            customer_email: text("mai.nguyen@example.com"),
            ticket_quantity: Some(2),
            valid_quantity: Some(1),
            ticket_type: text("General Admission"),
            currency: Currency::parse("AUD"),
            total_amount: Some(cents(6738)),
            fee_amount: Some(cents(438)),
            tax_amount: Some(cents(40)),
            refund_amount: Some(cents(3369)),
            refund_status: RefundStatus::Partial,
            kept_amount: Some(cents(3369)),
            // The fee of the refunded ticket, 2.19, went back with its price.
            net_amount: Some(cents(3150)),
            payment_status: Some(Payment::Paid),
            refund_method: Some("costs"),
            refund_date: Some(at("12:00:07")),
            void_date: Some(at("12:00:07")),
            purchase_date: Some(at("9:58:12")),
            platform_status: text("placed"),
            source_version: Some(at("12:00:07")),
            ..Sale::default()
        }
    );
    assert_eq!(
        rows.attendees,
        [
            eventbrite_attendee("20590123456", "Mai"),
            Attendee {
                status: AttendeeStatus::Cancelled,
                checked_in_at: None,
                refunded: true,
                source_version: Some(at("10:00:03")),
                ..eventbrite_attendee("20590123457", "Linh")
            },
        ]
    );
}

/// One ticket from the API, one known from an envelope only, which also speaks of a refund.
fn humanitix_facts() -> Vec<Fact> {
    let doc = |name: &str, price| AttendeeDoc {
        check_in_date: price,
        checked_in: price.is_some(),
        external_session_id: text("66f0c1a2b3d4e5f601234567"),
        name: text(name),
        ticket_type: text("Adult"),
        price: Some(cents(2500)),
        ..AttendeeDoc::default()
    };
    let content = OrderDoc {
        customer_name: text("Mai Nguyen"),
        customer_phone: text("+61 400 000 000"),
        purchase_total: Some(cents(5000)),
        purchased: Some(at("9:00")),
        ticket_types: vec!["Adult".to_owned()],
        ..OrderDoc::default()
    };
    let pushed = Envelope {
        timestamp: at("14:20"),
        status: EnvelopeStatus::Refunded,
        stands: Some(true),
        payment: Some(Payment::Paid),
        refund: Some(EnvelopeRefund {
            amount: Some(cents(2500)),
            refunded_at: Some(at("14:19:30")),
            at: at("14:19:30"),
        }),
        quantity: Some(2),
        attendees: Some(vec![copy_of("t2", "0:00", doc("Linh Nguyen", None))]),
        raw: document(&content),
        doc: content,
    };
    let own = doc("Mai Nguyen", Some(at("19:55:01.25")));
    vec![
        humanitix("9:00:01.417", "9:05", "paid", 0),
        Fact::Envelope(Box::new(pushed)),
        ticket("20:30", copy_of("t1", "19:55:01.25", own)),
        Fact::TicketsSwept(at("8:00")),
    ]
}

#[test]
fn version_1_of_a_humanitix_order() {
    let state = frozen(include_str!("fixtures/merge_state_v1_humanitix.hex"));
    assert_eq!(state, folded(&humanitix_facts()), "the bytes hold these facts");
    let rows = state.derive(named("humanitix")).expect("rows");
    assert_eq!(
        rows.sale,
        Sale {
            customer_name: text("Mai Nguyen"),
            customer_phone: text("+61 400 000 000"),
            ticket_quantity: Some(2),
            valid_quantity: Some(2),
            ticket_type: text("Adult"),
            total_amount: Some(cents(7500)),
            refund_amount: Some(cents(2500)),
            refund_status: RefundStatus::Partial,
            kept_amount: Some(cents(5000)),
            net_amount: Some(cents(5000)),
            payment_status: Some(Payment::Paid),
            refund_method: Some("envelope"),
            refund_date: Some(at("14:19:30")),
            void_date: Some(at("14:19:30")),
            purchase_date: Some(at("9:00")),
            platform_status: text("paid"),
            source_version: Some(at("9:00:01.417")),
            ..Sale::default()
        }
    );
    let shown: Vec<_> = rows.attendees.iter().map(|row| (row.id.as_str(), row.status, row.checked_in_at)).collect();
    let entered = Some(at("19:55:01.25"));
    assert_eq!(shown, [("t1", AttendeeStatus::CheckedIn, entered), ("t2", AttendeeStatus::Registered, None)]);
}

#[test]
fn the_present_version_reads_back() {
    for facts in [eventbrite_facts(), humanitix_facts()] {
        let state = folded(&facts);
        assert_eq!(State::decode(&state.encode()), Ok(state));
    }
}

/// The state is read and written with every delivery: it must stay small.
#[test]
fn an_order_with_two_attendees_is_small() {
    let placed = folded(&eventbrite_facts()[..1]).encode().len();
    let refunded = folded(&eventbrite_facts()).encode().len();
    assert!(placed < 470 && refunded < 570, "{placed} and {refunded} bytes");
}

#[test]
fn unknown_versions_are_refused_with_a_reason() {
    let refusal = |bytes: &[u8]| match State::decode(bytes) {
        Err(Error::Shape(why)) => why,
        other => panic!("{other:?}"),
    };
    let mut bytes = folded(&eventbrite_facts()).encode();
    bytes.push(0);
    assert!(refusal(&bytes).contains("after its end"));
    bytes[0] = 2;
    assert!(refusal(&bytes).contains("version 2"));
    assert!(refusal(&[]).contains("empty"));
    assert!(refusal(&[1]).contains("damaged"));
}
