//! The registers of one order and its attendees (merge rules, section 2).
//!
//! Field order inside a key is the order of comparison, most significant first; `None` is the bottom of every register.

use std::collections::BTreeMap;

use super::envelopes::Envelopes;
use crate::money::Amount;
use crate::observation::{AttendeeDoc, EnvelopeStatus, OrderDoc, Payment, Void};
use crate::time::Micros;

/// First 16 bytes of the SHA-256 of a document: decides otherwise equal copies, arbitrarily but everywhere the same.
pub(super) type Hash = [u8; 16];

/// All that is known of one order and its attendees, as registers that only grow.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Newest copy from the platform's API.
    pub(super) api: Option<Held<OrderVersion, OrderDoc>>,
    /// Where only what is left is stated: the copy with the highest total, which is the one before any refund.
    pub(super) sale: Option<Held<(Amount, OrderVersion), SaleMoney>>,
    /// The same, minimum: the lowest total and the oldest version that shows it.
    pub(super) low: Option<(Amount, Micros)>,
    /// Newest complete listing of the attendees.
    pub(super) list: Option<Listing>,
    /// Newest word about refund requests.
    pub(super) requests: Option<Requests>,
    /// Envelopes: the newest, and those with the newest word on some field.
    pub(super) envelopes: Envelopes,
    /// Newest envelope that speaks of a refund: a late or repeated "paid" must not take it back.
    pub(super) envelope_refund: Option<Refunded>,
    /// Highest number of tickets an envelope ever gave.
    pub(super) envelope_quantity: Option<i64>,
    /// Minimum: refund dates that the platform gives.
    pub(super) refund_given: Option<Micros>,
    /// Minimum: versions of copies of the order that show a refund.
    pub(super) refund_first: Option<Micros>,
    /// Minimum: versions of copies of the order that show it void.
    pub(super) void_first: Option<Micros>,
    /// Newest word about its payment.
    pub(super) payment: Option<Stated<Payment>>,
    /// Last sighting by our own GET, rounded down.
    pub(super) seen: Option<Micros>,
    /// Last 404.
    pub(super) gone: Option<Micros>,
    /// Start of the last finished sweep of the event's tickets.
    pub(super) tickets_swept: Option<Micros>,
    /// Start of the last finished sweep of the event's orders.
    pub(super) orders_swept: Option<Micros>,
    /// By the platform's attendee id.
    pub(super) attendees: BTreeMap<String, AttendeeState>,
}

/// The registers of one attendee. Without `own` there is nothing to show.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct AttendeeState {
    /// Newest copy of the attendee itself.
    pub own: Option<Held<AttendeeVersion, AttendeeDoc>>,
    /// What the newest complete listing that names it says of it.
    pub list: Option<Listed>,
    /// Price at purchase: the highest ever seen, because platforms show less of what they have voided.
    pub price: Option<Price>,
    /// Newest word about its payment.
    pub paid: Option<Stated<bool>>,
    /// Minimum: versions of copies that show it refunded.
    pub refund_first: Option<Micros>,
    /// Minimum: versions of copies that show it void.
    pub void_first: Option<Micros>,
    /// Minimum: when it was first seen checked in, where the platform does not say since when.
    pub checked_in_first: Option<Micros>,
    /// Last sighting as valid by our own GET, rounded down.
    pub seen: Option<Micros>,
    /// Last 404.
    pub gone: Option<Micros>,
    /// Newest scan at our own door.
    pub scan: Option<Scan>,
}

/// A document and what made it win. Equal key is equal document, because the key ends with the hash.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Held<K, D> {
    pub key: K,
    pub doc: D,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OrderVersion {
    pub version: Micros,
    /// Fetched so late after its version that it contains every change of it.
    pub settled: bool,
    /// That of its [`Standing`](crate::observation::Standing).
    pub rank: u8,
    /// Refunded so far; or, where only what is left is stated, that, negated, because it only falls.
    pub money: Amount,
    /// Fetch time, of unsettled copies only: settled ones of one version cannot differ by age.
    pub seen: Option<Micros>,
    pub hash: Hash,
}

