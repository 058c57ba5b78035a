//! What has to be looked at again, and what marks an order as missing.
#![allow(clippy::unwrap_used, reason = "this is how a test fails")]

use boxoffice_core::merge::{GONE, LAG, State};
use boxoffice_core::observation::{Fact, Observation};
use boxoffice_core::platform::{Platform, ResourceKind};
use boxoffice_core::time::{self, Micros};
use serde_json::{Value, json};

const MINUTE: Micros = 60_000_000;

/// The platform of that name.
fn named(name: &str) -> Platform {
    Platform::from_name(name).unwrap()
}

fn at(text: &str) -> Micros {
    time::parse(text).unwrap()
}

fn facts(platform: Platform, kind: ResourceKind, body: &Value, fetched_at: Option<Micros>) -> Vec<Observation> {
    platform.resource(kind, body.to_string().as_bytes(), fetched_at, i64::MAX).unwrap().observations
}

fn observe(state: &State, observations: &[Observation]) -> State {
    let mut after = state.clone();
    for observation in observations {
        after.observe(&observation.fact);
    }
    after
}

fn order(changed: &str, name: &str, attendees: &[&str]) -> Value {
    let attendees: Vec<Value> = attendees
        .iter()
        .map(|id| json!({"id": id, "order_id": "1", "event_id": "2", "changed": "2026-03-01T10:00:00Z", "cancelled": false}))
        .collect();
    json!({"id": "1", "event_id": "2", "changed": changed, "status": "placed", "name": name, "attendees": attendees})
}

fn eventbrite(state: &State, changed: &str, name: &str, attendees: &[&str], fetched_at: Option<Micros>) -> State {
    observe(state, &facts(named("eventbrite"), ResourceKind::Order, &order(changed, name, attendees), fetched_at))
}

#[test]
fn an_early_copy_that_decides_nothing_is_not_looked_at_again() {
    let early = at("2026-03-01T10:00:02Z");
    let first = eventbrite(&State::default(), "2026-03-01T10:00:00Z", "Ada", &["a", "b"], Some(early));
    assert_eq!(first.look_again(named("eventbrite"), &State::default()), []);
    let newer = eventbrite(&first, "2026-03-01T11:00:00Z", "Ada", &["a", "b"], Some(early + 60 * MINUTE));
    assert_eq!(newer.look_again(named("eventbrite"), &first), []);
    let same = eventbrite(&newer, "2026-03-01T11:00:00Z", "Ada", &["a", "b"], Some(early + 60 * MINUTE));
    assert_eq!(same.look_again(named("eventbrite"), &newer), []);
}

#[test]
fn a_tie_and_an_absence_are_looked_at_once_they_are_settled() {
    let (changed, early) = ("2026-03-01T10:00:00Z", at("2026-03-01T10:00:02Z"));
    let first = eventbrite(&State::default(), changed, "Ada", &["a", "b"], Some(early));
    let tie = eventbrite(&first, changed, "Eva", &["a", "b"], Some(early + 1));
    let looks = tie.look_again(named("eventbrite"), &first);
    assert_eq!(looks.len(), 1);
    assert_eq!((looks[0].attendee_id.as_deref(), looks[0].at), (None, at(changed) + LAG));

    let absent = eventbrite(&first, "2026-03-01T10:00:05Z", "Ada", &["a"], Some(at("2026-03-01T10:00:06Z")));
    let looks = absent.look_again(named("eventbrite"), &first);
    assert_eq!(looks.iter().map(|look| look.at).collect::<Vec<_>>(), [at("2026-03-01T10:00:05Z") + LAG]);

    // Late enough to be believed, and pushed copies that nobody can look at again.
    let settled = eventbrite(&first, "2026-03-01T10:00:05Z", "Ada", &["a"], Some(at("2026-03-01T10:30:00Z")));
    assert_eq!(settled.look_again(named("eventbrite"), &first), []);
    let pushed = eventbrite(&first, changed, "Eva", &["a", "b"], None);
    assert_eq!(pushed.look_again(named("eventbrite"), &first), []);
}

#[test]
fn a_ticket_of_humanitix_is_looked_at_by_itself() {
    let ticket = |name: &str| json!({"_id": "t", "orderId": "o", "eventId": "e", "status": "complete", "firstName": name, "updatedAt": "2026-03-01T10:00:00.000Z"});
    let early = Some(at("2026-03-01T10:00:01Z"));
    let first = observe(&State::default(), &facts(named("humanitix"), ResourceKind::Ticket, &ticket("Ada"), early));
    let tie = observe(&first, &facts(named("humanitix"), ResourceKind::Ticket, &ticket("Eva"), early.map(|at| at + 1)));
    let looks = tie.look_again(named("humanitix"), &first);
    assert_eq!(looks.len(), 1);
    assert_eq!((looks[0].attendee_id.as_deref(), looks[0].at), (Some("t"), at("2026-03-01T10:00:00Z") + LAG));
}

#[test]
fn a_listing_that_does_not_show_an_order_marks_it_until_it_is_seen_or_gone() {
    let seen = at("2026-03-01T12:00:00Z");
    let order = eventbrite(&State::default(), "2026-03-01T10:00:00Z", "Ada", &["a"], Some(seen));
    let unlisted = |state: &State| state.derive(named("eventbrite")).unwrap().sale.unlisted_at;
    let with = |state: &State, fact: Fact| {
        let mut after = state.clone();
        after.observe(&fact);
        after
    };
    assert_eq!(unlisted(&with(&order, Fact::OrdersSwept(seen + GONE))), None, "too close to the last sighting");
    let swept = seen + GONE + MINUTE;
    let marked = with(&order, Fact::OrdersSwept(swept));
    assert_eq!(unlisted(&marked), Some(swept));
    let again = eventbrite(&marked, "2026-03-01T10:00:00Z", "Ada", &["a"], Some(swept + MINUTE));
    assert_eq!(unlisted(&again), None, "it was there after all");
    let gone = with(&marked, Fact::Gone { attendee_id: None, fetched_at: swept + MINUTE });
    assert_eq!((unlisted(&gone), gone.is_gone()), (None, true));
    assert!(order.seen_by_api() && !State::default().seen_by_api());
}
