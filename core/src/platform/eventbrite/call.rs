//! The calls of Eventbrite's API v3 that are made, and what its answers mean.
//!
//! Paths end with a slash: without it the platform answers with a redirect.

use crate::headers::Headers;
use crate::platform::call::{self, Answer, Listing, Subject};
use crate::platform::eventbrite::limit;
use crate::platform::{FetchRequest, ResourceKind, Resources};
use crate::time::Micros;

/// Without `attendees` an order has no attendees; refund requests are the only place with processed amounts.
const EXPAND_ORDER: &str = "attendees,refund_requests";

/// One order.
pub(in crate::platform) fn order(order: &str) -> Option<FetchRequest> {
    call::is_id(order).then(|| FetchRequest {
        path: format!("/v3/orders/{order}/?expand={EXPAND_ORDER}"),
        kind: ResourceKind::Order,
        resource_id: order.to_owned(),
        external_event_id: None,
        webhook_id: None,
    })
}

/// One attendee.
pub(in crate::platform) fn attendee(event: &str, attendee: &str) -> Option<FetchRequest> {
    (call::is_id(event) && call::is_id(attendee)).then(|| FetchRequest {
        path: format!("/v3/events/{event}/attendees/{attendee}/"),
        kind: ResourceKind::Attendee,
        resource_id: attendee.to_owned(),
        external_event_id: Some(event.to_owned()),
        webhook_id: None,
    })
}

/// One event.
pub(in crate::platform) fn event(event: &str) -> Option<FetchRequest> {
    call::is_id(event).then(|| FetchRequest {
        path: format!("/v3/events/{event}/?expand=venue"),
        kind: ResourceKind::Event,
        resource_id: event.to_owned(),
        external_event_id: Some(event.to_owned()),
        webhook_id: None,
    })
}

/// The events of a series, one for each of its dates.
pub(in crate::platform) fn series(series: &str) -> Option<FetchRequest> {
    call::is_id(series).then(|| FetchRequest {
        path: format!("/v3/series/{series}/events/?expand=venue"),
        kind: ResourceKind::Events,
        resource_id: series.to_owned(),
        external_event_id: None,
        webhook_id: None,
    })
}

/// The attendees of one order, for when it cannot be expanded with them.
pub(in crate::platform) fn attendees_of(order: &str) -> Option<FetchRequest> {
    call::is_id(order).then(|| FetchRequest {
        path: format!("/v3/orders/{order}/attendees/"),
        kind: ResourceKind::Attendees,
        resource_id: order.to_owned(),
        external_event_id: None,
        webhook_id: None,
    })
}

/// The orders of an event, with their attendees. With `since` only those changed since then, and the attendees changed
/// since then: a check-in changes the attendee and not its order.
pub(in crate::platform) fn event_listings(event: &str, since: Option<Micros>) -> Vec<Listing> {
    if !call::is_id(event) {
        return Vec::new();
    }
    let listing = |kind, path| Listing { kind, path: changed_since(path, since) };
    let mut lists = vec![listing(ResourceKind::Orders, format!("/v3/events/{event}/orders/?expand={EXPAND_ORDER}"))];
    if since.is_some() {
        lists.push(listing(ResourceKind::Attendees, format!("/v3/events/{event}/attendees/")));
    }
    lists
}

/// Everything of an organization that has changed since then: orders with their attendees, or attendees.
pub(in crate::platform) fn organization_listing(
    organization: &str,
    kind: ResourceKind,
    since: Micros,
) -> Option<Listing> {
    let path = match kind {
        ResourceKind::Orders => format!("/v3/organizations/{organization}/orders/?expand={EXPAND_ORDER}"),
        ResourceKind::Attendees => format!("/v3/organizations/{organization}/attendees/"),
        _ => return None,
    };
    call::is_id(organization).then(|| Listing { kind, path: changed_since(path, Some(since)) })
}

