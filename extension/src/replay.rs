//! Kept deliveries, applied again from their bytes.

use boxoffice_core::headers::Headers;
use boxoffice_core::platform::ResourceKind;
use pgrx::Spi;
use pgrx::spi::SpiClient;

use crate::apply;
use crate::delivery::{self, Meaning, Understood};
use crate::error::{Error, Result};
use crate::ingest::{in_words, known};
use crate::server;
use crate::store::deliveries::{self, Kept, Status, Verdict};
use crate::store::now;

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
        server::lock_links();
        let verdict =
            again(client, log_id)?.ok_or_else(|| Error::NotFound(format!("there is no delivery {log_id}")))?;
        Ok((verdict.status.as_str(), in_words(&verdict)))
    })
}

/// Tries failed deliveries again.
pub fn retry(limit: i32, include_dead: bool) -> Result<Round> {
    if limit < 1 {
        return Err(Error::Argument {
            message: "max_deliveries must be at least 1".to_owned(),
            hint: "Call it again for the next round.",
        });
    }
    Spi::connect_mut(|client| {
        server::lock_links();
        let mut round = Round::default();
        for id in deliveries::due(client, limit, include_dead)? {
            let Some(verdict) = again(client, id)? else { continue };
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

fn again(client: &mut SpiClient<'_>, id: i64) -> Result<Option<Verdict>> {
    let Some(kept) = deliveries::lock(client, id)? else { return Ok(None) };
    let task = read(&kept)?;
    let mut verdict = match apply::apply(client, &[&task]).verdicts.pop() {
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
        return Ok(delivery::trust(platform, &Headers::from_json(&kept.headers)?, &kept.body));
    }
    let word = kept.event_type.as_deref().and_then(|t| t.strip_prefix("api.")).unwrap_or_default();
    let Some(kind) = ResourceKind::from_name(word) else {
        return Err(Error::NotFound(format!("the kept body is of an unknown kind \"{word}\"")));
    };
    let mut task = Understood {
        platform,
        event_type: kept.event_type.clone(),
        order_id: None,
        meaning: Meaning::Apply(Vec::new()),
        mentioned: None,
        events: Vec::new(),
        notes: Vec::new(),
    };
    match platform.resource(kind, &kept.body, kept.fetched_at) {
        Ok(resources) => {
            task.meaning = Meaning::Apply(resources.observations);
            task.events = resources.events;
            task.notes = resources.notes;
        }
        Err(error) => task.meaning = Meaning::Unusable(error),
    }
    Ok(task)
}
