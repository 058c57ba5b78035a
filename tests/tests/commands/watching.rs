//! `make status` and `make logs`: what somebody reads at night is true, and says what to do.

use std::time::{Duration, Instant};

use anyhow::ensure;
use boxoffice_tests::{Checkout, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::commands::ask;

fn attention(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("attention:  ")).collect()
}

#[test]
fn status_says_what_runs_and_what_needs_attention() -> Result {
    let checkout = Checkout::new(None)?;
    let none = checkout.run("status", &[])?;
    assert!(none.code == 3 && none.text.contains("make up"), "{}", none.text);
    assert!(checkout.run("logs", &[])?.complaint.contains("make up"));
    checkout.run("up", &[])?.good()?;

    let well = checkout.run("status", &[])?.good()?.text;
    assert!(well.contains(&format!("process {}", checkout.server()?)), "{well}");
    assert!(well.contains(&format!("process {}", checkout.worker()?)), "{well}");
    assert!(well.contains("humanitix  none in 24 hours"), "{well}");
    assert_eq!(attention(&well), ["nothing"], "{well}");

    // A delivery that cannot be applied, and one that is turned away.
    ask(
        &checkout,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$not now$$; END';
         CREATE TRIGGER refuse BEFORE INSERT ON boxoffice.ticket_sales FOR EACH ROW EXECUTE FUNCTION refuse()",
    )?;
    let failed = checkout.run("webhook", &[])?.text;
    assert!(failed.contains("outcome  failed"), "{failed}");
    ask(&checkout, "SELECT * FROM ingest_webhook('humanitix', '{}', '{}'::text)")?;
    let ill = checkout.run("status", &[])?.good()?.text;
    let found = attention(&ill);
    assert!(found.iter().any(|line| line.contains("not applied, 1: SELECT")), "{ill}");
    assert!(found.iter().any(|line| line.contains("turned away: SELECT")), "{ill}");
    // What it offers can be pasted.
    for query in found.iter().filter_map(|line| Some(line.split_at(line.find("SELECT")?).1)) {
        assert!(!ask(&checkout, query)?.is_empty(), "{query}");
    }

    // A worker that is gone, then a server.
    kill(Pid::from_raw(i32::try_from(checkout.worker()?)?), Signal::SIGKILL)?;
    gone(&checkout, checkout.worker()?)?;
    let ill = checkout.run("status", &[])?;
    assert_eq!(ill.code, 3, "{}", ill.text);
    assert!(attention(&ill.text).iter().any(|line| line.contains("worker is stopped")), "{}", ill.text);
    checkout.run("up", &[])?.good()?;
    kill(Pid::from_raw(i32::try_from(checkout.server()?)?), Signal::SIGQUIT)?;
    gone(&checkout, checkout.server()?)?;
    let ill = checkout.run("status", &[])?;
    let lines = attention(&ill.text);
    assert_eq!((ill.code, lines.len()), (3, 2), "{}", ill.text);
    assert!(lines[0].contains("server is stopped") && lines[1].contains("not ready: {"), "{}", ill.text);

    let logs = checkout.run("logs", &[])?.good()?.text;
    assert!(logs.contains("\"event\":\"listening\"") && logs.contains("database system is ready"), "{logs}");
    Ok(())
}

/// Waits until a process has ended.
fn gone(checkout: &Checkout, process: u32) -> Result {
    let deadline = Instant::now() + Duration::from_secs(30);
    while std::fs::read_link(format!("/proc/{process}/exe")).is_ok() {
        ensure!(Instant::now() < deadline, "process {process} of {checkout:?} is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
