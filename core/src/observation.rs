//! What one delivery or API answer says about one order: the input of the merge rules.
//!
//! Instants are microseconds since 1970 ([`Micros`]), 0 where the platform gave none. Amounts are [`Amount`]s.
//! `fetched_at` is the claim time of our own GET by the database clock, `None` for everything pushed at us.

use serde::Serialize;

use crate::document::Document;
use crate::money::{Amount, Currency};
use crate::platform::Platform;
use crate::time::Micros;

/// The natural key of an order. Ordering is the lock order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey {
    /// Which platform sold it.
    pub platform: Platform,
    /// The platform's own order id; text, because real ids are not always numbers.
    pub order_id: String,
}

/// A fact about an order, and which order.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The order that the fact is about.
    pub key: OrderKey,
    /// What was seen.
    pub fact: Fact,
}

/// One thing seen; what each contributes is section 3 of the merge rules in `docs/DESIGN.md`.
#[allow(clippy::large_enum_variant, reason = "most facts are attendees: boxes would only be more allocations")]
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// An order of the platform's API; nothing is known from a cart (`in_progress`).
    Order {
        /// When we asked.
        fetched_at: Option<Micros>,
        /// Checkout is still running: not a sale.
        in_progress: bool,
        /// The order copy, without attendees and refund requests.
        order: Box<OrderCopy>,
        /// The complete list of attendees, where the order came with it.
        attendees: Option<Vec<AttendeeCopy>>,
        /// The refund requests, where the order came with them.
        refund_requests: Option<RefundRequests>,
    },
    /// An attendee (ticket) of the platform's API.
    Attendee {
        /// When we asked.
        fetched_at: Option<Micros>,
        /// The attendee copy.
        attendee: AttendeeCopy,
    },
    /// A whole order, pushed at us.
    Envelope(Box<Envelope>),
    /// The platform answered 404 for the order, or for one attendee of it.
    Gone {
        /// The attendee, or `None` for the order itself.
        attendee_id: Option<String>,
        /// When we asked.
        fetched_at: Micros,
    },
    /// Somebody scanned a ticket at our door.
    Scan {
        /// Whose ticket.
        attendee_id: String,
        /// Client-chosen id of the scan, unique for the attendee.
        scan_id: String,
        /// When.
        at: Micros,
        /// In (check-in) or out.
        entry: bool,
    },
    /// A complete sweep of the event's tickets began at this time and has finished.
    TicketsSwept(Micros),
    /// A complete sweep of the event's orders began at this time and has finished.
    OrdersSwept(Micros),
}

/// How far a time inside a copy may lie after its arrival: clocks differ. The same as [`LAG`](crate::merge::LAG).
const SKEW: Micros = 600_000_000;

impl Fact {
    /// Moves times that order this fact among others, and that lie more than ten minutes after its arrival, to its arrival;
    /// says whether there were any. Otherwise one typing error would outrank everything that is ever heard of the order again.
    pub fn bound_by(&mut self, arrived: Micros) -> bool {
        let latest = arrived.saturating_add(SKEW);
        let mut bounded = false;
        let mut bound = |at: &mut Micros| {
            if *at > latest {
                *at = arrived;
                bounded = true;
            }
        };
        let attendee = |bound: &mut dyn FnMut(&mut Micros), copy: &mut AttendeeCopy| {
            bound(&mut copy.version);
            copy.doc.check_in_date.iter_mut().for_each(bound);
        };
        match self {
            Fact::Attendee { attendee: copy, .. } => attendee(&mut bound, copy),
            Fact::Envelope(envelope) => {
                bound(&mut envelope.timestamp);
                envelope.refund.iter_mut().for_each(|refund| {
                    bound(&mut refund.at);
                    refund.refunded_at.iter_mut().for_each(&mut bound);
                });
                envelope.attendees.iter_mut().flatten().for_each(|copy| attendee(&mut bound, copy));
            }
            Fact::Order { order, attendees, refund_requests, .. } => {
                bound(&mut order.version);
                attendees.iter_mut().flatten().for_each(|copy| attendee(&mut bound, copy));
                refund_requests.iter_mut().filter_map(|r| r.processed_date.as_mut()).for_each(&mut bound);
            }
            // Our own clock.
            Fact::Gone { .. } | Fact::Scan { .. } | Fact::TicketsSwept(_) | Fact::OrdersSwept(_) => {}
        }
        bounded
    }
}

