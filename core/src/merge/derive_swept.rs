//! The rows of an order whose tickets are a list of their own (merge rules, section 4).
//!
//! Tickets are their own truth; the API order has the money; envelopes, pushed at us, fill in until the API has been
//! asked, and cancel or refund until the API's version passes them.

use super::attendee::{PlatformCheckIn, check_in, count, row, ticket_types};
use super::envelopes::Envelopes;
use super::observe::known;
use super::state::{AttendeeState, State};
use super::{Attendee, AttendeeStatus, Derived, LAG, RefundStatus, Sale};
use crate::money::Amount;
use crate::observation::{OrderDoc, Payment, Void};
use crate::platform::Platform;
use crate::time::Micros;

pub(super) fn derive(state: &State, platform: Platform) -> Derived {
    let order = Order::of(state, platform);
    let mut attendees = Vec::with_capacity(state.attendees.len());
    // What an envelope lists is shown, but only tickets of the API are counted.
    let mut counted = Vec::new();
    for (id, held) in &state.attendees {
        let Some((from_api, attendee)) = order.attendee(state, id, held) else { continue };
        if from_api && !attendee.donation {
            counted.push(attendees.len());
        }
        attendees.push(attendee);
    }
    let admissions: Vec<&Attendee> = counted.into_iter().filter_map(|at| attendees.get(at)).collect();
    let sale = order.sale(state, &attendees, &admissions);
    Derived { sale, attendees }
}

/// What the order's own registers decide before its tickets are looked at.
struct Order<'a> {
    api: Option<&'a OrderDoc>,
    envelopes: &'a Envelopes,
    rank: u8,
    total: Option<Amount>,
    amount: Option<Amount>,
    method: Option<&'static str>,
    /// The newest envelope that says whether it stands cancels, and the API has not passed it; or the API itself says so; or
    /// either "refunds" what was never paid.
    cancelled: bool,
    /// The same, and the API has not even reached it: only then nothing is held of the charge. Where the API's copy of the
    /// same version still lists the order as paid, the host keeps the money.
    dropped: bool,
    /// An envelope refunds everything, and the API has neither passed it nor shows a refund of its own.
    refunded: bool,
    /// That voids tickets up to this version.
    void_at: Option<Micros>,
    /// A sweep of the event's tickets began late enough after the purchase to have seen all of them.
    complete: bool,
    gone: bool,
}

