//! The truth is what the answers add up to by the documented merge rules, whatever happened before.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use boxoffice_core::merge::State;
use boxoffice_core::observation::{Fact, Payment};
use boxoffice_core::platform::ResourceKind;
use boxoffice_tests::Result;
use boxoffice_tests::fake::Platform;
use boxoffice_tests::fake::{EventSpec, Fake, Person, PurchaseSpec, RefundStatus, TruthOrder, clock};
use boxoffice_tests::random::Random;

use super::{get, items, ok, text, wilhelmina};

const EB: Platform = Platform::Eventbrite;
const HX: Platform = Platform::Humanitix;

/// A system that reads everything, with the project's merge rules.
#[derive(Default)]
pub(super) struct Reader(BTreeMap<String, State>);

impl Reader {
    fn take(&mut self, platform: Platform, kind: ResourceKind, body: &[u8], at: i64) -> Result {
        let read = platform.resource(kind, body, Some(at * 1000), at * 1000)?;
        assert!(read.notes.is_empty(), "{:?}", read.notes);
        for observation in read.observations {
            self.0.entry(observation.key.order_id).or_default().observe(&observation.fact);
        }
        Ok(())
    }

    /// Reads all orders and tickets of an event; what it knows and does not find, it asks for.
    pub(super) async fn sweep(&mut self, fake: &Fake, platform: Platform, event: &str, at: i64) -> Result {
        let (lists, key): (Vec<(String, ResourceKind)>, _) = match platform {
            HX => {
                let list = |what: &str| format!("/v1/events/{event}/{what}?pageSize=100&page=1");
                (vec![(list("orders"), ResourceKind::Orders), (list("tickets"), ResourceKind::Tickets)], "_id")
            }
            EB => {
                let path = format!("/v3/events/{event}/orders/?expand=attendees,refund_requests");
                (vec![(path, ResourceKind::Orders)], "id")
            }
        };
        let mut found = Vec::new();
        for (path, kind) in lists {
            let body = ok(fake, platform, &path).await?;
            found.extend(items(&body, "orders").iter().map(|order| text(order, key).to_owned()));
            self.take(platform, kind, body.to_string().as_bytes(), at)?;
        }
        for (id, state) in &mut self.0 {
            if !found.contains(id) {
                let path = match platform {
                    HX => format!("/v1/events/{event}/orders/{id}"),
                    EB => format!("/v3/orders/{id}/"),
                };
                assert_eq!(get(fake, platform, &path).await?.status, 404);
                state.observe(&Fact::Gone { attendee_id: None, fetched_at: at * 1000 });
            }
            state.observe(&Fact::TicketsSwept(at * 1000));
        }
        Ok(())
    }

