//! The merge state of orders: `order_states`, whose row is the order's lock.

use std::collections::{BTreeMap, BTreeSet};

use boxoffice_core::document::Document;
use boxoffice_core::merge::{Derived, Look, MAX_ATTENDEES, State};
use boxoffice_core::observation::{AttendeeCopy, Fact, Observation, OrderKey};
use boxoffice_core::platform::Platform;
use pgrx::pg_sys::BuiltinOid;
use pgrx::spi::SpiClient;

use super::plan::Plan;
use super::table::{Cell, Conflict, Kind, Table};
use crate::error::{Error, Result};
use crate::server;

static STATES: Table = Table {
    name: "boxoffice.order_states",
    columns: &[("platform", Kind::Text), ("platform_order_id", Kind::Text), ("state", Kind::Bytes)],
    key: &["platform", "platform_order_id"],
    sticky: None,
    returning: "platform, platform_order_id",
};

// The lateral form makes it one index look-up for each key, whatever the planner thinks of the size of the table.
static LOCK_KNOWN: Plan = Plan {
    sql: "SELECT s.state
          FROM (SELECT unnest($1) AS platform, unnest($2) AS order_id, generate_series(1, array_length($1, 1)) AS position) k
          CROSS JOIN LATERAL (SELECT o.state FROM boxoffice.order_states o
                              WHERE o.platform = k.platform AND o.platform_order_id = k.order_id
                              FOR UPDATE) s
          ORDER BY k.position",
    types: &[BuiltinOid::TEXTARRAYOID, BuiltinOid::TEXTARRAYOID],
};

static READ_KNOWN: Plan = Plan {
    sql: "SELECT k.position::bigint, o.state
          FROM (SELECT unnest($1) AS platform, unnest($2) AS order_id, generate_series(1, array_length($1, 1)) AS position) k
          JOIN boxoffice.order_states o ON o.platform = k.platform AND o.platform_order_id = k.order_id",
    types: &[BuiltinOid::TEXTARRAYOID, BuiltinOid::TEXTARRAYOID],
};

/// An order whose registers have changed.
pub struct Changed<'f> {
    /// Which order.
    pub key: OrderKey,
    /// Whether it was not known at all before.
    pub is_new: bool,
    /// What was shown before; `None` for nothing.
    pub before: Option<Derived>,
    /// What has to be shown now; `None` for nothing.
    pub after: Option<Derived>,
    /// The document of the order, when another one has to be shown.
    pub order_document: Option<&'f Document>,
    /// The documents of attendees for whom another one has to be shown.
    pub attendee_documents: BTreeMap<&'f str, &'f Document>,
    /// What has to be looked at once more.
    pub looks: Vec<Look>,
}

/// Whether [`merge`] also tells what those orders show about which nothing new was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tell {
    /// Only what has changed.
    Changes,
    /// Everything.
    All,
}

/// Result of a merge.
#[derive(Default)]
pub struct Merged<'f> {
    /// Orders with something new, in key order.
    pub changed: Vec<Changed<'f>>,
    /// Positions of the observations that said something new.
    pub news: BTreeSet<usize>,
    /// Positions of cancellations and refunds that something newer has overruled.
    pub overruled: BTreeSet<usize>,
    /// With [`Tell::All`]: every order as it has to be shown, with all its documents that are at hand.
    pub shown: Vec<Changed<'f>>,
}

type ByOrder<'k> = BTreeMap<&'k OrderKey, Vec<usize>>;

