//! PostgreSQL servers: the shared one of a test run, and servers of a test's own that it may stop, kill and start again.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, chown};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls};

use crate::{Result, environment};

const OWNER: &str = "boxoffice_owner";
const TEMPLATE: &str = "boxoffice_template";
/// As on the shared server: SQLSTATE, user and database of each message.
const LOG_LINE_PREFIX: &str = "log_line_prefix=%m [%p] %e %q%u@%d ";
/// Longest that a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Connections are ended, everything is written: a normal shutdown.
    Fast,
    /// Nothing is written; the next start recovers.
    Immediate,
    /// `kill -9` of the server's main process.
    Kill,
}

/// A server.
#[derive(Debug)]
pub struct Cluster {
    user: String,
    password: String,
    port: AtomicU16,
    template: OnceCell<()>,
    /// Absent for the shared one, which belongs to `make test`.
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    dir: PathBuf,
    settings: Vec<String>,
    environment: Vec<(String, String)>,
    process: Mutex<Option<Child>>,
}

impl Cluster {
    /// The server that all tests of a run share.
    pub fn shared() -> Result<Arc<Cluster>> {
        static SHARED: Mutex<Option<Arc<Cluster>>> = Mutex::new(None);
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = shared.as_ref() {
            return Ok(Arc::clone(cluster));
        }
        let url: Config = environment::required(environment::ADMIN_URL)?.parse()?;
        let cluster = Arc::new(Cluster {
            user: url.get_user().unwrap_or(OWNER).to_owned(),
            password: String::from_utf8_lossy(url.get_password().unwrap_or_default()).into_owned(),
            port: AtomicU16::new(url.get_ports().first().copied().unwrap_or(5432)),
            template: OnceCell::new(),
            own: None,
        });
        *shared = Some(Arc::clone(&cluster));
        Ok(cluster)
    }

    /// Makes and starts a server of the test's own. Settings are as in `postgresql.conf`: `"fsync=on"`.
    pub async fn start(settings: &[&str]) -> Result<Arc<Cluster>> {
        Cluster::start_with(settings, &[]).await
    }

