//! Synchronisations: `sync_history`, and what their pages have shown, `sync_pages`. Nothing else writes these tables.

pub mod begin;
pub mod upkeep;
pub mod words;

use boxoffice_core::merge::LAG;
use boxoffice_core::platform::{Platform, ResourceKind};
use boxoffice_core::time::Micros;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::BuiltinOid::{BOOLOID, INT4OID, INT8OID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID};
use pgrx::spi::{SpiClient, SpiHeapTupleData};

use super::plan::Plan;
use super::{micros, timestamp};
use words::{Failure, Mode, Status};

use crate::error::{Error, Result};

static READ: Plan = Plan {
    sql:
        "SELECT id, platform, account, external_event_id, mode, dry_run, status, orders_from, tickets_from, finish_after,
              started_at, since
          FROM boxoffice.sync_history WHERE id = $1",
    types: &[INT8OID],
};

static FINISHING: Plan = Plan {
    sql:
        "SELECT id, platform, account, external_event_id, mode, dry_run, status, orders_from, tickets_from, finish_after,
              started_at, since
          FROM boxoffice.sync_history WHERE status = 'finishing' ORDER BY priority, id LIMIT 1 FOR UPDATE SKIP LOCKED",
    types: &[],
};

static PROGRESS: Plan = Plan {
    sql: include_str!("../sql/runs_progress.sql"),
    types: &[
        INT8OID,
        INT8OID,
        INT8OID,
        INT8OID,
        INT8OID,
        TEXTOID,
        TIMESTAMPTZOID,
        BOOLOID,
        TEXTOID,
        INT8OID,
        BOOLOID,
        TEXTOID,
    ],
};

static SHOWN: Plan = Plan {
    sql: "INSERT INTO boxoffice.sync_pages (run_id, job_id, order_ids, attendee_ids) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    types: &[INT8OID, INT8OID, TEXTARRAYOID, TEXTARRAYOID],
};

static FINISH: Plan = Plan {
    sql: "UPDATE boxoffice.sync_history SET status = 'finishing' WHERE id = $1 AND status = 'running'",
    types: &[INT8OID],
};

static CLOSE: Plan = Plan {
    sql: "UPDATE boxoffice.sync_history s SET status = 'done', finished_at = clock_timestamp()
          WHERE s.id = $1 AND s.status IN ('running', 'finishing')
          RETURNING s.id, s.platform, s.account, s.external_event_id, s.mode, s.dry_run, s.status, s.orders_from, s.tickets_from,
              s.finish_after, s.started_at, s.since",
    types: &[INT8OID],
};

static FAIL: Plan = Plan {
    sql: "UPDATE boxoffice.sync_history s SET status = 'failed', error = $2, failure = $3, finished_at = clock_timestamp(), open_lists = 0
          WHERE s.id = $1 AND s.status IN ('running', 'finishing')
          RETURNING s.id, s.platform, s.account, s.external_event_id, s.mode, s.dry_run, s.status, s.orders_from, s.tickets_from,
              s.finish_after, s.started_at, s.since",
    types: &[INT8OID, TEXTOID, TEXTOID],
};

static FORGET_SHOWN: Plan = Plan { sql: "DELETE FROM boxoffice.sync_pages g WHERE g.run_id = $1", types: &[INT8OID] };

static LEFT: Plan = Plan {
    sql: include_str!("../sql/runs_left.sql"),
    types: &[INT8OID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, INT8OID],
};

static ADVANCE: Plan = Plan {
    sql: "UPDATE boxoffice.sync_history SET finish_after = $2, missing = COALESCE(missing, 0) + $3 WHERE id = $1",
    types: &[INT8OID, TEXTOID, INT8OID],
};

static LOCATION: Plan = Plan {
    sql: "SELECT platform_config ->> 'overrideLocation' FROM boxoffice.ticket_platforms WHERE platform = $1 AND external_event_id = $2",
    types: &[TEXTOID, TEXTOID],
};

