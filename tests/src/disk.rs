//! A server whose disk is full when a test wants it to be.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::ensure;

use crate::{Cluster, Result, environment};

/// Its disk.
#[derive(Debug)]
pub struct Disk {
    flag: PathBuf,
}

impl Disk {
    /// Makes and starts a server on a disk of its own, which has room.
    pub async fn with_server() -> Result<(Disk, Arc<Cluster>)> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("disk-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let directory = PathBuf::from(environment::required(environment::DIR)?);
        let (library, flag) = (directory.join(format!("{name}.so")), directory.join(format!("{name}.full")));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/full_disk.c");
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .output()?;
        ensure!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
        let path = |path: &Path| path.display().to_string();
        let variables = [("LD_PRELOAD", path(&library)), ("FULL_DISK_WHILE", path(&flag))];
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Ok((Disk { flag }, Cluster::start_with(&[], &variables).await?))
    }

    /// From now on no file of a database grows.
    pub fn fill(&self) -> Result {
        Ok(std::fs::write(&self.flag, "")?)
    }

    /// There is room again.
    pub fn free(&self) -> Result {
        Ok(std::fs::remove_file(&self.flag)?)
    }
}
