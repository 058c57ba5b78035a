//! Which call asks a platform for what; one line for each platform.

use crate::headers::Headers;
use crate::platform::call::{Answer, Listing, Subject};
use crate::platform::{FetchRequest, Platform, ResourceKind, Resources, eventbrite, humanitix};
use crate::time::Micros;

impl Platform {
    /// The call for one order. `None` when it cannot be asked for: Humanitix needs the event, and an id must be able to
    /// stand in a path.
    #[must_use]
    pub fn ask_order(self, event: Option<&str>, order: &str, location: Option<&str>) -> Option<FetchRequest> {
        match self {
            Platform::Eventbrite => eventbrite::call::order(order),
            Platform::Humanitix => humanitix::call::order(event?, order, location),
        }
    }

    /// The call for one attendee (ticket) of an event.
    #[must_use]
    pub fn ask_attendee(self, event: &str, attendee: &str) -> Option<FetchRequest> {
        match self {
            Platform::Eventbrite => eventbrite::call::attendee(event, attendee),
            Platform::Humanitix => humanitix::call::ticket(event, attendee),
        }
    }

    /// The call for one event.
    #[must_use]
    pub fn ask_event(self, event: &str) -> Option<FetchRequest> {
        match self {
            Platform::Eventbrite => eventbrite::call::event(event),
            Platform::Humanitix => humanitix::call::event(event),
        }
    }

    /// The attendees of an order that could not be expanded with them.
    #[must_use]
    pub fn ask_attendees_of(self, order: &str) -> Option<FetchRequest> {
        match self {
            Platform::Eventbrite => eventbrite::call::attendees_of(order),
            Platform::Humanitix => None,
        }
    }

    /// The lists that together hold everything sold for an event; with `since` what has changed since then. Empty when
    /// the id cannot stand in a path. `location`: the data region, where the platform has several.
    #[must_use]
    pub fn event_listings(self, event: &str, since: Option<Micros>, location: Option<&str>) -> Vec<Listing> {
        match self {
            Platform::Eventbrite => eventbrite::call::event_listings(event, since),
            Platform::Humanitix => humanitix::call::event_listings(event, since, location),
        }
    }

    /// One list with all orders, or all attendees, of an organization that have changed since then.
    #[must_use]
    pub fn organization_listing(self, organization: &str, kind: ResourceKind, since: Micros) -> Option<Listing> {
        match self {
            Platform::Eventbrite => eventbrite::call::organization_listing(organization, kind, since),
            Platform::Humanitix => None,
        }
    }

    /// The lists of an account's events.
    #[must_use]
    pub fn discovery(self, organizations: &[String], locations: &[String]) -> Vec<Listing> {
        match self {
            Platform::Eventbrite => eventbrite::call::discovery(organizations),
            Platform::Humanitix => humanitix::call::discovery(locations),
        }
    }

    /// Path of the page after the one that was read from `path`; `None` at the end of the list.
    #[must_use]
    pub fn next_page(self, path: &str, read: &Resources) -> Option<String> {
        match self {
            Platform::Eventbrite => eventbrite::call::next_page(path, read),
            Platform::Humanitix => humanitix::call::next_page(path, read),
        }
    }

    /// Path of the first page of the list that `path` is a page of.
    #[must_use]
    pub fn first_page(self, path: &str) -> String {
        match self {
            Platform::Eventbrite => eventbrite::call::first_page(path),
            Platform::Humanitix => humanitix::call::first_page(path),
        }
    }

    /// The same call with fewer expansions; `None` when there are none to give up.
    #[must_use]
    pub fn plainer(self, path: &str) -> Option<String> {
        match self {
            Platform::Eventbrite => eventbrite::call::plainer(path),
            Platform::Humanitix => None,
        }
    }

    /// Whether orders read from this path should have brought their attendees and did not.
    #[must_use]
    pub fn lacks_attendees(self, path: &str) -> bool {
        match self {
            Platform::Eventbrite => eventbrite::call::lacks_attendees(path),
            Platform::Humanitix => false,
        }
    }

    /// The data region that a path asks for.
    #[must_use]
    pub fn location(self, path: &str) -> Option<&str> {
        match self {
            Platform::Eventbrite => None,
            Platform::Humanitix => humanitix::call::location(path),
        }
    }

    /// What an HTTP answer means, before its body is read. `now` is for dates in headers.
    #[must_use]
    pub fn judge(self, status: u16, headers: &Headers, body: &[u8], now: Micros) -> Answer {
        match self {
            Platform::Eventbrite => eventbrite::call::judge(status, headers, body, now),
            Platform::Humanitix => humanitix::call::judge(status, headers, body, now),
        }
    }

    /// What a path asks about.
    #[must_use]
    pub fn subject(self, path: &str) -> Subject<'_> {
        match self {
            Platform::Eventbrite => eventbrite::call::subject(path),
            Platform::Humanitix => humanitix::call::subject(path),
        }
    }

    /// How long no call should be made, when an answer says that the calls of a period are used up, in microseconds.
    #[must_use]
    pub fn used_up(self, headers: &Headers) -> Option<Micros> {
        match self {
            Platform::Eventbrite => eventbrite::limit::used_up(headers),
            // Publishes no limit and has no such header.
            Platform::Humanitix => None,
        }
    }
}
