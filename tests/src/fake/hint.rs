//! What the platforms push: Eventbrite's webhooks, and envelopes of the bridge convention for Humanitix.

use crate::fake::platform::Platform;
use serde_json::{Value, json};

use super::model::{Event, Order, Status};
use super::{Fake, clock, lock, money};
use crate::sign;

/// A delivery that a platform, or a bridge, would send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Who sends it.
    pub platform: Platform,
    /// `order.placed`, `barcode.checked_in` …
    pub action: String,
    /// The order or event that it is about.
    pub about: String,
    /// The body, byte for byte.
    pub body: String,
    /// Its headers.
    pub headers: Vec<(String, String)>,
}

#[derive(Debug, Default)]
pub(super) struct Hints {
    eventbrite: Vec<Hint>,
    envelopes: Vec<Hint>,
}

impl Fake {
    /// Eventbrite's deliveries since the last call, in the order in which the platform sends them.
    pub fn take_hints(&self) -> Vec<Hint> {
        std::mem::take(&mut lock(&self.shared().hints).eventbrite)
    }

    /// The bridge's envelopes since the last call; none without [`bridge`](super::Builder::bridge).
    pub fn take_envelopes(&self) -> Vec<Hint> {
        std::mem::take(&mut lock(&self.shared().hints).envelopes)
    }

    /// What happened to an order. `attendee.updated` stands for one delivery for each of its attendees.
    pub(super) fn order_hints(&self, order: &Order, actions: &[&str]) {
        let all: Vec<String> = order.tickets.iter().map(|ticket| ticket.id.clone()).collect();
        self.touched(order, actions, &all);
    }

    /// The same, with the attendees that are meant.
    pub(super) fn touched(&self, order: &Order, actions: &[&str], attendees: &[String]) {
        if order.platform != Platform::Eventbrite {
            return;
        }
        for action in actions {
            if action.starts_with("order.") {
                self.hint(action, &order.id, &format!("orders/{}/", order.id));
            } else {
                for attendee in attendees {
                    self.hint(action, &order.id, &format!("events/{}/attendees/{attendee}/", order.event_id));
                }
            }
        }
    }

    pub(super) fn event_hints(&self, event: &Event, actions: &[&str]) {
        if event.platform == Platform::Eventbrite {
            actions.iter().for_each(|action| self.hint(action, &event.id, &format!("events/{}/", event.id)));
        }
    }

    fn hint(&self, action: &str, about: &str, path: &str) {
        let (endpoint, webhook) = {
            let settings = lock(&self.shared().settings);
            (settings.hints_to.clone(), settings.webhook_id.clone())
        };
        // With the spaces of the recorded bodies.
        let body = format!(
            "{{\"config\": {{\"action\": \"{action}\", \"user_id\": \"311783287832\", \"endpoint_url\": \"{endpoint}\", \
             \"webhook_id\": \"{webhook}\"}}, \"api_url\": \"https://www.eventbriteapi.com/v3/{path}\"}}"
        );
        let headers = [
            ("content-type", "application/json"),
            ("accept", "text/plain"),
            ("accept-encoding", "gzip, deflate"),
            ("user-agent", "Eventbrite Webhooks (Dilithium)"),
            ("x-eventbrite-event", action),
            // Not an id of the delivery: it is the webhook's, on every one.
            ("x-eventbrite-delivery", &webhook),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let (action, about) = (action.to_owned(), about.to_owned());
        let hint = Hint { platform: Platform::Eventbrite, action, about, body, headers };
        lock(&self.shared().hints).eventbrite.push(hint);
    }

    /// The whole order as the bridge would send it.
    pub(super) fn envelope(&self, order: &Order, event_type: &str) {
        let secret = lock(&self.shared().settings).bridge.clone();
        let (Platform::Humanitix, Some(secret)) = (order.platform, secret) else { return };
        let Some(event) = lock(&self.shared().model).event(&order.event_id).cloned() else { return };
        let data = json!({"event": about(&event), "order": envelope_order(order, event_type)});
        let body = json!({"event_type": event_type, "data": data, "timestamp": clock::millis(order.changed)});
        let body = body.to_string();
        let headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("x-humanitix-signature".to_owned(), sign::hex(&secret, body.as_bytes())),
        ];
        let (action, about) = (event_type.to_owned(), order.id.clone());
        let hint = Hint { platform: Platform::Humanitix, action, about, body, headers };
        lock(&self.shared().hints).envelopes.push(hint);
    }
}

fn about(event: &Event) -> Value {
    json!({
        "id": event.id, "name": event.spec.title, "date": clock::millis(event.spec.starts_at),
        "venue": {"name": event.spec.venue},
    })
}

fn envelope_order(order: &Order, event_type: &str) -> Value {
    let mut lines: Vec<(&str, &str, i64, i64)> = Vec::new();
    for ticket in order.tickets.iter().filter(|ticket| ticket.cancelled_at.is_none() && !ticket.donation) {
        match lines.iter_mut().find(|line| line.0 == ticket.type_id) {
            Some(line) => line.3 += 1,
            None => lines.push((&ticket.type_id, &ticket.type_name, ticket.price, 1)),
        }
    }
    let major = |minor| money::major(minor, &order.currency);
    let line = |(id, name, price, quantity): &(&str, &str, i64, i64)| {
        json!({
            "id": id, "ticket_type_id": id, "ticket_type_name": name, "quantity": quantity, "price": major(*price),
        })
    };
    let fees = if order.absorb_fees { 0 } else { order.sold().map(|ticket| ticket.fee).sum() };
    let status = match event_type {
        "order.cancelled" => "cancelled",
        // Also when it is a part of the money; the amount tells.
        "order.refunded" => "refunded",
        _ if order.status == Status::Refunded => "refunded",
        _ => "paid",
    };
    let mut body = json!({
        "id": order.id, "status": status, "currency": order.currency, "created_at": clock::millis(order.created),
        "total_amount": major(order.refundable() + fees + order.amex_fee), "event_date_id": order.date_id,
        "customer": {
            "email": order.buyer.email, "first_name": order.buyer.first, "last_name": order.buyer.last,
            "phone": order.buyer.phone,
        },
        "tickets": lines.iter().map(line).collect::<Vec<_>>(),
    });
    if order.refunds > 0 {
        body["refund_amount"] = major(order.refunds);
        body["refunded_at"] = json!(clock::millis(order.changed));
    }
    body
}
