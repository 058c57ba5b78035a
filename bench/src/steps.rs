//! (g) CPU time of one backend for calls that do more and more, so that the dearest step shows.
//!
//! One connection, prepared statements, parameters as the worker sends them. Each step once with a transaction for each
//! call and once with fifty calls in each: the difference is what a transaction costs the backend.

use anyhow::{Context as _, ensure};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use crate::bodies::{self, Copy, Delivery};
use crate::options::{BATCH, Options};
use crate::server::Server;
use crate::statistics::Spread;
use crate::{Result, cpu, progress};

/// How the worker hands over deliveries.
pub const BATCH_CALL: &str = "SELECT * FROM boxoffice.ingest_webhooks($1::text[], $2::text[]::jsonb[], $3::bytea[])";
const CALL: &str = "SELECT * FROM boxoffice.ingest_webhook('humanitix', $1::text::jsonb, $2::bytea)";
const EXPLAIN: &str = "SELECT * FROM boxoffice.explain_webhook('humanitix', $1::text::jsonb, $2::bytea)";
const LOG: &str = "INSERT INTO naive.webhook_logs (platform, event_type, payload, signature, processed)
                   VALUES ('humanitix', 'order.created', $1::text::jsonb, 'none', true)";
const SALE: &str = "INSERT INTO naive.ticket_sales (customer_name, customer_email, ticket_quantity, total_amount, platform,
                                                    platform_order_id, purchase_date, raw_data)
                    VALUES ('Amelia Placeholder', 'fan@example.com', 2, 67.50, 'humanitix', $2, '2026-03-01T09:59:00Z', $1::text::jsonb)";
const ATTENDEES: &str = "INSERT INTO naive.attendees (first_name, last_name, email, ticket_type, ticket_price, barcode, platform,
                                                      platform_attendee_id)
                         VALUES ('Amelia', 'Placeholder', 'fan@example.com', 'General Admission', 33.75, $1, 'humanitix', 'a' || $1),
                                ('Jack', 'Placeholder', 'guest@example.com', 'General Admission', 33.75, $1, 'humanitix', 'b' || $1)";
/// Calls in a long transaction.
const LONG: usize = 50;
/// Calls before anything is measured.
const WARM: usize = 50;
/// How often all steps are measured; the middle counts.
const PASSES: usize = 5;
/// First number of the orders of this part.
const FIRST: u64 = 300_000_000;

/// CPU time of a step, in microseconds a delivery.
#[derive(Debug, Clone)]
pub struct Step {
    /// What is called.
    pub name: &'static str,
    /// One call a transaction.
    pub alone: f64,
    /// Fifty calls a transaction.
    pub together: f64,
}

/// The outcome of a delivery; `None` where nothing is ingested.
type Answer = Option<&'static str>;

