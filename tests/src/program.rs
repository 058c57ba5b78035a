//! The server's own client programs: `psql`, `pg_dump`, `pg_restore`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::{Result, environment};

/// Runs a program to its end with this input; returns what it printed.
///
/// # Errors
/// When it fails; says what it complained about.
pub fn run(name: &str, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>> {
    run_with(name, arguments, &[], input)
}

/// The same with more variables in its environment.
///
/// # Errors
/// As [`run`].
pub fn run_with(name: &str, arguments: &[&str], environment: &[(&str, &str)], input: &[u8]) -> Result<Vec<u8>> {
    let mut child = Command::new(environment::pg_program(name)?)
        .args(arguments)
        .env("PSQLRC", "/dev/null")
        .env("PGTZ", "UTC")
        .envs(environment.iter().copied())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let mut stdin = child.stdin.take().context("no stdin")?;
    let output = std::thread::scope(|scope| {
        // From a thread, because the program may want its output read before it reads on. When it ends before it has
        // read everything, its exit status says why.
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output()
    })?;
    if !output.status.success() {
        bail!("{name} {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout)
}

/// The lines that psql prints for a script: rows with `|` between columns. Stops at the first error.
pub fn psql(url: &str, script: &str) -> Result<Vec<String>> {
    let output = run("psql", &["-XqAt", "-P", "null=-", "-v", "ON_ERROR_STOP=1", "-d", url], script.as_bytes())?;
    Ok(String::from_utf8(output)?.lines().map(str::to_owned).collect())
}
