//! Who buys, when, and what becomes of it: the deeds of a season, in the order of time.

use std::collections::HashMap;

use anyhow::Context as _;
use boxoffice_tests::Result;
use boxoffice_tests::fake::{Fake, Person, Platform, PurchaseSpec, clock};
use boxoffice_tests::random::Random;

use super::programme::End;
use super::season::Night;

const FIRST: [&str; 12] =
    ["Amelia", "Jack", "Mia", "Linh", "Arjun", "Zoë", "Tane", "Siobhán", "Yuki", "Omar", "Priya", "Noah"];
const LAST: [&str; 10] =
    ["Nguyen", "O'Sample", "Example", "Placeholder", "Tester", "Müller", "Fictus", "Demo", "Tanaka", "Haddad"];
/// How many people there are; the first ones come again and again.
const FANS: usize = 260;
/// Orders that the house gives away, for each night.
const COMPS: usize = 4;

/// Something that happens to an order.
#[derive(Debug, Clone)]
enum Deed {
    Buy {
        event: String,
        purchase: PurchaseSpec,
    },
    Reserve {
        event: String,
        purchase: PurchaseSpec,
    },
    Pay,
    Refund,
    RefundLessFees,
    RefundOne,
    RefundSome(i64),
    AskForRefund,
    Transfer(Person),
    Cancel,
    /// Share of the tickets that come in, in percent.
    Arrive {
        percent: usize,
        seed: u64,
    },
}

/// All deeds so far and to come.
#[derive(Debug)]
pub struct Audience {
    random: Random,
    deeds: Vec<(i64, usize, Deed)>,
    orders: HashMap<usize, String>,
    next: usize,
}

/// What comes of a purchase in the end, in percent of the orders.
const FATES: [(usize, Deed); 5] = [
    (2, Deed::Refund),
    (2, Deed::RefundLessFees),
    (4, Deed::RefundOne),
    (1, Deed::RefundSome(500)),
    (2, Deed::AskForRefund),
];

impl Audience {
    /// Everything that happens until `now`.
    pub fn new(seed: u64, nights: &[Night], now: i64) -> Result<Audience> {
        let mut audience = Audience { random: Random::new(seed), deeds: Vec::new(), orders: HashMap::new(), next: 0 };
        // What was sold somewhere else is heard of by webhooks only.
        for night in nights.iter().filter(|night| night.series.end != End::NotOurs) {
            audience.sell(night)?;
            audience.reserve(night, now)?;
        }
        audience.deeds.retain(|(at, _, _)| *at < now);
        audience.deeds.sort_by_key(|(at, order, _)| (*at, *order));
        Ok(audience)
    }

    fn sell(&mut self, night: &Night) -> Result {
        let series = night.series;
        let places = series.capacity * series.full / 100 + i64::try_from(self.random.below(12))? - 6;
        let mut left = places.min(series.capacity);
        while left > 0 {
            let (platform, event) = &night.external[self.random.below(night.external.len())];
            // The least of several chances: most people make up their minds late.
            let minutes = usize::try_from(series.on_sale * 1440)?;
            let before = (0..series.late).map(|_| self.random.below(minutes)).min().unwrap_or_default();
            let at = night.starts_at - (i64::try_from(before)? + 30) * clock::MINUTE;
            let count = [1, 2, 2, 2, 3, 4, 2, 1][self.random.below(8)].min(usize::try_from(left)?);
            left -= i64::try_from(count)?;
            let called_off = series.end == End::CalledOff;
            if called_off && at > night.starts_at - 2 * clock::DAY {
                continue;
            }
            let purchase = self.purchase(night, count, at)?;
            let order = self.order();
            self.deeds.push((at, order, Deed::Buy { event: event.clone(), purchase }));
            if called_off {
                self.deeds.push((night.starts_at - clock::DAY, order, Deed::Refund));
                continue;
            }
            self.fate(order, at, night, *platform)?;
            self.arrive(order, night, 91);
        }
        if series.capacity > 60 && series.end == End::Played {
            for _ in 0..COMPS {
                let at = night.starts_at - (2 + i64::try_from(self.random.below(5))?) * clock::DAY;
                let purchase = self.purchase(night, 2, at)?.complimentary();
                let (order, event) = (self.order(), night.external[0].1.clone());
                self.deeds.push((at, order, Deed::Buy { event, purchase }));
                match self.random.below(20) {
                    0 => self.deeds.push((at + clock::DAY, order, Deed::Cancel)),
                    _ => self.arrive(order, night, 70),
                }
            }
        }
        Ok(())
    }

    /// Companies that pay by invoice, for nights that are sold on both platforms: half of them have not done so yet.
    fn reserve(&mut self, night: &Night, now: i64) -> Result {
        let Some((_, event)) = night.external.iter().find(|(platform, _)| *platform == Platform::Eventbrite) else {
            return Ok(());
        };
        for days in (2..14).step_by(2).filter(|_| night.external.len() > 1) {
            let (at, count) = (now - days * clock::DAY, 2 + self.random.below(4));
            let purchase = self.purchase(night, count, at)?;
            let order = self.order();
            self.deeds.push((at, order, Deed::Reserve { event: event.clone(), purchase }));
            if days % 4 == 0 {
                self.deeds.push((at + clock::DAY, order, Deed::Pay));
            }
        }
        Ok(())
    }

