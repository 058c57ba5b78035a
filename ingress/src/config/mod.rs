//! The resolved configuration: every value checked, with its unit in its type. A wrong value names its variable.

mod access;
pub mod credentials;
pub mod fetch;
pub mod settings;
pub mod target;
pub(crate) mod values;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::config::Host;

use crate::config::fetch::FetchConfig;
use crate::config::settings::{Setting, Strings, UsageError};
use crate::config::values::{number, optional, required, seconds, wrong};
use crate::inbound::admission::door::Quotas;
use crate::inbound::admission::source::Proxies;
use crate::store::pooler::Pooler;

/// What was before `BOXOFFICE_TRUSTED_PROXIES`. Not heeding it would take all senders for one.
const GONE: &str = "BOXOFFICE_TRUST_FORWARDED";

/// How this process works.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the database is. Its `Debug` hides the password.
    pub database: tokio_postgres::Config,
    /// Certificates that the database's certificate is checked against.
    pub root_cert: Option<PathBuf>,
    /// What sits between us and it.
    pub pooler: Pooler,
    /// Address to listen on, `host:port`.
    pub listen: String,
    /// Connections that carry deliveries.
    pub db_connections: usize,
    /// Most deliveries in one transaction.
    pub batch_max: usize,
    /// Most bytes in one transaction.
    pub batch_bytes: usize,
    /// Longest call to the database.
    pub batch_timeout: Duration,
    /// Most deliveries that wait.
    pub queue_max: usize,
    /// Most bytes of bodies in memory.
    pub queue_bytes: usize,
    /// Longest wait for a turn.
    pub queue_wait: Duration,
    /// Longest wait for a database that is away.
    pub away_wait: Duration,
    /// Longest attempt to connect to the database.
    pub connect_timeout: Duration,
    /// Longest body, in bytes.
    pub max_body_bytes: usize,
    /// Longest request line with headers, in bytes.
    pub max_header_bytes: usize,
    /// HTTP connections at a time.
    pub max_connections: usize,
    /// Of them, from one address.
    pub source_connections: usize,
    /// How much is taken of those who are not believed.
    pub quotas: Quotas,
    /// Longest time for the headers of a request.
    pub header_timeout: Duration,
    /// Longest time for a body.
    pub body_timeout: Duration,
    /// Least bytes a second of a body; 0 is no limit.
    pub body_rate: usize,
    /// Longest time without a request.
    pub idle_timeout: Duration,
    /// Time to finish after a signal.
    pub drain_timeout: Duration,
    /// The outbound pump.
    pub fetch: FetchConfig,
    /// Whose `x-forwarded-for` is believed.
    pub proxies: Arc<Proxies>,
    /// Whether each request is logged.
    pub debug: bool,
}

impl Config {
    /// Reads all settings.
    pub fn from_strings(strings: &impl Strings) -> Result<Config, UsageError> {
        let number = |setting, min, max| number(setting, &required(strings, setting)?, min, max);
        let seconds = |setting| seconds(setting, &required(strings, setting)?);
        let switch = |setting| switch(setting, &required(strings, setting)?);
        let megabyte = 1 << 20;
        if strings.get(GONE)?.is_some() {
            let why = "names the proxies whose x-forwarded-for is believed; BOXOFFICE_TRUST_FORWARDED is gone";
            return Err(wrong(&settings::TRUSTED_PROXIES, why));
        }
        let config = Config {
            database: match optional(strings, &settings::INGRESS_DATABASE_URL)? {
                Some(url) => database(&settings::INGRESS_DATABASE_URL, &url)?,
                None => match optional(strings, &settings::DATABASE_URL)? {
                    Some(url) => database(&settings::DATABASE_URL, &url)?,
                    None => {
                        return Err(wrong(&settings::INGRESS_DATABASE_URL, "is not set, and neither is DATABASE_URL"));
                    }
                },
            },
            root_cert: optional(strings, &settings::PGSSLROOTCERT)?.map(PathBuf::from),
            pooler: pooler(&settings::POOLER, &required(strings, &settings::POOLER)?)?,
            listen: listen(&settings::LISTEN, required(strings, &settings::LISTEN)?)?,
            db_connections: number(&settings::DB_CONNECTIONS, 1, 64)?,
            batch_max: number(&settings::BATCH_MAX, 1, 10_000)?,
            batch_bytes: number(&settings::BATCH_BYTES, 1, 512 * megabyte)?,
            batch_timeout: seconds(&settings::BATCH_SECONDS)?,
            queue_max: number(&settings::QUEUE_MAX, 1, 1_000_000)?,
            queue_bytes: number(&settings::QUEUE_BYTES, 1, 64 * 1024 * megabyte)?,
            queue_wait: seconds(&settings::QUEUE_SECONDS)?,
            away_wait: seconds(&settings::AWAY_SECONDS)?,
            connect_timeout: seconds(&settings::CONNECT_SECONDS)?,
            // The database cannot take a parameter of 1 GB, and nobody sends a webhook of 64 MB.
            max_body_bytes: number(&settings::MAX_BODY_BYTES, 1, 64 * megabyte)?,
            // hyper's own lower limit
            max_header_bytes: number(&settings::MAX_HEADER_BYTES, 8192, megabyte)?,
            max_connections: number(&settings::MAX_CONNECTIONS, 1, 100_000)?,
            source_connections: number(&settings::SOURCE_CONNECTIONS, 1, 100_000)?,
            quotas: Quotas {
                source: quota(&settings::SOURCE_REJECTED, &required(strings, &settings::SOURCE_REJECTED)?)?,
                platform: quota(&settings::PLATFORM_REJECTED, &required(strings, &settings::PLATFORM_REJECTED)?)?,
            },
            header_timeout: seconds(&settings::HEADER_SECONDS)?,
            body_timeout: seconds(&settings::BODY_SECONDS)?,
            body_rate: number(&settings::BODY_RATE, 0, megabyte)?,
            idle_timeout: seconds(&settings::IDLE_SECONDS)?,
            drain_timeout: seconds(&settings::DRAIN_SECONDS)?,
            fetch: FetchConfig::from_strings(strings)?,
            proxies: match optional(strings, &settings::TRUSTED_PROXIES)? {
                Some(list) => Arc::new(Proxies::parse(&list).map_err(|why| wrong(&settings::TRUSTED_PROXIES, &why))?),
                None => Arc::default(),
            },
            debug: switch(&settings::DEBUG_WEBHOOKS)?,
        };
        if config.queue_bytes < config.max_body_bytes {
            return Err(wrong(&settings::QUEUE_BYTES, "must not be less than BOXOFFICE_MAX_BODY_BYTES"));
        }
        Ok(config)
    }

