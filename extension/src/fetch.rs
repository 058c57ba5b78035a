//! Answers to the calls that were handed out: merged, followed by the next page, tried again, or given up.

mod page;

use boxoffice_core::backoff;
use boxoffice_core::headers::Headers;
use boxoffice_core::observation::{Fact, Observation, OrderKey};
use boxoffice_core::platform::call::Answer;
use boxoffice_core::platform::{ResourceKind, Resources};
use boxoffice_core::time::Micros;
use pgrx::Spi;
use pgrx::spi::SpiClient;

use crate::apply::{self, Manner};
use crate::delivery::Meaning;
use crate::error::{Error, Result};
use crate::store::jobs::{self, Job};
use crate::store::{accounts, now, orders, runs};
use crate::{ingest, resource, server};
use page::{good, log};

const SECOND: Micros = 1_000_000;
/// How long a resource that a hint has announced may be invisible.
const GRACE: Micros = 300 * SECOND;
/// How long what was refused waits, so that something else shows whether the credential is good.
const REFUSED: Micros = 600 * SECOND;
/// How often a list may begin anew because its place was lost.
const RESTARTS: i32 = 5;
/// How often because it has become shorter, which may have hidden something.
const SHORTER: i32 = 2;
/// Priorities of jobs; see the comment of the column.
pub const PRIORITY_SECOND_LOOK: i16 = 5;
/// Of orders that a complete listing did not show.
pub const PRIORITY_MISSING: i16 = 4;

/// An answer as the worker hands it over.
pub struct Answered<'a> {
    /// HTTP status; `None` when there was no answer.
    pub status: Option<u16>,
    /// Its headers, or `:error`.
    pub headers: &'a Headers,
    /// Its body.
    pub body: &'a [u8],
}

