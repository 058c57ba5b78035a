//! Runs and jobs that stand still, are old, or are nobody's any more.

use boxoffice_core::backoff;
use boxoffice_core::time::Micros;
use pgrx::Spi;
use pgrx::spi::SpiClient;

use super::end;
use crate::error::Result;
use crate::server;
use crate::store::runs::upkeep::{self as runs, Stalled};
use crate::store::runs::words::Failure;
use crate::store::{account_lists, deliveries, freshness, jobs::upkeep as jobs, now, reports};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// Gives up fetches whose leases have run out too often: whatever their answer does to whoever takes it, it is not to be
/// repeated forever. Says how many.
pub fn end_lost_fetches() -> Result<i32> {
    Spi::connect_mut(|client| {
        server::require_writable()?;
        let lost = jobs::end_lost(client)?;
        for (run, why) in &lost {
            if let Some(run) = run {
                end::fail(client, *run, Failure::Unreadable, why)?;
            }
        }
        Ok(count(lost.len()))
    })
}

/// Ends synchronisations that have stood still, so that the reason is shown and the next one can begin. Says how many.
pub fn end_stalled_runs() -> Result<i32> {
    Spi::connect_mut(|client| {
        server::require_writable()?;
        let mut ended = 0;
        for run in runs::stalled(client)? {
            if let Some((failure, why)) = given_up(&run) {
                end::fail_innocently(client, run.id, failure, &why)?;
                ended += 1;
            }
        }
        Ok(ended)
    })
}

/// Why a run that has stood still is ended; `None` when it is worth waiting for.
fn given_up(run: &Stalled) -> Option<(Failure, String)> {
    if !run.is_held {
        return Some((Failure::NoCredential, format!("no worker holds the credential {}", run.credential)));
    }
    if !run.is_alive {
        return Some((Failure::Stalled, "none of its calls is left".to_owned()));
    }
    // One that has read something is worth waiting for; one that waits for its turn is not standing still.
    let patience = if run.pages == 0 { HOUR } else { 6 * HOUR };
    if run.still < patience || (run.is_active && run.failures < backoff::IN_TROUBLE) {
        return None;
    }
    let why = match &run.stopped {
        Some(reason) => format!("the account is stopped ({reason})"),
        None => format!(
            "no answer of the platform for {} minutes ({})",
            run.still / MINUTE,
            run.last_error.as_deref().unwrap_or("the account pauses")
        ),
    };
    Some((Failure::Stalled, why))
}

/// Ends a run by hand. `is_its_own`: the reason is one of its event.
pub fn fail_run(run: i64, why: &str, is_its_own: bool) -> Result<()> {
    Spi::connect_mut(|client| {
        server::require_writable()?;
        if is_its_own {
            end::fail(client, run, Failure::Ended, why)
        } else {
            end::fail_innocently(client, run, Failure::Ended, why)
        }
    })
}

/// Deletes what is finished and old; says how many jobs.
pub fn purge() -> Result<i32> {
    Spi::connect_mut(|client| {
        server::require_writable()?;
        let removed = jobs::purge(client)?;
        runs::purge(client)?;
        reports::purge(client)?;
        Ok(count(removed))
    })
}

/// Lets fetches that were given up begin anew, of one platform or of all; says how many.
pub fn retry_dead(platform: Option<&str>) -> Result<i32> {
    let platform = platform.map(crate::deliver::ingest::known).transpose()?;
    Spi::connect_mut(|client| {
        server::require_writable()?;
        let revived = jobs::revive(client, platform.map(|platform| platform.as_str()))?;
        crate::store::jobs::announce_work(client)?;
        Ok(count(revived))
    })
}

/// Puts right what a clock that was ahead has left behind, by so many microseconds if that is known. Says how many rows.
pub fn mend_times(ahead: Option<Micros>) -> Result<i32> {
    Spi::connect_mut(|client| {
        server::require_writable()?;
        mend(client, ahead).map(count)
    })
}

/// The same with a client that is there.
pub fn mend(client: &mut SpiClient<'_>, ahead: Option<Micros>) -> Result<usize> {
    let now = now();
    let mut mended = jobs::mend(client, now, ahead)? + account_lists::mend(client, now, ahead)?;
    if let Some(ahead) = ahead {
        mended += freshness::mend(client, now, ahead)?;
    }
    Ok(mended + deliveries::mend(client, now)?)
}

/// Remembers that a worker holds these accounts; once a minute, not with each claim. `now` is passed on, so that what is
/// announced now is not announced again at once.
pub fn stay_announced(client: &mut SpiClient<'_>, accounts: Option<&[Option<String>]>, now: Micros) -> Result<()> {
    let Some(latest) = account_lists::unannounced(client, accounts, now)? else { return Ok(()) };
    if let Some(ahead) = latest.map(|latest| latest - now).filter(|ahead| *ahead > MINUTE * 1_000_000) {
        mend(client, Some(ahead))?;
    }
    account_lists::announce(client, accounts, now)
}

/// Gives fetches that were asked for before anybody had a credential to an account that somebody has.
pub fn rehome() -> Result<()> {
    Spi::connect_mut(|client| {
        server::require_writable()?;
        jobs::rehome(client)
    })
}

/// Ends what an account that is removed was to fetch.
pub fn forget_account(platform: &str, account: &str) -> Result<()> {
    Spi::connect_mut(|client| {
        server::require_writable()?;
        for run in runs::open_of_account(client, platform, account)? {
            end::fail(client, run, Failure::NoCredential, "the account was removed")?;
        }
        jobs::forget_account(client, platform, account)
    })
}

/// Takes back runs that have not ended, with all their calls; says which.
pub fn withdraw(wanted: &[i64]) -> Result<Vec<i64>> {
    Spi::connect_mut(|client| {
        server::require_writable()?;
        let withdrawn = runs::withdraw(client, wanted)?;
        jobs::withdraw(client, &withdrawn)?;
        Ok(withdrawn)
    })
}

fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
