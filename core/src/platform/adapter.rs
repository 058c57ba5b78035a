//! What a platform is to boxoffice: one implementation of [`Adapter`] in each folder here, and one line in
//! `registry`.
//!
//! Everything that differs between platforms is asked of the adapter. What most of them lack has a default, so that a new one
//! says only what it has.

use std::ops::Range;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::headers::Headers;
use crate::observation::{OrderDoc, Standing};
use crate::settings::Settings;
use crate::time::Micros;

use super::call::{Answer, Listing, Subject};
use super::delivery::{Delivery, Failure, FetchRequest};
use super::resource::{ResourceKind, Resources};

/// A ticketing platform.
pub trait Adapter: Sync {
    /// The name in SQL, in URLs and in files: a lower-case letter, then lower-case letters, digits and underscores; 32 at most.
    fn name(&self) -> &'static str;

    /// The name that people know.
    fn title(&self) -> &'static str;

    /// What to do on the platform's site and here until the first sale arrives: a step each.
    fn set_up(&self) -> &'static [&'static str];

    /// How its deliveries are authenticated unless the operator says otherwise.
    fn default_settings(&self) -> Settings;

    /// How its API is asked; `None`: it is not.
    fn access(&self) -> Option<&'static Access> {
        None
    }

    /// Whether the platform itself sends deliveries; else only a bridge may.
    fn sends_deliveries(&self) -> bool {
        true
    }

    /// Within how many days of the end of an event it pays out, where it says so.
    fn payout_days(&self) -> Option<i32> {
        None
    }

    /// How its copies of an order and of the order's tickets relate, which decides the merge rules.
    fn family(&self) -> Family;

    /// What its words for the state of an order mean. A function of the document alone, since it is asked again of kept ones.
    fn standing(&self, doc: &OrderDoc) -> Standing;

    /// What a delivery means that arrived then. Its proof has been checked.
    ///
    /// # Errors
    /// The delivery is not for us, or cannot be understood.
    fn read_delivery(
        &self,
        settings: &Settings,
        headers: &Headers,
        body: &[u8],
        arrived: Micros,
    ) -> std::result::Result<Delivery, Failure>;

    /// What an answer of its API says.
    ///
    /// # Errors
    /// Why a single resource, or the page as a whole, cannot be used; [`Error::Unknown`] for kinds that it does not have.
    fn read_resource(&self, read: &Reading<'_>, body: &[u8]) -> Result<Resources> {
        let _ = body;
        no_such_kind(self.name(), read.kind)
    }

    /// Where its bodies repeat a secret of ours, in bytes.
    fn secrets_in(&self, _body: &[u8]) -> Vec<Range<usize>> {
        Vec::new()
    }

    /// The event types that it is known to send.
    fn event_types(&self) -> &'static [&'static str];

    /// The body of a realistic delivery of one of these types, with fictional people.
    fn sample(&self, event_type: &str, seed: u64, now: Micros) -> String;

    /// Headers that a delivery of this type has besides those that prove it.
    fn sample_headers(&self, _event_type: &str) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The body of a delivery that says `event_type` about `data`, as the platform would send it.
    fn body_of(&self, event_type: &str, data: serde_json::Map<String, Value>, now: Micros) -> Value;

    /// The call for one order. `None` when it cannot be asked for. `location`: the data region, where there are several.
    fn ask_order(&self, _event: Option<&str>, _order: &str, _location: Option<&str>) -> Option<FetchRequest> {
        None
    }

    /// The call for one attendee (ticket) of an event.
    fn ask_attendee(&self, _event: &str, _attendee: &str) -> Option<FetchRequest> {
        None
    }

    /// The call for one event.
    fn ask_event(&self, _event: &str) -> Option<FetchRequest> {
        None
    }

    /// The attendees of an order that could not be expanded with them.
    fn ask_attendees_of(&self, _order: &str) -> Option<FetchRequest> {
        None
    }

    /// The lists that together hold everything sold for an event; with `since` what has changed since then. Empty when the id
    /// cannot stand in a path.
    fn event_listings(&self, _event: &str, _since: Option<Micros>, _location: Option<&str>) -> Vec<Listing> {
        Vec::new()
    }

    /// One list with all orders, or all attendees, of an organization that have changed since then.
    fn organization_listing(&self, _organization: &str, _kind: ResourceKind, _since: Micros) -> Option<Listing> {
        None
    }

    /// The lists of an account's events.
    fn discovery(&self, _organizations: &[String], _locations: &[String]) -> Vec<Listing> {
        Vec::new()
    }

    /// Path of the page after the one that was read from `path`; `None` at the end of the list.
    fn next_page(&self, _path: &str, _read: &Resources) -> Option<String> {
        None
    }

    /// Path of the first page of the list that `path` is a page of.
    fn first_page(&self, path: &str) -> String {
        path.to_owned()
    }

    /// The same call with fewer expansions; `None` when there are none to give up.
    fn plainer(&self, _path: &str) -> Option<String> {
        None
    }

    /// Whether orders read from this path should have brought their attendees and did not.
    fn lacks_attendees(&self, _path: &str) -> bool {
        false
    }

    /// The data region that a path asks for.
    fn location<'p>(&self, _path: &'p str) -> Option<&'p str> {
        None
    }

    /// What an HTTP answer means, before its body is read. `now` is for dates in headers.
    fn judge(&self, status: u16, headers: &Headers, body: &[u8], now: Micros) -> Answer {
        super::call::by_status(status, headers, &super::call::error_of(body), now)
    }

    /// What a path asks about.
    fn subject<'p>(&self, _path: &'p str) -> Subject<'p> {
        Subject::Resource
    }

    /// How long no call should be made, when an answer says that the calls of a period are used up, in microseconds.
    fn used_up(&self, _headers: &Headers) -> Option<Micros> {
        None
    }
}