/// The events of the organizations; without any, the organizations of the account.
pub(in crate::platform) fn discovery(organizations: &[String]) -> Vec<Listing> {
    if organizations.is_empty() {
        let path = "/v3/users/me/organizations/".to_owned();
        return vec![Listing { kind: ResourceKind::Organizations, path }];
    }
    let listing = |organization: &String| Listing {
        kind: ResourceKind::Events,
        path: format!("/v3/organizations/{organization}/events/?expand=venue"),
    };
    organizations.iter().filter(|id| call::is_id(id)).map(listing).collect()
}

/// The page after this one.
///
/// A token may still be given at the end, and then leads to an empty page; old answers have only page numbers.
pub(in crate::platform) fn next_page(path: &str, read: &Resources) -> Option<String> {
    let page = &read.page;
    let numbered = page.number.zip(page.count).is_some_and(|(number, count)| number < count);
    if read.items == 0 || !page.has_more.unwrap_or(page.continuation.is_some() || numbered) {
        return None;
    }
    let next = match (&page.continuation, page.number) {
        (Some(token), _) => call::with_query(path, "continuation", Some(token)),
        (None, Some(number)) => call::with_query(path, "page", Some(&number.saturating_add(1).to_string())),
        (None, None) => return None,
    };
    // A token that leads back to itself would never end.
    (next != path).then_some(next)
}

/// The first page of the same list.
pub(in crate::platform) fn first_page(path: &str) -> String {
    call::with_query(&call::with_query(path, "continuation", None), "page", None)
}

/// The same call with fewer expansions; `None` when there are none left.
pub(in crate::platform) fn plainer(path: &str) -> Option<String> {
    let fewer = (call::query(path, "expand")? == EXPAND_ORDER).then_some("attendees");
    Some(call::with_query(path, "expand", fewer))
}

/// Does an order that comes from this path lack its attendees?
pub(in crate::platform) fn lacks_attendees(path: &str) -> bool {
    call::query(path, "expand").is_none_or(|expand| !expand.contains("attendees"))
}

/// What an answer means. The code in the body says more than the status: a bad token is a 400.
pub(in crate::platform) fn judge(status: u16, headers: &Headers, body: &[u8], now: Micros) -> Answer {
    if (200..300).contains(&status) {
        return Answer::Good;
    }
    let told = call::error_of(body);
    match told.code.as_deref() {
        // ACCESS_DENIED is none of these: its status says whether it is the credential (401) or this resource (403).
        Some(code @ ("INVALID_AUTH" | "INVALID_AUTH_HEADER" | "NO_AUTH")) => {
            Answer::Credential(format!("HTTP {status} {code}"))
        }
        Some("BAD_CONTINUATION_TOKEN" | "BAD_PAGE") => Answer::Restart,
        Some("EXPANSION_FAILED") => Answer::Plainer,
        Some("HIT_RATE_LIMIT") => limited(headers, &call::Told::default(), now),
        _ if status == 429 => limited(headers, &told, now),
        _ => call::by_status(status, headers, &told, now),
    }
}

/// Too many calls: without `Retry-After` the counters of the calls say how long.
fn limited(headers: &Headers, told: &call::Told, now: Micros) -> Answer {
    match call::by_status(429, headers, told, now) {
        Answer::Limited { wait } => Answer::Limited { wait: wait.or_else(|| limit::longest(headers)) },
        other => other,
    }
}

/// What a call asks about.
pub(in crate::platform) fn subject(path: &str) -> Subject<'_> {
    let segments: Vec<&str> = path.split('?').next().unwrap_or_default().trim_matches('/').split('/').collect();
    match segments[..] {
        ["v3", "users", "me", ..] => Subject::Account,
        ["v3", "organizations", organization, "events"] => Subject::Organization(organization),
        _ => Subject::Resource,
    }
}

