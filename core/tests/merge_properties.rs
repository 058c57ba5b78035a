//! What holds for every set of facts: order, duplication and batching do not matter, and the rows make sense.
#![allow(clippy::expect_used, clippy::panic, reason = "a failing helper is a failing test")]

mod merge_support;

use boxoffice_core::merge::{AttendeeStatus, Derived, RefundStatus, Sale, State};
use boxoffice_core::money::Amount;
use boxoffice_core::observation::{Fact, Payment};
use boxoffice_core::platform::Platform;
use merge_support::strategies::{arbitrary, plausible};
use merge_support::{Rng, fold_in_parts, folded, named};
use proptest::prelude::*;

/// The state, checked to be the same however the facts come.
fn converged(facts: &[Fact], seed: u64) -> Result<State, TestCaseError> {
    let reference = folded(facts);
    let mut rng = Rng::new(seed);
    for round in 0..6 {
        let mut shuffled = facts.to_vec();
        for _ in 0..rng.below(facts.len() + 1) {
            shuffled.push(facts[rng.below(facts.len())].clone());
        }
        rng.shuffle(&mut shuffled);
        let state = if round % 2 == 0 { folded(&shuffled) } else { fold_in_parts(&shuffled, &mut rng) };
        prop_assert_eq!(&state, &reference);
    }
    Ok(reference)
}

fn joined(a: &State, b: &State) -> State {
    let mut state = a.clone();
    state.join(b);
    state
}

/// What must be true of any rows, whatever was observed.
fn check_rows(platform: Platform, rows: &Derived, plausible: bool) -> Result<(), TestCaseError> {
    let sale = &rows.sale;
    let paid_back = matches!(sale.refund_status, RefundStatus::Partial | RefundStatus::Refunded);
    if let (Some(valid), Some(all)) = (sale.valid_quantity, sale.ticket_quantity) {
        prop_assert!(0 <= valid && valid <= all, "{sale:?}");
    }
    if let (Some(amount), Some(total)) = (sale.refund_amount, sale.total_amount) {
        // The money of a Humanitix order is the platform's own; Eventbrite's is put together here, and capped.
        prop_assert!(amount <= total || (platform == named("humanitix") && !plausible), "{sale:?}");
    }
    prop_assert!(paid_back || sale.refund_amount.is_none_or(|amount| amount == Amount::ZERO), "{sale:?}");
    prop_assert!(paid_back || sale.refund_date.is_none(), "{sale:?}");
    prop_assert!(paid_back || !rows.attendees.iter().any(|row| row.refunded && platform == named("eventbrite")));
    prop_assert_eq!(sale.refund_method.is_some(), sale.refund_amount.is_some_and(|amount| amount > Amount::ZERO));
    if sale.refund_status == RefundStatus::Cancelled {
        prop_assert!(sale.valid_quantity.is_none_or(|valid| valid == 0), "{sale:?}");
    }
    if platform == named("eventbrite") && sale.ticket_quantity.is_some() {
        let admissions = rows.attendees.iter().filter(|row| !row.donation).count();
        prop_assert_eq!(sale.ticket_quantity, i64::try_from(admissions).ok());
    }
    prop_assert!(rows.attendees.is_sorted_by(|a, b| a.id < b.id));
    for row in &rows.attendees {
        prop_assert!(!row.refunded || row.status == AttendeeStatus::Cancelled, "{row:?}");
        let dated = row.checked_in_at.is_some() || row.source_version.is_none();
        prop_assert!(dated || row.status != AttendeeStatus::CheckedIn, "{row:?}");
        prop_assert!([row.checked_in_at, row.source_version].iter().all(|at| *at != Some(0)), "{row:?}");
    }
    check_money(sale)?;
    let fewer = sale.valid_quantity.zip(sale.ticket_quantity).is_some_and(|(valid, all)| valid < all);
    let taken_back = fewer || paid_back || sale.refund_status == RefundStatus::Cancelled;
    prop_assert!(taken_back || sale.void_date.is_none(), "{sale:?}");
    prop_assert!(!taken_back || sale.source_version.is_none() || sale.void_date.is_some(), "{rows:?}");
    prop_assert!(sale.refund_date.is_none() || sale.void_date == sale.refund_date, "{sale:?}");
    prop_assert!([sale.refund_date, sale.void_date, sale.source_version].iter().all(|at| *at != Some(0)), "{sale:?}");
    Ok(())
}

