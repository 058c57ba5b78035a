//! The calls of Humanitix's API.

use std::sync::Arc;

use crate::fake::platform::Platform;
use serde_json::{Value, json};

use super::body;
use crate::fake::answer::{Answer, Asked};
use crate::fake::model::{Event, Model, Order};
use crate::fake::settings::Switches;
use crate::fake::{Shared, clock, lock};

/// Where accounts are at home; other regions want `overrideLocation`.
const HOME: &str = "AU";

type Outcome = Result<Answer, Answer>;

/// What a call reads.
struct Call<'a> {
    asked: &'a Asked<'a>,
    model: &'a Model,
    switches: Switches,
    /// The key.
    owner: String,
    now: i64,
}

pub(in crate::fake) fn answer(shared: &Shared, asked: &Asked<'_>) -> Answer {
    route(shared, asked).unwrap_or_else(|refusal| refusal)
}

fn route(shared: &Shared, asked: &Asked<'_>) -> Outcome {
    let parts: Vec<&str> = asked.path.split('/').skip(1).collect();
    let known = matches!(
        parts.as_slice(),
        ["v1", "events"]
            | ["v1", "events", _]
            | ["v1", "events", _, "orders" | "tickets"]
            | ["v1", "events", _, "orders" | "tickets", _]
    ) && parts.iter().all(|part| !part.is_empty());
    if asked.method != "GET" || !known {
        return Err(Answer::humanitix(404, format!("Route {}:{} not found", asked.method, asked.path)));
    }
    let owner = authenticate(shared, asked)?;
    let (switches, now) = (shared.switches(), shared.now());
    let model = lock(&shared.model);
    let call = Call { asked, model: &model, switches, owner, now };
    match parts.as_slice() {
        ["v1", "events"] => call.events(),
        ["v1", "events", event] => {
            call.allow(&["overrideLocation"])?;
            Ok(Answer::ok(body::event(call.event(event)?)))
        }
        ["v1", "events", event, "orders"] => call.orders(event),
        ["v1", "events", event, "tickets"] => call.tickets(event),
        ["v1", "events", event, "orders", order] => call.order(event, order),
        ["v1", "events", event, "tickets", ticket] => call.ticket(event, ticket),
        _ => Err(Answer::humanitix(404, format!("Route GET:{} not found", asked.path))),
    }
}

fn authenticate(shared: &Shared, asked: &Asked<'_>) -> Result<String, Answer> {
    let key = asked.header("x-api-key").unwrap_or_default();
    if key.len() < 16 || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
        return Err(Answer::humanitix(400, "Invalid api key format provided."));
    }
    let mut settings = lock(&shared.settings);
    let known = settings.credential(Platform::Humanitix, key).and_then(|known| known.owners.first()).cloned();
    let owner = known.ok_or_else(|| Answer::humanitix(401, "Invalid API Key."))?;
    match settings.count(Platform::Humanitix, key) {
        Some(wait) => Err(Answer::humanitix(429, "Rate limit exceeded.").header("retry-after", wait.to_string())),
        None => Ok(owner),
    }
}

