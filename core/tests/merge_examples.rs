//! The worked examples of the merge rules (section 6) and some of their counterexamples, each in every order of its facts.
#![allow(clippy::expect_used, clippy::panic, reason = "a failing helper is a failing test")]

mod merge_support;

use boxoffice_core::merge::{Attendee, AttendeeStatus, Derived, RefundStatus};
use boxoffice_core::observation::EnvelopeStatus::{Cancelled, Paid, Pending, Refunded};
use boxoffice_core::observation::{AttendeeDoc, Fact, Void};
use boxoffice_core::platform::Platform;
use merge_support::build::*;
use merge_support::{folded, named};

use AttendeeStatus::{CheckedIn, Registered};

/// The rows of these facts, the same in every order.
fn rows(platform: Platform, facts: &[Fact]) -> Derived {
    let reference = folded(facts);
    let mut order = facts.to_vec();
    permute(&mut order, 0, &mut |facts| assert_eq!(folded(facts), reference, "depends on the order: {facts:?}"));
    reference.derive(platform).expect("rows")
}

fn permute(facts: &mut [Fact], fixed: usize, check: &mut impl FnMut(&[Fact])) {
    if fixed == facts.len() {
        return check(facts);
    }
    for next in fixed..facts.len() {
        facts.swap(fixed, next);
        permute(facts, fixed + 1, check);
        facts.swap(fixed, next);
    }
}

fn eventbrite(facts: &[Fact]) -> Derived {
    rows(named("eventbrite"), facts)
}

fn humanitix_rows(facts: &[Fact]) -> Derived {
    rows(named("humanitix"), facts)
}

fn attendee<'a>(rows: &'a Derived, id: &str) -> &'a Attendee {
    rows.attendees.iter().find(|row| row.id == id).expect("the attendee")
}

fn status(rows: &Derived, id: &str) -> AttendeeStatus {
    attendee(rows, id).status
}

fn refund(rows: &Derived) -> (RefundStatus, Option<i64>) {
    (rows.sale.refund_status, rows.sale.refund_amount.map(|amount| amount.0 / 100))
}

#[test]
fn update_before_placed_in_the_same_second() {
    let copy = |barcode: Option<&str>| {
        let doc = AttendeeDoc { barcode: barcode.map(str::to_owned), ..AttendeeDoc::default() };
        copy_of("a", "10:00:51", doc)
    };
    // Both ways round, so that no hash can decide it.
    for [first, second] in [[None, Some("b1")], [Some("b1"), None]] {
        let rows = eventbrite(&[alone("10:00:51.9", copy(first)), alone("10:00:53.1", copy(second))]);
        assert_eq!(attendee(&rows, "a").barcode.as_deref(), second, "the later fetch wins");
    }
}

#[test]
fn refund_and_stale_copy_in_the_same_second() {
    let refunded = alone("10:00:11", copy("a", "10:00:10", Void::Refunded, false, 3369));
    let stale = alone("10:00:14", valid("a", "10:00:10"));
    let rows = eventbrite(&[refunded.clone(), stale.clone()]);
    assert!(attendee(&rows, "a").refunded, "the higher rank stays");
    let rows = eventbrite(&[refunded, stale, alone("10:10:10", valid("a", "10:00:10"))]);
    assert_eq!(status(&rows, "a"), Registered, "a settled copy decides for good");
}

#[test]
fn cancelled_by_absence() {
    let mut facts = vec![
        listing("10:00", "10:00:01", "placed", 6738, &[valid("a", "9:00"), valid("b", "9:00")]),
        listing("11:00", "11:00:01", "placed", 3369, &[valid("a", "9:00")]),
        alone("12:00", valid("b", "9:59")),
    ];
    assert_eq!(status(&eventbrite(&facts), "b"), AttendeeStatus::Cancelled);
    facts.push(alone("12:00", valid("b", "11:00:01")));
    assert_eq!(status(&eventbrite(&facts), "b"), Registered, "newer than the listing that lacks it");
}

