//! CPU time of processes, as Linux counts it.

use std::fs;

use anyhow::Context as _;

use crate::Result;

/// Microseconds of CPU time of a process with a single thread; exact while it sleeps.
pub fn of_single_thread(process: u32) -> Result<f64> {
    let path = format!("/proc/{process}/schedstat");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let nanoseconds: f64 = text.split_whitespace().next().context("schedstat is empty")?.parse()?;
    Ok(nanoseconds / 1e3)
}

/// Microseconds of CPU time of the calling thread.
pub fn of_this_thread() -> Result<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").context("cannot read /proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split_whitespace().next().context("schedstat is empty")?.parse()?;
    Ok(nanoseconds / 1e3)
}

/// Microseconds of CPU time of a process, its threads included, to the clock tick.
pub fn of_process(process: u32) -> Result<f64> {
    let stat = Stat::read(process)?;
    Ok(microseconds(stat.own))
}

/// Microseconds of CPU time of a process, its present children, and the children that it has outlived.
pub fn of_family(parent: u32) -> Result<f64> {
    let mut ticks = 0;
    for entry in fs::read_dir("/proc")? {
        let Some(process) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // It may have ended in between; then the parent has its time.
        let Ok(stat) = Stat::read(process) else { continue };
        if process == parent {
            ticks += stat.own + stat.outlived;
        } else if stat.parent == parent {
            ticks += stat.own;
        }
    }
    Ok(microseconds(ticks))
}

/// The parent of a process.
pub fn parent_of(process: u32) -> Result<u32> {
    Ok(Stat::read(process)?.parent)
}

/// What we need of `/proc/N/stat`; times in clock ticks.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    own: u64,
    outlived: u64,
}

impl Stat {
    fn read(process: u32) -> Result<Stat> {
        let path = format!("/proc/{process}/stat");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        Stat::parse(&text).with_context(|| format!("cannot understand {path}"))
    }

    fn parse(text: &str) -> Option<Stat> {
        // The name, in parentheses, may hold anything.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |i: usize| fields.get(i)?.parse::<u64>().ok();
        Some(Stat {
            parent: fields.get(1)?.parse().ok()?,
            own: ticks(11)? + ticks(12)?,
            outlived: ticks(13)? + ticks(14)?,
        })
    }
}

/// Linux shows ticks of a hundredth of a second on every machine it runs on (`USER_HZ`).
fn microseconds(ticks: u64) -> f64 {
    ticks as f64 * 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_stat() {
        let text = "71 (post) gres) S 70 71 71 0 -1 4194560 100 200 0 0 11 22 33 44 20 0 1 0 9 9 9";
        assert_eq!(Stat::parse(text), Some(Stat { parent: 70, own: 33, outlived: 77 }));
        assert_eq!(Stat::parse("71 (x) S 70"), None);
    }
}
