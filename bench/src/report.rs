//! The page: what was measured, where, and whether it reached its aim.

use std::fmt::Write as _;

use crate::core_cost::CoreCost;
use crate::machine::Machine;
use crate::options::{CLIENTS, Options};
use crate::rounds::{Contender, Figure, Results};
use crate::statistics::Spread;
use crate::steps::Step;
use crate::{flood, report_sync, sync};

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
    /// (h)
    pub sync: Option<sync::Results>,
    /// (i)
    pub flood: Option<flood::Results>,
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
        "- release builds; load generators on the same cores; {} rounds of everything; tables emptied and a \
         checkpoint before each measurement; medians, least and greatest in brackets",
        options.rounds
    )?;
    writeln!(page, "- each webhook: {bytes} bytes, HMAC-SHA256, an order with two attendees, linked event\n")?;

    if !results.floor.is_empty() {
        floor(page, results)?;
    }
    core(page, input)?;
    steps(page, input)?;
    input.sync.as_ref().map_or(Ok(()), |sync| report_sync::write(page, sync))?;
    input.flood.as_ref().map_or(Ok(()), |results| flood::write(page, results))
}

fn floor(page: &mut String, results: &Results) -> std::fmt::Result {
    writeln!(page, "## Against the floor\n")?;
    writeln!(
        page,
        "The floor (b) is one transaction of three prepared bare `INSERT`s (log, sale, two attendees) into tables of the \
         first version's shape, with values that somebody else has already verified and parsed. `pgbench -M prepared` \
         with {CLIENTS} clients through the Unix socket for (b), (c), (d); `wrk` with one thread for HTTP. The floor is \
         measured before and after everything else, and each ratio is to the two that are nearest.\n"
    )?;
    writeln!(
        page,
        "| | webhooks/s | ÷ floor | aim | | server CPU µs/webhook | ÷ floor | p50 / p99 ms | per commit | worker CPU µs |"
    )?;
    writeln!(page, "|---|---|---|---|---|---|---|---|---|---|")?;
    row(page, "(b) floor: BEGIN, 3 INSERT, COMMIT", None, &results.floor)?;
    for (contender, figures) in &results.rows {
        row(page, &contender.to_string(), Some(*contender), figures)?;
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
    Ok(())
}

fn figures_of(results: &Results, contender: Contender) -> &[Figure] {
    results.rows.iter().find(|(c, _)| *c == contender).map_or(&[], |(_, figures)| figures)
}

fn row(page: &mut String, name: &str, contender: Option<Contender>, figures: &[Figure]) -> std::fmt::Result {
    let spread = |pick: fn(&Figure) -> Option<f64>| Spread::of(figures.iter().filter_map(pick));
    let (Some(rate), Some(server)) = (spread(|f| Some(f.rate)), spread(|f| Some(f.server))) else { return Ok(()) };
    let ratio = contender.and(spread(|f| Some(f.ratio)));
    let p99 = spread(|f| Some(f.http?.p99));
    let (mut aims, mut met) = (Vec::new(), true);
    if let (Some(aim), Some(ratio)) = (contender.and_then(aim), ratio) {
        aims.push(format!("{aim}"));
        met &= ratio.median >= aim;
    }
    if let (Some(Contender::Http { connections: 64, mixed: false }), Some(p99)) = (contender, p99) {
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
        "| {name} | {:.0} ({:.0}–{:.0}) | {} | {} | {verdict} | {:.0} ({:.0}–{:.0}) | {} | {times} | {} | {} |",
        rate.median,
        rate.min,
        rate.max,
        ratio.map_or(String::new(), |r| format!("{:.2} ({:.2}–{:.2})", r.median, r.min, r.max)),
        aims.join(", "),
        server.median,
        server.min,
        server.max,
        middle(contender.and(spread(|f| Some(f.cpu_ratio))), 2),
        middle(spread(|f| Some(f.http?.batch)), 0),
        middle(spread(|f| Some(f.http?.worker)), 0),
    )
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