#[test]
fn torn_listing_at_purchase() {
    let rows = eventbrite(&[
        listing("10:00", "10:00:01", "placed", 6738, &[valid("a", "10:00")]),
        listing("10:00", "10:00:02", "placed", 6738, &[valid("a", "10:00"), valid("b", "10:00")]),
    ]);
    assert_eq!(status(&rows, "b"), Registered);
    assert_eq!(rows.sale.ticket_quantity, Some(2));
}

#[test]
fn reinstated_without_a_new_version() {
    let rows = eventbrite(&[
        listing("10:00", "10:30", "placed", 3369, &[copy("a", "9:00", Void::Refunded, false, 3369)]),
        listing("12:00", "12:30", "placed", 3369, &[valid("a", "9:00")]),
    ]);
    assert_eq!(status(&rows, "a"), Registered, "the newest listing names it valid");
    assert_eq!(refund(&rows), (RefundStatus::None, Some(0)));
}

#[test]
fn check_in_without_a_new_version_seen_alone() {
    let rows = eventbrite(&[
        listing("12:00", "12:30", "placed", 3369, &[valid("a", "9:00")]),
        alone("12:40", copy("a", "9:00", Void::Valid, true, 3369)),
    ]);
    assert_eq!(status(&rows, "a"), CheckedIn);
}

#[test]
fn costs_dropped_before_the_first_copy() {
    let refunded = copy("a", "10:00", Void::Refunded, false, 3369);
    for (gross, method) in [(3369, "costs"), (6738, "attendees")] {
        let rows = eventbrite(&[listing("10:00", "11:00", "placed", gross, &[refunded.clone(), valid("b", "9:00")])]);
        assert_eq!(rows.sale.total_amount, Some(cents(6738)));
        assert_eq!(refund(&rows), (RefundStatus::Partial, Some(3369)));
        assert_eq!(rows.sale.refund_method, Some(method));
        assert_eq!((rows.sale.ticket_quantity, rows.sale.valid_quantity), (Some(2), Some(1)));
    }
}

#[test]
fn envelope_first_and_the_api_later() {
    let refunded = envelope("14:20", Refunded, Some(7500));
    let rows = humanitix_rows(&[refunded.clone(), humanitix("14:25", "14:26", "refunded", 6000)]);
    assert_eq!(refund(&rows), (RefundStatus::Refunded, Some(6000)), "the API's money");
    let rows = humanitix_rows(&[refunded.clone(), humanitix("14:10", "14:40", "paid", 0)]);
    assert_eq!(refund(&rows), (RefundStatus::Refunded, Some(7500)), "not undone by an older copy");
    let rows = humanitix_rows(&[refunded, humanitix("15:00", "15:01", "paid", 0)]);
    assert_eq!(refund(&rows), (RefundStatus::None, Some(0)), "undone by a newer one");
}

#[test]
fn envelope_about_a_refund_that_the_api_has_taken_back() {
    let told = |refunded_at| match envelope("14:30", Refunded, Some(7500)) {
        Fact::Envelope(mut told) => {
            let refund = told.refund.as_mut().expect("a refund");
            refund.refunded_at = refunded_at;
            refund.at = refunded_at.unwrap_or(told.timestamp);
            Fact::Envelope(told)
        }
        other => other,
    };
    let api = humanitix("14:25", "14:26", "paid", 0);
    let rows = humanitix_rows(&[told(Some(at("14:20"))), api.clone()]);
    assert_eq!(refund(&rows).0, RefundStatus::None, "the refund is older than the API's copy, though told later");
    let rows = humanitix_rows(&[told(None), api]);
    assert_eq!(refund(&rows).0, RefundStatus::Refunded);
}

