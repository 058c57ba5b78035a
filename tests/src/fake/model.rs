//! What the platforms hold: events and orders, each with all its versions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::fake::platform::Platform;

use super::spec::{EventSpec, Person};
use crate::random::Random;

/// All versions of a thing, the oldest first, and when each was made by the real clock, for replicas that lag.
#[derive(Debug)]
pub(super) struct Versions<T>(Vec<(Instant, Arc<T>)>);

impl<T> Versions<T> {
    pub(super) fn new(first: T) -> Versions<T> {
        Versions(vec![(Instant::now(), Arc::new(first))])
    }

    pub(super) fn push(&mut self, next: T) {
        self.0.push((Instant::now(), Arc::new(next)));
    }

    pub(super) fn newest(&self) -> Option<&Arc<T>> {
        self.0.last().map(|(_, thing)| thing)
    }

    /// As a replica shows it that is that far behind.
    pub(super) fn behind(&self, lag: Duration) -> Option<&Arc<T>> {
        if lag.is_zero() {
            return self.newest();
        }
        self.0.iter().rev().find(|(at, _)| at.elapsed() >= lag).map(|(_, thing)| thing)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Event {
    pub id: String,
    pub platform: Platform,
    pub spec: EventSpec,
    /// Organization (Eventbrite) or key (Humanitix).
    pub owner: String,
    pub type_ids: Vec<String>,
    /// Id, start, end.
    pub dates: Vec<(String, i64, i64)>,
    pub venue_id: String,
    pub created: i64,
    pub changed: i64,
}

/// The status of an Eventbrite order; of Humanitix ones only `Placed` and `Refunded` are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Started,
    /// To be paid offline, and not paid yet.
    Unpaid,
    Placed,
    Refunded,
    Cancelled,
    Deleted,
}

#[derive(Debug, Clone)]
pub(super) struct Request {
    pub id: String,
    pub reason: String,
    /// What is asked for, in minor units.
    pub amount: i64,
    /// When it was granted, and how much.
    pub processed: Option<(i64, i64)>,
}

#[derive(Debug, Clone)]
pub(super) struct Ticket {
    pub id: String,
    pub number: usize,
    pub type_id: String,
    pub type_name: String,
    pub holder: Person,
    pub price: i64,
    pub discount: i64,
    /// Humanitix booking fee or `eventbrite_fee`.
    pub fee: i64,
    pub payment_fee: i64,
    pub tax: i64,
    pub donation: bool,
    pub cancelled_at: Option<i64>,
    pub refunded: bool,
    /// Its money has left the costs of the order (Eventbrite).
    pub dropped: bool,
    pub checked_in: bool,
    pub history: Vec<(i64, bool)>,
    pub barcode: String,
    pub barcode_changed: i64,
    pub created: i64,
    pub changed: i64,
    pub swapped_from: Option<(String, i64)>,
    pub swapped_to: Option<(String, i64)>,
}

impl Ticket {
    /// Face value less discount.
    pub(super) fn net(&self) -> i64 {
        self.price - self.discount
    }

    /// With fees and tax, as Eventbrite counts.
    pub(super) fn gross(&self) -> i64 {
        self.net() + self.fee + self.payment_fee + self.tax
    }
}

#[derive(Debug, Clone)]
pub(super) struct Order {
    pub id: String,
    pub platform: Platform,
    pub event_id: String,
    pub date_id: Option<String>,
    pub name: String,
    pub buyer: Person,
    pub opt_in: Option<bool>,
    pub currency: String,
    pub location: String,
    pub status: Status,
    pub tickets: Vec<Ticket>,
    pub discount: i64,
    pub amex_fee: i64,
    pub absorb_fees: bool,
    /// Given away by the organizer.
    pub complimentary: bool,
    /// Refunded so far (Humanitix): face values and plain amounts.
    pub refunds: i64,
    /// Plain amounts that have left the costs (Eventbrite).
    pub dropped: i64,
    pub requests: Vec<Request>,
    pub created: i64,
    pub completed: i64,
    pub changed: i64,
    /// Since then it answers 404.
    pub erased: bool,
}

impl Order {
    /// Lines whose money counts towards the sale: a swapped ticket is the same sale as the one that it came from.
    pub(super) fn sold(&self) -> impl Iterator<Item = &Ticket> {
        self.tickets.iter().filter(|ticket| ticket.swapped_from.is_none())
    }

    /// Plain amounts that are missing from the costs (Eventbrite): at most the face values that are still in them.
    pub(super) fn dropped(&self) -> i64 {
        let left = self.tickets.iter().filter(|ticket| !ticket.dropped).map(Ticket::net).sum();
        self.dropped.min(left)
    }

    /// Everything the buyer can get back on Humanitix: booking fees are kept.
    pub(super) fn refundable(&self) -> i64 {
        self.sold().map(Ticket::net).sum()
    }
}

/// Everything.
#[derive(Debug)]
pub(super) struct Model {
    pub events: HashMap<String, Versions<Event>>,
    /// Ids in the order in which they were made.
    pub event_ids: Vec<String>,
    pub orders: HashMap<String, Versions<Order>>,
    pub orders_of: HashMap<String, Vec<String>>,
    /// Ticket or attendee to order.
    pub order_of: HashMap<String, String>,
    pub random: Random,
    next: u64,
}

impl Model {
    pub(super) fn new(seed: u64) -> Model {
        let mut random = Random::new(seed);
        let next = 1 + random.below(1000) as u64;
        Model {
            events: HashMap::new(),
            event_ids: Vec::new(),
            orders: HashMap::new(),
            orders_of: HashMap::new(),
            order_of: HashMap::new(),
            random,
            next,
        }
    }

    /// A new id of the platform's form. They grow, and differ between seeds.
    pub(super) fn id(&mut self, platform: Platform, digits: u32) -> String {
        self.next += 1;
        let chance = self.random.below(1 << 16) as u64;
        match platform {
            // A Mongo id: 24 hexadecimal digits.
            Platform::Humanitix => format!("68e1{chance:04x}{:016x}", self.next),
            Platform::Eventbrite => (10_u64.pow(digits - 1) + self.next * 1000 + chance % 1000).to_string(),
        }
    }

    pub(super) fn event(&self, id: &str) -> Option<&Arc<Event>> {
        self.events.get(id).and_then(Versions::newest)
    }

    /// The orders of an event in the order in which they were made, as a replica shows them.
    pub(super) fn orders_behind(&self, event: &str, lag: Duration) -> impl Iterator<Item = &Arc<Order>> {
        let ids = self.orders_of.get(event).into_iter().flatten();
        ids.filter_map(move |id| self.order_behind(id, lag))
    }

    pub(super) fn order_behind(&self, id: &str, lag: Duration) -> Option<&Arc<Order>> {
        self.orders.get(id)?.behind(lag).filter(|order| !order.erased)
    }
}
