//! The database: how it is connected to.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};

use crate::config::Config;
use crate::config::settings::{PGSSLROOTCERT, UsageError};
use crate::log;
use crate::store::failure::lost;
use crate::store::link::{Link, Links};
use crate::store::pooler::Pooler;
use crate::store::tls::Tls;
use crate::store::{StoreError, Wake};

/// Shown in `pg_stat_activity`.
const APPLICATION: &str = "boxoffice-ingress";
/// A peer that vanished without a word is noticed after about a minute, not after two hours.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

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

    /// Connecting ends in bounded time.
    pub(super) async fn bounded<T>(
        &self,
        opening: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        timeout(self.longest_attempt, opening).await.unwrap_or_else(|_| Err(lost("connecting took too long")))
    }
}
