//! What the organiser holds of an order: paid or not, refunded with or without fees, cancelled with or without a refund.
#![allow(clippy::expect_used, clippy::panic, reason = "a failing helper is a failing test")]

mod merge_support;

use boxoffice_core::merge::{Derived, RefundStatus, State};
use boxoffice_core::money::{Amount, Currency};
use boxoffice_core::observation::{
    AttendeeCopy, AttendeeDoc, Envelope, EnvelopeStatus, Fact, OrderCopy, OrderDoc, Payment, RefundRequests, Void,
};
use boxoffice_core::platform::Platform;
use merge_support::build::*;
use merge_support::{document, folded, named};

/// The rows, checked to be the same in every order of the facts, and that nothing of the charge is lost.
fn rows(platform: Platform, facts: &[Fact]) -> Derived {
    let rows = folded(facts).derive(platform).expect("rows");
    for turn in 1..facts.len() {
        let turned = folded(facts.iter().cycle().skip(turn).take(facts.len()));
        let reversed = folded(facts.iter().rev().cycle().skip(turn).take(facts.len()));
        for state in [turned, reversed] {
            assert_eq!(state.derive(platform).as_ref(), Some(&rows), "depends on the order");
            assert_eq!(State::decode(&state.encode()).expect("a state").derive(platform).as_ref(), Some(&rows));
        }
    }
    rows
}

fn eventbrite(facts: &[Fact]) -> Derived {
    rows(named("eventbrite"), facts)
}

fn humanitix_rows(facts: &[Fact]) -> Derived {
    rows(named("humanitix"), facts)
}

/// Refund, kept and net in minor units, and the void part of the charge.
fn money(rows: &Derived) -> [i64; 4] {
    let sale = &rows.sale;
    let minor = |amount: Option<Amount>| amount.expect("an amount").0 / 100;
    let (total, refund) = (minor(sale.total_amount), minor(sale.refund_amount));
    let (kept, net) = (minor(sale.kept_amount), minor(sale.net_amount));
    [refund, kept, net, total - refund - kept]
}

/// An Eventbrite ticket of 33.69, of which 3.69 are fees.
fn seat(id: &str, version: &str, void: Void) -> AttendeeCopy {
    AttendeeCopy { fees: Some(cents(369)), ..copy(id, version, void, false, 3369) }
}

/// An order of two such tickets with its listing; `gross` as it is now, and what its refund requests have processed.
fn order(changed: &str, status: &str, gross: i64, processed: Option<i64>, attendees: &[AttendeeCopy]) -> Fact {
    let doc = OrderDoc {
        platform_status: Some(status.to_owned()),
        currency: Currency::parse("AUD"),
        total: Some(cents(gross)),
        fees: Some(cents(if gross == 0 { 0 } else { 738 })),
        purchased: Some(at("9:00")),
        ..OrderDoc::default()
    };
    Fact::Order {
        fetched_at: Some(at("20:00")),
        in_progress: false,
        order: Box::new(OrderCopy::of(named("eventbrite"), at(changed), doc.clone(), document(&(&doc, processed)))),
        attendees: Some(attendees.to_vec()),
        refund_requests: processed.map(|amount| RefundRequests {
            processed: cents(amount),
            pending: false,
            processed_date: None,
        }),
    }
}

fn placed() -> Fact {
    order("9:00", "placed", 6738, None, &[seat("a", "9:00", Void::Valid), seat("b", "9:00", Void::Valid)])
}

