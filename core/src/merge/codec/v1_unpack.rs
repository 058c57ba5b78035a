//! From version 1 of the stored form to the registers.

use std::collections::BTreeMap;

use super::v1::{
    AttendeeV1, BIN, Base, ListingV1, OrderDocV1, OrderVersionV1, OwnV1, PriceV1, SaleV1, StateV1, StatedV1, Text,
};
use crate::error::{Error, Result};
use crate::merge::envelopes::Envelopes;
use crate::merge::state::{
    AttendeeState, AttendeeVersion, EnvelopeContent, EnvelopeVersion, Held, Listed, Listing, OrderVersion, Price,
    Refunded, Requests, SaleMoney, Scan, Standing, State, Stated,
};
use crate::money::{Amount, Currency};
use crate::observation::{AttendeeDoc, EnvelopeStatus, OrderDoc, Payment, Void};
use crate::time::Micros;

impl TryFrom<StateV1<'_>> for State {
    type Error = Error;

    fn try_from(stored: StateV1<'_>) -> Result<State> {
        let base = Base(stored.base);
        let texts = Texts(&stored.texts);
        let api = match stored.api {
            Some(api) => Some(Held { key: unpack_version(base, &api.key), doc: texts.order(base, api.doc)? }),
            None => None,
        };
        let sale = match (stored.sale, &api) {
            (SaleV1::Unknown, _) => None,
            (SaleV1::Api, Some(api)) => {
                Some(Held { key: (api.doc.total.unwrap_or_default(), api.key), doc: SaleMoney::of(&api.doc) })
            }
            (SaleV1::Api, None) => return Err(damaged("a sale without its order")),
            (SaleV1::Other { gross, key, fees, tax, discount }, _) => Some(Held {
                key: (Amount(gross), unpack_version(base, &key)),
                doc: SaleMoney { fees: fees.map(Amount), tax: tax.map(Amount), discount: discount.map(Amount) },
            }),
        };
        let mut envelopes = Envelopes::default();
        for held in stored.envelopes {
            let status = match held.status {
                0 => EnvelopeStatus::Pending,
                1 => EnvelopeStatus::Paid,
                2 => EnvelopeStatus::Cancelled,
                3 => EnvelopeStatus::Refunded,
                _ => return Err(damaged("an unknown envelope status")),
            };
            let key = EnvelopeVersion { timestamp: base.instant(held.timestamp), status, hash: held.hash };
            let content =
                EnvelopeContent { doc: texts.order(base, held.doc)?, quantity: held.quantity, stands: held.stands };
            envelopes.offer(key, || content);
        }
        let mut attendees = BTreeMap::new();
        for attendee in stored.attendees {
            let id = texts.some(attendee.id)?.to_owned();
            attendees.insert(id, texts.attendee(base, attendee)?);
        }
        let api_moment = api.as_ref().map(|held| (held.key.version, held.key.settled, held.key.seen));
        Ok(State {
            api,
            sale,
            low: stored.low.map(|(gross, version)| (Amount(gross), base.instant(version))),
            list: stored.list.map(|list| unpack_listing(base, &list)),
            requests: stored.requests.map(|requests| Requests {
                version: base.instant(requests.version),
                processed: Amount(requests.processed),
                seen: base.instants(requests.seen),
                pending: requests.pending,
            }),
            envelopes,
            envelope_refund: stored.envelope_refund.map(|refund| Refunded {
                timestamp: base.instant(refund.timestamp),
                amount: refund.amount.map(Amount),
                at: base.instant(refund.at),
            }),
            envelope_quantity: stored.envelope_quantity,
            refund_given: base.instants(stored.refund_given),
            refund_first: base.instants(stored.refund_first),
            void_first: base.instants(stored.void_first),
            payment: unpack_stated(base, &stored.payment, api_moment, Ok)?,
            seen: sighting(stored.seen)?,
            gone: base.instants(stored.gone),
            tickets_swept: base.instants(stored.tickets_swept),
            orders_swept: base.instants(stored.orders_swept),
            attendees,
        })
    }
}

fn sighting(bin: Option<i64>) -> Result<Option<Micros>> {
    bin.map(|bin| bin.checked_mul(BIN).ok_or_else(|| damaged("a sighting beyond all time"))).transpose()
}

fn damaged(what: &str) -> Error {
    Error::Shape(format!("the merge state is damaged: {what}"))
}

fn unpack_version(base: Base, key: &OrderVersionV1) -> OrderVersion {
    OrderVersion {
        version: base.instant(key.version),
        settled: key.settled,
        rank: key.rank,
        money: Amount(key.money),
        seen: base.instants(key.seen),
        hash: key.hash,
    }
}

fn unpack_listing(base: Base, list: &ListingV1) -> Listing {
    Listing { version: base.instant(list.version), settled: list.settled }
}

fn unpack_stated<T>(
    base: Base,
    stated: &StatedV1,
    copy: Option<(Micros, bool, Option<Micros>)>,
    word: impl Fn(Payment) -> Result<T>,
) -> Result<Option<Stated<T>>> {
    let ((version, settled, seen), payment) = match (stated, copy) {
        (StatedV1::Unknown, _) => return Ok(None),
        (StatedV1::Copy(payment), Some(copy)) => (copy, *payment),
        (StatedV1::Copy(_), None) => return Err(damaged("a payment without its copy")),
        (StatedV1::Other { version, settled, seen, payment }, _) => {
            ((base.instant(*version), *settled, base.instants(*seen)), *payment)
        }
    };
    let payment = match payment {
        0 => Payment::Unpaid,
        1 => Payment::Free,
        2 => Payment::Paid,
        _ => return Err(damaged("an unknown payment")),
    };
    Ok(Some(Stated { version, settled, seen, word: word(payment)? }))
}

