//! Where it was measured.

use std::fs;

use boxoffice_core::time::to_text;

use crate::Result;

/// The machine.
#[derive(Debug)]
pub struct Machine {
    /// Day of the run.
    pub day: String,
    cores: usize,
    processor: String,
    memory_gib: f64,
    kernel: String,
    load: f64,
}

/// Looks around.
pub fn describe() -> Result<Machine> {
    let line = |path: &str, name: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let value = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        value.trim_start_matches([' ', '\t', ':']).trim().to_owned()
    };
    let memory: f64 = line("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg")?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(Machine {
        day: to_text(i64::try_from(now.as_micros())?)[..10].to_owned(),
        cores: std::thread::available_parallelism()?.get(),
        processor: line("/proc/cpuinfo", "model name"),
        memory_gib: memory / 1024.0 / 1024.0,
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
        load: load.split_whitespace().next().unwrap_or_default().parse().unwrap_or_default(),
    })
}

impl Machine {
    /// Whether others were using it when the run began.
    pub fn is_busy(&self) -> bool {
        self.load > self.cores as f64 / 4.0
    }

    /// What it was doing when the run began.
    pub fn load(&self) -> String {
        format!("load average {:.1} on {} cores at the start", self.load, self.cores)
    }

    /// In a line.
    pub fn line(&self) -> String {
        let Machine { cores, processor, memory_gib, kernel, .. } = self;
        format!("{cores} cores of {processor}, {memory_gib:.0} GiB, Linux {kernel}; {}", self.load())
    }
}
