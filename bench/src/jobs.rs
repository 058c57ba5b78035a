//! (h) What a single fetch costs the database besides its meaning: claim and completion of an order that has not changed;
//! and what a worker costs that has nothing to do.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use boxoffice_tests::fake::{Platform, TruthOrder};
use tokio::time::sleep;
use tokio_postgres::Client;

use crate::options::Options;
use crate::platforms::{self, PLATFORMS, Platforms};
use crate::server::Server;
use crate::sync::waited;
use crate::{Result, cpu, progress};

const CLAIM: &str = "SELECT id FROM boxoffice.claim_fetches(1, '{eventbrite/default,humanitix/default}')";
const COMPLETE: &str = "SELECT outcome FROM boxoffice.complete_fetch($1::bigint, 200, '{\"content-type\":\"application/json\"}', $2::bytea)";
const INSERT: &str = "INSERT INTO boxoffice.fetch_jobs (platform, path, kind, resource_id, external_event_id, due_at)
    VALUES ($1::text, $2, 'order', $3, $4, clock_timestamp())";
/// Calls before anything is measured.
const WARM: usize = 50;
/// How many orders take turns.
const ORDERS: usize = 50;

/// Times of a call, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Average.
    pub mean: f64,
    /// 99 of 100 take less.
    pub p99: f64,
    /// CPU time of the backend, on average.
    pub cpu: f64,
}

/// All of them.
#[derive(Debug, Clone, Copy)]
pub struct Jobs {
    /// For each platform: claim and completion together.
    pub both: [Times; 2],
    /// A claim that brings a job.
    pub claim: Times,
    /// The completion.
    pub complete: Times,
    /// A claim that brings nothing.
    pub empty: Times,
    /// Milliseconds of CPU time of an idle worker in a second.
    pub idle_worker: f64,
    /// The same of the server.
    pub idle_server: f64,
    /// The same of the server without a worker.
    pub idle_alone: f64,
    /// Milliseconds in a second that an idle worker waits for its claims.
    pub idle_claims: f64,
}

#[derive(Debug, Default)]
struct Clock {
    times: Vec<f64>,
    cpu: f64,
}

impl Clock {
    fn take(&self) -> Result<Times> {
        let mut sorted = self.times.clone();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len().max(1);
        let p99 = *sorted.get((count * 99).div_ceil(100) - 1).context("nothing was measured")?;
        Ok(Times { mean: sorted.iter().sum::<f64>() / count as f64, p99, cpu: self.cpu / count as f64 / 1e3 })
    }
}

/// Measures; the tables hold what a synchronisation has just brought.
pub async fn measure(server: &Server, platforms: &Platforms, options: &Options) -> Result<Jobs> {
    let client = server.database.client().await?;
    let process = u32::try_from(client.query_one("SELECT pg_backend_pid()", &[]).await?.get::<_, i32>(0))?;
    let (mut claim, mut complete, mut empty) = (Clock::default(), Clock::default(), Clock::default());
    let mut both = Vec::new();
    for platform in PLATFORMS {
        let mut clock = Clock::default();
        let mut sides = (&mut claim, &mut complete, &mut clock);
        one_by_one(server, &client, process, platforms, platform, options.jobs, &mut sides).await?;
        both.push(clock.take()?);
    }
    let statement = client.prepare(CLAIM).await?;
    for _ in 0..options.jobs {
        time(process, &mut empty, async {
            ensure!(client.query(&statement, &[]).await?.is_empty(), "a job came from nowhere");
            Ok(())
        })
        .await?;
    }
    progress("single jobs");
    drop(client);

    // Nothing is left to be tidied up by the server itself.
    platforms.forget(server).await?;
    sleep(Duration::from_secs(2)).await;
    let idle = Duration::from_secs(options.idle_seconds);
    let seconds = idle.as_secs_f64();
    let before = server.cpu()?;
    sleep(idle).await;
    let idle_alone = (server.cpu()? - before) / 1e3 / seconds;
    let mut worker = platforms.worker(server).await?;
    sleep(Duration::from_secs(2)).await;
    let before = (server.cpu()?, cpu::of_process(worker.pid())?, waited(&worker).await?.1);
    sleep(idle).await;
    let after = (server.cpu()?, cpu::of_process(worker.pid())?, waited(&worker).await?.1);
    ensure!(worker.term_and_wait().await?.success(), "the worker did not end well");
    progress("idle worker");
    let [first, second] = both[..] else { anyhow::bail!("not two platforms") };
    Ok(Jobs {
        both: [first, second],
        claim: claim.take()?,
        complete: complete.take()?,
        empty: empty.take()?,
        idle_worker: (after.1 - before.1) / 1e3 / seconds,
        idle_server: (after.0 - before.0) / 1e3 / seconds,
        idle_alone,
        idle_claims: (after.2 - before.2) * 1e3 / seconds,
    })
}

async fn one_by_one(
    server: &Server,
    client: &Client,
    process: u32,
    platforms: &Platforms,
    platform: Platform,
    count: usize,
    (claim, complete, both): &mut (&mut Clock, &mut Clock, &mut Clock),
) -> Result {
    let mut bodies = Vec::new();
    for order in platforms.fake.truth(platform).iter().take(ORDERS) {
        let path = path(platform, order);
        let body = platforms::get(&platforms.fake.url(platform), platform, &path).await?.body.to_vec();
        bodies.push((path, order.clone(), body));
    }
    let (claims, completes) = (client.prepare(CLAIM).await?, client.prepare(COMPLETE).await?);
    for number in 0..WARM.max(ORDERS) + count {
        let (path, order, body) = &bodies[number % bodies.len()];
        // By another connection: it is no part of what is measured.
        server.client.execute(INSERT, &[&platform.as_str(), path, &order.order_id, &order.event_id]).await?;
        let (mut first, mut second) = (Clock::default(), Clock::default());
        let mut lease = 0_i64;
        time(process, &mut first, async {
            lease = client.query_one(&claims, &[]).await.context("nothing to claim")?.get(0);
            Ok(())
        })
        .await?;
        time(process, &mut second, async {
            let outcome: String = client.query_one(&completes, &[&lease, body]).await?.get(0);
            ensure!(outcome == "done", "the outcome is {outcome}");
            Ok(())
        })
        .await?;
        if number >= WARM.max(ORDERS) {
            both.times.push(first.times.iter().chain(&second.times).sum());
            both.cpu += first.cpu + second.cpu;
            claim.times.append(&mut first.times);
            claim.cpu += first.cpu;
            complete.times.append(&mut second.times);
            complete.cpu += second.cpu;
        }
    }
    Ok(())
}

/// How a hint about the order would be fetched.
fn path(platform: Platform, order: &TruthOrder) -> String {
    match platform {
        Platform::Humanitix => format!("/v1/events/{}/orders/{}", order.event_id, order.order_id),
        Platform::Eventbrite => format!("/v3/orders/{}/?expand=attendees,refund_requests", order.order_id),
    }
}

async fn time(process: u32, clock: &mut Clock, call: impl Future<Output = Result>) -> Result {
    let before = cpu::of_single_thread(process)?;
    let started = Instant::now();
    call.await?;
    clock.times.push(started.elapsed().as_secs_f64() * 1e3);
    clock.cpu += cpu::of_single_thread(process)? - before;
    Ok(())
}
