//! A real PgBouncer in front of a database.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, chown};
use tokio_postgres::Client;

use crate::cluster::connect;
use crate::{Database, Result, Role, environment};

/// Longest that it may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running one; ended when dropped.
#[derive(Debug)]
pub struct PgBouncer {
    process: Child,
    dir: PathBuf,
    url: String,
}

impl PgBouncer {
    /// Starts one that lets this role in, with so many connections to the server, kept for a `transaction` or a `session`.
    pub fn start(db: &Database, role: &Role, mode: &str, connections: usize) -> Result<PgBouncer> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("pgbouncer-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let dir = PathBuf::from(environment::required(environment::DIR)?).join(name);
        fs::create_dir(&dir)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Another program may take it before; then the next round takes another.
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            let settings = format!(
                "[databases]\n{database} = host=127.0.0.1 port={server} dbname={database}\n\
                 [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
                 auth_type = scram-sha-256\nauth_file = {dir}/users\npool_mode = {mode}\n\
                 default_pool_size = {connections}\nmax_client_conn = 500\nserver_login_retry = 1\n",
                database = db.name(),
                server = db.cluster().port(),
                dir = dir.display(),
            );
            let (ini, users) = (dir.join("pgbouncer.ini"), dir.join("users"));
            fs::write(&ini, settings)?;
            fs::write(&users, format!("\"{}\" \"{}\"\n", role.name, role.password))?;
            let mut command = Command::new(environment::system_program("pgbouncer")?);
            if let Some(user) = environment::run_as()? {
                for path in [&dir, &ini, &users] {
                    chown(path, Some(user.uid), Some(user.gid))?;
                }
                command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
            }
            let log = fs::File::create(dir.join("log"))?;
            let process = command.arg(&ini).current_dir("/").stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
            let process = process.spawn().context("cannot start pgbouncer")?;
            let url = format!("postgresql://{}:{}@127.0.0.1:{port}/{}", role.name, role.password, db.name());
            let mut started = PgBouncer { process, dir: dir.clone(), url };
            if started.listens(port, deadline)? {
                return Ok(started);
            }
        }
    }

    fn listens(&mut self, port: u16, deadline: Instant) -> Result<bool> {
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if self.process.try_wait()?.is_some() || Instant::now() > deadline {
                let log = self.log()?;
                if log.contains("Address already in use") && Instant::now() < deadline {
                    return Ok(false);
                }
                bail!("pgbouncer did not start; its log:\n{log}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(true)
    }

    /// URL of the database through it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Another client of it, as the same role.
    pub async fn client(&self) -> Result<Client> {
        connect(&self.url).await
    }

    /// What it has logged.
    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.dir.join("log"))?)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        // At once, with its connections.
        let pid = i32::try_from(self.process.id()).unwrap_or_default();
        if matches!(self.process.try_wait(), Ok(None)) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let _ = self.process.wait();
        // Its directory is that of its next attempt to start as well, and ends with the run.
    }
}
