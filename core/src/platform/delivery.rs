//! What a delivery means.

use crate::error::Error;
use crate::observation::{EventCopy, Observation};
use crate::platform::resource::ResourceKind;
use crate::verify::Refusal;

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
    /// The registration that sent the hint, where the platform names it: tells whose account it is.
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
