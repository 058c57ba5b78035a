//! The calls of Eventbrite's API.

use std::sync::Arc;
use std::time::Duration;

use crate::fake::platform::Platform;
use serde_json::{Value, json};

use super::body::{Writer, attendees, ticket_class};
use super::expand::Expand;
use super::list;
use super::page::{Item, page};
use crate::fake::answer::{Answer, Asked};
use crate::fake::model::{Event, Model, Order, Ticket};
use crate::fake::settings::Switches;
use crate::fake::{Shared, lock};

type Outcome = Result<Answer, Answer>;

/// What a call reads.
struct Call<'a> {
    shared: &'a Shared,
    asked: &'a Asked<'a>,
    model: &'a Model,
    switches: Switches,
    /// Organizations of the token.
    owners: Vec<String>,
    expand: Expand,
    now: i64,
}

pub(in crate::fake) fn answer(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let answer = route(shared, asked).unwrap_or_else(|refusal| refusal);
    match asked.header("authorization").and_then(|header| header.strip_prefix("Bearer ")) {
        Some(token) => answer.header("x-rate-limit", lock(&shared.settings).counters(token)),
        None => answer,
    }
}

fn route(shared: &Shared, asked: &Asked<'_>) -> Outcome {
    let path = asked.path;
    if !path.ends_with('/') {
        let query = if asked.raw_query.is_empty() { String::new() } else { format!("?{}", asked.raw_query) };
        let moved = Answer::eventbrite(301, "PERMANENTLY_MOVED", "Resource must be retrieved from a different URL.");
        return Err(moved.header("location", format!("{path}/{query}")));
    }
    let owners = authenticate(shared, asked)?;
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let ["v3", parts @ ..] = parts.as_slice() else { return Err(no_path()) };
    if asked.method != "GET" {
        return Err(Answer::eventbrite(405, "METHOD_NOT_ALLOWED", "Method not allowed for this endpoint."));
    }
    let (switches, now) = (shared.switches(), shared.now());
    let model = lock(&shared.model);
    let expand = Expand::parse(&asked.query)?;
    let call = Call { shared, asked, model: &model, switches, owners, expand, now };
    match parts {
        ["users", "me", "organizations"] => call.organizations(),
        ["organizations", owner, what @ ("events" | "orders" | "attendees")] => {
            if !call.owners.iter().any(|own| own == owner) {
                let description = "You do not have permission to access the resource you requested.";
                return Err(Answer::eventbrite(403, "NOT_AUTHORIZED", description));
            }
            let events = call.events_of(owner);
            match *what {
                "events" => call.events(events),
                "orders" => call.orders(events),
                _ => call.attendees(events),
            }
        }
        ["events", event] => {
            list::allow(asked, "one")?;
            let event = call.event(event)?;
            Ok(Answer::ok(call.writer().event(event, &call.expand)))
        }
        ["events", event, "orders"] => call.orders(vec![call.event(event)?]),
        ["events", event, "attendees"] => call.attendees(vec![call.event(event)?]),
        ["events", event, "attendees", attendee] => call.attendee(event, attendee),
        ["events", event, "ticket_classes"] => call.ticket_classes(event),
        ["orders", order] => call.order(order),
        ["orders", order, "attendees"] => call.attendees_of(order),
        _ => Err(no_path()),
    }
}

fn no_path() -> Answer {
    Answer::eventbrite(404, "NOT_FOUND", "The path you requested does not exist.")
}

fn not_found(what: &str) -> Answer {
    Answer::eventbrite(404, "NOT_FOUND", format!("The {what} you requested does not exist."))
}

fn authenticate(shared: &Shared, asked: &Asked<'_>) -> Result<Vec<String>, Answer> {
    let token = match (asked.header("authorization"), asked.query.get("token")) {
        (Some(header), _) => header
            .strip_prefix("Bearer ")
            .ok_or_else(|| Answer::eventbrite(400, "INVALID_AUTH_HEADER", "Authentication header is invalid."))?,
        (None, Some(token)) => token,
        (None, None) => {
            return Err(Answer::eventbrite(401, "NO_AUTH", "An OAuth token is required for all requests"));
        }
    };
    let mut settings = lock(&shared.settings);
    let Some(known) = settings.credential(Platform::Eventbrite, token) else {
        let status = if settings.switches.invalid_auth_is_400 { 400 } else { 401 };
        return Err(Answer::eventbrite(status, "INVALID_AUTH", "The OAuth token you provided was invalid."));
    };
    let owners = known.owners.clone();
    match settings.count(Platform::Eventbrite, token) {
        Some(_) if settings.switches.no_retry_after => Err(rate_limited()),
        Some(wait) => Err(rate_limited().header("retry-after", wait.to_string())),
        None => Ok(owners),
    }
}

fn rate_limited() -> Answer {
    let description = "Your token has hit its hourly rate limit. Default rate limits are 2,000 calls per hour.";
    Answer::eventbrite(429, "HIT_RATE_LIMIT", description)
}

