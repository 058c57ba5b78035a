//! `api_url`: where Eventbrite says to look. It is taken apart, never fetched as it came.

use crate::error::{Error, Result};

const SCHEME: &str = "https://";
/// The only API host; event pages live elsewhere, regional API hosts do not exist.
const HOST: &str = "www.eventbriteapi.com";

/// What an `api_url` points to, with the ids in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// `/v3/orders/{order}/`, or `/v3/events/{event}/orders/{order}/` of older senders.
    Order { order: &'a str, event: Option<&'a str> },
    /// `/v3/events/{event}/attendees/{attendee}/`
    Attendee { event: &'a str, attendee: &'a str },
    /// `/v3/events/{event}/`, and what belongs to it: `/v3/events/{event}/ticket_classes/{class}/`
    Event { event: &'a str },
    /// `/v3/organizers/{id}/`, `/v3/venues/{id}/`: nothing that we keep.
    Elsewhere,
    /// On the platform's API, but no form that we know.
    Unknown,
}

/// Takes an `api_url` apart.
///
/// # Errors
/// [`Error::Address`] for whatever does not certainly lie on the platform's API.
pub(super) fn parse(url: &str) -> Result<Target<'_>> {
    let refuse = |why: &str| Err(Error::Address(format!("api_url {why}")));
    if url.contains('\\') {
        return refuse("contains a backslash");
    }
    if url.bytes().any(|b| !b.is_ascii_graphic()) {
        return refuse("contains white space, control or non-ASCII characters");
    }
    let Some(rest) = url.strip_prefix(SCHEME) else { return refuse("does not begin with https://") };
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if host.contains('@') {
        return refuse("contains user information");
    }
    if host.contains(':') {
        return refuse("contains a port");
    }
    if host != HOST {
        return refuse("is not on the host www.eventbriteapi.com");
    }
    if path.contains('?') {
        return refuse("contains a query");
    }
    if path.contains('#') {
        return refuse("contains a fragment");
    }
    if path.contains('%') {
        return refuse("contains a percent escape");
    }
    let path = path.strip_prefix('/').unwrap_or(path);
    let segments: Vec<_> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
    if segments.iter().any(|segment| matches!(*segment, "." | "..")) {
        return refuse("contains dot segments");
    }
    let target = match segments[..] {
        ["v3", "orders", order] => Target::Order { order, event: None },
        ["v3", "events", event, "orders", order] => Target::Order { order, event: Some(event) },
        ["v3", "events", event, "attendees", attendee] => Target::Attendee { event, attendee },
        ["v3", "events", event] | ["v3", "events", event, "ticket_classes", _] => Target::Event { event },
        ["v3", "organizers" | "venues", _] => Target::Elsewhere,
        _ => return Ok(Target::Unknown),
    };
    let ids = segments[1..].iter().skip(1).step_by(2);
    if ids.into_iter().any(|id| !is_id(id)) {
        return refuse("contains an id that is not 1 to 64 letters, digits and hyphens");
    }
    Ok(target)
}

/// Real ids: `1034608029`, `690507907-1`.
fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_forms() {
        let cases = [
            ("/v3/orders/1034608029/", Target::Order { order: "1034608029", event: None }),
            ("/v3/orders/1034608029", Target::Order { order: "1034608029", event: None }),
            ("/v3/events/12/orders/34/", Target::Order { order: "34", event: Some("12") }),
            ("/v3/events/12/attendees/690507907-1/", Target::Attendee { event: "12", attendee: "690507907-1" }),
            ("/v3/events/12/", Target::Event { event: "12" }),
            ("/v3/events/12/ticket_classes/34/", Target::Event { event: "12" }),
            ("/v3/organizers/12/", Target::Elsewhere),
            ("/v3/venues/12/", Target::Elsewhere),
            ("/v3/users/me/", Target::Unknown),
            ("/v4/orders/12/", Target::Unknown),
            ("/v3//orders/12/", Target::Unknown),
            ("/", Target::Unknown),
            ("", Target::Unknown),
        ];
        for (path, target) in cases {
            assert_eq!(parse(&format!("https://www.eventbriteapi.com{path}")), Ok(target), "{path}");
        }
    }

    #[test]
    fn hostile_addresses() {
        for url in [
            "",
            "http://www.eventbriteapi.com/v3/orders/1/",
            "HTTPS://www.eventbriteapi.com/v3/orders/1/",
            "//www.eventbriteapi.com/v3/orders/1/",
            "https://www.eventbriteapi.com.attacker.example/v3/orders/1/",
            "https://www.eventbriteapi.com@attacker.example/v3/orders/1/",
            "https://user@www.eventbriteapi.com/v3/orders/1/",
            "https://www.eventbriteapi.com:443/v3/orders/1/",
            "https://www.eventbriteapi.com./v3/orders/1/",
            "https://WWW.EVENTBRITEAPI.COM/v3/orders/1/",
            "https://eventbriteapi.com/v3/orders/1/",
            "https://www.eventbriteapi.com?/v3/orders/1/",
            "https://attacker.example#www.eventbriteapi.com/v3/orders/1/",
            "https://attacker.example/https://www.eventbriteapi.com/v3/orders/1/",
            "https://www.eventbriteapi.com\\@attacker.example/v3/orders/1/",
            "https://www.eventbriteapi.com/v3/orders/1/?expand=attendees",
            "https://www.eventbriteapi.com/v3/orders/1/#x",
            "https://www.eventbriteapi.com/v3/orders/1/../../users/me/",
            "https://www.eventbriteapi.com/v3/orders/./",
            "https://www.eventbriteapi.com/v3/orders/%2e%2e/",
            "https://www.eventbriteapi.com/v3/orders/1\n/",
            " https://www.eventbriteapi.com/v3/orders/1/",
            "https://www.eventbriteapi.com/v3/orders/é/",
            "https://www.eventbriteapi.com/v3/orders/a_b/",
            "https://www.eventbriteapi.com/v3/orders//",
            "https://www.eventbriteapi.com/v3/orders/1//",
            "https://www.eventbriteapi.com/v3/events/12/ticket_classes/{id}/",
            "https://www.eventbriteapi.com/v3/venues/;/",
        ] {
            assert!(
                !matches!(parse(url), Ok(Target::Order { .. } | Target::Elsewhere | Target::Event { .. })),
                "{url}"
            );
        }
        let long = format!("https://www.eventbriteapi.com/v3/orders/{}/", "1".repeat(65));
        assert!(matches!(parse(&long), Err(Error::Address(_))));
    }

    proptest! {
        #[test]
        fn only_our_host_gets_through(url in "(https://)?[a-z.@:/\\\\?#%]{0,20}(www.eventbriteapi.com)?[a-z0-9.@:/\\\\?#%-]{0,40}") {
            if parse(&url).is_ok() {
                prop_assert!(url == "https://www.eventbriteapi.com" || url.starts_with("https://www.eventbriteapi.com/"));
            }
        }
    }
}