/// A run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its number.
    pub id: i64,
    /// Whom it asks.
    pub platform: Platform,
    /// With which credential.
    pub account: String,
    /// About which event.
    pub external_event_id: Option<String>,
    /// What for.
    pub mode: Mode,
    /// Nothing may be changed.
    pub dry_run: bool,
    /// It has neither failed nor ended.
    pub is_running: bool,
    /// When the first page of the orders was asked for.
    pub orders_from: Option<Micros>,
    /// When the first page of the tickets was asked for.
    pub tickets_from: Option<Micros>,
    /// Orders up to this one are finished with.
    pub finish_after: Option<String>,
    /// When it began.
    pub started_at: Micros,
    /// Only what has changed since then was asked for.
    pub since: Option<Micros>,
}

/// What one page adds to a run.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Items on it.
    pub items: usize,
    /// Items of the whole list, when this is its first page.
    pub expected: Option<i64>,
    /// Rows written.
    pub changed: usize,
    /// Orders on it that were not here before.
    pub new_orders: usize,
    /// Oddities.
    pub problems: usize,
    /// What the page is of.
    pub kind: ResourceKind,
    /// When it was asked for.
    pub fetched_at: Micros,
    /// It is the last one of its list.
    pub ends_list: bool,
    /// Why it could not be read, or not be applied wholly.
    pub failed: Option<(Failure, String)>,
    /// It was read, as opposed to given up.
    pub is_read: bool,
}

/// An order at the end of a complete reading.
#[derive(Debug, Clone)]
pub struct Left {
    /// Which.
    pub order_id: String,
    /// The listing did not show it.
    pub missing: bool,
    /// Currency of the money held.
    pub currency: Option<String>,
    /// Money held: charged less refunded.
    pub held: Option<String>,
}

/// Reads a run.
pub fn read(client: &SpiClient<'_>, id: i64) -> Result<Option<Run>> {
    READ.read(client, &[id.into()])?.next().map(|row| run(&row)).transpose()
}

/// The next run that has read all its pages, locked; runs that another session works on are skipped.
pub fn finishing(client: &mut SpiClient<'_>) -> Result<Option<Run>> {
    FINISHING.write(client, &[])?.next().map(|row| run(&row)).transpose()
}

fn run(row: &SpiHeapTupleData<'_>) -> Result<Run> {
    let text = |i: usize| -> Result<String> { Ok(row.get::<String>(i)?.unwrap_or_default()) };
    let time = |i: usize| -> Result<Option<Micros>> { Ok(row.get::<TimestampWithTimeZone>(i)?.map(micros)) };
    Ok(Run {
        id: row.get(1)?.unwrap_or_default(),
        platform: Platform::from_name(&text(2)?)
            .ok_or_else(|| Error::Spi("the run is of an unknown platform".to_owned()))?,
        account: text(3)?,
        external_event_id: row.get(4)?,
        mode: Mode::from_word(&text(5)?).ok_or_else(|| Error::Spi("the run is of an unknown mode".to_owned()))?,
        dry_run: row.get(6)?.unwrap_or(false),
        is_running: text(7)? == Status::Running.word(),
        orders_from: time(8)?,
        tickets_from: time(9)?,
        finish_after: row.get(10)?,
        started_at: time(11)?.unwrap_or_default(),
        since: time(12)?,
    })
}

/// What is left of a run after a page.
#[derive(Debug, Clone)]
pub struct Remaining {
    /// Lists that are not read to their end.
    pub lists: i32,
    /// Why one of them could not be read, or not be applied wholly.
    pub failed: Option<(Failure, String)>,
}

