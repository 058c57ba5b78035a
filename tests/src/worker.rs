//! The worker, as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::{Database, Result, environment, http};

/// Longest that a worker may take to listen, to be ready, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running worker; ended when dropped. Its log is shown when the test fails.
#[derive(Debug)]
pub struct Worker {
    process: Child,
    address: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Worker {
    /// Starts it with a least-privilege role of the database, and waits until it is ready. `environment`: more settings.
    pub async fn start(database: &Database, environment: &[(&str, &str)]) -> Result<Worker> {
        let url = database.url_as(&database.ingress_role().await?);
        let worker = Worker::spawn(&url, environment)?;
        worker.wait_ready().await?;
        Ok(worker)
    }

    /// Starts it with any database URL, and waits only until it listens.
    pub fn spawn(database_url: &str, environment: &[(&str, &str)]) -> Result<Worker> {
        let mut process = Command::new(environment::required(environment::INGRESS)?)
            .env_clear()
            .env("INGRESS_DATABASE_URL", database_url)
            .env("BOXOFFICE_LISTEN", "127.0.0.1:0")
            .envs(environment.iter().copied())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start the worker")?;
        let log = Arc::new(Mutex::new(Vec::new()));
        let (found, address) = channel();
        let stderr = process.stderr.take().context("the worker has no stderr")?;
        std::thread::spawn({
            let log = Arc::clone(&log);
            move || read_log(stderr, &log, &found)
        });
        let mut worker = Worker { process, address: String::new(), log };
        worker.address = address.recv_timeout(PATIENCE).with_context(|| {
            format!("the worker did not say where it listens; its log:\n{}", worker.log().join("\n"))
        })?;
        Ok(worker)
    }

    /// Waits until `/ready` says so.
    pub async fn wait_ready(&self) -> Result {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = http::get(&self.url("/ready")).await;
            if answer.as_ref().is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the worker did not become ready: {answer:?}; its log:\n{}", self.log().join("\n"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `host:port` where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The lines that it has logged so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Resident memory in KiB.
    pub fn rss_kib(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result {
        Ok(kill(Pid::from_raw(i32::try_from(self.pid())?), signal)?)
    }

    /// Kills it without warning, and waits until it is gone.
    pub fn sigkill(&mut self) -> Result {
        self.signal(Signal::SIGKILL)?;
        self.process.wait()?;
        Ok(())
    }

    /// Asks it to end, and waits until it has.
    pub async fn term_and_wait(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        self.wait().await
    }

    /// Waits until it has ended by itself.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("the worker did not end within {PATIENCE:?}; its log:\n{}", self.log().join("\n"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("log of the worker at {}:\n{}", self.address, self.log().join("\n"));
        }
        // Already gone: nothing to do.
        if !matches!(self.process.try_wait(), Ok(None)) {
            return;
        }
        let _ = self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + Duration::from_secs(3);
        while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn read_log(stderr: ChildStderr, log: &Mutex<Vec<String>>, address: &Sender<String>) {
    for line in BufReader::new(stderr).lines() {
        let Ok(line) = line else { return };
        let fields: Value = serde_json::from_str(&line).unwrap_or_default();
        if fields["event"] == "listening"
            && let Some(found) = fields["address"].as_str()
        {
            // Only the first one is waited for.
            let _ = address.send(found.to_owned());
        }
        log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}