impl<'a> Order<'a> {
    fn of(state: &'a State, platform: Platform) -> Order<'a> {
        let api = state.api.as_ref().map(|held| &held.doc);
        let version = state.api.as_ref().map(|held| held.key.version);
        let envelopes = &state.envelopes;
        // Without an API copy every envelope counts; an envelope wins a tie with the API's version.
        let counts = |at: Micros| version.is_none_or(|version| at >= version);

        let total = api
            .and_then(|doc| {
                let before = |total: Amount| total.saturating_add(doc.refunds.unwrap_or_default());
                doc.purchase_total.or(doc.total.map(before))
            })
            .or_else(|| envelopes.field(|content| content.doc.purchase_total));
        // Where nothing was paid nothing can go back: "refunded" means cancelled.
        let free = total == Some(Amount::ZERO);
        let unpaid = state.payment.is_some_and(|stated| stated.word == Payment::Unpaid);
        let standing = api.map(|doc| platform.standing(doc)).unwrap_or_default();
        let rank = if free { 0 } else { standing.rank };
        let api_refund = api.and_then(|doc| doc.refunds).unwrap_or_default();
        let pushed = state.envelope_refund.filter(|refund| refund.amount != Some(Amount::ZERO) && counts(refund.at));
        let (pushed, void_instead) = if free || unpaid && pushed.is_some_and(|refund| refund.amount.is_none()) {
            (None, pushed)
        } else {
            (pushed, None)
        };
        let (amount, method) = match pushed {
            _ if api_refund > Amount::ZERO => (Some(api_refund), Some("platform")),
            Some(refund) if refund.amount.is_some() => (refund.amount, Some("envelope")),
            Some(_) => (total, Some("assumed_full")),
            None if rank == 2 => (total, Some("assumed_full")),
            None => ((api.is_some() || envelopes.newest().is_some()).then_some(Amount::ZERO), None),
        };
        let amount = amount.map(|amount| total.map_or(amount, |total| amount.min(total)));
        let whole = |amount: Option<Amount>| amount.is_none_or(|amount| total.is_some_and(|total| amount >= total));
        let whole_pushed = pushed.filter(|refund| api_refund <= Amount::ZERO && rank == 0 && whole(refund.amount));
        let api_void = standing.void || (free && standing.rank == 2);
        let cancelling = envelopes
            .cancelled()
            .filter(|at| counts(*at))
            .max(void_instead.map(|refund| refund.at))
            .max(version.filter(|_| api_void));
        let purchased = api.and_then(|doc| doc.purchased).or(version);
        let complete = matches!((state.tickets_swept, purchased), (Some(swept), Some(purchased))
            if swept.saturating_sub(LAG) >= purchased);
        Order {
            api,
            envelopes,
            rank,
            total,
            amount,
            method: method.filter(|_| amount.is_some_and(|amount| amount != Amount::ZERO)),
            cancelled: cancelling.is_some(),
            dropped: cancelling.is_some_and(|at| Some(at) > version || api_void),
            refunded: whole_pushed.is_some(),
            void_at: cancelling.max(whole_pushed.map(|refund| refund.at)),
            complete,
            gone: state.order_gone(),
        }
    }

    /// The row, and whether the API has shown this ticket.
    fn attendee(&self, state: &State, id: &str, held: &AttendeeState) -> Option<(bool, Attendee)> {
        let own = held.own.as_ref()?;
        let mut void = own.key.standing.void;
        // The API's tickets supersede those of envelopes; of envelopes, the newest list counts.
        let superseded = !own.key.api && (self.complete || held.list.map(|listed| listed.listing) != state.list);
        let voided = self.void_at.is_some_and(|at| at >= own.key.version);
        if superseded || voided || state.attendee_gone(held) {
            void = void.max(Void::Cancelled);
        }
        let platform = match own.doc.check_in_date {
            Some(at) => PlatformCheckIn::Dated(at, own.doc.checked_in),
            None if own.doc.checked_in => PlatformCheckIn::Dated(own.key.version, true),
            None => PlatformCheckIn::Unknown,
        };
        let price = held.price.map(|price| price.amount);
        Some((own.key.api, row(id, own, void, check_in(platform, held.scan.as_ref()), price)))
    }

    fn sale(&self, state: &State, attendees: &[Attendee], admissions: &[&Attendee]) -> Sale {
        let void = count(admissions.iter().copied().filter(|row| row.status == AttendeeStatus::Cancelled));
        let known_tickets = count(admissions.iter().copied());
        // A ticket newer than the cancellation keeps its order alive.
        let live = void < known_tickets;
        let dead = (self.gone || self.cancelled || self.refunded) && !live;
        let (quantity, valid) = if self.complete {
            (Some(known_tickets), Some(known_tickets - void))
        } else if let Some(highest) = state.envelope_quantity {
            let quantity = highest.max(known_tickets);
            let newest = self.envelopes.field(|content| content.quantity).unwrap_or(quantity);
            let valid = quantity.min(newest.max(known_tickets)) - void;
            (Some(quantity), Some(if dead { 0 } else { valid }))
        } else if known_tickets > 0 {
            (Some(known_tickets), Some(if dead { 0 } else { known_tickets - void }))
        } else {
            (None, dead.then_some(0))
        };
        let refund_status = if self.rank == 2 || self.refunded {
            RefundStatus::Refunded
        } else if self.rank == 1 || self.amount > Some(Amount::ZERO) {
            RefundStatus::Partial
        } else if !live && (self.gone || self.cancelled || (self.complete && known_tickets > 0)) {
            RefundStatus::Cancelled
        } else {
            RefundStatus::None
        };
        let refund_date = match refund_status {
            RefundStatus::Partial | RefundStatus::Refunded => state.refund_given.or(state.refund_first),
            RefundStatus::None | RefundStatus::Requested | RefundStatus::Cancelled => None,
        };
        let mut sale = Sale {
            // A ticket names the event even before its order was seen.
            external_event_id: self
                .pick(|doc| doc.external_event_id.as_ref())
                .or_else(|| attendees.iter().find_map(|row| row.external_event_id.as_ref()))
                .cloned(),
            external_session_id: self.pick(|doc| doc.external_session_id.as_ref()).cloned(),
            customer_name: self.pick(|doc| doc.customer_name.as_ref()).cloned(),
            customer_email: self.pick(|doc| doc.customer_email.as_ref()).cloned(),
            customer_phone: self.pick(|doc| doc.customer_phone.as_ref()).cloned(),
            ticket_quantity: quantity,
            valid_quantity: valid,
            ticket_type: self.ticket_type(attendees, admissions),
            currency: self.pick(|doc| doc.currency),
            total_amount: self.total,
            fee_amount: self.pick(|doc| doc.fees),
            tax_amount: self.pick(|doc| doc.tax),
            discount_amount: self.pick(|doc| doc.discount),
            refund_amount: self.amount,
            kept_amount: None,
            net_amount: None,
            payment_status: self.payment(state),
            refund_status,
            refund_method: self.method,
            refund_date,
            void_date: None,
            purchase_date: self.pick(|doc| doc.purchased),
            platform_status: self.pick(|doc| doc.platform_status.as_ref()).cloned(),
            marketing_opt_in: self.pick(|doc| doc.marketing_opt_in),
            source_version: state.api.as_ref().and_then(|held| known(held.key.version)),
            unlisted_at: None,
        };
        sale.settle((self.gone || self.dropped) && !live, self.returned_fees(state, attendees));
        if sale.is_taken_back() {
            sale.void_date = refund_date.or_else(|| self.void_date(state, attendees)).or(sale.source_version);
        }
        sale
    }

    /// What the newest copy that says so says of its payment.
    fn payment(&self, state: &State) -> Option<Payment> {
        let stated = state.payment.map(|stated| stated.word);
        match (stated, self.total) {
            (None | Some(Payment::Paid), Some(Amount::ZERO)) => Some(Payment::Free),
            // What was given back had been paid.
            (None, _) if self.amount > Some(Amount::ZERO) => Some(Payment::Paid),
            _ => stated,
        }
    }

    /// Fees that went back to the buyer. The API does not say which tickets were refunded, nor whether with their fees; but a
    /// refund of exactly the prices of the void ones, which contain the fees, is one.
    fn returned_fees(&self, state: &State, attendees: &[Attendee]) -> Amount {
        let void = attendees.iter().filter(|row| row.status == AttendeeStatus::Cancelled);
        let prices = void.filter_map(|row| state.attendees.get(&row.id)?.price.filter(|price| price.api));
        let (mut whole, mut fees) = (Amount::ZERO, Amount::ZERO);
        for price in prices {
            whole = whole.saturating_add(price.amount);
            fees = fees.saturating_add(price.fees.unwrap_or_default());
        }
        if self.amount == Some(whole) { fees } else { Amount::ZERO }
    }

    /// When it was cancelled, wholly or in part: by the first copies that show it, else by what decided it.
    fn void_date(&self, state: &State, attendees: &[Attendee]) -> Option<Micros> {
        let void = || {
            let void = attendees.iter().filter(|row| row.status == AttendeeStatus::Cancelled);
            void.filter_map(|row| state.attendees.get(&row.id))
        };
        let order = state.void_first.filter(|_| self.cancelled);
        let shown = void().filter_map(|held| held.void_first).chain(order).min();
        let gone = void().filter_map(|held| held.gone).chain(state.gone.filter(|_| self.gone)).min();
        let silent = state.tickets_swept.filter(|_| self.complete).or(state.list.and_then(|list| known(list.version)));
        // An envelope with fewer tickets than one before.
        let newest = self.envelopes.newest().and_then(|held| known(held.key.timestamp));
        shown.or(gone).or(silent).or(newest)
    }

    /// What the API says, else the newest word of an envelope.
    fn pick<T>(&self, field: impl Fn(&'a OrderDoc) -> Option<T>) -> Option<T> {
        self.api.and_then(&field).or_else(|| self.envelopes.field(|content| field(&content.doc)))
    }

    fn ticket_type(&self, attendees: &[Attendee], admissions: &[&Attendee]) -> Option<String> {
        let listed = attendees.iter().filter(|row| !row.donation).filter_map(|row| row.ticket_type.as_deref());
        ticket_types(admissions.iter().filter_map(|row| row.ticket_type.as_deref()))
            .or_else(|| ticket_types(listed))
            .or_else(|| {
                let lines = self.pick(|doc| Some(&doc.ticket_types).filter(|types| !types.is_empty()));
                ticket_types(lines.into_iter().flatten().map(String::as_str))
            })
    }
}
