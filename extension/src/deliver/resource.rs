//! Answers of a platform's API: kept, merged, reported.

use std::sync::LazyLock;

use boxoffice_core::platform::{Platform, ResourceKind, Resources};
use boxoffice_core::time::Micros;
use pgrx::Spi;

use crate::deliver::apply;
use crate::deliver::ingest::known;
use crate::deliver::judge::{Meaning, Understood};
use crate::error::{Error, Result};
use crate::server;
use crate::store::deliveries::{self, Entry, Source};
use crate::store::now;

/// What an API body has changed.
#[derive(Debug, Clone)]
pub struct Report {
    /// Row of `webhook_logs`.
    pub log_id: Option<i64>,
    /// Items in the body.
    pub items: usize,
    /// Rows of `ticket_sales` written.
    pub orders_changed: usize,
    /// Rows of `attendees` written.
    pub attendees_changed: usize,
    /// Rows of `ticket_platforms` written.
    pub events_changed: usize,
    /// Items that could not be used, and other oddities.
    pub notes: Vec<String>,
}

/// The kinds, for those who name another.
static KINDS: LazyLock<String> =
    LazyLock::new(|| format!("Kinds are {}.", ResourceKind::ALL.map(ResourceKind::as_str).join(", ")));

/// Merges an API body. A body that cannot be used is an error: the caller is trusted and wants to know.
pub fn apply_resource(platform: &str, kind: &str, body: &[u8], fetched_at: Option<Micros>) -> Result<Report> {
    let platform = known(platform)?;
    let kind = ResourceKind::from_name(kind)
        .ok_or_else(|| Error::Argument { message: format!("unknown kind \"{kind}\""), hint: &KINDS })?;
    let now = now();
    let arrived = fetched_at.unwrap_or(now);
    let resources = platform.resource_of(None, kind, body, fetched_at, arrived, &server::check_interrupts)?;
    let items = resources.items;
    let task = understood(platform, kind, resources);
    Spi::connect_mut(|client| {
        server::require_writable()?;
        server::lock_links()?;
        let applied = apply::apply(client, &[&task]);
        let Some(verdict) = applied.verdicts.first() else {
            return Err(Error::Spi("the body was not applied".to_owned()));
        };
        let entry = Entry {
            platform: platform.as_str(),
            source: Source::Api,
            verified_by: "trusted",
            headers: "{}",
            body,
            fetched_at,
            verdict,
        };
        let ids = deliveries::append(client, &[entry], now)?;
        let mut notes = task.notes.clone();
        if let Some((code, message)) = &verdict.error {
            notes.insert(0, format!("kept, could not be applied yet ({code}): {message}"));
        }
        Ok(Report {
            log_id: ids.first().copied(),
            items,
            orders_changed: applied.effects.written.sales,
            attendees_changed: applied.effects.written.attendees,
            events_changed: applied.effects.written.events,
            notes,
        })
    })
}

/// What an API body says, as a task.
pub fn understood(platform: Platform, kind: ResourceKind, resources: Resources) -> Understood {
    let order_id = match resources.observations.as_slice() {
        [one] => Some(one.key.order_id.clone()),
        _ => None,
    };
    Understood {
        platform,
        event_type: Some(format!("api.{}", kind.as_str())),
        order_id,
        meaning: Meaning::Apply(resources.observations),
        mentioned: None,
        events: resources.events,
        notes: resources.notes,
    }
}