/// What a step calls.
#[derive(Debug, Clone, Copy)]
enum Call {
    /// A statement without parameters.
    Plain(&'static str),
    /// A function that takes headers and body; makes them from a number; what it answers.
    Delivery(&'static str, fn(u64) -> Delivery, Answer),
    /// The three statements of the floor.
    Floor,
    /// Batches.
    Batch,
}

const STEPS: &[(&str, Call)] = &[
    ("`SELECT 1`", Call::Plain("SELECT 1")),
    ("`version()`", Call::Plain("SELECT * FROM boxoffice.version()")),
    ("the three bare `INSERT`s of the floor", Call::Floor),
    ("a forged delivery: verified, counted", Call::Delivery(CALL, Delivery::forged, Some("rejected"))),
    ("an unknown event type: verified, read, kept", Call::Delivery(CALL, unknown, Some("ignored"))),
    ("`explain_webhook` of a new order", Call::Delivery(EXPLAIN, new, None)),
    ("a new order without attendees", Call::Delivery(CALL, alone, Some("processed"))),
    ("a new order with 2 attendees", Call::Delivery(CALL, new, Some("processed"))),
    ("a duplicate", Call::Delivery(CALL, duplicate, Some("duplicate"))),
    ("an update", Call::Delivery(CALL, update, Some("processed"))),
    ("a new order with 2 attendees, in batches of 64", Call::Batch),
];

fn new(i: u64) -> Delivery {
    Delivery::of(i, Copy::Created)
}

fn alone(i: u64) -> Delivery {
    Delivery::of(i, Copy::Alone)
}

fn unknown(i: u64) -> Delivery {
    Delivery::of(i, Copy::Unknown)
}

fn duplicate(i: u64) -> Delivery {
    Delivery::of(bodies::KNOWN + i % FIRST, Copy::Created)
}

fn update(i: u64) -> Delivery {
    Delivery::of(bodies::KNOWN + i % FIRST, Copy::Updated)
}

/// Measures all steps.
pub async fn measure(server: &Server, options: &Options) -> Result<Vec<Step>> {
    server.reset().await?;
    server.preload((2 * options.step_calls + WARM) as u64).await?;
    let client = server.database.client().await?;
    let process = u32::try_from(client.query_one("SELECT pg_backend_pid()", &[]).await?.get::<_, i32>(0))?;
    let mut runners = Vec::new();
    for (position, &(_, call)) in STEPS.iter().enumerate() {
        let mut runner = Runner::new(&client, process, call, position).await?;
        runner.run(WARM, 1).await?;
        runners.push((runner, Vec::new(), Vec::new()));
    }
    for pass in 1..=PASSES {
        for (runner, alone, together) in &mut runners {
            alone.push(runner.run(options.step_calls / PASSES, 1).await?);
            together.push(runner.run(options.step_calls / PASSES, LONG).await?);
        }
        progress(&format!("steps, pass {pass} of {PASSES}"));
    }
    let middle = |figures: Vec<f64>| Spread::of(figures).map_or(f64::NAN, |spread| spread.median);
    let mut steps = Vec::new();
    for ((name, _), (_, alone, together)) in STEPS.iter().zip(runners) {
        steps.push(Step { name, alone: middle(alone), together: middle(together) });
    }
    Ok(steps)
}

struct Runner<'c> {
    client: &'c Client,
    process: u32,
    call: Call,
    statements: Vec<Statement>,
    /// Number of the next order. Steps that need known ones count from the first of those.
    next: u64,
}

impl<'c> Runner<'c> {
    async fn new(client: &'c Client, process: u32, call: Call, position: usize) -> Result<Runner<'c>> {
        let texts = match call {
            Call::Plain(text) | Call::Delivery(text, ..) => vec![text],
            Call::Floor => vec![LOG, SALE, ATTENDEES],
            Call::Batch => vec![BATCH_CALL],
        };
        let mut statements = Vec::new();
        for text in texts {
            statements.push(client.prepare(text).await?);
        }
        Ok(Runner { client, process, call, statements, next: FIRST * (1 + position as u64) })
    }

    /// CPU time for a delivery when `count` of them go in, `long` calls a transaction.
    async fn run(&mut self, count: usize, long: usize) -> Result<f64> {
        let is_batch = matches!(self.call, Call::Batch);
        // A batch is one call, and long transactions of batches are as long in deliveries as in a production worker.
        let (calls, long) =
            if is_batch { ((2 * count).div_ceil(BATCH), if long > 1 { 4 } else { 1 }) } else { (count, long) };
        let mut prepared: Vec<Vec<Delivery>> = Vec::new();
        for _ in 0..calls {
            prepared.push(self.deliveries());
        }
        let before = cpu::of_single_thread(self.process)?;
        for part in prepared.chunks(long) {
            let explicit = long > 1 || matches!(self.call, Call::Floor);
            if explicit {
                self.client.batch_execute("BEGIN").await?;
            }
            for deliveries in part {
                self.once(deliveries).await?;
            }
            if explicit {
                self.client.batch_execute("COMMIT").await?;
            }
        }
        let cpu = cpu::of_single_thread(self.process)? - before;
        Ok(cpu / (calls * if is_batch { BATCH } else { 1 }) as f64)
    }

    fn deliveries(&mut self) -> Vec<Delivery> {
        let count = if matches!(self.call, Call::Batch) { BATCH as u64 } else { 1 };
        let numbers = self.next..self.next + count;
        self.next += count;
        match self.call {
            Call::Plain(_) => Vec::new(),
            Call::Delivery(_, make, _) => numbers.map(make).collect(),
            Call::Floor | Call::Batch => numbers.map(new).collect(),
        }
    }

    async fn once(&self, deliveries: &[Delivery]) -> Result {
        let [first, ..] = self.statements.as_slice() else { return Ok(()) };
        let one = || deliveries.first().context("a step without a delivery");
        match self.call {
            Call::Plain(_) => self.ask(first, &[], None).await,
            Call::Delivery(_, _, answer) => {
                let delivery = one()?;
                self.ask(first, &[&delivery.headers(), &delivery.body.as_bytes()], answer).await
            }
            Call::Floor => {
                let (body, id) = (&one()?.body, &one()?.signature);
                for (statement, parameters) in
                    self.statements.iter().zip([vec![body as &(dyn ToSql + Sync)], vec![body, id], vec![id]])
                {
                    self.client.execute(statement, &parameters).await?;
                }
                Ok(())
            }
            Call::Batch => {
                let (headers, bodies): (Vec<_>, Vec<_>) =
                    deliveries.iter().map(|d| (d.headers(), d.body.as_bytes())).unzip();
                self.ask(first, &[&vec!["humanitix"; deliveries.len()], &headers, &bodies], Some("processed")).await
            }
        }
    }

    async fn ask(&self, statement: &Statement, parameters: &[&(dyn ToSql + Sync)], answer: Answer) -> Result {
        for row in self.client.query(statement, parameters).await? {
            if let Some(expected) = answer {
                let outcome: &str = row.try_get("outcome")?;
                ensure!(outcome == expected, "a delivery should be {expected}, and is {outcome}");
            }
        }
        Ok(())
    }
}