    /// The text of `--check`: one `NAME=value` a line, without secrets.
    pub fn describe(&self, strings: &impl Strings) -> Result<String, UsageError> {
        let mut text = String::new();
        for setting in settings::all() {
            let value = match setting.name {
                "INGRESS_DATABASE_URL" => summary(&self.database),
                "DATABASE_URL" => continue,
                _ if setting.secret => {
                    if strings.get(setting.name)?.is_some() { "(hidden)" } else { "(none)" }.to_owned()
                }
                _ => optional(strings, setting)?.unwrap_or_default(),
            };
            text.push_str(&format!("{}={value}\n", setting.name));
        }
        Ok(text)
    }
}

/// Where the database is, without the password.
pub fn summary(database: &tokio_postgres::Config) -> String {
    let hosts: Vec<String> = database
        .get_hosts()
        .iter()
        .map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        })
        .collect();
    let ports: Vec<String> = database.get_ports().iter().map(u16::to_string).collect();
    let or = |text: Option<&str>| text.unwrap_or("(default)").to_owned();
    format!(
        "host={} port={} user={} dbname={} sslmode={:?} password={}",
        hosts.join(","),
        if ports.is_empty() { "5432".to_owned() } else { ports.join(",") },
        or(database.get_user()),
        or(database.get_dbname()),
        database.get_ssl_mode(),
        if database.get_password().is_some() { "(hidden)" } else { "(none)" }
    )
}

fn quota(setting: &Setting, text: &str) -> Result<u32, UsageError> {
    number(setting, text, 0, 1_000_000).map(|quota| u32::try_from(quota).unwrap_or(u32::MAX))
}

fn switch(setting: &Setting, text: &str) -> Result<bool, UsageError> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Ok(true),
        "false" | "0" | "off" | "no" => Ok(false),
        _ => Err(wrong(setting, &format!("must be true or false, not `{text}`"))),
    }
}

fn pooler(setting: &Setting, text: &str) -> Result<Pooler, UsageError> {
    match text {
        "auto" => Ok(Pooler::Auto),
        "session" => Ok(Pooler::Session),
        "transaction" => Ok(Pooler::Transaction),
        _ => Err(wrong(setting, &format!("must be auto, session or transaction, not `{text}`"))),
    }
}

fn listen(setting: &Setting, text: String) -> Result<String, UsageError> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text),
        _ => Err(wrong(setting, &format!("must be host:port, not `{text}`"))),
    }
}

/// The value is never repeated: it may hold a password, also at a place where none belongs.
fn database(setting: &Setting, text: &str) -> Result<tokio_postgres::Config, UsageError> {
    // libpq's word for what `require` means here.
    let text = text.replace("sslmode=verify-full", "sslmode=require");
    let config: tokio_postgres::Config = text.parse().map_err(|_| {
        wrong(
            setting,
            "is not a database URL such as postgres://user:password@host/db (special characters of a password must be \
             percent-encoded; sslmode is disable, prefer, require or verify-full; PGSSLROOTCERT is a setting of its own)",
        )
    })?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(wrong(setting, "names no host"));
    }
    Ok(config)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
