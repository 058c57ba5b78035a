//! Numbers for Prometheus. No caller can make them grow: a platform's name becomes a label only after the database has
//! accepted it as one, and the number of series is bounded all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::lock::lock;
use crate::outbound::metrics::OutboundMetrics;
use crate::prometheus::{Histogram, OTHER, SECONDS_BOUNDS, header};

/// More platforms than anybody has.
const PLATFORMS_MAX: usize = 64;
/// More combinations of platform, status and outcome than a healthy installation makes.
const SERIES_MAX: usize = 2048;

const BATCH_BOUNDS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    requests: Mutex<Requests>,
    batch_size: Mutex<Histogram>,
    commit_seconds: Mutex<Histogram>,
    /// Of the outbound pump.
    pub outbound: Arc<OutboundMetrics>,
}

#[derive(Debug, Default)]
struct Requests {
    platforms: BTreeSet<String>,
    /// platform, status, outcome
    counts: BTreeMap<(String, u16, String), u64>,
}

/// What is measured at the moment of asking.
#[derive(Debug, Clone, Copy)]
pub struct Gauges {
    /// Deliveries that wait.
    pub queue_depth: usize,
    /// Bytes of bodies in memory.
    pub buffered_bytes: usize,
    /// Database connections that can carry deliveries.
    pub db_connected: usize,
    /// Open HTTP connections.
    pub http_connections: usize,
    /// Jobs between their claim and their completion.
    pub fetches_in_flight: usize,
    /// HTTP connections that had to go for others, so far.
    pub connections_evicted: u64,
    /// Addresses from which something came lately that was not believed.
    pub suspects: usize,
    /// Requests that wait for a turn because too many were not believed.
    pub waiting: usize,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics {
            requests: Mutex::default(),
            batch_size: Mutex::new(Histogram::new(BATCH_BOUNDS)),
            commit_seconds: Mutex::new(Histogram::new(SECONDS_BOUNDS)),
            outbound: Arc::default(),
        }
    }
}

impl Metrics {
    /// Counts an answer. `known` says that the database itself has treated `platform` as a platform.
    pub fn request(&self, platform: Option<&str>, known: bool, status: u16, outcome: &str) {
        let mut requests = lock(&self.requests);
        if let (Some(platform), true) = (platform, known)
            && requests.platforms.len() < PLATFORMS_MAX
            && !requests.platforms.contains(platform)
        {
            requests.platforms.insert(platform.to_owned());
        }
        let platform = platform.filter(|platform| requests.platforms.contains(*platform)).unwrap_or(OTHER);
        // The database's own word; anything that is no word would break the format.
        let word = !outcome.is_empty() && outcome.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let outcome = if word { outcome } else { OTHER };
        let mut key = (platform.to_owned(), status, outcome.to_owned());
        if requests.counts.len() >= SERIES_MAX && !requests.counts.contains_key(&key) {
            key = (OTHER.to_owned(), status, OTHER.to_owned());
        }
        *requests.counts.entry(key).or_default() += 1;
    }

    /// Counts a transaction: how many deliveries, and how long from the call to the commit.
    pub fn commit(&self, deliveries: usize, took: Duration) {
        lock(&self.batch_size).observe(deliveries as f64);
        lock(&self.commit_seconds).observe(took.as_secs_f64());
    }

