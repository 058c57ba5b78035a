//! (h) on the page.

use std::fmt::Write as _;

use crate::jobs::{Jobs, Times};
use crate::statistics::Spread;
use crate::sync::{Results, Round, Sync};

/// How many times faster than the plain loop a synchronisation should be.
const AIM: f64 = 5.0;
/// Longest that claim and completion of an unchanged order should take, in milliseconds.
const JOB_AIM: f64 = 1.0;

/// Writes the part.
pub fn write(page: &mut String, results: &Results) -> std::fmt::Result {
    let Results { orders, tickets, made, rounds, jobs } = results;
    let spread = |pick: &dyn Fn(&Round) -> f64| Spread::of(rounds.iter().map(pick));
    writeln!(page, "\n## (h) Synchronisation\n")?;
    writeln!(
        page,
        "{orders} orders with {tickets} tickets, half of the orders on each platform: {} calls, {:.0} MiB. The answers are those of \
         the fake platforms of the tests, which made {:.0} orders/s; they were recorded, and come over HTTP from memory, on the \
         same cores. The plain loop GETs the same pages one after the other and runs one prepared \
         `INSERT … ON CONFLICT DO UPDATE` for each order and each ticket, committed one by one over one connection, into tables \
         with the same primary keys and indexes. The worker is the real one with its defaults, the answers are complete \
         readings by `sync_event`, and the tables were compared with the platforms' truth after each round. {} round{}.\n",
        made.calls,
        made.bytes as f64 / 1024.0 / 1024.0,
        *orders as f64 / made.seconds,
        rounds.len(),
        if rounds.len() == 1 { "" } else { "s" }
    )?;
    writeln!(
        page,
        "| | orders/s | ÷ plain loop | aim | | s after the last page | server CPU µs/order | worker CPU µs/order | worker memory, peak growth | waiting for HTTP |"
    )?;
    writeln!(page, "|---|---|---|---|---|---|---|---|---|---|")?;
    let rates = |pick: &dyn Fn(&Round) -> f64| {
        spread(pick).map_or(String::new(), |s| format!("{:.0} ({:.0}–{:.0})", s.median, s.min, s.max))
    };
    let ratio = |pick: &dyn Fn(&Round) -> f64| {
        let of = |round: &Round| pick(round) / round.plain;
        spread(&of).map_or((0.0, String::new()), |s| (s.median, format!("{:.1} ({:.1}–{:.1})", s.median, s.min, s.max)))
    };
    let total = *orders as f64;
    let alone = |round: &Round| total / round.served.seconds;
    writeln!(page, "| the calls alone, one after the other | {} | {} | | | | | | | |", rates(&alone), ratio(&alone).1)?;
    writeln!(page, "| plain loop | {} | | | | | | | | |", rates(&|round| round.plain))?;
    for (name, aimed) in [("synchronisation into empty tables", true), ("the same again, nothing new", false)] {
        let of = |round: &Round| if aimed { round.first } else { round.again };
        let (median, text) = ratio(&|round| of(round).rate);
        let middle = |pick: &dyn Fn(Sync) -> f64| spread(&|round| pick(of(round))).map_or(f64::NAN, |s| s.median);
        let verdict = match (aimed, median >= AIM) {
            (false, _) => "",
            (true, true) => "met",
            (true, false) => "**missed**",
        };
        let growth = middle(&|sync| sync.growth_kib as f64);
        writeln!(
            page,
            "| {name} | {} | {text} | {} | {verdict} | {:.1} | {:.0} | {:.0} | {:.1} MiB, {:.0} bytes/order | {:.0} % |",
            rates(&|round| of(round).rate),
            if aimed { format!("{AIM}") } else { String::new() },
            middle(&|sync| sync.finishing),
            middle(&|sync| sync.server),
            middle(&|sync| sync.worker),
            growth / 1024.0,
            growth * 1024.0 / total,
            middle(&|sync| sync.http_share) * 100.0
        )?;
    }
    writeln!(
        page,
        "\n“Waiting for HTTP” is the part of HTTP in all the time that fetches, claims and completions have waited, as the \
         worker counts it (`boxoffice_ingress_outbound_http_seconds_total`, `…_database_seconds_total`). After the last page a \
         complete reading goes through all orders of the event once more, for those that it has not shown; claims that find \
         nothing to fetch do that, a thousand orders at a time, and the due tasks."
    )?;
    single(page, jobs)
}

fn single(page: &mut String, jobs: &Jobs) -> std::fmt::Result {
    writeln!(page, "\n### Single fetches\n")?;
    writeln!(
        page,
        "Claim and completion of one order that has not changed, prepared statements over one connection, each a durable \
         transaction; times as the caller sees them.\n"
    )?;
    writeln!(page, "| ms | mean | p99 | backend CPU | aim for the mean | |")?;
    writeln!(page, "|---|---|---|---|---|---|")?;
    let mut row = |name: &str, times: Times, aimed: bool| {
        let (aim, verdict) = match (aimed, times.mean < JOB_AIM) {
            (false, _) => (String::new(), ""),
            (true, true) => (format!("< {JOB_AIM}"), "met"),
            (true, false) => (format!("< {JOB_AIM}"), "**missed**"),
        };
        let Times { mean, p99, cpu } = times;
        writeln!(page, "| {name} | {mean:.2} | {p99:.2} | {cpu:.2} | {aim} | {verdict} |")
    };
    row("claim and completion, Humanitix", jobs.both[0], true)?;
    row("claim and completion, Eventbrite", jobs.both[1], true)?;
    row("of these: claim", jobs.claim, false)?;
    row("of these: completion", jobs.complete, false)?;
    row("a claim that brings nothing", jobs.empty, false)?;
    writeln!(
        page,
        "\nAn idle worker asks once a second, and every five seconds for what is due. It costs {:.1} ms of CPU time a second \
         itself and {:.1} ms in the server, which takes {:.1} ms without a worker; it waits {:.1} ms a second for its claims.",
        jobs.idle_worker, jobs.idle_server, jobs.idle_alone, jobs.idle_claims
    )
}
