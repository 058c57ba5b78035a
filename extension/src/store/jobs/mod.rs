//! What has to be fetched: `fetch_jobs`, and the calls that were handed out, `account_calls`. Nothing else writes these tables.

pub mod claim;
pub mod hints;
pub mod lists;
pub mod upkeep;
pub mod words;

use std::collections::BTreeSet;

use boxoffice_core::platform::{FetchRequest, Platform, ResourceKind};
use boxoffice_core::time::Micros;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::BuiltinOid::{BOOLOID, INT2OID, INT4OID, INT8OID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID};
use pgrx::spi::SpiClient;

use super::plan::Plan;
use super::{micros, timestamp};
use words::{Priority, Purpose, Status};

use crate::error::{Error, Result};

static HINT: Plan = Plan {
    sql: include_str!("../sql/jobs_enqueue.sql"),
    types: &[TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID],
};

static HURRY: Plan = Plan { sql: include_str!("../sql/jobs_hurry.sql"), types: &[TEXTARRAYOID, TEXTARRAYOID, INT2OID] };

static LATER: Plan = Plan {
    sql: "INSERT INTO boxoffice.fetch_jobs AS j (platform, account, path, kind, resource_id, external_event_id, purpose, priority, due_at)
          VALUES ($1, $2, $3, $4, $5, $6, 'again', $7, COALESCE($8, clock_timestamp()))
          ON CONFLICT (platform, account, path) WHERE status = 'waiting' AND run_id IS NULL
          DO UPDATE SET due_at = LEAST(j.due_at, excluded.due_at) WHERE excluded.due_at < j.due_at",
    types: &[TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT2OID, TIMESTAMPTZOID],
};

static TAKE: Plan = Plan {
    sql: "SELECT id, platform, account, path, kind, resource_id, external_event_id, purpose, run_id, claimed_at, created_at,
                 attempts, restarts, list_total, refusals, doubtful, list_pages, list_limit
          FROM boxoffice.fetch_jobs WHERE lease_id = $1 AND status = 'leased' FOR UPDATE",
    types: &[INT8OID],
};

static END: Plan = Plan {
    sql: "UPDATE boxoffice.fetch_jobs SET status = $2, last_error = $3, lease_id = NULL, finished_at = clock_timestamp() WHERE id = $1",
    types: &[INT8OID, TEXTOID, TEXTOID],
};

static AGAIN: Plan = Plan {
    sql: include_str!("../sql/jobs_again.sql"),
    types: &[INT8OID, TEXTOID, TIMESTAMPTZOID, INT4OID, INT4OID, TEXTOID, INT4OID, BOOLOID],
};

static GO_ON: Plan = Plan {
    sql: "UPDATE boxoffice.fetch_jobs u SET due_at = clock_timestamp()
          FROM (SELECT j.id FROM boxoffice.fetch_jobs j WHERE j.platform = $1 AND j.account = $2 AND j.status = 'waiting'
                    AND j.due_at > clock_timestamp() AND j.due_at < 'infinity' AND j.refused ORDER BY j.id
                FOR UPDATE SKIP LOCKED) d
          WHERE u.id = d.id",
    types: &[TEXTOID, TEXTOID],
};

static ANNOUNCE: Plan = Plan { sql: "SELECT pg_catalog.pg_notify('boxoffice_fetch', '')", types: &[] };

/// A job that somebody holds the lease of.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its number.
    pub id: i64,
    /// Whom to ask.
    pub platform: Platform,
    /// With which credential.
    pub account: String,
    /// What for.
    pub path: String,
    /// What the answer is.
    pub kind: ResourceKind,
    /// The resource's own id.
    pub resource_id: Option<String>,
    /// The event it belongs to.
    pub external_event_id: Option<String>,
    /// Something has changed, as opposed to a page or a second look.
    pub is_hint: bool,
    /// The synchronisation that it is a page of.
    pub run_id: Option<i64>,
    /// When it was handed out.
    pub claimed_at: Micros,
    /// When the hint arrived.
    pub created_at: Micros,
    /// Tries, this one included.
    pub attempts: i32,
    /// How often its list began anew.
    pub restarts: i32,
    /// Items of the list when the page before was read.
    pub list_total: Option<i64>,
    /// How often the platform has refused the credential when asked for this, before.
    pub refusals: i32,
    /// Nobody had heard of it here when it was asked for.
    pub doubtful: bool,
    /// Number of this page in its list, from 1.
    pub list_pages: i32,
    /// Most pages that the list may have; `None` until its first page was read.
    pub list_limit: Option<i32>,
}