    pub(super) fn same(&self, platform: Platform, truth: &[TruthOrder]) -> Result {
        for truth in truth {
            let derived = self.0.get(&truth.order_id).and_then(|state| state.derive(*platform));
            let derived = derived.with_context(|| format!("no such order: {truth:?}"))?;
            let sale = &derived.sale;
            let shown = (
                sale.customer_name.as_deref().unwrap_or_default(),
                sale.customer_email.as_deref().unwrap_or_default(),
                sale.customer_phone.as_deref(),
                sale.external_event_id.as_deref().unwrap_or_default(),
                sale.external_session_id.as_deref(),
                sale.total_amount.unwrap_or_default().to_numeric(sale.currency),
                sale.refund_amount.unwrap_or_default().to_numeric(sale.currency),
                sale.refund_status.as_str(),
                sale.kept_amount.unwrap_or_default().to_numeric(sale.currency),
                sale.net_amount.unwrap_or_default().to_numeric(sale.currency),
                sale.payment_status.map(Payment::as_str),
                (sale.ticket_quantity, sale.valid_quantity),
            );
            let expected = (
                truth.buyer_name.as_str(),
                truth.buyer_email.as_str(),
                truth.buyer_phone.as_deref(),
                truth.event_id.as_str(),
                truth.session_id.as_deref(),
                truth.total_amount.to_string(),
                truth.refund_amount.to_string(),
                truth.refund_status.as_str(),
                truth.kept_amount.to_string(),
                truth.net_amount.to_string(),
                Some(truth.payment_status),
                (Some(truth.ticket_quantity), Some(truth.valid_quantity)),
            );
            assert_eq!(shown, expected, "{truth:#?}");
            let people = derived.attendees.iter().filter(|attendee| !attendee.donation).map(|attendee| {
                (
                    attendee.id.clone(),
                    attendee.name.clone().unwrap_or_default(),
                    attendee.email.clone(),
                    attendee.ticket_type.clone().unwrap_or_default(),
                    attendee.status.as_str(),
                    attendee.price.unwrap_or_default().to_numeric(sale.currency),
                    attendee.barcode.clone().unwrap_or_default(),
                )
            });
            let mut people: Vec<_> = people.collect();
            let expected = truth.attendees.iter().cloned().map(|attendee| {
                let (status, price) = (attendee.status.as_str(), attendee.price.to_string());
                (attendee.id, attendee.name, attendee.email, attendee.ticket_type, status, price, attendee.barcode)
            });
            let mut expected: Vec<_> = expected.collect();
            people.sort();
            expected.sort();
            assert_eq!(people, expected, "{truth:#?}");
        }
        Ok(())
    }
}

/// Something happens to an order; what cannot happen to it does not.
fn act(fake: &Fake, random: &mut Random, order: &str) {
    let Ok(lines) = fake.ticket_ids(order) else { return };
    let line = random.below(lines.len());
    let to = Person::new("Somebody", ["Else", "New", "Different"][random.below(3)]);
    let _ = match random.below(13) {
        0 => fake.refund(order),
        1 | 2 => fake.refund_tickets(order, &[line]),
        3 => fake.refund_amount(order, [100, 700, 1500, 3000][random.below(4)]),
        4 => fake.request_refund(order),
        5 => fake.cancel(order),
        6 => fake.delete(order),
        7 => fake.cancel_ticket(order, line),
        8 => fake.transfer(order, line, &to),
        9 => fake.rename(order, line, &to),
        10 => fake.check_in(order, line),
        11 => fake.check_out(order, line),
        _ => fake.change_buyer(order, &to),
    };
}

#[tokio::test]
async fn many_histories_read_as_their_truth() -> Result {
    let mut statuses = BTreeSet::new();
    for seed in 0..12 {
        let mut random = Random::new(seed);
        for platform in Platform::ALL {
            let fake = Fake::builder().seed(seed).clock_offset(-3 * clock::DAY).start().await?;
            fake.switch(|switches| {
                switches.donation_flag = true;
                switches.refunds_drop_costs = seed % 2 == 1;
                switches.check_in_keeps_version = seed % 3 == 2;
                switches.no_purchase_totals = seed % 4 == 3;
                switches.page_size = 1000;
            });
            let currency = ["AUD", "JPY", "KWD"][random.below(3)];
            let mut spec = EventSpec::new("Friday").ticket("Free", 0).donation("For the roof", 1000).currency(currency);
            spec.absorb_fees = seed % 5 == 4;
            let event = fake.create_event(platform, spec)?;
            let orders = fake.bulk_orders(&event, 25, 10)?;
            let mut reader = Reader::default();
            for day in (0..3).rev() {
                reader.sweep(&fake, platform, &event, fake.now() + 30 * clock::MINUTE).await?;
                fake.set_clock_offset(-day * clock::DAY);
                for order in &orders {
                    // What it was at its end must have been read: nothing happens to it before that on the same day.
                    if random.below(20) == 0 && fake.erase(order).is_ok() {
                        continue;
                    }
                    for _ in 0..random.below(3) {
                        act(&fake, &mut random, order);
                    }
                }
            }
            reader.sweep(&fake, platform, &event, fake.now() + 30 * clock::MINUTE).await?;
            let truth = fake.truth_of_event(&event);
            reader.same(platform, &truth)?;
            statuses.extend(truth.iter().map(|order| (platform, order.refund_status.as_str())));
        }
    }
    assert_eq!(statuses.len(), 9, "each platform comes to all of its ends: {statuses:?}");
    Ok(())
}