#[test]
fn one_of_two_refunded_with_its_fee_or_without() {
    let listed = [seat("a", "10:00", Void::Refunded), seat("b", "9:00", Void::Valid)];
    for (gross, processed, method, expected) in [
        // The platform keeps its fee, and says so in a request, or by the gross that is left.
        (6738, Some(3000), "requests", [3000, 3738, 3000, 0]),
        (3738, None, "costs", [3000, 3738, 3000, 0]),
        (3738, Some(3000), "costs", [3000, 3738, 3000, 0]),
        // It gives the fee back.
        (6738, Some(3369), "requests", [3369, 3369, 3000, 0]),
        (3369, None, "costs", [3369, 3369, 3000, 0]),
        // Half of the fee.
        (6738, Some(3185), "requests", [3185, 3553, 3000, 0]),
        // It states nothing, or less than what certainly went back.
        (6738, None, "attendees", [3369, 3369, 3000, 0]),
        (6738, Some(0), "attendees", [3369, 3369, 3000, 0]),
        (6738, Some(2999), "attendees", [3369, 3369, 3000, 0]),
        (6238, None, "attendees", [3369, 3369, 3000, 0]),
        // More than the ticket: something else was refunded as well.
        (6738, Some(4000), "requests", [4000, 2738, 2369, 0]),
    ] {
        let facts = [placed(), order("10:00", "placed", gross, processed, &listed)];
        for facts in [&facts[..], &facts[1..]] {
            let rows = eventbrite(facts);
            assert_eq!(money(&rows), expected, "{gross} {processed:?} {}", facts.len());
            assert_eq!(rows.sale.refund_method, Some(method), "{gross} {processed:?}");
            assert_eq!(rows.sale.refund_status, RefundStatus::Partial);
            assert_eq!(rows.sale.total_amount, Some(cents(6738)));
        }
    }
}

#[test]
fn everything_refunded_leaves_nothing_net() {
    let listed = [seat("a", "10:00", Void::Refunded), seat("b", "10:00", Void::Refunded)];
    for (status, gross, processed, expected) in [
        ("refunded", 6738, Some(6000), [6000, 738, 0, 0]),
        ("placed", 738, None, [6000, 738, 0, 0]),
        ("refunded", 6738, None, [6738, 0, 0, 0]),
        ("refunded", 0, None, [6738, 0, 0, 0]),
    ] {
        let rows = eventbrite(&[placed(), order("10:00", status, gross, processed, &listed)]);
        assert_eq!((money(&rows), rows.sale.refund_status), (expected, RefundStatus::Refunded), "{status} {gross}");
    }
    // Without its attendees what is stated has to cover the whole order less its fees.
    for (processed, expected) in [(6000, [6000, 738, 0, 0]), (3000, [6738, 0, 0, 0])] {
        let Fact::Order { fetched_at, order, refund_requests, .. } =
            order("10:00", "refunded", 6738, Some(processed), &[])
        else {
            panic!("an order")
        };
        let alone = Fact::Order { fetched_at, in_progress: false, order, attendees: None, refund_requests };
        assert_eq!(money(&eventbrite(&[alone])), expected);
    }
}

#[test]
fn prices_without_known_fees_count_whole() {
    let listed = [copy("a", "10:00", Void::Refunded, false, 3369), valid("b", "9:00")];
    let rows = eventbrite(&[order("10:00", "placed", 6738, Some(3000), &listed)]);
    assert_eq!((rows.sale.refund_method, money(&rows)[0]), (Some("attendees"), 3369));
}

#[test]
fn a_free_ticket_cannot_be_refunded() {
    let comp = |id, version, void| AttendeeCopy { fees: Some(cents(0)), ..copy(id, version, void, false, 0) };
    let facts = [
        order("9:00", "placed", 0, None, &[comp("a", "9:00", Void::Valid), comp("b", "9:00", Void::Valid)]),
        order("10:00", "placed", 0, None, &[comp("a", "10:00", Void::Refunded), comp("b", "9:00", Void::Valid)]),
    ];
    let rows = eventbrite(&facts);
    assert_eq!((rows.sale.refund_status, rows.sale.refund_date), (RefundStatus::None, None), "one of two");
    assert_eq!((rows.sale.valid_quantity, rows.sale.void_date), (Some(1), Some(at("10:00"))));
    for status in ["placed", "cancelled", "deleted", "refunded"] {
        let void = [comp("a", "11:00", Void::Refunded), comp("b", "11:00", Void::Refunded)];
        let rows = eventbrite(&[facts[0].clone(), order("11:00", status, 0, None, &void)]);
        let sale = &rows.sale;
        assert_eq!((sale.refund_status, sale.refund_date), (RefundStatus::Cancelled, None), "{status}");
        assert_eq!((sale.void_date, sale.payment_status), (Some(at("11:00")), Some(Payment::Free)), "{status}");
        assert!(rows.attendees.iter().all(|row| !row.refunded));
    }
    // A comp beside a paid ticket: the order is refunded when that is.
    let mixed = [comp("a", "10:00", Void::Refunded), seat("b", "12:00", Void::Refunded)];
    let rows = eventbrite(&[order("12:00", "placed", 3369, Some(3000), &mixed)]);
    assert_eq!((rows.sale.refund_status, rows.sale.refund_date), (RefundStatus::Refunded, Some(at("12:00"))));
}

