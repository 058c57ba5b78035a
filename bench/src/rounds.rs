//! Everything that is compared with the floor, which is measured before and after each of them: what else the machine
//! does at the time befalls both.

use std::fmt;

use anyhow::{Context as _, bail, ensure};
use boxoffice_tests::Worker;

use crate::bodies::{self, Copy, Delivery};
use crate::http::{self, Page, Requests};
use crate::options::{BATCH, CLIENTS, Options};
use crate::server::{Rows, Server};
use crate::{Result, cpu, progress};

/// Something that is compared with the floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    /// The floor's statements on tables with all indexes and foreign keys of the first version.
    Seed,
    /// (c) `ingest_webhook`; (f) with updates and duplicates.
    Single { mixed: bool },
    /// (d) `ingest_webhooks` of 64.
    Batch,
    /// (e) HTTP; (f) with updates and duplicates.
    Http { connections: usize, mixed: bool },
}

/// All of them, in the order of the table.
pub const CONTENDERS: [(char, Contender); 9] = [
    ('b', Contender::Seed),
    ('c', Contender::Single { mixed: false }),
    ('d', Contender::Batch),
    ('e', Contender::Http { connections: 1, mixed: false }),
    ('e', Contender::Http { connections: 16, mixed: false }),
    ('e', Contender::Http { connections: 64, mixed: false }),
    ('e', Contender::Http { connections: 256, mixed: false }),
    ('f', Contender::Single { mixed: true }),
    ('f', Contender::Http { connections: 64, mixed: true }),
];

/// What a contender, or the floor, did in a round.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Webhooks a second.
    pub rate: f64,
    /// `rate` over that of the floor before and after it.
    pub ratio: f64,
    /// The same for `server`.
    pub cpu_ratio: f64,
    /// Microseconds of CPU time of the server for each.
    pub server: f64,
    /// Only over HTTP.
    pub http: Option<HttpFigure>,
}

impl Figure {
    fn of(rate: f64, cpu: f64, count: usize) -> Figure {
        Figure { rate, server: cpu / count as f64, ratio: 1.0, cpu_ratio: 1.0, http: None }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Contender::Seed => write!(f, "the same on tables with all indexes and foreign keys of the first version"),
            Contender::Single { mixed: false } => write!(f, "(c) `ingest_webhook`"),
            Contender::Batch => write!(f, "(d) `ingest_webhooks` of {BATCH}"),
            Contender::Http { connections: 1, .. } => write!(f, "(e) HTTP, 1 connection"),
            Contender::Http { connections, mixed: false } => write!(f, "(e) HTTP, {connections} connections"),
            Contender::Single { mixed: true } => write!(f, "(f) `ingest_webhook`, 15 % updates, 15 % duplicates"),
            Contender::Http { connections, mixed: true } => {
                write!(f, "(f) HTTP, {connections} connections, 15 % updates, 15 % duplicates")
            }
        }
    }
}

/// What only HTTP has.
#[derive(Debug, Clone, Copy)]
pub struct HttpFigure {
    /// Microseconds of CPU time of the worker for each webhook.
    pub worker: f64,
    /// Deliveries in a transaction, on average.
    pub batch: f64,
    /// Milliseconds that half of the answers took at most.
    pub p50: f64,
    /// The same for 99 of 100.
    pub p99: f64,
}

/// Figures of all rounds.
#[derive(Debug, Default)]
pub struct Results {
    /// (b) BEGIN, three INSERTs, COMMIT.
    pub floor: Vec<Figure>,
    /// One row for each contender, one figure for each round.
    pub rows: Vec<(Contender, Vec<Figure>)>,
    /// Answers over HTTP.
    pub acknowledged: u64,
    /// Rows found afterwards that nobody had been told about yet when the clock stopped.
    pub cut_off: u64,
    /// Greatest resident memory of the worker, in MiB.
    pub worker_mib: f64,
}

/// The measurements in progress.
pub struct Rounds<'s> {
    server: &'s Server,
    options: &'s Options,
    worker: Option<Web>,
    results: Results,
}

struct Web {
    worker: Worker,
    url: String,
    new: Requests,
    mixed: Requests,
}

