//! The page: what was measured, where, and whether it reached its aim.

use std::fmt::Write as _;

use crate::core_cost::CoreCost;
use crate::machine::Machine;
use crate::options::{CLIENTS, Options};
use crate::rounds::{Contender, Figure, Results};
use crate::statistics::Spread;
use crate::steps::Step;

/// What the page is made of.
pub struct Input<'a> {
    /// How it was measured.
    pub options: &'a Options,
    /// Where.
    pub machine: &'a Machine,
    /// With which server.
    pub settings: String,
    /// (a)
    pub core: CoreCost,
    /// (g)
    pub steps: Vec<Step>,
    /// (b) to (f)
    pub results: Results,
}

/// Longest that 99 of 100 answers may take at 64 connections, in milliseconds.
const P99_AIM: f64 = 50.0;

/// The page, in Markdown.
pub fn page(input: &Input<'_>) -> String {
    let mut page = String::new();
    let _ = write_page(&mut page, input);
    page
}

fn write_page(page: &mut String, input: &Input<'_>) -> std::fmt::Result {
    let Input { options, machine, settings, results, .. } = input;
    let bytes = crate::bodies::Delivery::of(0, crate::bodies::Copy::Created).body.len();
    writeln!(page, "# Benchmarks\n")?;
    writeln!(
        page,
        "Written by `make bench`. Absolute figures are those of one machine; the ratios are what counts.\n"
    )?;
    writeln!(page, "- {}: {}", machine.day, machine.line())?;
    writeln!(page, "- {settings}")?;
    writeln!(
        page,
        "- release builds; load generators on the same cores; {} rounds of everything, interleaved; tables emptied and a \
         checkpoint before each measurement; medians, least and greatest in brackets",
        options.rounds
    )?;
    writeln!(page, "- each webhook: {bytes} bytes, HMAC-SHA256, an order with two attendees, linked event\n")?;

    writeln!(page, "## Against the floor\n")?;
    writeln!(
        page,
        "The floor (b) is one transaction of three prepared bare `INSERT`s (log, sale, two attendees) into tables of the \
         first version's shape, with values that somebody else has already verified and parsed. `pgbench -M prepared` \
         with {CLIENTS} clients through the Unix socket for (b), (c), (d); `wrk` with one thread for HTTP. The ratio is \
         the middle of those of the rounds.\n"
    )?;
    writeln!(
        page,
        "| | webhooks/s | ÷ floor | aim | | server CPU µs/webhook | p50 / p99 ms | per commit | worker CPU µs |"
    )?;
    writeln!(page, "|---|---|---|---|---|---|---|---|---|")?;
    let floor = figures_of(results, Contender::Floor);
    for (contender, figures) in &results.rows {
        row(page, *contender, figures, floor)?;
    }
    if let Some(floor) = Spread::of(floor.iter().map(|f| f.rate)) {
        let spread = (floor.max - floor.min) / floor.median * 100.0;
        writeln!(
            page,
            "\nThe floor itself differed by {spread:.0} % from round to round: smaller differences mean nothing."
        )?;
    }
    if results.acknowledged > 0 {
        writeln!(
            page,
            "\nOver HTTP {} deliveries were acknowledged, none refused. Rows in the tables after each measurement: exactly \
             as many as the worker had committed, that is all acknowledged ones and {} whose connection `wrk` had closed \
             before the answer when its time was over. The worker's resident memory reached {:.1} MiB.",
            results.acknowledged, results.cut_off, results.worker_mib
        )?;
    }
    core(page, input)?;
    steps(page, input)
}

fn figures_of(results: &Results, contender: Contender) -> &[Figure] {
    results.rows.iter().find(|(c, _)| *c == contender).map_or(&[], |(_, figures)| figures)
}