fn paid(payment: Payment) -> Result<bool> {
    match payment {
        Payment::Unpaid => Ok(false),
        Payment::Paid => Ok(true),
        Payment::Free => Err(damaged("an unknown payment of a ticket")),
    }
}

/// The distinct texts of the stored state.
struct Texts<'a>(&'a [&'a str]);

impl Texts<'_> {
    fn some(&self, text: Text) -> Result<&str> {
        let position = usize::try_from(text).ok().and_then(|text| text.checked_sub(1));
        position.and_then(|at| self.0.get(at)).copied().ok_or_else(|| damaged("a text that is missing"))
    }

    fn text(&self, text: Text) -> Result<Option<String>> {
        if text == 0 { Ok(None) } else { Ok(Some(self.some(text)?.to_owned())) }
    }

    fn currency(&self, text: Text) -> Result<Option<Currency>> {
        if text == 0 {
            return Ok(None);
        }
        Currency::parse(self.some(text)?).map(Some).ok_or_else(|| damaged("an unknown currency"))
    }

    fn order(&self, base: Base, doc: OrderDocV1) -> Result<OrderDoc> {
        Ok(OrderDoc {
            platform_status: self.text(doc.platform_status)?,
            external_event_id: self.text(doc.external_event_id)?,
            external_session_id: self.text(doc.external_session_id)?,
            customer_name: self.text(doc.customer_name)?,
            customer_email: self.text(doc.customer_email)?,
            customer_phone: self.text(doc.customer_phone)?,
            currency: self.currency(doc.currency)?,
            purchase_total: doc.purchase_total.map(Amount),
            total: doc.total.map(Amount),
            fees: doc.fees.map(Amount),
            tax: doc.tax.map(Amount),
            discount: doc.discount.map(Amount),
            refunds: doc.refunds.map(Amount),
            purchased: base.instants(doc.purchased),
            marketing_opt_in: doc.marketing_opt_in,
            ticket_types: doc
                .ticket_types
                .into_iter()
                .map(|name| Ok(self.some(name)?.to_owned()))
                .collect::<Result<_>>()?,
        })
    }

    fn attendee(&self, order: Base, stored: AttendeeV1) -> Result<AttendeeState> {
        let base = stored.own.as_ref().map_or(order, |own| Base(order.instant(own.version)));
        let own = stored.own.map(|own| self.own(base, own)).transpose()?;
        let list = match stored.list {
            Some(listed) => Some(Listed {
                listing: unpack_listing(order, &listed.listing),
                version: base.instant(listed.version),
                standing: Standing { void: unpack_void(listed.void)?, checked_in: listed.checked_in },
            }),
            None => None,
        };
        let scan = match stored.scan {
            Some(scan) => {
                Some(Scan { at: base.instant(scan.at), entry: scan.entry, id: self.some(scan.id)?.to_owned() })
            }
            None => None,
        };
        let price = match (stored.price, &own) {
            (PriceV1::Unknown, _) => None,
            (PriceV1::Own(fees), Some(Held { key, doc: AttendeeDoc { price: Some(amount), .. } })) => {
                Some(Price { api: key.api, amount: *amount, fees: fees.map(Amount) })
            }
            (PriceV1::Own(_), _) => return Err(damaged("a price without its copy")),
            (PriceV1::Other { api, amount, fees }, _) => {
                Some(Price { api, amount: Amount(amount), fees: fees.map(Amount) })
            }
        };
        let moment = own.as_ref().map(|own| (own.key.version, own.key.settled, own.key.seen));
        let paid = unpack_stated(base, &stored.paid, moment, paid)?;
        Ok(AttendeeState {
            own,
            list,
            price,
            paid,
            refund_first: base.instants(stored.refund_first),
            void_first: base.instants(stored.void_first),
            checked_in_first: base.instants(stored.checked_in_first),
            seen: sighting(stored.seen)?,
            gone: base.instants(stored.gone),
            scan,
        })
    }

    fn own(&self, base: Base, own: OwnV1) -> Result<Held<AttendeeVersion, AttendeeDoc>> {
        let standing = Standing { void: unpack_void(own.void)?, checked_in: own.checked_in };
        Ok(Held {
            key: AttendeeVersion {
                api: own.api,
                version: base.0,
                settled: own.settled,
                standing,
                alone: own.alone,
                seen: base.instants(own.seen),
                hash: own.hash,
            },
            doc: AttendeeDoc {
                void: standing.void,
                checked_in: standing.checked_in,
                check_in_date: base.instants(own.check_in_date),
                donation: own.donation,
                external_session_id: self.text(own.external_session_id)?,
                name: self.text(own.name)?,
                first_name: self.text(own.first_name)?,
                last_name: self.text(own.last_name)?,
                email: self.text(own.email)?,
                phone: self.text(own.phone)?,
                ticket_type: self.text(own.ticket_type)?,
                price: own.price.map(Amount),
                barcode: self.text(own.barcode)?,
                currency: self.currency(own.currency)?,
                external_event_id: self.text(own.external_event_id)?,
            },
        })
    }
}

fn unpack_void(void: u8) -> Result<Void> {
    match void {
        0 => Ok(Void::Valid),
        1 => Ok(Void::Cancelled),
        2 => Ok(Void::Refunded),
        _ => Err(damaged("an unknown state of a ticket")),
    }
}
