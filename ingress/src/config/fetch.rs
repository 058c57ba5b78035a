//! The settings of the outbound pump, checked.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::credentials::{self, Account};
use crate::config::settings::{self, Strings, UsageError};
use crate::config::values::{number, optional, required, seconds};

/// How the outbound pump works.
#[derive(Debug, Clone)]
pub struct FetchConfig {
    /// Whom we may ask, and with what; sorted by name, each name once.
    pub accounts: Vec<Account>,
    /// Fetches between their claim and their completion at a time; 0: no outbound pump.
    pub concurrency: usize,
    /// Database connections.
    pub connections: usize,
    /// Longest fetch, from the request to the last byte of the answer.
    pub timeout: Duration,
    /// Longest attempt to connect to a platform.
    pub connect_timeout: Duration,
    /// Longest answer, in bytes.
    pub max_bytes: usize,
    /// Pause between two claims that nothing else gives reason to.
    pub poll: Duration,
    /// Pause between two runs of what is due in the database.
    pub tasks: Duration,
    /// Certificates that the platforms' certificates are checked against.
    pub root_cert: Option<PathBuf>,
}

impl FetchConfig {
    /// Reads the settings, and the file of credentials if there is one.
    pub fn from_strings(strings: &impl Strings) -> Result<FetchConfig, UsageError> {
        let number = |setting, min, max| number(setting, &required(strings, setting)?, min, max);
        let seconds = |setting| seconds(setting, &required(strings, setting)?);
        Ok(FetchConfig {
            accounts: credentials::accounts(strings)?,
            concurrency: number(&settings::FETCH_CONCURRENCY, 0, 64)?,
            connections: number(&settings::FETCH_CONNECTIONS, 1, 16)?,
            timeout: seconds(&settings::FETCH_SECONDS)?,
            connect_timeout: seconds(&settings::FETCH_CONNECT_SECONDS)?,
            // The database cannot take a parameter of 1 GB.
            max_bytes: number(&settings::FETCH_MAX_BYTES, 1, 512 << 20)?,
            poll: seconds(&settings::FETCH_POLL_SECONDS)?,
            tasks: seconds(&settings::TASK_SECONDS)?,
            root_cert: optional(strings, &settings::FETCH_ROOT_CERT)?.map(PathBuf::from),
        })
    }
}
