//! Jobs that are handed out, and the calls that counts for. Whoever hands out holds the row of the account.

use boxoffice_core::backoff;
use boxoffice_core::time::Micros;
use pgrx::datum::{DatumWithOid, TimestampWithTimeZone};
use pgrx::pg_sys::BuiltinOid::{BOOLOID, INT2ARRAYOID, INT2OID, INT4OID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID};
use pgrx::spi::{SpiClient, SpiHeapTupleData};

use super::words::Priority;
use crate::error::Result;
use crate::store::plan::Plan;
use crate::store::{micros, timestamp};

// Looked at before anything is locked: a worker asks once a second, and an empty claim is to take no transaction id.
static CLAIMABLE: Plan =
    Plan { sql: include_str!("../sql/jobs_claimable_accounts.sql"), types: &[TEXTARRAYOID, TIMESTAMPTZOID] };
static LOCK: Plan = Plan {
    sql: concat!(include_str!("../sql/jobs_claimable_accounts.sql"), "FOR UPDATE OF p"),
    types: &[TEXTARRAYOID, TIMESTAMPTZOID],
};
static CALLS: Plan =
    Plan { sql: include_str!("../sql/jobs_calls_of_hour.sql"), types: &[TEXTOID, TEXTOID, TIMESTAMPTZOID] };
static DUE: Plan = Plan {
    sql: include_str!("../sql/jobs_due_priorities.sql"),
    types: &[TEXTOID, TEXTOID, TIMESTAMPTZOID, INT2ARRAYOID],
};
static LEASE: Plan = Plan {
    sql: include_str!("../sql/jobs_lease.sql"),
    types: &[TEXTOID, TEXTOID, INT2OID, TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, BOOLOID, INT4OID, BOOLOID, INT4OID],
};
static COUNT: Plan = Plan {
    sql: include_str!("../sql/jobs_count_calls.sql"),
    types: &[TEXTOID, TEXTOID, TIMESTAMPTZOID, INT4OID, INT4OID, INT4OID, INT4OID],
};

/// How long a worker has for an answer.
const LEASE_LENGTH: Micros = 120_000_000;

/// An account with something that is due.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its platform.
    pub platform: String,
    /// Its name.
    pub name: String,
    /// One call at a time: it has to show that it works again, or meets with trouble.
    pub one_at_a_time: bool,
    /// It is neither stopped nor has to show that it works again.
    pub is_active: bool,
    /// Most calls at the same time.
    pub max_in_flight: i32,
    /// Most calls in an hour.
    pub calls_per_hour: i32,
    /// When more hints than this wait, lists are read in their place.
    pub burst_threshold: i32,
    /// Hints wait for the next list until then.
    pub burst_until: Option<Micros>,
    /// That time is one that can be.
    pub in_burst: bool,
    /// No lists now, because reading one has failed.
    pub burst_is_off: bool,
    /// Organizations whose lists can be asked for.
    pub organizations: Vec<String>,
}

/// What an account has in flight, and its calls of the last hour.
#[derive(Debug, Clone, Copy, Default)]
pub struct Calls {
    /// Handed out and not answered yet.
    pub in_flight: i64,
    /// All of the hour.
    pub all: i64,
    /// Of them: for single hints.
    pub hints: i64,
    /// Of those: of what nobody had heard of.
    pub doubtful: i64,
    /// Of all: what the schedule asked for.
    pub scheduled: i64,
}

/// How jobs of a priority are handed out.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Which.
    pub priority: Priority,
    /// Most.
    pub most: i32,
    /// Hints that a list may show wait for it.
    pub hints_wait: bool,
    /// There is room for what nobody has heard of.
    pub doubtful_too: bool,
}

/// A job that was handed out.
#[derive(Debug, Clone)]
pub struct Leased {
    /// Number of the lease.
    pub lease: i64,
    /// What for.
    pub path: String,
    /// Nobody had heard of it here.
    pub doubtful: bool,
}

/// Whether any of these accounts (`platform/name`; `None`: all) has something that is due. Locks nothing.
pub fn has_due(client: &SpiClient<'_>, accounts: Option<&[Option<String>]>, now: Micros) -> Result<bool> {
    Ok(!CLAIMABLE.read(client, &chosen(accounts, now))?.is_empty())
}

