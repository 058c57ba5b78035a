//! What is on sale, who buys, and what a delivery is.

use crate::random::Random;

/// Minutes of a day.
pub const DAY: u64 = 24 * 60;

/// An event on one platform.
#[derive(Debug)]
pub struct Show {
    /// Our event. Two shows with the same one are one event that is sold on both platforms.
    pub event_id: &'static str,
    pub platform: &'static str,
    pub external_id: &'static str,
    pub title: &'static str,
    pub venue: &'static str,
    pub time_zone: &'static str,
    pub capacity: i32,
    pub currency: &'static str,
    /// Days from the day of the deliveries to the show.
    pub in_days: i32,
    /// Name and price, in hundredths of the major unit.
    pub tickets: &'static [(&'static str, i64)],
    /// How many orders come in.
    pub orders: usize,
}

const SYDNEY: &str = "Australia/Sydney";

/// All shows. The first one tells, in later runs, which day it was.
pub const SHOWS: &[Show] = &[
    Show {
        event_id: "demo-harbour",
        platform: "humanitix",
        external_id: "66f2a1b0c3d4e5f607182930",
        title: "Laughs on the Harbour",
        venue: "The Wharf Cellar",
        time_zone: SYDNEY,
        capacity: 600,
        currency: "AUD",
        in_days: 14,
        orders: 120,
        tickets: &[("General Admission", 3000), ("VIP Seating", 5550), ("Concession", 2200)],
    },
    Show {
        event_id: "demo-harbour",
        platform: "eventbrite",
        external_id: "1996456922398",
        title: "Laughs on the Harbour",
        venue: "The Wharf Cellar",
        time_zone: SYDNEY,
        capacity: 600,
        currency: "AUD",
        in_days: 14,
        orders: 60,
        tickets: &[("General Admission", 3369), ("VIP Seating", 6110)],
    },
    Show {
        event_id: "demo-new-faces",
        platform: "humanitix",
        external_id: "66f2a1b0c3d4e5f607182931",
        title: "Raw Material: New Faces",
        venue: "Brunswick Back Room",
        time_zone: "Australia/Melbourne",
        capacity: 240,
        currency: "AUD",
        in_days: 3,
        orders: 70,
        tickets: &[("Free Entry", 0), ("Supporter", 1500)],
    },
    Show {
        event_id: "demo-auckland",
        platform: "humanitix",
        external_id: "66f2a1b0c3d4e5f607182932",
        title: "Hecklers Anonymous",
        venue: "Ponsonby Loft",
        time_zone: "Pacific/Auckland",
        capacity: 300,
        currency: "NZD",
        in_days: 30,
        orders: 90,
        tickets: &[("General Admission", 3900), ("Group of 4+", 3250)],
    },
    Show {
        event_id: "demo-tokyo",
        platform: "eventbrite",
        external_id: "1996456922399",
        title: "Tokyo English Comedy",
        venue: "Shibuya Basement",
        time_zone: "Asia/Tokyo",
        capacity: 120,
        currency: "JPY",
        in_days: 21,
        orders: 45,
        tickets: &[("Advance", 250_000), ("Front Row", 400_000)],
    },
    Show {
        event_id: "demo-open-mic",
        platform: "eventbrite",
        external_id: "1996456922400",
        title: "The Late Mic",
        venue: "Valley Laundry",
        time_zone: "Australia/Brisbane",
        capacity: 100,
        currency: "AUD",
        in_days: 1,
        orders: 35,
        tickets: &[("Free RSVP", 0)],
    },
];

const FIRST: &[&str] =
    &["Amelia", "Jack", "Mia", "Linh", "Arjun", "Zoë", "Tane", "Siobhán", "Yuki", "Omar", "Priya", "Noah"];
const LAST: &[&str] =
    &["Nguyen", "O'Sample", "Example", "Placeholder", "Tester", "Müller", "Fictus", "Demo", "Tanaka", "Haddad"];

/// A person who does not exist: first name, last name, address.
pub fn person(random: &mut Random) -> (&'static str, &'static str, String) {
    (random.pick(FIRST), random.pick(LAST), format!("fan{}@example.com", random.below(100_000)))
}

/// The day, as text.
#[derive(Debug)]
pub struct Calendar {
    /// `2026-11-22`
    pub day: String,
    /// The days of the shows, in their order.
    pub show_days: Vec<String>,
}

impl Calendar {
    /// An instant of the day.
    pub fn at(&self, minute: u64) -> String {
        format!("{}T{:02}:{:02}:00Z", self.day, minute / 60, minute % 60)
    }

    /// The start of a show: half past nine in the morning of UTC is evening there.
    pub fn show(&self, index: usize) -> String {
        format!("{}T09:30:00Z", self.show_days.get(index).unwrap_or(&self.day))
    }
}

/// How an order ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Stands,
    PartlyRefunded,
    Refunded,
    Cancelled,
}

impl End {
    /// Most orders stand.
    pub fn any(random: &mut Random) -> End {
        match random.below(100) {
            0..82 => End::Stands,
            82..88 => End::PartlyRefunded,
            88..94 => End::Refunded,
            _ => End::Cancelled,
        }
    }
}

/// What has to come out for an order, worked out from what happened and from nothing that the database says.
/// Money is in hundredths of the major unit, whatever the currency.
#[derive(Debug)]
pub struct Expected {
    pub show: &'static Show,
    pub end: End,
    pub total: i64,
    pub refund: i64,
    pub fee: i64,
    pub valid: i64,
    pub attendees: i64,
    pub checked_in: i64,
}

/// A request that will be sent.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Minute of the day.
    pub minute: u64,
    pub path: String,
    /// `x-humanitix-signature`, where the platform signs.
    pub signature: Option<String>,
    pub body: Vec<u8>,
    /// The only status that is right.
    pub status: u16,
}
