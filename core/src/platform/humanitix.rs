//! Humanitix: a polled API, and the signed envelope of the bridge convention (Humanitix itself sends no webhooks).

pub(super) mod call;
mod delivery;
mod normalise;
mod people;
mod sample;
mod verify;
mod wire;

pub(super) use delivery::webhook;
pub(super) use sample::{EVENT_TYPES, sample};
pub(super) use verify::default_settings;

use crate::error::Result;
use crate::platform::{ResourceKind, Resources, page};
use crate::time::Micros;

/// What an answer of the public API (version 1.21) says.
pub(super) fn resource(kind: ResourceKind, body: &[u8], fetched_at: Option<Micros>) -> Result<Resources> {
    if let ResourceKind::Attendee | ResourceKind::Attendees | ResourceKind::Organizations = kind {
        return page::no_such_kind("humanitix", kind);
    }
    page::read(kind, body, |item, notes, out| {
        match kind {
            ResourceKind::Order | ResourceKind::Orders => {
                out.observations.push(normalise::order(&item, fetched_at, notes)?);
            }
            ResourceKind::Event | ResourceKind::Events => out.events.push(normalise::event(&item, notes)?),
            _ => out.observations.push(normalise::ticket(&item, fetched_at, notes)?),
        }
        Ok(())
    })
}
