//! Orders on Eventbrite: thin hints go over HTTP; what the platform's API would answer is kept here until it is asked.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::random::Random;
use crate::shows::{Calendar, DAY, Delivery, End, Expected, Show, person};

/// The platform's side: each resource with its versions and the minute of each.
#[derive(Debug, Default)]
pub struct Platform {
    resources: BTreeMap<(&'static str, String), Vec<(u64, Value)>>,
}

impl Platform {
    /// What the API answers at that minute; `None` when it does not know the resource.
    pub fn answer(&self, kind: &str, id: &str, minute: u64) -> Option<&Value> {
        let (_, versions) = self.resources.iter().find(|((a, b), _)| *a == kind && b == id)?;
        versions.iter().rev().find(|(from, _)| *from <= minute).map(|(_, body)| body)
    }

    fn keep(&mut self, kind: &'static str, id: &str, minute: u64, body: Value) {
        self.resources.entry((kind, id.to_owned())).or_default().push((minute, body));
    }
}

/// Makes an order; its hints are added to the day, its versions to the platform.
pub fn order(
    show: &'static Show,
    calendar: &Calendar,
    random: &mut Random,
    token: &str,
    platform: &mut Platform,
    day: &mut Vec<Delivery>,
) -> Expected {
    let id = random.digits(10, 11);
    let bought = random.below(DAY * 3 / 4);
    let (class, price) = random.pick(show.tickets);
    let quantity = 1 + random.below(4) as i64;
    let total = price * quantity;
    // Yen have no hundredths.
    let whole = if show.currency == "JPY" { 100 } else { 1 };
    let fee = total * 7 / 100 / whole * whole;
    let mut end = End::any(random);
    if total == 0 && matches!(end, End::Refunded | End::PartlyRefunded) {
        end = End::Cancelled;
    }
    if end == End::PartlyRefunded && quantity < 2 {
        end = End::Refunded;
    }
    let (first, last, email) = person(random);
    let cost = |hundredths: i64| cost(show.currency, hundredths);
    let mut attendees: Vec<Value> = (0..quantity)
        .map(|number| {
            json!({
                "id": format!("{}{number:02}", &id[1..]), "order_id": id, "event_id": show.external_id, "quantity": 1,
                "created": calendar.at(bought), "changed": calendar.at(bought), "ticket_class_name": class,
                "status": "Attending",
                "profile": {"first_name": first, "last_name": last, "name": format!("{first} {last}"), "email": email},
                "costs": {"gross": cost(price)}, "checked_in": false, "cancelled": false, "refunded": false,
            })
        })
        .collect();
    let body = |status: &str, minute: u64, attendees: &[Value]| {
        json!({
            "id": id, "event_id": show.external_id, "status": status, "time_remaining": null,
            "created": calendar.at(bought), "changed": calendar.at(minute),
            "name": format!("{first} {last}"), "first_name": first, "last_name": last, "email": email,
            "costs": {
                "base_price": cost(total - fee), "eventbrite_fee": cost(fee), "payment_fee": cost(0), "tax": cost(0),
                "gross": cost(total),
            },
            "attendees": attendees,
        })
    };
    let order_url = format!("orders/{id}/");
    platform.keep("order", &id, bought, body("placed", bought, &attendees));
    day.push(hint(token, bought, "order.placed", &order_url));

    let later = bought + 60 + random.below(DAY - bought - 61);
    let (mut refund, mut valid, mut checked_in) = (0, quantity, 0);
    let given_back = match end {
        End::Stands => 0,
        End::PartlyRefunded => 1,
        End::Refunded | End::Cancelled => quantity,
    };
    for attendee in attendees.iter_mut().take(given_back as usize) {
        let refunded = end != End::Cancelled;
        valid -= 1;
        refund += if refunded { price } else { 0 };
        (attendee["cancelled"], attendee["refunded"]) = (json!(true), json!(refunded));
        (attendee["status"], attendee["changed"]) = (json!("Not Attending"), json!(calendar.at(later)));
    }
    match end {
        End::Stands if random.percent(20) => {
            // The door scans the first ticket; the hint is about the attendee.
            checked_in = 1;
            (attendees[0]["checked_in"], attendees[0]["changed"]) = (json!(true), json!(calendar.at(later)));
            let attendee = attendees[0]["id"].as_str().unwrap_or_default().to_owned();
            platform.keep("attendee", &attendee, later, attendees[0].clone());
            platform.keep("order", &id, later, body("placed", later, &attendees));
            let url = format!("events/{}/attendees/{attendee}/", show.external_id);
            day.push(hint(token, later, "barcode.checked_in", &url));
        }
        End::Stands => {}
        End::PartlyRefunded => {
            platform.keep("order", &id, later, body("placed", later, &attendees));
            day.push(hint(token, later, "order.refunded", &order_url));
        }
        End::Refunded => {
            platform.keep("order", &id, later, body("refunded", later, &attendees));
            day.push(hint(token, later, "order.refunded", &order_url));
        }
        End::Cancelled => {
            platform.keep("order", &id, later, body("cancelled", later, &attendees));
            day.push(hint(token, later, "order.updated", &order_url));
        }
    }
    Expected { show, end, total, refund, fee, valid, attendees: quantity, checked_in }
}

/// A delivery to the secret path.
fn hint(token: &str, minute: u64, action: &str, url: &str) -> Delivery {
    let body = json!({
        "config": {
            "action": action, "user_id": "123456789012", "webhook_id": "15905335",
            "endpoint_url": "https://hooks.example.com/eventbrite",
        },
        "api_url": format!("https://www.eventbriteapi.com/v3/{url}"),
    });
    let path = format!("/functions/v1/eventbrite-webhook/{token}");
    Delivery { minute, path, signature: None, body: body.to_string().into_bytes(), status: 200 }
}

fn cost(currency: &str, hundredths: i64) -> Value {
    let (minor, major) = match currency {
        "JPY" => (hundredths / 100, format!("{}", hundredths / 100)),
        _ => (hundredths, format!("{}.{:02}", hundredths / 100, hundredths % 100)),
    };
    json!({"currency": currency, "value": minor, "major_value": major, "display": format!("{currency} {major}")})
}