#[test]
fn the_gross_before_a_refund_tells_that_it_was_not_free() {
    let rows = eventbrite(&[placed(), order("10:00", "refunded", 0, None, &[seat("a", "10:00", Void::Refunded)])]);
    assert_eq!((rows.sale.payment_status, rows.sale.refund_status), (Some(Payment::Paid), RefundStatus::Refunded));
}

#[test]
fn what_was_never_paid_is_never_held() {
    let unpaid = |id, version, void, paid| AttendeeCopy { paid, ..seat(id, version, void) };
    let both = |version, void, paid| [unpaid("a", version, void, paid), unpaid("b", version, void, paid)];
    // The order says so, or only its attendees.
    for status in ["pending", "unpaid", "abandoned", "Unpaid", "placed"] {
        let paid = (status == "placed").then_some(false);
        let waiting = order("9:00", status, 6738, None, &both("9:00", Void::Valid, paid));
        let rows = eventbrite(std::slice::from_ref(&waiting));
        assert_eq!(rows.sale.payment_status, Some(Payment::Unpaid), "{status}");
        assert_eq!(money(&rows), [0, 0, 0, 6738], "{status}");
        // Cancelling loses the word; it never becomes money, whichever flags the attendees get.
        for (then, void) in [("cancelled", Void::Cancelled), ("deleted", Void::Refunded), ("placed", Void::Refunded)] {
            if then == "placed" && status != "placed" {
                continue;
            }
            let gone = order("10:00", then, 6738, None, &both("10:00", void, None));
            let rows = eventbrite(&[waiting.clone(), gone]);
            assert_eq!(rows.sale.payment_status, Some(Payment::Unpaid), "{status} {then}");
            assert_eq!(
                (money(&rows), rows.sale.refund_status),
                ([0, 0, 0, 6738], RefundStatus::Cancelled),
                "{status} {then}"
            );
            assert!(rows.attendees.iter().all(|row| !row.refunded));
        }
        // Fewer tickets before paying are no refund.
        let fewer = order("10:00", status, 3369, None, &both("10:00", Void::Valid, paid)[..1]);
        assert_eq!(money(&eventbrite(&[waiting.clone(), fewer]))[0], 0, "{status}");
        let paid = order("11:00", "placed", 6738, None, &both("11:00", Void::Valid, Some(true)));
        let rows = eventbrite(&[waiting, paid]);
        assert_eq!((rows.sale.payment_status, money(&rows)), (Some(Payment::Paid), [0, 6738, 6000, 0]), "{status}");
    }
    let abandoned = eventbrite(&[order("9:00", "abandoned", 6738, None, &both("9:00", Void::Valid, None))]);
    assert_eq!(abandoned.sale.valid_quantity, Some(0), "an abandoned order holds no places");
}

#[test]
fn a_processed_refund_proves_a_payment() {
    let unpaid = AttendeeCopy { paid: Some(false), ..seat("a", "9:00", Void::Valid) };
    let refunded = order("10:00", "placed", 3369, Some(3000), &[seat("a", "10:00", Void::Refunded)]);
    let rows = eventbrite(&[order("9:00", "placed", 3369, None, &[unpaid]), refunded]);
    assert_eq!((rows.sale.payment_status, money(&rows)[0]), (Some(Payment::Paid), 3000));
}

