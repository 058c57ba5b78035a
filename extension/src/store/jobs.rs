//! What has to be fetched: `fetch_jobs`.

use std::collections::BTreeSet;

use boxoffice_core::platform::{FetchRequest, Platform, ResourceKind};
use boxoffice_core::time::Micros;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::BuiltinOid::{INT2OID, INT4OID, INT8OID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID};
use pgrx::spi::SpiClient;

use super::plan::Plan;
use super::{micros, timestamp};
use crate::error::{Error, Result};

// Many hints, one job: a resource that is already waited for needs no second job. Whose account it is: of the registration
// that sent the hint, of the event, the default one, the first.
static HINT: Plan = Plan {
    sql: "INSERT INTO boxoffice.fetch_jobs (platform, account, path, kind, resource_id, external_event_id, created_at, due_at)
          SELECT k.platform, COALESCE(
                  (SELECT a.name FROM boxoffice.platform_accounts a
                   WHERE a.platform = k.platform AND k.webhook_id = ANY (a.webhook_ids) ORDER BY a.name LIMIT 1),
                  (SELECT p.account FROM boxoffice.ticket_platforms p
                   WHERE p.platform = k.platform AND p.external_event_id = k.event_id),
                  (SELECT a.name FROM boxoffice.platform_accounts a WHERE a.platform = k.platform
                   ORDER BY a.announced_at IS NULL, a.name <> 'default', a.name LIMIT 1),
                  'default'),
              k.path, k.kind, k.resource_id, k.event_id, clock_timestamp(), clock_timestamp()
          FROM (SELECT unnest($1) AS platform, unnest($2) AS path, unnest($3) AS kind, unnest($4) AS resource_id,
                       unnest($5) AS event_id, unnest($6) AS webhook_id) k
          ON CONFLICT (platform, account, path) WHERE status = 'waiting' AND run_id IS NULL DO NOTHING RETURNING 1",
    types: &[TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID],
};

// A second look that waits for its time, or a try that waits after trouble, is no reason to let a fresh hint wait. What nobody
// has heard of and no list has shown is not more urgent for being said again.
static HURRY: Plan = Plan {
    sql:
        "UPDATE boxoffice.fetch_jobs u SET due_at = clock_timestamp(), created_at = clock_timestamp(), purpose = 'hint',
              priority = CASE WHEN u.priority = 6 THEN 6 ELSE 0 END
          FROM (SELECT j.id FROM (SELECT unnest($1) AS platform, unnest($2) AS path) k
                JOIN boxoffice.fetch_jobs j ON j.platform = k.platform AND j.path = k.path
                WHERE j.status = 'waiting' AND j.run_id IS NULL AND j.due_at > clock_timestamp()
                ORDER BY j.platform, j.path, j.account FOR UPDATE OF j) d
          WHERE u.id = d.id",
    types: &[TEXTARRAYOID, TEXTARRAYOID],
};

static LATER: Plan = Plan {
    sql: "INSERT INTO boxoffice.fetch_jobs AS j (platform, account, path, kind, resource_id, external_event_id, purpose, priority, due_at)
          VALUES ($1, $2, $3, $4, $5, $6, 'again', $7, COALESCE($8, clock_timestamp()))
          ON CONFLICT (platform, account, path) WHERE status = 'waiting' AND run_id IS NULL
          DO UPDATE SET due_at = LEAST(j.due_at, excluded.due_at) WHERE excluded.due_at < j.due_at",
    types: &[TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT2OID, TIMESTAMPTZOID],
};

static PAGE: Plan = Plan {
    sql: "INSERT INTO boxoffice.fetch_jobs (platform, account, path, kind, external_event_id, purpose, priority, run_id, restarts,
              list_pages, list_limit, list_total, due_at, created_at)
          SELECT platform, account, $2, kind, external_event_id, 'page', CASE WHEN priority < 0 THEN 1 ELSE priority END, run_id, $3,
                 $5, $6, $4, clock_timestamp(), clock_timestamp()
          FROM boxoffice.fetch_jobs WHERE id = $1
          ON CONFLICT (platform, account, path) WHERE status = 'waiting' AND run_id IS NULL DO NOTHING",
    types: &[INT8OID, TEXTOID, INT4OID, INT8OID, INT4OID, INT4OID],
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