/// How a platform's API is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Where it is, unless the worker is told otherwise: `https`, host, perhaps a path; without the version, which is part of
    /// the paths that are asked for.
    pub url: &'static str,
    /// The worker's variable for another URL.
    pub url_variable: &'static str,
    /// The worker's variable for the credential of the account `default`.
    pub credential_variable: &'static str,
    /// What that credential is, for people: "API key".
    pub credential: &'static str,
    /// How a call carries it.
    pub form: CredentialForm,
    /// Calls in an hour unless the operator says otherwise.
    pub calls_per_hour: i32,
    /// Accounts see several organizations, whose changes can be asked for as one list.
    pub has_organizations: bool,
    /// Data is kept in several regions, of which a call names one.
    pub has_locations: bool,
}

/// How a call carries its credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialForm {
    /// `Authorization: Bearer …`
    Bearer,
    /// `Authorization: Token …`
    Token,
    /// The credential alone in a header of this lower-case name.
    Header(&'static str),
    /// `Authorization: Basic …` with the credential as user and no password.
    BasicUser,
    /// `Authorization: Basic …` with the credential `user:password`.
    BasicPair,
}

/// How a platform's copies of an order and of its tickets relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// An order lists its attendees: whoever the newest complete list lacks is no more. Its total is what is left.
    Listed,
    /// Tickets are a list of their own, which a sweep of the event's tickets completes. Its total is that of the purchase.
    Swept,
}

/// How an answer is to be read.
pub struct Reading<'a> {
    /// What it is.
    pub kind: ResourceKind,
    /// The event that was asked about: where an item does not name its event, it is that one.
    pub event: Option<&'a str>,
    /// When we asked; `None` for copies that somebody hands us.
    pub fetched_at: Option<Micros>,
    /// Called between items, of which there may be very many: whoever has no time left can leave from there.
    pub between: &'a dyn Fn(),
}

/// Refuses a kind of resource that the platform does not have.
pub(super) fn no_such_kind<T>(platform: &str, kind: ResourceKind) -> Result<T> {
    Err(Error::Unknown(format!("resource kind: {platform} has no {}", kind.as_str())))
}
