//! What the same facts in any order must become.
//!
//! Observations of an order arrive unordered, doubled, torn, stale and partly missing, from two resources and two
//! clocks. Nothing outside this module decides what wins:
//!
//! 1. `observe`: every [`Fact`] is turned, by a pure function of the fact alone, into values for registers.
//! 2. `state`: every register is a maximum (or minimum) over a total order, so a [`State`] is a semilattice: any
//!    order, any duplication, any batching of the same facts gives the same state. Nothing is ever patched or deleted.
//! 3. `derive_listed`, `derive_swept` and `attendee`: what people read is a pure function of the registers.
//! 4. `codec`: the stored form of a state. `follow_up`: what has to be asked again for the rules to hold.
//!
//! The sections named in comments are those of the merge rules in `docs/DESIGN.md`.

mod attendee;
mod codec;
mod derive_listed;
mod derive_swept;
mod envelopes;
mod follow_up;
mod money;
mod observe;
mod state;

pub use follow_up::Look;
pub use state::State;

use crate::money::{Amount, Currency};
use crate::observation::{Fact, Payment};
use crate::platform::{Family, Platform};
use crate::time::Micros;

const MINUTE: Micros = 60_000_000;

/// How long after a change a copy may still lack it: the documented replica lag of five minutes, and clock skew.
pub const LAG: Micros = 10 * MINUTE;

/// Sightings are rounded down to this, so that re-reading an unchanged order seldom writes.
pub const SIGHTING: Micros = 10 * MINUTE;

/// Most attendees of one order. Each change of an order reads and writes all of it.
pub const MAX_ATTENDEES: usize = 10_000;

/// A 404 counts when it came this long after the (rounded) last sighting.
pub const GONE: Micros = 20 * MINUTE;

impl State {
    /// Whether more is known of it than one order can hold: more than [`MAX_ATTENDEES`].
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.attendees.len() > MAX_ATTENDEES
    }

    /// The rows that this state shows; `None` when only 404s, scans and sweep marks are known.
    #[must_use]
    pub fn derive(&self, platform: Platform) -> Option<Derived> {
        // Every copy of an attendee makes its order exist, even before the order itself was seen.
        let shown = self.api.is_some()
            || self.envelopes.newest().is_some()
            || self.attendees.values().any(|held| held.own.is_some());
        let mut derived = shown.then(|| match platform.family() {
            Family::Listed => derive_listed::derive(self, platform),
            Family::Swept => derive_swept::derive(self, platform),
        })?;
        derived.sale.unlisted_at = self.orders_swept.filter(|_| self.missing_from_sweep() && !self.order_gone());
        Some(derived)
    }

    /// Whether a cancellation or refund that a bridge tells is to be seen in the rows; true for every other fact. It is not
    /// when something newer is known of the order: then whoever told it must not be given to believe that it was applied.
    #[must_use]
    pub fn honours(&self, platform: Platform, fact: &Fact) -> bool {
        let Fact::Envelope(envelope) = fact else { return true };
        let refunds = envelope.refund.is_some_and(|refund| refund.amount != Some(Amount::ZERO));
        if !refunds && envelope.stands != Some(false) {
            return true;
        }
        self.derive(platform).is_some_and(|rows| {
            let sale = rows.sale;
            match sale.refund_status {
                RefundStatus::Refunded | RefundStatus::Cancelled => true,
                RefundStatus::Partial => refunds || sale.valid_quantity == Some(0),
                // Nothing can be refunded of what was free or never paid.
                RefundStatus::None | RefundStatus::Requested => {
                    refunds && matches!(sale.payment_status, Some(Payment::Free | Payment::Unpaid))
                }
            }
        })
    }

    /// Hash of the order document to keep as raw data: the newest API copy, else the newest envelope.
    #[must_use]
    pub fn shown_order_hash(&self) -> Option<[u8; 16]> {
        self.api.as_ref().map(|held| held.key.hash).or_else(|| self.envelopes.newest().map(|held| held.key.hash))
    }

    /// Hash of the document to keep as raw data of this attendee.
    #[must_use]
    pub fn shown_attendee_hash(&self, id: &str) -> Option<[u8; 16]> {
        Some(self.attendees.get(id)?.own.as_ref()?.key.hash)
    }
}

/// The rows of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// The order.
    pub sale: Sale,
    /// Its attendees, sorted by id, donation lines among them.
    pub attendees: Vec<Attendee>,
}

