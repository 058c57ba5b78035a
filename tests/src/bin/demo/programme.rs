//! What is on: series of nights in their rooms.

use boxoffice_tests::fake::Platform;

/// A night that comes again on a day of the week.
#[derive(Debug)]
pub struct Series {
    /// First part of the ids of our events.
    pub key: &'static str,
    pub title: &'static str,
    pub venue: &'static str,
    /// Where it is sold.
    pub platforms: &'static [Platform],
    pub zone: &'static str,
    /// Monday is 1.
    pub weekday: i32,
    /// `HH:MM`, local.
    pub time: &'static str,
    pub minutes: i64,
    /// Places of one night.
    pub capacity: i64,
    pub currency: &'static str,
    /// Name and price, in minor units, on each platform; what stands twice is bought twice as often.
    pub tickets: &'static [(&'static str, i64)],
    pub past: usize,
    /// How many weeks of coming dates to leave out, and how many dates then.
    pub coming: (usize, usize),
    /// Share of the places that are sold at the end, in percent.
    pub full: i64,
    /// Days on sale.
    pub on_sale: i64,
    /// The higher, the later people buy.
    pub late: usize,
    /// All its dates are one event of the platform.
    pub is_one_event: bool,
    /// What becomes of it.
    pub end: End,
}

/// What becomes of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It takes place.
    Played,
    /// It was called off, and everybody gets everything back.
    CalledOff,
    /// Somebody else's night: not linked.
    NotOurs,
}

const BOTH: &[Platform] = &[Platform::Humanitix, Platform::Eventbrite];
const HUMANITIX: &[Platform] = &[Platform::Humanitix];
const EVENTBRITE: &[Platform] = &[Platform::Eventbrite];

/// All series.
pub const SERIES: &[Series] = &[
    Series {
        key: "friday",
        title: "Friday Night Laughs",
        venue: "The Wharf Cellar",
        platforms: HUMANITIX,
        zone: "Australia/Sydney",
        weekday: 5,
        time: "19:30",
        minutes: 120,
        capacity: 110,
        currency: "AUD",
        tickets: &[
            ("General Admission", 3000),
            ("General Admission", 3000),
            ("Concession", 2200),
            ("Front Table", 4500),
        ],
        past: 5,
        coming: (0, 3),
        full: 90,
        on_sale: 42,
        late: 7,
        is_one_event: false,
        end: End::Played,
    },
    Series {
        key: "saturday",
        title: "Saturday Late Show",
        venue: "The Wharf Cellar",
        platforms: EVENTBRITE,
        zone: "Australia/Sydney",
        weekday: 6,
        time: "21:30",
        minutes: 90,
        capacity: 110,
        currency: "AUD",
        tickets: &[("Advance", 2800), ("Advance", 2800), ("Student", 2000)],
        past: 3,
        coming: (0, 2),
        full: 70,
        on_sale: 35,
        late: 8,
        is_one_event: false,
        end: End::Played,
    },
    Series {
        key: "new-faces",
        title: "Raw Material: New Faces",
        venue: "The Back Room",
        platforms: HUMANITIX,
        zone: "Australia/Sydney",
        weekday: 2,
        time: "20:00",
        minutes: 120,
        capacity: 60,
        currency: "AUD",
        tickets: &[("Entry", 1200)],
        past: 3,
        coming: (0, 3),
        full: 65,
        on_sale: 28,
        late: 5,
        is_one_event: true,
        end: End::Played,
    },
    Series {
        key: "harbour-gala",
        title: "Laughs on the Harbour Gala",
        venue: "The Wharf Hall",
        platforms: BOTH,
        zone: "Australia/Sydney",
        weekday: 6,
        time: "19:00",
        minutes: 180,
        capacity: 420,
        currency: "AUD",
        tickets: &[("General Admission", 5500), ("General Admission", 5500), ("VIP Seating", 8900)],
        past: 0,
        coming: (3, 1),
        full: 95,
        on_sale: 70,
        late: 2,
        is_one_event: false,
        end: End::Played,
    },
    Series {
        key: "auckland",
        title: "Hecklers Anonymous",
        venue: "Ponsonby Loft",
        platforms: HUMANITIX,
        zone: "Pacific/Auckland",
        weekday: 4,
        time: "20:00",
        minutes: 120,
        capacity: 120,
        currency: "NZD",
        tickets: &[("General Admission", 3900), ("Group of 4+", 3250)],
        past: 1,
        coming: (1, 1),
        full: 62,
        on_sale: 42,
        late: 4,
        is_one_event: false,
        end: End::Played,
    },
    Series {
        key: "roast",
        title: "The Sunday Roast",
        venue: "The Back Room",
        platforms: EVENTBRITE,
        zone: "Australia/Sydney",
        weekday: 7,
        time: "18:00",
        minutes: 120,
        capacity: 60,
        currency: "AUD",
        tickets: &[("Advance", 2500)],
        past: 1,
        coming: (0, 0),
        full: 55,
        on_sale: 28,
        late: 4,
        is_one_event: false,
        end: End::CalledOff,
    },
    Series {
        key: "charity",
        title: "Charity Night",
        venue: "The Wharf Cellar",
        platforms: EVENTBRITE,
        zone: "Australia/Sydney",
        weekday: 3,
        time: "19:00",
        minutes: 120,
        capacity: 110,
        currency: "AUD",
        tickets: &[("Supporter", 4000)],
        past: 0,
        coming: (1, 1),
        full: 40,
        on_sale: 14,
        late: 2,
        is_one_event: false,
        end: End::NotOurs,
    },
];

impl Series {
    /// It takes place once.
    pub fn is_once(&self) -> bool {
        self.past + self.coming.1 == 1
    }
}
