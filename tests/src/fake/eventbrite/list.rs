//! What the lists can be filtered by.

use std::sync::Arc;

use crate::fake::answer::{Answer, Asked};
use crate::fake::clock;
use crate::fake::model::{Order, Status, Ticket};

const PAGING: [&str; 4] = ["expand", "continuation", "page", "token"];
const ORDERS: [&str; 6] =
    ["status", "changed_since", "last_item_seen", "only_emails", "exclude_emails", "refund_request_statuses"];
const ATTENDEES: [&str; 4] = ["status", "changed_since", "last_item_seen", "attendee_ids"];
const EVENTS: [&str; 3] = ["status", "order_by", "time_filter"];

pub(super) fn arguments(name: &str, code: &str) -> Answer {
    let description = format!("There are errors with your arguments: {name} - {code}");
    Answer::eventbrite(400, "ARGUMENTS_ERROR", description)
}

/// Refuses parameters that a call does not have; `page_size` is one of them everywhere.
pub(super) fn allow(asked: &Asked<'_>, kind: &str) -> Result<(), Answer> {
    let more: &[&str] = match kind {
        "orders" => &ORDERS,
        "attendees" => &ATTENDEES,
        "events" => &EVENTS,
        _ => &[],
    };
    let known: Vec<&str> = match kind {
        "one" => vec!["expand", "token"],
        _ => PAGING.iter().chain(more).copied().collect(),
    };
    asked.query.unknown(&known).map_or(Ok(()), |name| Err(arguments(name, "UNKNOWN")))
}

/// `changed_since`, in whole seconds; a fraction or another zone is not understood.
fn changed_since(asked: &Asked<'_>) -> Result<Option<i64>, Answer> {
    let Some(text) = asked.query.get("changed_since") else { return Ok(None) };
    let at = clock::parse(text).filter(|_| text.len() == 20);
    at.map(Some).ok_or_else(|| arguments("changed_since", "INVALID"))
}

/// Versions are whole seconds for those who read them.
fn is_since(since: Option<i64>, changed: i64) -> bool {
    since.is_none_or(|since| changed.div_euclid(1000) >= since.div_euclid(1000))
}

/// Those that the parameters ask for.
pub(super) fn orders<'a>(
    asked: &Asked<'_>,
    all: impl Iterator<Item = &'a Arc<Order>>,
) -> Result<Vec<&'a Arc<Order>>, Answer> {
    allow(asked, "orders")?;
    let since = changed_since(asked)?;
    let active = match asked.query.get("status") {
        None | Some("all") => false,
        Some("active") => true,
        Some(_) => return Err(arguments("status", "INVALID")),
    };
    let (only, exclude) = (asked.query.list("only_emails"), asked.query.list("exclude_emails"));
    let requests = asked.query.list("refund_request_statuses");
    if requests.iter().flatten().any(|s| !["completed", "pending", "outside_policy", "disputed", "denied"].contains(s))
    {
        return Err(arguments("refund_request_statuses", "INVALID"));
    }
    let wanted = |order: &&'a Arc<Order>| {
        let email = order.buyer.email.as_str();
        let mut states = order.requests.iter().map(|r| if r.processed.is_some() { "completed" } else { "pending" });
        is_since(since, order.changed)
            && (!active || order.status == Status::Placed)
            && only.as_ref().is_none_or(|only| only.contains(&email))
            && exclude.as_ref().is_none_or(|exclude| !exclude.contains(&email))
            && requests.as_ref().is_none_or(|requests| states.any(|state| requests.contains(&state)))
    };
    Ok(all.filter(wanted).collect())
}

/// Those that the parameters ask for.
pub(super) fn attendees<'a>(
    asked: &Asked<'_>,
    all: impl Iterator<Item = (&'a Arc<Order>, &'a Ticket)>,
) -> Result<Vec<(&'a Arc<Order>, &'a Ticket)>, Answer> {
    allow(asked, "attendees")?;
    let since = changed_since(asked)?;
    let attending = match asked.query.get("status") {
        None => None,
        Some("attending") => Some(true),
        Some("not_attending") => Some(false),
        // Nobody here pays later.
        Some("unpaid") => return Ok(Vec::new()),
        Some(_) => return Err(arguments("status", "INVALID")),
    };
    let ids = asked.query.list("attendee_ids");
    let wanted = |(_, ticket): &(&'a Arc<Order>, &'a Ticket)| {
        is_since(since, ticket.changed)
            && attending.is_none_or(|attending| ticket.cancelled_at.is_none() == attending)
            && ids.as_ref().is_none_or(|ids| ids.contains(&ticket.id.as_str()))
    };
    Ok(all.filter(wanted).collect())
}