/// What a copy states besides its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stated<T> {
    pub version: Micros,
    pub settled: bool,
    pub seen: Option<Micros>,
    pub word: T,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Price {
    /// From the API; an envelope never outranks it.
    pub api: bool,
    pub amount: Amount,
    /// Fees that are part of it.
    pub fees: Option<Amount>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SaleMoney {
    pub fees: Option<Amount>,
    pub tax: Option<Amount>,
    pub discount: Option<Amount>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listing {
    pub version: Micros,
    pub settled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Requests {
    pub version: Micros,
    pub processed: Amount,
    pub seen: Option<Micros>,
    pub pending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EnvelopeVersion {
    pub timestamp: Micros,
    pub status: EnvelopeStatus,
    pub hash: Hash,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct EnvelopeContent {
    pub doc: OrderDoc,
    pub quantity: Option<i64>,
    pub stands: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Refunded {
    pub timestamp: Micros,
    /// `None`: not given, so all of it.
    pub amount: Option<Amount>,
    /// When the refund happened; the timestamp where the envelope does not say. This, not the time of sending, is
    /// compared with the API's version, which may already have taken the refund back.
    pub at: Micros,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AttendeeVersion {
    /// From the API; an envelope never outranks it.
    pub api: bool,
    pub version: Micros,
    pub settled: bool,
    pub standing: Standing,
    /// Read by itself, not inside a listing.
    pub alone: bool,
    pub seen: Option<Micros>,
    pub hash: Hash,
}

/// What a copy says of a ticket; the higher one wins among copies of the same version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Standing {
    pub void: Void,
    pub checked_in: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listed {
    pub listing: Listing,
    /// The attendee's own version inside that listing.
    pub version: Micros,
    pub standing: Standing,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scan {
    pub at: Micros,
    pub entry: bool,
    pub id: String,
}

impl State {
    /// Adds all that the other state knows; true when any register changed.
    pub fn join(&mut self, other: &State) -> bool {
        let mut changed = keep(&mut self.api, &other.api);
        changed |= keep(&mut self.sale, &other.sale);
        changed |= lower(&mut self.low, other.low);
        changed |= raise(&mut self.list, other.list);
        changed |= raise(&mut self.requests, other.requests);
        changed |= self.envelopes.join(&other.envelopes);
        changed |= raise(&mut self.envelope_refund, other.envelope_refund);
        changed |= raise(&mut self.envelope_quantity, other.envelope_quantity);
        changed |= lower(&mut self.refund_given, other.refund_given);
        changed |= lower(&mut self.refund_first, other.refund_first);
        changed |= lower(&mut self.void_first, other.void_first);
        changed |= raise(&mut self.payment, other.payment);
        changed |= raise(&mut self.seen, other.seen);
        changed |= raise(&mut self.gone, other.gone);
        changed |= raise(&mut self.tickets_swept, other.tickets_swept);
        changed |= raise(&mut self.orders_swept, other.orders_swept);
        for (id, theirs) in &other.attendees {
            changed |= self.attendee(id).join(theirs);
        }
        changed
    }

    /// The registers of an attendee, made when it is new.
    pub(super) fn attendee(&mut self, id: &str) -> &mut AttendeeState {
        self.attendees.entry(id.to_owned()).or_default()
    }
}

impl AttendeeState {
    fn join(&mut self, other: &AttendeeState) -> bool {
        let mut changed = keep(&mut self.own, &other.own);
        changed |= raise(&mut self.list, other.list);
        changed |= raise(&mut self.price, other.price);
        changed |= raise(&mut self.paid, other.paid);
        changed |= lower(&mut self.refund_first, other.refund_first);
        changed |= lower(&mut self.void_first, other.void_first);
        changed |= lower(&mut self.checked_in_first, other.checked_in_first);
        changed |= raise(&mut self.seen, other.seen);
        changed |= raise(&mut self.gone, other.gone);
        if other.scan > self.scan {
            self.scan.clone_from(&other.scan);
            changed = true;
        }
        changed
    }
}

/// A maximum; `None` is below everything.
pub(super) fn raise<T: Ord>(register: &mut Option<T>, value: Option<T>) -> bool {
    let higher = value > *register;
    if higher {
        *register = value;
    }
    higher
}

/// A minimum; `None` is above everything.
pub(super) fn lower<T: Ord>(register: &mut Option<T>, value: Option<T>) -> bool {
    let lower = match (&value, &*register) {
        (Some(new), Some(old)) => new < old,
        (new, None) => new.is_some(),
        (None, Some(_)) => false,
    };
    if lower {
        *register = value;
    }
    lower
}

/// A maximum with a document, which is only copied when it wins. Strictly greater: an equal key is an equal document.
pub(super) fn offer<K: Ord, D>(register: &mut Option<Held<K, D>>, key: K, doc: impl FnOnce() -> D) -> bool {
    let wins = register.as_ref().is_none_or(|held| key > held.key);
    if wins {
        *register = Some(Held { key, doc: doc() });
    }
    wins
}

fn keep<K: Ord + Copy, D: Clone>(register: &mut Option<Held<K, D>>, other: &Option<Held<K, D>>) -> bool {
    other.as_ref().is_some_and(|held| offer(register, held.key, || held.doc.clone()))
}
