//! The registry of platforms: one variant, one folder, one line in each `match`.

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::headers::Headers;
use crate::observation::{EventCopy, Observation};
use crate::platform::call::Page;
use crate::redact;
use crate::settings::Settings;
use crate::time::Micros;
use crate::verify::Refusal;

mod ask;
pub mod call;
mod eventbrite;
mod humanitix;
mod manual;
mod page;
mod random;

/// A ticketing platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// eventbrite.com
    Eventbrite,
    /// humanitix.com
    Humanitix,
}

/// What a verified delivery means.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The platform's name for what happened (`order.created`, `barcode.checked_in` …).
    pub event_type: String,
    /// The order it speaks of, when it says so.
    pub order_id: Option<String>,
    /// What is to be done.
    pub effect: Effect,
    /// The event it mentions.
    pub event: Option<EventCopy>,
    /// What was odd, for the log; never personal data.
    pub notes: Vec<String>,
}

/// What is to be done about a delivery.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// It carries the facts: merge them.
    Apply(Vec<Observation>),
    /// It is a hint: look at this resource.
    Fetch(FetchRequest),
    /// Nothing, for this reason.
    Ignore(String),
}

/// A resource of a platform's API that should be looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FetchRequest {
    /// Path and query on the platform's API, built by us from parsed ids.
    pub path: String,
    /// What the answer will be.
    pub kind: ResourceKind,
    /// The resource's own id.
    pub resource_id: String,
    /// The event it belongs to, when known.
    pub external_event_id: Option<String>,
    /// The registration (Eventbrite `config.webhook_id`) that sent the hint: tells whose account it is.
    pub webhook_id: Option<String>,
}

/// Why a verified delivery was not used.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// It is not for us.
    Refused(Refusal),
    /// It cannot be understood.
    Unusable {
        /// What it called itself, as far as that could be read.
        event_type: Option<String>,
        /// What is wrong.
        error: Error,
    },
}

/// What a platform's API answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    /// One order.
    Order,
    /// A page of orders.
    Orders,
    /// One Humanitix ticket.
    Ticket,
    /// A page of Humanitix tickets.
    Tickets,
    /// One Eventbrite attendee.
    Attendee,
    /// A page of Eventbrite attendees.
    Attendees,
    /// One event.
    Event,
    /// A page of events.
    Events,
    /// A page of the organizations that an Eventbrite account may see.
    Organizations,
}

/// What an API answer says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resources {
    /// Facts about orders.
    pub observations: Vec<Observation>,
    /// Facts about events.
    pub events: Vec<EventCopy>,
    /// Items of a page that could not be used (position and reason, no personal data), and other oddities.
    pub notes: Vec<String>,
    /// How many items the body had.
    pub items: usize,
    /// Ids of organizations.
    pub organizations: Vec<String>,
    /// Where the page stands in its list.
    pub page: Page,
}

const IN_THE_FUTURE: &str = "a time lies in the future; that of the arrival counts instead";

fn bound(observations: &mut [Observation], arrived: Micros) -> bool {
    observations.iter_mut().fold(false, |any, observation| observation.fact.bound_by(arrived) | any)
}

impl ResourceKind {
    /// All kinds.
    pub const ALL: [ResourceKind; 9] = [
        ResourceKind::Order,
        ResourceKind::Orders,
        ResourceKind::Ticket,
        ResourceKind::Tickets,
        ResourceKind::Attendee,
        ResourceKind::Attendees,
        ResourceKind::Event,
        ResourceKind::Events,
        ResourceKind::Organizations,
    ];

    /// The name in SQL. That of a page is also the key of its items in both platforms' answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ResourceKind::Order => "order",
            ResourceKind::Orders => "orders",
            ResourceKind::Ticket => "ticket",
            ResourceKind::Tickets => "tickets",
            ResourceKind::Attendee => "attendee",
            ResourceKind::Attendees => "attendees",
            ResourceKind::Event => "event",
            ResourceKind::Events => "events",
            ResourceKind::Organizations => "organizations",
        }
    }

    /// The kind of that name, exactly as written.
    #[must_use]
    pub fn from_name(name: &str) -> Option<ResourceKind> {
        ResourceKind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// A page of several items?
    #[must_use]
    pub fn is_page(self) -> bool {
        match self {
            ResourceKind::Order | ResourceKind::Ticket | ResourceKind::Attendee | ResourceKind::Event => false,
            ResourceKind::Orders
            | ResourceKind::Tickets
            | ResourceKind::Attendees
            | ResourceKind::Events
            | ResourceKind::Organizations => true,
        }
    }
}

impl Platform {
    /// All platforms, in their order.
    pub const ALL: [Platform; 2] = [Platform::Eventbrite, Platform::Humanitix];

    /// The name in SQL and in URLs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Platform::Eventbrite => "eventbrite",
            Platform::Humanitix => "humanitix",
        }
    }

    /// The platform of that name, exactly as written.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Platform> {
        Platform::ALL.into_iter().find(|p| p.as_str() == name)
    }

    /// How its deliveries are authenticated unless the operator says otherwise.
    #[must_use]
    pub fn default_settings(self) -> Settings {
        match self {
            Platform::Eventbrite => eventbrite::default_settings(),
            Platform::Humanitix => humanitix::default_settings(),
        }
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
        let mut delivery = match self {
            Platform::Eventbrite => eventbrite::webhook(settings, headers, body),
            Platform::Humanitix => humanitix::webhook(body, arrived),
        }?;
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
        let mut resources = match self {
            Platform::Eventbrite => eventbrite::resource(kind, body, fetched_at, between),
            Platform::Humanitix => humanitix::resource(event, kind, body, fetched_at, between),
        }?;
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
    pub fn sample(self, event_type: &str, seed: u64, now: Micros) -> Result<String> {
        if !self.event_types().contains(&event_type) {
            let known = self.event_types().join(", ");
            return Err(Error::Unknown(format!("event type; {} has {known}", self.as_str())));
        }
        Ok(match self {
            Platform::Eventbrite => eventbrite::sample(event_type, seed),
            Platform::Humanitix => humanitix::sample(event_type, seed, now),
        })
    }

    /// The body as it may be kept: with its platform's secrets blanked, each by as many characters. `secrets` are those that
    /// are known; besides, whatever stands where the platform repeats one.
    #[must_use]
    pub fn without_secrets<'b>(self, body: &'b [u8], secrets: &[&str]) -> Cow<'b, [u8]> {
        let body = redact::blank(body, secrets);
        match self {
            Platform::Eventbrite => {
                let ranges = eventbrite::endpoint::secrets(&body);
                redact::blank_ranges(body, ranges)
            }
            Platform::Humanitix => body,
        }
    }

    /// The event types that it is known to send.
    #[must_use]
    pub fn event_types(self) -> &'static [&'static str] {
        match self {
            Platform::Eventbrite => eventbrite::EVENT_TYPES,
            Platform::Humanitix => humanitix::EVENT_TYPES,
        }
    }
}
