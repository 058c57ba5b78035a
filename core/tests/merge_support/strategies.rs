//! Arbitrary facts over few ids, instants and amounts, so that ties are common.

use boxoffice_core::money::{Amount, Currency};
use boxoffice_core::observation::{
    AttendeeCopy, AttendeeDoc, Envelope, EnvelopeRefund, EnvelopeStatus, Fact, OrderCopy, OrderDoc, Payment,
    RefundRequests, Void,
};
use boxoffice_core::platform::{Family, Platform};
use boxoffice_core::time::Micros;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::build::bare_order;
use super::document;

/// What every order of [`plausible`] cost.
pub const CHARGED: Amount = Amount(750_000);

/// A platform and facts about one of its orders.
pub fn arbitrary() -> impl Strategy<Value = (Platform, Vec<Fact>)> {
    select(Platform::all()).prop_flat_map(|platform| (Just(platform), prop::collection::vec(fact(platform), 1..9)))
}

/// The same, where copies of a Humanitix order agree about what was charged, and refund no more than that.
pub fn plausible() -> impl Strategy<Value = (Platform, Vec<Fact>)> {
    arbitrary().prop_map(|(platform, mut facts)| {
        for fact in &mut facts {
            match fact {
                Fact::Order { order, .. } if platform.family() == Family::Swept => {
                    let refunds = order.doc.refunds.unwrap_or_default();
                    order.doc.purchase_total = order.doc.purchase_total.map(|_| CHARGED);
                    order.doc.total = order.doc.total.map(|_| Amount(CHARGED.0 - refunds.0));
                    order.raw = document(&order.doc);
                }
                Fact::Envelope(envelope) => {
                    envelope.doc.purchase_total = envelope.doc.purchase_total.map(|_| CHARGED);
                    envelope.raw = envelope_document(envelope);
                }
                _ => {}
            }
        }
        (platform, facts)
    })
}

fn fact(platform: Platform) -> BoxedStrategy<Fact> {
    let common = prop_oneof![
        2 => (option::of(id()), instant()).prop_map(|(attendee_id, fetched_at)| Fact::Gone { attendee_id, fetched_at }),
        2 => (id(), select(&["s1", "s2"][..]), instant(), any::<bool>()).prop_map(|(attendee_id, scan_id, at, entry)| {
            Fact::Scan { attendee_id, scan_id: scan_id.to_owned(), at, entry }
        }),
        1 => instant().prop_map(Fact::TicketsSwept),
        1 => instant().prop_map(Fact::OrdersSwept),
    ];
    let own = match platform.family() {
        Family::Swept => prop_oneof![
            (
                option::of(instant()),
                order(platform, &["paid", "free", "partiallyRefunded", "refunded", "cancelled", "unpaid", "new"])
            )
                .prop_map(|(fetched_at, order)| bare_order(fetched_at, order)),
            (option::of(instant()), attendee())
                .prop_map(|(fetched_at, attendee)| Fact::Attendee { fetched_at, attendee }),
            envelope().prop_map(|envelope| Fact::Envelope(Box::new(envelope))),
        ]
        .boxed(),
        Family::Listed => prop_oneof![
            2 => listing_order(platform),
            1 => (option::of(instant()), attendee())
                .prop_map(|(fetched_at, attendee)| Fact::Attendee { fetched_at, attendee }),
        ]
        .boxed(),
    };
    prop_oneof![3 => own, 1 => common].boxed()
}

fn listing_order(platform: Platform) -> impl Strategy<Value = Fact> {
    let requests = (amount(), any::<bool>(), option::of(instant()))
        .prop_map(|(processed, pending, processed_date)| RefundRequests { processed, pending, processed_date });
    let order = order(platform, &["placed", "cancelled", "deleted", "refunded", "pending", "abandoned", "new"]);
    (option::of(instant()), prop::bool::weighted(0.1), order, option::of(attendees()), option::of(requests)).prop_map(
        |(fetched_at, in_progress, order, attendees, refund_requests)| Fact::Order {
            fetched_at,
            in_progress,
            order: Box::new(order),
            attendees,
            refund_requests,
        },
    )
}

