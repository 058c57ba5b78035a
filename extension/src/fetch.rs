//! Answers to the calls that were handed out: merged, followed by the next page, tried again, or given up.

use boxoffice_core::backoff;
use boxoffice_core::headers::Headers;
use boxoffice_core::observation::{Fact, Observation, OrderKey};
use boxoffice_core::platform::call::Answer;
use boxoffice_core::platform::{Platform, ResourceKind, Resources};
use boxoffice_core::time::Micros;
use pgrx::Spi;
use pgrx::spi::SpiClient;

use crate::apply::{self, Effects, Manner};
use crate::delivery::Understood;
use crate::error::Result;
use crate::resource;
use crate::server;
use crate::store::deliveries::{self, Status};
use crate::store::jobs::{self, Job};
use crate::store::runs::{self, Mode, Progress, Run};
use crate::store::{accounts, now, orders};
use crate::{finish, reconcile};

const SECOND: Micros = 1_000_000;
/// How long a resource that a hint has announced may be invisible.
const GRACE: Micros = 300 * SECOND;
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
        "too_large" => Answer::Never("the answer is larger than the worker takes (BOXOFFICE_FETCH_MAX_BYTES)".to_owned()),
        "path" => Answer::Never("the worker refuses the path".to_owned()),
        // A body that breaks off may be this resource's own trouble.
        "broken" => trouble(false),
        _ => trouble(true),
    })
}

fn good(client: &mut SpiClient<'_>, job: Job, answered: &Answered<'_>, now: Micros) -> Result<Outcome> {
    let resources = match job.platform.resource(job.kind, answered.body, Some(job.claimed_at)) {
        Ok(resources) => resources,
        Err(error) => return trouble(client, job, &error.to_string(), false, None, now),
    };
    accounts::well(client, job.platform, &job.account)?;
    let run = match job.run_id {
        Some(id) => runs::read(client, id)?.filter(|run| run.is_running),
        None => None,
    };
    let page = Read::of(&job, &resources);
    let problems = resources.notes.len();
    let effects = match &run {
        Some(run) if run.mode == Mode::Reconcile && run.dry_run => {
            reconcile::preview(client, run, &resources.observations)?;
            Effects::default()
        }
        run => keep(client, &job, run.as_ref(), resources, answered)?,
    };
    for (key, event, look) in &effects.looks {
        second_look(client, &job, key, event.as_deref(), look)?;
    }
    if job.platform.lacks_attendees(&job.path) {
        for order in page.orders.iter().filter_map(|id| job.platform.ask_attendees_of(id)) {
            jobs::look(client, job.platform, &job.account, &order, PRIORITY_MISSING, None)?;
        }
    }
    let next = match &run {
        Some(run) => turn(client, &job, run, &page, effects.written.rows(), problems)?,
        None => page.next.is_some() && job.run_id.is_none() && {
            // A list that belongs to no run: the attendees of one order.
            jobs::add_page(client, &job, page.next.as_deref().unwrap_or_default(), 0, None)?;
            true
        },
    };
    jobs::end(client, &job, "done", None)?;
    let rows = effects.written.rows();
    let more = if next { ", there are more pages" } else { "" };
    Ok(("done", format!("{} items, {rows} rows written{more}", page.items)))
}

/// What is needed of a page after its facts have been given away.
struct Read {
    items: usize,
    next: Option<String>,
    total: Option<i64>,
    orders: Vec<String>,
    attendees: Vec<String>,
    events: Vec<String>,
    organizations: Vec<String>,
}

impl Read {
    fn of(job: &Job, resources: &Resources) -> Read {
        let facts = &resources.observations;
        let orders = match job.kind {
            ResourceKind::Orders | ResourceKind::Order => {
                facts.iter().filter(|o| is_order(&o.fact)).map(|o| o.key.order_id.clone()).collect()
            }
            _ => Vec::new(),
        };
        Read {
            items: resources.items,
            next: job.kind.is_page().then(|| job.platform.next_page(&job.path, resources)).flatten(),
            total: resources.page.total,
            orders,
            attendees: facts.iter().flat_map(|o| attendees(&o.fact)).map(str::to_owned).collect(),
            events: resources.events.iter().map(|event| event.external_event_id.clone()).collect(),
            organizations: resources.organizations.clone(),
        }
    }
}

fn is_order(fact: &Fact) -> bool {
    matches!(fact, Fact::HumanitixOrder { .. } | Fact::EventbriteOrder { .. })
}

fn attendees(fact: &Fact) -> Vec<&str> {
    match fact {
        Fact::EventbriteOrder { attendees: Some(list), .. } => list.iter().map(|a| a.id.as_str()).collect(),
        Fact::EventbriteAttendee { attendee, .. } => vec![attendee.id.as_str()],
        _ => Vec::new(),
    }
}

/// Merges what was read, and keeps the body when it has changed something or could not be applied: what says nothing new
/// is counted by its run, and the log does not grow with every look at an unchanged page.
fn keep(
    client: &mut SpiClient<'_>,
    job: &Job,
    run: Option<&Run>,
    resources: Resources,
    answered: &Answered<'_>,
) -> Result<Effects> {
    let task = resource::understood(job.platform, job.kind, resources);
    let comparing = run.is_some_and(|run| run.mode == Mode::Reconcile);
    let manner = if comparing { Manner::Comparing } else { Manner::Trusting };
    let applied = apply::apply_so(client, &[&task], manner);
    if let Some(run) = run.filter(|_| comparing) {
        reconcile::report(client, run, &applied.effects.differences, true)?;
    }
    let worth = |status: Status| applied.effects.written.rows() > 0 || !status.is_final();
    if let Some(verdict) = applied.verdicts.first().filter(|verdict| worth(verdict.status)) {
        log(client, job, &task, answered, verdict)?;
    }
    Ok(applied.effects)
}