/// Merges observations into the states of their orders.
///
/// Locks are taken in key order, new rows before known ones, so that two merges never wait for each other in a circle.
pub fn merge<'f>(client: &mut SpiClient<'_>, facts: &[&'f Observation], tell: Tell) -> Result<Merged<'f>> {
    let by_order = group(facts);
    if by_order.is_empty() {
        return Ok(Merged::default());
    }
    let known = lock_or_insert(client, facts, &by_order)?;
    let (merged, grown) = fold(facts, by_order, known, tell)?;
    if !grown.is_empty() {
        let rows: Vec<_> = grown.iter().map(|(key, state)| row(key, state)).collect();
        // As an upsert, because that always goes through the index.
        STATES.insert(client, Conflict::Overwrite, &rows)?;
    }
    Ok(merged)
}

/// What [`merge`] would do; writes and locks nothing.
pub fn preview<'f>(client: &SpiClient<'_>, facts: &[&'f Observation], tell: Tell) -> Result<Merged<'f>> {
    let by_order = group(facts);
    let known = read_known(client, &by_order.keys().copied().collect::<Vec<_>>())?;
    Ok(fold(facts, by_order, known, tell)?.0)
}

/// The state of an order; `None` when nothing is known of it.
pub fn state(client: &SpiClient<'_>, key: &OrderKey) -> Result<Option<State>> {
    Ok(read_known(client, &[key])?.remove(key))
}

// By the event, since attendees have no index of their own ids: deliveries would have to keep it.
static ORDER_OF: Plan = Plan {
    sql: "SELECT a.platform_order_id FROM boxoffice.ticket_platforms p JOIN boxoffice.attendees a ON a.event_id = p.event_id
          WHERE p.platform = $1 AND p.external_event_id = $3 AND a.platform = $1 AND a.platform_attendee_id = $2
          UNION ALL
          SELECT a.platform_order_id FROM boxoffice.attendees a
          WHERE a.event_id IS NULL AND a.platform = $1 AND a.external_event_id = $3 AND a.platform_attendee_id = $2 LIMIT 1",
    types: &[BuiltinOid::TEXTOID, BuiltinOid::TEXTOID, BuiltinOid::TEXTOID],
};

/// The order that an attendee of an event belongs to. Reads all attendees of the event: only for what happens seldom.
pub fn order_of_attendee(
    client: &SpiClient<'_>,
    platform: Platform,
    attendee: &str,
    event: &str,
) -> Result<Option<String>> {
    Ok(match ORDER_OF.read(client, &[platform.as_str().into(), attendee.into(), event.into()])?.next() {
        Some(row) => row.get(1)?,
        None => None,
    })
}

/// The states of these orders, as far as they are known.
pub fn states<'k>(client: &SpiClient<'_>, keys: &[&'k OrderKey]) -> Result<BTreeMap<&'k OrderKey, State>> {
    if keys.is_empty() { Ok(BTreeMap::new()) } else { read_known(client, keys) }
}

fn group<'f>(facts: &[&'f Observation]) -> ByOrder<'f> {
    let mut by_order = ByOrder::new();
    for (position, fact) in facts.iter().enumerate() {
        by_order.entry(&fact.key).or_default().push(position);
    }
    by_order
}

/// A state that was known, as it is now, encoded.
type Grown<'f> = (&'f OrderKey, Vec<u8>);

/// Merges in memory. Also returns the known states that have grown.
fn fold<'f>(
    facts: &[&'f Observation],
    by_order: ByOrder<'f>,
    mut known: BTreeMap<&'f OrderKey, State>,
    tell: Tell,
) -> Result<(Merged<'f>, Vec<Grown<'f>>)> {
    let mut merged = Merged::default();
    let mut grown = Vec::new();
    for (key, positions) in by_order {
        server::check_interrupts();
        let stored = known.remove(key);
        let mut state = stored.clone().unwrap_or_default();
        let news: Vec<usize> = positions.iter().copied().filter(|&p| state.observe(&facts[p].fact)).collect();
        merged.overruled.extend(positions.iter().filter(|&&p| !state.honours(key.platform, &facts[p].fact)));
        if tell == Tell::All {
            merged.shown.push(compare(key, None, &state, positions.iter().map(|&p| &facts[p].fact)));
        }
        if news.is_empty() {
            continue;
        }
        if state.is_too_large() {
            return Err(Error::TooMuch {
                message: format!("order \"{}\" would have more than {MAX_ATTENDEES} attendees", key.order_id),
                hint: "What is known of it stays as it is; the delivery is kept.",
            });
        }
        merged.news.extend(news);
        if stored.is_some() {
            grown.push((key, state.encode()));
        }
        merged.changed.push(compare(key, stored.as_ref(), &state, positions.iter().map(|&p| &facts[p].fact)));
    }
    Ok((merged, grown))
}