impl EventCopy {
    /// The same for a copy of an event.
    pub fn bound_by(&mut self, arrived: Micros) -> bool {
        let late = self.version > arrived.saturating_add(SKEW);
        if late {
            self.version = arrived;
        }
        late
    }
}

/// A copy of an order as a platform showed it.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderCopy {
    /// The platform's own time of the last change (`updatedAt`, `changed`); that of the fetch where it states none.
    pub version: Micros,
    /// What it says.
    pub doc: OrderDoc,
    /// What its word for the state of the order means.
    pub standing: Standing,
    /// The document as it is stored.
    pub raw: Document,
}

impl OrderCopy {
    /// A copy as that platform means it.
    #[must_use]
    pub fn of(platform: Platform, version: Micros, doc: OrderDoc, raw: Document) -> OrderCopy {
        OrderCopy { version, standing: platform.standing(&doc), doc, raw }
    }
}

/// The normalised content of an order copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderDoc {
    /// The platform's own word for the state of the order (`placed`, `partiallyRefunded` …).
    pub platform_status: Option<String>,
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
    /// ISO 4217.
    pub currency: Option<Currency>,
    /// What the buyer was charged at purchase where the copy says so.
    pub purchase_total: Option<Amount>,
    /// The present total: what is left after refunds.
    pub total: Option<Amount>,
    /// Fees of the platform, passed on or absorbed.
    pub fees: Option<Amount>,
    /// Tax.
    pub tax: Option<Amount>,
    /// Discount.
    pub discount: Option<Amount>,
    /// Refunded so far.
    pub refunds: Option<Amount>,
    /// When it was bought.
    pub purchased: Option<Micros>,
    /// Marketing consent; `None` is unknown.
    pub marketing_opt_in: Option<bool>,
    /// Distinct ticket type names, where the copy has lines.
    pub ticket_types: Vec<String>,
}

/// What a copy of an order says of its refund, of its being void and of its payment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Of copies of one version the higher one is the later. [`Family::Listed`](crate::platform::Family::Listed): 1 void, 2
    /// refunded. [`Family::Swept`](crate::platform::Family::Swept): 1 refunded in part, 2 wholly.
    pub rank: u8,
    /// Something of it was refunded.
    pub refunded: bool,
    /// It is no more.
    pub void: bool,
    /// Whether it was paid.
    pub payment: Option<Payment>,
}

impl OrderDoc {
    /// Whether its word for the state of the order is one of these.
    #[must_use]
    pub fn says(&self, words: &[&str]) -> bool {
        self.platform_status.as_deref().is_some_and(|said| words.iter().any(|word| said.eq_ignore_ascii_case(word)))
    }
}

/// Whether an order was paid. The order is the merge rank of words of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Payment {
    /// Nothing was paid yet, or ever: not a sale.
    Unpaid,
    /// There was nothing to pay.
    Free,
    /// Paid.
    Paid,
}

impl Payment {
    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Payment::Unpaid => "unpaid",
            Payment::Free => "free",
            Payment::Paid => "paid",
        }
    }
}

/// A copy of an attendee (ticket) as a platform showed it.
#[derive(Debug, Clone, PartialEq)]
pub struct AttendeeCopy {
    /// The platform's own id.
    pub id: String,
    /// **Effective** version: the newest of the copy's own version and all dates inside it (merge rules, section 1).
    pub version: Micros,
    /// What it says.
    pub doc: AttendeeDoc,
    /// Fees that are part of its price.
    pub fees: Option<Amount>,
    /// Whether it was paid, where the copy says so.
    pub paid: Option<bool>,
    /// The document as it is stored.
    pub raw: Document,
}

/// Whether a ticket still admits. The order is the merge rank.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Void {
    /// Admits.
    #[default]
    Valid,
    /// Cancelled.
    Cancelled,
    /// Cancelled with its money returned.
    Refunded,
}

