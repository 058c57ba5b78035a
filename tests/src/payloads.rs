//! Bodies as the senders of this convention have always sent them, and bodies made to measure.
//!
//! The constants are the payloads of the system that boxoffice replaces; nothing of theirs may stop working.

use serde_json::{Value, json};

/// Humanitix `order.created` of the old test script.
pub const TEST_CREATED: &str = r#"{"event_type":"order.created","data":{"event":{"id":"evt_test123","name":"Test Comedy Show","date":"2024-02-01T19:00:00Z"},
 "order":{"id":"ord_test123","status":"paid","total_amount":50.00,"currency":"AUD","created_at":"2026-03-01T10:00:00.000Z",
  "customer":{"email":"test@example.com","first_name":"Test","last_name":"User"},
  "tickets":[{"id":"tkt_test123","ticket_type_id":"tt_general","ticket_type_name":"General Admission","quantity":2,"price":25.00}]}},
 "timestamp":"2026-03-01T10:00:00.000Z"}"#;

/// Its `order.refunded`: neither amount nor date of the refund.
pub const TEST_REFUNDED: &str = r#"{"event_type":"order.refunded","data":{"event":{"id":"evt_test123","name":"Test Comedy Show","date":"2024-02-01T19:00:00Z"},
 "order":{"id":"ord_test123","status":"refunded","total_amount":50.00,"currency":"AUD","created_at":"2026-03-01T10:05:00.000Z",
  "customer":{"email":"test@example.com","first_name":"Test","last_name":"User"},
  "tickets":[{"id":"tkt_test123","ticket_type_id":"tt_general","ticket_type_name":"General Admission","quantity":2,"price":25.00}]}},
 "timestamp":"2026-03-01T10:05:00.000Z"}"#;

/// Eventbrite `order.placed` of the old test script.
pub const EVENTBRITE_PLACED: &str = r#"{"config":{"action":"order.placed","user_id":"123456789","endpoint_url":"https://your-webhook-url.com","webhook_id":"webhook_123"},
 "api_url":"https://www.eventbriteapi.com/v3/events/123456789/orders/987654321/"}"#;

/// Its `order.refunded`.
pub const EVENTBRITE_REFUNDED: &str = r#"{"config":{"action":"order.refunded","user_id":"123456789","endpoint_url":"https://your-webhook-url.com","webhook_id":"webhook_123"},
 "api_url":"https://www.eventbriteapi.com/v3/events/123456789/orders/987654321/"}"#;

/// Two ticket types, a venue, a payment.
pub const SAMPLE_CREATED: &str = r#"{"event_type":"order.created","data":{"event":{"id":"evt_1234567890","name":"Sydney Comedy Night","date":"2024-02-15T19:30:00Z",
  "venue":{"name":"The Comedy Store","address":"Building 207, Entertainment Quarter, Moore Park NSW 2021"}},
 "order":{"id":"ord_ABC123DEF456","status":"paid","total_amount":75.00,"currency":"AUD","created_at":"2024-01-20T10:30:00Z",
  "customer":{"email":"john.doe@example.com","first_name":"John","last_name":"Doe","phone":"+61412345678"},
  "tickets":[{"id":"tkt_111222333","ticket_type_id":"tt_general","ticket_type_name":"General Admission","quantity":2,"price":30.00},
             {"id":"tkt_444555666","ticket_type_id":"tt_vip","ticket_type_name":"VIP Seating","quantity":1,"price":15.00}],
  "payment":{"method":"card","processor":"stripe","transaction_id":"pi_1234567890"}}},
 "timestamp":"2024-01-20T10:30:00Z"}"#;

/// Its refund, with amount, date and reason.
pub const SAMPLE_REFUNDED: &str = r#"{"event_type":"order.refunded","data":{"event":{"id":"evt_1234567890","name":"Sydney Comedy Night","date":"2024-02-15T19:30:00Z"},
 "order":{"id":"ord_ABC123DEF456","status":"refunded","total_amount":75.00,"refund_amount":75.00,"currency":"AUD",
  "created_at":"2024-01-20T10:30:00Z","refunded_at":"2024-01-25T14:20:00Z",
  "customer":{"email":"john.doe@example.com","first_name":"John","last_name":"Doe"},
  "tickets":[{"id":"tkt_111222333","ticket_type_id":"tt_general","ticket_type_name":"General Admission","quantity":2,"price":30.00},
             {"id":"tkt_444555666","ticket_type_id":"tt_vip","ticket_type_name":"VIP Seating","quantity":1,"price":15.00}],
  "refund_reason":"Customer requested cancellation"}},
 "timestamp":"2024-01-25T14:20:00Z"}"#;

/// Eventbrite `order.placed` of the old samples.
pub const SAMPLE_PLACED: &str = r#"{"config":{"action":"order.placed","user_id":"123456789012","endpoint_url":"https://your-webhook-endpoint.com/eventbrite","webhook_id":"987654321"},
 "api_url":"https://www.eventbriteapi.com/v3/events/234567890123/orders/345678901234/"}"#;

