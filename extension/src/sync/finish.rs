//! The end of a synchronisation: what a complete reading says about orders that it did not show, and about tickets.

use std::collections::BTreeMap;

use boxoffice_core::merge::State;
use boxoffice_core::observation::{Fact, Observation, OrderKey};
use pgrx::Spi;
use pgrx::spi::SpiClient;

use crate::deliver::apply::{self, Manner};
use crate::error::Result;
use crate::server;
use crate::store::jobs::words::Priority;
use crate::store::runs::words::{Failure, Mode};
use crate::store::runs::{self, Left, Run};
use crate::store::{jobs, orders};
use crate::sync::{end, reconcile};

/// Orders that are dealt with at a time.
const CHUNK: i32 = 1000;

/// All pages of a run are read. A complete reading has something left to be done, order by order; the others end here.
pub fn end_of_pages(client: &mut SpiClient<'_>, run: &Run) -> Result<()> {
    match run.mode {
        // Not now: the page's orders are locked, and others must be locked in the order of their keys.
        Mode::Full | Mode::Reconcile => runs::finish(client, run.id),
        Mode::Changes | Mode::Discovery | Mode::Burst => end::close(client, run.id),
    }
}

/// Goes on with a run that has read all its pages, with at most that many orders; says with how many it did.
pub fn finish_some(limit: i32) -> Result<i32> {
    Spi::connect_mut(|client| finish(client, limit))
}

/// The same with a client that is there.
pub fn finish(client: &mut SpiClient<'_>, limit: i32) -> Result<i32> {
    let mut done = 0;
    server::require_writable()?;
    server::lock_links()?;
    while done < limit {
        server::check_interrupts();
        let Some(run) = runs::finishing(client)? else { break };
        let chunk = CHUNK.min(limit - done).max(1);
        let left = runs::left(client, &run, chunk)?;
        // A run that cannot be finished must not keep the others from it.
        if let Err(error) = server::in_subtransaction(|| settle(client, &run, &left)) {
            let why = format!("could not be finished: {}", error.message());
            end::fail(client, run.id, Failure::Unfinished, &why)?;
            break;
        }
        done += i32::try_from(left.len()).unwrap_or(i32::MAX).max(1);
        let missing = left.iter().filter(|order| order.missing).count();
        if let Some(last) = left.last() {
            runs::advance(client, run.id, &last.order_id, missing)?;
        }
        if left.len() < usize::try_from(chunk).unwrap_or(0) {
            end::close(client, run.id)?;
            // The next one begins with low keys again, and locks are taken in key order.
            break;
        }
    }
    Ok(done)
}

fn settle(client: &mut SpiClient<'_>, run: &Run, left: &[Left]) -> Result<()> {
    let keys: Vec<OrderKey> =
        left.iter().map(|order| OrderKey { platform: run.platform, order_id: order.order_id.clone() }).collect();
    let states = orders::states(client, &keys.iter().collect::<Vec<_>>())?;
    // An order whose 404 has decided is no news.
    let is_missing =
        |order: &Left, key: &OrderKey| order.missing && states.get(key).is_none_or(|s: &State| !s.is_gone());
    let missing: BTreeMap<&OrderKey, &Left> =
        keys.iter().zip(left).filter(|(key, order)| is_missing(order, key)).collect();
    if run.mode == Mode::Reconcile {
        reconcile::report_missing(client, run, missing.values().copied())?;
    }
    if run.dry_run {
        return Ok(());
    }
    let mut facts = Vec::new();
    for key in &keys {
        let Some(state) = states.get(key) else { continue };
        if let Some(from) = run.orders_from.filter(|_| missing.contains_key(key) && state.seen_by_api()) {
            facts.push(Observation { key: key.clone(), fact: Fact::OrdersSwept(from) });
        }
        facts.extend(run.tickets_from.map(|from| Observation { key: key.clone(), fact: Fact::TicketsSwept(from) }));
    }
    apply::apply_facts(client, run.platform, facts, Manner::Careful)?;

    let Some(event) = run.external_event_id.as_deref() else { return Ok(()) };
    let location = runs::location(client, run.platform, event)?;
    for key in missing.keys() {
        // What the API has never shown cannot be gone; asking would be in vain every day.
        if states.get(*key).is_some_and(State::seen_by_api)
            && let Some(request) = run.platform.ask_order(Some(event), &key.order_id, location.as_deref())
        {
            jobs::enqueue_at(client, run.platform, &run.account, &request, Priority::Daily, None)?;
        }
    }
    Ok(())
}
