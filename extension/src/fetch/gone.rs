//! A 404: not yet to be seen, or not any more.

use boxoffice_contract::fetch::Outcome as Became;
use boxoffice_core::backoff;
use boxoffice_core::observation::{Fact, Observation, OrderKey};
use boxoffice_core::platform::{ResourceKind, Resources};
use boxoffice_core::time::Micros;
use pgrx::spi::SpiClient;

use super::given_up::dead;
use super::page::log;
use super::{Answered, Outcome, SECOND};
use crate::deliver::apply::{self, Manner};
use crate::deliver::judge::Meaning;
use crate::deliver::resource;
use crate::error::Result;
use crate::store::jobs::words::Status;
use crate::store::jobs::{self, Job};
use crate::store::orders;
use crate::store::runs::words::Failure;

/// How long a resource that a hint has announced may be invisible.
const GRACE: Micros = 300 * SECOND;
/// Latest time at which something is asked again; what is later comes from a clock that was ahead.
pub(super) const LATEST: Micros = 3600 * SECOND;

/// Takes a 404.
pub(super) fn gone(client: &mut SpiClient<'_>, mut job: Job, answered: &Answered<'_>, now: Micros) -> Result<Outcome> {
    // A hint of the future is one of a clock that was ahead: nobody knows how old it is.
    if job.is_hint && (0..GRACE).contains(&job.claimed_at.saturating_sub(job.created_at)) {
        let way = if job.doubtful { backoff::UNHEARD_OF } else { backoff::LAGGING };
        let wait = way.delay(job.attempts, job.id.unsigned_abs());
        jobs::reschedule(client, &job, now.saturating_add(wait), Some("not to be seen yet"))?;
        return Ok(Outcome::new(Became::Retry, "not to be seen yet; replicas may lag by five minutes"));
    }
    if job.kind.is_page() && job.run_id.is_some() {
        let reason = "the platform knows no such list (HTTP 404)";
        return dead(client, &job, Failure::NotFound, reason, reason);
    }
    let again = match subject(client, &job)? {
        // Of what nobody has ever heard of, here or there, nothing is remembered: ids can be made up.
        Some((key, _)) if job.doubtful && orders::state(client, &key)?.is_none() => None,
        Some((key, attendee_id)) => {
            let observation = Observation {
                key: key.clone(),
                fact: Fact::Gone { attendee_id: attendee_id.clone(), fetched_at: job.claimed_at },
            };
            let mut task = resource::understood(job.platform, job.kind, Resources::default());
            task.order_id = Some(key.order_id.clone());
            task.meaning = Meaning::Apply(vec![observation]);
            let applied = apply::apply_so(client, &[&task], Manner::Trusting);
            if let Some(verdict) = applied.verdicts.first() {
                log(client, &job, &task, answered, verdict)?;
            }
            orders::state(client, &key)?.and_then(|state| state.ask_again_at(attendee_id.as_deref()))
        }
        None => None,
    };
    if let Some(at) = again {
        job.attempts = 0;
        jobs::reschedule(client, &job, at.min(now.saturating_add(LATEST)), Some("not found, but seen shortly before"))?;
        return Ok(Outcome::new(Became::Retry, "not found, but seen shortly before; asked again before it counts"));
    }
    jobs::end(client, &job, Status::Gone, None)?;
    Ok(Outcome::new(Became::Gone, "the platform has no such resource"))
}

/// The order, or the attendee of an order, that a job is about; `None` when it is about neither or not known here.
fn subject(client: &SpiClient<'_>, job: &Job) -> Result<Option<(OrderKey, Option<String>)>> {
    let Some(id) = &job.resource_id else { return Ok(None) };
    let key = |order_id: String| OrderKey { platform: job.platform, order_id };
    Ok(match job.kind {
        ResourceKind::Order => Some((key(id.clone()), None)),
        ResourceKind::Ticket | ResourceKind::Attendee => {
            let Some(event) = &job.external_event_id else { return Ok(None) };
            orders::order_of_attendee(client, job.platform, id, event)?.map(|order| (key(order), Some(id.clone())))
        }
        _ => None,
    })
}
