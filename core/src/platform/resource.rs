//! What a platform's API answers with.

use crate::observation::{EventCopy, Observation};
use crate::platform::call::Page;

/// What a platform's API answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    /// One order.
    Order,
    /// A page of orders.
    Orders,
    /// One ticket, of platforms whose tickets are a list of their own.
    Ticket,
    /// A page of such tickets.
    Tickets,
    /// One attendee, of platforms whose orders list their attendees.
    Attendee,
    /// A page of such attendees.
    Attendees,
    /// One event.
    Event,
    /// A page of events.
    Events,
    /// A page of the organizations that an account may see.
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

    /// The name in SQL. That of a page is also the usual key of its items in answers.
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