fn changed_since(path: String, since: Option<Micros>) -> String {
    match since {
        Some(since) => call::with_query(&path, "changed_since", Some(&call::seconds_text(since))),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::call::Page;

    fn at(page: Page, items: usize) -> Resources {
        Resources { page, items, ..Resources::default() }
    }

    #[test]
    fn pages_follow_until_the_end() {
        let path = "/v3/events/1/orders/?expand=attendees,refund_requests";
        let token = |more, token: &str| Page { has_more: more, continuation: Some(token.into()), ..Page::default() };
        let next = next_page(path, &at(token(Some(true), "a+b="), 50)).unwrap();
        assert_eq!(next, format!("{path}&continuation=a%2Bb%3D"));
        let after = next_page(&next, &at(token(Some(true), "c"), 50)).unwrap();
        assert_eq!(after, format!("{path}&continuation=c"));
        assert_eq!(next_page(&after, &at(token(Some(true), "c"), 50)), None, "back to itself");
        assert_eq!(next_page(&next, &at(token(Some(false), "c"), 50)), None);
        assert_eq!(next_page(&next, &at(token(None, "c"), 0)), None, "a token at the end");
        let old = Page { number: Some(1), count: Some(2), ..Page::default() };
        assert_eq!(next_page("/v3/x/", &at(old.clone(), 50)).as_deref(), Some("/v3/x/?page=2"));
        assert_eq!(next_page("/v3/x/", &at(Page { count: Some(1), ..old }, 50)), None);
        assert_eq!(next_page("/v3/x/", &at(Page::default(), 50)), None);
    }

    #[test]
    fn expansions_are_given_up_one_by_one() {
        let path = "/v3/orders/1/?expand=attendees,refund_requests";
        let fewer = plainer(path).unwrap();
        assert_eq!(fewer, "/v3/orders/1/?expand=attendees");
        let none = plainer(&fewer).unwrap();
        assert_eq!((none.as_str(), plainer(&none)), ("/v3/orders/1/", None));
        assert!(lacks_attendees(&none) && !lacks_attendees(&fewer));
    }

    #[test]
    fn codes_decide() {
        let body =
            |code: &str| format!(r#"{{"status_code":400,"error":"{code}","error_description":"x"}}"#).into_bytes();
        let judge = |status, code| judge(status, &Headers::default(), &body(code), 0);
        assert_eq!(judge(400, "INVALID_AUTH"), Answer::Credential("HTTP 400 INVALID_AUTH".into()));
        assert_eq!(judge(400, "INVALID_AUTH_HEADER"), Answer::Credential("HTTP 400 INVALID_AUTH_HEADER".into()));
        assert_eq!(judge(403, "INVALID_AUTH"), Answer::Credential("HTTP 403 INVALID_AUTH".into()));
        assert_eq!(judge(401, "NO_AUTH"), Answer::Credential("HTTP 401 NO_AUTH".into()));
        assert_eq!(judge(401, "ACCESS_DENIED"), Answer::Credential("HTTP 401 ACCESS_DENIED".into()));
        assert_eq!(judge(403, "ACCESS_DENIED"), Answer::Refused("HTTP 403 ACCESS_DENIED".into()));
        assert_eq!(judge(403, "NOT_AUTHORIZED"), Answer::Refused("HTTP 403 NOT_AUTHORIZED".into()));
        assert_eq!(judge(400, "BAD_CONTINUATION_TOKEN"), Answer::Restart);
        assert_eq!(judge(500, "EXPANSION_FAILED"), Answer::Plainer);
        assert_eq!(judge(429, "HIT_RATE_LIMIT"), Answer::Limited { wait: None });
        assert_eq!(judge(404, "NOT_FOUND"), Answer::Gone);
        assert_eq!(judge(400, "ARGUMENTS_ERROR"), Answer::Never("HTTP 400 ARGUMENTS_ERROR".into()));
        assert!(matches!(judge(500, "INTERNAL_ERROR"), Answer::Trouble { everywhere: false, .. }));
        assert!(matches!(judge(503, "x"), Answer::Trouble { everywhere: true, .. }));
        assert!(matches!(judge(301, "PERMANENTLY_MOVED"), Answer::Never(_)));
        assert_eq!(judge(200, "NOT_FOUND"), Answer::Good);
    }

    #[test]
    fn a_refusal_is_one_only_when_the_api_says_so() {
        let judge = |body: &str| judge(403, &Headers::default(), body.as_bytes(), 0);
        for page in
            ["", "<html><h1>403 Forbidden</h1></html>", "Access denied", "{}", r#"{"message":"Forbidden"}"#, "[]"]
        {
            assert!(matches!(judge(page), Answer::Trouble { everywhere: true, .. }), "{page}");
        }
        let denied =
            r#"{"status_code":403,"error":"NOT_AUTHORIZED","denied_permissions":["event.orders:read","x\ny"]}"#;
        assert_eq!(judge(denied), Answer::Refused("HTTP 403 NOT_AUTHORIZED (denied: event.orders:read)".into()));
        let inside = r#"{"error":"NOT_AUTHORIZED","error_detail":{"denied_permissions":["a","b"]}}"#;
        assert_eq!(judge(inside), Answer::Refused("HTTP 403 NOT_AUTHORIZED (denied: a, b)".into()));
        assert_eq!(judge(r#"{"status_code":403}"#), Answer::Refused("HTTP 403".into()));
        let nameless = r#"{"denied_permissions":["event.orders:read"],"message":"no"}"#;
        assert_eq!(judge(nameless), Answer::Refused("HTTP 403 (denied: event.orders:read)".into()));
        let listed = r#"{"status":403,"errors":[{"code":"NOT_AUTHORIZED"}]}"#;
        assert_eq!(judge(listed), Answer::Refused("HTTP 403 NOT_AUTHORIZED".into()));
        // JSON of a CDN.
        let between = r#"{"error":"Forbidden","reference":"18.abc"}"#;
        assert!(matches!(judge(between), Answer::Trouble { everywhere: true, .. }));
    }

    #[test]
    fn what_a_call_asks_about() {
        assert_eq!(subject("/v3/users/me/organizations/?page=2"), Subject::Account);
        assert_eq!(subject("/v3/users/me/"), Subject::Account);
        assert_eq!(
            subject("/v3/organizations/7001/events/?expand=venue&continuation=x"),
            Subject::Organization("7001")
        );
        for path in [
            "/v3/organizations/7001/orders/?expand=attendees",
            "/v3/organizations/7001/attendees/",
            "/v3/events/1/",
            "/v3/events/1/orders/",
            "/v3/orders/1/?expand=attendees",
            "/v3/events/users/me/",
            "/v3/orders/1/?x=/v3/users/me/",
        ] {
            assert_eq!(subject(path), Subject::Resource, "{path}");
        }
    }

    #[test]
    fn a_limit_lasts_as_long_as_the_platform_says() {
        let judge = |headers: &[(&str, &str)], body: &str| {
            judge(429, &Headers::from_pairs(headers.iter().copied()), body.as_bytes(), 0)
        };
        let counters = ("x-rate-limit", "token:ABC 2000/2000 reset=1822s, key:DEF 7/2000 reset=30s");
        let limit = r#"{"status_code":429,"error":"HIT_RATE_LIMIT"}"#;
        assert_eq!(judge(&[counters], limit), Answer::Limited { wait: Some(1_822_000_000) });
        assert_eq!(judge(&[counters], "<html>"), Answer::Limited { wait: Some(1_822_000_000) });
        assert_eq!(judge(&[counters, ("retry-after", "5")], limit), Answer::Limited { wait: Some(5_000_000) });
        assert_eq!(judge(&[("x-rate-limit", "what?")], limit), Answer::Limited { wait: None });
    }
}
