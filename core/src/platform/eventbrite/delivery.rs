//! Deliveries: `{"config": {"action", "webhook_id", …}, "api_url"}`. Each is a hint to look at one resource.

use crate::document;
use crate::document::access::{Notes, Object};
use crate::error::{Error, Result};
use crate::headers::Headers;
use crate::platform::{Delivery, Effect, Failure, FetchRequest};
use crate::settings::Settings;

use super::address::{self, Target};
use super::call;
use super::verify::check_webhook_id;

/// Says the action as well as the body does.
pub(super) const ACTION_HEADER: &str = "x-eventbrite-event";

/// What a delivery means.
pub(in crate::platform) fn webhook(
    settings: &Settings,
    headers: &Headers,
    body: &[u8],
) -> std::result::Result<Delivery, Failure> {
    let unusable = |event_type, error| Failure::Unusable { event_type, error };
    let body = document::parse(body).map_err(|error| unusable(None, error))?;
    let notes = Notes::default();
    let body = Object::required(&body, "", &notes).map_err(|error| unusable(None, error))?;
    let config = body.object("config", "config");
    let action = action(config, headers).map_err(|error| unusable(None, error))?;
    if let Some(config) = config {
        check_webhook_id(settings, &action, config).map_err(Failure::Refused)?;
    }
    match effect(&action, body) {
        Ok((order_id, effect)) => {
            Ok(Delivery { event_type: action, order_id, effect, event: None, notes: notes.into_vec() })
        }
        Err(error) => Err(unusable(Some(action), error)),
    }
}

/// The action, which header and body must agree on.
fn action(config: Option<Object<'_>>, headers: &Headers) -> Result<String> {
    let said = config.and_then(|config| config.label(&["action"]));
    let said = said.ok_or_else(|| Error::Shape("config.action is missing".into()))?;
    // If they differ, neither is to be trusted.
    if headers.all(ACTION_HEADER).iter().any(|header| header.trim() != said) {
        return Err(Error::Shape("config.action differs from the header x-eventbrite-event".into()));
    }
    Ok(said)
}

fn effect(action: &str, body: Object<'_>) -> Result<(Option<String>, Effect)> {
    let ignore = |why: &str| Ok((None, Effect::Ignore(why.to_owned())));
    if action == "test" {
        // Its `api_url` is a placeholder.
        return ignore("the delivery is a test");
    }
    let url = body.text(&["api_url"]).ok_or_else(|| Error::Shape("api_url is missing".into()))?;
    let webhook_id = body.object("config", "config").and_then(|config| config.id(&["webhook_id"]));
    let fetch = |order: Option<&str>, request: Option<FetchRequest>| match request {
        Some(request) => {
            Ok((order.map(str::to_owned), Effect::Fetch(FetchRequest { webhook_id: webhook_id.clone(), ..request })))
        }
        None => Err(Error::Address("api_url contains an id that cannot stand in a path".into())),
    };
    let target = address::parse(&url)?;
    let subject = action.split_once('.').map_or(action, |(subject, _)| subject);
    match target {
        Target::Odd if is_known(subject) => Err(Error::Address("api_url has no form of the platform's API".into())),
        _ if matches!(subject, "organizer" | "venue") => ignore("organizers and venues are not kept"),
        Target::Order { order, event } => {
            let request = call::order(order)
                .map(|request| FetchRequest { external_event_id: event.map(str::to_owned), ..request });
            fetch(Some(order), request)
        }
        Target::Attendee { event, attendee } => fetch(None, call::attendee(event, attendee)),
        // A ticket class may be gone by now; its event shows what is left.
        Target::Event { event } => fetch(None, call::event(event)),
        Target::Series { series } => fetch(None, call::series(series)),
        Target::Elsewhere => ignore("the resource is not one that is kept"),
        // What the platform may send tomorrow is no mistake of the sender's; the next synchronisation finds what it meant.
        Target::Unknown if is_known(subject) => ignore("api_url leads to nothing that is known"),
        Target::Unknown | Target::Odd => ignore("neither the action nor the form of api_url is known"),
    }
}

/// Whether the platform is known to speak of things of that name.
fn is_known(subject: &str) -> bool {
    matches!(subject, "order" | "attendee" | "barcode" | "event" | "ticket_class" | "series" | "organizer" | "venue")
}
