//! The real [`Store`]: PostgreSQL. Errors and the inbound calls; the outbound ones are in [`crate::db_outbound`]. Only these
//! two modules know SQL.

use std::error::Error as _;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use boxoffice_contract::sqlstate;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::types::Type;

use crate::config::Config;
use crate::db_outbound::PgOutbound;
use crate::link::{Call, Link, Links, Prepared};
use crate::log;
use crate::pooler::Pooler;
use crate::respond::Class;
use crate::settings::{PGSSLROOTCERT, UsageError};
use crate::store::{Delivery, Readiness, Row, Session, Store, StoreError, Versions, Wake};
use crate::tls::Tls;

/// The casts matter: an overload with a text body exists, and untyped parameters would choose it.
static INGEST: Call = Call {
    text: "SELECT log_id, outcome, http_status, message \
           FROM boxoffice.ingest_webhooks($1::text[], $2::text[]::jsonb[], $3::bytea[])",
    types: &[Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::BYTEA_ARRAY],
};
static READY: Call =
    Call { text: "SELECT problem, library_version::text, sql_version::text FROM boxoffice.check_ready()", types: &[] };

/// Shown in `pg_stat_activity`.
const APPLICATION: &str = "boxoffice-ingress";
/// A peer that vanished without a word is noticed after about a minute, not after two hours.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// A message for the log is cut here, in characters.
const MESSAGE_MAX: usize = 200;

/// A PostgreSQL database with the extension.
#[derive(Clone)]
pub struct Postgres {
    links: Links,
    /// Over all hosts of the URL.
    longest_attempt: Duration,
    /// Whether the database has been told which accounts this process holds.
    pub(crate) announced: Arc<AtomicBool>,
    /// It has been said that there is a pooler.
    noticed: Arc<AtomicBool>,
}

impl Postgres {
    /// Prepares; connects to nothing. Fails when the certificates cannot be read.
    pub fn new(config: &Config) -> Result<Postgres, UsageError> {
        let mut database = config.database.clone();
        if database.get_hosts().iter().all(|host| matches!(host, Host::Unix(_))) && database.get_hostaddrs().is_empty()
        {
            // There is no TLS on Unix sockets; libpq ignores sslmode there too.
            database.ssl_mode(SslMode::Disable);
        }
        if database.get_application_name().is_none() {
            database.application_name(APPLICATION);
        }
        // The limit holds for the socket of each host; what follows on the one that answers gets the same time again.
        let each = database.get_connect_timeout().copied().unwrap_or(config.connect_timeout);
        database.connect_timeout(each);
        let hosts = database.get_hosts().len().max(database.get_hostaddrs().len());
        let longest_attempt =
            each.saturating_mul(u32::try_from(hosts).unwrap_or(1)).saturating_add(config.connect_timeout);
        database.keepalives_idle(KEEPALIVE_IDLE).keepalives_interval(KEEPALIVE_INTERVAL).keepalives_retries(3);
        let tls = Tls::new(database.get_ssl_mode(), config.root_cert.as_deref())
            .map_err(|why| UsageError(format!("{} ({}): {why}", PGSSLROOTCERT.name, PGSSLROOTCERT.flag)))?;
        let links = Links { config: database, tls, pooler: config.pooler, limit: config.batch_timeout };
        Ok(Postgres { links, longest_attempt, announced: Arc::default(), noticed: Arc::default() })
    }

    /// A connection that is set up. `wake` is called at every notification.
    pub(crate) async fn link(&self, wake: Option<Wake>) -> Result<Link, tokio_postgres::Error> {
        let link = self.links.open(wake).await?;
        if link.is_pooled() && self.links.pooler == Pooler::Auto && !self.noticed.swap(true, Ordering::Relaxed) {
            log::info(
                "pooler_noticed",
                &[("hint", "BOXOFFICE_POOLER=session if it keeps connections for a session".into())],
            );
        }
        Ok(link)
    }

    async fn open(&self) -> Result<PgSession, tokio_postgres::Error> {
        let link = self.link(None).await?;
        let ingest = link.prepare(&INGEST).await?;
        Ok(PgSession { link, ingest })
    }

    /// Connecting ends in bounded time.
    async fn bounded<T>(&self, opening: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        timeout(self.longest_attempt, opening).await.unwrap_or_else(|_| Err(lost("connecting took too long")))
    }
}

