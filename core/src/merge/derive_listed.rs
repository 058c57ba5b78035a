//! The rows of an order that lists its attendees (merge rules, section 4).
//!
//! The order's complete listing and the attendee itself both speak about a ticket. Refunds show in partial views: what the
//! platform states (processed refund requests, a drop of the gross) wins where it covers the refunded attendees; else they
//! count with their whole price.

use super::attendee::{PlatformCheckIn, check_in, count, row, sum, ticket_types};
use super::observe::known;
use super::state::{AttendeeState, AttendeeVersion, Held, Standing, State};
use super::{Attendee, AttendeeStatus, Derived, RefundStatus, Sale};
use crate::money::Amount;
use crate::observation::{AttendeeDoc, OrderDoc, Payment, Void};
use crate::platform::Platform;
use crate::time::Micros;

pub(super) fn derive(state: &State, platform: Platform) -> Derived {
    let tickets: Vec<Ticket<'_>> =
        state.attendees.iter().filter_map(|(id, held)| Ticket::of(state, platform, id, held)).collect();
    let payment = payment(state, &tickets);
    let attendees: Vec<Attendee> = tickets.iter().map(|ticket| ticket.row(payment)).collect();
    Derived { sale: sale(state, platform, &tickets, &attendees, payment), attendees }
}

/// What the registers say of one attendee.
struct Ticket<'s> {
    id: &'s str,
    held: &'s AttendeeState,
    own: &'s Held<AttendeeVersion, AttendeeDoc>,
    standing: Standing,
    /// When it became void, if that follows from something else than a copy of it: a listing that lacks it, a 404.
    decided_at: Option<Micros>,
}

impl<'s> Ticket<'s> {
    fn of(state: &State, platform: Platform, id: &'s str, held: &'s AttendeeState) -> Option<Ticket<'s>> {
        let own = held.own.as_ref()?;
        let (mut standing, mut decided_at) = standing(state, held, &own.key);
        if let Some(api) = &state.api {
            // A void order voids what is still valid, unless the attendee is newer; a void one keeps its own reason.
            if standing.void == Void::Valid && own.key.version <= api.key.version {
                standing.void = order_void(platform, &api.doc);
            }
        }
        if state.attendee_gone(held) {
            standing.void = standing.void.max(Void::Cancelled);
            decided_at = decided_at.or(held.gone).or(state.gone);
        }
        Some(Ticket { id, held, own, standing, decided_at })
    }

    /// The row. Nothing goes back to the buyer of what cost nothing or was never paid: such a "refunded" ticket is cancelled.
    fn row(&self, payment: Option<Payment>) -> Attendee {
        let Standing { mut void, checked_in } = self.standing;
        let price = self.held.price.map(|price| price.amount);
        if void == Void::Refunded && (payment == Some(Payment::Unpaid) || price == Some(Amount::ZERO)) {
            void = Void::Cancelled;
        }
        let platform = if checked_in {
            PlatformCheckIn::Undated(self.held.checked_in_first.or(self.own.doc.check_in_date))
        } else {
            PlatformCheckIn::Unknown
        };
        row(self.id, self.own, void, check_in(platform, self.held.scan.as_ref()), price)
    }
}

