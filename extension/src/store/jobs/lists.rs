//! Jobs that are pages of a run's lists.

use boxoffice_core::platform::call::Listing;
use pgrx::pg_sys::BuiltinOid::{BOOLOID, INT2OID, INT4OID, INT8OID, TEXTARRAYOID, TEXTOID};
use pgrx::spi::SpiClient;

use super::Job;
use super::words::Priority;
use crate::error::Result;
use crate::store::plan::Plan;

static PAGE: Plan = Plan {
    sql: include_str!("../sql/jobs_add_page.sql"),
    types: &[INT8OID, TEXTOID, INT4OID, INT8OID, INT4OID, INT4OID, INT2OID, INT2OID],
};
static ADD: Plan =
    Plan { sql: include_str!("../sql/jobs_add_lists.sql"), types: &[INT8OID, TEXTARRAYOID, TEXTARRAYOID, BOOLOID] };
static OTHERS: Plan = Plan {
    sql: "SELECT 1 FROM boxoffice.fetch_jobs WHERE run_id = $1 AND kind = 'events' AND status <> 'dead' AND id <> $2 LIMIT 1",
    types: &[INT8OID, INT8OID],
};
static NEXT: Plan = Plan {
    sql: "UPDATE boxoffice.fetch_jobs SET due_at = clock_timestamp()
          WHERE id = (SELECT min(id) FROM boxoffice.fetch_jobs WHERE run_id = $1 AND status = 'waiting' AND due_at = 'infinity')",
    types: &[INT8OID],
};
static HURRY: Plan = Plan {
    sql:
        "UPDATE boxoffice.fetch_jobs j SET due_at = LEAST(j.due_at, clock_timestamp()), priority = LEAST(j.priority, $2)
          WHERE j.run_id = $1 AND j.status = 'waiting' AND j.due_at < 'infinity'",
    types: &[INT8OID, INT2OID],
};
static RAISE: Plan = Plan {
    sql: "UPDATE boxoffice.fetch_jobs j SET priority = $2 WHERE j.run_id = $1 AND j.status = 'waiting' AND j.priority > $2",
    types: &[INT8OID, INT2OID],
};
static GIVE_UP: Plan = Plan {
    sql: "UPDATE boxoffice.fetch_jobs j SET status = 'dead', last_error = 'its synchronisation has failed', finished_at = clock_timestamp()
          WHERE j.run_id = $1 AND j.status = 'waiting' AND j.purpose = 'page'",
    types: &[INT8OID],
};
static ANY_READ: Plan = Plan {
    sql: "SELECT 1 FROM boxoffice.fetch_jobs j WHERE j.run_id = $1 AND j.kind = 'events' AND j.status = 'done' LIMIT 1",
    types: &[INT8OID],
};

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
    let arguments = [
        job.id.into(),
        path.as_str().into(),
        (*restarts).into(),
        total.into(),
        (*number).into(),
        limit.into(),
        // What an examination goes on with is no more urgent than a list.
        Priority::Hint.number().into(),
        Priority::List.number().into(),
    ];
    PAGE.write(client, &arguments)?;
    Ok(())
}

/// Adds the first pages of lists to a run; says how many. `in_turn`: each begins when the one before has ended.
pub fn add(client: &mut SpiClient<'_>, run: i64, lists: &[Listing], in_turn: bool) -> Result<usize> {
    let paths: Vec<&str> = lists.iter().map(|list| list.path.as_str()).collect();
    let kinds: Vec<&str> = lists.iter().map(|list| list.kind.as_str()).collect();
    Ok(ADD.write(client, &[run.into(), paths.into(), kinds.into(), in_turn.into()])?.len())
}

/// Whether another list of events of the run was read, or is still to be read.
pub fn has_others(client: &SpiClient<'_>, job: &Job, run: i64) -> Result<bool> {
    Ok(!OTHERS.read(client, &[run.into(), job.id.into()])?.is_empty())
}

/// Whether any list of events of the run was read.
pub fn any_read(client: &mut SpiClient<'_>, run: i64) -> Result<bool> {
    Ok(!ANY_READ.write(client, &[run.into()])?.is_empty())
}

/// Begins the list of a run that waits for the one before to end.
pub fn begin_next(client: &mut SpiClient<'_>, run: i64) -> Result<()> {
    NEXT.write(client, &[run.into()])?;
    Ok(())
}

/// Makes the waiting pages of a run due now, with at least that priority: they may have been put off.
pub fn hurry(client: &mut SpiClient<'_>, run: i64, priority: i16) -> Result<()> {
    HURRY.write(client, &[run.into(), priority.into()])?;
    Ok(())
}

/// Gives the waiting pages of a run at least that priority.
pub fn raise(client: &mut SpiClient<'_>, run: i64, priority: i16) -> Result<()> {
    RAISE.write(client, &[run.into(), priority.into()])?;
    Ok(())
}

/// Gives up the waiting pages of a run that has failed.
pub fn give_up(client: &mut SpiClient<'_>, run: i64) -> Result<()> {
    GIVE_UP.write(client, &[run.into()])?;
    Ok(())
}