/// What the platform answers when asked for that order.
pub const SAMPLE_ORDER: &str = r#"{"id":"345678901234","created":"2024-01-20T09:15:00Z","changed":"2024-01-20T09:15:00Z","name":"Jane Smith","first_name":"Jane","last_name":"Smith",
 "email":"jane.smith@example.com","status":"placed","refunded":false,
 "costs":{"base_price":{"display":"$40.00","currency":"USD","value":4000,"major_value":"40.00"},
          "eventbrite_fee":{"display":"$4.00","currency":"USD","value":400,"major_value":"4.00"},
          "gross":{"display":"$44.00","currency":"USD","value":4400,"major_value":"44.00"},
          "payment_fee":{"display":"$1.50","currency":"USD","value":150,"major_value":"1.50"},
          "tax":{"display":"$0.00","currency":"USD","value":0,"major_value":"0.00"}},
 "attendees":[{"id":"456789012345","created":"2024-01-20T09:15:00Z","changed":"2024-01-20T09:15:00Z","ticket_class_id":"111222333444",
   "ticket_class_name":"General Admission","quantity":2,"profile":{"first_name":"Jane","last_name":"Smith","email":"jane.smith@example.com"},
   "checked_in":false,"cancelled":false,"refunded":false}],
 "event_id":"234567890123",
 "event":{"id":"234567890123","name":{"text":"Melbourne Comedy Festival Show","html":"Melbourne Comedy Festival Show"},
   "start":{"timezone":"Australia/Melbourne","local":"2024-02-20T20:00:00","utc":"2024-02-20T09:00:00Z"}}}"#;

/// Senders that count in cents mean what they say: amounts are major units.
pub const LARGE_AMOUNT: &str = r#"{"event_type":"order.created","data":{"event":{"id":"test-event-123","name":"Test Comedy Show","date":"2025-02-01T19:00:00Z"},
 "order":{"id":"test-order-456","status":"paid","total_amount":5000,"currency":"AUD",
  "customer":{"email":"test@example.com","first_name":"Test","last_name":"User"},
  "tickets":[{"id":"ticket-1","ticket_type_id":"general","ticket_type_name":"General Admission","quantity":2,"price":2500}]}},
 "timestamp":"2025-01-10T19:00:00Z"}"#;

/// Another sender's spelling of the same.
pub const ENDPOINT_TEST: &str = r#"{"event_type":"order.created","data":{"event":{"id":"test-event-123","name":"Comedy Night Test","date":"2025-01-15T19:00:00Z"},
 "order":{"id":"test-order-789","status":"paid","total_amount":2500,"currency":"AUD",
  "customer":{"email":"test@example.com","first_name":"Test","last_name":"Customer"},
  "tickets":[{"id":"ticket-1","ticket_type_id":"general","ticket_type_name":"General Admission","quantity":2,"price":1250}]}},
 "timestamp":"2025-01-10T19:00:00Z"}"#;

/// The event's id in the order, fees, a net amount.
pub const WITH_FEES: &str = r#"{"event_type":"order.created","data":{
 "order":{"id":"ord_fees_1","event_id":"evt_fees","status":"paid","total_amount":72.45,"fees":2.45,"net_amount":70.00,"currency":"AUD",
  "created_at":"2025-03-01T08:00:00Z","customer":{"email":"fee@example.com","first_name":"Fee","last_name":"Payer"},
  "tickets":[{"id":"t1","ticket_type_name":"General Admission","quantity":2,"price":35.00,"total":70.00}]}},
 "timestamp":"2025-03-01T08:00:00Z"}"#;

/// An order without its event, and a registration without its URL.
pub const EVENTBRITE_BARE: &str = r#"{"config":{"action":"order.updated","user_id":"1","webhook_id":"2"},"api_url":"https://www.eventbriteapi.com/v3/orders/12345/"}"#;

/// An envelope about an order of two tickets for 50.00 AUD; `changes` are put over the order's fields, null removes one.
pub fn envelope(event_type: &str, order_id: &str, timestamp: &str, changes: Value) -> String {
    let order = json!({
        "id": order_id, "status": "paid", "total_amount": 50, "currency": "AUD", "created_at": "2026-03-01T10:00:00Z",
        "customer": {"email": "ada@example.org", "first_name": "Ada", "last_name": "Lovelace", "phone": "+61491570156"},
        "tickets": [{"id": "t1", "ticket_type_name": "General Admission", "quantity": 2, "price": 25}],
    });
    let event =
        json!({"id": "evt_1", "name": "Friday Night", "date": "2026-03-06T19:30:00Z", "venue": {"name": "The Cellar"}});
    json!({"event_type": event_type, "data": {"event": event, "order": over(order, changes)}, "timestamp": timestamp})
        .to_string()
}

/// An Eventbrite order in AUD with these attendees; amounts in cents.
pub fn eventbrite_order(id: &str, changed: &str, gross: i64, attendees: &[Value], changes: Value) -> String {
    let order = json!({
        "id": id, "event_id": "2000000000001", "created": "2026-03-01T10:00:00Z", "changed": changed, "status": "placed",
        "name": "Zoë Fictus", "email": "zoe@example.org", "time_remaining": null, "attendees": attendees,
        "costs": {"gross": cents(gross), "eventbrite_fee": cents(gross / 20), "payment_fee": cents(0), "tax": cents(0)},
    });
    over(order, changes).to_string()
}

/// An attendee of such an order.
pub fn eventbrite_attendee(order_id: &str, id: &str, changed: &str, gross: i64, changes: Value) -> Value {
    let attendee = json!({
        "id": id, "order_id": order_id, "event_id": "2000000000001", "changed": changed, "ticket_class_name": "General Admission",
        "checked_in": false, "cancelled": false, "refunded": false, "costs": {"gross": cents(gross)},
        "profile": {"name": format!("Guest {id}"), "email": format!("guest-{id}@example.org")},
    });
    over(attendee, changes)
}

fn cents(value: i64) -> Value {
    json!({"currency": "AUD", "value": value, "major_value": format!("{}.{:02}", value / 100, value % 100)})
}

fn over(mut base: Value, changes: Value) -> Value {
    if let (Value::Object(base), Value::Object(changes)) = (&mut base, changes) {
        for (name, value) in changes {
            if value.is_null() {
                base.remove(&name);
            } else {
                base.insert(name, value);
            }
        }
    }
    base
}