/// What became of the job, in a word and in words.
type Outcome = (&'static str, String);

/// Takes the answer to a lease.
pub fn complete(lease: i64, answered: &Answered<'_>) -> Result<Outcome> {
    Spi::connect_mut(|client| {
        server::require_writable()?;
        server::lock_links();
        let Some(mut job) = jobs::take(client, lease)? else {
            return Ok(("lost", "the lease has run out and the job is somebody else's, or done".to_owned()));
        };
        let now = now();
        match judge(&job, answered, now) {
            Judged::Released => {
                job.attempts -= 1;
                jobs::again(client, &job, now, None)?;
                Ok(("released", "the job waits for another worker".to_owned()))
            }
            Judged::Answer(Answer::Good) => good(client, job, answered, now),
            Judged::Answer(Answer::Gone) => {
                accounts::well(client, job.platform, &job.account)?;
                gone(client, job, answered, now)
            }
            Judged::Answer(Answer::Limited { wait }) => limited(client, job, wait, now),
            Judged::Answer(Answer::Credential(reason)) => refused(client, job, &reason, now),
            Judged::Answer(Answer::Plainer) => match job.platform.plainer(&job.path) {
                Some(path) => {
                    job.path = path;
                    job.attempts -= 1;
                    jobs::again(client, &job, now, Some("an expansion failed"))?;
                    Ok(("retry", "an expansion failed; asked again with fewer".to_owned()))
                }
                None => trouble(client, job, "an expansion failed where none was asked for", false, None, now),
            },
            Judged::Answer(Answer::Restart) => restart(client, job, now),
            Judged::Answer(Answer::Trouble { reason, everywhere, wait }) => {
                trouble(client, job, &reason, everywhere, wait, now)
            }
            Judged::Answer(Answer::Never(reason)) => dead(client, &job, &reason),
        }
    })
}

enum Judged {
    Answer(Answer),
    Released,
}

fn judge(job: &Job, answered: &Answered<'_>, now: Micros) -> Judged {
    if let Some(status) = answered.status {
        return Judged::Answer(job.platform.judge(status, answered.headers, answered.body, now));
    }
    let word = answered.headers.get(":error").unwrap_or("no answer");
    let trouble = |everywhere| Answer::Trouble { reason: format!("no answer: {word}"), everywhere, wait: None };
    Judged::Answer(match word {
        "stopping" => return Judged::Released,
        "too_large" => {
            Answer::Never("the answer is larger than the worker takes (BOXOFFICE_FETCH_MAX_BYTES)".to_owned())
        }
        "path" => Answer::Never("the worker refuses the path".to_owned()),
        // A body that breaks off may be this resource's own trouble.
        "broken" => trouble(false),
        _ => trouble(true),
    })
}

fn gone(client: &mut SpiClient<'_>, mut job: Job, answered: &Answered<'_>, now: Micros) -> Result<Outcome> {
    if job.is_hint && job.claimed_at < job.created_at.saturating_add(GRACE) {
        let wait = backoff::LAGGING.delay(job.attempts, job.id.unsigned_abs());
        jobs::again(client, &job, now.saturating_add(wait), Some("not to be seen yet"))?;
        return Ok(("retry", "not to be seen yet; replicas may lag by five minutes".to_owned()));
    }
    if job.kind.is_page() {
        let reason = "the platform knows no such list (HTTP 404)";
        return dead(client, &job, reason);
    }
    let again = match subject(client, &job)? {
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
        jobs::again(client, &job, at, Some("not found, but seen shortly before"))?;
        return Ok(("retry", "not found, but seen shortly before; asked again before it counts".to_owned()));
    }
    jobs::end(client, &job, "gone", None)?;
    Ok(("gone", "the platform has no such resource".to_owned()))
}

/// The order, or the attendee of an order, that a job is about; `None` when it is about neither or not known here.
fn subject(client: &SpiClient<'_>, job: &Job) -> Result<Option<(OrderKey, Option<String>)>> {
    let Some(id) = &job.resource_id else { return Ok(None) };
    let key = |order_id: String| OrderKey { platform: job.platform, order_id };
    Ok(match job.kind {
        ResourceKind::Order => Some((key(id.clone()), None)),
        ResourceKind::Ticket | ResourceKind::Attendee => {
            orders::order_of_attendee(client, job.platform, id)?.map(|order| (key(order), Some(id.clone())))
        }
        _ => None,
    })
}

fn limited(client: &mut SpiClient<'_>, mut job: Job, wait: Option<Micros>, now: Micros) -> Result<Outcome> {
    // Without a word for how long: the limit is by the hour, so minutes, and longer if that is not enough.
    let seed = job.id.unsigned_abs();
    let pause = wait.unwrap_or_else(|| backoff::DELIVERY.delay(job.attempts.min(6), seed));
    let pause = pause.max(SECOND);
    accounts::trouble(client, job.platform, &job.account, "HTTP 429: too many calls", Some(pause), false, seed)?;
    // Who says "at once" again and again is not to be believed for ever.
    if wait.is_some_and(|wait| wait >= 5 * SECOND) {
        job.attempts -= 1;
    }
    jobs::again(client, &job, now, Some("HTTP 429: too many calls"))?;
    Ok(("retry", format!("too many calls; the account pauses for {} s", pause / SECOND)))
}

fn refused(client: &mut SpiClient<'_>, mut job: Job, reason: &str, now: Micros) -> Result<Outcome> {
    let first = accounts::stop(client, job.platform, &job.account, reason)?;
    if first && backoff::FETCH.is_spent(job.attempts) {
        // The credential has been good for others ten times: it is this resource that is not ours.
        dead(client, &job, reason)?;
    } else {
        if !first {
            job.attempts -= 1;
        }
        // Others first, when it goes on: what was refused may be the only thing that is.
        jobs::again(client, &job, now.saturating_add(REFUSED), Some(reason))?;
    }
    if !first {
        return Ok(("retry", "the account is stopped".to_owned()));
    }
    let (platform, account) = (job.platform.as_str(), &job.account);
    let hint = "give the worker a valid one and restart it, or call resume_account()";
    Ok(("stopped", format!("{platform} refuses the credential of account {account} ({reason}): {hint}")))
}

fn restart(client: &mut SpiClient<'_>, mut job: Job, now: Micros) -> Result<Outcome> {
    if job.restarts >= RESTARTS {
        return dead(client, &job, "the place in the list was lost too often");
    }
    job.path = job.platform.first_page(&job.path);
    job.restarts += 1;
    job.attempts = 0;
    jobs::again(client, &job, now, Some("the place in the list was lost"))?;
    Ok(("retry", "the place in the list was lost; it is read from its start".to_owned()))
}

fn trouble(
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
    // The account last: whoever claims locks it first.
    let counts = wait.is_none() || everywhere;
    let in_trouble = accounts::trouble(client, job.platform, &job.account, reason, wait, counts, seed)? && everywhere;
    // Not this job's fault: when the platform is back, it is tried at once.
    let forgiven = in_trouble || (everywhere && wait.is_some());
    if spent && !forgiven {
        return dead(client, &job, reason);
    }
    if forgiven {
        job.attempts -= 1;
        jobs::again(client, &job, now, Some(reason))?;
    } else {
        jobs::again(client, &job, now.saturating_add(delay), Some(reason))?;
    }
    Ok(("retry", reason.to_owned()))
}

fn dead(client: &mut SpiClient<'_>, job: &Job, reason: &str) -> Result<Outcome> {
    jobs::end(client, job, "dead", Some(reason))?;
    if let Some(run) = job.run_id {
        runs::fail(client, run, reason)?;
    }
    Ok(("dead", format!("{} {}: {reason}", job.platform.as_str(), job.kind.as_str())))
}

/// The lists of a platform's API to read.
pub fn listings(
    platform: &str,
    scope: &str,
    id: &str,
    since: Option<Micros>,
    location: Option<&str>,
) -> Result<Vec<(&'static str, String)>> {
    let platform = ingest::known(platform)?;
    let lists = match scope {
        "event" => platform.event_listings(id, since, location),
        "organization orders" => {
            platform.organization_listing(id, ResourceKind::Orders, since.unwrap_or_default()).into_iter().collect()
        }
        "organization attendees" => {
            platform.organization_listing(id, ResourceKind::Attendees, since.unwrap_or_default()).into_iter().collect()
        }
        "discovery" => {
            let (organizations, locations) = Spi::connect(|client| accounts::scope(client, platform, id))?;
            platform.discovery(&organizations, &locations)
        }
        other => {
            return Err(Error::Argument {
                message: format!("unknown scope \"{other}\""),
                hint: "Scopes are event, organization orders, organization attendees and discovery.",
            });
        }
    };
    Ok(lists.into_iter().map(|list| (list.kind.as_str(), list.path)).collect())
}
