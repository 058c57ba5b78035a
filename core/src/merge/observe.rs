//! What each fact contributes: a function of the fact alone (merge rules, section 3).

use super::state::{
    AttendeeState, AttendeeVersion, EnvelopeContent, EnvelopeVersion, Listed, Listing, OrderVersion, Price, Refunded,
    Requests, SaleMoney, Scan, Standing, State, Stated, lower, offer, raise,
};
use super::{LAG, SIGHTING};
use crate::money::Amount;
use crate::observation::{
    AttendeeCopy, AttendeeDoc, Envelope, EnvelopeRefund, Fact, OrderCopy, OrderDoc, RefundRequests, Void,
};
use crate::time::Micros;

impl State {
    /// Adds one fact; true exactly when a register changed, so that a known or older fact costs no write.
    pub fn observe(&mut self, fact: &Fact) -> bool {
        match fact {
            Fact::Envelope(envelope) => self.envelope(envelope),
            // A cart is not a sale: it may never become one, and its amounts are provisional.
            Fact::Order { in_progress: true, .. } => false,
            Fact::Order { fetched_at, order, attendees, refund_requests, .. } => {
                let mut changed = self.order(*fetched_at, order);
                if let Some(attendees) = attendees {
                    changed |= self.listing(*fetched_at, order.version, attendees);
                }
                if let Some(requests) = refund_requests {
                    changed |= self.refund_requests(*fetched_at, order.version, requests);
                }
                changed
            }
            Fact::Attendee { fetched_at, attendee } => self.api_attendee(*fetched_at, attendee, true, attendee.version),
            Fact::Gone { attendee_id: None, fetched_at } => raise(&mut self.gone, Some(*fetched_at)),
            Fact::Gone { attendee_id: Some(id), fetched_at } => raise(&mut self.attendee(id).gone, Some(*fetched_at)),
            Fact::Scan { attendee_id, scan_id, at, entry } => {
                raise(&mut self.attendee(attendee_id).scan, Some(Scan { at: *at, entry: *entry, id: scan_id.clone() }))
            }
            Fact::TicketsSwept(start) => raise(&mut self.tickets_swept, Some(*start)),
            Fact::OrdersSwept(start) => raise(&mut self.orders_swept, Some(*start)),
        }
    }

    fn order(&mut self, fetched_at: Option<Micros>, order: &OrderCopy) -> bool {
        let (version, standing, doc) = (order.version, order.standing, &order.doc);
        // Where only a total is stated it is what is left: the highest is that of the purchase.
        let left = doc.total.filter(|_| doc.purchase_total.is_none() && doc.refunds.is_none());
        let money = left.map_or(doc.refunds.unwrap_or_default(), |left| Amount::ZERO.saturating_sub(left));
        let key = order_version(fetched_at, order, standing.rank, money);
        let mut changed = offer(&mut self.api, key, || doc.clone());
        if let Some(left) = left {
            changed |= offer(&mut self.sale, (left, key), || SaleMoney::of(doc));
            changed |= lower(&mut self.low, Some((left, version)));
        }
        changed |= lower(&mut self.refund_first, standing.refunded.then_some(version).and_then(known));
        changed |= lower(&mut self.void_first, standing.void.then_some(version).and_then(known));
        changed |= raise(&mut self.payment, stated(version, fetched_at, standing.payment));
        changed | raise(&mut self.seen, fetched_at.map(sighting))
    }

    fn listing(&mut self, fetched_at: Option<Micros>, version: Micros, attendees: &[AttendeeCopy]) -> bool {
        let listing = Listing { version, settled: settled(version, fetched_at) };
        let mut changed = raise(&mut self.list, Some(listing));
        for copy in attendees {
            let listed = Listed { listing, version: copy.version, standing: Standing::of(&copy.doc) };
            // What happened to an attendee need not raise its own version; then the order's says when.
            changed |= self.api_attendee(fetched_at, copy, false, version.max(copy.version));
            changed |= raise(&mut self.attendee(&copy.id).list, Some(listed));
        }
        changed
    }

    fn refund_requests(&mut self, fetched_at: Option<Micros>, version: Micros, requests: &RefundRequests) -> bool {
        let RefundRequests { processed, pending, processed_date } = *requests;
        let undated = processed_date.is_none() && processed > Amount::ZERO;
        raise(&mut self.requests, Some(Requests { version, processed, seen: fetched_at, pending }))
            | lower(&mut self.refund_given, processed_date)
            | lower(&mut self.refund_first, undated.then_some(version).and_then(known))
    }

