//! From the registers to version 1 of the stored form.

use std::collections::BTreeMap;

use super::v1::{
    ApiV1, AttendeeV1, BIN, Base, EnvelopeV1, ListedV1, ListingV1, OrderDocV1, OrderVersionV1, OwnV1, PriceV1,
    RefundedV1, RequestsV1, SaleV1, ScanV1, StateV1, StatedV1, Text,
};
use crate::merge::envelopes::Copy as Envelope;
use crate::merge::state::{
    AttendeeState, AttendeeVersion, Held, Listing, OrderVersion, Price, SaleMoney, State, Stated,
};
use crate::money::Currency;
use crate::observation::{AttendeeDoc, EnvelopeStatus, OrderDoc, Payment, Void};
use crate::time::Micros;

impl<'a> From<&'a State> for StateV1<'a> {
    fn from(state: &'a State) -> StateV1<'a> {
        let version = state.api.as_ref().map(|held| held.key.version);
        let base = Base(version.or(state.envelopes.newest().map(|held| held.key.timestamp)).unwrap_or_default());
        let mut texts = Texts::default();
        let api = state.api.as_ref();
        let mut stored = StateV1 {
            base: base.0,
            texts: Vec::new(),
            api: api.map(|held| ApiV1 { key: pack_version(base, &held.key), doc: texts.order(base, &held.doc) }),
            sale: pack_sale(base, state),
            low: state.low.map(|(gross, version)| (gross.0, base.delta(version))),
            list: state.list.map(|list| pack_listing(base, list)),
            requests: state.requests.map(|requests| RequestsV1 {
                version: base.delta(requests.version),
                processed: requests.processed.0,
                seen: base.deltas(requests.seen),
                pending: requests.pending,
            }),
            envelopes: state.envelopes.iter().map(|held| texts.envelope(base, held)).collect(),
            envelope_refund: state.envelope_refund.map(|refund| RefundedV1 {
                timestamp: base.delta(refund.timestamp),
                amount: refund.amount.map(|amount| amount.0),
                at: base.delta(refund.at),
            }),
            envelope_quantity: state.envelope_quantity,
            refund_given: base.deltas(state.refund_given),
            refund_first: base.deltas(state.refund_first),
            void_first: base.deltas(state.void_first),
            payment: pack_stated(base, state.payment, api.map(|held| moment(&held.key)), pack_payment),
            seen: state.seen.map(|at| at.div_euclid(BIN)),
            gone: base.deltas(state.gone),
            tickets_swept: base.deltas(state.tickets_swept),
            orders_swept: base.deltas(state.orders_swept),
            attendees: state.attendees.iter().map(|(id, held)| texts.attendee(base, id, held)).collect(),
        };
        stored.texts = texts.distinct;
        stored
    }
}

fn pack_version(base: Base, key: &OrderVersion) -> OrderVersionV1 {
    OrderVersionV1 {
        version: base.delta(key.version),
        settled: key.settled,
        rank: key.rank,
        money: key.money.0,
        seen: base.deltas(key.seen),
        hash: key.hash,
    }
}

fn pack_listing(base: Base, list: Listing) -> ListingV1 {
    ListingV1 { version: base.delta(list.version), settled: list.settled }
}

/// What orders a word among others.
type Moment = (Micros, bool, Option<Micros>);

fn moment(key: &OrderVersion) -> Moment {
    (key.version, key.settled, key.seen)
}

fn own_moment(key: &AttendeeVersion) -> Moment {
    (key.version, key.settled, key.seen)
}

fn pack_stated<T: Copy>(
    base: Base,
    stated: Option<Stated<T>>,
    copy: Option<Moment>,
    payment: impl Fn(T) -> u8,
) -> StatedV1 {
    match stated {
        None => StatedV1::Unknown,
        Some(Stated { version, settled, seen, word }) if copy == Some((version, settled, seen)) => {
            StatedV1::Copy(payment(word))
        }
        Some(Stated { version, settled, seen, word }) => {
            StatedV1::Other { version: base.delta(version), settled, seen: base.deltas(seen), payment: payment(word) }
        }
    }
}

fn pack_price(held: &AttendeeState) -> PriceV1 {
    let Some(Price { api, amount, fees }) = held.price else { return PriceV1::Unknown };
    let fees = fees.map(|amount| amount.0);
    if held.own.as_ref().is_some_and(|own| own.key.api == api && own.doc.price == Some(amount)) {
        PriceV1::Own(fees)
    } else {
        PriceV1::Other { api, amount: amount.0, fees }
    }
}

fn pack_payment(payment: Payment) -> u8 {
    match payment {
        Payment::Unpaid => 0,
        Payment::Free => 1,
        Payment::Paid => 2,
    }
}

fn pack_sale(base: Base, state: &State) -> SaleV1 {
    let Some(held) = &state.sale else { return SaleV1::Unknown };
    let same = |api: &Held<OrderVersion, OrderDoc>| {
        held.key == (api.doc.total.unwrap_or_default(), api.key) && held.doc == SaleMoney::of(&api.doc)
    };
    if state.api.as_ref().is_some_and(same) {
        return SaleV1::Api;
    }
    SaleV1::Other {
        gross: held.key.0.0,
        key: pack_version(base, &held.key.1),
        fees: held.doc.fees.map(|amount| amount.0),
        tax: held.doc.tax.map(|amount| amount.0),
        discount: held.doc.discount.map(|amount| amount.0),
    }
}