impl Store for Postgres {
    type Session = PgSession;
    type Outbound = PgOutbound;

    async fn connect(&self) -> Result<PgSession, StoreError> {
        self.bounded(async { self.open().await.map_err(|error| failure(&error)) }).await
    }

    async fn connect_outbound(&self, accounts: &[String], wake: Option<Wake>) -> Result<PgOutbound, StoreError> {
        self.bounded(PgOutbound::open(self, accounts, wake)).await
    }
}

/// A connection with its statement.
pub struct PgSession {
    link: Link,
    ingest: Prepared,
}

impl Session for PgSession {
    fn ingest(&mut self, deliveries: &[&Delivery]) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send {
        let platforms: Vec<&str> = deliveries.iter().map(|delivery| delivery.platform.as_str()).collect();
        let headers: Vec<&str> = deliveries.iter().map(|delivery| delivery.headers.as_str()).collect();
        let bodies: Vec<&[u8]> = deliveries.iter().map(|delivery| delivery.body.as_slice()).collect();
        async move {
            let result = self.link.call(&self.ingest, &[&platforms, &headers, &bodies]).await;
            let rows = result.map_err(|error| failure(&error))?;
            rows.iter().map(|row| decode(row).map_err(|error| failure(&error))).collect()
        }
    }

    async fn ready(&mut self) -> Result<Readiness, StoreError> {
        let rows = self.link.once(&READY, &[]).await.map_err(|error| failure(&error))?;
        let read = |row: &tokio_postgres::Row| {
            let versions =
                Versions { library: row.try_get(1)?, sql: row.try_get::<_, Option<_>>(2)?.unwrap_or_default() };
            Ok(Readiness { problem: row.try_get(0)?, versions })
        };
        let row = rows.first().ok_or_else(|| lost("check_ready returned nothing"))?;
        let readiness = read(row).map_err(|error: tokio_postgres::Error| failure(&error))?;
        // The very call that carries deliveries, with none: it may be missing, or not be ours to make.
        self.ingest(&[]).await?;
        Ok(readiness)
    }

    async fn closed(&mut self) {
        self.link.closed().await;
    }
}

fn decode(row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    Ok(Row {
        log_id: row.try_get(0)?,
        outcome: row.try_get::<_, Option<String>>(1)?.unwrap_or_default(),
        // 0 is no status, and is answered as 503
        http_status: row.try_get::<_, Option<i32>>(2)?.unwrap_or_default(),
        message: row.try_get(3)?,
    })
}

fn lost(message: &str) -> StoreError {
    StoreError { class: Class::Lost, sqlstate: None, message: message.to_owned() }
}

/// What went wrong, in words that may be logged.
pub(crate) fn failure(error: &tokio_postgres::Error) -> StoreError {
    if let Some(db) = error.as_db_error() {
        let code = db.code().code();
        return StoreError {
            class: sqlstate::meaning(code).class,
            sqlstate: Some(code.to_owned()),
            message: without_data(code, db.message()),
        };
    }
    // Not from the server: the connection, the handshake, or rows of another shape than the contract says.
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    lost(&message.chars().take(MESSAGE_MAX).collect::<String>())
}

/// The primary message as it may be logged. Where a message quotes data (`invalid input syntax for type integer: "Jane
/// Doe"`) everything between the first and the last quotation mark is left out; where it quotes names of objects they
/// are what the operator needs.
fn without_data(sqlstate: &str, message: &str) -> String {
    let names_only = matches!(sqlstate.get(..2), Some("08" | "23" | "28" | "3D" | "3F" | "42" | "53" | "55" | "57"));
    let text = match message.split_once('"') {
        Some((before, rest)) if !names_only => {
            let after = rest.rsplit_once('"').map_or("", |(_, after)| after);
            format!("{before}\"...\"{after}")
        }
        _ => message.to_owned(),
    };
    text.chars().take(MESSAGE_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_not_logged() {
        let message = "invalid input syntax for type integer: \"Jane \"X\" Doe\"";
        assert_eq!(without_data("22P02", message), "invalid input syntax for type integer: \"...\"");
        assert_eq!(without_data("XX000", "unterminated \"Jane"), "unterminated \"...\"");
        let names = "permission denied for function \"x\"";
        assert_eq!(without_data("42501", names), names);
        assert_eq!(without_data("22000", &"x".repeat(1000)).len(), MESSAGE_MAX);
    }
}
