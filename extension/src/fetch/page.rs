//! An answer that is what was asked for: merged, kept, and followed by what comes next.

use boxoffice_contract::fetch::Outcome as Became;
use boxoffice_contract::headers::{ACCOUNT, EVENT, PATH, RESOURCE, STATUS};
use boxoffice_core::headers::Headers;
use boxoffice_core::merge::Look;
use boxoffice_core::observation::{Fact, OrderKey};
use boxoffice_core::platform::call::page_limit;
use boxoffice_core::platform::{ResourceKind, Resources};
use boxoffice_core::time::Micros;
use pgrx::spi::SpiClient;

use super::given_up::give_up_list;
use super::gone::LATEST;
use super::trouble::trouble;
use super::{Answered, Outcome};
use crate::deliver::apply::{self, Effects, Manner};
use crate::deliver::judge::Understood;
use crate::deliver::resource;
use crate::error::Result;
use crate::server;
use crate::store::deliveries;
use crate::store::jobs::lists::{self, NextPage};
use crate::store::jobs::words::{PATH_MAX, Priority, Status};
use crate::store::jobs::{self, Job};
use crate::store::runs::words::{Failure, Mode};
use crate::store::runs::{self, Progress, Remaining, Run};
use crate::store::{accounts, now};
use crate::sync::{begin, end, finish, reconcile};

/// How often a list may begin anew because it has become shorter, which may have hidden something.
const SHORTER: i32 = 2;
/// Most pages of a list that belongs to no synchronisation: the attendees of one order, the events of a series.
const PAGES_ALONE: i32 = 200;

/// Takes what was asked for.
pub(super) fn good(client: &mut SpiClient<'_>, job: Job, answered: &Answered<'_>, now: Micros) -> Result<Outcome> {
    let resources = match job.platform.resource_of(
        job.external_event_id.as_deref(),
        job.kind,
        answered.body,
        Some(job.claimed_at),
        job.claimed_at,
        &server::check_interrupts,
    ) {
        Ok(resources) => resources,
        Err(error) => return trouble(client, job, &error.to_string(), false, None, now),
    };
    let change = accounts::well(client, job.platform, &job.account)?;
    let run = match job.run_id {
        Some(id) => runs::read(client, id)?.filter(|run| run.is_running),
        None => None,
    };
    let page = Read::of(&job, &resources);
    let problems = resources.notes.len();
    let (effects, failed) = match &run {
        Some(run) if run.mode == Mode::Reconcile && run.dry_run => {
            reconcile::preview(client, run, &resources.observations)?;
            (Effects::default(), None)
        }
        run => keep(client, &job, run.as_ref(), resources, answered)?,
    };
    // A version far in the future is a mistake; nothing settles it.
    for (key, event, look) in effects.looks.iter().filter(|(.., look)| look.at <= now.saturating_add(LATEST)) {
        second_look(client, &job, key, event.as_deref(), look)?;
    }
    if job.platform.lacks_attendees(&job.path) {
        for order in page.orders.iter().filter_map(|id| job.platform.ask_attendees_of(id)) {
            jobs::enqueue_at(client, job.platform, &job.account, &order, Priority::Daily, None)?;
        }
    }
    let next = match &run {
        Some(run) => turn(client, &job, run, &page, &effects, problems, failed)?,
        None if job.run_id.is_none() => go_on_alone(client, &job, &page)?,
        None => false,
    };
    jobs::end(client, &job, Status::Done, None)?;
    let rows = effects.written.rows();
    let more = if next { ", there are more pages" } else { "" };
    Ok(Outcome::new(Became::Done, format!("{} items, {rows} rows written{more}", page.items)).with(change))
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
    matches!(fact, Fact::Order { .. })
}

fn attendees(fact: &Fact) -> Vec<&str> {
    match fact {
        Fact::Order { attendees: Some(list), .. } => list.iter().map(|a| a.id.as_str()).collect(),
        Fact::Attendee { attendee, .. } => vec![attendee.id.as_str()],
        _ => Vec::new(),
    }
}

/// Merges what was read; also says why not all of it could be applied. Keeps the body when it has changed something or could
/// not be applied: what says nothing new is counted by its run, and the log does not grow with every look at an unchanged
/// page.
fn keep(
    client: &mut SpiClient<'_>,
    job: &Job,
    run: Option<&Run>,
    resources: Resources,
    answered: &Answered<'_>,
) -> Result<(Effects, Option<(Failure, String)>)> {
    let task = resource::understood(job.platform, job.kind, resources);
    let comparing = run.is_some_and(|run| run.mode == Mode::Reconcile);
    let manner = if comparing { Manner::Comparing } else { Manner::Trusting };
    let applied = apply::apply_so(client, &[&task], manner);
    if let Some(run) = run.filter(|_| comparing) {
        reconcile::report(client, run, &applied.effects.differences, true)?;
    }
    let worth = |status: deliveries::Status| applied.effects.written.rows() > 0 || !status.is_final();
    if let Some(verdict) = applied.verdicts.first().filter(|verdict| worth(verdict.status)) {
        log(client, job, &task, answered, verdict)?;
    }
    let unapplied = applied.verdicts.first().filter(|verdict| !verdict.status.is_final());
    let error = unapplied.and_then(|verdict| verdict.error.as_ref());
    let words = error.map(|(code, message)| format!("a page could not be applied ({code}): {message}"));
    let failed = words.map(|words| (Failure::Unreadable, words));
    Ok((applied.effects, failed))
}