// As a new row, because a hint may have made another waiting one in the meantime, which then goes on for both.
static AGAIN: Plan = Plan {
    sql: "WITH old AS (DELETE FROM boxoffice.fetch_jobs WHERE id = $1 RETURNING *)
          INSERT INTO boxoffice.fetch_jobs AS j (platform, account, path, kind, resource_id, external_event_id, purpose, priority, run_id,
              due_at, attempts, restarts, list_total, last_error, created_at, refusals, doubtful, list_pages, list_limit)
          SELECT platform, account, $2, kind, resource_id, external_event_id, purpose, priority, run_id,
              $3, $4, $5, list_total, $6, created_at, $7, doubtful, list_pages, list_limit FROM old
          ON CONFLICT (platform, account, path) WHERE status = 'waiting' AND run_id IS NULL
          DO UPDATE SET due_at = LEAST(j.due_at, excluded.due_at), priority = LEAST(j.priority, excluded.priority),
              purpose = CASE WHEN 'hint' IN (j.purpose, excluded.purpose) THEN 'hint' ELSE j.purpose END",
    types: &[INT8OID, TEXTOID, TIMESTAMPTZOID, INT4OID, INT4OID, TEXTOID, INT4OID],
};

static OTHER_LISTS: Plan = Plan {
    sql: "SELECT 1 FROM boxoffice.fetch_jobs WHERE run_id = $1 AND kind = 'events' AND status <> 'dead' AND id <> $2 LIMIT 1",
    types: &[INT8OID, INT8OID],
};

static NEXT_LIST: Plan = Plan {
    sql: "UPDATE boxoffice.fetch_jobs SET due_at = clock_timestamp()
          WHERE id = (SELECT min(id) FROM boxoffice.fetch_jobs WHERE run_id = $1 AND status = 'waiting' AND due_at = 'infinity')",
    types: &[INT8OID],
};

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
        HURRY.write(client, &[platforms.into(), texts(|r| Some(&r.path)).into()])?;
    }
    Ok(())
}

/// Asks for a resource with that account, not before `due_at` (`None`: now); a job that waits for it already is enough.
pub fn look(
    client: &mut SpiClient<'_>,
    platform: Platform,
    account: &str,
    request: &FetchRequest,
    priority: i16,
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
            priority.into(),
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
        is_hint: text(8)? == "hint",
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

/// Ends a job: `done`, `gone` or `dead`.
pub fn end(client: &mut SpiClient<'_>, job: &Job, status: &str, error: Option<&str>) -> Result<()> {
    END.write(client, &[job.id.into(), status.into(), error.into()])?;
    Ok(())
}

/// Lets a job wait again, for another try with the state that is given in it.
pub fn again(client: &mut SpiClient<'_>, job: &Job, due_at: Micros, error: Option<&str>) -> Result<()> {
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
        ],
    )?;
    Ok(())
}

/// Another page of a list.
#[derive(Debug, Clone)]
pub struct NextPage {
    /// Its path.
    pub path: String,
    /// How often the list began anew.
    pub restarts: i32,
    /// Its number, from 1.
    pub number: i32,
}

/// Adds another page of the same list. `total`: items of the list; `limit`: most pages that it may have.
pub fn add_page(
    client: &mut SpiClient<'_>,
    job: &Job,
    next: &NextPage,
    total: Option<i64>,
    limit: Option<i32>,
) -> Result<()> {
    let NextPage { path, restarts, number } = next;
    let arguments =
        [job.id.into(), path.as_str().into(), (*restarts).into(), total.into(), (*number).into(), limit.into()];
    PAGE.write(client, &arguments)?;
    Ok(())
}

/// Whether another list of events of the run was read, or is still to be read.
pub fn has_other_lists(client: &SpiClient<'_>, job: &Job, run: i64) -> Result<bool> {
    Ok(!OTHER_LISTS.read(client, &[run.into(), job.id.into()])?.is_empty())
}

/// Begins the list of a run that waits for the one before to end.
pub fn begin_next_list(client: &mut SpiClient<'_>, run: i64) -> Result<()> {
    NEXT_LIST.write(client, &[run.into()])?;
    Ok(())
}