/// net = total - refund - void - fees kept, where nothing of them is negative, and nothing is held of what nobody paid.
fn check_money(sale: &Sale) -> Result<(), TestCaseError> {
    let Some(total) = sale.total_amount else {
        prop_assert_eq!((sale.kept_amount, sale.net_amount), (None, None));
        return Ok(());
    };
    let (kept, net) = (sale.kept_amount.expect("kept"), sale.net_amount.expect("net"));
    let refund = sale.refund_amount.unwrap_or_default();
    prop_assert!(Amount::ZERO <= net && net <= kept && kept <= total, "{sale:?}");
    prop_assert!(kept.saturating_sub(net) <= sale.fee_amount.unwrap_or_default(), "{sale:?}");
    let void = total.saturating_sub(refund).max(Amount::ZERO).saturating_sub(kept);
    prop_assert!(void >= Amount::ZERO, "{sale:?}");
    if sale.payment_status == Some(Payment::Unpaid) {
        prop_assert_eq!(kept, Amount::ZERO);
    } else if void > Amount::ZERO {
        prop_assert!(kept == Amount::ZERO && refund == Amount::ZERO, "void is all or nothing: {sale:?}");
        // Partial: a ticket is refunded whose price nobody knows.
        prop_assert!(matches!(sale.refund_status, RefundStatus::Cancelled | RefundStatus::Partial), "{sale:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_doubling_and_batching_do_not_matter((platform, facts) in arbitrary(), seed in any::<u64>()) {
        let state = converged(&facts, seed)?;
        if let Some(rows) = state.derive(platform) {
            check_rows(platform, &rows, false)?;
        }
    }

    #[test]
    fn nobody_gets_back_more_than_was_paid((platform, facts) in plausible(), seed in any::<u64>()) {
        let state = converged(&facts, seed)?;
        if let Some(rows) = state.derive(platform) {
            check_rows(platform, &rows, true)?;
        }
    }

    /// Nothing but the caller keeps the facts of two platforms apart: mixed ones still must not depend on their order.
    #[test]
    fn even_mixed_platforms_converge((_, mut facts) in arbitrary(), (_, more) in arbitrary(), seed in any::<u64>()) {
        facts.extend(more);
        let state = converged(&facts, seed)?;
        for platform in [named("eventbrite"), named("humanitix")] {
            let _ = state.derive(platform);
        }
    }

    #[test]
    fn join_is_commutative_associative_and_idempotent(
        (_, a) in arbitrary(),
        (_, b) in arbitrary(),
        (_, c) in arbitrary(),
    ) {
        let (a, b, c) = (folded(&a), folded(&b), folded(&c));
        prop_assert_eq!(joined(&a, &b), joined(&b, &a));
        prop_assert_eq!(joined(&joined(&a, &b), &c), joined(&a, &joined(&b, &c)));
        prop_assert_eq!(joined(&a, &a), a.clone());
        prop_assert_eq!(joined(&a, &State::default()), a.clone());
        prop_assert_eq!(joined(&State::default(), &a), a);
    }

    #[test]
    fn a_change_is_reported_exactly_when_there_is_one((_, facts) in arbitrary(), (_, more) in arbitrary()) {
        let mut state = State::default();
        for fact in facts.iter().chain(&more) {
            let before = state.clone();
            let changed = state.observe(fact);
            prop_assert_eq!(changed, state != before);
        }
        for fact in facts.iter().chain(&more) {
            prop_assert!(!state.observe(fact), "known already: {:?}", fact);
        }
        let (mut one, other) = (folded(&facts), folded(&more));
        let before = one.clone();
        prop_assert_eq!(one.join(&other), one != before);
        prop_assert!(!one.join(&other));
        prop_assert!(!state.join(&one));
    }

    #[test]
    fn what_is_stored_reads_back((_, facts) in arbitrary()) {
        let state = folded(&facts);
        prop_assert_eq!(State::decode(&state.encode()), Ok(state));
    }

    #[test]
    fn damaged_bytes_are_an_error_or_a_state(
        (platform, facts) in arbitrary(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = folded(&facts).encode();
        prop_assert!(State::decode(&bytes[..cut.index(bytes.len())]).is_err(), "a part is not a state");
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(state) = State::decode(&bytes) {
            let _ = state.derive(platform);
            prop_assert_eq!(State::decode(&state.encode()), Ok(state));
        }
    }

    #[test]
    fn random_bytes_are_no_reason_to_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let versioned: Vec<u8> = std::iter::once(1).chain(bytes.iter().copied()).collect();
        for bytes in [bytes, versioned] {
            if let Ok(state) = State::decode(&bytes) {
                let _ = state.derive(named("eventbrite"));
                let _ = state.derive(named("humanitix"));
            }
        }
    }
}
