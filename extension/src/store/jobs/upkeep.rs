//! Jobs that nobody answers, that are old, or that were given up.

use boxoffice_core::backoff;
use boxoffice_core::time::Micros;
use pgrx::pg_sys::BuiltinOid::{INT4OID, INT8ARRAYOID, INT8OID, TEXTOID, TIMESTAMPTZOID};
use pgrx::spi::SpiClient;

use crate::error::Result;
use crate::store::plan::Plan;
use crate::store::timestamp;

static LOST: Plan = Plan { sql: include_str!("../sql/jobs_lost.sql"), types: &[INT4OID] };
static REVIVE: Plan = Plan { sql: include_str!("../sql/jobs_revive.sql"), types: &[TEXTOID] };
static PURGE: Plan = Plan { sql: include_str!("../sql/jobs_purge.sql"), types: &[] };
static PURGE_CALLS: Plan = Plan {
    sql: "DELETE FROM boxoffice.account_calls c WHERE c.minute < clock_timestamp() - interval '2 hours'",
    types: &[],
};
static MEND: Plan = Plan { sql: include_str!("../sql/jobs_mend.sql"), types: &[TIMESTAMPTZOID, INT8OID] };
static MEND_CALLS: Plan = Plan {
    sql: "DELETE FROM boxoffice.account_calls c WHERE c.minute > $1 + interval '1 minute'",
    types: &[TIMESTAMPTZOID],
};
static REHOME: Plan = Plan { sql: include_str!("../sql/jobs_rehome.sql"), types: &[] };
static FORGET: Plan = Plan {
    sql: "DELETE FROM boxoffice.fetch_jobs j WHERE j.platform = $1 AND j.account = $2 AND j.finished_at IS NULL",
    types: &[TEXTOID, TEXTOID],
};
static WITHDRAW: Plan =
    Plan { sql: "DELETE FROM boxoffice.fetch_jobs j WHERE j.run_id = ANY ($1)", types: &[INT8ARRAYOID] };

/// Gives up jobs that were handed out too often without an answer. For each its run, if it has one, and the reason.
pub fn end_lost(client: &mut SpiClient<'_>) -> Result<Vec<(Option<i64>, String)>> {
    let mut lost = Vec::new();
    for row in LOST.write(client, &[backoff::FETCH.max_attempts.into()])? {
        lost.push((row.get(1)?, row.get::<String>(2)?.unwrap_or_default()));
    }
    Ok(lost)
}

/// Lets jobs that were given up begin anew, of one platform or of all; says how many.
pub fn revive(client: &mut SpiClient<'_>, platform: Option<&str>) -> Result<usize> {
    Ok(REVIVE.write(client, &[platform.into()])?.len())
}

/// Deletes what is finished and old; says how many jobs.
pub fn purge(client: &mut SpiClient<'_>) -> Result<usize> {
    let removed = PURGE.write(client, &[])?.len();
    PURGE_CALLS.write(client, &[])?;
    Ok(removed)
}

/// Puts right times that a clock has written that was ahead, by so many microseconds if that is known; says how many.
pub fn mend(client: &mut SpiClient<'_>, now: Micros, ahead: Option<Micros>) -> Result<usize> {
    let mended = MEND.write(client, &[timestamp(now).into(), ahead.into()])?.len();
    MEND_CALLS.write(client, &[timestamp(now).into()])?;
    Ok(mended)
}

/// Gives jobs of accounts that nobody has to accounts that somebody has.
pub fn rehome(client: &mut SpiClient<'_>) -> Result<()> {
    REHOME.write(client, &[])?;
    Ok(())
}

/// Forgets what an account was to fetch.
pub fn forget_account(client: &mut SpiClient<'_>, platform: &str, account: &str) -> Result<()> {
    FORGET.write(client, &[platform.into(), account.into()])?;
    Ok(())
}

/// Forgets the jobs of runs.
pub fn withdraw(client: &mut SpiClient<'_>, runs: &[i64]) -> Result<()> {
    WITHDRAW.write(client, &[runs.to_vec().into()])?;
    Ok(())
}