/// The normalised content of an attendee copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttendeeDoc {
    /// Still admits?
    pub void: Void,
    /// The platform says: checked in.
    pub checked_in: bool,
    /// When the platform's newest check-in or check-out happened, where it says.
    pub check_in_date: Option<Micros>,
    /// A donation line: carries money, is nobody.
    pub donation: bool,
    /// The date of a multi-date event.
    pub external_session_id: Option<String>,
    /// Whole name, when the platform gives one.
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
    /// Price of the ticket, with the fees that the buyer paid.
    pub price: Option<Amount>,
    /// What the ticket's code says.
    pub barcode: Option<String>,
    /// ISO 4217, for the display of the price.
    pub currency: Option<Currency>,
    /// The platform's event id.
    pub external_event_id: Option<String>,
}

/// What the platform's refund requests of an order add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundRequests {
    /// Sum of the processed amounts.
    pub processed: Amount,
    /// A request waits for an answer.
    pub pending: bool,
    /// Earliest date of a processed item, when given.
    pub processed_date: Option<Micros>,
}

/// A full copy of an order, pushed at us by a bridge.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// `timestamp`, else `refunded_at`, else `created_at`.
    pub timestamp: Micros,
    /// What is said about the order as a whole.
    pub status: EnvelopeStatus,
    /// Whether it says that the order stands (true) or is cancelled (false). A refund says neither, nor does a body without a
    /// status.
    pub stands: Option<bool>,
    /// The content; amounts in `purchase_total`.
    pub doc: OrderDoc,
    /// Whether the order was paid, where the envelope says so.
    pub payment: Option<Payment>,
    /// Present when the envelope speaks of a refund: `order.refunded`, status refunded, or a `refund_amount`.
    pub refund: Option<EnvelopeRefund>,
    /// Sum of the line quantities, when there are lines.
    pub quantity: Option<i64>,
    /// The complete list of attendees, when the envelope has one.
    pub attendees: Option<Vec<AttendeeCopy>>,
    /// The document as it is stored.
    pub raw: Document,
}

/// What an envelope says about the order. The order is the merge rank.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum EnvelopeStatus {
    /// Not paid yet.
    Pending,
    /// Paid, or a word we do not know.
    #[default]
    Paid,
    /// Cancelled.
    Cancelled,
    /// Refunded.
    Refunded,
}

/// What an envelope says about a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnvelopeRefund {
    /// `refund_amount`; `None` when not given, which means all of it.
    pub amount: Option<Amount>,
    /// `refunded_at`, when given.
    pub refunded_at: Option<Micros>,
    /// When the refund happened, as it is compared with the API's version, which may already have taken the refund back:
    /// the last instant that `refunded_at` can mean, else the time of the envelope.
    pub at: Micros,
}

/// One date of an event that has several.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Session {
    /// The platform's id, which orders and tickets name as `external_session_id`.
    pub id: String,
    /// Start, as ISO 8601.
    pub starts_at: Option<String>,
    /// End, as ISO 8601.
    pub ends_at: Option<String>,
    /// Neither disabled nor deleted.
    pub active: bool,
}

/// What a platform says about one of its events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventCopy {
    /// The platform's id.
    pub external_event_id: String,
    /// The time of its last change by the platform; 0 when only mentioned inside a delivery.
    pub version: Micros,
    /// Title.
    pub title: Option<String>,
    /// Name of the venue.
    pub venue: Option<String>,
    /// Start.
    pub starts_at: Option<Micros>,
    /// End.
    pub ends_at: Option<Micros>,
    /// IANA name.
    pub time_zone: Option<String>,
    /// Places.
    pub capacity: Option<i64>,
    /// ISO 4217.
    pub currency: Option<Currency>,
    /// The platform's own word for its state.
    pub platform_status: Option<String>,
    /// Whether that word means that tickets are on sale; `None` where it says nothing.
    pub on_sale: Option<bool>,
    /// Public page.
    pub url: Option<String>,
    /// Its dates, where it has several, deleted ones included: their tickets are still of that date.
    pub sessions: Vec<Session>,
    /// The document as it is stored; empty when only mentioned.
    pub raw: Option<Document>,
}