/// Collects the distinct texts while the rest is packed.
#[derive(Default)]
struct Texts<'a> {
    distinct: Vec<&'a str>,
    positions: BTreeMap<&'a str, Text>,
}

impl<'a> Texts<'a> {
    fn text(&mut self, text: Option<&'a str>) -> Text {
        let Some(text) = text else { return 0 };
        let distinct = &mut self.distinct;
        *self.positions.entry(text).or_insert_with(|| {
            distinct.push(text);
            // More than four thousand million texts do not fit into a stored value anyway.
            Text::try_from(distinct.len()).unwrap_or(Text::MAX)
        })
    }

    fn envelope(&mut self, base: Base, held: &'a Envelope) -> EnvelopeV1 {
        EnvelopeV1 {
            timestamp: base.delta(held.key.timestamp),
            status: match held.key.status {
                EnvelopeStatus::Pending => 0,
                EnvelopeStatus::Paid => 1,
                EnvelopeStatus::Cancelled => 2,
                EnvelopeStatus::Refunded => 3,
            },
            hash: held.key.hash,
            quantity: held.doc.quantity,
            stands: held.doc.stands,
            doc: self.order(base, &held.doc.doc),
        }
    }

    fn order(&mut self, base: Base, doc: &'a OrderDoc) -> OrderDocV1 {
        OrderDocV1 {
            platform_status: self.text(doc.platform_status.as_deref()),
            external_event_id: self.text(doc.external_event_id.as_deref()),
            external_session_id: self.text(doc.external_session_id.as_deref()),
            customer_name: self.text(doc.customer_name.as_deref()),
            customer_email: self.text(doc.customer_email.as_deref()),
            customer_phone: self.text(doc.customer_phone.as_deref()),
            currency: self.text(doc.currency.as_ref().map(Currency::as_str)),
            purchase_total: doc.purchase_total.map(|amount| amount.0),
            total: doc.total.map(|amount| amount.0),
            fees: doc.fees.map(|amount| amount.0),
            tax: doc.tax.map(|amount| amount.0),
            discount: doc.discount.map(|amount| amount.0),
            refunds: doc.refunds.map(|amount| amount.0),
            purchased: base.deltas(doc.purchased),
            marketing_opt_in: doc.marketing_opt_in,
            ticket_types: doc.ticket_types.iter().map(|name| self.text(Some(name))).collect(),
        }
    }

    fn attendee(&mut self, order: Base, id: &'a str, held: &'a AttendeeState) -> AttendeeV1 {
        let base = held.own.as_ref().map_or(order, |own| Base(own.key.version));
        AttendeeV1 {
            id: self.text(Some(id)),
            own: held.own.as_ref().map(|own| self.own(order, base, own)),
            list: held.list.map(|listed| ListedV1 {
                listing: pack_listing(order, listed.listing),
                version: base.delta(listed.version),
                void: pack_void(listed.standing.void),
                checked_in: listed.standing.checked_in,
            }),
            price: pack_price(held),
            paid: pack_stated(base, held.paid, held.own.as_ref().map(|own| own_moment(&own.key)), |paid| {
                pack_payment(if paid { Payment::Paid } else { Payment::Unpaid })
            }),
            refund_first: base.deltas(held.refund_first),
            void_first: base.deltas(held.void_first),
            checked_in_first: base.deltas(held.checked_in_first),
            seen: held.seen.map(|at| at.div_euclid(BIN)),
            gone: base.deltas(held.gone),
            scan: held.scan.as_ref().map(|scan| ScanV1 {
                at: base.delta(scan.at),
                entry: scan.entry,
                id: self.text(Some(&scan.id)),
            }),
        }
    }

    fn own(&mut self, order: Base, base: Base, own: &'a Held<AttendeeVersion, AttendeeDoc>) -> OwnV1 {
        let Held { key, doc } = own;
        OwnV1 {
            api: key.api,
            version: order.delta(key.version),
            settled: key.settled,
            void: pack_void(key.standing.void),
            checked_in: key.standing.checked_in,
            alone: key.alone,
            seen: base.deltas(key.seen),
            hash: key.hash,
            check_in_date: base.deltas(doc.check_in_date),
            donation: doc.donation,
            external_session_id: self.text(doc.external_session_id.as_deref()),
            name: self.text(doc.name.as_deref()),
            first_name: self.text(doc.first_name.as_deref()),
            last_name: self.text(doc.last_name.as_deref()),
            email: self.text(doc.email.as_deref()),
            phone: self.text(doc.phone.as_deref()),
            ticket_type: self.text(doc.ticket_type.as_deref()),
            price: doc.price.map(|amount| amount.0),
            barcode: self.text(doc.barcode.as_deref()),
            currency: self.text(doc.currency.as_ref().map(Currency::as_str)),
            external_event_id: self.text(doc.external_event_id.as_deref()),
        }
    }
}

fn pack_void(void: Void) -> u8 {
    match void {
        Void::Valid => 0,
        Void::Cancelled => 1,
        Void::Refunded => 2,
    }
}
