//! Kept deliveries, applied again from their bytes.

use boxoffice_contract::headers::{EVENT, RESOURCE, STATUS};
use boxoffice_core::headers::Headers;
use boxoffice_core::observation::{Fact, Observation, OrderKey};
use boxoffice_core::platform::{Platform, ResourceKind, Resources};
use boxoffice_core::time::Micros;
use pgrx::Spi;
use pgrx::spi::SpiClient;

use crate::deliver::apply;
use crate::deliver::ingest::{in_words, known};
use crate::deliver::judge::{self, Meaning, Understood};
use crate::deliver::patience::Patience;
use crate::deliver::resource;
use crate::diagnose::explain;
use crate::error::{Error, Result};
use crate::server;
use crate::store::deliveries::{self, Filter, Kept, Status, Verdict};
use crate::store::now;
use crate::store::orders::{self, Tell};

/// Sums of a round of retries.
#[derive(Debug, Clone, Copy, Default)]
pub struct Round {
    /// Deliveries tried.
    pub tried: i32,
    /// Nothing is left to be done about them.
    pub succeeded: i32,
    /// Failed again, with another date.
    pub failed: i32,
    /// Given up, or not usable.
    pub dead: i32,
}

/// Applies one kept delivery again; returns what became of it, in a word and in words.
pub fn replay(log_id: i64) -> Result<(&'static str, String)> {
    Spi::connect_mut(|client| {
        server::require_writable()?;
        server::lock_links()?;
        let verdict = again(client, log_id, &mut Patience::default())?
            .ok_or_else(|| Error::NotFound(format!("there is no delivery {log_id}")))?;
        Ok((verdict.status.as_str(), in_words(&verdict)))
    })
}

/// Tries failed deliveries again.
pub fn retry(limit: i32, include_dead: bool, filter: &Filter<'_>) -> Result<Round> {
    filter.platform.map(known).transpose()?;
    if limit < 1 {
        return Err(Error::Argument {
            message: "max_deliveries must be at least 1".to_owned(),
            hint: "Call it again for the next round.",
        });
    }
    Spi::connect_mut(|client| {
        server::require_writable()?;
        server::lock_links()?;
        let (mut round, mut patience) = (Round::default(), Patience::default());
        for id in deliveries::due(client, limit, include_dead, filter)? {
            server::check_interrupts();
            let Some(verdict) = again(client, id, &mut patience)? else { continue };
            round.tried += 1;
            match verdict.status {
                Status::Failed => round.failed += 1,
                Status::Dead | Status::Invalid => round.dead += 1,
                Status::Processed | Status::Duplicate | Status::Ignored | Status::Queued => round.succeeded += 1,
            }
        }
        Ok(round)
    })
}

fn again(client: &mut SpiClient<'_>, id: i64, patience: &mut Patience) -> Result<Option<Verdict>> {
    let Some(kept) = deliveries::lock(client, id)? else { return Ok(None) };
    let task = read(&kept)?;
    let mut verdict = match apply::apply_within(client, &[&task], patience).verdicts.pop() {
        Some(verdict) => verdict,
        None => return Ok(None),
    };
    deliveries::finish(client, id, kept.attempts.saturating_add(1), &mut verdict, now())?;
    Ok(Some(verdict))
}

/// Reads a kept body as it was read when it came.
fn read(kept: &Kept) -> Result<Understood> {
    let platform = known(&kept.platform)?;
    if kept.source != "api" {
        return Ok(judge::trust(platform, &Headers::from_json(&kept.headers)?, &kept.body, kept.arrived));
    }
    let word = kept.event_type.as_deref().and_then(|t| t.strip_prefix("api.")).unwrap_or_default();
    let Some(kind) = ResourceKind::from_name(word) else {
        return Err(Error::NotFound(format!("the kept body is of an unknown kind \"{word}\"")));
    };
    let headers = Headers::from_json(&kept.headers)?;
    if headers.get(STATUS) == Some("404") {
        return Ok(absence(platform, kind, kept, &headers));
    }
    Ok(
        match platform.resource_of(
            headers.get(EVENT),
            kind,
            &kept.body,
            kept.fetched_at,
            kept.fetched_at.unwrap_or(kept.arrived),
            &server::check_interrupts,
        ) {
            Ok(resources) => resource::understood(platform, kind, resources),
            Err(error) => Understood {
                meaning: Meaning::Unusable(error),
                ..resource::understood(platform, kind, Resources::default())
            },
        },
    )
}

/// The 404 that was kept.
fn absence(platform: Platform, kind: ResourceKind, kept: &Kept, headers: &Headers) -> Understood {
    let attendee_id = match kind {
        ResourceKind::Order => None,
        _ => headers.get(RESOURCE).map(str::to_owned),
    };
    let fact = kept.fetched_at.zip(kept.order_id.clone()).map(|(fetched_at, order_id)| Observation {
        key: OrderKey { platform, order_id },
        fact: Fact::Gone { attendee_id, fetched_at },
    });
    Understood {
        order_id: kept.order_id.clone(),
        meaning: Meaning::Apply(fact.into_iter().collect()),
        ..resource::understood(platform, kind, Resources::default())
    }
}

/// Sums of a replay.
#[derive(Debug, Clone, Copy, Default)]
pub struct Replayed {
    /// Deliveries applied again.
    pub replayed: i32,
    /// Of them: said something new.
    pub changed: i32,
    /// Of them: could not be applied, or are not usable.
    pub failed: i32,
}

/// Deliveries that are read into memory at a time.
const PORTION: i32 = 500;

/// Applies all kept deliveries of a time again.
pub fn replay_all(from: Micros, until: Micros, platform: Option<&str>) -> Result<Replayed> {
    let platform = platform.map(known).transpose()?;
    let mut sum = Replayed::default();
    Spi::connect_mut(|client| {
        server::require_writable()?;
        server::lock_links()?;
        let (mut after, mut patience) = (0, Patience::default());
        loop {
            let ids = deliveries::between(client, from, until, platform, after, PORTION)?;
            let Some(last) = ids.last().copied() else { return Ok(sum) };
            for id in ids {
                server::check_interrupts();
                let Some(verdict) = again(client, id, &mut patience)? else { continue };
                sum.replayed += 1;
                match verdict.status {
                    Status::Processed => sum.changed += 1,
                    Status::Failed | Status::Dead | Status::Invalid => sum.failed += 1,
                    Status::Duplicate | Status::Ignored | Status::Queued => {}
                }
            }
            after = last;
        }
    })
}

/// What that would change: number of the delivery, order, change in words. Writes nothing.
pub fn diff(from: Micros, until: Micros, platform: Option<&str>) -> Result<Vec<(i64, String, String)>> {
    let platform = platform.map(known).transpose()?;
    let mut changes = Vec::new();
    Spi::connect(|client| {
        let mut after = 0;
        loop {
            let ids = deliveries::between(client, from, until, platform, after, PORTION)?;
            let Some(last) = ids.last().copied() else { return Ok(changes) };
            for id in ids {
                server::check_interrupts();
                let Some(kept) = deliveries::read(client, id)? else { continue };
                let task = read(&kept)?;
                let Meaning::Apply(facts) = &task.meaning else { continue };
                let preview = orders::preview(client, &facts.iter().collect::<Vec<_>>(), Tell::Changes)?;
                let seen = preview.changed.iter().filter(|order| order.before != order.after);
                changes
                    .extend(seen.filter_map(|order| Some((id, order.key.order_id.clone(), explain::in_words(order)?))));
            }
            after = last;
        }
    })
}
