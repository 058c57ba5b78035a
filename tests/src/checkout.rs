//! A copy of the project's scripts, in which commands such as `make up` run as in a checkout: with a cluster, a worker and
//! settings of its own. What they would build is taken from what is under test.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, ensure};

use crate::{Result, environment};

/// A checkout; what runs in it is stopped, and everything deleted, when it is dropped.
#[derive(Debug)]
pub struct Checkout {
    folder: PathBuf,
    variables: Vec<(String, String)>,
}

/// What a command has said.
#[derive(Debug)]
pub struct Ran {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub text: String,
    /// Standard error.
    pub complaint: String,
}

impl Ran {
    /// Fails when the command has.
    pub fn good(self) -> Result<Ran> {
        ensure!(self.code == 0, "exit code {}\n{}{}", self.code, self.text, self.complaint);
        Ok(self)
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let copy = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &copy)?;
        } else {
            fs::copy(entry.path(), copy)?;
        }
    }
    Ok(())
}

impl Checkout {
    /// Copies what the scripts need. `player`: the program of `make demo`.
    pub fn new(player: Option<&str>) -> Result<Checkout> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = PathBuf::from(environment::required(environment::DIR)?)
            .join(format!("checkout-{}-{number}", std::process::id()));
        for name in ["scripts", "sql", "extension", "target/release", ".boxoffice"] {
            fs::create_dir_all(folder.join(name))?;
        }
        for name in ["scripts", "sql"] {
            copy_folder(&project.join(name), &folder.join(name))?;
        }
        for name in ["Makefile", "extension/boxoffice.control"] {
            fs::copy(project.join(name), folder.join(name))?;
        }
        // A copy has another path, for which cargo would build everything anew.
        fs::write(folder.join("scripts/build"), "#!/bin/sh\n")?;
        let major = major()?;
        let library = folder.join(format!("target/pg{major}/release"));
        fs::create_dir_all(&library)?;
        let installed = pg_config("--pkglibdir")?;
        symlink(Path::new(&installed).join("boxoffice.so"), library.join("libboxoffice.so"))?;
        symlink(environment::required(environment::INGRESS)?, folder.join("target/release/boxoffice-ingress"))?;
        if let Some(player) = player {
            symlink(player, folder.join("target/release/demo"))?;
        }
        // A PostgreSQL that was fetched is not fetched again.
        let wheel = project.join(format!(".boxoffice/pg{major}-wheel"));
        match wheel.is_dir() {
            true => symlink(wheel.canonicalize()?, folder.join(format!(".boxoffice/pg{major}-wheel")))?,
            false => fs::remove_dir(folder.join(".boxoffice"))?,
        }
        let mut checkout = Checkout { folder, variables: Vec::new() };
        for name in ["PATH", "HOME", "PG_CONFIG"] {
            if let Some(value) = std::env::var(name).ok().filter(|value| !value.is_empty()) {
                checkout.set(name, &value);
            }
        }
        if checkout.variables.iter().all(|(name, _)| name != "PG_CONFIG") {
            checkout.set("PG", &major);
        }
        if let Some(user) = environment::run_as()? {
            checkout.set("BOXOFFICE_RUN_AS", &user.name);
        }
        checkout.set("CARGO_TARGET_DIR", &checkout.path("target").to_string_lossy());
        for name in ["BOXOFFICE_PORT", "BOXOFFICE_PG_PORT", "BOXOFFICE_DEMO_PG_PORT"] {
            checkout.set(name, &free_port()?.to_string());
        }
        Ok(checkout)
    }

    /// An environment variable of every command from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// No longer.
    pub fn unset(&mut self, name: &str) {
        self.variables.retain(|(known, _)| known != name);
    }

    /// A file of it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The text of a file of it, without white space at its end.
    pub fn read(&self, name: &str) -> Result<String> {
        let text = fs::read_to_string(self.path(name)).with_context(|| name.to_owned())?;
        Ok(text.trim_end().to_owned())
    }

    /// Runs a script to its end, without a terminal.
    pub fn run(&self, script: &str, arguments: &[&str]) -> Result<Ran> {
        ran(&self.command(script, arguments).stdin(Stdio::null()).output()?)
    }

    /// Runs a script on a terminal on which somebody types that.
    pub fn run_typing(&self, script: &str, typed: &str) -> Result<Ran> {
        let terminal = nix::pty::openpty(None, None)?;
        let mut command = self.command(script, &[]);
        let child = command.stdin(terminal.slave).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        fs::File::from(terminal.master.try_clone()?).write_all(typed.as_bytes())?;
        ran(&child.wait_with_output()?)
    }

    /// A script as a command that has not been started, with the checkout's environment and no other.
    pub fn command(&self, script: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("scripts").join(script));
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        command.args(arguments).env_clear().envs(variables).current_dir(&self.folder);
        command
    }

    /// The process id of the running worker.
    pub fn worker(&self) -> Result<u32> {
        Ok(self.read(".boxoffice/var/worker.pid")?.parse()?)
    }

    /// The process id of the running server.
    pub fn server(&self) -> Result<u32> {
        let text = self.read(".boxoffice/var/data/postmaster.pid")?;
        Ok(text.lines().next().context("no process id")?.parse()?)
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        for script in ["clean", "demo-clean"] {
            let ended = self.command(script, &[]).env("FORCE", "1").stdin(Stdio::null()).output();
            if let Ok(output) = ended
                && !output.status.success()
            {
                eprintln!("scripts/{script} of a test: {}", String::from_utf8_lossy(&output.stderr));
            }
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn ran(output: &Output) -> Result<Ran> {
    Ok(Ran {
        code: output.status.code().context("ended by a signal")?,
        text: String::from_utf8_lossy(&output.stdout).into_owned(),
        complaint: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// What the `pg_config` of the server under test says.
fn pg_config(question: &str) -> Result<String> {
    let output = Command::new(environment::pg_program("pg_config")?).arg(question).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The major version of the server under test.
fn major() -> Result<String> {
    let version = pg_config("--version")?;
    let digits = version.trim_start_matches(|c: char| !c.is_ascii_digit());
    Ok(digits.chars().take_while(char::is_ascii_digit).collect())
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
