//! Runs that begin, and those that a request can join.

use boxoffice_core::time::Micros;
use pgrx::pg_sys::BuiltinOid::{BOOLOID, INT2OID, INT4OID, INT8OID, TEXTOID, TIMESTAMPTZOID};
use pgrx::spi::SpiClient;

use super::words::{Mode, Reason};
use crate::error::Result;
use crate::store::plan::Plan;
use crate::store::timestamp;

static BEGIN: Plan = Plan {
    sql: "INSERT INTO boxoffice.sync_history (platform, account, external_event_id, mode, reason, priority, dry_run)
          VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id",
    types: &[TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT2OID, BOOLOID],
};
static DISCARD: Plan = Plan { sql: "DELETE FROM boxoffice.sync_history h WHERE h.id = $1", types: &[INT8OID] };
static OPENED: Plan = Plan {
    sql: "UPDATE boxoffice.sync_history h SET open_lists = h.open_lists + $2, since = LEAST(h.since, $3) WHERE h.id = $1",
    types: &[INT8OID, INT4OID, TIMESTAMPTZOID],
};
static JOINABLE_EVENT: Plan = Plan {
    sql: include_str!("../sql/runs_joinable_event.sql"),
    types: &[TEXTOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, BOOLOID],
};
static JOINABLE_DISCOVERY: Plan =
    Plan { sql: include_str!("../sql/runs_joinable_discovery.sql"), types: &[TEXTOID, TEXTOID] };

/// A run that is to begin.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    /// Whom it asks.
    pub platform: &'a str,
    /// With which credential.
    pub account: &'a str,
    /// About which event; `None`: about the account.
    pub event: Option<&'a str>,
    /// What for.
    pub mode: Mode,
    /// Why.
    pub reason: Reason,
    /// Priority of its pages.
    pub priority: i16,
    /// Nothing may be changed.
    pub dry_run: bool,
}

/// Begins a run; `None` when somebody else has begun it at this moment.
pub fn begin(client: &mut SpiClient<'_>, new: &New<'_>) -> Result<Option<i64>> {
    let arguments = [
        new.platform.into(),
        new.account.into(),
        new.event.into(),
        new.mode.word().into(),
        new.reason.word().into(),
        new.priority.into(),
        new.dry_run.into(),
    ];
    first(BEGIN.write(client, &arguments)?)
}

/// Takes back a run that has nothing to read.
pub fn discard(client: &mut SpiClient<'_>, run: i64) -> Result<()> {
    DISCARD.write(client, &[run.into()])?;
    Ok(())
}

/// Remembers lists that were added to a run, and what they ask for.
pub fn opened(client: &mut SpiClient<'_>, run: i64, lists: usize, since: Option<Micros>) -> Result<()> {
    let lists = i32::try_from(lists).unwrap_or(i32::MAX);
    OPENED.write(client, &[run.into(), lists.into(), since.and_then(timestamp).into()])?;
    Ok(())
}

/// The run that a request for an event can join.
pub fn joinable_event(client: &mut SpiClient<'_>, new: &New<'_>) -> Result<Option<i64>> {
    let arguments = [
        new.platform.into(),
        new.event.into(),
        new.account.into(),
        new.mode.word().into(),
        new.dry_run.into(),
        (new.reason == Reason::Manual).into(),
    ];
    first(JOINABLE_EVENT.write(client, &arguments)?)
}

/// The listing of an account's events that a request can join.
pub fn joinable_discovery(client: &mut SpiClient<'_>, platform: &str, account: &str) -> Result<Option<i64>> {
    first(JOINABLE_DISCOVERY.write(client, &[platform.into(), account.into()])?)
}

fn first(mut table: pgrx::spi::SpiTupleTable<'_>) -> Result<Option<i64>> {
    match table.next() {
        Some(row) => Ok(row.get(1)?),
        None => Ok(None),
    }
}
