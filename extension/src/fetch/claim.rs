//! Handing out what is due: whose turn it is, within the limits and the shares of an account.

use pgrx::Spi;
use pgrx::spi::SpiClient;

use super::burst;
use super::shares::Shares;
use crate::error::{Error, Result};
use crate::server;
use crate::store::jobs::claim::{self, Account, Terms};
use crate::store::jobs::words::Priority;
use crate::store::{jobs, now, runs};
use crate::sync::{finish, upkeep};

/// Orders of ended synchronisations that an idle claim deals with.
const FINISHED_BESIDE: i32 = 2000;

/// A call that was handed out.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Number of the lease.
    pub lease: i64,
    /// Whom to ask.
    pub platform: String,
    /// With which credential.
    pub account: String,
    /// What for.
    pub path: String,
}

/// Hands out at most so many jobs to a worker that holds these accounts (`platform/name`; `None`: all).
pub fn claim(max_jobs: Option<i32>, accounts: Option<&[Option<String>]>) -> Result<Vec<Claimed>> {
    let max_jobs = max_jobs.filter(|most| *most >= 1).ok_or_else(|| Error::invalid("max_jobs must be at least 1"))?;
    Spi::connect_mut(|client| {
        server::require_writable()?;
        let before = now();
        upkeep::stay_announced(client, accounts, before)?;
        let mut claimed = Vec::new();
        // An idle worker takes neither a lock nor a transaction id.
        if claim::has_due(client, accounts, before)? {
            for account in claim::lock_due(client, accounts, before)? {
                let left = max_jobs.saturating_sub(i32::try_from(claimed.len()).unwrap_or(i32::MAX));
                if left < 1 {
                    break;
                }
                of_account(client, &account, left, &mut claimed)?;
            }
        }
        if claimed.is_empty() && runs::upkeep::any_finishing(client)? {
            finish_beside(client)?;
        }
        Ok(claimed)
    })
}

/// A worker with nothing to fetch has time for what is left of synchronisations.
fn finish_beside(client: &mut SpiClient<'_>) -> Result<()> {
    if let Err(error) = server::attempt(|| finish::finish(client, FINISHED_BESIDE)) {
        let code = crate::error::sqlstate(error.code());
        pgrx::warning!("boxoffice: finishing synchronisations failed: {} ({code})", error.message());
    }
    if runs::upkeep::any_finishing(client)? {
        jobs::announce_work(client)?;
    }
    Ok(())
}

fn of_account(client: &mut SpiClient<'_>, account: &Account, left: i32, claimed: &mut Vec<Claimed>) -> Result<()> {
    let mut moment = now();
    let calls = claim::calls(client, account, moment)?;
    let mut shares = Shares::new(account.calls_per_hour, &calls);
    let at_once = if account.one_at_a_time { 1 } else { i64::from(account.max_in_flight) };
    let mut room = shares.left().min(at_once - calls.in_flight).min(i64::from(left));
    if room < 1 {
        return Ok(());
    }
    let hints_wait = burst::hints_wait(client, account, &shares, &mut moment)?;
    for priority in claim::due_priorities(client, account, moment)? {
        let most = shares.most(priority, room);
        if most < 1 {
            continue;
        }
        let terms = Terms {
            priority,
            most: i32::try_from(most).unwrap_or(i32::MAX),
            hints_wait,
            doubtful_too: priority != Priority::Hint || shares.has_room_for_doubtful(),
        };
        let leased = claim::lease(client, account, &terms, moment)?;
        let doubtful = leased.iter().filter(|job| job.doubtful).count();
        shares.spend(priority, leased.len(), doubtful);
        room -= i64::try_from(leased.len()).unwrap_or(i64::MAX);
        claimed.extend(leased.into_iter().map(|job| Claimed {
            lease: job.lease,
            platform: account.platform.clone(),
            account: account.name.clone(),
            path: job.path,
        }));
        if room < 1 {
            break;
        }
    }
    match shares.spent() {
        Some(spent) => claim::count(client, account, moment, spent),
        None => Ok(()),
    }
}
