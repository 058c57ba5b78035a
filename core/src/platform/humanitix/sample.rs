//! Envelopes of a made-up box office.

use serde_json::json;

use crate::platform::random::Random;
use crate::time::{Micros, to_text};

/// The event types of the bridge convention.
pub(in crate::platform) const EVENT_TYPES: &[&str] =
    &["order.created", "order.updated", "order.cancelled", "order.refunded"];

const MINUTE: Micros = 60_000_000;
const HOUR: Micros = 60 * MINUTE;
const DAY: Micros = 24 * HOUR;

const SHOWS: [(&str, &str, &str); 4] = [
    ("Laughs on the Harbour", "The Wharf Cellar", "1 Example Street, Sydney NSW 2000"),
    ("Raw Material: New Faces", "Brunswick Back Room", "22 Sample Road, Brunswick VIC 3056"),
    ("The Late Mic", "Valley Laundry", "7 Placeholder Lane, Fortitude Valley QLD 4006"),
    ("Hecklers Anonymous", "Freo Rope Store", "80 Test Parade, Fremantle WA 6160"),
];
const FIRST_NAMES: [&str; 8] = ["Amelia", "Jack", "Mia", "Linh", "Arjun", "Zoë", "Tane", "Siobhán"];
const LAST_NAMES: [&str; 8] = ["Nguyen", "O'Sample", "Example", "Placeholder", "Tester", "Müller", "Fictus", "Demo"];
/// Name, id and price in dollars.
const TICKET_TYPES: [(&str, &str, u64); 4] = [
    ("General Admission", "tt_general", 30),
    ("VIP Seating", "tt_vip", 55),
    ("Concession", "tt_conc", 22),
    ("Group of 4+", "tt_group", 25),
];

/// The body of an envelope of that event type.
pub(in crate::platform) fn sample(event_type: &str, seed: u64, now: Micros) -> String {
    let mut random = Random::new(seed);
    let order_id = format!("ord_{}", random.text("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", 12));
    let event_id = format!("evt_{}", random.text("0123456789", 10));
    let (show, venue, address) = random.pick(&SHOWS);
    let (first, last) = (random.pick(&FIRST_NAMES), random.pick(&LAST_NAMES));
    let email = format!("fan{}@example.com", random.below(100_000));
    let phone = format!("+61491570{:03}", random.below(1_000));

    let mut total = 0;
    let from = random.below(TICKET_TYPES.len() as u64) as usize;
    let mut tickets = Vec::new();
    for line in 0..1 + random.below(2) as usize {
        let (name, id, price) = TICKET_TYPES[(from + line) % TICKET_TYPES.len()];
        let quantity = 1 + random.below(4);
        total += quantity * price;
        tickets.push(json!({
            "id": format!("tkt_{}", random.text("0123456789", 9)),
            "ticket_type_id": id, "ticket_type_name": name, "quantity": quantity, "price": price,
        }));
    }
    // Whatever happens to an order within the hour, it was bought at one time, for one evening (09:30 UTC is 19:30 in
    // Sydney and 17:30 in Perth).
    let created_at = back_to(HOUR, now).saturating_sub(MINUTE * (1 + random.below(55)) as i64);
    let date = back_to(DAY, now).saturating_add(DAY * (14 + random.below(60)) as i64 + 9 * HOUR + 30 * MINUTE);
    let mut order = json!({
        "id": order_id, "status": "paid", "total_amount": total, "currency": "AUD", "created_at": to_text(created_at),
        "customer": { "email": email, "first_name": first, "last_name": last, "phone": phone },
        "tickets": tickets,
    });
    match event_type {
        "order.cancelled" => order["status"] = "cancelled".into(),
        "order.refunded" => {
            order["status"] = "refunded".into();
            order["refund_amount"] = total.into();
            order["refunded_at"] = to_text(now).into();
            order["refund_reason"] = "Customer requested cancellation".into();
        }
        _ => {}
    }
    let event = json!({
        "id": event_id, "name": show, "date": to_text(date),
        "venue": { "name": venue, "address": address },
    });
    json!({ "event_type": event_type, "data": { "event": event, "order": order }, "timestamp": to_text(now) })
        .to_string()
}

fn back_to(unit: Micros, now: Micros) -> Micros {
    now.saturating_sub(now.rem_euclid(unit))
}
