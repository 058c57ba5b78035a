//! The database under test: filled with deliveries, emptied between measurements, driven by `pgbench`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use boxoffice_tests::Database;
use tokio_postgres::Client;

use crate::bodies::{self, Copy, Delivery};
use crate::options::{BATCH, CLIENTS, Options};
use crate::{Result, cpu, progress, run};

/// Everything that a measurement leaves behind.
const EMPTY: &str = "TRUNCATE boxoffice.ticket_sales, boxoffice.attendees, boxoffice.order_states, \
                     boxoffice.webhook_logs, boxoffice.webhook_rejections, boxoffice.fetch_jobs, \
                     naive.webhook_logs, naive.ticket_sales, naive.attendees, \
                     seed.webhook_logs, seed.ticket_sales, seed.attendees";

/// A database with the extension on a server with durable commits.
pub struct Server {
    /// For the worker.
    pub database: Database,
    /// The owner's connection.
    pub client: Client,
    postmaster: u32,
    socket: String,
}

/// What a run of `pgbench` showed.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Transactions a second.
    pub rate: f64,
    /// CPU time of all processes of the server, in microseconds.
    pub cpu: f64,
}

/// How many rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    /// `webhook_logs`
    pub deliveries: i64,
    /// `ticket_sales`
    pub sales: i64,
    /// `attendees`
    pub attendees: i64,
}

impl Rows {
    /// As many as that many new orders make.
    pub fn of_new_orders(count: usize) -> Rows {
        let count = count as i64;
        Rows { deliveries: count, sales: count, attendees: 2 * count }
    }
}

impl Server {
    /// Makes the database and fills it.
    pub async fn start(options: &Options) -> Result<Server> {
        let database = Database::create().await?;
        let client = database.client().await?;
        for setting in ["fsync", "synchronous_commit"] {
            let row = client.query_one(&format!("SHOW {setting}"), &[]).await?;
            ensure!(row.get::<_, &str>(0) == "on", "{setting} is off: run this with `make bench`");
        }
        let row = client
            .query_one(
                "SELECT pg_backend_pid(), split_part(current_setting('unix_socket_directories'), ',', 1),
                        current_setting('port'), current_user::text",
                &[],
            )
            .await?;
        let postmaster = cpu::parent_of(u32::try_from(row.get::<_, i32>(0))?)?;
        let (directory, port, user): (&str, &str, &str) = (row.get(1), row.get(2), row.get(3));
        // Through the socket, because a round trip over TCP costs more, and the floor has five where we have one.
        let socket = format!("host={directory} port={port} user={user} dbname={}", database.name());
        let server = Server { database, client, postmaster, socket };
        server.fill(options).await?;
        Ok(server)
    }

    async fn fill(&self, options: &Options) -> Result {
        self.client.batch_execute(include_str!("../sql/tables.sql")).await?;
        self.client.execute("SELECT boxoffice.set_webhook_secret('humanitix', $1)", &[&bodies::SECRET]).await?;
        for event in 0..bodies::EVENTS {
            self.client.execute("SELECT boxoffice.link_event('humanitix', $1)", &[&bodies::event_id(event)]).await?;
        }
        let singles = CLIENTS * options.calls;
        let batches = CLIENTS * options.batches;
        let new = singles.max(batches * BATCH) as u64;
        progress(&format!("making {new} deliveries of {} bytes", Delivery::of(0, Copy::Created).body.len()));
        self.keep(bodies::NEW, new, |i| Delivery::of(i, Copy::Created)).await?;
        if options.wants('f') {
            self.keep(bodies::MIXED, singles as u64, Delivery::mixed).await?;
        }
        self.client
            .execute(
                "INSERT INTO public.bench_batches
                 SELECT (id - 1) / $1 + 1, array_agg('humanitix'::text), array_agg(headers ORDER BY id),
                        array_agg(convert_to(body, 'UTF8') ORDER BY id)
                 FROM public.bench_bodies WHERE id <= $2 GROUP BY 1",
                &[&i32::try_from(BATCH)?, &i32::try_from(batches * BATCH)?],
            )
            .await?;
        self.client.batch_execute("VACUUM ANALYZE public.bench_bodies, public.bench_batches").await?;
        Ok(())
    }

    /// Puts deliveries into the table that statements take them from, numbered from `first` + 1.
    async fn keep(&self, first: u64, count: u64, delivery: impl Fn(u64) -> Delivery) -> Result {
        let insert = "INSERT INTO public.bench_bodies SELECT n, h::jsonb, b FROM unnest($1::int[], $2::text[], $3::text[]) AS t (n, h, b)";
        let insert = self.client.prepare(insert).await?;
        for from in (0..count).step_by(1000) {
            let part = from..count.min(from + 1000);
            let ids = part.clone().map(|i| i32::try_from(first + i + 1)).collect::<std::result::Result<Vec<_>, _>>()?;
            let (headers, texts): (Vec<_>, Vec<_>) = part.map(&delivery).map(|d| (d.headers(), d.body)).unzip();
            self.client.execute(&insert, &[&ids, &headers, &texts]).await?;
        }
        Ok(())
    }