fn envelope() -> impl Strategy<Value = Envelope> {
    let status = select(
        &[EnvelopeStatus::Pending, EnvelopeStatus::Paid, EnvelopeStatus::Cancelled, EnvelopeStatus::Refunded][..],
    );
    let refund = (option::of(amount()), option::of(instant())).prop_map(|(amount, refunded_at)| EnvelopeRefund {
        amount,
        refunded_at,
        at: refunded_at.unwrap_or_default(),
    });
    let payment = option::of(select(&[Payment::Unpaid, Payment::Free, Payment::Paid][..]));
    let content = (order_doc(&["paid", "cancelled"]), option::of(refund), option::of(0..4_i64), payment);
    let said = (status, option::of(any::<bool>()));
    (version(), said, content, option::of(attendees())).prop_map(|(timestamp, (status, stands), content, attendees)| {
        let (doc, mut refund, quantity, payment) = content;
        if let Some(refund) = &mut refund {
            refund.at = refund.refunded_at.unwrap_or(timestamp);
        }
        let raw = document(&());
        let mut envelope = Envelope { timestamp, status, stands, doc, payment, refund, quantity, attendees, raw };
        envelope.raw = envelope_document(&envelope);
        envelope
    })
}

fn envelope_document(envelope: &Envelope) -> boxoffice_core::document::Document {
    document(&(&envelope.doc, envelope.status, envelope.stands, envelope.payment, envelope.refund, envelope.quantity))
}

fn order(platform: Platform, words: &'static [&'static str]) -> impl Strategy<Value = OrderCopy> {
    (version(), order_doc(words))
        .prop_map(move |(version, doc)| OrderCopy::of(platform, version, doc.clone(), document(&doc)))
}

fn order_doc(words: &'static [&'static str]) -> impl Strategy<Value = OrderDoc> {
    let money = (option::of(amount()), option::of(amount()), option::of(amount()), option::of(amount()));
    let rest = (option::of(instant()), option::of(any::<bool>()), prop::collection::vec(name(), 0..2));
    (option::of(select(words)), option::of(name()), option::of(currency()), money, rest).prop_map(
        |(status, name, currency, (purchase_total, total, refunds, fees), (purchased, opt_in, ticket_types))| {
            OrderDoc {
                platform_status: status.map(str::to_owned),
                external_event_id: name.clone(),
                customer_name: name,
                currency,
                purchase_total,
                total,
                refunds,
                fees,
                purchased,
                marketing_opt_in: opt_in,
                ticket_types,
                ..OrderDoc::default()
            }
        },
    )
}

/// Every attendee at most once, as a platform lists them.
fn attendees() -> impl Strategy<Value = Vec<AttendeeCopy>> {
    prop::collection::vec(attendee(), 0..4).prop_map(|mut copies| {
        copies.sort_by(|a, b| a.id.cmp(&b.id));
        copies.dedup_by(|a, b| a.id == b.id);
        copies
    })
}

fn attendee() -> impl Strategy<Value = AttendeeCopy> {
    let void = select(&[Void::Valid, Void::Valid, Void::Cancelled, Void::Refunded][..]);
    let dates = (any::<bool>(), option::of(instant()));
    let text = (option::of(name()), option::of(name()), option::of(currency()));
    let money =
        (option::of(amount()), option::of(select(&[0, 50_000][..]).prop_map(Amount)), option::of(any::<bool>()));
    (id(), version(), void, dates, prop::bool::weighted(0.2), text, money).prop_map(
        |(id, version, void, (checked_in, check_in_date), donation, (name, ticket_type, currency), money)| {
            let (price, fees, paid) = money;
            let barcode = name.clone();
            let doc = AttendeeDoc {
                void,
                checked_in,
                check_in_date,
                donation,
                name,
                ticket_type,
                price,
                barcode,
                currency,
                ..AttendeeDoc::default()
            };
            // The effective version: no date inside is newer.
            let version = version.max(check_in_date.unwrap_or_default());
            AttendeeCopy { id, version, raw: document(&(&doc, fees, paid)), doc, fees, paid }
        },
    )
}

fn id() -> impl Strategy<Value = String> {
    select(&["a", "b", "c"][..]).prop_map(str::to_owned)
}

fn name() -> impl Strategy<Value = String> {
    select(&["N0", "N1"][..]).prop_map(str::to_owned)
}

fn currency() -> impl Strategy<Value = Currency> {
    select(&["AUD", "NZD"][..]).prop_map(|code| Currency::parse(code).expect("a currency"))
}

fn amount() -> impl Strategy<Value = Amount> {
    select(&[0, 250_000, 500_000, 750_000][..]).prop_map(Amount)
}

/// Around every limit of the rules: the lag, the ten minutes of sightings, the twenty of a 404.
fn instant() -> impl Strategy<Value = Micros> {
    select(&[0, 1, 60, 599, 600, 601, 1_199, 1_200, 1_201, 1_800, 3_600, 7_200][..])
        .prop_map(|seconds: i64| 1_790_000_000_000_000 + seconds * 1_000_000)
}

/// An instant, or the 0 of a version that was missing.
fn version() -> impl Strategy<Value = Micros> {
    prop_oneof![9 => instant(), 1 => Just(0)]
}