#[test]
fn an_order_that_is_no_more_without_a_refund_is_void() {
    let void = [seat("a", "10:00", Void::Cancelled), seat("b", "10:00", Void::Cancelled)];
    for status in ["cancelled", "deleted"] {
        let rows = eventbrite(&[placed(), order("10:00", status, 6738, None, &void)]);
        assert_eq!((money(&rows), rows.sale.refund_status), ([0, 0, 0, 6738], RefundStatus::Cancelled));
        assert_eq!(rows.sale.void_date, Some(at("10:00")));
    }
    // Tickets cancelled in an order that stands: the host keeps the money.
    let rows = eventbrite(&[placed(), order("10:00", "placed", 6738, None, &void)]);
    assert_eq!((money(&rows), rows.sale.refund_status), ([0, 6738, 6000, 0], RefundStatus::Cancelled));
    let rows = eventbrite(&[placed(), order("10:00", "placed", 6738, None, &void[..1])]);
    assert_eq!(money(&rows), [0, 6738, 6000, 0], "one cancelled, the other no longer listed");
    // A 404.
    let rows = eventbrite(&[placed(), gone(None, "21:00")]);
    assert_eq!((money(&rows), rows.sale.void_date), ([0, 0, 0, 6738], Some(at("21:00"))));
    // What was refunded before is no void charge; the rest of it is held.
    let refunded = order(
        "10:00",
        "placed",
        6738,
        Some(3000),
        &[seat("a", "10:00", Void::Refunded), seat("b", "9:00", Void::Valid)],
    );
    let rows = eventbrite(&[refunded, gone(None, "21:00")]);
    assert_eq!((money(&rows), rows.sale.void_date), ([3000, 3738, 3000, 0], Some(at("10:00"))));
}

/// A Humanitix order of two tickets of 32.10, of which 2.10 are fees: 64.20.
fn box_office(updated: &str, status: &str, refunds: i64) -> Fact {
    let doc = OrderDoc {
        platform_status: Some(status.to_owned()),
        purchase_total: Some(cents(6420)),
        fees: Some(cents(420)),
        refunds: Some(cents(refunds)),
        purchased: Some(at("9:00")),
        ..OrderDoc::default()
    };
    bare_order(Some(at("20:00")), OrderCopy::of(named("humanitix"), at(updated), doc.clone(), document(&doc)))
}

fn admission(id: &str, version: &str, void: Void, price: i64) -> Fact {
    let fees = Some(cents(if price == 0 { 0 } else { 210 }));
    ticket("20:00", AttendeeCopy { fees, ..copy(id, version, void, false, price) })
}

#[test]
fn cancelled_tickets_of_a_paid_order_are_kept_money() {
    let mut facts = vec![
        box_office("9:00", "paid", 0),
        admission("a", "10:00", Void::Cancelled, 0),
        admission("b", "10:30", Void::Cancelled, 0),
    ];
    // With and without a complete sweep of the tickets.
    for _ in 0..2 {
        let rows = humanitix_rows(&facts);
        assert_eq!(money(&rows), [0, 6420, 6000, 0]);
        assert_eq!(rows.sale.void_date, Some(at("10:00")), "the first of them");
        facts.push(Fact::TicketsSwept(at("19:00")));
    }
    assert_eq!(humanitix_rows(&facts).sale.refund_status, RefundStatus::Cancelled);
}

#[test]
fn the_platform_decides_whether_a_cancelled_order_is_held() {
    let cancelled = || told("10:00", EnvelopeStatus::Cancelled, None);
    let void = || [admission("a", "10:00", Void::Cancelled, 3210), admission("b", "10:00", Void::Cancelled, 3210)];
    for (copy, kept) in [("9:59:59", 0), ("10:00", 6420), ("10:01", 6420)] {
        let facts: Vec<Fact> = [box_office(copy, "paid", 0), cancelled(), Fact::TicketsSwept(at("19:00"))]
            .into_iter()
            .chain(void())
            .collect();
        let rows = humanitix_rows(&facts);
        assert_eq!((money(&rows)[1], rows.sale.refund_status), (kept, RefundStatus::Cancelled), "{copy}");
    }
    let mut facts = vec![box_office("10:00", "cancelled", 0), cancelled()];
    facts.extend(void());
    assert_eq!(money(&humanitix_rows(&facts))[1], 0, "the platform itself");
}

