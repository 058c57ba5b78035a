//! Runs that stand still, that are old, or that are taken back.

use pgrx::pg_sys::BuiltinOid::{INT8ARRAYOID, TEXTOID};
use pgrx::spi::SpiClient;

use crate::error::Result;
use crate::store::plan::Plan;

static STALLED: Plan = Plan { sql: include_str!("../sql/runs_stalled.sql"), types: &[] };
static FINISHING: Plan =
    Plan { sql: "SELECT 1 FROM boxoffice.sync_history h WHERE h.status = 'finishing' LIMIT 1", types: &[] };
static OPEN_OF_ACCOUNT: Plan = Plan {
    sql: "SELECT h.id FROM boxoffice.sync_history h
          WHERE h.platform = $1 AND h.account = $2 AND h.status IN ('running', 'finishing') ORDER BY h.id",
    types: &[TEXTOID, TEXTOID],
};
static PURGE: Plan = Plan { sql: include_str!("../sql/runs_purge.sql"), types: &[] };
static PURGE_PAGES: Plan = Plan {
    sql: "DELETE FROM boxoffice.sync_pages g
          WHERE NOT EXISTS (SELECT FROM boxoffice.sync_history h WHERE h.id = g.run_id AND h.status IN ('running', 'finishing'))",
    types: &[],
};
static WITHDRAW: Plan = Plan {
    sql: "DELETE FROM boxoffice.sync_history h WHERE h.id = ANY ($1) AND h.status IN ('running', 'finishing') RETURNING h.id",
    types: &[INT8ARRAYOID],
};
static WITHDRAW_PAGES: Plan =
    Plan { sql: "DELETE FROM boxoffice.sync_pages g WHERE g.run_id = ANY ($1)", types: &[INT8ARRAYOID] };

/// A run that has stood still, with what may be the reason.
#[derive(Debug, Clone)]
pub struct Stalled {
    /// Its number.
    pub id: i64,
    /// Pages that it has read.
    pub pages: i32,
    /// The account is stopped, for this reason.
    pub stopped: Option<String>,
    /// The account is neither stopped nor has to show that it works again.
    pub is_active: bool,
    /// Calls of the account in a row that met with trouble.
    pub failures: i32,
    /// The newest trouble of the account.
    pub last_error: Option<String>,
    /// A worker holds the credential.
    pub is_held: bool,
    /// The credential, as `platform/name`.
    pub credential: String,
    /// For how long, in seconds.
    pub still: i64,
    /// Some of its calls are left.
    pub is_alive: bool,
}

/// Runs that have stood still for ten minutes or more.
pub fn stalled(client: &mut SpiClient<'_>) -> Result<Vec<Stalled>> {
    let mut stalled = Vec::new();
    for row in STALLED.write(client, &[])? {
        let status = row.get::<String>(3)?.unwrap_or_default();
        let reason = row.get::<String>(4)?.unwrap_or_default();
        stalled.push(Stalled {
            id: row.get(1)?.unwrap_or_default(),
            pages: row.get(2)?.unwrap_or_default(),
            stopped: (status == "stopped").then_some(reason),
            is_active: status == "active",
            failures: row.get(5)?.unwrap_or_default(),
            last_error: row.get(6)?,
            is_held: row.get(7)?.unwrap_or(false),
            credential: row.get(8)?.unwrap_or_default(),
            still: row.get(9)?.unwrap_or_default(),
            is_alive: row.get(10)?.unwrap_or(false),
        });
    }
    Ok(stalled)
}

/// Whether a run has read all its pages and something is left to be done.
pub fn any_finishing(client: &SpiClient<'_>) -> Result<bool> {
    Ok(!FINISHING.read(client, &[])?.is_empty())
}

/// Runs of an account that have not ended.
pub fn open_of_account(client: &mut SpiClient<'_>, platform: &str, account: &str) -> Result<Vec<i64>> {
    let mut runs = Vec::new();
    for row in OPEN_OF_ACCOUNT.write(client, &[platform.into(), account.into()])? {
        runs.extend(row.get::<i64>(1)?);
    }
    Ok(runs)
}

/// Deletes runs that are finished and old, and what ended runs have shown.
pub fn purge(client: &mut SpiClient<'_>) -> Result<()> {
    PURGE.write(client, &[])?;
    PURGE_PAGES.write(client, &[])?;
    Ok(())
}

/// Deletes those of these runs that have not ended; says which.
pub fn withdraw(client: &mut SpiClient<'_>, runs: &[i64]) -> Result<Vec<i64>> {
    let mut withdrawn = Vec::new();
    for row in WITHDRAW.write(client, &[runs.to_vec().into()])? {
        withdrawn.extend(row.get::<i64>(1)?);
    }
    WITHDRAW_PAGES.write(client, &[withdrawn.clone().into()])?;
    Ok(withdrawn)
}