#[test]
fn late_or_repeated_paid_after_a_refund() {
    for late in ["14:00", "14:20", "16:00"] {
        let rows = humanitix_rows(&[envelope("14:20", Refunded, Some(7500)), envelope(late, Paid, None)]);
        assert_eq!(refund(&rows), (RefundStatus::Refunded, Some(7500)));
        assert_eq!(rows.sale.refund_date, Some(at("14:20")));
    }
    let cancelled = envelope("14:20", Cancelled, None);
    let rows = humanitix_rows(&[cancelled.clone(), envelope("14:00", Paid, None)]);
    assert_eq!(rows.sale.refund_status, RefundStatus::Cancelled);
    let rows = humanitix_rows(&[cancelled, envelope("16:00", Paid, None)]);
    assert_eq!(rows.sale.refund_status, RefundStatus::None, "a cancellation is undone by a newer status");
}

#[test]
fn created_pending_and_cancelled_with_one_timestamp() {
    let rows = humanitix_rows(&[
        envelope("10:00", Paid, None),
        envelope("10:00", Pending, None),
        envelope("10:00", Cancelled, None),
    ]);
    assert_eq!(refund(&rows), (RefundStatus::Cancelled, Some(0)));
    assert_eq!((rows.sale.ticket_quantity, rows.sale.valid_quantity), (Some(3), Some(0)));
}

#[test]
fn attendee_before_its_order() {
    let before = alone("10:00:01", valid("b", "10:00"));
    let rows = eventbrite(std::slice::from_ref(&before));
    assert_eq!((rows.sale.total_amount, rows.sale.source_version), (None, None), "the order exists, nothing more");
    let rows = eventbrite(&[before.clone(), unexpanded("10:00", "10:00:02", "placed", 6738)]);
    assert_eq!((rows.sale.ticket_quantity, rows.sale.total_amount), (None, Some(cents(6738))));
    let listed = [valid("a", "10:00"), valid("b", "10:00")];
    let rows = eventbrite(&[before, listing("10:00", "10:00:03", "placed", 6738, &listed)]);
    assert_eq!(rows.sale.ticket_quantity, Some(2));
}

#[test]
fn one_of_three_tickets_known() {
    let mut facts = vec![humanitix("9:00", "9:01", "paid", 0), ticket("9:01", valid("a", "9:00"))];
    assert_eq!(humanitix_rows(&facts).sale.ticket_quantity, Some(1), "so far");
    facts.push(envelope("9:00", Paid, None));
    assert_eq!(humanitix_rows(&facts).sale.ticket_quantity, Some(3), "an envelope said so");
    facts.push(Fact::TicketsSwept(at("9:09")));
    assert_eq!(humanitix_rows(&facts).sale.ticket_quantity, Some(3), "too early for a replica");
    facts.push(Fact::TicketsSwept(at("9:10")));
    assert_eq!(humanitix_rows(&facts).sale.ticket_quantity, Some(1), "the sweep saw all there are");
}

#[test]
fn local_scan_against_a_sync() {
    let renamed = alone("20:06", valid("a", "20:05"));
    let rows = eventbrite(&[scan("a", "20:00", true), renamed]);
    assert_eq!(status(&rows, "a"), CheckedIn, "an undated state cannot undo a scan");
    assert_eq!(attendee(&rows, "a").checked_in_at, Some(at("20:00")));

    let out = AttendeeDoc { check_in_date: Some(at("20:10")), ..AttendeeDoc::default() };
    let rows = humanitix_rows(&[scan("a", "20:00", true), ticket("20:11", copy_of("a", "20:10", out))]);
    assert_eq!(status(&rows, "a"), Registered, "a later dated event can");
}

#[test]
fn early_404() {
    let copy = alone("10:00:05", valid("a", "10:00"));
    let rows = eventbrite(&[gone(Some("a"), "10:00:02"), copy.clone()]);
    assert_eq!(status(&rows, "a"), Registered, "too close to the sighting");
    let rows = eventbrite(&[copy.clone(), gone(Some("a"), "10:30")]);
    assert_eq!(status(&rows, "a"), AttendeeStatus::Cancelled);
    let rows = eventbrite(&[copy, gone(Some("a"), "10:30"), alone("10:31", valid("a", "10:00"))]);
    assert_eq!(status(&rows, "a"), Registered, "alive again");
}

