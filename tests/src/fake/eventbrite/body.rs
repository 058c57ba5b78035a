//! Orders, attendees and events as Eventbrite writes them: ids are texts, money is in minor units.

use serde_json::{Value, json};

use super::expand::Expand;
use crate::fake::clock::{MINUTE, naive, seconds};
use crate::fake::model::{Event, Order, Request, Status, Ticket};
use crate::fake::money::cost;
use crate::fake::settings::Switches;

const API: &str = "https://www.eventbriteapi.com/v3";

/// What an object is written with.
#[derive(Clone, Copy)]
pub(super) struct Writer<'a> {
    pub switches: &'a Switches,
    pub now: i64,
}

impl Writer<'_> {
    /// `listing`: the order that its attendees are taken from, which may be an older one.
    pub(super) fn order(
        &self,
        order: &Order,
        listing: Option<&Order>,
        event: Option<&Event>,
        expand: &Expand,
    ) -> Value {
        let started = order.status == Status::Started;
        let status = match order.status {
            Status::Started => "started",
            Status::Unpaid => "unpaid",
            Status::Placed => "placed",
            Status::Refunded => "refunded",
            Status::Cancelled => "cancelled",
            Status::Deleted => "deleted",
        };
        let (first, last, email) = match started {
            // Nobody has said who they are yet.
            true => ("", "", ""),
            false => (order.buyer.first.as_str(), order.buyer.last.as_str(), order.buyer.email.as_str()),
        };
        let mut body = json!({
            "costs": order_costs(order), "resource_uri": format!("{API}/orders/{}/", order.id), "id": order.id,
            "changed": seconds(order.changed), "created": seconds(order.created), "name": format!("{first} {last}"),
            "first_name": first, "last_name": last, "email": email, "status": status,
            "time_remaining": started.then(|| (order.created + 20 * MINUTE - self.now).max(1000) / 1000),
            "event_id": order.event_id,
        });
        if expand.has("attendees") {
            let inner = expand.within("attendees");
            let list = listing
                .into_iter()
                .flat_map(|listed| attendees(listed).map(|ticket| self.attendee(listed, ticket, event, &inner)));
            body["attendees"] = list.collect();
        }
        if expand.has("refund_requests") {
            body["refund_requests"] = order.requests.iter().map(|request| refund_request(order, request)).collect();
        }
        if expand.has("contact_list_preferences") {
            body["contact_list_preferences"] = preferences(order);
        }
        if expand.has("merchandise") {
            body["merchandise"] = json!([]);
        }
        if expand.has("ticket_buyer_settings") {
            body["ticket_buyer_settings"] = json!({"confirmation_message": {"text": "", "html": ""}});
        }
        if let Some(event) = event.filter(|_| expand.has("event")) {
            body["event"] = self.event(event, &expand.within("event"));
        }
        body
    }

    pub(super) fn attendee(&self, order: &Order, ticket: &Ticket, event: Option<&Event>, expand: &Expand) -> Value {
        let cancelled = ticket.cancelled_at.is_some();
        let status = match (cancelled, ticket.checked_in) {
            (true, _) if order.status == Status::Deleted => "Deleted",
            (true, _) => "Not Attending",
            (false, _) if order.status == Status::Unpaid => "Unpaid",
            (false, true) => "Checked In",
            (false, false) => "Attending",
        };
        let barcode = match (ticket.refunded, ticket.checked_in) {
            (true, _) => "refunded",
            (false, true) => "used",
            (false, false) => "unused",
        };
        let mut body = json!({
            "costs": ticket_costs(order, ticket),
            "resource_uri": format!("{API}/events/{}/attendees/{}/", order.event_id, ticket.id),
            "id": ticket.id, "changed": seconds(ticket.changed), "created": seconds(ticket.created), "quantity": 1,
            "variant_id": null,
            "profile": {
                "first_name": ticket.holder.first, "last_name": ticket.holder.last, "email": ticket.holder.email,
                "name": ticket.holder.name(), "addresses": {},
            },
            "barcodes": [{
                "status": barcode, "barcode": ticket.barcode, "created": seconds(ticket.created),
                "changed": seconds(ticket.barcode_changed), "checkin_type": 0, "is_printed": false,
                "qr_code_url": format!("{API}/qrcode/{}/?sig=EXAMPLE", ticket.barcode),
            }],
            "answers": [], "checked_in": ticket.checked_in, "cancelled": cancelled, "refunded": ticket.refunded,
            "affiliate": null, "guestlist_id": null, "invited_by": null, "status": status,
            "ticket_class_name": ticket.type_name, "delivery_method": "electronic", "event_id": order.event_id,
            "order_id": order.id, "ticket_class_id": ticket.type_id,
        });
        if self.switches.donation_flag && ticket.donation {
            body["donation"] = json!(true);
        }
        if let Some(event) = event {
            let class = event.type_ids.iter().position(|id| *id == ticket.type_id);
            if let Some(at) = class.filter(|_| expand.has("ticket_class")) {
                body["ticket_class"] = ticket_class(event, at);
            }
            if expand.has("event") {
                body["event"] = self.event(event, &expand.within("event"));
            }
        }
        if expand.has("order") {
            body["order"] = self.order(order, Some(order), event, &expand.within("order"));
        }
        if expand.has("contact_list_preferences") {
            body["contact_list_preferences"] = preferences(order);
        }
        body
    }

    pub(super) fn event(&self, event: &Event, expand: &Expand) -> Value {
        let spec = &event.spec;
        let time = |at: i64| {
            let local = naive(at + spec.offset_minutes * MINUTE);
            json!({"timezone": spec.time_zone, "local": local, "utc": seconds(at)})
        };
        let status = match self.now {
            now if now >= spec.ends_at => "completed",
            now if now >= spec.starts_at => "started",
            _ => "live",
        };
        let text = |text: &str| json!({"text": text, "html": text});
        let mut body = json!({
            "name": text(&spec.title), "description": text("Doors open half an hour before."), "id": event.id,
            "url": format!("https://www.eventbrite.com.au/e/tickets-{}", event.id), "start": time(spec.starts_at),
            "end": time(spec.ends_at), "organization_id": event.owner, "created": seconds(event.created),
            "changed": seconds(event.changed), "published": seconds(event.created), "capacity": spec.capacity,
            "capacity_is_custom": false, "status": status, "currency": spec.currency, "listed": true,
            "shareable": true, "online_event": false, "tx_time_limit": 1200, "hide_start_date": false,
            "hide_end_date": false, "locale": "en_AU", "is_locked": false, "privacy_setting": "unlocked",
            "is_series": false, "is_series_parent": false, "inventory_type": "limited", "is_reserved_seating": false,
            "source": "create_2.0", "is_free": spec.tickets.iter().all(|kind| kind.price == 0), "version": null,
            "summary": "", "logo_id": null, "organizer_id": "10714833457", "venue_id": event.venue_id,
            "category_id": "105", "subcategory_id": null, "format_id": null,
            "resource_uri": format!("{API}/events/{}/", event.id), "is_externally_ticketed": false, "logo": null,
        });
        if expand.has("venue") {
            body["venue"] = json!({
                "id": event.venue_id, "name": spec.venue, "capacity": spec.capacity, "latitude": "-33.87",
                "longitude": "151.20", "resource_uri": format!("{API}/venues/{}/", event.venue_id),
                "address": {
                    "address_1": "1 Example Street", "city": "Sydney", "region": "NSW", "postal_code": "2000",
                    "country": "AU", "localized_address_display": "1 Example Street, Sydney NSW 2000",
                },
            });
        }
        if expand.has("organizer") {
            body["organizer"] = json!({"id": "10714833457", "name": "Example Comedy"});
        }
        if expand.has("ticket_classes") {
            body["ticket_classes"] = (0..event.type_ids.len()).map(|at| ticket_class(event, at)).collect();
        }
        body
    }
}