#[test]
fn a_refunded_order_may_still_admit() {
    let facts = [
        box_office("10:00", "refunded", 6000),
        admission("a", "9:00", Void::Valid, 3210),
        admission("b", "9:00", Void::Valid, 3210),
        Fact::TicketsSwept(at("19:00")),
    ];
    let rows = humanitix_rows(&facts);
    assert_eq!((money(&rows), rows.sale.refund_status), ([6000, 420, 0, 0], RefundStatus::Refunded));
    assert_eq!((rows.sale.ticket_quantity, rows.sale.valid_quantity), (Some(2), Some(2)));
}

#[test]
fn a_humanitix_refund_with_its_fee_or_without() {
    for (refunds, expected) in
        [(3000, [3000, 3420, 3000, 0]), (3210, [3210, 3210, 3000, 0]), (3100, [3100, 3320, 2900, 0])]
    {
        let rows = humanitix_rows(&[
            box_office("10:00", "partiallyRefunded", refunds),
            admission("a", "9:00", Void::Valid, 3210),
            admission("a", "10:00", Void::Cancelled, 0),
            admission("b", "9:00", Void::Valid, 3210),
        ]);
        assert_eq!(money(&rows), expected, "{refunds}");
    }
}

#[test]
fn a_price_is_the_highest_ever_seen() {
    let price = |facts: &[Fact]| humanitix_rows(facts).attendees[0].price;
    let bought = admission("a", "9:00", Void::Valid, 3210);
    let void = admission("a", "10:00", Void::Cancelled, 0);
    assert_eq!(price(&[bought.clone(), void.clone()]), Some(cents(3210)));
    assert_eq!(price(&[void]), Some(cents(0)));
    // Bridges may know another price; the platform's counts.
    let Fact::Envelope(mut pushed) = envelope("11:00", EnvelopeStatus::Paid, None) else { panic!("an envelope") };
    let doc = AttendeeDoc { price: Some(cents(999_900)), ..AttendeeDoc::default() };
    pushed.attendees = Some(vec![copy_of("a", "11:00", doc)]);
    let pushed = Fact::Envelope(pushed);
    assert_eq!(price(&[bought, pushed.clone()]), Some(cents(3210)));
    assert_eq!(price(&[pushed]), Some(cents(999_900)));
    let seen = |price| alone("20:00", copy("a", "9:00", Void::Valid, false, price));
    assert_eq!(eventbrite(&[seen(3369), seen(0)]).attendees[0].price, Some(cents(3369)));
}

fn told(timestamp: &str, status: EnvelopeStatus, payment: Option<Payment>) -> Fact {
    let Fact::Envelope(envelope) = envelope(timestamp, status, None) else { panic!("an envelope") };
    let raw = document(&(&envelope.doc, status, payment));
    Fact::Envelope(Box::new(Envelope { payment, raw, ..*envelope }))
}

#[test]
fn a_bridge_tells_whether_an_order_is_paid() {
    use EnvelopeStatus::{Cancelled, Paid, Pending};
    let pending = told("10:00", Pending, Some(Payment::Unpaid));
    let rows = humanitix_rows(std::slice::from_ref(&pending));
    assert_eq!((rows.sale.payment_status, money(&rows)), (Some(Payment::Unpaid), [0, 0, 0, 7500]));
    let cancelled = told("11:00", Cancelled, None);
    let rows = humanitix_rows(&[pending.clone(), cancelled.clone()]);
    assert_eq!(rows.sale.payment_status, Some(Payment::Unpaid), "cancelling does not lose it");
    let paid = told("10:30", Paid, Some(Payment::Paid));
    let rows = humanitix_rows(&[pending.clone(), paid.clone()]);
    assert_eq!((rows.sale.payment_status, money(&rows)), (Some(Payment::Paid), [0, 7500, 7500, 0]));
    let rows = humanitix_rows(&[pending, paid, cancelled]);
    assert_eq!((rows.sale.payment_status, money(&rows)), (Some(Payment::Paid), [0, 0, 0, 7500]), "void");
    assert_eq!(rows.sale.void_date, Some(at("11:00")));
}

