//! Version 1 of the stored merge state. Frozen from the first release on: databases will hold these bytes, so no field, type
//! or order here may change then. What needs more will be a new version in a file of its own.
//!
//! Nothing here is shared with the rest of the crate, so that changes there cannot reach stored bytes. Instants are
//! differences from a base (the order's, for an attendee its own version), because most of them lie near it and a
//! small difference takes few bytes; sightings are numbers of ten-minute bins since 1970.

use serde::{Deserialize, Serialize};

use crate::time::Micros;

/// Microseconds after the base.
pub(super) type Delta = i64;
/// Ten-thousandths of the major unit.
pub(super) type Money = i64;
/// Microseconds in a bin of sightings.
pub(super) const BIN: i64 = 600_000_000;
/// Position in `texts`, counted from 1; 0 is none.
pub(super) type Text = u32;

/// What instants are counted from. Wrapping, so that every instant survives.
#[derive(Clone, Copy)]
pub(super) struct Base(pub Micros);

impl Base {
    pub(super) fn delta(self, at: Micros) -> i64 {
        at.wrapping_sub(self.0)
    }

    pub(super) fn instant(self, delta: i64) -> Micros {
        self.0.wrapping_add(delta)
    }

    pub(super) fn deltas(self, at: Option<Micros>) -> Option<i64> {
        at.map(|at| self.delta(at))
    }

    pub(super) fn instants(self, delta: Option<i64>) -> Option<Micros> {
        delta.map(|delta| self.instant(delta))
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct StateV1<'a> {
    /// Microseconds since 1970.
    pub base: i64,
    /// Every distinct text once, in order of first use: an order and its attendees have many in common.
    #[serde(borrow)]
    pub texts: Vec<&'a str>,
    pub api: Option<ApiV1>,
    pub sale: SaleV1,
    pub low: Option<(Money, Delta)>,
    pub list: Option<ListingV1>,
    pub requests: Option<RequestsV1>,
    /// Newest first.
    pub envelopes: Vec<EnvelopeV1>,
    pub envelope_refund: Option<RefundedV1>,
    pub envelope_quantity: Option<i64>,
    pub refund_given: Option<Delta>,
    pub refund_first: Option<Delta>,
    pub void_first: Option<Delta>,
    pub payment: StatedV1,
    pub seen: Option<i64>,
    pub gone: Option<Delta>,
    pub tickets_swept: Option<Delta>,
    pub orders_swept: Option<Delta>,
    pub attendees: Vec<AttendeeV1>,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
pub(super) struct OrderVersionV1 {
    pub version: Delta,
    pub settled: bool,
    pub rank: u8,
    pub money: Money,
    pub seen: Option<Delta>,
    pub hash: [u8; 16],
}

#[derive(Serialize, Deserialize)]
pub(super) struct ApiV1 {
    pub key: OrderVersionV1,
    pub doc: OrderDocV1,
}

#[derive(Serialize, Deserialize)]
pub(super) enum SaleV1 {
    Unknown,
    /// The copy of `api`, whose total is the gross: nearly always so, and short.
    Api,
    Other {
        gross: Money,
        key: OrderVersionV1,
        fees: Option<Money>,
        tax: Option<Money>,
        discount: Option<Money>,
    },
}

#[derive(Serialize, Deserialize)]
pub(super) struct ListingV1 {
    pub version: Delta,
    pub settled: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RequestsV1 {
    pub version: Delta,
    pub processed: Money,
    pub seen: Option<Delta>,
    pub pending: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct EnvelopeV1 {
    pub timestamp: Delta,
    /// 0 pending, 1 paid, 2 cancelled, 3 refunded.
    pub status: u8,
    pub hash: [u8; 16],
    pub quantity: Option<i64>,
    pub stands: Option<bool>,
    pub doc: OrderDocV1,
}

/// A payment: 0 unpaid, 1 free, 2 paid.
#[derive(Serialize, Deserialize)]
pub(super) enum StatedV1 {
    Unknown,
    /// By the copy of `api`, or `own`: nearly always so, and short.
    Copy(u8),
    Other {
        version: Delta,
        settled: bool,
        seen: Option<Delta>,
        payment: u8,
    },
}

#[derive(Serialize, Deserialize)]
pub(super) enum PriceV1 {
    Unknown,
    /// The price of `own`, with the fees in it.
    Own(Option<Money>),
    Other {
        api: bool,
        amount: Money,
        fees: Option<Money>,
    },
}

#[derive(Serialize, Deserialize)]
pub(super) struct RefundedV1 {
    pub timestamp: Delta,
    pub amount: Option<Money>,
    pub at: Delta,
}

#[derive(Serialize, Deserialize)]
pub(super) struct OrderDocV1 {
    pub platform_status: Text,
    pub external_event_id: Text,
    pub external_session_id: Text,
    pub customer_name: Text,
    pub customer_email: Text,
    pub customer_phone: Text,
    /// Three letters.
    pub currency: Text,
    pub purchase_total: Option<Money>,
    pub total: Option<Money>,
    pub fees: Option<Money>,
    pub tax: Option<Money>,
    pub discount: Option<Money>,
    pub refunds: Option<Money>,
    pub purchased: Option<Delta>,
    pub marketing_opt_in: Option<bool>,
    pub ticket_types: Vec<Text>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct AttendeeV1 {
    pub id: Text,
    pub own: Option<OwnV1>,
    pub list: Option<ListedV1>,
    pub price: PriceV1,
    pub paid: StatedV1,
    pub refund_first: Option<Delta>,
    pub void_first: Option<Delta>,
    pub checked_in_first: Option<Delta>,
    pub seen: Option<i64>,
    pub gone: Option<Delta>,
    pub scan: Option<ScanV1>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct OwnV1 {
    pub api: bool,
    /// Microseconds after the order's base; itself the base of everything else of the attendee.
    pub version: Delta,
    pub settled: bool,
    /// 0 valid, 1 cancelled, 2 refunded.
    pub void: u8,
    pub checked_in: bool,
    pub alone: bool,
    pub seen: Option<Delta>,
    pub hash: [u8; 16],
    pub check_in_date: Option<Delta>,
    pub donation: bool,
    pub external_session_id: Text,
    pub name: Text,
    pub first_name: Text,
    pub last_name: Text,
    pub email: Text,
    pub phone: Text,
    pub ticket_type: Text,
    pub price: Option<Money>,
    pub barcode: Text,
    /// Three letters.
    pub currency: Text,
    pub external_event_id: Text,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ListedV1 {
    pub listing: ListingV1,
    pub version: Delta,
    pub void: u8,
    pub checked_in: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ScanV1 {
    pub at: Delta,
    pub entry: bool,
    pub id: Text,
}
