//! Humanitix: a polled API, and the signed envelope of the bridge convention (Humanitix itself sends no webhooks).

mod call;
mod delivery;
mod normalise;
mod people;
mod sample;
mod verify;
mod wire;
mod words;

use serde_json::{Map, Value};

use crate::error::Result;
use crate::headers::Headers;
use crate::observation::{OrderDoc, Standing};
use crate::platform::call::{Answer, Listing, Subject};
use crate::platform::{
    Access, Adapter, CredentialForm, Delivery, Failure, Family, FetchRequest, Reading, ResourceKind, Resources,
    adapter, page,
};
use crate::settings::Settings;
use crate::time::{self, Micros};

/// humanitix.com
pub(super) struct Humanitix;

/// No limit is published; two calls a second.
static ACCESS: Access = Access {
    url: "https://api.humanitix.com",
    url_variable: "HUMANITIX_API_URL",
    credential_variable: "HUMANITIX_API_KEY",
    credential: "API key",
    form: CredentialForm::Header("x-api-key"),
    calls_per_hour: 7200,
    has_organizations: false,
    has_locations: true,
};

impl Adapter for Humanitix {
    fn name(&self) -> &'static str {
        "humanitix"
    }

    fn title(&self) -> &'static str {
        "Humanitix"
    }

    fn set_up(&self) -> &'static [&'static str] {
        &[
            "In the Humanitix console: Account, Advanced, Public API key, Generate; put the key into the worker's HUMANITIX_API_KEY and restart it.",
            "Link an event: SELECT * FROM boxoffice.link_suggestions; then SELECT boxoffice.link_event('humanitix', 'their id', 'your id').",
            "Humanitix sends no webhooks. If a bridge sends its orders, agree on a secret: SELECT boxoffice.set_webhook_secret('humanitix', '…'); it signs each body and posts it to https://your-host/webhooks/humanitix.",
        ]
    }

    fn default_settings(&self) -> Settings {
        verify::default_settings()
    }

    fn access(&self) -> Option<&'static Access> {
        Some(&ACCESS)
    }

    fn sends_deliveries(&self) -> bool {
        false
    }

    fn family(&self) -> Family {
        Family::Swept
    }

    fn standing(&self, doc: &OrderDoc) -> Standing {
        words::standing(doc)
    }

    fn read_delivery(
        &self,
        _settings: &Settings,
        _headers: &Headers,
        body: &[u8],
        arrived: Micros,
    ) -> std::result::Result<Delivery, Failure> {
        delivery::webhook(body, arrived)
    }

    /// Of the public API, version 1.21. An order need not name its event; then the path of the question is all there is to know
    /// it by, and it becomes part of the document, since equal documents must mean the same.
    fn read_resource(&self, read: &Reading<'_>, body: &[u8]) -> Result<Resources> {
        let kind = read.kind;
        if let ResourceKind::Attendee | ResourceKind::Attendees | ResourceKind::Organizations = kind {
            return adapter::no_such_kind(self.name(), kind);
        }
        page::read(kind, body, read.between, |mut item, notes, out| {
            if let (Some(event), Some(fields)) = (read.event, item.as_object_mut())
                && !matches!(kind, ResourceKind::Event | ResourceKind::Events)
                && fields.get("eventId").is_none_or(Value::is_null)
            {
                fields.insert("eventId".to_owned(), event.into());
            }
            match kind {
                ResourceKind::Order | ResourceKind::Orders => {
                    out.observations.push(normalise::order(&item, read.fetched_at, notes)?);
                }
                ResourceKind::Event | ResourceKind::Events => out.events.push(normalise::event(&item, notes)?),
                _ => out.observations.push(normalise::ticket(&item, read.fetched_at, notes)?),
            }
            Ok(())
        })
    }

    fn event_types(&self) -> &'static [&'static str] {
        sample::EVENT_TYPES
    }

    fn sample(&self, event_type: &str, seed: u64, now: Micros) -> String {
        sample::sample(event_type, seed, now)
    }

    /// `data` is the inner object of an envelope (`{event, order}`); it is dated `now`, because a statement made by hand is as new
    /// as that.
    fn body_of(&self, event_type: &str, data: Map<String, Value>, now: Micros) -> Value {
        let mut envelope = Map::new();
        envelope.insert("event_type".to_owned(), Value::from(event_type));
        envelope.insert("timestamp".to_owned(), Value::from(time::to_text(now)));
        envelope.insert("data".to_owned(), Value::Object(data));
        Value::Object(envelope)
    }

    fn ask_order(&self, event: Option<&str>, order: &str, location: Option<&str>) -> Option<FetchRequest> {
        call::order(event?, order, location)
    }

    fn ask_attendee(&self, event: &str, attendee: &str) -> Option<FetchRequest> {
        call::ticket(event, attendee)
    }

    fn ask_event(&self, event: &str) -> Option<FetchRequest> {
        call::event(event)
    }

    fn event_listings(&self, event: &str, since: Option<Micros>, location: Option<&str>) -> Vec<Listing> {
        call::event_listings(event, since, location)
    }

    fn discovery(&self, _organizations: &[String], locations: &[String]) -> Vec<Listing> {
        call::discovery(locations)
    }

    fn next_page(&self, path: &str, read: &Resources) -> Option<String> {
        call::next_page(path, read)
    }

    fn first_page(&self, path: &str) -> String {
        call::first_page(path)
    }

    fn location<'p>(&self, path: &'p str) -> Option<&'p str> {
        call::location(path)
    }

    fn judge(&self, status: u16, headers: &Headers, body: &[u8], now: Micros) -> Answer {
        call::judge(status, headers, body, now)
    }

    fn subject<'p>(&self, path: &'p str) -> Subject<'p> {
        call::subject(path)
    }
}