#[test]
fn words_that_nobody_has_documented() {
    // Kept as they are; the order stands, and counts as paid.
    let rows = humanitix_rows(&[box_office("9:00", "onHold", 0)]);
    assert_eq!((rows.sale.payment_status, rows.sale.platform_status.as_deref()), (None, Some("onHold")));
    assert_eq!(money(&rows), [0, 6420, 6000, 0]);
    let rows = eventbrite(&[order("9:00", "on_hold", 6738, None, &[seat("a", "9:00", Void::Valid)])]);
    assert_eq!((rows.sale.payment_status, money(&rows)), (None, [0, 6738, 6000, 0]));
    // A Humanitix order that says that it is void, or not paid yet.
    let rows = humanitix_rows(&[box_office("9:00", "paid", 0), box_office("10:00", "cancelled", 0)]);
    assert_eq!((rows.sale.refund_status, money(&rows)), (RefundStatus::Cancelled, [0, 0, 0, 6420]));
    assert_eq!((rows.sale.void_date, rows.sale.payment_status), (Some(at("10:00")), Some(Payment::Paid)));
    let rows = humanitix_rows(&[box_office("9:00", "unpaid", 0)]);
    assert_eq!((rows.sale.payment_status, money(&rows)[1]), (Some(Payment::Unpaid), 0));
}

#[test]
fn a_cancellation_has_the_date_of_what_shows_it_or_decided_it() {
    // A copy of a ticket, however late the order is read.
    let one =
        order("12:00", "placed", 6738, None, &[seat("a", "10:00", Void::Cancelled), seat("b", "9:00", Void::Valid)]);
    let alone_copy = alone("20:00", seat("a", "10:00", Void::Cancelled));
    assert_eq!(eventbrite(&[placed(), alone_copy.clone()]).sale.void_date, Some(at("10:00")));
    assert_eq!(eventbrite(&[placed(), one.clone(), alone_copy]).sale.void_date, Some(at("10:00")));
    // Inside an order it is not earlier than that order: nothing need raise the attendee's own version.
    assert_eq!(eventbrite(&[placed(), one]).sale.void_date, Some(at("12:00")));
    // The listing that lacks it.
    let lacking = order("13:00", "placed", 6738, None, &[seat("b", "9:00", Void::Valid)]);
    assert_eq!(eventbrite(&[placed(), lacking]).sale.void_date, Some(at("13:00")));
    // Its 404.
    assert_eq!(eventbrite(&[placed(), gone(Some("a"), "21:00")]).sale.void_date, Some(at("21:00")));
    // A ticket that came back does not date anything.
    let back = order("14:00", "placed", 6738, None, &[seat("a", "14:00", Void::Valid), seat("b", "9:00", Void::Valid)]);
    let void =
        order("12:00", "placed", 6738, None, &[seat("a", "10:00", Void::Cancelled), seat("b", "9:00", Void::Valid)]);
    assert_eq!(eventbrite(&[placed(), void, back]).sale.void_date, None);
    // An envelope with fewer tickets than the one before.
    let Fact::Envelope(fewer) = envelope("15:00", EnvelopeStatus::Paid, None) else { panic!("an envelope") };
    let fewer = Envelope { quantity: Some(2), raw: document(&"fewer"), ..*fewer };
    let rows = humanitix_rows(&[envelope("10:00", EnvelopeStatus::Paid, None), Fact::Envelope(Box::new(fewer))]);
    assert_eq!((rows.sale.valid_quantity, rows.sale.void_date), (Some(2), Some(at("15:00"))));
}

#[test]
fn valid_attendees_tell_whether_an_order_is_paid_before_others() {
    let told = |id, void, paid| AttendeeCopy { paid: Some(paid), ..seat(id, "9:00", void) };
    for (void_paid, valid_paid, expected) in [(false, true, Payment::Paid), (true, false, Payment::Unpaid)] {
        let attendees = [told("a", Void::Cancelled, void_paid), told("b", Void::Valid, valid_paid)];
        let rows = eventbrite(&[order("9:00", "placed", 6738, None, &attendees)]);
        assert_eq!(rows.sale.payment_status, Some(expected));
    }
    let rows = eventbrite(&[order("9:00", "pending", 0, None, &[told("a", Void::Valid, true)])]);
    assert_eq!(rows.sale.payment_status, Some(Payment::Unpaid), "the order's own word");
}

