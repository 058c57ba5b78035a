//! What runs leave at their account: when its events were listed, whether hints wait for lists; and which workers hold it.

use boxoffice_core::time::Micros;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::BuiltinOid::{INT8OID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID};
use pgrx::spi::SpiClient;

use super::plan::Plan;
use super::{micros, timestamp};
use crate::error::Result;

static OF: Plan = Plan { sql: "SELECT boxoffice.account_of($1, $2)", types: &[TEXTOID, TEXTOID] };
static REQUIRE: Plan = Plan { sql: "SELECT boxoffice.require_account($1, $2)", types: &[TEXTOID, TEXTOID] };
static HELD: Plan = Plan {
    sql: "SELECT t.name FROM boxoffice.platform_accounts t WHERE t.platform = $1 AND boxoffice.is_held(t.announced_at) ORDER BY t.name",
    types: &[TEXTOID],
};
static THRESHOLD: Plan = Plan {
    sql: "SELECT p.burst_threshold FROM boxoffice.platform_accounts p WHERE p.platform = $1 AND p.name = $2",
    types: &[TEXTOID, TEXTOID],
};
static LISTED: Plan = Plan {
    sql: "UPDATE boxoffice.platform_accounts a SET discovered_at = $3, discovery_error = NULL WHERE a.platform = $1 AND a.name = $2",
    types: &[TEXTOID, TEXTOID, TIMESTAMPTZOID],
};
static NOT_LISTED: Plan = Plan {
    sql: "UPDATE boxoffice.platform_accounts a SET last_error = $3, discovery_error = $3, discovered_at = COALESCE($4, a.discovered_at)
          WHERE a.platform = $1 AND a.name = $2",
    types: &[TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID],
};
static FAILED: Plan = Plan {
    sql: "UPDATE boxoffice.platform_accounts a SET last_error = $3 WHERE a.platform = $1 AND a.name = $2",
    types: &[TEXTOID, TEXTOID, TEXTOID],
};
static IN_BURST: Plan = Plan {
    sql: "UPDATE boxoffice.platform_accounts p SET burst_until = $3 WHERE p.platform = $1 AND p.name = $2",
    types: &[TEXTOID, TEXTOID, TIMESTAMPTZOID],
};
static NO_BURST: Plan = Plan {
    sql: "UPDATE boxoffice.platform_accounts a SET burst_until = NULL, burst_off_until = clock_timestamp() + interval '10 minutes'
          WHERE a.platform = $1 AND a.name = $2",
    types: &[TEXTOID, TEXTOID],
};
static UNANNOUNCED: Plan =
    Plan { sql: include_str!("sql/accounts_unannounced.sql"), types: &[TEXTARRAYOID, TIMESTAMPTZOID] };
static ANNOUNCE: Plan = Plan { sql: include_str!("sql/accounts_announce.sql"), types: &[TEXTARRAYOID, TIMESTAMPTZOID] };
static MEND: Plan = Plan { sql: include_str!("sql/accounts_mend.sql"), types: &[TIMESTAMPTZOID, INT8OID] };

/// The threshold of an account that is not there any more.
const USUAL_THRESHOLD: i32 = 20;

/// The account that can see an event of a platform.
pub fn of(client: &mut SpiClient<'_>, platform: &str, event: &str) -> Result<String> {
    let table = OF.write(client, &[platform.into(), event.into()])?;
    Ok(table.first().get_one::<String>()?.unwrap_or_default())
}

/// Raises an error unless a worker holds the account, or (`None`) any account of the platform.
pub fn require(client: &mut SpiClient<'_>, platform: Option<&str>, account: Option<&str>) -> Result<()> {
    REQUIRE.write(client, &[platform.into(), account.into()])?;
    Ok(())
}

/// Accounts of a platform that a worker holds.
pub fn held(client: &mut SpiClient<'_>, platform: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for row in HELD.write(client, &[platform.into()])? {
        names.extend(row.get::<String>(1)?);
    }
    Ok(names)
}

/// When more hints than this wait, lists are read in their place.
pub fn burst_threshold(client: &mut SpiClient<'_>, platform: &str, account: &str) -> Result<i32> {
    let mut table = THRESHOLD.write(client, &[platform.into(), account.into()])?;
    let Some(row) = table.next() else { return Ok(USUAL_THRESHOLD) };
    Ok(row.get(1)?.unwrap_or(USUAL_THRESHOLD))
}

/// The account's events were listed.
pub fn listed(client: &mut SpiClient<'_>, platform: &str, account: &str, at: Micros) -> Result<()> {
    LISTED.write(client, &[platform.into(), account.into(), timestamp(at).into()])?;
    Ok(())
}

/// The account's events could not be listed, or not all of them. `at`: those that could be were, then.
pub fn not_listed(
    client: &mut SpiClient<'_>,
    platform: &str,
    account: &str,
    why: &str,
    at: Option<Micros>,
) -> Result<()> {
    NOT_LISTED.write(client, &[platform.into(), account.into(), why.into(), at.and_then(timestamp).into()])?;
    Ok(())
}

/// Another list of the account could not be read.
pub fn failed(client: &mut SpiClient<'_>, platform: &str, account: &str, why: &str) -> Result<()> {
    FAILED.write(client, &[platform.into(), account.into(), why.into()])?;
    Ok(())
}

/// Hints wait for the next list until then.
pub fn begin_burst(client: &mut SpiClient<'_>, platform: &str, account: &str, until: Micros) -> Result<()> {
    IN_BURST.write(client, &[platform.into(), account.into(), timestamp(until).into()])?;
    Ok(())
}

/// Reading a list in the place of hints has failed: no such lists for a while.
pub fn avoid_bursts(client: &mut SpiClient<'_>, platform: &str, account: &str) -> Result<()> {
    NO_BURST.write(client, &[platform.into(), account.into()])?;
    Ok(())
}

/// Whether any of these accounts was not announced within the last minute; the newest time among those. Locks nothing.
pub fn unannounced(
    client: &SpiClient<'_>,
    accounts: Option<&[Option<String>]>,
    now: Micros,
) -> Result<Option<Option<Micros>>> {
    let names = accounts.map(|list| list.iter().map(Option::as_deref).collect::<Vec<_>>());
    let mut table = UNANNOUNCED.read(client, &[names.into(), timestamp(now).into()])?;
    let Some(row) = table.next() else { return Ok(None) };
    let latest = row.get::<TimestampWithTimeZone>(2)?.map(micros);
    Ok((row.get::<i64>(1)?.unwrap_or_default() > 0).then_some(latest))
}

/// Remembers that a worker holds these accounts.
pub fn announce(client: &mut SpiClient<'_>, accounts: Option<&[Option<String>]>, now: Micros) -> Result<()> {
    let names = accounts.map(|list| list.iter().map(Option::as_deref).collect::<Vec<_>>());
    ANNOUNCE.write(client, &[names.into(), timestamp(now).into()])?;
    Ok(())
}

/// Puts right times that a clock has written that was ahead, by so many microseconds if that is known; says how many rows.
pub fn mend(client: &mut SpiClient<'_>, now: Micros, ahead: Option<Micros>) -> Result<usize> {
    Ok(MEND.write(client, &[timestamp(now).into(), ahead.into()])?.len())
}
