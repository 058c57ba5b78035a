//! Synchronisations: `sync_history` and what their pages have shown.

use boxoffice_core::platform::{Platform, ResourceKind};
use boxoffice_core::time::Micros;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::BuiltinOid::{BOOLOID, INT4OID, INT8OID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID};
use pgrx::spi::{SpiClient, SpiHeapTupleData};

use super::plan::Plan;
use super::{micros, timestamp};
use crate::error::{Error, Result};

static READ: Plan = Plan {
    sql:
        "SELECT id, platform, account, external_event_id, mode, dry_run, status, orders_from, tickets_from, finish_after
          FROM boxoffice.sync_history WHERE id = $1",
    types: &[INT8OID],
};

static FINISHING: Plan = Plan {
    sql:
        "SELECT id, platform, account, external_event_id, mode, dry_run, status, orders_from, tickets_from, finish_after
          FROM boxoffice.sync_history WHERE status = 'finishing' ORDER BY priority, id LIMIT 1 FOR UPDATE SKIP LOCKED",
    types: &[],
};

static PROGRESS: Plan = Plan {
    sql: "UPDATE boxoffice.sync_history SET pages = pages + CASE WHEN $11 THEN 1 ELSE 0 END,
              progress_at = CASE WHEN $11 THEN clock_timestamp() ELSE progress_at END, new_orders = new_orders + $10, items = items + $2,
              expected_items = CASE WHEN $3 IS NULL THEN expected_items ELSE COALESCE(expected_items, 0) + $3 END,
              rows_changed = rows_changed + $4, problems = problems + $5,
              orders_from = CASE WHEN $6 = 'orders' THEN LEAST(orders_from, $7) ELSE orders_from END,
              tickets_from = CASE WHEN $6 = 'tickets' THEN LEAST(tickets_from, $7) ELSE tickets_from END,
              open_lists = open_lists - CASE WHEN $8 THEN 1 ELSE 0 END, error = COALESCE(error, $9)
          WHERE id = $1 RETURNING open_lists, status, error",
    types: &[INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, TEXTOID, TIMESTAMPTZOID, BOOLOID, TEXTOID, INT8OID, BOOLOID],
};

static SHOWN: Plan = Plan {
    sql: "INSERT INTO boxoffice.sync_pages (run_id, job_id, order_ids, attendee_ids) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    types: &[INT8OID, INT8OID, TEXTARRAYOID, TEXTARRAYOID],
};

static FINISH: Plan = Plan {
    sql: "UPDATE boxoffice.sync_history SET status = 'finishing' WHERE id = $1 AND status = 'running'",
    types: &[INT8OID],
};

static CLOSE: Plan = Plan { sql: "SELECT boxoffice.close_run($1)", types: &[INT8OID] };
static FAIL: Plan = Plan { sql: "SELECT boxoffice.fail_run($1, $2)", types: &[INT8OID, TEXTOID] };
static ADD_LISTS: Plan =
    Plan { sql: "SELECT boxoffice.add_lists($1, $2, $3, NULL, NULL, false)", types: &[INT8OID, TEXTOID, TEXTOID] };

// Orders of the event that the orders' pages did not show, and those whose tickets may have become complete: what was
// complete by the sweep before is still.
static LEFT: Plan = Plan {
    sql: "SELECT s.platform_order_id, (g.id IS NULL) AS missing, s.currency, s.kept_amount::text
          FROM boxoffice.ticket_platforms p
          JOIN boxoffice.ticket_sales s ON s.event_id = p.event_id AND s.platform = p.platform AND s.external_event_id = p.external_event_id
          LEFT JOIN (SELECT DISTINCT unnest(order_ids) AS id FROM boxoffice.sync_pages WHERE run_id = $1) g ON g.id = s.platform_order_id
          WHERE p.platform = $2 AND p.external_event_id = $3 AND s.platform_order_id > COALESCE($4, '')
            AND ((g.id IS NULL AND s.created_at < $5)
                 OR ($6 IS NOT NULL AND (p.tickets_swept_at IS NULL OR s.created_at >= p.tickets_swept_at
                     OR COALESCE(s.purchase_date, s.source_version, s.created_at) + interval '10 minutes' > p.tickets_swept_at)))
          ORDER BY s.platform_order_id LIMIT $7",
    types: &[INT8OID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID],
};

static ADVANCE: Plan = Plan {
    sql: "UPDATE boxoffice.sync_history SET finish_after = $2, missing = COALESCE(missing, 0) + $3 WHERE id = $1",
    types: &[INT8OID, TEXTOID, INT8OID],
};

static LOCATION: Plan = Plan {
    sql: "SELECT platform_config ->> 'overrideLocation' FROM boxoffice.ticket_platforms WHERE platform = $1 AND external_event_id = $2",
    types: &[TEXTOID, TEXTOID],
};

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everything.
    Full,
    /// What has changed since the last one.
    Changes,
    /// Everything, compared with what is here.
    Reconcile,
    /// The account's events.
    Discovery,
    /// A list in place of many hints.
    Burst,
}

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
    pub failed: Option<String>,
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
        mode: match text(5)?.as_str() {
            "full" => Mode::Full,
            "changes" => Mode::Changes,
            "reconcile" => Mode::Reconcile,
            "discovery" => Mode::Discovery,
            _ => Mode::Burst,
        },
        dry_run: row.get(6)?.unwrap_or(false),
        is_running: text(7)? == "running",
        orders_from: time(8)?,
        tickets_from: time(9)?,
        finish_after: row.get(10)?,
    })
}

/// Adds a page to a run; returns how many lists are still to be read and whether a page could not be applied, or `None`
/// when the run goes on no more.
pub fn progress(client: &mut SpiClient<'_>, run: i64, page: &Progress) -> Result<Option<(i32, Option<String>)>> {
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
            page.failed.as_deref().into(),
            count(page.new_orders).into(),
            page.is_read.into(),
        ],
    )?;
    let Some(row) = table.next() else { return Ok(None) };
    let running = row.get::<String>(2)?.as_deref() == Some("running");
    let error = row.get::<String>(3)?;
    Ok(row.get::<i32>(1)?.filter(|_| running).map(|open| (open, error)))
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

/// Ends a run well.
pub fn close(client: &mut SpiClient<'_>, run: i64) -> Result<()> {
    CLOSE.write(client, &[run.into()])?;
    Ok(())
}

/// Ends a run that cannot go on, for a reason of its own.
pub fn fail(client: &mut SpiClient<'_>, run: i64, reason: &str) -> Result<()> {
    FAIL.write(client, &[run.into(), reason.into()])?;
    Ok(())
}

/// Adds lists to a run.
pub fn add_lists(client: &mut SpiClient<'_>, run: i64, scope: &str, id: &str) -> Result<()> {
    ADD_LISTS.write(client, &[run.into(), scope.into(), id.into()])?;
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
