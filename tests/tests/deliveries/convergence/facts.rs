//! A fixed history of a few orders on both platforms: what webhooks and API answers say about them, in one possible order.

use boxoffice_tests::payloads::{envelope, eventbrite_attendee, eventbrite_order};
use serde_json::{Value, json};

/// Something that is said.
pub struct Observation {
    pub platform: &'static str,
    /// `None`: an envelope, to be delivered like a webhook.
    pub kind: Option<&'static str>,
    pub body: String,
    pub fetched_at: Option<&'static str>,
}

fn pushed(event_type: &str, order: &str, timestamp: &str, changes: Value) -> Observation {
    let body = envelope(event_type, order, timestamp, changes);
    Observation { platform: "humanitix", kind: None, body, fetched_at: None }
}

fn fetched(platform: &'static str, kind: &'static str, body: String, fetched_at: &'static str) -> Observation {
    Observation { platform, kind: Some(kind), body, fetched_at: Some(fetched_at) }
}

fn humanitix_order(updated: &str, financial: &str, refunds: f64) -> Value {
    let totals = |refunds: f64| json!({"total": 74.9 - refunds, "refunds": refunds, "bookingFee": 4.9, "totalTaxes": 0.4, "discounts": 0});
    json!({
        "_id": "h1", "eventId": "evt_1", "eventDateId": "date_1", "currency": "AUD", "status": "complete", "financialStatus": financial,
        "firstName": "Ada", "lastName": "Lovelace", "email": "ada@example.org", "organiserMailListOptIn": true,
        "createdAt": "2026-03-01T10:00:00.000Z", "completedAt": "2026-03-01T10:01:00.000Z", "updatedAt": updated,
        "totals": totals(refunds), "purchaseTotals": totals(0.0),
    })
}

fn ticket(order: &str, id: &str, updated: &str, changes: Value) -> Value {
    let mut ticket = json!({
        "_id": id, "orderId": order, "eventId": "evt_1", "eventDateId": "date_1", "currency": "AUD", "status": "complete",
        "firstName": "Guest", "lastName": id, "ticketTypeName": "General Admission", "price": 35, "total": 37.45, "isDonation": false,
        "qrCodeData": {"_id": id}, "updatedAt": updated,
    });
    if let (Value::Object(ticket), Value::Object(changes)) = (&mut ticket, changes) {
        ticket.extend(changes);
    }
    ticket
}

fn page(key: &str, items: &[Value]) -> String {
    json!({"total": items.len(), "page": 1, "pageSize": 100, key: items}).to_string()
}

fn humanitix() -> Vec<Observation> {
    let people = json!([{"id": "p1", "name": "Ada"}, {"id": "p2", "name": "Bob"}]);
    let fewer = json!([{"id": "p1", "name": "Ada"}]);
    let checked_in = json!({"checkIn": {"checkedIn": true, "date": "2026-03-06T19:00:00.000Z"}});
    let cancelled = json!({"status": "cancelled", "cancelledAt": "2026-03-04T09:00:00.000Z"});
    let tickets = [
        ticket("h1", "t1", "2026-03-01T10:01:00.000Z", json!({})),
        ticket("h1", "t2", "2026-03-01T10:01:00.000Z", json!({})),
        ticket("h3", "t9", "2026-03-01T10:01:00.000Z", json!({"isDonation": true})),
    ];
    let late = "2026-03-07T00:00:00Z";
    vec![
        // h1: an order that bridge and API both speak of
        pushed("order.created", "h1", "2026-03-01T10:01:00Z", json!({"status": "pending"})),
        pushed("order.created", "h1", "2026-03-01T10:01:00Z", json!({})),
        pushed("order.updated", "h1", "2026-03-01T10:02:00Z", json!({"customer": {"name": "A. Lovelace"}})),
        pushed("order.cancelled", "h1", "2026-03-01T10:03:00Z", json!({"status": "cancelled"})),
        fetched(
            "humanitix",
            "order",
            humanitix_order("2026-03-01T10:01:00.500Z", "paid", 0.0).to_string(),
            "2026-03-01T10:05:00Z",
        ),
        fetched("humanitix", "tickets", page("tickets", &tickets), "2026-03-01T10:05:01Z"),
        fetched(
            "humanitix",
            "orders",
            page("orders", &[humanitix_order("2026-03-04T09:00:00.000Z", "partiallyRefunded", 35.0)]),
            "2026-03-04T09:00:05Z",
        ),
        fetched(
            "humanitix",
            "ticket",
            ticket("h1", "t2", "2026-03-04T09:00:00.000Z", cancelled).to_string(),
            "2026-03-04T09:00:06Z",
        ),
        fetched("humanitix", "ticket", ticket("h1", "t1", "2026-03-04T08:00:00.000Z", checked_in).to_string(), late),
        // h2: only the bridge knows it; two attendees, then one, then half of the money back, then silence about it
        pushed("order.created", "h2", "2026-03-01T11:00:00Z", json!({"attendees": people, "tickets": null})),
        pushed("order.updated", "h2", "2026-03-02T11:00:00Z", json!({"attendees": fewer, "tickets": null})),
        pushed(
            "order.refunded",
            "h2",
            "2026-03-02T11:00:01Z",
            json!({"refund_amount": 25, "refunded_at": "2026-03-02T10:59:00Z"}),
        ),
        pushed("order.updated", "h2", "2026-03-03T11:00:00Z", json!({"currency": "AUD", "extra": 1e2})),
        // h3: known only by a donation
        pushed("order.cancelled", "h4", "2026-03-03T11:00:00Z", json!({"status": "paid"})),
        pushed("order.updated", "h4", "2026-03-03T12:00:00Z", json!({"total_amount": 60, "tickets": []})),
    ]
}

