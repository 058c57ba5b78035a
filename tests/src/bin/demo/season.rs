//! The dates that the series of the programme fall on, seen from now.

use anyhow::{Context as _, ensure};
use boxoffice_tests::Result;
use boxoffice_tests::fake::{EventSpec, Fake, Platform, TicketType, clock};
use tokio_postgres::Client;

use super::programme::{SERIES, Series};

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
            let alone = series.is_one_event || series.is_once();
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