/// Whether the order was paid. The order's own word does not tell orders to be paid offline; their attendees do, those that
/// are valid before others. A processed refund proves a payment.
fn payment(state: &State, tickets: &[Ticket<'_>]) -> Option<Payment> {
    let processed = state.requests.is_some_and(|requests| requests.processed > Amount::ZERO);
    let valid = |ticket: &&Ticket<'_>| ticket.standing.void == Void::Valid;
    let any_valid = tickets.iter().any(|ticket| valid(&ticket));
    let told = tickets.iter().filter(|ticket| !any_valid || valid(ticket)).filter_map(|ticket| ticket.held.paid);
    let told: Vec<bool> = told.map(|stated| stated.word).collect();
    match state.payment.map(|stated| stated.word) {
        _ if processed => Some(Payment::Paid),
        Some(Payment::Unpaid) => Some(Payment::Unpaid),
        _ if told.contains(&false) => Some(Payment::Unpaid),
        _ if state.sale.as_ref().is_some_and(|held| held.key.0 == Amount::ZERO) => Some(Payment::Free),
        word => word.or(told.contains(&true).then_some(Payment::Paid)),
    }
}

/// Combines what the attendee's own copy says with what the newest complete listing says; and since when, where the listing
/// says it by being silent.
fn standing(state: &State, held: &AttendeeState, own: &AttendeeVersion) -> (Standing, Option<Micros>) {
    let Some(newest) = state.list else { return (own.standing, None) };
    match held.list {
        // Named by the newest listing (or by one that ties with it: torn listings add up).
        Some(listed) if listed.listing == newest => {
            if own.version > listed.version || own.alone {
                (own.standing, None)
            } else {
                (listed.standing, None)
            }
        }
        // Newer than the listing that lacks it.
        _ if own.version > newest.version => (own.standing, None),
        // Absent from the newest listing.
        _ => (Standing { void: own.standing.void.max(Void::Cancelled), ..own.standing }, known(newest.version)),
    }
}

fn order_void(platform: Platform, doc: &OrderDoc) -> Void {
    match platform.standing(doc).rank {
        0 => Void::Valid,
        1 => Void::Cancelled,
        _ => Void::Refunded,
    }
}

fn sale(
    state: &State,
    platform: Platform,
    tickets: &[Ticket<'_>],
    attendees: &[Attendee],
    payment: Option<Payment>,
) -> Sale {
    let doc = state.api.as_ref().map(|held| &held.doc);
    let void = doc.map_or(Void::Valid, |doc| order_void(platform, doc));
    let alive = |row: &&Attendee| row.status != AttendeeStatus::Cancelled;
    let admission = |row: &&Attendee| !row.donation;
    let live = attendees.iter().any(|row| alive(&row));
    let dead = (void != Void::Valid || state.order_gone()) && !live;
    let listed = state.list.is_some();

    let quantity = listed.then(|| count(attendees.iter().filter(admission)));
    let valid = if listed { Some(count(attendees.iter().filter(admission).filter(alive))) } else { dead.then_some(0) };

    let any_refunded = attendees.iter().any(|row| row.refunded);
    // What was free cannot be refunded; the rest is.
    let all_refunded = listed
        && any_refunded
        && attendees.iter().all(|row| row.refunded || (!alive(&row) && row.price == Some(Amount::ZERO)));
    let refund = Refund::of(state, tickets, attendees, payment, all_refunded || (void == Void::Refunded && !live));
    let refund_status = if refund.wholly || refund.is_whole() {
        RefundStatus::Refunded
    } else if any_refunded || refund.amount > Some(Amount::ZERO) {
        RefundStatus::Partial
    } else if dead || (quantity > Some(0) && valid == Some(0)) {
        RefundStatus::Cancelled
    } else if state.requests.is_some_and(|requests| requests.pending) {
        RefundStatus::Requested
    } else {
        RefundStatus::None
    };
    let refund_date = match refund_status {
        RefundStatus::Partial | RefundStatus::Refunded => refund_date(state, tickets, attendees),
        RefundStatus::None | RefundStatus::Requested | RefundStatus::Cancelled => None,
    };

    let money = state.sale.as_ref().map(|held| held.doc);
    let names = attendees.iter().filter(admission).filter_map(|row| row.ticket_type.as_deref());
    let lines = doc.iter().flat_map(|doc| doc.ticket_types.iter().map(String::as_str));
    let mut sale = Sale {
        // An attendee names the event even before its order was seen.
        external_event_id: doc
            .and_then(|doc| doc.external_event_id.clone())
            .or_else(|| attendees.iter().find_map(|row| row.external_event_id.clone())),
        external_session_id: doc.and_then(|doc| doc.external_session_id.clone()),
        customer_name: doc.and_then(|doc| doc.customer_name.clone()),
        customer_email: doc.and_then(|doc| doc.customer_email.clone()),
        customer_phone: doc.and_then(|doc| doc.customer_phone.clone()),
        ticket_quantity: quantity,
        valid_quantity: valid,
        ticket_type: ticket_types(names).or_else(|| ticket_types(lines)),
        currency: doc.and_then(|doc| doc.currency),
        total_amount: refund.total,
        fee_amount: money.and_then(|money| money.fees),
        tax_amount: money.and_then(|money| money.tax),
        discount_amount: money.and_then(|money| money.discount),
        refund_amount: refund.amount,
        kept_amount: None,
        net_amount: None,
        payment_status: payment,
        refund_status,
        refund_method: refund.method,
        refund_date,
        void_date: None,
        purchase_date: doc.and_then(|doc| doc.purchased),
        platform_status: doc.and_then(|doc| doc.platform_status.clone()),
        marketing_opt_in: doc.and_then(|doc| doc.marketing_opt_in),
        source_version: state.api.as_ref().and_then(|held| known(held.key.version)),
        unlisted_at: None,
    };
    sale.settle(dead, refund.returned);
    if sale.is_taken_back() {
        let order = state.void_first.filter(|_| void != Void::Valid);
        let void = || tickets.iter().zip(attendees).filter(|(_, row)| !alive(row)).map(|(ticket, _)| ticket);
        let shown = void().filter_map(|ticket| ticket.held.void_first).chain(order).min();
        let gone = state.gone.filter(|_| state.order_gone());
        let decided = void().filter_map(|ticket| ticket.decided_at).chain(gone).min();
        sale.void_date = refund_date.or(shown).or(decided).or(sale.source_version);
    }
    sale
}

/// When it was refunded: as the platform says, else when a copy first showed it; a refund that shows only as a drop of the
/// gross has the date of the oldest copy with the lower gross.
fn refund_date(state: &State, tickets: &[Ticket<'_>], attendees: &[Attendee]) -> Option<Micros> {
    let refunded = tickets.iter().zip(attendees).filter(|(_, row)| row.refunded);
    let shown = refunded.filter_map(|(ticket, _)| ticket.held.refund_first).chain(state.refund_first).min();
    let dropped = state.low.filter(|(gross, _)| state.sale.as_ref().is_some_and(|held| *gross < held.key.0));
    state.refund_given.or(shown).or(dropped.and_then(|(_, version)| known(version)))
}

/// What was charged, and how much of it went back. Nothing of that is known before the order itself.
#[derive(Default)]
struct Refund {
    total: Option<Amount>,
    amount: Option<Amount>,
    method: Option<&'static str>,
    /// The order as a whole is refunded.
    wholly: bool,
    /// Fees of refunded tickets that the platform gave back.
    returned: Amount,
}

impl Refund {
    /// `void`: the order, or each attendee, says that it is refunded, and nobody is admitted.
    fn of(
        state: &State,
        tickets: &[Ticket<'_>],
        attendees: &[Attendee],
        payment: Option<Payment>,
        void: bool,
    ) -> Refund {
        let Some(api) = &state.api else { return Refund::default() };
        let refunded: Vec<(&Ticket<'_>, &Attendee)> =
            tickets.iter().zip(attendees).filter(|(_, row)| row.refunded).collect();
        let total = state.sale.as_ref().map(|held| {
            // The gross may already have dropped before our first copy of the order.
            let charged = attendees.iter().filter(|row| row.refunded || row.status != AttendeeStatus::Cancelled);
            if refunded.is_empty() { held.key.0 } else { held.key.0.max(sum(charged)) }
        });
        let unpaid = payment == Some(Payment::Unpaid);
        let wholly = void && !unpaid && total != Some(Amount::ZERO);

        let whole = sum(refunded.iter().map(|(_, row)| *row));
        let fees = refunded.iter().filter_map(|(ticket, _)| ticket.held.price?.fees);
        let fees = fees.fold(Amount::ZERO, Amount::saturating_add).min(whole);
        let without_fees = whole.saturating_sub(fees);
        let (stated, view) = stated(state, total.filter(|_| !unpaid), api.doc.total);

        let (mut amount, mut method) =
            if stated > Amount::ZERO && stated >= without_fees { (stated, view) } else { (whole, "attendees") };
        if let Some(total) = total {
            let fees = state.sale.as_ref().and_then(|held| held.doc.fees).unwrap_or_default();
            // An order without its attendees: what is stated has to cover all of it.
            let covered = amount > Amount::ZERO && (state.list.is_some() || amount >= total.saturating_sub(fees));
            if wholly && total > amount && !covered {
                (amount, method) = (total, "assumed_full");
            }
            amount = amount.min(total);
        }
        Refund {
            total,
            amount: Some(amount),
            method: (amount != Amount::ZERO).then_some(method),
            wholly,
            returned: amount.saturating_sub(without_fees).min(fees).max(Amount::ZERO),
        }
    }

    fn is_whole(&self) -> bool {
        matches!((self.total, self.amount), (Some(total), Some(amount)) if total != Amount::ZERO && amount >= total)
    }
}

/// What the platform states: the greater of the refund requests processed and the drop of the order's gross.
fn stated(state: &State, total: Option<Amount>, present: Option<Amount>) -> (Amount, &'static str) {
    let dropped = match (total, present) {
        (Some(total), Some(present)) => total.saturating_sub(present),
        _ => Amount::ZERO,
    };
    let processed = state.requests.map_or(Amount::ZERO, |requests| requests.processed);
    if processed > dropped { (processed, "requests") } else { (dropped, "costs") }
}
