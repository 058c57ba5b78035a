//! `boxoffice-ingress`: arguments, configuration, listener, signals, exit code. The work is in the library.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use boxoffice_ingress::config::settings::{Command, Environment, Layered, UsageError, command, help};
use boxoffice_ingress::store::postgres::Postgres;
use boxoffice_ingress::{Config, Fetcher, config, log, run};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// `EX_USAGE` of sysexits.h.
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    match prepare() {
        Ok(Some((config, store, fetcher))) => serve(config, store, fetcher).map_or_else(
            |error| {
                log::error("failed", &[("message", error.to_string().into())]);
                ExitCode::FAILURE
            },
            |()| ExitCode::SUCCESS,
        ),
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            log::error("wrong_usage", &[("message", error.to_string().into())]);
            ExitCode::from(EXIT_USAGE)
        }
    }
}

/// `None`: what was asked for has been printed.
fn prepare() -> Result<Option<(Config, Postgres, Fetcher)>, UsageError> {
    let (flags, check) = match command(std::env::args_os().skip(1))? {
        Command::Help => return Ok(print(&help())),
        Command::Version => return Ok(print(&format!("boxoffice-ingress {}\n", env!("CARGO_PKG_VERSION")))),
        Command::Check(flags) => (flags, true),
        Command::Run(flags) => (flags, false),
    };
    let strings = Layered { flags, under: Environment };
    let config = Config::from_strings(&strings)?;
    let store = Postgres::new(&config)?;
    let fetcher = Fetcher::new(&config.fetch)?;
    if check {
        return Ok(print(&config.describe(&strings)?));
    }
    Ok(Some((config, store, fetcher)))
}

/// A reader that has gone away (`--help | head`) is no error.
fn print<T>(text: &str) -> Option<T> {
    let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
    None
}

/// One thread is enough: the database is the bottleneck by far.
fn serve(config: Config, store: Postgres, fetcher: Fetcher) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let listener = TcpListener::bind(&config.listen)
            .await
            .map_err(|error| format!("BOXOFFICE_LISTEN (--listen): cannot listen on {}: {error}", config.listen))?;
        let (address, database) = (listener.local_addr()?.to_string(), config::summary(&config.database));
        log::info("listening", &[("address", address.into()), ("database", database.into())]);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        tokio::spawn(async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            drop(stop);
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            log::error("stopped_at_once", &[("message", "second signal".into())]);
            std::process::exit(1);
        });
        run(listener, config, store, fetcher, async { drop(stopped.await) }).await?;
        log::info("stopped", &[]);
        Ok(())
    });
    runtime.shutdown_background(); // nobody waits for what is left
    result
}
