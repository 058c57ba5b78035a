//! Eventbrite: thin, unsigned webhooks that say where to look, and the API that tells.

mod address;
mod call;
mod delivery;
mod endpoint;
mod limit;
mod normalise;
mod python;
mod sample;
mod verify;
mod wire;
mod words;

use std::ops::Range;

use serde_json::{Map, Value};

use crate::document::access::Object;
use crate::error::Result;
use crate::headers::Headers;
use crate::observation::{OrderDoc, Standing};
use crate::platform::call::{Answer, Listing, Subject};
use crate::platform::{
    Access, Adapter, CredentialForm, Delivery, Failure, Family, FetchRequest, Reading, ResourceKind, Resources,
    adapter, page,
};
use crate::settings::Settings;
use crate::time::Micros;

/// eventbrite.com
pub(super) struct Eventbrite;

/// A token may make 2000 calls an hour; a few are left to whatever else uses it.
static ACCESS: Access = Access {
    url: "https://www.eventbriteapi.com",
    url_variable: "EVENTBRITE_API_URL",
    credential_variable: "EVENTBRITE_OAUTH_TOKEN",
    credential: "private token",
    form: CredentialForm::Bearer,
    calls_per_hour: 1900,
    has_organizations: true,
    has_locations: false,
};

impl Adapter for Eventbrite {
    fn name(&self) -> &'static str {
        "eventbrite"
    }

    fn title(&self) -> &'static str {
        "Eventbrite"
    }

    fn set_up(&self) -> &'static [&'static str] {
        &[
            "On eventbrite.com: Account Settings, Developer Links, API Keys; copy the private token into the worker's EVENTBRITE_OAUTH_TOKEN and restart it.",
            "Set the secret of the webhook URL: SELECT boxoffice.set_path_token('eventbrite', '…') with 16 to 200 letters, digits, hyphens or underscores.",
            "On eventbrite.com: Account Settings, Developer Links, Webhooks, Add Webhook; payload URL https://your-host/webhooks/eventbrite/ and the secret; actions order.placed, order.updated, order.refunded, attendee.updated, attendee.checked_in, attendee.checked_out, event.updated.",
            "Link an event: SELECT * FROM boxoffice.link_suggestions; then SELECT boxoffice.link_event('eventbrite', 'their id', 'your id').",
        ]
    }

    fn default_settings(&self) -> Settings {
        verify::default_settings()
    }

    fn access(&self) -> Option<&'static Access> {
        Some(&ACCESS)
    }

    fn payout_days(&self) -> Option<i32> {
        Some(3)
    }

    fn family(&self) -> Family {
        Family::Listed
    }

    fn standing(&self, doc: &OrderDoc) -> Standing {
        words::standing(doc)
    }

    fn read_delivery(
        &self,
        settings: &Settings,
        headers: &Headers,
        body: &[u8],
        _arrived: Micros,
    ) -> std::result::Result<Delivery, Failure> {
        delivery::webhook(settings, headers, body)
    }

    fn read_resource(&self, read: &Reading<'_>, body: &[u8]) -> Result<Resources> {
        let kind = read.kind;
        if let ResourceKind::Ticket | ResourceKind::Tickets = kind {
            return adapter::no_such_kind(self.name(), kind);
        }
        page::read(kind, body, read.between, |item, notes, out| {
            match kind {
                ResourceKind::Order | ResourceKind::Orders => normalise::order(item, read.fetched_at, notes, out)?,
                ResourceKind::Event | ResourceKind::Events => out.events.push(normalise::event(&item, notes)?),
                ResourceKind::Organizations => {
                    out.organizations.push(Object::required(&item, "", notes)?.required_id(&["id"])?);
                }
                _ => out.observations.push(normalise::lone_attendee(&item, read.fetched_at, notes)?),
            }
            Ok(())
        })
    }

    fn secrets_in(&self, body: &[u8]) -> Vec<Range<usize>> {
        endpoint::secrets(body)
    }

    fn event_types(&self) -> &'static [&'static str] {
        sample::EVENT_TYPES
    }

    fn sample(&self, event_type: &str, seed: u64, _now: Micros) -> String {
        sample::sample(event_type, seed)
    }

    fn sample_headers(&self, event_type: &str) -> Vec<(&'static str, String)> {
        vec![
            ("user-agent", "Eventbrite Webhooks (sample)".to_owned()),
            (delivery::ACTION_HEADER, event_type.to_owned()),
        ]
    }

    /// `data` is the whole body (`{config, api_url}`), and `config.action` becomes the event type.
    fn body_of(&self, event_type: &str, mut data: Map<String, Value>, _now: Micros) -> Value {
        let config = data.entry("config").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(config) = config {
            config.insert("action".to_owned(), Value::from(event_type));
        }
        Value::Object(data)
    }

    fn ask_order(&self, _event: Option<&str>, order: &str, _location: Option<&str>) -> Option<FetchRequest> {
        call::order(order)
    }

    fn ask_attendee(&self, event: &str, attendee: &str) -> Option<FetchRequest> {
        call::attendee(event, attendee)
    }

    fn ask_event(&self, event: &str) -> Option<FetchRequest> {
        call::event(event)
    }

    fn ask_attendees_of(&self, order: &str) -> Option<FetchRequest> {
        call::attendees_of(order)
    }

    fn event_listings(&self, event: &str, since: Option<Micros>, _location: Option<&str>) -> Vec<Listing> {
        call::event_listings(event, since)
    }

    fn organization_listing(&self, organization: &str, kind: ResourceKind, since: Micros) -> Option<Listing> {
        call::organization_listing(organization, kind, since)
    }

    fn discovery(&self, organizations: &[String], _locations: &[String]) -> Vec<Listing> {
        call::discovery(organizations)
    }

    fn next_page(&self, path: &str, read: &Resources) -> Option<String> {
        call::next_page(path, read)
    }

    fn first_page(&self, path: &str) -> String {
        call::first_page(path)
    }

    fn plainer(&self, path: &str) -> Option<String> {
        call::plainer(path)
    }

    fn lacks_attendees(&self, path: &str) -> bool {
        call::lacks_attendees(path)
    }

    fn judge(&self, status: u16, headers: &Headers, body: &[u8], now: Micros) -> Answer {
        call::judge(status, headers, body, now)
    }

    fn subject<'p>(&self, path: &'p str) -> Subject<'p> {
        call::subject(path)
    }

    fn used_up(&self, headers: &Headers) -> Option<Micros> {
        limit::used_up(headers)
    }
}
