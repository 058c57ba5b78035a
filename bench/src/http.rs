//! The whole way: `wrk` sends requests to the real worker.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use boxoffice_tests::{Worker, http};

use crate::bodies::Delivery;
use crate::{Result, run};

/// Requests, written out for `wrk.lua`.
#[derive(Debug)]
pub struct Requests {
    bytes: PathBuf,
    lengths: PathBuf,
    /// How many.
    pub count: u64,
}

/// What `wrk` saw.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Answers with a status below 400.
    pub acknowledged: u64,
    /// Seconds that it took.
    pub seconds: f64,
    /// Half of the answers took less, in milliseconds.
    pub p50: f64,
    /// 99 of 100 answers took less.
    pub p99: f64,
}

impl Requests {
    /// Writes the first `count` of these deliveries as requests to `host`.
    pub fn write(name: &str, host: &str, count: u64, delivery: impl Fn(u64) -> Delivery) -> Result<Requests> {
        Requests::write_raw(name, count, |i| delivery(i).request(host))
    }

    /// Writes `count` requests.
    pub fn write_raw(name: &str, count: u64, request: impl Fn(u64) -> String) -> Result<Requests> {
        let directory = std::env::var_os("BOXOFFICE_TEST_DIR").context("run this with `make bench`")?;
        let directory = Path::new(&directory);
        let requests = Requests {
            bytes: directory.join(format!("{name}.requests")),
            lengths: directory.join(format!("{name}.lengths")),
            count,
        };
        let mut bytes = BufWriter::new(File::create(&requests.bytes)?);
        let mut lengths = BufWriter::new(File::create(&requests.lengths)?);
        for i in 0..count {
            let request = request(i);
            bytes.write_all(request.as_bytes())?;
            writeln!(lengths, "{}", request.len())?;
        }
        bytes.flush()?;
        lengths.flush()?;
        Ok(requests)
    }

    /// Sends them over that many connections, one after the other on each.
    pub fn send(&self, url: &str, connections: usize, seconds: usize) -> Result<Load> {
        let load = self.send_in_circles(url, connections, seconds)?;
        ensure!(load.1 <= self.count, "{} requests were too few for {seconds} s: {} were sent", self.count, load.1);
        Ok(load.0)
    }

    /// `wrk` as it sends them, starting again when all are sent.
    pub fn command(&self, url: &str, connections: usize, seconds: usize) -> Command {
        let mut command = Command::new("wrk");
        command
            .args(["-t1", "--timeout", "10s", "-c", &connections.to_string(), "-d", &format!("{seconds}s")])
            .args(["-s", concat!(env!("CARGO_MANIFEST_DIR"), "/wrk.lua"), url, "--"])
            .args([&self.bytes, &self.lengths]);
        command
    }

    /// The same, starting again when all are sent. Also says how many were.
    pub fn send_in_circles(&self, url: &str, connections: usize, seconds: usize) -> Result<(Load, u64)> {
        let said = run(&mut self.command(url, connections, seconds))?;
        let line = said.lines().find_map(|line| line.strip_prefix("result ")).context("wrk said no result")?;
        let numbers = line.split(' ').map(str::parse).collect::<std::result::Result<Vec<u64>, _>>()?;
        let [answers, microseconds, broken, refused, p50, p99, sent] = numbers[..] else {
            bail!("wrk said something else: {line}");
        };
        ensure!(
            broken == 0 && refused == 0,
            "{broken} requests failed, {refused} were answered with an error:\n{said}"
        );
        let load = Load {
            acknowledged: answers,
            seconds: microseconds as f64 / 1e6,
            p50: p50 as f64 / 1e3,
            p99: p99 as f64 / 1e3,
        };
        Ok((load, sent))
    }
}

/// What the worker says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Transactions committed so far.
    pub transactions: f64,
    /// Deliveries in them.
    pub deliveries: f64,
    /// Deliveries that wait.
    pub waiting: f64,
}

/// Reads the worker's metrics.
pub async fn metrics(worker: &Worker) -> Result<Page> {
    let page = http::get(&worker.url("/metrics")).await?.text();
    let number = |name: &str| -> Result<f64> {
        let line = page.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
        Ok(line.trim().parse()?)
    };
    Ok(Page {
        transactions: number("boxoffice_ingress_batch_size_count ")?,
        deliveries: number("boxoffice_ingress_batch_size_sum ")?,
        waiting: number("boxoffice_ingress_queue_depth ")?,
    })
}