impl<'s> Rounds<'s> {
    /// Gets everything going, the worker too when it is wanted.
    pub async fn new(server: &'s Server, options: &'s Options) -> Result<Rounds<'s>> {
        let wanted = CONTENDERS.into_iter().filter(|(part, _)| options.wants(*part));
        let rows: Vec<_> = wanted.map(|(_, contender)| (contender, Vec::new())).collect();
        let over_http = rows.iter().any(|(contender, _)| matches!(contender, Contender::Http { .. }));
        let worker = if over_http { Some(Web::start(server, options).await?) } else { None };
        Ok(Rounds { server, options, worker, results: Results { rows, ..Results::default() } })
    }

    /// One of each. Every round begins with another one.
    pub async fn run(&mut self, number: usize) -> Result {
        let mut before = self.floor().await?;
        let count = self.results.rows.len();
        for i in 0..count {
            let row = (i + number * 3) % count;
            let contender = self.results.rows[row].0;
            self.server.reset().await?;
            let mut figure = match contender {
                Contender::Seed => self.bare("seed", "seed").await?,
                Contender::Single { mixed } => self.single(mixed).await?,
                Contender::Batch => self.batch().await?,
                Contender::Http { connections, mixed } => self.http(connections, mixed).await?,
            };
            let after = self.floor().await?;
            figure.ratio = figure.rate * 2.0 / (before.rate + after.rate);
            figure.cpu_ratio = figure.server * 2.0 / (before.server + after.server);
            before = after;
            let Figure { rate, ratio, server, .. } = figure;
            progress(&format!("round {}, {contender}: {rate:.0}/s, {ratio:.2} × floor, {server:.0} µs", number + 1));
            self.results.rows[row].1.push(figure);
        }
        Ok(())
    }

    /// The figures; ends the worker.
    pub async fn finish(mut self) -> Result<Results> {
        if let Some(web) = &mut self.worker {
            self.results.worker_mib = web.worker.rss_kib()? as f64 / 1024.0;
            ensure!(web.worker.term_and_wait().await?.success(), "the worker did not end well");
        }
        Ok(self.results)
    }

    async fn floor(&mut self) -> Result<Figure> {
        self.server.reset().await?;
        let figure = self.bare("floor", "naive").await?;
        self.results.floor.push(figure);
        Ok(figure)
    }

    async fn bare(&self, script: &str, schema: &str) -> Result<Figure> {
        let run = self.server.pgbench(script, bodies::NEW, self.options.calls)?;
        let count = CLIENTS * self.options.calls;
        let rows = self.server.bare_rows(schema).await?;
        ensure!(rows == Rows::of_new_orders(count), "{count} transactions, but {rows:?}");
        Ok(Figure::of(run.rate, run.cpu, count))
    }

    async fn single(&self, mixed: bool) -> Result<Figure> {
        let count = CLIENTS * self.options.calls;
        let (first, known) =
            if mixed { (bodies::MIXED, Delivery::known_in_mixed(count as u64)) } else { (bodies::NEW, 0) };
        self.server.preload(known).await?;
        let run = self.server.pgbench("single", first, self.options.calls)?;
        let rows = self.server.rows().await?;
        if mixed {
            ensure!(rows.deliveries == known as i64 + count as i64, "{count} calls, but {rows:?}");
        } else {
            ensure!(rows == Rows::of_new_orders(count), "{count} calls, but {rows:?}");
        }
        Ok(Figure::of(run.rate, run.cpu, count))
    }

    async fn batch(&self) -> Result<Figure> {
        let run = self.server.pgbench("batch", bodies::NEW, self.options.batches)?;
        let count = CLIENTS * self.options.batches * BATCH;
        let rows = self.server.rows().await?;
        ensure!(rows == Rows::of_new_orders(count), "{count} deliveries, but {rows:?}");
        Ok(Figure::of(run.rate * BATCH as f64, run.cpu, count))
    }

    async fn http(&mut self, connections: usize, mixed: bool) -> Result<Figure> {
        let web = self.worker.as_ref().context("there is no worker")?;
        let requests = if mixed { &web.mixed } else { &web.new };
        let known = if mixed { Delivery::known_in_mixed(requests.count) } else { 0 };
        self.server.preload(known).await?;
        let (server, worker) = (self.server.cpu()?, cpu::of_process(web.worker.pid())?);
        let before = http::metrics(&web.worker).await?;
        let load = requests.send(&web.url, connections, self.options.seconds)?;
        let after = web.quiet(self.server).await?;
        let (server, worker) = (self.server.cpu()? - server, cpu::of_process(web.worker.pid())? - worker);

        let rows = self.server.rows().await?;
        let kept = u64::try_from(rows.deliveries)? - known;
        let cut_off = kept.checked_sub(load.acknowledged).with_context(|| format!("answers without rows: {rows:?}"))?;
        // wrk closes its connections when the time is over, without waiting for the answers that are under way.
        ensure!(cut_off <= connections as u64, "{} answers, but {rows:?}", load.acknowledged);
        let committed = after.deliveries - before.deliveries;
        ensure!(committed == kept as f64, "the worker has committed {committed}, but {rows:?}");
        ensure!(mixed || rows == Rows::of_new_orders(usize::try_from(kept)?), "{kept} new orders, but {rows:?}");
        self.results.acknowledged += load.acknowledged;
        self.results.cut_off += cut_off;
        let http = HttpFigure {
            worker: worker / kept as f64,
            batch: committed / (after.transactions - before.transactions),
            p50: load.p50,
            p99: load.p99,
        };
        let rate = load.acknowledged as f64 / load.seconds;
        Ok(Figure { http: Some(http), ..Figure::of(rate, server, usize::try_from(kept)?) })
    }
}

impl Web {
    async fn start(server: &Server, options: &Options) -> Result<Web> {
        let worker = Worker::start(&server.database, &[]).await?;
        let url = worker.url("/webhooks/humanitix");
        let new = |i| Delivery::of(bodies::NEW + i, Copy::Created);
        // A first try, which also warms everything up, tells how many requests will be needed.
        server.reset().await?;
        let few = Requests::write("new", worker.address(), 20_000, new)?;
        let (load, _) = few.send_in_circles(&url, 256, 2)?;
        let most = (load.acknowledged as f64 / load.seconds * options.seconds as f64 * 2.0) as u64 + 5_000;
        progress(&format!("worker on {}; writing {most} requests", worker.address()));
        let new = Requests::write("new", worker.address(), most, new)?;
        let mixed = Requests::write("mixed", worker.address(), most / 30 * 20, Delivery::mixed)?;
        let web = Web { worker, url, new, mixed };
        web.quiet(server).await?;
        Ok(web)
    }

    /// Waits until the worker has nothing left to do for connections that are closed already.
    async fn quiet(&self, server: &Server) -> Result<Page> {
        let mut last: Option<Page> = None;
        for _ in 0..500 {
            let page = http::metrics(&self.worker).await?;
            let idle = page.waiting == 0.0 && !server.is_working().await?;
            if idle && last.is_some_and(|last| last.deliveries == page.deliveries) {
                return Ok(page);
            }
            last = idle.then_some(page);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        bail!("the worker does not come to rest")
    }
}
