//! Eventbrite: thin, unsigned webhooks that say where to look, and the API that tells.

mod address;
pub(super) mod call;
mod delivery;
pub(super) mod endpoint;
pub(super) mod limit;
mod normalise;
mod python;
mod sample;
mod verify;
mod wire;

pub(super) use delivery::webhook;
pub(super) use sample::{EVENT_TYPES, sample};
pub(super) use verify::default_settings;

use crate::document::access::Object;
use crate::error::Result;
use crate::platform::{ResourceKind, Resources, page};
use crate::time::Micros;

/// What an answer of API v3 says.
pub(super) fn resource(
    kind: ResourceKind,
    body: &[u8],
    fetched_at: Option<Micros>,
    between: &dyn Fn(),
) -> Result<Resources> {
    if let ResourceKind::Ticket | ResourceKind::Tickets = kind {
        return page::no_such_kind("eventbrite", kind);
    }
    page::read(kind, body, between, |item, notes, out| {
        match kind {
            ResourceKind::Order | ResourceKind::Orders => normalise::order(item, fetched_at, notes, out)?,
            ResourceKind::Event | ResourceKind::Events => out.events.push(normalise::event(&item, notes)?),
            ResourceKind::Organizations => {
                out.organizations.push(Object::required(&item, "", notes)?.required_id(&["id"])?);
            }
            _ => out.observations.push(normalise::lone_attendee(&item, fetched_at, notes)?),
        }
        Ok(())
    })
}
