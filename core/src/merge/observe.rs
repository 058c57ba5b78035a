//! What each fact contributes: a function of the fact alone (merge rules, section 3).

use super::state::{
    AttendeeVersion, EnvelopeContent, EnvelopeVersion, Listed, Listing, OrderVersion, Refunded, Requests, SaleMoney,
    Scan, Standing, State, lower, offer, raise,
};
use super::{LAG, SIGHTING};
use crate::money::Amount;
use crate::observation::{AttendeeCopy, AttendeeDoc, Envelope, Fact, OrderCopy, OrderDoc, RefundRequests, Void};
use crate::time::Micros;

impl State {
    /// Adds one fact; true exactly when a register changed, so that a known or older fact costs no write.
    pub fn observe(&mut self, fact: &Fact) -> bool {
        match fact {
            Fact::HumanitixOrder { fetched_at, order } => self.humanitix_order(*fetched_at, order),
            Fact::HumanitixTicket { fetched_at, ticket } => self.api_attendee(*fetched_at, ticket, true),
            Fact::Envelope(envelope) => self.envelope(envelope),
            // A cart is not a sale: it may never become one, and its amounts are provisional.
            Fact::EventbriteOrder { in_progress: true, .. } => false,
            Fact::EventbriteOrder { fetched_at, order, attendees, refund_requests, .. } => {
                let mut changed = self.eventbrite_order(*fetched_at, order);
                if let Some(attendees) = attendees {
                    changed |= self.eventbrite_listing(*fetched_at, order.version, attendees);
                }
                if let Some(requests) = refund_requests {
                    changed |= self.refund_requests(*fetched_at, order.version, requests);
                }
                changed
            }
            Fact::EventbriteAttendee { fetched_at, attendee } => {
                let refund = (attendee.doc.void == Void::Refunded).then_some(attendee.version);
                self.eventbrite_attendee(*fetched_at, attendee, true)
                    | lower(&mut self.refund_first, refund.and_then(known))
            }
            Fact::Gone { attendee_id: None, fetched_at } => raise(&mut self.gone, Some(*fetched_at)),
            Fact::Gone { attendee_id: Some(id), fetched_at } => raise(&mut self.attendee(id).gone, Some(*fetched_at)),
            Fact::Scan { attendee_id, scan_id, at, entry } => {
                raise(&mut self.attendee(attendee_id).scan, Some(Scan { at: *at, entry: *entry, id: scan_id.clone() }))
            }
            Fact::TicketsSwept(start) => raise(&mut self.tickets_swept, Some(*start)),
            Fact::OrdersSwept(start) => raise(&mut self.orders_swept, Some(*start)),
        }
    }

    fn humanitix_order(&mut self, fetched_at: Option<Micros>, order: &OrderCopy) -> bool {
        let rank = humanitix_rank(&order.doc);
        let refunds = order.doc.refunds.unwrap_or_default();
        let key = order_version(fetched_at, order, rank, refunds);
        let refunded = (rank > 0 || refunds > Amount::ZERO).then_some(order.version);
        offer(&mut self.api, key, || order.doc.clone())
            | lower(&mut self.refund_first, refunded.and_then(known))
            | raise(&mut self.seen, fetched_at.map(sighting))
    }

    fn eventbrite_order(&mut self, fetched_at: Option<Micros>, order: &OrderCopy) -> bool {
        let rank = eventbrite_rank(&order.doc);
        let gross = order.doc.total;
        let key = order_version(fetched_at, order, rank, Amount::ZERO.saturating_sub(gross.unwrap_or_default()));
        let mut changed = offer(&mut self.api, key, || order.doc.clone());
        if let Some(gross) = gross {
            changed |= offer(&mut self.sale, (gross, key), || SaleMoney::of(&order.doc));
            changed |= lower(&mut self.low, Some((gross, order.version)));
        }
        changed |= lower(&mut self.refund_first, (rank == 2).then_some(order.version).and_then(known));
        changed | raise(&mut self.seen, fetched_at.map(sighting))
    }

    fn eventbrite_listing(&mut self, fetched_at: Option<Micros>, version: Micros, attendees: &[AttendeeCopy]) -> bool {
        let listing = Listing { version, settled: settled(version, fetched_at) };
        let mut changed = raise(&mut self.list, Some(listing));
        for copy in attendees {
            let listed = Listed { listing, version: copy.version, standing: Standing::of(&copy.doc) };
            changed |= self.eventbrite_attendee(fetched_at, copy, false);
            changed |= raise(&mut self.attendee(&copy.id).list, Some(listed));
            let refund = (copy.doc.void == Void::Refunded).then_some(version.max(copy.version));
            changed |= lower(&mut self.refund_first, refund.and_then(known));
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

    fn eventbrite_attendee(&mut self, fetched_at: Option<Micros>, copy: &AttendeeCopy, alone: bool) -> bool {
        let checked_in = copy.doc.checked_in.then(|| copy.doc.check_in_date.or(known(copy.version))).flatten();
        let mut changed = self.api_attendee(fetched_at, copy, alone);
        let held = self.attendee(&copy.id);
        changed |= raise(&mut held.gross, copy.doc.price);
        changed | lower(&mut held.checked_in_first, checked_in)
    }

    fn api_attendee(&mut self, fetched_at: Option<Micros>, copy: &AttendeeCopy, alone: bool) -> bool {
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
        let held = self.attendee(&copy.id);
        offer(&mut held.own, key, || copy.doc.clone()) | raise(&mut held.seen, valid.map(sighting))
    }

    fn envelope(&mut self, envelope: &Envelope) -> bool {
        let timestamp = envelope.timestamp;
        let key = EnvelopeVersion { timestamp, status: envelope.status, hash: envelope.raw.hash };
        let content = || EnvelopeContent { doc: envelope.doc.clone(), quantity: envelope.quantity };
        let mut changed = self.envelopes.offer(key, content);
        changed |= raise(&mut self.envelope_quantity, envelope.quantity);
        if let Some(refund) = &envelope.refund {
            let at = refund.refunded_at.unwrap_or(timestamp);
            changed |= raise(&mut self.envelope_refund, Some(Refunded { timestamp, amount: refund.amount, at }));
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
            | raise(&mut held.list, Some(Listed { listing, version, standing }))
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

/// What a Humanitix order says of its refund; unknown words count as paid.
pub(super) fn humanitix_rank(doc: &OrderDoc) -> u8 {
    match doc.platform_status.as_deref() {
        Some("partiallyRefunded") => 1,
        Some("refunded") => 2,
        _ => 0,
    }
}

/// What an Eventbrite order says of being void; unknown words count as placed.
pub(super) fn eventbrite_rank(doc: &OrderDoc) -> u8 {
    match doc.platform_status.as_deref() {
        Some("cancelled" | "deleted") => 1,
        Some("refunded") => 2,
        _ => 0,
    }
}