/// Adds a page to a run; `None` when the run goes on no more.
pub fn progress(client: &mut SpiClient<'_>, run: i64, page: &Progress) -> Result<Option<Remaining>> {
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let mut table = PROGRESS.write(
        client,
        &[
            run.into(),
            count(page.items).into(),
            page.expected.into(),
            count(page.changed).into(),
            count(page.problems).into(),
            page.kind.as_str().into(),
            timestamp(page.fetched_at).into(),
            page.ends_list.into(),
            page.failed.as_ref().map(|(_, why)| why.as_str()).into(),
            count(page.new_orders).into(),
            page.is_read.into(),
            page.failed.as_ref().map(|(failure, _)| failure.word()).into(),
        ],
    )?;
    let Some(row) = table.next() else { return Ok(None) };
    if row.get::<String>(2)?.as_deref() != Some(Status::Running.word()) {
        return Ok(None);
    }
    let failure = row.get::<String>(4)?.as_deref().and_then(Failure::from_word).unwrap_or(Failure::Unreadable);
    let failed = row.get::<String>(3)?.map(|why| (failure, why));
    Ok(Some(Remaining { lists: row.get(1)?.unwrap_or_default(), failed }))
}

/// Keeps what a page has shown until the run ends.
pub fn shown(client: &mut SpiClient<'_>, run: i64, job: i64, orders: Vec<&str>, attendees: Vec<&str>) -> Result<()> {
    SHOWN.write(client, &[run.into(), job.into(), orders.into(), attendees.into()])?;
    Ok(())
}

/// All pages are read, but something is left to be done about the orders.
pub fn finish(client: &mut SpiClient<'_>, run: i64) -> Result<()> {
    FINISH.write(client, &[run.into()])?;
    Ok(())
}

/// Ends a run well; the run, unless it has ended already.
pub fn close(client: &mut SpiClient<'_>, run: i64) -> Result<Option<Run>> {
    CLOSE.write(client, &[run.into()])?.next().map(|row| self::run(&row)).transpose()
}

/// Ends a run that cannot go on; the run, unless it has ended already.
pub fn fail(client: &mut SpiClient<'_>, run: i64, failure: Failure, why: &str) -> Result<Option<Run>> {
    FAIL.write(client, &[run.into(), why.into(), failure.word().into()])?.next().map(|row| self::run(&row)).transpose()
}

/// Forgets what the pages of a run have shown.
pub fn forget_shown(client: &mut SpiClient<'_>, run: i64) -> Result<()> {
    FORGET_SHOWN.write(client, &[run.into()])?;
    Ok(())
}

/// The next orders, in key order, about which something may be left to be done.
pub fn left(client: &mut SpiClient<'_>, run: &Run, limit: i32) -> Result<Vec<Left>> {
    let mut left = Vec::new();
    let table = LEFT.write(
        client,
        &[
            run.id.into(),
            run.platform.as_str().into(),
            run.external_event_id.as_deref().into(),
            run.finish_after.as_deref().into(),
            run.orders_from.and_then(timestamp).into(),
            run.tickets_from.filter(|_| !run.dry_run).and_then(timestamp).into(),
            limit.into(),
            LAG.into(),
        ],
    )?;
    for row in table {
        left.push(Left {
            order_id: row.get::<String>(1)?.unwrap_or_default(),
            missing: row.get(2)?.unwrap_or(false),
            currency: row.get(3)?,
            held: row.get(4)?,
        });
    }
    Ok(left)
}

/// Remembers how far the end of a run has come.
pub fn advance(client: &mut SpiClient<'_>, run: i64, after: &str, missing: usize) -> Result<()> {
    ADVANCE.write(client, &[run.into(), after.into(), i64::try_from(missing).unwrap_or(i64::MAX).into()])?;
    Ok(())
}

/// The data region of an event, where it needs one.
pub fn location(client: &SpiClient<'_>, platform: Platform, event: &str) -> Result<Option<String>> {
    let mut table = LOCATION.read(client, &[platform.as_str().into(), event.into()])?;
    Ok(match table.next() {
        Some(row) => row.get(1)?,
        None => None,
    })
}
