//! Pages of lists, with continuation tokens.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::fake::Shared;
use crate::fake::answer::{Answer, Asked};
use crate::fake::settings::Switches;

/// Something in a list, by what the list is sorted: the oldest first, so that what is new comes last.
pub(super) struct Item<'a, T> {
    pub created: i64,
    pub id: &'a str,
    pub thing: T,
}

/// Where a page begins.
enum Start {
    /// At this page.
    Page(usize),
    /// Behind the last item of the page before this one.
    Behind(usize, i64, String),
}

/// The page that is asked for.
pub(super) fn page<T>(
    shared: &Shared,
    asked: &Asked<'_>,
    switches: &Switches,
    key: &str,
    mut items: Vec<Item<'_, T>>,
    body: impl Fn(&T) -> Value,
) -> Result<Answer, Answer> {
    let size = switches.page_size.max(1);
    items.sort_by(|a, b| (a.created, a.id).cmp(&(b.created, b.id)));
    if let Some(last) = asked.query.get("last_item_seen") {
        let behind = items.iter().position(|item| item.id == last).map_or(0, |at| at + 1);
        items.drain(..behind);
    }
    let (number, from) = match start(shared, asked)? {
        Start::Page(number) => (number, (number - 1).saturating_mul(size).min(items.len())),
        Start::Behind(number, created, id) => {
            (number, items.partition_point(|item| (item.created, item.id) <= (created, id.as_str())))
        }
    };
    let until = (from + size).min(items.len());
    let shown = &items[from..until];
    let list: Vec<Value> = shown.iter().map(|item| body(&item.thing)).collect();
    let mut pagination = json!({
        "object_count": items.len(), "page_number": number, "page_size": size,
        "page_count": items.len().div_ceil(size).max(1),
    });
    if !switches.old_pagination {
        let more = until < items.len();
        pagination["has_more_items"] = json!(more);
        if let Some(last) = shown.last().filter(|_| more || switches.token_at_end) {
            pagination["continuation"] = json!(token(shared, asked, number + 1, last.created, last.id));
        }
    }
    Ok(Answer::page(number, json!({"pagination": pagination, key: list})))
}

fn start(shared: &Shared, asked: &Asked<'_>) -> Result<Start, Answer> {
    if let Some(token) = asked.query.get("continuation") {
        let refused = || Answer::eventbrite(400, "BAD_CONTINUATION_TOKEN", "Invalid continuation token passed.");
        return read(shared, asked, token).ok_or_else(refused);
    }
    match asked.query.get("page").map_or(Ok(1), str::parse) {
        Ok(number @ 1..) => Ok(Start::Page(number)),
        _ => Err(Answer::eventbrite(400, "BAD_PAGE", "Page number should be numeric, start with 1")),
    }
}

fn token(shared: &Shared, asked: &Asked<'_>, number: usize, created: i64, id: &str) -> String {
    let generation = shared.generation.load(Ordering::Relaxed);
    hex::encode(format!("{generation}:{:016x}:{number}:{created}:{id}", filters(asked)))
}

fn read(shared: &Shared, asked: &Asked<'_>, token: &str) -> Option<Start> {
    let text = String::from_utf8(hex::decode(token).ok()?).ok()?;
    let mut parts = text.splitn(5, ':');
    let generation: u64 = parts.next()?.parse().ok()?;
    let hash = u64::from_str_radix(parts.next()?, 16).ok()?;
    if generation != shared.generation.load(Ordering::Relaxed) || hash != filters(asked) {
        return None;
    }
    Some(Start::Behind(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.to_owned()))
}

/// A token is only good for the list that it was made for.
fn filters(asked: &Asked<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (asked.path, asked.query.without(&["continuation", "page", "token"])).hash(&mut hasher);
    hasher.finish()
}
