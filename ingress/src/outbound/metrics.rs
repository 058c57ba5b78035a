//! Numbers of the outbound pump. Labels are names of platforms that we have credentials of, statuses, and words that are
//! listed here; so the number of series is bounded.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use boxoffice_contract::fetch::Outcome;

use crate::lock::lock;
use crate::prometheus::{Histogram, OTHER, SECONDS_BOUNDS, header};
use crate::store::Fetched;

/// Everything that is counted.
#[derive(Debug)]
pub struct OutboundMetrics(Mutex<Counts>);

#[derive(Debug)]
struct Counts {
    connected: usize,
    /// platform, status or word
    fetches: BTreeMap<(&'static str, String), u64>,
    seconds: Histogram,
    bytes: u64,
    completions: BTreeMap<&'static str, u64>,
    http: Duration,
    database: Duration,
}

/// A database connection of the outbound pump; dropping it reports its end.
#[derive(Debug)]
pub struct Connected<'a>(&'a OutboundMetrics);

impl Default for OutboundMetrics {
    fn default() -> OutboundMetrics {
        OutboundMetrics(Mutex::new(Counts {
            connected: 0,
            fetches: BTreeMap::new(),
            seconds: Histogram::new(SECONDS_BOUNDS),
            bytes: 0,
            completions: BTreeMap::new(),
            http: Duration::ZERO,
            database: Duration::ZERO,
        }))
    }
}

impl OutboundMetrics {
    /// Counts a connection.
    pub fn connected(&self) -> Connected<'_> {
        lock(&self.0).connected += 1;
        Connected(self)
    }

    /// Counts a fetch. `platform`: only a name that our configuration knows.
    pub fn fetched(&self, platform: Option<&'static str>, fetched: &Fetched, took: Duration) {
        let (result, bytes) = match fetched {
            Ok(page) => (page.status.to_string(), page.body.len()),
            Err(why) => (why.word().to_owned(), 0),
        };
        let mut counts = lock(&self.0);
        *counts.fetches.entry((platform.unwrap_or(OTHER), result)).or_default() += 1;
        counts.seconds.observe(took.as_secs_f64());
        counts.bytes += bytes as u64;
        counts.http += took;
    }

    /// Counts what the database has decided about an answer.
    pub fn completed(&self, outcome: &str) {
        let outcome = Outcome::from_word(outcome).map_or(OTHER, Outcome::word);
        *lock(&self.0).completions.entry(outcome).or_default() += 1;
    }

    /// Counts the time of a claim or of a completion.
    pub fn database(&self, took: Duration) {
        lock(&self.0).database += took;
    }

    /// Their part of the page. `in_flight`: jobs between claim and completion.
    pub fn render(&self, page: &mut String, in_flight: usize) {
        let counts = lock(&self.0);
        let name = "boxoffice_ingress_fetches_total";
        header(page, name, "counter", "Fetches by HTTP status, or by the reason why there was no answer.");
        for ((platform, status), count) in &counts.fetches {
            let _ = writeln!(page, "{name}{{platform=\"{platform}\",status=\"{status}\"}} {count}");
        }
        let help = "Time of a fetch, from the request to the last byte.";
        counts.seconds.render(page, "boxoffice_ingress_fetch_seconds", help);
        let name = "boxoffice_ingress_fetch_completions_total";
        header(page, name, "counter", "Answers handed over, by what the database has decided.");
        for (outcome, count) in &counts.completions {
            let _ = writeln!(page, "{name}{{outcome=\"{outcome}\"}} {count}");
        }
        for (name, kind, help, value) in [
            ("fetch_bytes_total", "counter", "Bytes of whole answers.", counts.bytes as f64),
            (
                "outbound_http_seconds_total",
                "counter",
                "Time that fetches have waited for platforms, summed over all of them.",
                counts.http.as_secs_f64(),
            ),
            (
                "outbound_database_seconds_total",
                "counter",
                "Time that claims and completions have waited for the database, summed over all of them.",
                counts.database.as_secs_f64(),
            ),
            ("fetches_in_flight", "gauge", "Jobs between their claim and their completion.", in_flight as f64),
            ("outbound_connected", "gauge", "Database connections of the outbound pump.", counts.connected as f64),
        ] {
            let name = format!("boxoffice_ingress_{name}");
            header(page, &name, kind, help);
            let _ = writeln!(page, "{name} {value}");
        }
    }
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        lock(&self.0.0).connected -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{NoAnswer, Page};

    #[test]
    fn what_is_counted() {
        let metrics = OutboundMetrics::default();
        let body = vec![0; 7];
        metrics.fetched(
            Some("humanitix"),
            &Ok(Page { status: 200, headers: String::new(), body }),
            Duration::from_millis(250),
        );
        metrics.fetched(None, &Err(NoAnswer::TooLarge), Duration::from_millis(250));
        metrics.completed(Outcome::Done.word());
        for number in 0..1000 {
            metrics.completed(&format!("word{number}\"}}\n"));
        }
        metrics.database(Duration::from_millis(125));
        let connected = metrics.connected();
        let mut page = String::new();
        metrics.render(&mut page, 3);
        for line in [
            "fetches_total{platform=\"humanitix\",status=\"200\"} 1",
            "fetches_total{platform=\"other\",status=\"too_large\"} 1",
            "fetch_seconds_count 2",
            "fetch_bytes_total 7",
            "fetch_completions_total{outcome=\"done\"} 1",
            "fetch_completions_total{outcome=\"other\"} 1000",
            "outbound_http_seconds_total 0.5",
            "outbound_database_seconds_total 0.125",
            "fetches_in_flight 3",
            "outbound_connected 1",
        ] {
            assert!(page.contains(&format!("boxoffice_ingress_{line}\n")), "{line}\n{page}");
        }
        drop(connected);
        metrics.render(&mut page, 0);
        assert!(page.contains("outbound_connected 0\n"));
    }
}