#[test]
fn refunded_order_with_a_newer_valid_attendee() {
    let refunded = |id| copy(id, "10:00", Void::Refunded, false, 3369);
    let rows = eventbrite(&[
        listing("10:00", "10:30", "refunded", 6738, &[refunded("a"), refunded("b")]),
        alone("11:30", valid("b", "11:00")),
    ]);
    assert_eq!(refund(&rows), (RefundStatus::Partial, Some(3369)));
    assert_eq!((rows.sale.total_amount, rows.sale.valid_quantity), (Some(cents(6738)), Some(1)));
}

#[test]
fn facts_that_show_nothing() {
    let cart = match unexpanded("10:00", "10:01", "started", 6738) {
        Fact::Order { fetched_at, order, attendees, refund_requests, .. } => {
            Fact::Order { fetched_at, in_progress: true, order, attendees, refund_requests }
        }
        other => other,
    };
    let facts =
        [cart, scan("a", "10:00", true), gone(None, "11:00"), gone(Some("b"), "11:00"), Fact::OrdersSwept(at("12:00"))];
    assert_eq!(folded(&facts).derive(named("eventbrite")), None);
    // With a copy of one attendee the order is shown, and the attendees known only by a scan or a 404 are not.
    let rows = eventbrite(&[alone("10:00", valid("c", "9:00")), scan("a", "10:00", true), gone(Some("b"), "11:00")]);
    assert_eq!(rows.attendees.len(), 1);
}

#[test]
fn what_has_to_be_asked_again() {
    let seen = listing("10:00", "10:05", "placed", 3369, &[valid("a", "10:00")]);
    let state = folded(&[seen.clone(), gone(Some("a"), "10:07"), gone(None, "10:30")]);
    assert_eq!(state.ask_again_at(Some("a")), Some(at("10:20")), "too soon after the sighting to count");
    assert_eq!(state.ask_again_at(None), None, "counts");
    assert_eq!(state.ask_again_at(Some("b")), None, "nothing known");
    assert_eq!(folded(&[seen.clone(), gone(None, "9:30")]).ask_again_at(None), None, "older than the sighting");

    let swept = |time| folded(&[seen.clone(), Fact::OrdersSwept(at(time))]).missing_from_sweep();
    assert!(!swept("10:20") && swept("10:20:01"));
    assert!(!folded(&[Fact::OrdersSwept(at("12:00"))]).missing_from_sweep(), "never seen, so not missing");
}

#[test]
fn a_void_order_leaves_void_tickets_their_own_reason() {
    let cancelled = copy("a", "9:00", Void::Cancelled, false, 3369);
    let rows = eventbrite(&[listing("10:00", "10:30", "refunded", 6738, &[cancelled, valid("b", "9:00")])]);
    assert!(!attendee(&rows, "a").refunded && attendee(&rows, "b").refunded);
    assert_eq!(refund(&rows), (RefundStatus::Refunded, Some(3369)));
}

#[test]
fn an_envelope_wins_a_tie_with_the_api() {
    for (timestamp, expected) in [("14:25", RefundStatus::Refunded), ("14:24:59.999", RefundStatus::None)] {
        let facts = [envelope(timestamp, Refunded, Some(7500)), humanitix("14:25", "14:26", "paid", 0)];
        assert_eq!(refund(&humanitix_rows(&facts)).0, expected);
    }
    for (timestamp, expected) in [("14:25", RefundStatus::Cancelled), ("14:24:59.999", RefundStatus::None)] {
        let facts = [envelope(timestamp, Cancelled, None), humanitix("14:25", "14:26", "paid", 0)];
        assert_eq!(refund(&humanitix_rows(&facts)).0, expected);
    }
}

