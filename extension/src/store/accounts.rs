//! How each credential fares: `platform_accounts`.

use boxoffice_contract::fetch::AccountChange;
use boxoffice_core::backoff;
use boxoffice_core::platform::Platform;
use boxoffice_core::time::{self, Micros};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::BuiltinOid::{BOOLOID, INT8OID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID};
use pgrx::spi::SpiClient;

use super::jobs;
use super::plan::Plan;
use super::{micros, timestamp};
use crate::error::Result;

static WELL: Plan = Plan {
    sql: "UPDATE boxoffice.platform_accounts a SET failures = 0, status = 'active', last_error = NULL, stopped_reason = NULL,
              stopped_at = NULL, troubled_at = NULL
          FROM (SELECT platform, name, status, failures, troubled_at FROM boxoffice.platform_accounts
                WHERE platform = $1 AND name = $2 AND (failures > 0 OR status = 'probing' OR last_error IS NOT NULL) AND status <> 'stopped'
                FOR UPDATE) o
          WHERE a.platform = o.platform AND a.name = o.name RETURNING o.status, o.failures, o.troubled_at",
    types: &[TEXTOID, TEXTOID],
};

static TROUBLE: Plan = Plan {
    sql: "UPDATE boxoffice.platform_accounts SET failures = failures + CASE WHEN $4 THEN 1 ELSE 0 END, last_error = $3,
              troubled_at = CASE WHEN $4 THEN LEAST(troubled_at, clock_timestamp()) ELSE troubled_at END
          WHERE platform = $1 AND name = $2 RETURNING failures, troubled_at",
    types: &[TEXTOID, TEXTOID, TEXTOID, BOOLOID],
};

static BLOCK: Plan = Plan { sql: include_str!("sql/accounts_block.sql"), types: &[TEXTOID, TEXTOID, INT8OID, TEXTOID] };

static STOP: Plan = Plan {
    sql: "UPDATE boxoffice.platform_accounts SET status = 'stopped', stopped_reason = $3, stopped_at = clock_timestamp(), last_error = $3
          WHERE platform = $1 AND name = $2 AND status <> 'stopped'
            AND (resumed_at BETWEEN $4 AND clock_timestamp()) IS NOT TRUE RETURNING 1",
    types: &[TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID],
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

/// Something about an account that whoever watches it wants to know, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Its calls meet with trouble, and not only one of them.
    Troubled {
        /// Since when.
        since: Option<Micros>,
        /// What was the newest.
        reason: String,
    },
    /// That is over.
    Well {
        /// Since when it had been so.
        since: Option<Micros>,
    },
    /// It was stopped, and works again.
    Resumed,
    /// Nothing is called for a while, because the platform wants it so.
    Paused {
        /// Until then.
        until: Option<Micros>,
        /// Why.
        reason: String,
    },
}

impl Change {
    /// One word.
    pub fn word(&self) -> &'static str {
        let change = match self {
            Change::Troubled { .. } => AccountChange::Troubled,
            Change::Well { .. } => AccountChange::Well,
            Change::Resumed => AccountChange::Resumed,
            Change::Paused { .. } => AccountChange::Paused,
        };
        change.word()
    }

    /// The rest, in words.
    pub fn detail(&self) -> Option<String> {
        let at = |at: &Option<Micros>| at.map_or_else(|| "an unknown time".to_owned(), time::to_text);
        match self {
            Change::Troubled { since, reason } => Some(format!("since {}: {reason}", at(since))),
            Change::Well { since } => Some(format!("after trouble since {}", at(since))),
            Change::Resumed => None,
            Change::Paused { until, reason } => Some(format!("until {}: {reason}", at(until))),
        }
    }
}

/// A pause that is worth a word, in microseconds.
const LONG_PAUSE: Micros = 60_000_000;

/// A call has succeeded.
pub fn well(client: &mut SpiClient<'_>, platform: Platform, name: &str) -> Result<Option<Change>> {
    let key = [platform.as_str().into(), name.into()];
    let mut table = WELL.write(client, &key)?;
    let Some(row) = table.next() else { return Ok(None) };
    let was_probing = row.get::<String>(1)?.as_deref() == Some("probing");
    let was_in_trouble = row.get::<i32>(2)?.unwrap_or_default() >= backoff::IN_TROUBLE;
    let since = row.get::<TimestampWithTimeZone>(3)?.map(micros);
    jobs::resume_refused(client, platform, name)?;
    Ok(match (was_probing, was_in_trouble) {
        (true, _) => Some(Change::Resumed),
        (false, true) => Some(Change::Well { since }),
        (false, false) => None,
    })
}

/// What a call that met with trouble says about its account.
pub struct Trouble<'a> {
    /// In words.
    pub reason: &'a str,
    /// How long the platform wants us to wait, in microseconds.
    pub wait: Option<Micros>,
    /// It is a failure, not a limit.
    pub counts: bool,
}

/// A call has met with trouble. Says whether all of the account's calls do, which is then no fault of a single job.
pub fn trouble(
    client: &mut SpiClient<'_>,
    platform: Platform,
    name: &str,
    met: &Trouble<'_>,
    seed: u64,
) -> Result<(bool, Option<Change>)> {
    let mut table =
        TROUBLE.write(client, &[platform.as_str().into(), name.into(), met.reason.into(), met.counts.into()])?;
    let Some(row) = table.next() else { return Ok((false, None)) };
    let failures = row.get::<i32>(1)?.unwrap_or_default();
    let since = row.get::<TimestampWithTimeZone>(2)?.map(micros);
    let in_trouble = failures >= backoff::IN_TROUBLE;
    let pause = met.wait.or(in_trouble.then(|| backoff::ACCOUNT.delay(failures - backoff::IN_TROUBLE + 1, seed)));
    let mut change = None;
    if let Some(length) = pause {
        change = block(client, platform, name, length, met.reason)?.filter(|_| met.wait.is_some());
    }
    if met.counts && failures == backoff::IN_TROUBLE {
        change = Some(Change::Troubled { since, reason: met.reason.to_owned() });
    }
    Ok((in_trouble, change))
}

/// No call is made for that long, in microseconds.
pub fn block(
    client: &mut SpiClient<'_>,
    platform: Platform,
    name: &str,
    length: Micros,
    reason: &str,
) -> Result<Option<Change>> {
    let mut table = BLOCK.write(client, &[platform.as_str().into(), name.into(), length.into(), reason.into()])?;
    let Some(row) = table.next() else { return Ok(None) };
    let was_paused = row.get::<bool>(1)?.unwrap_or(false);
    let until = row.get::<TimestampWithTimeZone>(2)?.map(micros);
    let is_news = !was_paused && length >= LONG_PAUSE;
    Ok(is_news.then(|| Change::Paused { until, reason: reason.to_owned() }))
}

/// The credential is refused: nothing is called with it any more. False when that was known, or when somebody has let the
/// account go on since the call was made.
pub fn stop(
    client: &mut SpiClient<'_>,
    platform: Platform,
    name: &str,
    reason: &str,
    called_at: Micros,
) -> Result<bool> {
    let arguments = [platform.as_str().into(), name.into(), reason.into(), timestamp(called_at).into()];
    Ok(!STOP.write(client, &arguments)?.is_empty())
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