/// Keeps an answer in the log, with what was asked.
pub(super) fn log(
    client: &mut SpiClient<'_>,
    job: &Job,
    task: &Understood,
    answered: &Answered<'_>,
    verdict: &deliveries::Verdict,
) -> Result<()> {
    let status = answered.status.map(|status| status.to_string());
    let said = ["content-type", "date"].into_iter().filter_map(|name| Some((name, answered.headers.get(name)?)));
    let asked = [
        (STATUS, status.as_deref()),
        (PATH, Some(job.path.as_str())),
        (ACCOUNT, Some(job.account.as_str())),
        (RESOURCE, job.resource_id.as_deref()),
        (EVENT, job.external_event_id.as_deref()),
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
    effects: &Effects,
    problems: usize,
    failed: Option<(Failure, String)>,
) -> Result<bool> {
    let platform = job.platform;
    if run.mode == Mode::Discovery {
        let events: Vec<&str> = page.events.iter().map(String::as_str).collect();
        accounts::claim_events(client, platform, &job.account, &events, platform.location(&job.path))?;
        if job.kind == ResourceKind::Organizations {
            let known = accounts::learn_organizations(client, platform, &job.account, &page.organizations)?;
            match page.next {
                Some(_) => {}
                None if known > 0 => begin::go_on_with_discovery(client, platform, &job.account, run.id)?,
                None => {
                    end::fail(client, run.id, Failure::Refused, "the credential sees no organization")?;
                    return Ok(false);
                }
            }
        }
    }
    // A list that has become shorter may have moved something to a page that was read before.
    let shorter = job.list_total.zip(page.total).is_some_and(|(before, now)| now < before) && job.restarts < SHORTER;
    let next = if shorter {
        Some(NextPage { path: platform.first_page(&job.path), restarts: job.restarts + 1, number: 1 })
    } else {
        let following =
            |path: &String| NextPage { path: path.clone(), restarts: job.restarts, number: job.list_pages + 1 };
        page.next.as_ref().map(following)
    };
    let limit = job.list_limit.filter(|_| job.list_pages > 1).unwrap_or_else(|| page_limit(page.total, page.items));
    if let Some(next) = &next {
        let why = if next.path.len() > PATH_MAX {
            Some("the platform's word for the next page is too long".to_owned())
        } else if next.number > limit {
            Some(format!(
                "the list does not end: {} pages of it were read, more than its first page can mean",
                job.list_pages
            ))
        } else {
            None
        };
        if let Some(why) = why {
            give_up_list(client, job, run.id, Failure::Unreadable, &why)?;
            return Ok(false);
        }
    }
    let seen: Vec<&str> =
        if job.kind == ResourceKind::Orders { page.orders.iter().map(String::as_str).collect() } else { Vec::new() };
    let attendees: Vec<&str> =
        if run.mode == Mode::Burst { page.attendees.iter().map(String::as_str).collect() } else { Vec::new() };
    if run.mode != Mode::Discovery && run.mode != Mode::Changes {
        runs::shown(client, run.id, job.id, seen, attendees)?;
    }
    if let Some(next) = &next {
        lists::add_page(client, job, next, page.total, Some(limit))?;
    }
    let progress = Progress {
        items: page.items,
        expected: page.total.filter(|_| job.list_total.is_none() && job.restarts == 0),
        changed: effects.written.rows(),
        new_orders: effects.new_orders,
        problems,
        kind: job.kind,
        fetched_at: job.claimed_at,
        ends_list: next.is_none(),
        failed,
        is_read: true,
    };
    match runs::progress(client, run.id, &progress)? {
        Some(Remaining { lists: 0, failed: None }) if next.is_none() => finish::end_of_pages(client, run)?,
        // Everything that could be read was read; but what is not here must not count as synchronised.
        Some(Remaining { lists: 0, failed: Some((failure, why)) }) if next.is_none() => {
            end::fail(client, run.id, failure, &why)?;
        }
        Some(_) if next.is_none() => lists::begin_next(client, run.id)?,
        _ => {}
    }
    Ok(next.is_some())
}

/// Goes on with a list that belongs to no run: the attendees of one order, the events of a series.
fn go_on_alone(client: &mut SpiClient<'_>, job: &Job, page: &Read) -> Result<bool> {
    let events: Vec<&str> = page.events.iter().map(String::as_str).collect();
    if job.kind == ResourceKind::Events {
        accounts::claim_events(client, job.platform, &job.account, &events, job.platform.location(&job.path))?;
    }
    let Some(path) = page.next.clone().filter(|path| path.len() <= PATH_MAX && job.list_pages < PAGES_ALONE) else {
        return Ok(false);
    };
    lists::add_page(client, job, &NextPage { path, restarts: 0, number: job.list_pages + 1 }, None, None)?;
    Ok(true)
}

/// Asks once more, later, about something that was decided by a copy that may have been torn or stale.
fn second_look(client: &mut SpiClient<'_>, job: &Job, key: &OrderKey, event: Option<&str>, look: &Look) -> Result<()> {
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
        Some(request) => {
            jobs::enqueue_at(client, key.platform, &job.account, &request, Priority::SecondLook, Some(look.at))
        }
        None => Ok(()),
    }
}
