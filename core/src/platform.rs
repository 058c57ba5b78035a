//! The registry of platforms: one variant, one folder, one line in each `match`.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::headers::Headers;
use crate::observation::{EventCopy, Observation};
use crate::settings::Settings;
use crate::time::Micros;
use crate::verify::Refusal;

/// A ticketing platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
}

impl Platform {
    /// All platforms, in their order.
    pub const ALL: [Platform; 2] = [Platform::Eventbrite, Platform::Humanitix];

    /// The name in SQL and in URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Platform::Eventbrite => "eventbrite",
            Platform::Humanitix => "humanitix",
        }
    }

    /// The platform of that name, exactly as written.
    pub fn from_name(name: &str) -> Option<Platform> {
        Platform::ALL.into_iter().find(|p| p.as_str() == name)
    }
}