/// A cart has none yet.
pub(super) fn attendees(order: &Order) -> impl Iterator<Item = &Ticket> {
    order.tickets.iter().filter(|_| order.status != Status::Started)
}

pub(super) fn ticket_class(event: &Event, at: usize) -> Value {
    let spec = &event.spec;
    let (Some(kind), Some(id)) = (spec.tickets.get(at), event.type_ids.get(at)) else { return Value::Null };
    let money = |minor| cost(minor, &spec.currency);
    json!({
        "id": id, "name": kind.name, "event_id": event.id, "donation": kind.donation, "free": kind.price == 0,
        "cost": money(kind.price), "fee": money(0), "tax": money(0), "actual_cost": money(kind.price),
        "actual_fee": money(0), "description": null, "hidden": false, "include_fee": false, "split_fee": false,
        "auto_hide": false, "minimum_quantity": 1, "maximum_quantity": null, "quantity_total": spec.capacity,
        "on_sale_status": "AVAILABLE", "sales_channels": ["online", "atd"], "variants": [],
        "sales_start": seconds(event.created), "sales_end": seconds(spec.ends_at),
        "resource_uri": format!("{API}/events/{}/ticket_classes/{id}/", event.id),
    })
}

fn ticket_costs(order: &Order, ticket: &Ticket) -> Value {
    let money = |minor| cost(minor, &order.currency);
    let mut costs = json!({
        "base_price": money(ticket.net()), "eventbrite_fee": money(ticket.fee), "gross": money(ticket.gross()),
        "payment_fee": money(ticket.payment_fee), "tax": money(ticket.tax), "royalty": money(0),
    });
    if ticket.discount > 0 {
        costs["discount_amount"] = money(ticket.discount);
        costs["price_before_discount"] = money(ticket.price);
    }
    costs
}