impl Call<'_> {
    fn writer(&self) -> Writer<'_> {
        Writer { switches: &self.switches, now: self.now }
    }

    fn page<T>(&self, key: &str, items: Vec<Item<'_, T>>, body: impl Fn(&T) -> Value) -> Outcome {
        page(self.shared, self.asked, &self.switches, key, items, body)
    }

    fn owned(&self, event: &str, lag: Duration) -> Option<&Arc<Event>> {
        let event = self.model.events.get(event)?.behind(lag)?;
        (event.platform == Platform::Eventbrite && self.owners.contains(&event.owner)).then_some(event)
    }

    fn event(&self, id: &str) -> Result<&Arc<Event>, Answer> {
        self.owned(id, self.asked.lag).ok_or_else(|| not_found("event"))
    }

    fn events_of(&self, owner: &str) -> Vec<&Arc<Event>> {
        let all = self.model.event_ids.iter().filter_map(|id| self.owned(id, self.asked.lag));
        all.filter(|event| event.owner == owner).collect()
    }

    fn organizations(&self) -> Outcome {
        list::allow(self.asked, "organizations")?;
        let items = self.owners.iter().map(|id| Item { created: 0, id, thing: id }).collect();
        self.page("organizations", items, |id| {
            json!({
                "_type": "organization", "id": id, "name": "Example Comedy", "vertical": "default",
                "parent_id": null, "locale": null, "created": "2020-01-01T00:00:00Z", "image_id": null,
            })
        })
    }

    fn events(&self, events: Vec<&Arc<Event>>) -> Outcome {
        list::allow(self.asked, "events")?;
        let items = events.into_iter().map(|event| Item { created: event.created, id: &event.id, thing: event });
        let items = items.collect();
        self.page("events", items, |event| self.writer().event(event, &self.expand))
    }

    fn ticket_classes(&self, event: &str) -> Outcome {
        list::allow(self.asked, "ticket_classes")?;
        let event = self.event(event)?;
        let items = event.type_ids.iter().enumerate().map(|(at, id)| Item { created: 0, id, thing: at }).collect();
        self.page("ticket_classes", items, |at| ticket_class(event, *at))
    }

    fn write(&self, order: &Order) -> Value {
        let listing = self.model.order_behind(&order.id, self.asked.attendee_lag);
        let event = self.owned(&order.event_id, Duration::ZERO);
        self.writer().order(order, listing.map(Arc::as_ref), event.map(Arc::as_ref), &self.expand)
    }

    fn write_attendee(&self, order: &Order, ticket: &Ticket) -> Value {
        let event = self.owned(&order.event_id, Duration::ZERO);
        self.writer().attendee(order, ticket, event.map(Arc::as_ref), &self.expand)
    }

    fn orders(&self, events: Vec<&Arc<Event>>) -> Outcome {
        let all = events.into_iter().flat_map(|event| self.model.orders_behind(&event.id, self.asked.lag));
        let orders = list::orders(self.asked, all)?.into_iter();
        let items = orders.map(|order| Item { created: order.created, id: &order.id, thing: order }).collect();
        self.page("orders", items, |order| self.write(order))
    }

    fn attendees(&self, events: Vec<&Arc<Event>>) -> Outcome {
        let orders = events.into_iter().flat_map(|event| self.model.orders_behind(&event.id, self.asked.attendee_lag));
        self.attendee_page(orders)
    }

    fn attendees_of(&self, order: &str) -> Outcome {
        let order = self.model.order_behind(order, self.asked.attendee_lag);
        let order = order.filter(|order| self.owned(&order.event_id, Duration::ZERO).is_some());
        self.attendee_page(std::iter::once(order.ok_or_else(|| not_found("order"))?))
    }

    fn attendee_page<'a>(&self, orders: impl Iterator<Item = &'a Arc<Order>>) -> Outcome {
        let all = orders.flat_map(|order| attendees(order).map(move |ticket| (order, ticket)));
        let item = |(order, ticket): (&'a Arc<Order>, &'a Ticket)| Item {
            created: ticket.created,
            id: &ticket.id,
            thing: (order, ticket),
        };
        let items = list::attendees(self.asked, all)?.into_iter().map(item).collect();
        self.page("attendees", items, |(order, ticket)| self.write_attendee(order, ticket))
    }

    fn order(&self, id: &str) -> Outcome {
        list::allow(self.asked, "one")?;
        let order = self.model.order_behind(id, self.asked.lag);
        let order = order.filter(|order| self.owned(&order.event_id, Duration::ZERO).is_some());
        order.map(|order| Answer::ok(self.write(order))).ok_or_else(|| not_found("order"))
    }

    fn attendee(&self, event: &str, id: &str) -> Outcome {
        list::allow(self.asked, "one")?;
        let event = self.event(event)?;
        let order = self.model.order_of.get(id).and_then(|id| self.model.order_behind(id, self.asked.attendee_lag));
        let order = order.filter(|order| order.event_id == event.id);
        let found = order.and_then(|order| Some((order, attendees(order).find(|ticket| ticket.id == id)?)));
        let (order, ticket) = found.ok_or_else(|| not_found("attendee_id"))?;
        Ok(Answer::ok(self.write_attendee(order, ticket)))
    }
}
