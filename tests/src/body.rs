//! Bodies that the project makes itself, with people who can be searched for in logs.

use serde_json::{Value, json};

/// Texts of the people in these bodies. None of them may ever be found in a log or in an answer.
pub const PEOPLE: [&str; 4] = ["Wilhelmina", "Canary", "wilhelmina@example", "491570156"];

/// A paid envelope of the bridge convention: one order, two lines, three tickets, 75 AUD.
pub fn envelope(event_type: &str, order_id: &str) -> Value {
    json!({
        "event_type": event_type,
        "timestamp": "2026-03-01T10:00:05Z",
        "data": {
            "event": {
                "id": "evt_friday", "name": "Friday Night", "date": "2026-03-06T19:30:00Z",
                "venue": {"name": "The Cellar", "address": "1 Example Street, Sydney"},
            },
            "order": {
                "id": order_id, "status": "paid", "total_amount": 75, "currency": "AUD",
                "created_at": "2026-03-01T10:00:00Z",
                "customer": {
                    "email": "wilhelmina@example.org", "first_name": "Wilhelmina", "last_name": "Canary",
                    "phone": "+61 491570156",
                },
                "tickets": [
                    {"id": "l1", "ticket_type_id": "ga", "ticket_type_name": "General", "quantity": 2, "price": 30},
                    {"id": "l2", "ticket_type_id": "vip", "ticket_type_name": "VIP", "quantity": 1, "price": 15},
                ],
            },
        },
    })
}

/// An envelope in which every field is set that is read anywhere, attendees included.
pub fn full_envelope(event_type: &str, order_id: &str) -> Value {
    let mut envelope = envelope(event_type, order_id);
    let order = &mut envelope["data"]["order"];
    for (name, value) in [
        ("financialStatus", json!("paid")),
        ("event_date_id", json!("date_1")),
        ("fees", json!(2.5)),
        ("tax", json!(6.82)),
        ("discount", json!(5)),
        ("refund_amount", json!(15)),
        ("refunded_at", json!("2026-03-02T10:00:00Z")),
        ("refund_reason", json!("cannot come")),
        ("totals", json!({"total": 60, "refunds": 15, "bookingFee": 2.5, "totalTaxes": 6.82, "discounts": 5})),
    ] {
        order[name] = value;
    }
    order["customer"]["organiserMailListOptIn"] = json!(false);
    order["attendees"] = json!([
        {
            "id": "a1", "first_name": "Wilhelmina", "last_name": "Canary", "email": "wilhelmina@example.org",
            "phone": "+61 491570156", "ticket_type": "General", "price": 30, "barcode": "B1", "status": "complete",
            "checked_in": true, "checked_in_at": "2026-03-06T19:20:00Z", "is_donation": false,
        },
        {"id": "a2", "name": "Plus One", "status": "cancelled", "checked_in": false},
    ]);
    envelope
}

/// A delivery as Eventbrite sends it.
pub fn hint(action: &str, api_url: &str) -> Value {
    json!({
        "config": {
            "action": action, "user_id": "123456789012", "webhook_id": "15905335",
            "endpoint_url": "https://hooks.example.com/webhooks/eventbrite",
        },
        "api_url": api_url,
    })
}

/// The address of an order on Eventbrite's API.
pub fn order_url(order_id: &str) -> String {
    format!("https://www.eventbriteapi.com/v3/orders/{order_id}/")
}
