//! (h) A complete synchronisation of both platforms by the real worker, against the plain loop in the same round.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use boxoffice_tests::{Worker, http, shown};
use tokio::time::sleep;

use crate::jobs::{self, Jobs};
use crate::options::Options;
use crate::platforms::{PLATFORMS, Platforms, Served};
use crate::server::Server;
use crate::{Result, cpu, plain, progress};

/// Longest that a synchronisation may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// One synchronisation.
#[derive(Debug, Clone, Copy)]
pub struct Sync {
    /// Orders a second, from the call to the end of all runs.
    pub rate: f64,
    /// Seconds from the last page to the end.
    pub finishing: f64,
    /// Microseconds of CPU time of the server for each order.
    pub server: f64,
    /// The same of the worker.
    pub worker: f64,
    /// KiB that the worker's resident memory was greater at its peak than before.
    pub growth_kib: u64,
    /// Of all time that fetches, claims and completions have waited: the part for HTTP.
    pub http_share: f64,
}

/// What a round showed.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// The platforms alone.
    pub served: Served,
    /// Orders a second of the plain loop.
    pub plain: f64,
    /// Into empty tables.
    pub first: Sync,
    /// The same again, when nothing has changed.
    pub again: Sync,
}

/// Everything of this part.
#[derive(Debug)]
pub struct Results {
    /// Orders of both platforms.
    pub orders: usize,
    /// Tickets of both.
    pub tickets: usize,
    /// What the fake platforms took to make the answers.
    pub made: Served,
    /// One for each round.
    pub rounds: Vec<Round>,
    /// Single jobs, and an idle worker.
    pub jobs: Jobs,
}

/// Measures all of it.
pub async fn measure(server: &Server, options: &Options) -> Result<Results> {
    let platforms = Platforms::open(server, options.orders).await?;
    progress(&format!("{} orders with {} tickets on both platforms", platforms.orders, platforms.tickets));
    let mut rounds = Vec::new();
    for number in 1..=options.sync_rounds {
        let served = platforms.serve().await?;
        platforms.forget(server).await?;
        let plain = platforms.orders as f64 / plain::synchronise(server, &platforms).await?;
        let mut worker = platforms.worker(server).await?;
        let first = synchronise(server, &worker, &platforms).await?;
        let again = synchronise(server, &worker, &platforms).await?;
        for platform in PLATFORMS {
            let wrong = shown::differences(&server.client, platform, &platforms.fake.truth(platform)).await?;
            ensure!(wrong.is_empty(), "{} orders differ: {:?}", wrong.len(), wrong.first());
        }
        ensure!(worker.term_and_wait().await?.success(), "the worker did not end well");
        let ratio = first.rate / plain;
        progress(&format!(
            "synchronisation, round {number}: {:.0} orders/s, {ratio:.1} × plain loop ({plain:.0}); again {:.0}; platforms alone {:.0}",
            first.rate,
            again.rate,
            platforms.orders as f64 / served.seconds
        ));
        rounds.push(Round { served, plain, first, again });
    }
    let jobs = jobs::measure(server, &platforms, options).await?;
    Ok(Results { orders: platforms.orders, tickets: platforms.tickets, made: platforms.made, rounds, jobs })
}

async fn synchronise(server: &Server, worker: &Worker, platforms: &Platforms) -> Result<Sync> {
    // Whatever it did at its start is over.
    sleep(Duration::from_millis(500)).await;
    let (before, rss) = (waited(worker).await?, worker.rss_kib()?);
    let (server_cpu, worker_cpu) = (server.cpu()?, cpu::of_process(worker.pid())?);
    let started = Instant::now();
    let begin = "SELECT sync_event FROM boxoffice.ticket_platforms p, boxoffice.sync_event(p.event_id) WHERE p.event_id ^@ 'sync-'";
    let runs: Vec<i64> = server.client.query(begin, &[]).await?.iter().map(|row| row.get(0)).collect();
    let state = "SELECT count(*) FILTER (WHERE status IN ('running', 'finishing')), string_agg(error, '; ')
        FROM boxoffice.sync_history WHERE id = ANY ($1)";
    let mut peak = rss;
    loop {
        let row = server.client.query_one(state, &[&runs]).await?;
        let (open, error): (i64, Option<String>) = (row.get(0), row.get(1));
        ensure!(error.is_none(), "a synchronisation has failed: {error:?}");
        peak = peak.max(worker.rss_kib()?);
        if open == 0 {
            break;
        }
        ensure!(started.elapsed() < PATIENCE, "the synchronisation does not end");
        sleep(Duration::from_millis(10)).await;
    }
    let seconds = started.elapsed().as_secs_f64();
    let orders = platforms.orders as f64;
    let (server_cpu, worker_cpu) = (server.cpu()? - server_cpu, cpu::of_process(worker.pid())? - worker_cpu);
    let after = waited(worker).await?;
    let tail = "SELECT extract(epoch FROM (SELECT max(finished_at) FROM boxoffice.sync_history WHERE id = ANY ($1))
        - (SELECT max(finished_at) FROM boxoffice.fetch_jobs WHERE run_id = ANY ($1)))::double precision";
    let finishing = server.client.query_one(tail, &[&runs]).await?.get(0);
    let (http, database) = (after.0 - before.0, after.1 - before.1);
    Ok(Sync {
        rate: orders / seconds,
        finishing,
        server: server_cpu / orders,
        worker: worker_cpu / orders,
        growth_kib: peak - rss,
        http_share: http / (http + database),
    })
}

/// Seconds that the worker has waited so far for platforms, and for the database.
pub async fn waited(worker: &Worker) -> Result<(f64, f64)> {
    let page = http::get(&worker.url("/metrics")).await?.text();
    let number = |name: &str| -> Result<f64> {
        let name = format!("boxoffice_ingress_outbound_{name}_seconds_total ");
        let line = page.lines().find_map(|line| line.strip_prefix(&name)).with_context(|| format!("no {name}"))?;
        Ok(line.trim().parse()?)
    };
    Ok((number("http")?, number("database")?))
}
