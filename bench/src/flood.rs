//! (i) Forgeries: how much a flood of them slows signed deliveries.

use std::fmt::{self, Write as _};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use boxoffice_tests::{Worker, http};

use crate::bodies::{self, Copy, Delivery};
use crate::http::{Load, Requests};
use crate::options::Options;
use crate::server::Server;
use crate::statistics::Spread;
use crate::{Result, progress};

/// Connections of those who sign.
const SIGNERS: usize = 64;
/// Connections of those who forge.
const FORGERS: usize = 256;
/// What signed deliveries may become slower by at most.
const AIM: f64 = 1.2;

/// A flood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Elsewhere { long: bool },
    ManyAddresses,
    SameAddress { same_look: bool },
}

const KINDS: [Kind; 5] = [
    Kind::Elsewhere { long: false },
    Kind::Elsewhere { long: true },
    Kind::ManyAddresses,
    Kind::SameAddress { same_look: false },
    Kind::SameAddress { same_look: true },
];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Elsewhere { long: false } => "from one other address",
            Kind::Elsewhere { long: true } => "from one other address, 1 MB each",
            Kind::ManyAddresses => "each from an address of its own",
            Kind::SameAddress { same_look: false } => "from the address of those who sign",
            Kind::SameAddress { same_look: true } => "the same, with the same headers",
        })
    }
}

/// Signed deliveries in one measurement, and what they met.
#[derive(Debug, Clone, Copy)]
struct Signed {
    load: Load,
    /// Forgeries that were answered, a second.
    forged: f64,
    /// Of them, those that the database has seen.
    judged: f64,
}

/// What was measured.
#[derive(Debug, Default)]
pub struct Results {
    rows: Vec<(Kind, Vec<Pair>)>,
    seconds: usize,
}

#[derive(Debug, Clone, Copy)]
struct Pair {
    calm: f64,
    calm_rate: f64,
    flooded: Signed,
}

impl Pair {
    fn ratio(&self) -> f64 {
        self.flooded.load.p99 / self.calm
    }
}

/// Measures all floods, each between two measurements without one.
pub async fn measure(server: &Server, options: &Options) -> Result<Results> {
    let seconds = options.seconds + 2;
    let mut results = Results { rows: KINDS.map(|kind| (kind, Vec::new())).into(), seconds };
    for round in 0..options.rounds {
        let mut before = signed(server, seconds, None).await?;
        for (kind, pairs) in &mut results.rows {
            let flooded = signed(server, seconds, Some(*kind)).await?;
            let after = signed(server, seconds, None).await?;
            let middle = |pick: fn(&Load) -> f64| (pick(&before.load) + pick(&after.load)) / 2.0;
            let pair = Pair { calm: middle(|load| load.p99), calm_rate: middle(rate), flooded };
            progress(&format!(
                "round {}, {kind}: p99 {:.1} ms, without {:.1} ms, {:.2} ×; {:.0} forged/s, {:.0} of them judged",
                round + 1,
                flooded.load.p99,
                pair.calm,
                pair.ratio(),
                flooded.forged,
                flooded.judged
            ));
            pairs.push(pair);
            before = after;
        }
    }
    Ok(results)
}

fn rate(load: &Load) -> f64 {
    load.acknowledged as f64 / load.seconds
}

/// One measurement with a worker of its own, which knows nobody when it begins.
async fn signed(server: &Server, seconds: usize, flood: Option<Kind>) -> Result<Signed> {
    server.reset().await?;
    let settings = [("BOXOFFICE_TRUSTED_PROXIES", "127.0.0.1")];
    let mut worker = Worker::start(&server.database, &settings).await?;
    let url = worker.url("/webhooks/humanitix");
    let delivery = |i| Delivery::of(bodies::NEW + i, Copy::Created);
    let requests = Requests::write("signed", worker.address(), 15_000 * seconds as u64, delivery)?;
    let one = delivery(0);
    let headers = [("x-humanitix-signature", one.signature.as_str())];
    let first = http::post(&url, &headers, one.body.as_bytes()).await?;
    if first.status != 200 {
        bail!("the first delivery was answered {}", first.status);
    }
    let flood = flood.map(|kind| Flood::begin(kind, &worker, &url, seconds)).transpose()?;
    let (load, _) = requests.send_in_circles(&url, SIGNERS, seconds)?;
    let forged = flood.map(|flood| flood.end(seconds)).transpose()?.unwrap_or_default();
    let statement = "SELECT coalesce(sum(count), 0)::bigint FROM boxoffice.webhook_rejections";
    let judged: i64 = server.client.query_one(statement, &[]).await?.get(0);
    worker.term_and_wait().await?;
    Ok(Signed { load, forged, judged: judged as f64 / seconds as f64 })
}

