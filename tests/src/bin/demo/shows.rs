//! What is on sale, and what buyers and organizers do with it.

use boxoffice_tests::Result;
use boxoffice_tests::fake::{EventSpec, Fake, Person, Platform, PurchaseSpec, TicketType, clock};
use boxoffice_tests::random::Random;

/// An event on one platform.
#[derive(Debug)]
pub struct Show {
    /// End of the id of our event. Two shows with the same one are one event that is sold on both platforms.
    pub key: &'static str,
    pub platform: Platform,
    title: &'static str,
    venue: &'static str,
    time_zone: &'static str,
    offset_minutes: i64,
    capacity: i64,
    currency: &'static str,
    /// From now to the show.
    in_days: i64,
    /// Name and price, in minor units.
    tickets: &'static [(&'static str, i64)],
    /// How many orders come in, in each part of the day.
    orders: usize,
}

/// All shows.
pub const SHOWS: &[Show] = &[
    Show {
        key: "harbour",
        platform: Platform::Humanitix,
        title: "Laughs on the Harbour",
        venue: "The Wharf Cellar",
        time_zone: "Australia/Sydney",
        offset_minutes: 600,
        capacity: 600,
        currency: "AUD",
        in_days: 14,
        tickets: &[("General Admission", 3000), ("VIP Seating", 5550), ("Concession", 2200)],
        orders: 25,
    },
    Show {
        key: "harbour",
        platform: Platform::Eventbrite,
        title: "Laughs on the Harbour",
        venue: "The Wharf Cellar",
        time_zone: "Australia/Sydney",
        offset_minutes: 600,
        capacity: 600,
        currency: "AUD",
        in_days: 14,
        tickets: &[("General Admission", 3200), ("VIP Seating", 5800)],
        orders: 15,
    },
    Show {
        key: "new-faces",
        platform: Platform::Humanitix,
        title: "Raw Material: New Faces",
        venue: "Brunswick Back Room",
        time_zone: "Australia/Melbourne",
        offset_minutes: 600,
        capacity: 240,
        currency: "AUD",
        in_days: 3,
        tickets: &[("Free Entry", 0), ("Supporter", 1500)],
        orders: 15,
    },
    Show {
        key: "auckland",
        platform: Platform::Humanitix,
        title: "Hecklers Anonymous",
        venue: "Ponsonby Loft",
        time_zone: "Pacific/Auckland",
        offset_minutes: 720,
        capacity: 300,
        currency: "NZD",
        in_days: 30,
        tickets: &[("General Admission", 3900), ("Group of 4+", 3250)],
        orders: 20,
    },
    Show {
        key: "tokyo",
        platform: Platform::Eventbrite,
        title: "Tokyo English Comedy",
        venue: "Shibuya Basement",
        time_zone: "Asia/Tokyo",
        offset_minutes: 540,
        capacity: 200,
        currency: "JPY",
        in_days: 21,
        tickets: &[("Advance", 2500), ("Front Row", 4000)],
        orders: 12,
    },
];

const FIRST: [&str; 12] =
    ["Amelia", "Jack", "Mia", "Linh", "Arjun", "Zoë", "Tane", "Siobhán", "Yuki", "Omar", "Priya", "Noah"];
const LAST: [&str; 10] =
    ["Nguyen", "O'Sample", "Example", "Placeholder", "Tester", "Müller", "Fictus", "Demo", "Tanaka", "Haddad"];

impl Show {
    /// Puts it on sale; the platform's id of the event.
    pub fn open(&self, fake: &Fake) -> Result<String> {
        let mut spec = EventSpec::new(self.title);
        spec.starts_at = (clock::real_now() / clock::DAY + self.in_days) * clock::DAY + 570 * clock::MINUTE;
        spec.ends_at = spec.starts_at + 150 * clock::MINUTE;
        (spec.venue, spec.time_zone, spec.currency) =
            (self.venue.to_owned(), self.time_zone.to_owned(), self.currency.to_owned());
        (spec.offset_minutes, spec.capacity) = (self.offset_minutes, self.capacity);
        let kind = |&(name, price): &(&str, i64)| TicketType { name: name.to_owned(), price, donation: false };
        spec.tickets = self.tickets.iter().map(kind).collect();
        fake.create_event(self.platform, spec)
    }
}

/// The orders that nothing but the purchase has happened to.
#[derive(Debug, Default)]
pub struct Orders(Vec<Order>);

#[derive(Debug)]
struct Order {
    id: String,
    platform: Platform,
    lines: usize,
}

impl Orders {
    /// A part of the day: purchases, and something else happens to a quarter of all orders. Says how many were bought.
    pub fn sell(&mut self, fake: &Fake, events: &[String], random: &mut Random) -> Result<usize> {
        let mut sold = 0;
        for (show, event) in SHOWS.iter().zip(events) {
            for _ in 0..show.orders {
                let buyer = person(random);
                let lines = 1 + random.below(4);
                let mut purchase = PurchaseSpec::new(buyer.clone(), 0);
                for line in 0..lines {
                    let holder = if line == 0 { buyer.clone() } else { person(random) };
                    purchase = purchase.ticket(random.below(show.tickets.len()), holder);
                }
                if random.below(10) == 0 {
                    purchase = purchase.discount(500);
                }
                self.0.push(Order { id: fake.purchase(event, purchase)?, platform: show.platform, lines });
                sold += 1;
            }
        }
        self.disturb(fake, self.0.len() / 4, random)?;
        Ok(sold)
    }

    /// Something happens to that many orders: refunds, cancellations, transfers, check-ins.
    pub fn disturb(&mut self, fake: &Fake, count: usize, random: &mut Random) -> Result {
        random.shuffle(&mut self.0);
        for Order { id, platform, lines } in self.0.split_off(self.0.len().saturating_sub(count)) {
            let line = random.below(lines);
            match random.below(10) {
                0 => fake.refund(&id)?,
                1 | 2 => fake.refund_tickets(&id, &[line])?,
                3 => fake.cancel(&id)?,
                4 => fake.cancel_ticket(&id, line)?,
                5 => fake.transfer(&id, line, &person(random))?,
                6 => fake.change_buyer(&id, &person(random))?,
                7 if platform == Platform::Eventbrite => fake.request_refund(&id)?,
                _ => fake.check_in(&id, line)?,
            }
        }
        Ok(())
    }
}

/// Somebody who does not exist.
fn person(random: &mut Random) -> Person {
    let mut person = Person::new(FIRST[random.below(FIRST.len())], LAST[random.below(LAST.len())]);
    person.email = format!("fan{}@example.com", random.below(100_000));
    person.phone = Some(format!("+61491570{:03}", random.below(1000)));
    person
}