fn row(page: &mut String, contender: Contender, figures: &[Figure], floor: &[Figure]) -> std::fmt::Result {
    let spread = |pick: fn(&Figure) -> Option<f64>| Spread::of(figures.iter().filter_map(pick));
    let (Some(rate), Some(server)) = (spread(|f| Some(f.rate)), spread(|f| Some(f.server))) else { return Ok(()) };
    let ratio = Spread::of(figures.iter().zip(floor).map(|(f, floor)| f.rate / floor.rate));
    let p99 = spread(|f| Some(f.http?.p99));
    let (mut aims, mut met) = (Vec::new(), true);
    if let (Some(aim), Some(ratio)) = (aim(contender), ratio) {
        aims.push(format!("{aim}"));
        met &= ratio.median >= aim;
    }
    if let (Contender::Http { connections: 64, mixed: false }, Some(p99)) = (contender, p99) {
        aims.push(format!("p99 < {P99_AIM:.0} ms"));
        met &= p99.median < P99_AIM;
    }
    let verdict = if aims.is_empty() {
        ""
    } else if met {
        "met"
    } else {
        "**missed**"
    };
    let middle = |s: Option<Spread>, digits: usize| s.map_or(String::new(), |s| format!("{:.digits$}", s.median));
    let times = match (middle(spread(|f| Some(f.http?.p50)), 1), middle(p99, 1)) {
        (p50, _) if p50.is_empty() => String::new(),
        (p50, p99) => format!("{p50} / {p99}"),
    };
    writeln!(
        page,
        "| {} | {:.0} ({:.0}–{:.0}) | {} | {} | {verdict} | {:.0} ({:.0}–{:.0}) | {times} | {} | {} |",
        name(contender),
        rate.median,
        rate.min,
        rate.max,
        ratio.map_or(String::new(), |r| format!("{:.2} ({:.2}–{:.2})", r.median, r.min, r.max)),
        aims.join(", "),
        server.median,
        server.min,
        server.max,
        middle(spread(|f| Some(f.http?.batch)), 0),
        middle(spread(|f| Some(f.http?.worker)), 0),
    )
}

fn name(contender: Contender) -> String {
    match contender {
        Contender::Floor => "(b) floor: BEGIN, 3 INSERT, COMMIT".to_owned(),
        Contender::Single { mixed: false } => "(c) `ingest_webhook`".to_owned(),
        Contender::Batch => "(d) `ingest_webhooks` of 64".to_owned(),
        Contender::Http { connections, mixed: false } => format!("(e) HTTP, {connections} connections"),
        Contender::Single { mixed: true } => "(f) `ingest_webhook`, 15 % updates, 15 % duplicates".to_owned(),
        Contender::Http { connections, mixed: true } => {
            format!("(f) HTTP, {connections} connections, 15 % updates, 15 % duplicates")
        }
    }
}

fn aim(contender: Contender) -> Option<f64> {
    match contender {
        Contender::Single { mixed: false } => Some(0.9),
        Contender::Batch => Some(3.5),
        Contender::Http { connections: 64, mixed: false } => Some(2.2),
        Contender::Http { connections: 256, mixed: false } => Some(3.0),
        _ => None,
    }
}

fn core(page: &mut String, input: &Input<'_>) -> std::fmt::Result {
    let CoreCost { verify, read, merge } = input.core;
    let total = input.core.total();
    writeln!(page, "\n## (a) Core, without a database\n")?;
    writeln!(page, "| verify | parse, normalise | merge, derive, encode | all | share of (c) | share of (d) |")?;
    writeln!(page, "|---|---|---|---|---|---|")?;
    let share = |contender| {
        let server = Spread::of(figures_of(&input.results, contender).iter().map(|f| f.server));
        server.map_or("–".to_owned(), |server| format!("{:.0} %", total / server.median * 100.0))
    };
    let (single, batch) = (share(Contender::Single { mixed: false }), share(Contender::Batch));
    writeln!(page, "| {verify:.1} µs | {read:.1} µs | {merge:.1} µs | {total:.1} µs | {single} | {batch} |\n")?;
    writeln!(page, "The share is that of the server's CPU time for a webhook, all of its processes counted.")
}

fn steps(page: &mut String, input: &Input<'_>) -> std::fmt::Result {
    if input.steps.is_empty() {
        return Ok(());
    }
    writeln!(page, "\n## (g) CPU time of the backend, step by step\n")?;
    writeln!(
        page,
        "One connection, prepared statements, parameters as the worker sends them; {} calls each. The difference of the \
         columns is what a transaction costs the backend itself; waiting for the disk is not in it.\n",
        input.options.step_calls
    )?;
    writeln!(page, "| µs a webhook | a transaction for each call | long transactions | difference |")?;
    writeln!(page, "|---|---|---|---|")?;
    for Step { name, alone, together } in &input.steps {
        writeln!(page, "| {name} | {alone:.0} | {together:.0} | {:.0} |", alone - together)?;
    }
    Ok(())
}
