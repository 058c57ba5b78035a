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

use serde_json::Value;

use crate::error::Result;
use crate::platform::{ResourceKind, Resources, page};
use crate::time::Micros;

/// What an answer of the public API (version 1.21) says.
///
/// `event`: the one that was asked about. An order need not name its event; then the path of the question is all there is to
/// know it by, and it becomes part of the document, since equal documents must mean the same.
pub(super) fn resource(
    event: Option<&str>,
    kind: ResourceKind,
    body: &[u8],
    fetched_at: Option<Micros>,
    between: &dyn Fn(),
) -> Result<Resources> {
    if let ResourceKind::Attendee | ResourceKind::Attendees | ResourceKind::Organizations = kind {
        return page::no_such_kind("humanitix", kind);
    }
    page::read(kind, body, between, |mut item, notes, out| {
        if let (Some(event), Some(fields)) = (event, item.as_object_mut())
            && !matches!(kind, ResourceKind::Event | ResourceKind::Events)
            && fields.get("eventId").is_none_or(Value::is_null)
        {
            fields.insert("eventId".to_owned(), event.into());
        }
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
