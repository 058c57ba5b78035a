//! Answers to the calls that were handed out: merged, followed by the next page, tried again, or given up.

mod burst;
pub mod claim;
mod given_up;
mod gone;
mod page;
mod shares;
mod trouble;

use boxoffice_contract::fetch::{NoAnswer, Outcome as Became};
use boxoffice_contract::headers::ERROR;
use boxoffice_core::headers::Headers;
use boxoffice_core::platform::ResourceKind;
use boxoffice_core::platform::call::Answer;
use boxoffice_core::time::Micros;
use pgrx::Spi;
use pgrx::spi::SpiClient;

use crate::deliver::ingest;
use crate::error::{Error, Result};
use crate::server;
use crate::store::accounts::{self, Change};
use crate::store::jobs::{self, Job};
use crate::store::now;
use crate::store::runs::words::Failure;
use given_up::{credential_refused, dead, resource_refused};
use trouble::{limited, trouble};

const SECOND: Micros = 1_000_000;
/// How often a list may begin anew because its place was lost.
const RESTARTS: i32 = 5;

/// An answer as the worker hands it over.
pub struct Answered<'a> {
    /// HTTP status; `None` when there was no answer.
    pub status: Option<u16>,
    /// Its headers, or [`ERROR`].
    pub headers: &'a Headers,
    /// Its body.
    pub body: &'a [u8],
}

/// What became of the job.
pub struct Outcome {
    /// In a word.
    pub word: Became,
    /// In words; without the path, which a log need not have.
    pub message: String,
    /// What it means for the account, when that is news.
    pub change: Option<Change>,
}

impl Outcome {
    fn new(word: Became, message: impl Into<String>) -> Outcome {
        Outcome { word, message: message.into(), change: None }
    }

    fn with(self, change: Option<Change>) -> Outcome {
        Outcome { change: change.or(self.change), ..self }
    }
}

/// Takes the answer to a lease.
pub fn complete(lease: i64, answered: &Answered<'_>) -> Result<Outcome> {
    Spi::connect_mut(|client| {
        server::require_writable()?;
        server::lock_links()?;
        let Some(job) = jobs::take(client, lease)? else {
            return Ok(Outcome::new(Became::Lost, "the lease has run out and the job is somebody else's, or done"));
        };
        let now = now();
        // The account last: whoever claims locks it first.
        let (platform, account) = (job.platform, job.account.clone());
        let outcome = settle(client, job, answered, now)?;
        match platform.used_up(answered.headers) {
            Some(wait) => {
                let reason = "the platform counts all calls of the period as used up";
                let change = accounts::block(client, platform, &account, wait.max(SECOND), reason)?;
                Ok(outcome.with(change))
            }
            None => Ok(outcome),
        }
    })
}

fn settle(client: &mut SpiClient<'_>, mut job: Job, answered: &Answered<'_>, now: Micros) -> Result<Outcome> {
    match judge(&job, answered, now) {
        Judged::Released => {
            job.attempts -= 1;
            jobs::reschedule(client, &job, now, None)?;
            Ok(Outcome::new(Became::Released, "the job waits for another worker"))
        }
        Judged::Answer(Answer::Good) => page::good(client, job, answered, now),
        Judged::Answer(Answer::Gone) => {
            let change = accounts::well(client, job.platform, &job.account)?;
            Ok(gone::gone(client, job, answered, now)?.with(change))
        }
        Judged::Answer(Answer::Limited { wait }) => limited(client, job, wait, now),
        Judged::Answer(Answer::Credential(reason)) => credential_refused(client, job, &reason, now),
        Judged::Answer(Answer::Refused(reason)) => resource_refused(client, job, &reason, now),
        Judged::Answer(Answer::Plainer) => match job.platform.plainer(&job.path) {
            Some(path) => {
                job.path = path;
                job.attempts -= 1;
                jobs::reschedule(client, &job, now, Some("an expansion failed"))?;
                Ok(Outcome::new(Became::Retry, "an expansion failed; asked again with fewer"))
            }
            None => trouble(client, job, "an expansion failed where none was asked for", false, None, now),
        },
        Judged::Answer(Answer::Restart) => restart(client, job, now),
        Judged::Answer(Answer::Trouble { reason, everywhere, wait }) => {
            trouble(client, job, &reason, everywhere, wait, now)
        }
        Judged::Answer(Answer::Never(reason)) => dead(client, &job, Failure::Unreadable, &reason, &reason),
    }
}

enum Judged {
    Answer(Answer),
    Released,
}

fn judge(job: &Job, answered: &Answered<'_>, now: Micros) -> Judged {
    if let Some(status) = answered.status {
        return Judged::Answer(job.platform.judge(status, answered.headers, answered.body, now));
    }
    let word = answered.headers.get(ERROR).unwrap_or("no answer");
    let trouble = |everywhere| Answer::Trouble { reason: format!("no answer: {word}"), everywhere, wait: None };
    Judged::Answer(match NoAnswer::from_word(word) {
        Some(NoAnswer::Stopping) => return Judged::Released,
        Some(NoAnswer::TooLarge) => {
            Answer::Never("the answer is larger than the worker takes (BOXOFFICE_FETCH_MAX_BYTES)".to_owned())
        }
        Some(NoAnswer::Path) => Answer::Never("the worker refuses the path".to_owned()),
        // A body that breaks off may be this resource's own trouble.
        Some(NoAnswer::Broken) => trouble(false),
        // A word of a worker that is newer than we are among them.
        Some(NoAnswer::Connect | NoAnswer::Tls | NoAnswer::Timeout) | None => trouble(true),
    })
}

fn restart(client: &mut SpiClient<'_>, mut job: Job, now: Micros) -> Result<Outcome> {
    if job.restarts >= RESTARTS {
        let reason = "the place in the list was lost too often";
        return dead(client, &job, Failure::Unreadable, reason, reason);
    }
    job.path = job.platform.first_page(&job.path);
    job.restarts += 1;
    job.list_pages = 1;
    job.attempts = 0;
    jobs::reschedule(client, &job, now, Some("the place in the list was lost"))?;
    Ok(Outcome::new(Became::Retry, "the place in the list was lost; it is read from its start"))
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