    fn order(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    /// What may happen between purchase and show.
    fn fate(&mut self, order: usize, at: i64, night: &Night, platform: Platform) -> Result {
        let mut chance = self.random.below(100);
        let until = night.starts_at - 120 * clock::MINUTE;
        let later = at + (60 + i64::try_from(self.random.below(4 * 1440))?) * clock::MINUTE;
        let later = later.min(until).max(at + 10 * clock::MINUTE);
        for (percent, deed) in FATES {
            if chance < percent {
                let possible = !matches!(deed, Deed::AskForRefund) || platform == Platform::Eventbrite;
                self.deeds.extend(possible.then_some((later, order, deed)));
                return Ok(());
            }
            chance -= percent;
        }
        if chance < 3 {
            let friend = self.fan();
            self.deeds.push((later, order, Deed::Transfer(friend)));
        }
        Ok(())
    }

    fn arrive(&mut self, order: usize, night: &Night, percent: usize) {
        let minutes = i64::try_from(self.random.below(40)).unwrap_or_default();
        let at = night.starts_at + (minutes - 30) * clock::MINUTE;
        let seed = u64::try_from(self.random.below(1 << 30)).unwrap_or_default();
        self.deeds.push((at, order, Deed::Arrive { percent, seed }));
    }

    fn purchase(&mut self, night: &Night, count: usize, at: i64) -> Result<PurchaseSpec> {
        let buyer = self.fan();
        let kinds = night.kinds();
        let kind = self.random.below(kinds);
        let mut purchase = PurchaseSpec::new(buyer.clone(), 0).date(night.date).completed_at(at);
        for line in 0..count {
            let holder = if line == 0 { buyer.clone() } else { self.fan() };
            purchase = purchase.ticket(kind, holder);
        }
        if self.random.below(14) == 0 {
            purchase = purchase.discount(500);
        }
        Ok(purchase)
    }

    /// Somebody who does not exist; the same number is the same person everywhere.
    fn fan(&mut self) -> Person {
        let number = (0..3).map(|_| self.random.below(FANS)).min().unwrap_or_default();
        let mut person = Person::new(FIRST[number % FIRST.len()], LAST[(number + number / FIRST.len()) % LAST.len()]);
        person.email = format!("fan{number}@example.com");
        person.phone = Some(format!("+61491570{number:03}"));
        person
    }

    /// Lets everything happen, each at its time. Says how many orders there were.
    pub fn play(&mut self, fake: &Fake) -> Result<usize> {
        let mut sold = 0;
        for (at, order, deed) in std::mem::take(&mut self.deeds) {
            fake.set_clock_offset(at - clock::real_now());
            sold += usize::from(matches!(deed, Deed::Buy { .. } | Deed::Reserve { .. }));
            self.act(fake, order, deed)?;
        }
        Ok(sold)
    }

    fn act(&mut self, fake: &Fake, order: usize, deed: Deed) -> Result {
        let id = match deed {
            Deed::Buy { event, purchase } => {
                self.orders.insert(order, fake.purchase(&event, purchase)?);
                return Ok(());
            }
            Deed::Reserve { event, purchase } => {
                self.orders.insert(order, fake.reserve(&event, purchase)?);
                return Ok(());
            }
            _ => self.orders.get(&order).context("something happens to an order before it is made")?,
        };
        match deed {
            Deed::Buy { .. } | Deed::Reserve { .. } => Ok(()),
            Deed::Pay => fake.pay(id),
            Deed::Refund => fake.refund(id),
            Deed::RefundLessFees => {
                let lines: Vec<usize> = (0..fake.ticket_ids(id)?.len()).collect();
                fake.refund_tickets_less_fees(id, &lines)
            }
            Deed::RefundOne => fake.refund_tickets_less_fees(id, &[0]),
            Deed::RefundSome(minor) => fake.refund_amount(id, minor),
            Deed::AskForRefund => fake.request_refund(id),
            Deed::Transfer(to) => fake.transfer(id, 0, &to),
            Deed::Cancel => fake.cancel(id),
            Deed::Arrive { percent, seed } => {
                let mut random = Random::new(seed);
                for line in 0..fake.ticket_ids(id)?.len() {
                    if random.below(100) < percent {
                        // Whose ticket is void is not let in.
                        let _ = fake.check_in(id, line);
                    }
                }
                Ok(())
            }
        }
    }

    /// An evening of sales for the nights to come, in the last hours before now. `ours`: of ours, or of those of others.
    pub fn evening(&mut self, nights: &[Night], now: i64, ours: bool) -> Result {
        let coming = nights.iter().filter(|night| night.starts_at > now && (night.series.end != End::NotOurs) == ours);
        for night in coming {
            for _ in 0..4 + self.random.below(5) {
                let (platform, event) = night.external[self.random.below(night.external.len())].clone();
                let at = now - (20 + i64::try_from(self.random.below(160))?) * clock::MINUTE;
                let count = 1 + self.random.below(3);
                let purchase = self.purchase(night, count, at)?;
                let order = self.order();
                self.deeds.push((at, order, Deed::Buy { event, purchase }));
                let deed = match self.random.below(8) {
                    0 => Deed::RefundOne,
                    1 => Deed::Transfer(self.fan()),
                    2 if platform == Platform::Eventbrite => Deed::AskForRefund,
                    _ => continue,
                };
                self.deeds.push((at + 5 * clock::MINUTE, order, deed));
            }
        }
        self.deeds.sort_by_key(|(at, order, _)| (*at, *order));
        Ok(())
    }
}
