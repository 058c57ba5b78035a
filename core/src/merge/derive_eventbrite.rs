//! The rows of an Eventbrite order (merge rules, section 4).
//!
//! The order's complete listing and the attendee itself both speak about a ticket. Refunds show in three partial
//! views (refunded attendees, a drop of the gross, processed refund requests), of which the highest counts.

use super::attendee::{PlatformCheckIn, check_in, count, row, sum, ticket_types};
use super::observe::{eventbrite_rank, known};
use super::state::{AttendeeState, AttendeeVersion, Standing, State};
use super::{Attendee, AttendeeStatus, Derived, RefundStatus, Sale};
use crate::money::Amount;
use crate::observation::{OrderDoc, Void};

pub(super) fn derive(state: &State) -> Derived {
    let attendees: Vec<Attendee> = state.attendees.iter().filter_map(|(id, held)| attendee(state, id, held)).collect();
    Derived { sale: sale(state, &attendees), attendees }
}

fn attendee(state: &State, id: &str, held: &AttendeeState) -> Option<Attendee> {
    let own = held.own.as_ref()?;
    let Standing { mut void, checked_in } = standing(state, held, &own.key);
    if let Some(api) = &state.api {
        // A void order voids what is still valid, unless the attendee is newer; a void one keeps its own reason.
        if void == Void::Valid && own.key.version <= api.key.version {
            void = order_void(&api.doc);
        }
    }
    if state.attendee_gone(held) {
        void = void.max(Void::Cancelled);
    }
    let platform = if checked_in { PlatformCheckIn::Undated(held.checked_in_first) } else { PlatformCheckIn::Unknown };
    Some(row(id, own, void, check_in(platform, held.scan.as_ref()), held.gross))
}

/// Combines what the attendee's own copy says with what the newest complete listing says.
fn standing(state: &State, held: &AttendeeState, own: &AttendeeVersion) -> Standing {
    let Some(newest) = state.list else { return own.standing };
    match held.list {
        // Named by the newest listing (or by one that ties with it: torn listings add up).
        Some(listed) if listed.listing == newest => {
            if own.version > listed.version || own.alone {
                own.standing
            } else {
                // The check-in before a cancellation stays readable.
                let entered = own.standing == Standing { void: Void::Valid, checked_in: true };
                Standing {
                    checked_in: listed.standing.checked_in || (listed.standing.void == Void::Cancelled && entered),
                    ..listed.standing
                }
            }
        }
        // Newer than the listing that lacks it.
        _ if own.version > newest.version => own.standing,
        // Absent from the newest listing.
        _ => Standing { void: own.standing.void.max(Void::Cancelled), ..own.standing },
    }
}

fn order_void(doc: &OrderDoc) -> Void {
    match eventbrite_rank(doc) {
        0 => Void::Valid,
        1 => Void::Cancelled,
        _ => Void::Refunded,
    }
}

fn sale(state: &State, attendees: &[Attendee]) -> Sale {
    let doc = state.api.as_ref().map(|held| &held.doc);
    let void = doc.map_or(Void::Valid, order_void);
    let alive = |row: &&Attendee| row.status != AttendeeStatus::Cancelled;
    let admission = |row: &&Attendee| !row.donation;
    let live = attendees.iter().any(|row| alive(&row));
    let dead = (void != Void::Valid || state.order_gone()) && !live;
    let listed = state.list.is_some();

    let quantity = listed.then(|| count(attendees.iter().filter(admission)));
    let valid = if listed { Some(count(attendees.iter().filter(admission).filter(alive))) } else { dead.then_some(0) };

    let refund = Refund::of(state, attendees, void == Void::Refunded && !live);
    let any_refunded = attendees.iter().any(|row| row.refunded);
    let all_refunded = listed && any_refunded && attendees.iter().all(|row| row.refunded);
    let whole = matches!((refund.total, refund.amount), (Some(total), Some(amount))
        if total != Amount::ZERO && amount >= total);
    let refund_status = if (void == Void::Refunded && !live) || all_refunded || whole {
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
    // A refund that shows only as a drop of the gross has the date of the oldest copy with the lower gross.
    let dropped = state.low.filter(|(gross, _)| state.sale.as_ref().is_some_and(|held| *gross < held.key.0));
    let refund_date = match refund_status {
        RefundStatus::Partial | RefundStatus::Refunded => {
            state.refund_given.or(state.refund_first).or(dropped.and_then(|(_, version)| known(version)))
        }
        RefundStatus::None | RefundStatus::Requested | RefundStatus::Cancelled => None,
    };

    let money = state.sale.as_ref().map(|held| held.doc);
    let names = attendees.iter().filter(admission).filter_map(|row| row.ticket_type.as_deref());
    let lines = doc.iter().flat_map(|doc| doc.ticket_types.iter().map(String::as_str));
    Sale {
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
        refund_status,
        refund_method: refund.method,
        refund_date,
        purchase_date: doc.and_then(|doc| doc.purchased),
        platform_status: doc.and_then(|doc| doc.platform_status.clone()),
        marketing_opt_in: doc.and_then(|doc| doc.marketing_opt_in),
        source_version: state.api.as_ref().and_then(|held| known(held.key.version)),
        unlisted_at: None,
    }
}

/// What was charged, and how much of it went back. Nothing of that is known before the order itself.
#[derive(Default)]
struct Refund {
    total: Option<Amount>,
    amount: Option<Amount>,
    method: Option<&'static str>,
}

impl Refund {
    fn of(state: &State, attendees: &[Attendee], wholly_refunded: bool) -> Refund {
        let Some(api) = &state.api else { return Refund::default() };
        let highest = state.sale.as_ref().map(|held| held.key.0);
        let any_refunded = attendees.iter().any(|row| row.refunded);
        let total = highest.map(|gross| {
            // The gross may already have dropped before our first copy of the order.
            let charged = attendees.iter().filter(|row| row.refunded || row.status != AttendeeStatus::Cancelled);
            if any_refunded { gross.max(sum(charged)) } else { gross }
        });

        let dropped = match (highest, api.doc.total) {
            (Some(highest), Some(present)) => highest.saturating_sub(present),
            _ => Amount::ZERO,
        };
        let processed = state.requests.map_or(Amount::ZERO, |requests| requests.processed);
        let mut amount = Amount::ZERO;
        let mut method = None;
        let refunded = sum(attendees.iter().filter(|row| row.refunded));
        for (view, value) in [("attendees", refunded), ("costs", dropped), ("requests", processed)] {
            if value > amount {
                (amount, method) = (value, Some(view));
            }
        }
        if let Some(total) = total {
            if wholly_refunded && (amount == Amount::ZERO || state.list.is_none()) && total > amount {
                (amount, method) = (total, Some("assumed_full"));
            }
            amount = amount.min(total);
        }
        Refund { total, amount: Some(amount), method: method.filter(|_| amount != Amount::ZERO) }
    }
}
