//! What has to be fetched: `fetch_jobs`.

use std::collections::BTreeSet;

use boxoffice_core::platform::{FetchRequest, Platform};
use pgrx::pg_sys::BuiltinOid::TEXTARRAYOID;
use pgrx::spi::SpiClient;

use super::plan::Plan;
use crate::error::Result;

// Many hints, one job: a resource that is already waited for needs no second job.
static ENQUEUE: Plan = Plan {
    sql: "INSERT INTO boxoffice.fetch_jobs (platform, path, kind, resource_id, external_event_id)
          SELECT unnest($1), unnest($2), unnest($3), unnest($4), unnest($5)
          ON CONFLICT (platform, account, path) WHERE status = 'waiting' DO NOTHING",
    types: &[TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID],
};

/// Asks for these resources, in key order.
pub fn enqueue(client: &mut SpiClient<'_>, requests: &[(Platform, &FetchRequest)]) -> Result<()> {
    let rows: BTreeSet<(&str, &FetchRequest)> = requests.iter().map(|(p, request)| (p.as_str(), *request)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let texts = |pick: fn(&FetchRequest) -> Option<&str>| rows.iter().map(|(_, r)| pick(r)).collect::<Vec<_>>();
    ENQUEUE.write(
        client,
        &[
            rows.iter().map(|(platform, _)| *platform).collect::<Vec<_>>().into(),
            texts(|r| Some(&r.path)).into(),
            texts(|r| Some(r.kind.as_str())).into(),
            texts(|r| Some(&r.resource_id)).into(),
            texts(|r| r.external_event_id.as_deref()).into(),
        ],
    )?;
    Ok(())
}
