//! The commands that a person types, run as they stand, each test in a checkout of its own.

mod clean;
mod demo;
mod demo_player;
mod deploy;
mod up;
mod values;
mod watching;
mod webhook;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use boxoffice_tests::{Checkout, Result};

/// The environment of a running process.
fn environment_of(process: u32) -> Result<BTreeMap<String, String>> {
    let bytes = fs::read(format!("/proc/{process}/environ"))?;
    let text = String::from_utf8_lossy(&bytes);
    let pairs = text.split('\0').filter(|pair| !pair.is_empty());
    Ok(pairs.filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// The user that a process runs as.
fn user_of(process: u32) -> Result<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).context("no Uid")?;
    Ok(line.split_whitespace().next().context("no user")?.parse()?)
}

/// The permissions of a file.
fn mode(path: &Path) -> Result<u32> {
    Ok(fs::metadata(path).with_context(|| path.display().to_string())?.permissions().mode() & 0o7777)
}

/// One value, asked through `make psql`.
fn ask(checkout: &Checkout, query: &str) -> Result<String> {
    Ok(checkout.run("psql", &["-XqAtc", query])?.good()?.text.trim_end().to_owned())
}