/// Sums of the lines whose money is still in the order, so that the parts always add up to the gross.
fn order_costs(order: &Order) -> Value {
    let sum = |part: fn(&Ticket) -> i64| order.tickets.iter().filter(|ticket| !ticket.dropped).map(part).sum::<i64>();
    let money = |minor| cost(minor, &order.currency);
    let mut costs = json!({
        "base_price": money(sum(Ticket::net) - order.dropped()), "eventbrite_fee": money(sum(|ticket| ticket.fee)),
        "gross": money(sum(Ticket::gross) - order.dropped()), "payment_fee": money(sum(|ticket| ticket.payment_fee)),
        "tax": money(sum(|ticket| ticket.tax)),
    });
    if order.discount > 0 {
        costs["discount_amount"] = money(order.discount);
        costs["price_before_discount"] = money(sum(|ticket| ticket.price));
    }
    costs
}

fn preferences(order: &Order) -> Value {
    json!({"has_contact_list": true, "has_opted_in": order.opt_in})
}

fn refund_request(order: &Order, request: &Request) -> Value {
    let (status, item) = match request.processed {
        Some(_) => ("completed", "processed"),
        None => ("pending", "pending"),
    };
    let money = |minor| cost(minor, &order.currency);
    json!({
        "id": request.id, "from_email": order.buyer.email, "from_name": order.buyer.name(), "status": status,
        "message": "", "reason": request.reason, "last_message": "", "last_reason": request.reason,
        "items": [{
            "event_id": order.event_id, "order_id": order.id, "item_type": "order",
            "amount_processed": money(request.processed.map_or(0, |(_, minor)| minor)),
            "amount_requested": money(request.amount), "quantity_requested": order.tickets.len(),
            "quantity_processed": if request.processed.is_some() { order.tickets.len() } else { 0 },
            "processed_date": request.processed.map(|(at, _)| seconds(at)),
            "refund_reason_code": request.reason, "status": item,
        }],
    })
}