/// Asks for these resources, in key order.
pub fn enqueue(client: &mut SpiClient<'_>, requests: &[(Platform, &FetchRequest)]) -> Result<()> {
    let rows: BTreeSet<(&str, &FetchRequest)> = requests.iter().map(|(p, request)| (p.as_str(), *request)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let platforms: Vec<&str> = rows.iter().map(|(platform, _)| *platform).collect();
    let texts = |pick: fn(&FetchRequest) -> Option<&str>| rows.iter().map(|(_, r)| pick(r)).collect::<Vec<_>>();
    let made = HINT.write(
        client,
        &[
            platforms.clone().into(),
            texts(|r| Some(&r.path)).into(),
            texts(|r| Some(r.kind.as_str())).into(),
            texts(|r| Some(&r.resource_id)).into(),
            texts(|r| r.external_event_id.as_deref()).into(),
            texts(|r| r.webhook_id.as_deref()).into(),
        ],
    )?;
    if made.len() < rows.len() {
        let doubtful = Priority::Doubtful.number();
        HURRY.write(client, &[platforms.into(), texts(|r| Some(&r.path)).into(), doubtful.into()])?;
    }
    Ok(())
}

/// Asks for a resource with that account, not before `due_at` (`None`: now); a job that waits for it already is enough.
pub fn enqueue_at(
    client: &mut SpiClient<'_>,
    platform: Platform,
    account: &str,
    request: &FetchRequest,
    priority: Priority,
    due_at: Option<Micros>,
) -> Result<()> {
    LATER.write(
        client,
        &[
            platform.as_str().into(),
            account.into(),
            request.path.as_str().into(),
            request.kind.as_str().into(),
            request.resource_id.as_str().into(),
            request.external_event_id.as_deref().into(),
            priority.number().into(),
            due_at.and_then(timestamp).into(),
        ],
    )?;
    Ok(())
}

/// The job of a lease, locked; `None` when the lease has gone to somebody else or never was.
pub fn take(client: &mut SpiClient<'_>, lease: i64) -> Result<Option<Job>> {
    let mut table = TAKE.write(client, &[lease.into()])?;
    let Some(row) = table.next() else { return Ok(None) };
    let text = |i: usize| -> Result<String> { Ok(row.get::<String>(i)?.unwrap_or_default()) };
    let time = |i: usize| -> Result<Micros> { Ok(row.get::<TimestampWithTimeZone>(i)?.map_or(0, micros)) };
    let unusable = || Error::Spi("the job is of an unknown platform or kind".to_owned());
    Ok(Some(Job {
        id: row.get(1)?.unwrap_or_default(),
        platform: Platform::from_name(&text(2)?).ok_or_else(unusable)?,
        account: text(3)?,
        path: text(4)?,
        kind: ResourceKind::from_name(&text(5)?).ok_or_else(unusable)?,
        resource_id: row.get(6)?,
        external_event_id: row.get(7)?,
        is_hint: text(8)? == Purpose::Hint.word(),
        run_id: row.get(9)?,
        claimed_at: time(10)?,
        created_at: time(11)?,
        attempts: row.get(12)?.unwrap_or_default(),
        restarts: row.get(13)?.unwrap_or_default(),
        list_total: row.get(14)?,
        refusals: row.get(15)?.unwrap_or_default(),
        doubtful: row.get(16)?.unwrap_or_default(),
        list_pages: row.get(17)?.unwrap_or(1),
        list_limit: row.get(18)?,
    }))
}

/// Ends a job: done, gone or dead.
pub fn end(client: &mut SpiClient<'_>, job: &Job, status: Status, error: Option<&str>) -> Result<()> {
    END.write(client, &[job.id.into(), status.word().into(), error.into()])?;
    Ok(())
}

/// Lets a job wait again, for another try with the state that is given in it.
pub fn reschedule(client: &mut SpiClient<'_>, job: &Job, due_at: Micros, error: Option<&str>) -> Result<()> {
    wait(client, job, due_at, error, false)
}

/// The same for a job that was refused because its credential is; [`resume_refused`] makes it due.
pub fn put_off_refused(client: &mut SpiClient<'_>, job: &Job, due_at: Micros, reason: &str) -> Result<()> {
    wait(client, job, due_at, Some(reason), true)
}

fn wait(client: &mut SpiClient<'_>, job: &Job, due_at: Micros, error: Option<&str>, refused: bool) -> Result<()> {
    AGAIN.write(
        client,
        &[
            job.id.into(),
            job.path.as_str().into(),
            timestamp(due_at).into(),
            job.attempts.into(),
            job.restarts.into(),
            error.into(),
            job.refusals.into(),
            refused.into(),
        ],
    )?;
    Ok(())
}

/// The credential works again: what was put off because it was refused is due now.
pub fn resume_refused(client: &mut SpiClient<'_>, platform: Platform, account: &str) -> Result<()> {
    GO_ON.write(client, &[platform.as_str().into(), account.into()])?;
    Ok(())
}

/// Tells workers that there is something to fetch.
pub fn announce_work(client: &mut SpiClient<'_>) -> Result<()> {
    ANNOUNCE.write(client, &[])?;
    Ok(())
}