    /// The same with more variables in the server's environment.
    pub async fn start_with(settings: &[&str], environment: &[(&str, &str)]) -> Result<Arc<Cluster>> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = Path::new(&environment::required(environment::DIR)?).join(format!("{}-{number}", std::process::id()));
        let password = format!("owner-{}", std::process::id());
        fs::create_dir(&dir)?;
        let cluster = Cluster {
            user: OWNER.to_owned(),
            password,
            port: AtomicU16::new(0),
            template: OnceCell::new(),
            own: Some(Own {
                dir,
                settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
                environment: environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
                process: Mutex::new(None),
            }),
        };
        cluster.init()?;
        cluster.start_again().await?;
        Ok(Arc::new(cluster))
    }

    fn init(&self) -> Result {
        let own = self.own()?;
        let password_file = own.dir.join("password");
        fs::write(&password_file, &self.password)?;
        if let Some(user) = environment::run_as()? {
            chown(&own.dir, Some(user.uid), Some(user.gid))?;
            chown(&password_file, Some(user.uid), Some(user.gid))?;
        }
        let output = program("initdb")?
            .arg("-D")
            .arg(own.dir.join("data"))
            .args(["-U", OWNER, "-E", "UTF8", "--locale=C.UTF-8", "-N"])
            .args(["--auth-local=trust", "--auth-host=scram-sha-256"])
            .arg(format!("--pwfile={}", password_file.display()))
            .output()?;
        if !output.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// Starts a stopped server, on the port it had before.
    pub async fn start_again(&self) -> Result {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.port() == 0 {
                // Another program may take it before the server does; then the next round takes another.
                self.port.store(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port(), Ordering::Relaxed);
            }
            match self.try_start(deadline).await {
                Ok(()) => return Ok(()),
                // After kill -9 the old processes need a moment to go.
                Err(_) if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(200)).await,
                Err(error) => return Err(error),
            }
        }
    }

    async fn try_start(&self, deadline: Instant) -> Result {
        let own = self.own()?;
        let log = File::options().create(true).append(true).open(self.log_path()?)?;
        let mut command = program("postgres")?;
        command.arg("-D").arg(own.dir.join("data")).arg("-p").arg(self.port().to_string());
        command.args(["-h", "127.0.0.1", "-F", "-c", LOG_LINE_PREFIX]).arg("-k").arg(&own.dir);
        for setting in &own.settings {
            command.args(["-c", setting]);
        }
        command.envs(own.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        *self.process()? = Some(command.spawn().context("cannot start postgres")?);
        loop {
            if self.connect("postgres").await.is_ok() {
                return Ok(());
            }
            let ended = self.process()?.as_mut().map(Child::try_wait).transpose()?.flatten();
            if ended.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(self.log_path()?).unwrap_or_default();
                if log.contains("Address already in use") && self.template.get().is_none() {
                    self.port.store(0, Ordering::Relaxed);
                }
                bail!("the server did not start; its log:\n{log}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Stops the server and waits until it is gone.
    pub fn stop(&self, how: Stop) -> Result {
        let Some(mut process) = self.process()?.take() else { return Ok(()) };
        let signal = match how {
            Stop::Fast => Signal::SIGINT,
            Stop::Immediate => Signal::SIGQUIT,
            Stop::Kill => Signal::SIGKILL,
        };
        kill(Pid::from_raw(i32::try_from(process.id())?), signal)?;
        let deadline = Instant::now() + PATIENCE;
        while process.try_wait()?.is_none() {
            if Instant::now() > deadline {
                process.kill()?;
                bail!("the server did not stop within {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Stops, and starts as a standby, which may only be read until it is promoted.
    pub async fn become_standby(&self) -> Result {
        self.stop(Stop::Fast)?;
        let signal = self.own()?.dir.join("data/standby.signal");
        fs::write(&signal, "")?;
        if let Some(user) = environment::run_as()? {
            chown(&signal, Some(user.uid), Some(user.gid))?;
        }
        self.start_again().await
    }

    /// A streaming replica of this server, which may only be read until it is promoted.
    pub async fn replica(&self) -> Result<Arc<Cluster>> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let own = self.own()?;
        let dir = own.dir.with_file_name(format!("{}-replica-{number}", std::process::id()));
        fs::create_dir(&dir)?;
        if let Some(user) = environment::run_as()? {
            chown(&dir, Some(user.uid), Some(user.gid))?;
        }
        let output = program("pg_basebackup")?
            .arg("-D")
            .arg(dir.join("data"))
            .args(["-R", "-c", "fast", "-d", &self.url("postgres")])
            .output()?;
        if !output.status.success() {
            bail!("pg_basebackup failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        let replica = Cluster {
            user: self.user.clone(),
            password: self.password.clone(),
            port: AtomicU16::new(0),
            template: OnceCell::new(),
            own: Some(Own {
                dir,
                settings: own.settings.clone(),
                environment: own.environment.clone(),
                process: Mutex::new(None),
            }),
        };
        replica.start_again().await?;
        self.replica_has_caught_up(&replica).await?;
        Ok(Arc::new(replica))
    }

    /// Waits until a replica has replayed all that has been written here so far.
    pub async fn replica_has_caught_up(&self, replica: &Cluster) -> Result {
        let here = self.connect("postgres").await?;
        let written: String = here.query_one("SELECT pg_current_wal_flush_lsn()::text", &[]).await?.get(0);
        let there = replica.connect("postgres").await?;
        let deadline = Instant::now() + PATIENCE;
        let replayed = format!("SELECT pg_last_wal_replay_lsn() >= '{written}'");
        while !there.query_one(&replayed, &[]).await?.get::<_, bool>(0) {
            if Instant::now() > deadline {
                bail!("the replica has not replayed {written} within {PATIENCE:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Connects to a database as a role.
    pub async fn client_as(&self, database: &str, user: &str, password: &str) -> Result<Client> {
        connect(&self.url_as(database, user, password)).await
    }

    /// Stops and starts.
    pub async fn restart(&self, how: Stop) -> Result {
        self.stop(how)?;
        self.start_again().await
    }

    /// The server's port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.load(Ordering::Relaxed)
    }

    /// What the server has logged.
    pub fn log(&self) -> Result<String> {
        let path = self.log_path()?;
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn log_path(&self) -> Result<PathBuf> {
        match &self.own {
            Some(own) => Ok(own.dir.join("server.log")),
            None => Ok(environment::required(environment::SERVER_LOG)?.into()),
        }
    }

    /// URL of a database as the superuser.
    pub fn url(&self, database: &str) -> String {
        self.url_as(database, &self.user, &self.password)
    }

    pub(crate) fn url_as(&self, database: &str, user: &str, password: &str) -> String {
        format!("postgresql://{user}:{password}@127.0.0.1:{}/{database}", self.port())
    }

    /// Connects to a database as the superuser.
    pub async fn connect(&self, database: &str) -> Result<Client> {
        connect(&self.url(database)).await
    }

    /// Makes, once in a server's life, the database that each test's own is copied from; returns its name.
    pub(crate) async fn template(&self) -> Result<&'static str> {
        self.template.get_or_try_init(|| self.make_template()).await?;
        Ok(TEMPLATE)
    }

    async fn make_template(&self) -> Result {
        let client = self.connect("postgres").await?;
        // Test programs are processes: one makes it, the others wait.
        client.execute("SELECT pg_advisory_lock(8080)", &[]).await?;
        if client.query_opt("SELECT FROM pg_database WHERE datname = $1", &[&TEMPLATE]).await?.is_none() {
            let half = "boxoffice_template_half";
            client.batch_execute(&format!("DROP DATABASE IF EXISTS {half}")).await?;
            client.batch_execute(&format!("CREATE DATABASE {half}")).await?;
            let inside = self.connect(half).await?;
            inside.batch_execute("CREATE EXTENSION boxoffice").await.context("CREATE EXTENSION boxoffice")?;
            drop(inside);
            let pause = Duration::from_millis(50);
            while !client.query("SELECT FROM pg_stat_activity WHERE datname = $1", &[&half]).await?.is_empty() {
                tokio::time::sleep(pause).await;
            }
            client.batch_execute(&format!("ALTER DATABASE {half} RENAME TO {TEMPLATE}")).await?;
        }
        Ok(())
    }

    fn own(&self) -> Result<&Own> {
        self.own.as_ref().context("the shared server is not a test's to start or stop: use Cluster::start")
    }

    fn process(&self) -> Result<std::sync::MutexGuard<'_, Option<Child>>> {
        Ok(self.own()?.process.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.own.is_some() {
            let _ = self.stop(Stop::Immediate);
        }
        if let Some(own) = &self.own {
            let _ = fs::remove_dir_all(&own.dir);
        }
    }
}

/// Connects, and keeps the connection going until the client is dropped.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let mut config: Config = url.parse()?;
    config.connect_timeout(Duration::from_secs(5));
    let (client, connection) = config.connect(NoTls).await?;
    // Its errors are those of the statements in flight.
    tokio::spawn(connection);
    Ok(client)
}

/// A program of the server under test, run as the user that servers must run as.
fn program(name: &str) -> Result<Command> {
    let mut command = Command::new(environment::pg_program(name)?);
    // With backtraces, errors would carry source paths in their DETAIL.
    command.current_dir("/").env("LC_ALL", "C.UTF-8").env_remove("RUST_BACKTRACE").env_remove("RUST_LIB_BACKTRACE");
    if let Some(user) = environment::run_as()? {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    Ok(command)
}
