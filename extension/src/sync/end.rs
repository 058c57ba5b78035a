//! How synchronisations end, and what that says about their event or account.

use pgrx::spi::SpiClient;

use crate::error::Result;
use crate::store::freshness::Reading;
use crate::store::jobs::{hints, lists};
use crate::store::runs::Run;
use crate::store::runs::words::{Failure, Mode};
use crate::store::{account_lists, freshness, now, runs};

/// Ends a synchronisation that has read everything.
pub fn close(client: &mut SpiClient<'_>, run: i64) -> Result<()> {
    let Some(run) = runs::close(client, run)? else { return Ok(()) };
    // It has ended by now, whatever clock it began by.
    let now = now();
    let started_at = run.started_at.min(now);
    let platform = run.platform.as_str();
    match (run.mode, &run.external_event_id) {
        (Mode::Burst, _) => settle(client, &run)?,
        (Mode::Discovery, _) => account_lists::listed(client, platform, &run.account, started_at)?,
        (_, None) => freshness::synced_together(client, platform, &run.account, started_at, run.since)?,
        (_, Some(_)) if run.dry_run => {}
        (mode, Some(event)) => {
            let tickets_from = run.tickets_from.map(|from| from.min(now));
            let reading = Reading { started_at, changes_only: mode == Mode::Changes, tickets_from };
            freshness::synced(client, platform, event, &reading)?;
        }
    }
    runs::forget_shown(client, run.id)
}

/// Ends a synchronisation that cannot go on, for a reason of its own, such as a refusal. What it has read stays; the next one
/// starts where the last successful one did, and each failure in a row lets it wait longer.
pub fn fail(client: &mut SpiClient<'_>, run: i64, failure: Failure, why: &str) -> Result<()> {
    fail_for(client, run, failure, why, true)
}

/// The same for a reason that is not one of its event.
pub fn fail_innocently(client: &mut SpiClient<'_>, run: i64, failure: Failure, why: &str) -> Result<()> {
    fail_for(client, run, failure, why, false)
}

fn fail_for(client: &mut SpiClient<'_>, run: i64, failure: Failure, why: &str, is_its_own: bool) -> Result<()> {
    let Some(run) = runs::fail(client, run, failure, why)? else { return Ok(()) };
    lists::give_up(client, run.id)?;
    let platform = run.platform.as_str();
    match (run.mode, &run.external_event_id) {
        (_, Some(event)) => freshness::failed(client, platform, event, why, is_its_own && !run.dry_run)?,
        (Mode::Discovery, None) => {
            // What could be listed was.
            let listed = lists::any_read(client, run.id)?.then(|| run.started_at.min(now()));
            account_lists::not_listed(client, platform, &run.account, why, listed)?;
        }
        (_, None) => account_lists::failed(client, platform, &run.account, why)?,
    }
    if run.mode == Mode::Burst {
        settle(client, &run)?;
        account_lists::avoid_bursts(client, platform, &run.account)?;
    }
    runs::forget_shown(client, run.id)
}

/// Hints that have waited for the lists of a run do so no more.
fn settle(client: &mut SpiClient<'_>, run: &Run) -> Result<()> {
    let platform = run.platform.as_str();
    let few = account_lists::burst_threshold(client, platform, &run.account)?;
    hints::settle(client, platform, &run.account, run.id, few)
}
