//! The calls of Humanitix's public API that are made, and what its answers mean.
//!
//! Only documented parameters: an unknown one is refused with 400. `page` is required.

use crate::headers::Headers;
use crate::platform::call::{self, Answer, Listing, Subject};
use crate::platform::{FetchRequest, ResourceKind, Resources};
use crate::time::{self, Micros};

/// The largest that is allowed.
const PAGE_SIZE: i64 = 100;

/// One order. There is no call without the event.
pub(in crate::platform) fn order(event: &str, order: &str, location: Option<&str>) -> Option<FetchRequest> {
    one(ResourceKind::Order, event, order, format!("/v1/events/{event}/orders/{order}"), location)
}

/// One ticket.
pub(in crate::platform) fn ticket(event: &str, ticket: &str) -> Option<FetchRequest> {
    one(ResourceKind::Ticket, event, ticket, format!("/v1/events/{event}/tickets/{ticket}"), None)
}

/// One event.
pub(in crate::platform) fn event(event: &str) -> Option<FetchRequest> {
    one(ResourceKind::Event, event, event, format!("/v1/events/{event}"), None)
}

fn one(kind: ResourceKind, event: &str, id: &str, path: String, location: Option<&str>) -> Option<FetchRequest> {
    (call::is_id(event) && call::is_id(id)).then(|| FetchRequest {
        path: place(path, location),
        kind,
        resource_id: id.to_owned(),
        external_event_id: Some(event.to_owned()),
        webhook_id: None,
    })
}

/// Orders and tickets of an event. Both, because orders contain no tickets and a check-in may change only the ticket.
pub(in crate::platform) fn event_listings(event: &str, since: Option<Micros>, location: Option<&str>) -> Vec<Listing> {
    if !call::is_id(event) {
        return Vec::new();
    }
    let listing = |kind: ResourceKind| {
        let path = list(&format!("/v1/events/{event}/{}", kind.as_str()));
        let path = match since {
            Some(since) => call::with_query(&path, "since", Some(&time::to_text(since))),
            None => path,
        };
        Listing { kind, path: place(path, location) }
    };
    vec![listing(ResourceKind::Orders), listing(ResourceKind::Tickets)]
}

/// The account's events, once for its own region and once for each other one: lists are empty without the right one.
pub(in crate::platform) fn discovery(locations: &[String]) -> Vec<Listing> {
    let listing =
        |location: Option<&str>| Listing { kind: ResourceKind::Events, path: place(list("/v1/events"), location) };
    std::iter::once(None).chain(locations.iter().map(|l| Some(l.as_str()))).map(listing).collect()
}

/// The region that a path asks for.
pub(in crate::platform) fn location(path: &str) -> Option<&str> {
    call::query(path, "overrideLocation")
}

/// The page after this one: there is no link, so pages are counted until the total is reached or a page is empty.
pub(in crate::platform) fn next_page(path: &str, read: &Resources) -> Option<String> {
    let number = |name: &str| call::query(path, name)?.parse::<i64>().ok();
    let page = number("page")?;
    let size = number("pageSize").unwrap_or(PAGE_SIZE);
    let ended = read.page.total.is_some_and(|total| page.saturating_mul(size) >= total);
    (read.items > 0 && !ended).then(|| call::with_query(path, "page", Some(&page.saturating_add(1).to_string())))
}

/// The first page of the same list.
pub(in crate::platform) fn first_page(path: &str) -> String {
    call::with_query(path, "page", Some("1"))
}

/// What an answer means. A malformed key is a 400.
pub(in crate::platform) fn judge(status: u16, headers: &Headers, body: &[u8], now: Micros) -> Answer {
    if (200..300).contains(&status) {
        return Answer::Good;
    }
    let told = call::error_of(body);
    if status == 400 && told.message.as_ref().is_some_and(|text| text.to_ascii_lowercase().contains("api key")) {
        return Answer::Credential("HTTP 400 invalid API key format".to_owned());
    }
    call::by_status(status, headers, &told, now)
}

/// What a call asks about. The list of events of another region than the account's own may be refused to a good key.
pub(in crate::platform) fn subject(path: &str) -> Subject<'_> {
    match path.split('?').next() {
        Some("/v1/events") if location(path).is_none() => Subject::Account,
        _ => Subject::Resource,
    }
}

fn list(path: &str) -> String {
    format!("{path}?page=1&pageSize={PAGE_SIZE}")
}

fn place(path: String, location: Option<&str>) -> String {
    match location {
        Some(location) => call::with_query(&path, "overrideLocation", Some(location)),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::call::Page;

    #[test]
    fn pages_are_counted() {
        let lists = event_listings("e1", Some(1_767_225_600_000_000), Some("NZ"));
        assert_eq!(
            lists[0].path,
            "/v1/events/e1/orders?page=1&pageSize=100&since=2026-01-01T00:00:00Z&overrideLocation=NZ"
        );
        let read = |items, total| Resources { items, page: Page { total, ..Page::default() }, ..Resources::default() };
        let second = next_page(&lists[0].path, &read(100, Some(201))).unwrap();
        assert_eq!(call::query(&second, "page"), Some("2"));
        let third = next_page(&second, &read(100, Some(201))).unwrap();
        assert_eq!(next_page(&third, &read(1, Some(201))), None);
        assert_eq!(next_page(&second, &read(100, Some(200))), None, "the total is reached");
        assert_eq!(next_page(&second, &read(0, Some(500))), None, "an empty page");
        assert!(next_page(&second, &read(3, None)).is_some(), "without a total only an empty page ends");
        assert_eq!(event_listings("a/b", None, None), []);
    }

    #[test]
    fn a_malformed_key_is_no_bad_request() {
        let judge = |status, body: &str| judge(status, &Headers::default(), body.as_bytes(), 0);
        let malformed = r#"{"statusCode":400,"error":"Bad Request","message":"Invalid api key format provided."}"#;
        assert!(matches!(judge(400, malformed), Answer::Credential(_)));
        let unknown =
            r#"{"statusCode":400,"error":"Bad Request","message":"query should NOT have additional properties 'x'"}"#;
        assert!(matches!(judge(400, unknown), Answer::Never(_)));
        assert!(matches!(judge(401, "{}"), Answer::Credential(_)));
        assert!(matches!(judge(500, "<html>"), Answer::Trouble { everywhere: false, .. }));
        assert_eq!(judge(404, ""), Answer::Gone);
        let forbidden = r#"{"statusCode":403,"error":"Forbidden","message":"You do not have permission to do this."}"#;
        assert_eq!(judge(403, forbidden), Answer::Refused("HTTP 403 Forbidden".into()));
        assert!(matches!(judge(403, "<html>"), Answer::Trouble { everywhere: true, .. }));
    }

    #[test]
    fn what_a_call_asks_about() {
        assert_eq!(subject("/v1/events?page=1&pageSize=100"), Subject::Account);
        assert_eq!(subject("/v1/events?page=1&pageSize=100&overrideLocation=NZ"), Subject::Resource);
        assert_eq!(subject("/v1/events/e1/orders?page=1"), Subject::Resource);
        assert_eq!(subject("/v1/events/e1"), Subject::Resource);
    }
}