#[tokio::test]
async fn refund_transfer_and_check_in_by_hand() -> Result {
    let fake = Fake::start().await?;
    let event = fake.create_event(HX, EventSpec::new("Friday"))?;
    let order = fake.purchase(&event, PurchaseSpec::new(wilhelmina(), 2))?;
    fake.check_in(&order, 0)?;
    fake.transfer(&order, 1, &Person::new("Bao", "Nguyen"))?;
    let truth = fake.truth_of(&order).expect("an order");
    assert_eq!((truth.ticket_quantity, truth.valid_quantity), (3, 2), "a swap makes a new ticket");
    assert_eq!((truth.total_amount.to_string().as_str(), truth.refund_status), ("64.20", RefundStatus::None));
    let status: Vec<_> = truth.attendees.iter().map(|a| (a.name.as_str(), a.status.as_str())).collect();
    let expected =
        [("Wilhelmina Canary", "checked_in"), ("Wilhelmina Canary", "cancelled"), ("Bao Nguyen", "registered")];
    assert_eq!(status, expected);
    fake.refund(&order)?;
    let truth = fake.truth_of(&order).expect("an order");
    assert_eq!((truth.refund_amount.to_string().as_str(), truth.refund_status), ("60.00", RefundStatus::Refunded));
    assert!(fake.refund_amount(&order, 1).is_err(), "nothing is left");

    let event = fake.create_event(EB, EventSpec::new("Friday"))?;
    let order = fake.cart(&event, PurchaseSpec::new(wilhelmina(), 2))?;
    assert!(fake.truth_of(&order).is_none() && fake.truth(EB).is_empty(), "a cart is no sale");
    fake.complete_cart(&order)?;
    fake.transfer(&order, 1, &Person::new("Bao", "Nguyen"))?;
    fake.refund_tickets(&order, &[0])?;
    let truth = fake.truth_of(&order).expect("an order");
    assert_eq!((truth.ticket_quantity, truth.valid_quantity), (2, 1));
    let money = (truth.total_amount.to_string(), truth.refund_amount.to_string());
    assert_eq!((money, truth.refund_status), (("67.38".to_owned(), "33.69".to_owned()), RefundStatus::Partial));
    let last = fake.purchase(&event, PurchaseSpec::new(wilhelmina(), 1))?;
    fake.erase(&last)?;
    let truth = fake.truth_of(&last).expect("an order");
    assert!(truth.erased && truth.refund_status == RefundStatus::Cancelled && truth.valid_quantity == 0);
    assert!(fake.rename(&last, 0, &wilhelmina()).is_err(), "it is gone");
    Ok(())
}

#[tokio::test]
async fn ten_thousand_orders_are_made_and_read() -> Result {
    let fake = Fake::start().await?;
    let event = fake.create_event(EB, EventSpec::new("Festival"))?;
    assert_eq!(fake.bulk_orders(&event, 10_000, 100)?.len(), 10_000);
    assert_eq!(fake.truth(EB).len(), 10_000);
    let (mut path, mut read) = (format!("/v3/events/{event}/orders/?expand=attendees"), 0);
    let first = path.clone();
    loop {
        let body = ok(&fake, EB, &path).await?;
        read += items(&body, "orders").len();
        let Some(token) = body["pagination"]["continuation"].as_str() else { break };
        path = format!("{first}&continuation={token}");
    }
    assert_eq!(read, 10_000);
    Ok(())
}
