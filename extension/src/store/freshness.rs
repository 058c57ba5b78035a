//! When each event was read: what runs keep in `ticket_platforms`.

use boxoffice_core::merge::LAG;
use boxoffice_core::time::Micros;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::BuiltinOid::{BOOLOID, INT8OID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID};
use pgrx::spi::SpiClient;

use super::plan::Plan;
use super::{micros, timestamp};
use crate::error::Result;

static READ: Plan = Plan {
    sql: "SELECT boxoffice.past(t.last_sync_at) FROM boxoffice.ticket_platforms t WHERE t.platform = $1 AND t.external_event_id = $2",
    types: &[TEXTOID, TEXTOID],
};
static OLDEST: Plan = Plan {
    sql: "SELECT min(t.last_sync_at) FROM boxoffice.ticket_platforms t WHERE t.platform = $1 AND t.external_event_id = ANY ($2)",
    types: &[TEXTOID, TEXTARRAYOID],
};
static ATTEMPTED: Plan = Plan {
    sql: "UPDATE boxoffice.ticket_platforms t SET last_attempt_at = clock_timestamp(),
              last_full_attempt_at = CASE WHEN $3 THEN clock_timestamp() ELSE t.last_full_attempt_at END
          WHERE t.platform = $1 AND t.external_event_id = ANY ($2)",
    types: &[TEXTOID, TEXTARRAYOID, BOOLOID],
};
static FAILED: Plan = Plan {
    sql: "UPDATE boxoffice.ticket_platforms t SET last_sync_error = $3,
              sync_failures = CASE WHEN $4 THEN t.sync_failures + 1 ELSE t.sync_failures END
          WHERE t.platform = $1 AND t.external_event_id = $2",
    types: &[TEXTOID, TEXTOID, TEXTOID, BOOLOID],
};
static SYNCED: Plan = Plan {
    sql: include_str!("sql/events_synced.sql"),
    types: &[TEXTOID, TEXTOID, TIMESTAMPTZOID, BOOLOID, TIMESTAMPTZOID],
};
static SYNCED_TOGETHER: Plan = Plan {
    sql: include_str!("sql/events_synced_together.sql"),
    types: &[TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID],
};
static MEND: Plan = Plan { sql: include_str!("sql/events_mend.sql"), types: &[TIMESTAMPTZOID, INT8OID] };

/// How much earlier than its last reading the changes of an event are asked for: more than a copy may lag behind, so that what was
/// read too early then is read again.
pub const OVERLAP: Micros = 2 * LAG;

/// Start of the last successful reading of an event, unless it has not come yet.
pub fn last_sync(client: &mut SpiClient<'_>, platform: &str, event: &str) -> Result<Option<Micros>> {
    let mut table = READ.write(client, &[platform.into(), event.into()])?;
    let Some(row) = table.next() else { return Ok(None) };
    Ok(row.get::<TimestampWithTimeZone>(1)?.map(micros))
}

/// The earliest start of the last successful readings of these events.
pub fn oldest_sync(client: &mut SpiClient<'_>, platform: &str, events: &[&str]) -> Result<Option<Micros>> {
    let table = OLDEST.write(client, &[platform.into(), events.to_vec().into()])?;
    Ok(table.first().get_one::<TimestampWithTimeZone>()?.map(micros))
}

/// Events are about to be read, wholly or not.
pub fn attempted(client: &mut SpiClient<'_>, platform: &str, events: &[&str], wholly: bool) -> Result<()> {
    ATTEMPTED.write(client, &[platform.into(), events.to_vec().into(), wholly.into()])?;
    Ok(())
}

/// An event could not be read. `counts`: the reason is one of its own, and each in a row lets the next reading wait longer.
pub fn failed(client: &mut SpiClient<'_>, platform: &str, event: &str, why: &str, counts: bool) -> Result<()> {
    FAILED.write(client, &[platform.into(), event.into(), why.into(), counts.into()])?;
    Ok(())
}

/// What a reading is good for.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Since when it counts.
    pub started_at: Micros,
    /// Only what has changed was read.
    pub changes_only: bool,
    /// Since when its tickets were read.
    pub tickets_from: Option<Micros>,
}

/// An event was read.
pub fn synced(client: &mut SpiClient<'_>, platform: &str, event: &str, reading: &Reading) -> Result<()> {
    let arguments = [
        platform.into(),
        event.into(),
        timestamp(reading.started_at).into(),
        reading.changes_only.into(),
        reading.tickets_from.and_then(timestamp).into(),
    ];
    SYNCED.write(client, &arguments)?;
    Ok(())
}

/// The changes of all events of an account were read that had changed since `since`.
pub fn synced_together(
    client: &mut SpiClient<'_>,
    platform: &str,
    account: &str,
    started_at: Micros,
    since: Option<Micros>,
) -> Result<()> {
    let arguments = [
        platform.into(),
        account.into(),
        timestamp(started_at).into(),
        since.and_then(timestamp).into(),
        OVERLAP.into(),
    ];
    SYNCED_TOGETHER.write(client, &arguments)?;
    Ok(())
}

/// Puts right times that a clock has written that was ahead, by so many microseconds; says how many rows.
pub fn mend(client: &mut SpiClient<'_>, now: Micros, ahead: Micros) -> Result<usize> {
    Ok(MEND.write(client, &[timestamp(now).into(), ahead.into()])?.len())
}
