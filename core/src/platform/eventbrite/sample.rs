//! Deliveries of a made-up webhook registration.

use serde_json::json;

use crate::platform::random::Random;

/// The documented actions, the two names under which check-ins really arrive, and the ping of the Test button.
pub(in crate::platform) const EVENT_TYPES: &[&str] = &[
    "order.placed",
    "order.updated",
    "order.refunded",
    "attendee.updated",
    "attendee.checked_in",
    "attendee.checked_out",
    "barcode.checked_in",
    "barcode.un_checked_in",
    "event.created",
    "event.published",
    "event.unpublished",
    "event.updated",
    "ticket_class.created",
    "ticket_class.updated",
    "ticket_class.deleted",
    "organizer.updated",
    "venue.updated",
    "test",
];

/// The body of a delivery of that action.
pub(in crate::platform) fn sample(action: &str, seed: u64) -> String {
    let mut random = Random::new(seed);
    // Lengths of real ids: 11 digits for orders and attendees, 13 for events.
    let mut id = |digits: usize| format!("{}{}", 1 + random.below(9), random.text("0123456789", digits - 1));
    let (order, event, attendee, class, user, webhook) = (id(11), id(13), id(11), id(10), id(12), id(8));
    let path = match action.split_once('.').map_or(action, |(subject, _)| subject) {
        "order" => format!("v3/orders/{order}"),
        "attendee" | "barcode" => format!("v3/events/{event}/attendees/{attendee}"),
        "event" => format!("v3/events/{event}"),
        "ticket_class" => format!("v3/events/{event}/ticket_classes/{class}"),
        "organizer" => format!("v3/organizers/{user}"),
        "venue" => format!("v3/venues/{class}"),
        _ => "{api-endpoint-to-fetch-object-details}".to_owned(),
    };
    json!({
        "config": {
            "action": action,
            "user_id": user,
            "endpoint_url": "https://hooks.example.com/webhooks/eventbrite",
            "webhook_id": webhook,
        },
        "api_url": format!("https://www.eventbriteapi.com/{path}/"),
    })
    .to_string()
}