/// Inserts the states of new orders; returns the states of those that were known, locked.
fn lock_or_insert<'k>(
    client: &mut SpiClient<'_>,
    facts: &[&Observation],
    by_order: &ByOrder<'k>,
) -> Result<BTreeMap<&'k OrderKey, State>> {
    let fresh: Vec<Vec<u8>> = by_order
        .values()
        .map(|positions| {
            server::check_interrupts();
            let mut state = State::default();
            for &position in positions {
                state.observe(&facts[position].fact);
            }
            state.encode()
        })
        .collect();
    let rows: Vec<_> = by_order.keys().zip(&fresh).map(|(key, state)| row(key, state)).collect();
    let mut inserted = BTreeSet::new();
    for row in STATES.insert(client, Conflict::Keep, &rows)? {
        if let (Some(platform), Some(order_id)) = (row.get::<String>(1)?, row.get::<String>(2)?) {
            inserted.extend(Platform::from_name(&platform).map(|platform| OrderKey { platform, order_id }));
        }
    }
    let rest: Vec<&OrderKey> = by_order.keys().copied().filter(|key| !inserted.contains(*key)).collect();
    let mut known = BTreeMap::new();
    if !rest.is_empty() {
        let (platforms, ids) = columns(rest.iter().copied());
        let rows = LOCK_KNOWN.write(client, &[platforms.into(), ids.into()])?;
        for (key, row) in rest.into_iter().zip(rows) {
            server::check_interrupts();
            known.insert(key, State::decode(row.get::<&[u8]>(1)?.unwrap_or_default())?);
        }
    }
    Ok(known)
}

fn read_known<'k>(client: &SpiClient<'_>, keys: &[&'k OrderKey]) -> Result<BTreeMap<&'k OrderKey, State>> {
    let (platforms, ids) = columns(keys.iter().copied());
    let mut known = BTreeMap::new();
    for row in READ_KNOWN.read(client, &[platforms.into(), ids.into()])? {
        server::check_interrupts();
        let position = row.get::<i64>(1)?.and_then(|p| usize::try_from(p - 1).ok());
        if let Some(key) = position.and_then(|p| keys.get(p)) {
            known.insert(*key, State::decode(row.get::<&[u8]>(2)?.unwrap_or_default())?);
        }
    }
    Ok(known)
}

fn row<'a>(key: &'a OrderKey, state: &'a [u8]) -> Vec<Cell<'a>> {
    vec![key.platform.as_str().into(), key.order_id.as_str().into(), Cell::Bytes(state)]
}

fn columns<'k>(keys: impl Iterator<Item = &'k OrderKey>) -> (Vec<&'static str>, Vec<&'k str>) {
    keys.map(|key| (key.platform.as_str(), key.order_id.as_str())).unzip()
}

fn compare<'f>(
    key: &OrderKey,
    before: Option<&State>,
    after: &State,
    facts: impl Iterator<Item = &'f Fact>,
) -> Changed<'f> {
    let order_hash = after.shown_order_hash();
    let order_is_new = before.is_none_or(|b| b.shown_order_hash() != order_hash);
    let mut order_document = None;
    let mut attendee_documents = BTreeMap::new();
    for fact in facts {
        let (order, attendees) = documents(fact);
        if order_is_new && order.is_some_and(|d| Some(d.hash) == order_hash) {
            order_document = order;
        }
        for copy in attendees {
            let hash = after.shown_attendee_hash(&copy.id);
            if hash == Some(copy.raw.hash) && before.is_none_or(|b| b.shown_attendee_hash(&copy.id) != hash) {
                attendee_documents.insert(copy.id.as_str(), &copy.raw);
            }
        }
    }
    Changed {
        key: key.clone(),
        is_new: before.is_none(),
        before: before.and_then(|b| b.derive(key.platform)),
        after: after.derive(key.platform),
        order_document,
        attendee_documents,
        looks: before.map(|before| after.look_again(key.platform, before)).unwrap_or_default(),
    }
}

fn documents(fact: &Fact) -> (Option<&Document>, &[AttendeeCopy]) {
    match fact {
        Fact::Envelope(envelope) => (Some(&envelope.raw), envelope.attendees.as_deref().unwrap_or_default()),
        Fact::Order { order, attendees, .. } => (Some(&order.raw), attendees.as_deref().unwrap_or_default()),
        Fact::Attendee { attendee, .. } => (None, std::slice::from_ref(attendee)),
        Fact::Gone { .. } | Fact::Scan { .. } | Fact::TicketsSwept(_) | Fact::OrdersSwept(_) => (None, &[]),
    }
}
