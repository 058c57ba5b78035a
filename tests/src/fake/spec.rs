//! What a test says about an event or a purchase; the rest is made up.

use super::clock::{DAY, MINUTE, real_now};

/// A kind of ticket of an event.
#[derive(Debug, Clone)]
pub struct TicketType {
    /// Its name.
    pub name: String,
    /// Face value in minor units.
    pub price: i64,
    /// A line that carries money and is nobody's ticket.
    pub donation: bool,
}

/// An event.
#[derive(Debug, Clone)]
pub struct EventSpec {
    /// Title.
    pub title: String,
    /// Name of the venue.
    pub venue: String,
    /// Start, in milliseconds since 1970.
    pub starts_at: i64,
    /// End.
    pub ends_at: i64,
    /// IANA name.
    pub time_zone: String,
    /// Offset of that zone at the event; only the local times of Eventbrite need it.
    pub offset_minutes: i64,
    /// ISO 4217.
    pub currency: String,
    /// Places.
    pub capacity: i64,
    /// Kinds of tickets.
    pub tickets: Vec<TicketType>,
    /// Starts and ends of the dates (Humanitix). Empty: one date, the event's own.
    pub dates: Vec<(i64, i64)>,
    /// Data region (Humanitix). One that is not `AU` is only shown with `overrideLocation`.
    pub location: String,
    /// Whose it is: an Eventbrite organization id or a Humanitix key. `None`: the first.
    pub owner: Option<String>,
    /// The organizer pays the fees (Humanitix).
    pub absorb_fees: bool,
    /// Tax on the face value (Eventbrite), in percent.
    pub tax_percent: i64,
}

impl EventSpec {
    /// An evening in Sydney in a month, with tickets at 30.00 AUD and 15.00 AUD.
    pub fn new(title: &str) -> EventSpec {
        let starts_at = (real_now() / DAY + 30) * DAY + 510 * MINUTE;
        EventSpec {
            title: title.to_owned(),
            venue: "The Cellar".to_owned(),
            starts_at,
            ends_at: starts_at + 150 * MINUTE,
            time_zone: "Australia/Sydney".to_owned(),
            offset_minutes: 660,
            currency: "AUD".to_owned(),
            capacity: 400,
            tickets: Vec::new(),
            dates: Vec::new(),
            location: "AU".to_owned(),
            owner: None,
            absorb_fees: false,
            tax_percent: 0,
        }
        .ticket("General Admission", 3000)
        .ticket("Concession", 1500)
    }

    /// One more kind of ticket.
    #[must_use]
    pub fn ticket(mut self, name: &str, price: i64) -> EventSpec {
        self.tickets.push(TicketType { name: name.to_owned(), price, donation: false });
        self
    }

    /// One more line that is a donation.
    #[must_use]
    pub fn donation(mut self, name: &str, price: i64) -> EventSpec {
        self.tickets.push(TicketType { name: name.to_owned(), price, donation: true });
        self
    }

    /// One more date.
    #[must_use]
    pub fn date(mut self, starts_at: i64, ends_at: i64) -> EventSpec {
        self.dates.push((starts_at, ends_at));
        self
    }

    /// In another currency.
    #[must_use]
    pub fn currency(mut self, currency: &str) -> EventSpec {
        currency.clone_into(&mut self.currency);
        self
    }

    /// Of another owner.
    #[must_use]
    pub fn owner(mut self, owner: &str) -> EventSpec {
        self.owner = Some(owner.to_owned());
        self
    }
}

/// Somebody with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Given name.
    pub first: String,
    /// Family name.
    pub last: String,
    /// E-mail address.
    pub email: String,
    /// Telephone number. Eventbrite orders have none.
    pub phone: Option<String>,
}

impl Person {
    /// With an address at example.org.
    pub fn new(first: &str, last: &str) -> Person {
        Person {
            first: first.to_owned(),
            last: last.to_owned(),
            email: format!("{}.{}@example.org", first.to_lowercase(), last.to_lowercase()),
            phone: Some("+61491570156".to_owned()),
        }
    }

    /// The whole name.
    pub fn name(&self) -> String {
        format!("{} {}", self.first, self.last)
    }
}

/// A purchase.
#[derive(Debug, Clone)]
pub struct PurchaseSpec {
    /// Who pays.
    pub buyer: Person,
    /// Kind of ticket (position in the event's list) and holder of each line; donations are lines too.
    pub tickets: Vec<(usize, Person)>,
    /// Taken off the face values together, in minor units.
    pub discount: i64,
    /// Paid by American Express: a further fee (Humanitix), in minor units.
    pub amex_fee: i64,
    /// Which date of the event (Humanitix).
    pub date: usize,
    /// Given away by the organizer: nothing is charged, whatever the tickets' price is.
    pub complimentary: bool,
    /// Marketing consent.
    pub opt_in: Option<bool>,
    /// When it was paid, in milliseconds since 1970. `None`: now by the platform's clock.
    pub completed_at: Option<i64>,
    /// When the checkout began. `None`: 75 seconds before it was paid.
    pub created_at: Option<i64>,
}

impl PurchaseSpec {
    /// Tickets of the first kind, all for the buyer.
    pub fn new(buyer: Person, count: usize) -> PurchaseSpec {
        let tickets = (0..count).map(|_| (0, buyer.clone())).collect();
        PurchaseSpec {
            buyer,
            tickets,
            discount: 0,
            amex_fee: 0,
            date: 0,
            complimentary: false,
            opt_in: Some(false),
            completed_at: None,
            created_at: None,
        }
    }

    /// One more line.
    #[must_use]
    pub fn ticket(mut self, kind: usize, holder: Person) -> PurchaseSpec {
        self.tickets.push((kind, holder));
        self
    }

    /// With a discount.
    #[must_use]
    pub fn discount(mut self, minor: i64) -> PurchaseSpec {
        self.discount = minor;
        self
    }

    /// For another date.
    #[must_use]
    pub fn date(mut self, date: usize) -> PurchaseSpec {
        self.date = date;
        self
    }

    /// Given away.
    #[must_use]
    pub fn complimentary(mut self) -> PurchaseSpec {
        self.complimentary = true;
        self
    }

    /// Paid at another time.
    #[must_use]
    pub fn completed_at(mut self, at: i64) -> PurchaseSpec {
        self.completed_at = Some(at);
        self
    }
}