/// The same accounts, locked, in the order of their keys.
pub fn lock_due(client: &mut SpiClient<'_>, accounts: Option<&[Option<String>]>, now: Micros) -> Result<Vec<Account>> {
    LOCK.write(client, &chosen(accounts, now))?.map(|row| account(&row)).collect()
}

fn chosen<'a>(accounts: Option<&'a [Option<String>]>, now: Micros) -> [DatumWithOid<'a>; 2] {
    let names = accounts.map(|list| list.iter().map(Option::as_deref).collect::<Vec<_>>());
    [names.into(), timestamp(now).into()]
}

fn account(row: &SpiHeapTupleData<'_>) -> Result<Account> {
    let text = |i: usize| -> Result<String> { Ok(row.get::<String>(i)?.unwrap_or_default()) };
    let number = |i: usize| -> Result<i32> { Ok(row.get::<i32>(i)?.unwrap_or_default()) };
    let truth = |i: usize| -> Result<bool> { Ok(row.get::<bool>(i)?.unwrap_or(false)) };
    let status = text(3)?;
    Ok(Account {
        platform: text(1)?,
        name: text(2)?,
        one_at_a_time: status == "probing" || number(4)? >= backoff::IN_TROUBLE,
        is_active: status == "active",
        max_in_flight: number(5)?,
        calls_per_hour: number(6)?,
        burst_threshold: number(7)?,
        in_burst: truth(8)?,
        burst_until: row.get::<TimestampWithTimeZone>(9)?.map(micros),
        burst_is_off: truth(10)?,
        organizations: row.get::<Vec<Option<String>>>(11)?.unwrap_or_default().into_iter().flatten().collect(),
    })
}

/// What the account has called.
pub fn calls(client: &mut SpiClient<'_>, account: &Account, now: Micros) -> Result<Calls> {
    let key = [account.platform.as_str().into(), account.name.as_str().into(), timestamp(now).into()];
    let Some(row) = CALLS.write(client, &key)?.next() else { return Ok(Calls::default()) };
    let count = |i: usize| -> Result<i64> { Ok(row.get::<i64>(i)?.unwrap_or_default()) };
    Ok(Calls { in_flight: count(1)?, all: count(2)?, hints: count(3)?, doubtful: count(4)?, scheduled: count(5)? })
}

/// Priorities of which something is due, the most urgent first.
pub fn due_priorities(client: &mut SpiClient<'_>, account: &Account, now: Micros) -> Result<Vec<Priority>> {
    let all = Priority::ALL.map(Priority::number).to_vec();
    let arguments = [account.platform.as_str().into(), account.name.as_str().into(), timestamp(now).into(), all.into()];
    let mut due = Vec::new();
    for row in DUE.write(client, &arguments)? {
        due.extend(row.get::<i16>(1)?.and_then(Priority::from_number));
    }
    Ok(due)
}

/// Hands out jobs of a priority.
pub fn lease(client: &mut SpiClient<'_>, account: &Account, terms: &Terms, now: Micros) -> Result<Vec<Leased>> {
    let of_hints = matches!(terms.priority, Priority::Hint | Priority::Doubtful);
    let table = LEASE.write(
        client,
        &[
            account.platform.as_str().into(),
            account.name.as_str().into(),
            terms.priority.number().into(),
            timestamp(now).into(),
            timestamp(now.saturating_add(LEASE_LENGTH)).into(),
            of_hints.into(),
            terms.hints_wait.into(),
            backoff::FETCH.max_attempts.into(),
            terms.doubtful_too.into(),
            terms.most.into(),
        ],
    )?;
    let mut leased = Vec::with_capacity(table.len());
    for row in table {
        leased.push(Leased {
            lease: row.get(1)?.unwrap_or_default(),
            path: row.get(2)?.unwrap_or_default(),
            doubtful: row.get(3)?.unwrap_or(false),
        });
    }
    Ok(leased)
}

/// Counts calls that were handed out: all, and of them hints, doubtful ones, those of the schedule.
pub fn count(client: &mut SpiClient<'_>, account: &Account, now: Micros, calls: [i32; 4]) -> Result<()> {
    let [all, hints, doubtful, scheduled] = calls.map(DatumWithOid::from);
    let (platform, name) = (account.platform.as_str().into(), account.name.as_str().into());
    COUNT.write(client, &[platform, name, timestamp(now).into(), all, hints, doubtful, scheduled])?;
    Ok(())
}
