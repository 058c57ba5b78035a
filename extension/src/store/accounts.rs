//! How each credential fares: `platform_accounts`.

use boxoffice_core::backoff;
use boxoffice_core::platform::Platform;
use boxoffice_core::time::Micros;
use pgrx::pg_sys::BuiltinOid::{BOOLOID, INT8OID, TEXTARRAYOID, TEXTOID};
use pgrx::spi::SpiClient;

use super::plan::Plan;
use crate::error::Result;

/// From this many failures in a row on the trouble is the platform's, not that of single resources.
const IN_TROUBLE: i32 = 3;

static WELL: Plan = Plan {
    sql: "UPDATE boxoffice.platform_accounts SET failures = 0, status = 'active', last_error = NULL, stopped_reason = NULL,
              stopped_at = NULL
          WHERE platform = $1 AND name = $2 AND (failures > 0 OR status = 'probing' OR last_error IS NOT NULL) AND status <> 'stopped'
          RETURNING 1",
    types: &[TEXTOID, TEXTOID],
};

// What was put off because the credential was refused.
static GO_ON: Plan = Plan {
    sql: "UPDATE boxoffice.fetch_jobs u SET due_at = clock_timestamp()
          FROM (SELECT j.id FROM boxoffice.fetch_jobs j WHERE j.platform = $1 AND j.account = $2 AND j.status = 'waiting'
                    AND j.due_at > clock_timestamp() AND j.due_at < 'infinity' AND j.last_error LIKE 'HTTP 40%' ORDER BY j.id
                FOR UPDATE SKIP LOCKED) d
          WHERE u.id = d.id",
    types: &[TEXTOID, TEXTOID],
};

static TROUBLE: Plan = Plan {
    sql: "UPDATE boxoffice.platform_accounts SET failures = failures + CASE WHEN $4 THEN 1 ELSE 0 END, last_error = $3
          WHERE platform = $1 AND name = $2 RETURNING failures",
    types: &[TEXTOID, TEXTOID, TEXTOID, BOOLOID],
};

static BLOCK: Plan = Plan {
    sql: "UPDATE boxoffice.platform_accounts SET blocked_until = GREATEST(blocked_until, clock_timestamp() + $3 * interval '1 microsecond')
          WHERE platform = $1 AND name = $2",
    types: &[TEXTOID, TEXTOID, INT8OID],
};

static STOP: Plan = Plan {
    sql: "UPDATE boxoffice.platform_accounts SET status = 'stopped', stopped_reason = $3, stopped_at = clock_timestamp(), last_error = $3
          WHERE platform = $1 AND name = $2 AND status <> 'stopped' RETURNING 1",
    types: &[TEXTOID, TEXTOID, TEXTOID],
};

static LEARN_ORGANIZATIONS: Plan = Plan {
    sql: "UPDATE boxoffice.platform_accounts
          SET organization_ids = ARRAY(SELECT DISTINCT o FROM unnest(organization_ids || $3) o WHERE o ~ '^[A-Za-z0-9_-]{1,64}$' ORDER BY o)
          WHERE platform = $1 AND name = $2 RETURNING cardinality(organization_ids)::bigint",
    types: &[TEXTOID, TEXTOID, TEXTARRAYOID],
};

static READ: Plan = Plan {
    sql: "SELECT organization_ids, locations FROM boxoffice.platform_accounts WHERE platform = $1 AND name = $2",
    types: &[TEXTOID, TEXTOID],
};

static CLAIM_EVENTS: Plan = Plan {
    sql: "UPDATE boxoffice.ticket_platforms p SET account = $2, platform_config = CASE WHEN $4 IS NULL THEN p.platform_config
              ELSE p.platform_config || jsonb_build_object('overrideLocation', $4::text) END
          WHERE p.platform = $1 AND p.external_event_id = ANY ($3) AND p.account IS NULL",
    types: &[TEXTOID, TEXTOID, TEXTARRAYOID, TEXTOID],
};

/// A call has succeeded.
pub fn well(client: &mut SpiClient<'_>, platform: Platform, name: &str) -> Result<()> {
    let key = [platform.as_str().into(), name.into()];
    if !WELL.write(client, &key)?.is_empty() {
        GO_ON.write(client, &key)?;
    }
    Ok(())
}

/// A call has met with trouble. Says whether all of the account's calls do, which is then no fault of a single job.
///
/// `wait`: how long the platform wants us to wait, in microseconds. `counts`: it is a failure, not a limit.
pub fn trouble(
    client: &mut SpiClient<'_>,
    platform: Platform,
    name: &str,
    reason: &str,
    wait: Option<Micros>,
    counts: bool,
    seed: u64,
) -> Result<bool> {
    let key = platform.as_str();
    let table = TROUBLE.write(client, &[key.into(), name.into(), reason.into(), counts.into()])?;
    let failures = if table.is_empty() { 0 } else { table.first().get_one::<i32>()?.unwrap_or_default() };
    let in_trouble = failures >= IN_TROUBLE;
    let pause = wait.or(in_trouble.then(|| backoff::ACCOUNT.delay(failures - IN_TROUBLE + 1, seed)));
    if let Some(pause) = pause {
        BLOCK.write(client, &[key.into(), name.into(), pause.into()])?;
    }
    Ok(in_trouble)
}

/// The credential is refused: nothing is called with it any more. False when that was known.
pub fn stop(client: &mut SpiClient<'_>, platform: Platform, name: &str, reason: &str) -> Result<bool> {
    Ok(!STOP.write(client, &[platform.as_str().into(), name.into(), reason.into()])?.is_empty())
}

/// Adds organizations; returns how many are known.
pub fn learn_organizations(client: &mut SpiClient<'_>, platform: Platform, name: &str, ids: &[String]) -> Result<i64> {
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let table = LEARN_ORGANIZATIONS.write(client, &[platform.as_str().into(), name.into(), ids.into()])?;
    Ok(if table.is_empty() { 0 } else { table.first().get_one::<i64>()?.unwrap_or_default() })
}

/// Organizations and further data regions.
pub fn scope(client: &SpiClient<'_>, platform: Platform, name: &str) -> Result<(Vec<String>, Vec<String>)> {
    let mut table = READ.read(client, &[platform.as_str().into(), name.into()])?;
    let Some(row) = table.next() else { return Ok((Vec::new(), Vec::new())) };
    let list = |i: usize| -> Result<Vec<String>> {
        Ok(row.get::<Vec<Option<String>>>(i)?.unwrap_or_default().into_iter().flatten().collect())
    };
    Ok((list(1)?, list(2)?))
}

/// Events found in the account's listing are the account's, unless they are somebody's already.
pub fn claim_events(
    client: &mut SpiClient<'_>,
    platform: Platform,
    name: &str,
    events: &[&str],
    location: Option<&str>,
) -> Result<()> {
    CLAIM_EVENTS.write(client, &[platform.as_str().into(), name.into(), events.to_vec().into(), location.into()])?;
    Ok(())
}