    /// Empties the tables and writes what is dirty, so that every measurement begins alike.
    pub async fn reset(&self) -> Result {
        self.client.batch_execute(EMPTY).await?;
        self.client.batch_execute("CHECKPOINT").await?;
        Ok(())
    }

    /// Makes orders known, before the clock runs.
    pub async fn preload(&self, count: u64) -> Result {
        let call = self.client.prepare(crate::steps::BATCH_CALL).await?;
        for from in (0..count).step_by(1000) {
            let part = (from..count.min(from + 1000)).map(|i| Delivery::of(bodies::KNOWN + i, Copy::Created));
            let (headers, texts): (Vec<_>, Vec<_>) = part.map(|d| (d.headers(), d.body.into_bytes())).unzip();
            self.client.execute(&call, &[&vec!["humanitix"; headers.len()], &headers, &texts]).await?;
        }
        self.client.batch_execute("CHECKPOINT").await?;
        Ok(())
    }

    /// Runs a script, `calls` transactions by each client.
    pub fn pgbench(&self, script: &str, first: u64, calls: usize) -> Result<Run> {
        let script = format!("{}/sql/{script}.sql", env!("CARGO_MANIFEST_DIR"));
        let (clients, times) = (CLIENTS.to_string(), calls.to_string());
        let (first, span) = (format!("first={first}"), format!("calls={calls}"));
        let arguments = [
            "--no-vacuum",
            "--protocol=prepared",
            "--jobs=2",
            "-c",
            &clients,
            "-t",
            &times,
            "-D",
            "i=0",
            "-D",
            &first,
            "-D",
            &span,
            "-f",
            &script,
            &self.socket,
        ];
        let before = self.cpu()?;
        let programs = std::env::var_os("BOXOFFICE_TEST_PG_BIN").context("run this with `make bench`")?;
        let said = run(Command::new(Path::new(&programs).join("pgbench")).args(arguments))?;
        let cpu = self.cpu()? - before;
        let number = |prefix: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(prefix)).context("pgbench says something else");
            line.map(|rest| rest.split(|c: char| c != '.' && !c.is_ascii_digit()).next().unwrap_or_default().to_owned())
        };
        let done: usize = number("number of transactions actually processed: ")?.parse()?;
        ensure!(done == CLIENTS * calls, "pgbench gave up:\n{said}");
        Ok(Run { rate: number("tps = ")?.parse()?, cpu })
    }

    /// CPU time that the server has taken so far, in microseconds.
    pub fn cpu(&self) -> Result<f64> {
        // Backends that have ended are counted once the server has noticed, which it does at once.
        std::thread::sleep(Duration::from_millis(50));
        cpu::of_family(self.postmaster)
    }

    /// Whether another connection to the database is in the middle of something.
    pub async fn is_working(&self) -> Result<bool> {
        let statement =
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'
                                        AND pid <> pg_backend_pid() AND backend_type = 'client backend')";
        Ok(self.client.query_one(statement, &[]).await?.get(0))
    }

    /// Rows of the extension's tables; fails when a delivery was not applied.
    pub async fn rows(&self) -> Result<Rows> {
        let statement = "SELECT (SELECT count(*) FROM boxoffice.webhook_logs), (SELECT count(*) FROM boxoffice.ticket_sales),
                                (SELECT count(*) FROM boxoffice.attendees),
                                (SELECT count(*) FROM boxoffice.webhook_logs WHERE status NOT IN ('processed', 'duplicate')),
                                (SELECT coalesce(sum(count), 0)::bigint FROM boxoffice.webhook_rejections)";
        let row = self.client.query_one(statement, &[]).await?;
        let wrong: (i64, i64) = (row.get(3), row.get(4));
        ensure!(wrong == (0, 0), "{} deliveries were not applied, {} were turned away", wrong.0, wrong.1);
        Ok(Rows { deliveries: row.get(0), sales: row.get(1), attendees: row.get(2) })
    }

    /// Rows of the tables that bare INSERTs fill: schema `naive` or `seed`.
    pub async fn bare_rows(&self, schema: &str) -> Result<Rows> {
        let statement = format!(
            "SELECT (SELECT count(*) FROM {schema}.webhook_logs), (SELECT count(*) FROM {schema}.ticket_sales),
                    (SELECT count(*) FROM {schema}.attendees)"
        );
        let row = self.client.query_one(&statement, &[]).await?;
        Ok(Rows { deliveries: row.get(0), sales: row.get(1), attendees: row.get(2) })
    }

    /// The version and the settings that matter, in a line.
    pub async fn settings(&self) -> Result<String> {
        let statement = "SELECT 'PostgreSQL ' || current_setting('server_version') || ': ' ||
                                string_agg(name || ' = ' || current_setting(name), ', ' ORDER BY name)
                         FROM pg_settings
                         WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers',
                                        'max_wal_size', 'wal_compression', 'autovacuum', 'jit', 'wal_sync_method')";
        Ok(self.client.query_one(statement, &[]).await?.get(0))
    }
}