#[test]
fn what_a_thin_envelope_leaves_out_stays_as_it_was_last_said() {
    let said = |fact: Fact, name: Option<&str>, phone: Option<&str>| match fact {
        Fact::Envelope(mut envelope) => {
            envelope.doc.customer_name = name.map(str::to_owned);
            envelope.doc.customer_phone = phone.map(str::to_owned);
            envelope.raw.hash = [u8::from(name.is_some()) + 2 * u8::from(phone.is_some()); 16];
            Fact::Envelope(envelope)
        }
        other => other,
    };
    let created = said(envelope("10:00", Paid, None), Some("Ada"), Some("+61 400"));
    let updated = said(envelope("11:00", Paid, None), Some("Ada Lovelace"), None);
    let mut refunded = envelope("12:00", Refunded, Some(7500));
    if let Fact::Envelope(envelope) = &mut refunded {
        envelope.doc = Default::default();
        envelope.quantity = None;
    }
    let rows = humanitix_rows(&[created, updated, refunded]);
    assert_eq!(rows.sale.customer_name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(rows.sale.customer_phone.as_deref(), Some("+61 400"));
    assert_eq!(rows.sale.total_amount.map(|amount| amount.0), Some(750_000));
    assert_eq!((rows.sale.ticket_quantity, rows.sale.valid_quantity), (Some(3), Some(0)));
    assert_eq!(refund(&rows), (RefundStatus::Refunded, Some(7500)));
}

#[test]
fn an_attendee_copy_against_the_listing_that_names_it() {
    let attended = |version, void, checked_in| copy("a", version, void, checked_in, 3369);
    let listed = |void| listing("10:00", "10:05", "placed", 3369, &[attended("10:00", void, false)]);
    // The newer of the two, whichever came last.
    let rows = eventbrite(&[listed(Void::Valid), alone("10:40", attended("10:30", Void::Cancelled, false))]);
    assert_eq!(status(&rows, "a"), AttendeeStatus::Cancelled);
    let rows = eventbrite(&[listed(Void::Valid), alone("10:40", attended("9:30", Void::Cancelled, false))]);
    assert_eq!(status(&rows, "a"), Registered);
    // A torn listing shows an older copy than one before it.
    let torn = listing("11:00", "11:05", "placed", 3369, &[attended("10:00", Void::Valid, false)]);
    let before = listing("10:00", "10:35", "placed", 3369, &[attended("10:30", Void::Cancelled, false)]);
    assert_eq!(status(&eventbrite(&[before, torn]), "a"), AttendeeStatus::Cancelled);
}

#[test]
fn a_check_in_without_a_time_has_that_of_its_copy() {
    let here = copy("a", "19:00", Void::Valid, true, 3369);
    let rows = humanitix_rows(&[humanitix("9:00", "20:00", "paid", 0), ticket("20:00", here)]);
    assert_eq!((status(&rows, "a"), attendee(&rows, "a").checked_in_at), (CheckedIn, Some(at("19:00"))));
}

#[test]
fn the_lines_of_an_order_tell_what_was_bought_until_tickets_do() {
    let told = |types: &[&str], at: &str| match envelope(at, Paid, None) {
        Fact::Envelope(mut envelope) => {
            envelope.doc.ticket_types = types.iter().map(|&name| name.to_owned()).collect();
            Fact::Envelope(envelope)
        }
        other => other,
    };
    // The newer one says nothing about them.
    let mut facts = vec![told(&["Early Bird", "Front Row"], "9:00"), told(&[], "10:00")];
    assert_eq!(humanitix_rows(&facts).sale.ticket_type.as_deref(), Some("Early Bird, Front Row"));
    let seat = AttendeeDoc { ticket_type: Some("Balcony".to_owned()), ..AttendeeDoc::default() };
    facts.push(ticket("20:00", copy_of("a", "11:00", seat)));
    assert_eq!(humanitix_rows(&facts).sale.ticket_type.as_deref(), Some("Balcony"));
}