#[test]
fn an_order_refunded_whose_attendees_say_nothing_of_it() {
    let silent = [seat("a", "10:00", Void::Cancelled), seat("b", "10:00", Void::Cancelled)];
    let rows = eventbrite(&[placed(), order("10:00", "refunded", 6738, None, &silent)]);
    assert_eq!((money(&rows)[0], rows.sale.refund_method), (6738, Some("assumed_full")));
}

/// An envelope that says nothing about whether the order stands.
fn thin(timestamp: &str, refund: Option<Option<i64>>) -> Fact {
    let Fact::Envelope(envelope) = envelope(timestamp, EnvelopeStatus::Paid, None) else { panic!("an envelope") };
    let refund = refund.map(|amount| boxoffice_core::observation::EnvelopeRefund {
        amount: amount.map(cents),
        refunded_at: None,
        at: at(timestamp),
    });
    let raw = document(&("thin", timestamp, refund));
    Fact::Envelope(Box::new(Envelope {
        stands: None,
        refund,
        quantity: None,
        doc: OrderDoc::default(),
        raw,
        ..*envelope
    }))
}

#[test]
fn what_says_nothing_about_a_cancellation_does_not_undo_it() {
    let cancelled =
        [told("10:00", EnvelopeStatus::Paid, Some(Payment::Paid)), told("11:00", EnvelopeStatus::Cancelled, None)];
    let with = |later: Fact| humanitix_rows(&[cancelled[0].clone(), cancelled[1].clone(), later]).sale;
    let sale = with(thin("12:00", None));
    assert_eq!(
        (sale.refund_status, sale.valid_quantity, sale.void_date),
        (RefundStatus::Cancelled, Some(0), Some(at("11:00")))
    );
    let sale = with(thin("12:00", Some(Some(3000))));
    assert_eq!((sale.refund_status, sale.valid_quantity), (RefundStatus::Partial, Some(0)), "a part came back");
    let sale = with(told("12:00", EnvelopeStatus::Paid, None));
    assert_eq!((sale.refund_status, sale.valid_quantity), (RefundStatus::None, Some(3)), "it stands again");
}

#[test]
fn nothing_comes_back_of_what_was_never_paid() {
    // Told by a bridge, without an amount.
    let unpaid = told("10:00", EnvelopeStatus::Pending, Some(Payment::Unpaid));
    let rows = humanitix_rows(&[unpaid.clone(), thin("11:00", Some(None))]);
    assert_eq!((rows.sale.refund_status, rows.sale.payment_status), (RefundStatus::Cancelled, Some(Payment::Unpaid)));
    assert_eq!((money(&rows), rows.sale.valid_quantity), ([0, 0, 0, 7500], Some(0)));
    // Told by the platform, of a free order.
    let doc = OrderDoc {
        platform_status: Some("refunded".to_owned()),
        purchase_total: Some(cents(0)),
        ..OrderDoc::default()
    };
    let order = OrderCopy::of(named("humanitix"), at("10:00"), doc.clone(), document(&doc));
    let free = bare_order(Some(at("20:00")), order);
    let rows = humanitix_rows(&[free, admission("a", "9:00", Void::Valid, 0)]);
    let sale = &rows.sale;
    assert_eq!((sale.refund_status, sale.refund_date, sale.valid_quantity), (RefundStatus::Cancelled, None, Some(0)));
}

#[test]
fn no_more_comes_back_than_was_paid() {
    let rows = humanitix_rows(&[box_office("9:00", "refunded", 7000)]);
    assert_eq!((money(&rows), rows.sale.refund_status), ([6420, 0, 0, 0], RefundStatus::Refunded));
    let rows = humanitix_rows(&[told("10:00", EnvelopeStatus::Paid, None), thin("11:00", Some(Some(9000)))]);
    assert_eq!(rows.sale.refund_amount, Some(cents(7500)));
}