fn log(
    client: &mut SpiClient<'_>,
    job: &Job,
    task: &Understood,
    answered: &Answered<'_>,
    verdict: &deliveries::Verdict,
) -> Result<()> {
    let status = answered.status.map(|status| status.to_string());
    let said = ["content-type", "date"].into_iter().filter_map(|name| Some((name, answered.headers.get(name)?)));
    let asked = [
        (":status", status.as_deref()),
        (":path", Some(job.path.as_str())),
        (":account", Some(job.account.as_str())),
        (":resource", job.resource_id.as_deref()),
    ];
    let asked = asked.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let headers = Headers::from_pairs(asked.chain(said)).redacted_json(&[]);
    let entry = deliveries::Entry {
        platform: task.platform.as_str(),
        source: deliveries::Source::Api,
        verified_by: "trusted",
        headers: &headers,
        body: answered.body,
        fetched_at: Some(job.claimed_at),
        verdict,
    };
    deliveries::append(client, &[entry], now())?;
    Ok(())
}

/// Goes on with a run after one of its pages. Says whether the list goes on.
fn turn(
    client: &mut SpiClient<'_>,
    job: &Job,
    run: &Run,
    page: &Read,
    changed: usize,
    problems: usize,
) -> Result<bool> {
    let platform = job.platform;
    if run.mode == Mode::Discovery {
        let events: Vec<&str> = page.events.iter().map(String::as_str).collect();
        accounts::claim_events(client, platform, &job.account, &events, platform.location(&job.path))?;
        if job.kind == ResourceKind::Organizations {
            let known = accounts::learn_organizations(client, platform, &job.account, &page.organizations)?;
            match page.next {
                Some(_) => {}
                None if known > 0 => runs::add_lists(client, run.id, "discovery", &job.account)?,
                None => {
                    runs::fail(client, run.id, "the credential sees no organization")?;
                    return Ok(false);
                }
            }
        }
    }
    // A list that has become shorter may have moved something to a page that was read before.
    let shorter = job.list_total.zip(page.total).is_some_and(|(before, now)| now < before) && job.restarts < SHORTER;
    let next = if shorter { Some((platform.first_page(&job.path), job.restarts + 1)) } else { None };
    let next = next.or_else(|| page.next.clone().map(|path| (path, job.restarts)));
    let seen: Vec<&str> = if job.kind == ResourceKind::Orders { page.orders.iter().map(String::as_str).collect() } else { Vec::new() };
    let attendees: Vec<&str> =
        if run.mode == Mode::Burst { page.attendees.iter().map(String::as_str).collect() } else { Vec::new() };
    if run.mode != Mode::Discovery && run.mode != Mode::Changes {
        runs::shown(client, run.id, job.id, seen, attendees)?;
    }
    if let Some((path, restarts)) = &next {
        jobs::add_page(client, job, path, *restarts, page.total)?;
    }
    let progress = Progress {
        items: page.items,
        expected: page.total.filter(|_| job.list_total.is_none() && job.restarts == 0),
        changed,
        problems,
        kind: job.kind,
        fetched_at: job.claimed_at,
        ends_list: next.is_none(),
    };
    match runs::progress(client, run.id, &progress)? {
        Some(0) if next.is_none() => finish::end_of_pages(client, run)?,
        Some(_) if next.is_none() => jobs::begin_next_list(client, run.id)?,
        _ => {}
    }
    Ok(next.is_some())
}

/// Asks once more, later, about something that was decided by a copy that may have been torn or stale.
fn second_look(
    client: &mut SpiClient<'_>,
    job: &Job,
    key: &OrderKey,
    event: Option<&str>,
    look: &boxoffice_core::merge::Look,
) -> Result<()> {
    let event = event.or(job.external_event_id.as_deref());
    let request = match &look.attendee_id {
        Some(attendee) => event.and_then(|event| key.platform.ask_attendee(event, attendee)),
        None => {
            let location = match event {
                Some(event) => runs::location(client, key.platform, event)?,
                None => None,
            };
            key.platform.ask_order(event, &key.order_id, location.as_deref())
        }
    };
    match request {
        Some(request) => jobs::look(client, key.platform, &job.account, &request, PRIORITY_SECOND_LOOK, Some(look.at)),
        None => Ok(()),
    }
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
            task.meaning = crate::delivery::Meaning::Apply(vec![observation]);
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
    accounts::trouble(client, job.platform, &job.account, "HTTP 429: too many calls", Some(pause), seed)?;
    if wait.is_some() {
        job.attempts -= 1;
    }
    jobs::again(client, &job, now, Some("HTTP 429: too many calls"))?;
    Ok(("retry", format!("too many calls; the account pauses for {} s", pause / SECOND)))
}

fn refused(client: &mut SpiClient<'_>, mut job: Job, reason: &str, now: Micros) -> Result<Outcome> {
    let first = accounts::stop(client, job.platform, &job.account, reason)?;
    job.attempts -= 1;
    jobs::again(client, &job, now, Some(reason))?;
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
    let in_trouble = accounts::trouble(client, job.platform, &job.account, reason, wait, seed)? && everywhere;
    if spent && !in_trouble {
        return dead(client, &job, reason);
    }
    if in_trouble {
        // Not this job's fault: when the platform is back, it is tried at once.
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
    let platform: Platform = crate::ingest::known(platform)?;
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
            return Err(crate::error::Error::Argument {
                message: format!("unknown scope \"{other}\""),
                hint: "Scopes are event, organization orders, organization attendees and discovery.",
            });
        }
    };
    Ok(lists.into_iter().map(|list| (list.kind.as_str(), list.path)).collect())
}