    /// The page.
    pub fn render(&self, gauges: Gauges) -> String {
        let mut page = String::new();
        header(&mut page, "boxoffice_ingress_requests_total", "counter", "Answered requests.");
        for ((platform, status, outcome), count) in &lock(&self.requests).counts {
            let labels = format!("platform=\"{platform}\",status=\"{status}\",outcome=\"{outcome}\"");
            let _ = writeln!(page, "boxoffice_ingress_requests_total{{{labels}}} {count}");
        }
        lock(&self.batch_size).render(&mut page, "boxoffice_ingress_batch_size", "Deliveries in a transaction.");
        let help = "Time from the call to its commit.";
        lock(&self.commit_seconds).render(&mut page, "boxoffice_ingress_commit_seconds", help);
        for (name, help, value) in [
            ("queue_depth", "Deliveries that wait for their turn.", Some(gauges.queue_depth)),
            ("buffered_bytes", "Bytes of bodies in memory.", Some(gauges.buffered_bytes)),
            ("db_connected", "Database connections that can carry deliveries.", Some(gauges.db_connected)),
            ("http_connections", "Open HTTP connections.", Some(gauges.http_connections)),
            ("suspects", "Addresses from which something came lately that was not believed.", Some(gauges.suspects)),
            (
                "waiting_at_the_door",
                "Requests that wait for a turn because too many were not believed.",
                Some(gauges.waiting),
            ),
            ("resident_memory_bytes", "Memory of the process.", resident_memory()),
        ] {
            let Some(value) = value else { continue };
            let name = format!("boxoffice_ingress_{name}");
            header(&mut page, &name, "gauge", help);
            let _ = writeln!(page, "{name} {value}");
        }
        let name = "boxoffice_ingress_connections_evicted_total";
        header(&mut page, name, "counter", "HTTP connections that had to go for others.");
        let _ = writeln!(page, "{name} {}", gauges.connections_evicted);
        self.outbound.render(&mut page, gauges.fetches_in_flight);
        page
    }
}

/// Bytes; from `status`, not `statm`, since pages are not 4 kB everywhere. `None` where there is no such file.
fn resident_memory() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Gauges = Gauges {
        queue_depth: 0,
        buffered_bytes: 0,
        db_connected: 0,
        http_connections: 0,
        fetches_in_flight: 0,
        connections_evicted: 0,
        suspects: 0,
        waiting: 0,
    };

    #[test]
    fn strangers_make_no_labels() {
        let metrics = Metrics::default();
        for number in 0..10_000 {
            metrics.request(Some(&format!("guess{number}")), false, 404, "unknown_platform");
        }
        metrics.request(Some("humanitix"), false, 503, "database_away");
        metrics.request(Some("humanitix"), true, 200, "processed");
        metrics.request(Some("humanitix"), false, 413, "too_large");
        metrics.request(Some("humanitix"), true, 200, "bad\"}\n");
        let page = metrics.render(NONE);
        assert!(page.contains("{platform=\"other\",status=\"404\",outcome=\"unknown_platform\"} 10000\n"), "{page}");
        assert!(page.contains("{platform=\"other\",status=\"503\",outcome=\"database_away\"} 1\n"));
        assert!(page.contains("{platform=\"humanitix\",status=\"413\",outcome=\"too_large\"} 1\n"));
        assert!(page.contains("{platform=\"humanitix\",status=\"200\",outcome=\"other\"} 1\n"));
        assert!(!page.contains("guess"));
    }

    #[test]
    fn series_are_bounded() {
        let metrics = Metrics::default();
        for number in 0..5000 {
            metrics.request(Some(&format!("p{number}")), true, 200, &format!("outcome{number}"));
        }
        assert!(metrics.render(NONE).lines().count() < SERIES_MAX + 100);
    }

    #[test]
    fn histograms_are_cumulative() {
        let metrics = Metrics::default();
        metrics.commit(1, Duration::from_millis(1));
        metrics.commit(3, Duration::from_millis(3));
        metrics.commit(9999, Duration::from_secs(99));
        let page = metrics.render(NONE);
        for line in [
            "batch_size_bucket{le=\"1\"} 1",
            "batch_size_bucket{le=\"2\"} 1",
            "batch_size_bucket{le=\"4\"} 2",
            "batch_size_bucket{le=\"512\"} 2",
            "batch_size_bucket{le=\"+Inf\"} 3",
            "batch_size_count 3",
            "batch_size_sum 10003",
            "commit_seconds_bucket{le=\"0.001\"} 1",
            "commit_seconds_bucket{le=\"+Inf\"} 3",
        ] {
            assert!(page.contains(&format!("boxoffice_ingress_{line}\n")), "{line}\n{page}");
        }
    }
}
