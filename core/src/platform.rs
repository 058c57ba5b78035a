//! Platforms: what one is ([`adapter`]), which there are (`registry`), and what is the same for all of them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::headers::Headers;
use crate::observation::Observation;
use crate::redact;
use crate::settings::Settings;
use crate::time::Micros;

pub mod adapter;
pub mod call;
mod delivery;
mod eventbrite;
mod humanitix;
mod page;
mod random;
mod registry;
mod resource;

pub use adapter::{Access, Adapter, CredentialForm, Family, Reading};
pub use delivery::{Delivery, Effect, Failure, FetchRequest};
pub use resource::{ResourceKind, Resources};

/// A platform of the registry. Platforms are ordered by name, as their names are in SQL: locks are taken in this order.
#[derive(Clone, Copy)]
pub struct Platform(&'static dyn Adapter);

impl Deref for Platform {
    type Target = dyn Adapter;

    fn deref(&self) -> &(dyn Adapter + 'static) {
        self.0
    }
}

impl PartialEq for Platform {
    fn eq(&self, other: &Platform) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Platform {}

impl Ord for Platform {
    fn cmp(&self, other: &Platform) -> Ordering {
        self.name().cmp(other.name())
    }
}

impl PartialOrd for Platform {
    fn partial_cmp(&self, other: &Platform) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Platform {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const IN_THE_FUTURE: &str = "a time lies in the future; that of the arrival counts instead";

fn bound(observations: &mut [Observation], arrived: Micros) -> bool {
    observations.iter_mut().fold(false, |any, observation| observation.fact.bound_by(arrived) | any)
}

impl Platform {
    /// A platform that is in no registry, for tests of what holds for any.
    #[must_use]
    pub const fn of(adapter: &'static dyn Adapter) -> Platform {
        Platform(adapter)
    }

    /// All platforms, in their order.
    #[must_use]
    pub fn all() -> Vec<Platform> {
        let mut all: Vec<Platform> = registry::ALL.iter().copied().map(Platform).collect();
        all.sort_unstable();
        all
    }

    /// The name in SQL and in URLs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0.name()
    }

    /// The platform of that name, exactly as written.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Platform> {
        registry::ALL.iter().copied().find(|adapter| adapter.name() == name).map(Platform)
    }

    /// What a delivery means that arrived then. It must have passed [`verify`](crate::verify::verify).
    ///
    /// The same body with the same time of arrival always means the same: replays give the time that the log has kept.
    ///
    /// # Errors
    /// [`Failure`]: the delivery is not for us, or cannot be understood.
    pub fn webhook(
        self,
        settings: &Settings,
        headers: &Headers,
        body: &[u8],
        arrived: Micros,
    ) -> std::result::Result<Delivery, Failure> {
        let mut delivery = self.read_delivery(settings, headers, body, arrived)?;
        if let Effect::Apply(observations) = &mut delivery.effect
            && bound(observations, arrived)
        {
            delivery.notes.push(IN_THE_FUTURE.to_owned());
        }
        Ok(delivery)
    }

    /// What an answer of the platform's API says that arrived then. `fetched_at` is when we asked; `None` for copies that
    /// somebody hands us.
    ///
    /// An item of a page that cannot be used is left out with a note; its neighbours are not harmed.
    ///
    /// # Errors
    /// Why a single resource, or the page as a whole, cannot be used; [`Error::Unknown`] when the platform has no such
    /// resource; [`Error::Shape`] with the platform's error code when the body is one of its error answers.
    pub fn resource(
        self,
        kind: ResourceKind,
        body: &[u8],
        fetched_at: Option<Micros>,
        arrived: Micros,
    ) -> Result<Resources> {
        self.resource_of(None, kind, body, fetched_at, arrived, &|| ())
    }

    /// The same for an answer to a question about one event: where an item does not name its event, it is that one.
    /// `between` is called between items, of which there may be very many: whoever has no time left can leave from there.
    ///
    /// # Errors
    /// As [`Platform::resource`].
    pub fn resource_of(
        self,
        event: Option<&str>,
        kind: ResourceKind,
        body: &[u8],
        fetched_at: Option<Micros>,
        arrived: Micros,
        between: &dyn Fn(),
    ) -> Result<Resources> {
        let mut resources = self.read_resource(&Reading { kind, event, fetched_at, between }, body)?;
        let events = resources.events.iter_mut().fold(false, |any, event| event.bound_by(arrived) | any);
        if bound(&mut resources.observations, arrived) | events {
            resources.notes.push(IN_THE_FUTURE.to_owned());
        }
        Ok(resources)
    }

    /// The body of a realistic delivery with fictional people; ids, names and amounts vary with `seed`, and all event
    /// types speak of the same order where the seed is the same. `now` is its time.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the list of event types when there is none of that name.
    pub fn sample_body(self, event_type: &str, seed: u64, now: Micros) -> Result<String> {
        if !self.event_types().contains(&event_type) {
            let known = self.event_types().join(", ");
            return Err(Error::Unknown(format!("event type; {} has {known}", self.as_str())));
        }
        Ok(self.sample(event_type, seed, now))
    }

    /// The body of a delivery that says `event_type` about `data`, as the platform would send it; what `data` is depends on
    /// the platform.
    ///
    /// # Errors
    /// [`Error::Shape`] when `data` is not an object.
    pub fn manual_body(self, event_type: &str, data: Value, now: Micros) -> Result<String> {
        let Value::Object(data) = data else {
            return Err(Error::Shape("data is not an object".to_owned()));
        };
        Ok(self.body_of(event_type, data, now).to_string())
    }

    /// The body as it may be kept: with its platform's secrets blanked, each by as many characters. `secrets` are those that
    /// are known; besides, whatever stands where the platform repeats one.
    #[must_use]
    pub fn without_secrets<'b>(self, body: &'b [u8], secrets: &[&str]) -> Cow<'b, [u8]> {
        let body = redact::blank(body, secrets);
        let ranges = self.secrets_in(&body);
        redact::blank_ranges(body, ranges)
    }
}
