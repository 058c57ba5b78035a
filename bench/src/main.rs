//! What `make bench` runs: what one webhook costs, step by step, against the least that PostgreSQL itself takes for it.
//!
//! Speed of a machine does not matter here, ratios do: every figure is compared with the *floor*, one transaction of
//! three prepared bare INSERTs, measured in the same round; and a synchronisation with the plain loop that does the same.
//! Progress goes to stderr, the tables to stdout and, after a
//! whole run, to `docs/BENCHMARKS.md`.

mod bodies;
mod core_cost;
mod cpu;
mod flood;
mod http;
mod jobs;
mod machine;
mod options;
mod plain;
mod platforms;
mod recorded;
mod report;
mod report_sync;
mod rounds;
mod server;
mod statistics;
mod steps;
mod sync;

use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::options::Options;
use crate::rounds::Rounds;
use crate::server::Server;

/// What can go wrong ends the program with a message.
type Result<T = ()> = anyhow::Result<T>;

#[tokio::main]
async fn main() -> Result {
    let options = match Options::from_environment() {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{}", options::HELP);
            return Ok(());
        }
        Err(error) => {
            eprintln!("error: {error}\n\n{}", options::HELP);
            std::process::exit(64);
        }
    };
    let machine = machine::describe()?;
    if machine.is_busy() {
        eprintln!("warning: the machine is busy ({}): absolute figures will be too low", machine.load());
    }

    let core = core_cost::measure(&options)?;
    progress(&format!("core: {:.1} µs", core.total()));
    let server = Server::start(&options).await?;
    let steps = if options.steps { steps::measure(&server, &options).await? } else { Vec::new() };
    let mut rounds = Rounds::new(&server, &options).await?;
    let count = if options.wants_rounds() { options.rounds } else { 0 };
    for number in 0..count {
        rounds.run(number).await.with_context(|| format!("round {}", number + 1))?;
    }
    let results = rounds.finish().await?;

    let sync = if options.wants('h') { Some(sync::measure(&server, &options).await?) } else { None };

    let flood = if options.wants('i') { Some(flood::measure(&server, &options).await?) } else { None };

    let settings = server.settings().await?;
    let page = report::page(&report::Input {
        options: &options,
        machine: &machine,
        settings,
        core,
        steps,
        results,
        sync,
        flood,
    });
    println!("{page}");
    if options.is_whole() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/BENCHMARKS.md");
        std::fs::write(path, &page).with_context(|| format!("cannot write {path}"))?;
        progress("written to docs/BENCHMARKS.md");
    }
    Ok(())
}

/// One line for whoever waits.
fn progress(line: &str) {
    eprintln!("    {line}");
}

/// Runs a program to its end; returns what it printed.
fn run(command: &mut Command) -> Result<String> {
    let output = command.current_dir("/").stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {}\n{said}{complaint}", command.get_program().display(), output.status);
    Ok(said)
}