fn eventbrite() -> Vec<Observation> {
    let copy = |changed, gross, people: &[Value], changes, fetched_at| {
        fetched("eventbrite", "order", eventbrite_order("e1", changed, gross, people, changes), fetched_at)
    };
    let person = |id: &str, changed: &str, changes: Value| eventbrite_attendee("e1", id, changed, 3369, changes);
    let bought = "2026-03-01T10:00:00Z";
    let refunded = json!({"cancelled": true, "refunded": true});
    let lone = eventbrite_attendee("e2", "9", "2026-03-02T10:00:00Z", 1500, json!({"checked_in": true}));
    let all = json!({"pagination": {"has_more_items": false}, "attendees": [
        eventbrite_attendee("e2", "8", bought, 1500, json!({})), eventbrite_attendee("e2", "9", bought, 1500, json!({})),
        eventbrite_attendee("e3", "7", bought, 2000, json!({})),
    ]});
    let requests = json!([{"status": "completed", "items": [
        {"status": "processed", "amount_processed": {"currency": "AUD", "value": 500}, "processed_date": "2026-03-05T00:00:00Z"},
        {"status": "pending"},
    ]}]);
    vec![
        // e1: bought, looked at within the same second, one guest refunded, another erased from the listing
        copy(
            bought,
            10107,
            &[person("1", bought, json!({})), person("2", bought, json!({}))],
            json!({}),
            "2026-03-01T10:00:01Z",
        ),
        copy(
            bought,
            10107,
            &[person("1", bought, json!({})), person("2", bought, json!({})), person("3", bought, json!({}))],
            json!({"name": "Zoë F."}),
            "2026-03-01T10:00:03Z",
        ),
        copy(
            "2026-03-04T10:00:00Z",
            6738,
            &[person("1", "2026-03-04T10:00:00Z", refunded), person("2", bought, json!({}))],
            json!({}),
            "2026-03-04T11:00:00Z",
        ),
        fetched(
            "eventbrite",
            "attendee",
            person("2", "2026-03-06T19:00:00Z", json!({"checked_in": true})).to_string(),
            "2026-03-06T19:00:04Z",
        ),
        copy("2026-03-03T10:00:00Z", 10107, &[], json!({"attendees": null, "status": "weird"}), "2026-03-03T10:00:04Z"),
        // e2: not expanded, its attendees from elsewhere, a refund that only the requests show
        fetched(
            "eventbrite",
            "order",
            eventbrite_order("e2", bought, 3000, &[], json!({"attendees": null, "refund_requests": requests})),
            "2026-03-05T10:00:00Z",
        ),
        fetched("eventbrite", "attendees", all.to_string(), "2026-03-05T10:00:00Z"),
        fetched("eventbrite", "attendee", lone.to_string(), "2026-03-05T10:00:09Z"),
        // e3: still in the checkout, e4: cancelled as a whole
        fetched(
            "eventbrite",
            "order",
            eventbrite_order("e3", bought, 2000, &[], json!({"time_remaining": 300})),
            "2026-03-01T10:00:02Z",
        ),
        fetched(
            "eventbrite",
            "order",
            eventbrite_order("e4", bought, 1000, &[], json!({"attendees": null})),
            "2026-03-01T10:00:02Z",
        ),
        fetched(
            "eventbrite",
            "order",
            eventbrite_order("e4", "2026-03-02T10:00:00Z", 1000, &[], json!({"attendees": null, "status": "deleted"})),
            "2026-03-02T10:00:02Z",
        ),
    ]
}

/// All of it.
pub fn history() -> Vec<Observation> {
    humanitix().into_iter().chain(eventbrite()).collect()
}
