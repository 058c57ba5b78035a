//! Orders on Humanitix, as the bridge sends them: a signed envelope with the whole order each time something happens.

use boxoffice_tests::sign;
use serde_json::{Value, json};

use crate::random::Random;
use crate::shows::{Calendar, DAY, Delivery, End, Expected, Show, person};

/// Makes an order; its deliveries are added to the day.
pub fn order(
    (index, show): (usize, &'static Show),
    calendar: &Calendar,
    random: &mut Random,
    secret: &str,
    day: &mut Vec<Delivery>,
) -> Expected {
    let id = random.digits(16, 24);
    let bought = random.below(DAY * 3 / 4);
    let lines = lines(show, random);
    let quantity: i64 = lines.iter().map(|line| line.2).sum();
    let full: i64 = lines.iter().map(|line| line.1 * line.2).sum();
    let discount = if full > 0 && random.percent(10) { 500 } else { 0 };
    let total = full - discount;
    let fee = total * 4 / 100;
    let mut end = End::any(random);
    if total == 0 && matches!(end, End::Refunded | End::PartlyRefunded) {
        end = End::Stands;
    }
    if end == End::PartlyRefunded && quantity < 2 {
        end = End::Refunded;
    }
    let people = attendees(&id, &lines, random);
    let listed = end == End::Stands && random.percent(30);
    let checked_in = if listed && random.percent(25) { 1 } else { 0 };

    let (first, last, email) = person(random);
    let mut order = json!({
        "id": id, "status": if total == 0 { "free" } else { "paid" }, "currency": show.currency,
        "created_at": calendar.at(bought),
        "total_amount": money(total), "fees": money(fee), "discount": money(discount),
        "customer": {
            "email": email, "first_name": first, "last_name": last,
            "phone": format!("+61491570{:03}", random.below(1000)),
        },
        "tickets": tickets(&lines),
    });
    if listed {
        order["attendees"] = json!(people);
    }
    let event = json!({
        "id": show.external_id, "name": show.title, "date": calendar.show(index), "venue": {"name": show.venue},
    });
    let mut send = |event_type: &str, minute: u64, order: &Value| {
        let data = json!({"event": event, "order": order});
        let body = json!({"event_type": event_type, "data": data, "timestamp": calendar.at(minute)});
        day.push(signed(secret, minute, body.to_string().into_bytes()));
    };

    if total > 0 && random.percent(6) {
        // Bank transfers are pending for a while.
        let mut pending = order.clone();
        pending["status"] = json!("pending");
        send("order.created", bought, &pending);
        send("order.updated", bought + 30, &order);
    } else {
        send("order.created", bought, &order);
    }
    let later = bought + 60 + random.below(DAY - bought - 61);
    let mut refund = 0;
    let mut valid = quantity;
    match end {
        End::Stands if checked_in > 0 => {
            order["attendees"][0]["checked_in"] = json!(true);
            order["attendees"][0]["checked_in_at"] = json!(calendar.at(later));
            send("order.updated", later, &order);
        }
        End::Stands => {
            if random.percent(15) {
                order["customer"]["phone"] = json!("+61491570156");
                send("order.updated", later, &order);
            }
        }
        End::PartlyRefunded => {
            // One ticket is given back; what is left is listed.
            let mut left = lines.clone();
            refund = left.first().map_or(0, |line| line.1).min(total - 1).max(1);
            if let Some(line) = left.first_mut() {
                line.2 -= 1;
            }
            left.retain(|line| line.2 > 0);
            valid -= 1;
            order["tickets"] = tickets(&left);
            order["refund_amount"] = money(refund);
            order["refunded_at"] = json!(calendar.at(later));
            send("order.refunded", later, &order);
        }
        End::Refunded => {
            (refund, valid) = (total, 0);
            order["status"] = json!("refunded");
            if random.percent(70) {
                order["refund_amount"] = money(refund);
                order["refunded_at"] = json!(calendar.at(later));
            }
            send("order.refunded", later, &order);
        }
        End::Cancelled => {
            valid = 0;
            order["status"] = json!("cancelled");
            send("order.cancelled", later, &order);
        }
    }
    let attendees = if listed { quantity } else { 0 };
    Expected { show, end, total, refund, fee, valid, attendees, checked_in }
}

/// A delivery with the right signature.
pub fn signed(secret: &str, minute: u64, body: Vec<u8>) -> Delivery {
    let signature = Some(sign::hex(secret, &body));
    Delivery { minute, path: "/webhooks/humanitix".into(), signature, body, status: 200 }
}

/// Type, price and quantity.
fn lines(show: &'static Show, random: &mut Random) -> Vec<(&'static str, i64, i64)> {
    let first = random.below(show.tickets.len() as u64) as usize;
    let count = if random.percent(25) { 2.min(show.tickets.len()) } else { 1 };
    let line = |line| {
        let (name, price) = show.tickets[(first + line) % show.tickets.len()];
        (name, price, 1 + random.below(4) as i64)
    };
    let mut lines: Vec<_> = (0..count).map(line).collect();
    // The dearest first: that is the one that is given back.
    lines.sort_by_key(|line| -line.1);
    lines
}

fn tickets(lines: &[(&str, i64, i64)]) -> Value {
    let ticket = |(number, (name, price, quantity)): (usize, &(&str, i64, i64))| {
        let id = format!("line{number}");
        json!({"id": id, "ticket_type_name": name, "quantity": quantity, "price": money(*price)})
    };
    lines.iter().enumerate().map(ticket).collect()
}

fn attendees(order_id: &str, lines: &[(&str, i64, i64)], random: &mut Random) -> Vec<Value> {
    let mut people = Vec::new();
    for (name, price, quantity) in lines {
        for _ in 0..*quantity {
            let (first, last, email) = person(random);
            people.push(json!({
                "id": format!("{order_id}-{}", people.len()), "first_name": first, "last_name": last, "email": email,
                "ticket_type": name, "price": money(*price), "checked_in": false,
            }));
        }
    }
    people
}

/// Major units, as exact text.
fn money(hundredths: i64) -> Value {
    json!(format!("{}.{:02}", hundredths / 100, hundredths % 100))
}
