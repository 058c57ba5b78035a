//! What is on: series of nights in their rooms, with the dates that they fall on when seen from now.

use anyhow::{Context as _, ensure};
use boxoffice_tests::Result;
use boxoffice_tests::fake::{EventSpec, Fake, Platform, TicketType, clock};
use tokio_postgres::Client;

/// A night that comes again on a day of the week.
#[derive(Debug)]
pub struct Series {
    /// First part of the ids of our events.
    pub key: &'static str,
    title: &'static str,
    venue: &'static str,
    /// Where it is sold.
    pub platforms: &'static [Platform],
    zone: &'static str,
    /// Monday is 1.
    weekday: i32,
    /// `HH:MM`, local.
    time: &'static str,
    minutes: i64,
    /// Places of one night.
    pub capacity: i64,
    currency: &'static str,
    /// Name and price, in minor units, for each platform.
    tickets: &'static [(&'static str, i64)],
    past: usize,
    /// How many weeks of coming dates to leave out, and how many dates then.
    coming: (usize, usize),
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

/// One night of a series.
#[derive(Debug, Clone)]
pub struct Night {
    pub series: &'static Series,
    /// Id of our event.
    pub ours: String,
    pub starts_at: i64,
    pub ends_at: i64,
    /// Position among the dates of its event.
    pub date: usize,
    /// The platforms' ids of its event.
    pub external: Vec<(Platform, String)>,
}

impl Night {
    /// How many kinds of tickets there are.
    pub fn kinds(&self) -> usize {
        self.series.tickets.len()
    }
}

/// The dates of all series, around now.
pub async fn nights(client: &Client, now: i64) -> Result<Vec<Night>> {
    let mut nights = Vec::new();
    for series in SERIES {
        // The server knows when summer time begins.
        let query = "SELECT (extract(epoch FROM at) * 1000)::bigint, to_char(day, 'YYYY-MM-DD')
            FROM generate_series(now() AT TIME ZONE $1 - interval '70 days', now() AT TIME ZONE $1 + interval '70 days', '1 day') day
            CROSS JOIN LATERAL (SELECT (day::date + $2::text::time) AT TIME ZONE $1 AS at) t
            WHERE extract(isodow FROM day)::int = $3 ORDER BY 1";
        let rows = client.query(query, &[&series.zone, &series.time, &series.weekday]).await?;
        let all: Vec<(i64, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        // A night that is going on is neither.
        let over = |(at, _): &&(i64, String)| at + (series.minutes + 60) * clock::MINUTE < now;
        let past: Vec<_> = all.iter().filter(over).collect();
        let coming = all.iter().filter(|(at, _)| *at > now + 240 * clock::MINUTE);
        let chosen = past.iter().rev().take(series.past).rev().copied();
        let chosen: Vec<_> = chosen.chain(coming.skip(series.coming.0).take(series.coming.1)).collect();
        ensure!(chosen.len() == series.past + series.coming.1, "{} has too few dates", series.key);
        for (date, (starts_at, day)) in chosen.into_iter().enumerate() {
            let alone = series.is_one_event || chosen_alone(series);
            nights.push(Night {
                series,
                ours: if alone { series.key.to_owned() } else { format!("{}-{day}", series.key) },
                starts_at: *starts_at,
                ends_at: starts_at + series.minutes * clock::MINUTE,
                date: if series.is_one_event { date } else { 0 },
                external: Vec::new(),
            });
        }
    }
    Ok(nights)
}

/// It takes place once.
fn chosen_alone(series: &Series) -> bool {
    series.past + series.coming.1 == 1
}

/// Puts all nights on sale.
pub async fn open(client: &Client, fake: &Fake, nights: &mut [Night]) -> Result {
    for series in SERIES {
        let dates: Vec<(i64, i64)> = nights
            .iter()
            .filter(|night| night.series.key == series.key)
            .map(|night| (night.starts_at, night.ends_at))
            .collect();
        let (first, last) = (dates.first().context("no date")?.0, dates.last().context("no date")?.1);
        let mut shared = None;
        for night in nights.iter_mut().filter(|night| night.series.key == series.key) {
            if let Some(external) = shared.clone().filter(|_| series.is_one_event) {
                night.external = external;
                continue;
            }
            let offset = "SELECT (extract(epoch FROM (to_timestamp($1::float8) AT TIME ZONE $2)
                - (to_timestamp($1::float8) AT TIME ZONE 'UTC')) / 60)::bigint";
            #[expect(clippy::cast_precision_loss, reason = "seconds of this century")]
            let seconds = (night.starts_at / 1000) as f64;
            let offset: i64 = client.query_one(offset, &[&seconds, &series.zone]).await?.get(0);
            for platform in series.platforms {
                let mut spec = EventSpec::new(series.title);
                (spec.starts_at, spec.ends_at) =
                    if series.is_one_event { (first, last) } else { (night.starts_at, night.ends_at) };
                if series.is_one_event {
                    spec.dates.clone_from(&dates);
                }
                (spec.venue, spec.time_zone, spec.currency) =
                    (series.venue.to_owned(), series.zone.to_owned(), series.currency.to_owned());
                spec.offset_minutes = offset;
                spec.capacity = series.capacity * i64::try_from(spec.dates.len().max(1))?;
                let kind = |&(name, price): &(&str, i64)| TicketType { name: name.to_owned(), price, donation: false };
                spec.tickets = series.tickets.iter().map(kind).collect();
                night.external.push((*platform, fake.create_event(*platform, spec)?));
            }
            shared = Some(night.external.clone());
        }
    }
    Ok(())
}