    /// `shown_at`: the version that counts as the time of what the copy shows.
    fn api_attendee(&mut self, fetched_at: Option<Micros>, copy: &AttendeeCopy, alone: bool, shown_at: Micros) -> bool {
        let settled = settled(copy.version, fetched_at);
        let key = AttendeeVersion {
            api: true,
            version: copy.version,
            settled,
            standing: Standing::of(&copy.doc),
            alone,
            seen: fetched_at.filter(|_| !settled),
            hash: copy.raw.hash,
        };
        // Only a valid copy is a sighting: a platform may keep showing what it has voided.
        let valid = fetched_at.filter(|_| copy.doc.void == Void::Valid);
        let undated = (copy.doc.checked_in && copy.doc.check_in_date.is_none()).then_some(copy.version).and_then(known);
        let held = self.attendee(&copy.id);
        offer(&mut held.own, key, || copy.doc.clone())
            | raise(&mut held.price, price(copy, true))
            | raise(&mut held.seen, valid.map(sighting))
            | held.voided(copy.doc.void, shown_at)
            | raise(&mut held.paid, stated(copy.version, fetched_at, copy.paid))
            | lower(&mut held.checked_in_first, undated)
    }

    fn envelope(&mut self, envelope: &Envelope) -> bool {
        let timestamp = envelope.timestamp;
        let key = EnvelopeVersion { timestamp, status: envelope.status, hash: envelope.raw.hash };
        let content =
            || EnvelopeContent { doc: envelope.doc.clone(), quantity: envelope.quantity, stands: envelope.stands };
        let mut changed = self.envelopes.offer(key, content);
        changed |= raise(&mut self.envelope_quantity, envelope.quantity);
        changed |= raise(&mut self.payment, stated(timestamp, None, envelope.payment));
        let cancelled = (envelope.stands == Some(false)).then_some(timestamp);
        changed |= lower(&mut self.void_first, cancelled.and_then(known));
        if let Some(refund) = &envelope.refund {
            let EnvelopeRefund { amount, at, .. } = *refund;
            changed |= raise(&mut self.envelope_refund, Some(Refunded { timestamp, amount, at }));
            if refund.amount != Some(Amount::ZERO) {
                changed |= match refund.refunded_at {
                    Some(given) => lower(&mut self.refund_given, Some(given)),
                    None => lower(&mut self.refund_first, known(timestamp)),
                };
            }
        }
        if let Some(attendees) = &envelope.attendees {
            let listing = Listing { version: timestamp, settled: false };
            changed |= raise(&mut self.list, Some(listing));
            for copy in attendees {
                changed |= self.envelope_attendee(listing, copy);
            }
        }
        changed
    }

    fn envelope_attendee(&mut self, listing: Listing, copy: &AttendeeCopy) -> bool {
        let standing = Standing::of(&copy.doc);
        let version = listing.version;
        let key = AttendeeVersion {
            api: false,
            version,
            settled: false,
            standing,
            alone: false,
            seen: None,
            hash: copy.raw.hash,
        };
        let held = self.attendee(&copy.id);
        offer(&mut held.own, key, || copy.doc.clone())
            | raise(&mut held.price, price(copy, false))
            | raise(&mut held.list, Some(Listed { listing, version, standing }))
            | held.voided(copy.doc.void, version)
    }
}

impl AttendeeState {
    /// Remembers when a copy first showed it void, or refunded.
    fn voided(&mut self, void: Void, at: Micros) -> bool {
        let at_least = |rank: Void| (void >= rank).then_some(at).and_then(known);
        lower(&mut self.void_first, at_least(Void::Cancelled)) | lower(&mut self.refund_first, at_least(Void::Refunded))
    }
}

impl SaleMoney {
    pub(super) fn of(doc: &OrderDoc) -> SaleMoney {
        SaleMoney { fees: doc.fees, tax: doc.tax, discount: doc.discount }
    }
}

impl Standing {
    fn of(doc: &AttendeeDoc) -> Standing {
        Standing { void: doc.void, checked_in: doc.checked_in }
    }
}

fn order_version(fetched_at: Option<Micros>, order: &OrderCopy, rank: u8, money: Amount) -> OrderVersion {
    let settled = settled(order.version, fetched_at);
    OrderVersion {
        version: order.version,
        settled,
        rank,
        money,
        seen: fetched_at.filter(|_| !settled),
        hash: order.raw.hash,
    }
}

fn price(copy: &AttendeeCopy, api: bool) -> Option<Price> {
    copy.doc.price.map(|amount| Price { api, amount, fees: copy.fees })
}

fn stated<T>(version: Micros, fetched_at: Option<Micros>, word: Option<T>) -> Option<Stated<T>> {
    let settled = settled(version, fetched_at);
    word.map(|word| Stated { version, settled, seen: fetched_at.filter(|_| !settled), word })
}

/// A copy fetched this long after its version contains every change of that version's second; what is pushed at us
/// has no fetch time and never counts as settled.
fn settled(version: Micros, fetched_at: Option<Micros>) -> bool {
    fetched_at.is_some_and(|at| at >= version.saturating_add(LAG))
}

fn sighting(at: Micros) -> Micros {
    at.div_euclid(SIGHTING).saturating_mul(SIGHTING)
}

/// Version 0 is a missing one: it orders copies, but is no date that anybody should read.
pub(super) fn known(version: Micros) -> Option<Micros> {
    (version != 0).then_some(version)
}