struct Flood {
    wrk: Child,
}

impl Flood {
    fn begin(kind: Kind, worker: &Worker, url: &str, seconds: usize) -> Result<Flood> {
        let (body, count) = match kind {
            Kind::Elsewhere { long: true } => ("x".repeat(1 << 20), 4),
            Kind::ManyAddresses => ("{}".to_owned(), 200_000),
            _ => (Delivery::of(bodies::NEW, Copy::Created).body, 1000),
        };
        let requests = Requests::write_raw("forged", count, |i| forgery(kind, worker.address(), &body, i))?;
        // It begins with those who sign and ends after them.
        let wrk = requests.command(url, FORGERS, seconds + 1).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        std::thread::sleep(Duration::from_millis(500));
        Ok(Flood { wrk })
    }

    /// How many were answered, a second.
    fn end(self, seconds: usize) -> Result<f64> {
        let said = String::from_utf8_lossy(&self.wrk.wait_with_output()?.stdout).into_owned();
        let line = said.lines().find_map(|line| line.strip_prefix("result ")).context("wrk said no result")?;
        let answers: f64 = line.split(' ').next().unwrap_or_default().parse()?;
        Ok(answers / (seconds + 1) as f64)
    }
}

fn forgery(kind: Kind, host: &str, body: &str, i: u64) -> String {
    let agent = if kind == (Kind::SameAddress { same_look: true }) { "bridge/1.4" } else { "forger" };
    let from = match kind {
        Kind::Elsewhere { .. } => "x-forwarded-for: 203.0.113.1\r\n".to_owned(),
        // Far apart, so that they are neighbours in no network.
        Kind::ManyAddresses => {
            format!("x-forwarded-for: {}\r\n", std::net::Ipv4Addr::from(0x0b00_0000 + i as u32 * 97))
        }
        Kind::SameAddress { .. } => String::new(),
    };
    format!(
        "POST /webhooks/humanitix HTTP/1.1\r\nhost: {host}\r\naccept: */*\r\nuser-agent: {agent}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nx-humanitix-signature: {:064x}\r\n{from}\r\n{body}",
        body.len(),
        i
    )
}

/// Writes the part.
pub fn write(page: &mut String, results: &Results) -> std::fmt::Result {
    writeln!(page, "\n## (i) Forgeries\n")?;
    writeln!(
        page,
        "Signed deliveries over {SIGNERS} connections as fast as they go, for {} s, while forgeries come over {FORGERS} connections as \
         fast as they are answered, both from `wrk` with one thread on the same cores, each against a worker that has just been \
         started. Without a flood before and after; the ratio is to the two nearest.\n",
        results.seconds
    )?;
    writeln!(
        page,
        "| flood | p99 ms | without | ratio | aim | | signed/s, ratio | forged/s | judged by the database/s |"
    )?;
    writeln!(page, "|---|---|---|---|---|---|---|---|---|")?;
    for (kind, pairs) in &results.rows {
        let spread = |pick: &dyn Fn(&Pair) -> f64| Spread::of(pairs.iter().map(pick));
        let middle = |pick: &dyn Fn(&Pair) -> f64| spread(pick).map_or(f64::NAN, |spread| spread.median);
        let Some(ratio) = spread(&Pair::ratio) else { continue };
        writeln!(
            page,
            "| {kind} | {:.1} | {:.1} | {:.2} ({:.2}–{:.2}) | {AIM} | {} | {:.2} | {:.0} | {:.0} |",
            middle(&|pair| pair.flooded.load.p99),
            middle(&|pair| pair.calm),
            ratio.median,
            ratio.min,
            ratio.max,
            if ratio.median <= AIM { "met" } else { "**missed**" },
            middle(&|pair| rate(&pair.flooded.load) / pair.calm_rate),
            middle(&|pair| pair.flooded.forged),
            middle(&|pair| pair.flooded.judged),
        )?;
    }
    Ok(())
}