impl Call<'_> {
    fn allow(&self, known: &[&str]) -> Result<(), Answer> {
        match self.asked.query.unknown(known) {
            Some(name) => Err(bad(&format!("query should NOT have additional properties '{name}'"))),
            None => Ok(()),
        }
    }

    /// `page`, which is required, and `pageSize`.
    fn paging(&self) -> Result<(usize, usize), Answer> {
        let query = &self.asked.query;
        let page = query.get("page").ok_or_else(|| bad("query should have required property 'page'"))?;
        let number = |name: &str, text: &str| match text.parse::<usize>() {
            Ok(0) => Err(bad(&format!("query.{name} should be >= 1"))),
            Ok(number) => Ok(number),
            Err(_) => Err(bad(&format!("query.{name} should be integer"))),
        };
        let size = query.get("pageSize").map_or(Ok(100), |size| number("pageSize", size))?;
        if size > 100 {
            return Err(bad("query.pageSize should be <= 100"));
        }
        Ok((number("page", page)?, size))
    }

    fn since(&self) -> Result<Option<i64>, Answer> {
        let Some(text) = self.asked.query.get("since") else { return Ok(None) };
        clock::parse(text).map(Some).ok_or_else(|| bad("query.since should match format \"date-time\""))
    }

    fn is_since(&self, since: Option<i64>, created: i64, changed: i64) -> bool {
        since.is_none_or(|since| since <= if self.switches.since_is_created { created } else { changed })
    }

    /// Another region than the one that is asked for does not exist.
    fn visible(&self, event: &Event) -> bool {
        let location = self.asked.query.get("overrideLocation").unwrap_or(HOME);
        event.platform == Platform::Humanitix && event.owner == self.owner && event.spec.location == location
    }

    fn event(&self, id: &str) -> Result<&Arc<Event>, Answer> {
        let event = self.model.events.get(id).and_then(|versions| versions.behind(self.asked.lag));
        let event = event.filter(|event| self.visible(event));
        event.ok_or_else(|| Answer::humanitix(404, format!("Event with id: {id} not found.")))
    }

    fn events(&self) -> Outcome {
        self.allow(&["page", "pageSize", "inFutureOnly", "since", "overrideLocation"])?;
        let (paging, since) = (self.paging()?, self.since()?);
        let future = match self.asked.query.get("inFutureOnly") {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(bad("query.inFutureOnly should be boolean")),
        };
        let all = self.model.event_ids.iter().rev().filter_map(|id| self.event(id).ok());
        let wanted = all.filter(|event| !future || event.spec.ends_at > self.now);
        let items = wanted.filter(|event| self.is_since(since, event.created, event.changed)).collect();
        Ok(page("events", paging, &newest_first(items, |event: &&Arc<Event>| event.created), |event| {
            body::event(event)
        }))
    }

    fn orders(&self, event: &str) -> Outcome {
        self.allow(&["page", "pageSize", "eventDateId", "since", "overrideLocation"])?;
        let (paging, since) = (self.paging()?, self.since()?);
        let date = self.asked.query.get("eventDateId");
        let orders = self.model.orders_behind(&self.event(event)?.id, self.asked.lag);
        let wanted = orders.filter(|order| date.is_none_or(|date| order.date_id.as_deref() == Some(date)));
        let items = wanted.filter(|order| self.is_since(since, order.created, order.changed)).collect();
        let items = newest_first(items, |order: &&Arc<Order>| order.created);
        Ok(page("orders", paging, &items, |order| body::order(order, &self.switches)))
    }

    fn tickets(&self, event: &str) -> Outcome {
        self.allow(&["page", "pageSize", "eventDateId", "since", "overrideLocation", "status"])?;
        let (paging, since) = (self.paging()?, self.since()?);
        let date = self.asked.query.get("eventDateId");
        let cancelled = match self.asked.query.get("status") {
            None => None,
            Some("complete") => Some(false),
            Some("cancelled") => Some(true),
            Some(_) => return Err(bad("query.status should be equal to one of the allowed values")),
        };
        let orders = self.model.orders_behind(&self.event(event)?.id, self.asked.attendee_lag);
        let wanted = orders.filter(|order| date.is_none_or(|date| order.date_id.as_deref() == Some(date)));
        let tickets = wanted.flat_map(|order| order.tickets.iter().map(move |ticket| (order, ticket)));
        let items = tickets
            .filter(|(_, ticket)| cancelled.is_none_or(|cancelled| ticket.cancelled_at.is_some() == cancelled))
            .filter(|(_, ticket)| self.is_since(since, ticket.created, ticket.changed))
            .collect();
        let items = newest_first(items, |(_, ticket)| ticket.created);
        Ok(page("tickets", paging, &items, |(order, ticket)| body::ticket(order, ticket)))
    }

    fn order(&self, event: &str, id: &str) -> Outcome {
        self.allow(&["overrideLocation"])?;
        let event = self.event(event)?;
        // Something that is no id at all fails, it is not just absent.
        if id.len() != 24 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Answer::humanitix(500, "Something went wrong."));
        }
        let order = self.model.order_behind(id, self.asked.lag).filter(|order| order.event_id == event.id);
        match order {
            Some(order) => Ok(Answer::ok(body::order(order, &self.switches))),
            None => Err(Answer::humanitix(404, format!("Order with id: {id} not found."))),
        }
    }

    fn ticket(&self, event: &str, id: &str) -> Outcome {
        self.allow(&["overrideLocation"])?;
        let event = self.event(event)?;
        let order = self.model.order_of.get(id).and_then(|id| self.model.order_behind(id, self.asked.attendee_lag));
        let order = order.filter(|order| order.event_id == event.id);
        match order.and_then(|order| Some((order, order.tickets.iter().find(|ticket| ticket.id == id)?))) {
            Some((order, ticket)) => Ok(Answer::ok(body::ticket(order, ticket))),
            None => Err(Answer::humanitix(404, format!("Ticket with id: {id} not found."))),
        }
    }
}

fn bad(message: &str) -> Answer {
    Answer::humanitix(400, message)
}

fn newest_first<T>(mut items: Vec<T>, created: impl Fn(&T) -> i64) -> Vec<T> {
    items.sort_by_key(|item| std::cmp::Reverse(created(item)));
    items
}

/// There is no link to the next page, and one past the end is empty.
fn page<T>(key: &str, (number, size): (usize, usize), items: &[T], body: impl Fn(&T) -> Value) -> Answer {
    let list: Vec<Value> = items.iter().skip((number - 1).saturating_mul(size)).take(size).map(body).collect();
    Answer::page(number, json!({"total": items.len(), "page": number, "pageSize": size, key: list}))
}
