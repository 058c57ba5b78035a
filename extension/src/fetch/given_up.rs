//! What is refused or will never work. Only a refusal of the credential itself stops an account.

use boxoffice_contract::fetch::Outcome as Became;
use boxoffice_core::platform::ResourceKind;
use boxoffice_core::platform::call::Subject;
use boxoffice_core::time::Micros;
use pgrx::spi::SpiClient;

use super::{Outcome, SECOND};
use crate::error::Result;
use crate::store::accounts;
use crate::store::jobs::words::{Priority, Status};
use crate::store::jobs::{self, Job, lists};
use crate::store::runs::words::{Failure, Mode, Reason};
use crate::store::runs::{self, Progress, Remaining};
use crate::sync::{begin, end};

/// How long what was refused waits, so that something else shows whether the credential is good.
const REFUSED: Micros = 600 * SECOND;
/// Longest part of a path that a person is shown, in characters.
const PATH_SHOWN: usize = 200;

/// The platform refuses the credential.
pub(super) fn credential_refused(
    client: &mut SpiClient<'_>,
    mut job: Job,
    reason: &str,
    now: Micros,
) -> Result<Outcome> {
    let asks_for_itself = job.platform.subject(&job.path) == Subject::Resource;
    if asks_for_itself && job.refusals > 0 {
        return doubted(client, job, reason, now);
    }
    if !accounts::stop(client, job.platform, &job.account, reason, job.claimed_at)? {
        job.attempts -= 1;
        jobs::put_off_refused(client, &job, now.saturating_add(REFUSED), reason)?;
        return Ok(Outcome::new(Became::Retry, "the account is stopped already, or has been let go on meanwhile"));
    }
    job.refusals += 1;
    // Others first, when it goes on: what was refused may be the only thing that is.
    jobs::put_off_refused(client, &job, now.saturating_add(REFUSED), reason)?;
    let (platform, account) = (job.platform.as_str(), &job.account);
    let hint = "give the worker a valid one and restart it, or call resume_account()";
    Ok(Outcome::new(
        Became::Stopped,
        format!("{platform} refuses the credential of account {account} ({reason}): {hint}"),
    ))
}

/// The same job has stopped the account before, and somebody has let it go on: it does not stop it again. Something that
/// every good credential may see is asked for first; when the platform refuses that, the account stops.
fn doubted(client: &mut SpiClient<'_>, mut job: Job, reason: &str, now: Micros) -> Result<Outcome> {
    job.refusals += 1;
    if job.refusals > 2 {
        return dead(client, &job, Failure::Refused, &with_path(&job, reason), reason);
    }
    begin::discovery(client, job.platform, &job.account, Reason::Manual, Priority::Examination.number())?;
    jobs::put_off_refused(client, &job, now.saturating_add(REFUSED), reason)?;
    Ok(Outcome::new(Became::Retry, "refused once more; the account's own list shows whether the credential is good"))
}

/// The platform does not let the credential see this resource.
pub(super) fn resource_refused(client: &mut SpiClient<'_>, job: Job, reason: &str, now: Micros) -> Result<Outcome> {
    let said = with_path(&job, reason);
    let is_own_call = match job.platform.subject(&job.path) {
        Subject::Account => true,
        // Of several organizations the others may be seen all the same; when none is, it is the credential.
        Subject::Organization(_) => match job.run_id {
            Some(run) => !lists::has_others(client, &job, run)?,
            None => true,
        },
        Subject::Resource => false,
    };
    if is_own_call {
        return credential_refused(client, job, &said, now);
    }
    let change = accounts::well(client, job.platform, &job.account)?;
    Ok(dead(client, &job, Failure::Refused, &said, reason)?.with(change))
}

/// Gives a job up. `reason` is for those who look at the database, `message` for the log, which is to have no paths.
pub(super) fn dead(
    client: &mut SpiClient<'_>,
    job: &Job,
    failure: Failure,
    reason: &str,
    message: &str,
) -> Result<Outcome> {
    jobs::end(client, job, Status::Dead, Some(reason))?;
    if let Some(run) = job.run_id {
        give_up_list(client, job, run, failure, reason)?;
    }
    Ok(Outcome::new(Became::Dead, format!("{} {}: {message}", job.platform.as_str(), job.kind.as_str())))
}

/// A list cannot be read to its end. A run about one event fails with it; one about the account goes on with its other
/// lists, and fails when those have ended.
pub(super) fn give_up_list(
    client: &mut SpiClient<'_>,
    job: &Job,
    run: i64,
    failure: Failure,
    reason: &str,
) -> Result<()> {
    let Some(about) = runs::read(client, run)?.filter(|about| about.is_running) else { return Ok(()) };
    let is_of_account = about.external_event_id.is_none()
        && matches!(about.mode, Mode::Discovery | Mode::Changes | Mode::Burst)
        && job.kind != ResourceKind::Organizations;
    if !is_of_account {
        return end::fail(client, run, failure, reason);
    }
    let nothing = Progress {
        items: 0,
        expected: None,
        changed: 0,
        new_orders: 0,
        problems: 0,
        kind: job.kind,
        fetched_at: job.claimed_at,
        ends_list: true,
        failed: Some((failure, reason.to_owned())),
        is_read: false,
    };
    match runs::progress(client, run, &nothing)? {
        Some(Remaining { lists: 0, failed }) => {
            let (failure, why) = failed.unwrap_or_else(|| (failure, reason.to_owned()));
            end::fail(client, run, failure, &why)
        }
        Some(_) => lists::begin_next(client, run),
        None => Ok(()),
    }
}

/// Says what was asked for: the path without its query, which may hold a place in a list.
fn with_path(job: &Job, reason: &str) -> String {
    let path: String = job.path.split('?').next().unwrap_or_default().chars().take(PATH_SHOWN).collect();
    format!("{reason} at {path}")
}
