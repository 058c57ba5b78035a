//! Trouble that may pass, and too many calls.

use boxoffice_contract::fetch::Outcome as Became;
use boxoffice_core::backoff;
use boxoffice_core::time::Micros;
use pgrx::spi::SpiClient;

use super::given_up::dead;
use super::{Outcome, SECOND};
use crate::error::Result;
use crate::store::accounts::{self, Trouble};
use crate::store::jobs::{self, Job};
use crate::store::runs::words::Failure;

/// Takes a 429.
pub(super) fn limited(client: &mut SpiClient<'_>, mut job: Job, wait: Option<Micros>, now: Micros) -> Result<Outcome> {
    let seed = job.id.unsigned_abs();
    let pause = wait.unwrap_or_else(|| backoff::LIMIT.delay(job.attempts.min(6), seed));
    let pause = pause.max(SECOND);
    let reason = "HTTP 429: too many calls";
    let met = Trouble { reason, wait: Some(pause), counts: false };
    let (_, change) = accounts::trouble(client, job.platform, &job.account, &met, seed)?;
    // Who says "at once" again and again is not to be believed for ever.
    if wait.is_some_and(|wait| wait >= 5 * SECOND) {
        job.attempts -= 1;
    }
    jobs::reschedule(client, &job, now, Some(reason))?;
    Ok(Outcome::new(Became::Retry, format!("too many calls; the account pauses for {} s", pause / SECOND)).with(change))
}

/// Takes what may pass. `everywhere`: it says something about the platform rather than about this resource.
pub(super) fn trouble(
    client: &mut SpiClient<'_>,
    mut job: Job,
    reason: &str,
    everywhere: bool,
    wait: Option<Micros>,
    now: Micros,
) -> Result<Outcome> {
    let seed = job.id.unsigned_abs();
    let delay = backoff::FETCH.delay(job.attempts, seed);
    let spent = backoff::FETCH.is_spent(job.attempts);
    let met = Trouble { reason, wait, counts: wait.is_none() || everywhere };
    let (in_trouble, change) = accounts::trouble(client, job.platform, &job.account, &met, seed)?;
    // Not this job's fault: when the platform is back, it is tried at once.
    let forgiven = everywhere && (in_trouble || wait.is_some());
    if spent && !forgiven {
        return Ok(dead(client, &job, Failure::Unreadable, reason, reason)?.with(change));
    }
    if forgiven {
        job.attempts -= 1;
        jobs::reschedule(client, &job, now, Some(reason))?;
    } else {
        jobs::reschedule(client, &job, now.saturating_add(delay), Some(reason))?;
    }
    Ok(Outcome::new(Became::Retry, reason).with(change))
}