/// An order as people read it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sale {
    /// The platform's event id.
    pub external_event_id: Option<String>,
    /// The date of a multi-date event.
    pub external_session_id: Option<String>,
    /// Buyer.
    pub customer_name: Option<String>,
    /// Buyer's address.
    pub customer_email: Option<String>,
    /// Buyer's telephone number.
    pub customer_phone: Option<String>,
    /// Admissions bought, cancelled ones included, donation lines not; `None` while unknown.
    pub ticket_quantity: Option<i64>,
    /// Those of them that still admit.
    pub valid_quantity: Option<i64>,
    /// Distinct names of the ticket types, sorted, separated by a comma and a space.
    pub ticket_type: Option<String>,
    /// ISO 4217.
    pub currency: Option<Currency>,
    /// What the buyer was charged at purchase, never reduced by later refunds.
    pub total_amount: Option<Amount>,
    /// Fees.
    pub fee_amount: Option<Amount>,
    /// Tax.
    pub tax_amount: Option<Amount>,
    /// Discount.
    pub discount_amount: Option<Amount>,
    /// Refunded so far.
    pub refund_amount: Option<Amount>,
    /// What the organiser holds of the charge: total less refund; nothing where nothing was ever paid or the charge is void.
    pub kept_amount: Option<Amount>,
    /// `kept_amount` less the fees that the platform keeps.
    pub net_amount: Option<Amount>,
    /// Whether it was paid; `None` where nobody has said, which counts as paid.
    pub payment_status: Option<Payment>,
    /// Where its refund or cancellation stands.
    pub refund_status: RefundStatus,
    /// Which view of the refund won: `platform`, `envelope`, `attendees`, `costs`, `requests` or `assumed_full`.
    pub refund_method: Option<&'static str>,
    /// When it was refunded, as near as is known.
    pub refund_date: Option<Micros>,
    /// When something of it was taken back, as near as is known: its refund, or the cancellation of the order or of tickets.
    pub void_date: Option<Micros>,
    /// When it was bought.
    pub purchase_date: Option<Micros>,
    /// The platform's own word for the state of the order.
    pub platform_status: Option<String>,
    /// Marketing consent; `None` is unknown.
    pub marketing_opt_in: Option<bool>,
    /// The version of the API copy that is shown.
    pub source_version: Option<Micros>,
    /// Start of the newest complete listing that did not show the order though the API had shown it before. `None` while it
    /// is listed, and once its 404 has decided.
    pub unlisted_at: Option<Micros>,
}

/// Where the refund or cancellation of an order stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RefundStatus {
    /// Nothing refunded, not cancelled.
    #[default]
    None,
    /// The buyer asked for a refund.
    Requested,
    /// Some of it was refunded.
    Partial,
    /// All of it was refunded.
    Refunded,
    /// Void without a refund.
    Cancelled,
}

impl RefundStatus {
    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RefundStatus::None => "none",
            RefundStatus::Requested => "requested",
            RefundStatus::Partial => "partial",
            RefundStatus::Refunded => "refunded",
            RefundStatus::Cancelled => "cancelled",
        }
    }
}

/// A ticket as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attendee {
    /// The platform's own id.
    pub id: String,
    /// The platform's event id.
    pub external_event_id: Option<String>,
    /// The date of a multi-date event.
    pub external_session_id: Option<String>,
    /// Whole name.
    pub name: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Telephone number.
    pub phone: Option<String>,
    /// Name of the ticket type.
    pub ticket_type: Option<String>,
    /// Price at purchase.
    pub price: Option<Amount>,
    /// ISO 4217.
    pub currency: Option<Currency>,
    /// What the ticket's code says.
    pub barcode: Option<String>,
    /// Still admits, is inside, or neither.
    pub status: AttendeeStatus,
    /// When it was checked in.
    pub checked_in_at: Option<Micros>,
    /// Its money was returned.
    pub refunded: bool,
    /// A donation line: carries money, is nobody, and is not to be listed among people.
    pub donation: bool,
    /// The effective version of the copy that is shown.
    pub source_version: Option<Micros>,
}

/// Whether a ticket still admits, is inside, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttendeeStatus {
    /// Expected.
    Registered,
    /// Inside.
    CheckedIn,
    /// No longer admits.
    Cancelled,
}

impl AttendeeStatus {
    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AttendeeStatus::Registered => "registered",
            AttendeeStatus::CheckedIn => "checked_in",
            AttendeeStatus::Cancelled => "cancelled",
        }
    }
}
