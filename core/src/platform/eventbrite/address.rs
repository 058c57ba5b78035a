//! `api_url`: where Eventbrite says to look. It is taken apart, never fetched as it came.

use crate::error::{Error, Result};

const SCHEME: &str = "https://";
/// The only API host; event pages live elsewhere, regional API hosts do not exist.
const HOST: &str = "www.eventbriteapi.com";

/// What an `api_url` points to, with the ids in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// `/v3/orders/{order}/`, and whatever leads there or further: `/v3/events/{event}/orders/{order}/` of older senders,
    /// `/v3/orders/{order}/attendees/{attendee}/`.
    Order { order: &'a str, event: Option<&'a str> },
    /// `/v3/events/{event}/attendees/{attendee}/`
    Attendee { event: &'a str, attendee: &'a str },
    /// `/v3/events/{event}/`, and what belongs to it: `/v3/events/{event}/ticket_classes/{class}/`
    Event { event: &'a str },
    /// `/v3/series/{series}/`: an event with several dates, each of which is an event of its own.
    Series { series: &'a str },
    /// `/v3/organizers/{id}/`, `/v3/venues/{id}/`: nothing that we keep.
    Elsewhere,
    /// A path of words and ids on the platform's API that leads to nothing we know: what it may send tomorrow.
    Unknown,
    /// On the platform's host, but no path of its API.
    Odd,
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
    let [version, rest @ ..] = &segments[..] else { return Ok(Target::Odd) };
    if !is_version(version) || rest.is_empty() {
        return Ok(Target::Odd);
    }
    let target = resource(rest);
    let ids = match target {
        Target::Order { order, event } => vec![Some(order), event],
        Target::Attendee { event, attendee } => vec![Some(event), Some(attendee)],
        Target::Event { event } => vec![Some(event)],
        Target::Series { series } => vec![Some(series)],
        Target::Elsewhere | Target::Unknown | Target::Odd => Vec::new(),
    };
    if ids.into_iter().flatten().any(|id| !is_id(id)) {
        return refuse("contains an id that is not 1 to 64 letters, digits and hyphens");
    }
    Ok(if rest.iter().all(|word| is_word(word)) { target } else { Target::Odd })
}

/// What may stand in a path that we know nothing of.
fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// Reads collections and ids in turn; the last thing that is kept here counts, with whatever belongs to it.
fn resource<'a>(path: &[&'a str]) -> Target<'a> {
    let find = |name: &str| path.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1]);
    match (find("orders"), find("events"), find("attendees")) {
        (Some(order), event, _) => Target::Order { order, event },
        (None, Some(event), Some(attendee)) => Target::Attendee { event, attendee },
        (None, Some(event), None) => Target::Event { event },
        _ => match (find("series"), path) {
            (Some(series), _) => Target::Series { series },
            (None, ["organizers" | "venues", _]) => Target::Elsewhere,
            _ => Target::Unknown,
        },
    }
}

/// `v3`, and what may come after it: the call that is made has the version of our own.
fn is_version(word: &str) -> bool {
    word.strip_prefix('v').is_some_and(|n| (1..=3).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()))
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
            // When an event with several dates is made (recorded in 2022).
            ("/v3/series/408156435887/", Target::Series { series: "408156435887" }),
            // The other address of an attendee: the order shows it.
            ("/v3/orders/34/attendees/56/", Target::Order { order: "34", event: None }),
            ("/v3/organizations/7/orders/34/", Target::Order { order: "34", event: None }),
            ("/v3/series/9/events/12/", Target::Event { event: "12" }),
            ("/v3/series/9/events/12/attendees/56/", Target::Attendee { event: "12", attendee: "56" }),
            ("/v3/events/12/orders/", Target::Event { event: "12" }),
            ("/v3/events/12/something_new/5_a/", Target::Event { event: "12" }),
            ("/v4/orders/12/", Target::Order { order: "12", event: None }),
            ("/v3/users/me/", Target::Unknown),
            ("/v3/attendees/56/", Target::Unknown),
            ("/v3/barcodes/a_b/", Target::Unknown),
            ("/v3/orders/", Target::Unknown),
            ("/v3/", Target::Odd),
            ("/v3//orders/12/", Target::Odd),
            ("/orders/12/", Target::Odd),
            ("/admin/console/", Target::Odd),
            ("/v3/users/{id}/", Target::Odd),
            ("/", Target::Odd),
            ("", Target::Odd),
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
            assert!(matches!(parse(url), Err(_) | Ok(Target::Odd)), "{url}");
        }
        let long = format!("https://www.eventbriteapi.com/v3/orders/{}/", "1".repeat(65));
        assert!(matches!(parse(&long), Err(Error::Address(_))));
    }

    proptest! {
        /// One character of a good address is replaced, left out or put in somewhere.
        #[test]
        fn one_wrong_character_before_the_path_is_refused(at in 0_usize..29, c in "[a-zA-Z0-9.@:/?#% -]|\\\\", way in 0_u8..3) {
            let good = "https://www.eventbriteapi.com/v3/orders/1034608029/";
            let expected = Target::Order { order: "1034608029", event: None };
            prop_assert_eq!(parse(good), Ok(expected));
            let end = at + 1;
            let url = match way {
                0 => format!("{}{c}{}", &good[..at], &good[end..]),
                1 => format!("{}{c}{}", &good[..at], &good[at..]),
                _ => format!("{}{}", &good[..at], &good[end..]),
            };
            prop_assume!(url != good);
            prop_assert!(parse(&url).is_err(), "{url}");
        }
    }
}
