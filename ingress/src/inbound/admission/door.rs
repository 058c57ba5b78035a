//! Who comes in before whom. The database decides whom to believe; what is remembered here of its decisions keeps those
//! whom it does not believe from using up what the others need.
//!
//! - Believed is who has lately sent something that was: the connection, the secret in the path, the sender (address and
//!   shape of the request), or the address, unless forgeries come from it too. They are never held up.
//! - Suspect is an address from which something came that was not believed. Each further such request costs it a cell of its
//!   bucket; without one it is refused before its body is read.
//! - An address from which both come cannot be told from outside: of what comes from there and shows no other sign, the
//!   database judges so many a second, by lot.
//! - A platform takes only so many a minute that are not believed. When there were more, whoever is not believed waits for a
//!   turn: those of whom nothing bad is known first, and among them by lot, so that a newcomer gets through however many
//!   forge.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::Duration;

use hyper::HeaderMap;
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, timeout};

use crate::inbound::admission::bucket::Bucket;
use crate::inbound::admission::guards::Guards;
use crate::inbound::admission::places::Record;
use crate::inbound::admission::source::Source;
use crate::inbound::admission::suspects::Suspects;
use crate::inbound::admission::visit::Belief;
pub use crate::inbound::admission::visit::Visit;
use crate::inbound::queue::Lane;
use crate::lock::lock;

/// So many bytes cost as much as a request.
const BYTES_A_CELL: usize = 64 << 10;
/// What a body costs that was given up because it came too slowly.
const SLOW_COST: u32 = 10;
/// What is judged a second of what comes from addresses of which both are known.
const MIXED: u32 = 100;
/// Longest wait for a turn.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// How often turns are given while somebody waits.
const TURN: Duration = Duration::from_millis(50);
/// When to come back after waiting in vain.
const AFTER_WAIT: Duration = Duration::from_secs(30);

/// How much is taken a minute of those who are not believed; 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// From an address.
    pub source: u32,
    /// For a platform.
    pub platform: u32,
}

/// A request that has come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// With whom it travels.
    pub lane: Lane,
    /// Cells that it has cost already.
    paid_source: u32,
    paid_platform: u32,
}

const BELIEVED: Entry = Entry { lane: Lane::Believed, paid_source: 0, paid_platform: 0 };
const STRANGER: Entry = Entry { lane: Lane::Strangers, paid_source: 0, paid_platform: 0 };

/// The door.
pub struct Door {
    state: Mutex<State>,
    /// Somebody waits.
    bell: Notify,
}

struct State {
    belief: Belief,
    suspects: Suspects,
    guards: Guards,
    /// For all addresses of which both are known.
    mixed: Bucket,
    waiting: Vec<Waiting>,
    refused: u64,
}

struct Waiting {
    visit: Visit,
    entry: Entry,
    record: Record,
    why: Why,
    turn: oneshot::Sender<Entry>,
}

/// Why somebody waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Its address is suspect, and believed as well.
    Mixed,
    /// The platform is guarded; something bad is known of the address.
    Suspect,
    /// The same, and nothing is known of the address.
    Fresh,
}

/// What becomes of a request at once.
enum Look {
    Enters(Entry),
    Waits(oneshot::Receiver<Entry>),
    Refused(Duration),
}

impl Door {
    /// A door to which nobody has come yet.
    pub fn new(quotas: Quotas) -> Door {
        let state = State {
            belief: Belief::new(),
            suspects: Suspects::new(NonZeroU32::new(quotas.source)),
            guards: Guards::new(NonZeroU32::new(quotas.platform)),
            mixed: Bucket::steady(NonZeroU32::new(MIXED).unwrap_or(NonZeroU32::MIN)),
            waiting: Vec::new(),
            refused: 0,
        };
        Door { state: Mutex::new(state), bell: Notify::new() }
    }

    /// What a request may be recognised by.
    pub fn visit(&self, headers: &HeaderMap, source: Source, platform: &str, token: Option<&str>) -> Visit {
        lock(&self.state).belief.visit(headers, source, platform, token)
    }

    /// Comes in, perhaps after a wait; or is told when to come back. `record`: of its connection.
    pub async fn enter(&self, visit: &Visit, record: Record) -> Result<Entry, Duration> {
        let turn = match self.look(visit, record) {
            Look::Enters(entry) => return Ok(entry),
            Look::Refused(wait) => return Err(wait),
            Look::Waits(turn) => turn,
        };
        self.bell.notify_one();
        match timeout(WAIT_MAX, turn).await {
            Ok(Ok(entry)) => Ok(entry),
            _ => {
                lock(&self.state).refused += 1;
                Err(AFTER_WAIT)
            }
        }
    }

    fn look(&self, visit: &Visit, record: Record) -> Look {
        let mut state = lock(&self.state);
        if record == Record::Believed || state.belief.knows(visit) {
            return Look::Enters(BELIEVED);
        }
        let address_is_believed = state.belief.knows_address(visit);
        let mut entry = STRANGER;
        let suspect = state.suspects.take(visit.source);
        match suspect {
            None if address_is_believed => return Look::Enters(BELIEVED),
            None => {}
            Some(taken) => {
                entry.paid_source = u32::from(taken.is_ok());
                if address_is_believed {
                    return state.waits(visit, entry, record, Why::Mixed);
                }
                if let Err(wait) = taken {
                    state.refused += 1;
                    return Look::Refused(wait);
                }
            }
        }
        if state.guards.has(&visit.platform) {
            return state.waits(visit, entry, record, if entry.paid_source == 0 { Why::Fresh } else { Why::Suspect });
        }
        Look::Enters(entry)
    }

    /// The database has believed it. Says whether that makes its whole address believed, which it was not before.
    pub fn believed(&self, visit: &Visit) -> bool {
        let mut state = lock(&self.state);
        let first = state.belief.add(visit) && !state.suspects.have(visit.source);
        if !state.waiting.is_empty() {
            // Those who came with it need not wait any longer.
            let (mut theirs, mut others) = (Vec::new(), Vec::new());
            for waiting in std::mem::take(&mut state.waiting) {
                let same = first && waiting.visit.source == visit.source;
                let known = same || state.belief.is_sign_of(visit, &waiting.visit);
                if known { theirs.push(waiting) } else { others.push(waiting) }
            }
            state.waiting = others;
            for waiting in theirs {
                let _ = waiting.turn.send(BELIEVED);
            }
        }
        first
    }

    /// The database has not believed it. `bytes`: what it has brought; `confirmed`: there is such a platform.
    pub fn rejected(&self, visit: &Visit, entry: Entry, bytes: usize, confirmed: bool) {
        let cost = 1 + u32::try_from(bytes / BYTES_A_CELL).unwrap_or(u32::MAX - 1);
        let mut state = lock(&self.state);
        state.belief.remove(visit);
        state.suspects.spend(visit.source, cost - entry.paid_source.min(cost));
        state.guards.spend(&visit.platform, confirmed, cost - entry.paid_platform.min(cost));
    }

    /// It was given up, because it came too slowly.
    pub fn slow(&self, visit: &Visit) {
        lock(&self.state).suspects.spend(visit.source, SLOW_COST);
    }

    /// Gives turns to those who wait. Never ends.
    pub async fn run(&self) {
        loop {
            self.bell.notified().await;
            while self.give_turns() {
                sleep(TURN).await;
            }
        }
    }

    /// Says whether anybody still waits.
    fn give_turns(&self) -> bool {
        let mut state = lock(&self.state);
        state.waiting.retain(|waiting| !waiting.turn.is_closed());
        while let Some(place) = state.next_mixed() {
            let Waiting { entry, turn, .. } = state.waiting.swap_remove(place);
            let _ = turn.send(entry);
        }
        let guarded = state.waiting.iter().filter(|waiting| waiting.why != Why::Mixed);
        let names: BTreeSet<String> =
            guarded.map(|waiting| state.guards.name(&waiting.visit.platform).to_owned()).collect();
        for name in names {
            while let Some(place) = state.next(&name) {
                let Waiting { entry, turn, .. } = state.waiting.swap_remove(place);
                let _ = turn.send(Entry { paid_platform: 1, ..entry });
            }
        }
        !state.waiting.is_empty()
    }

    /// Requests that were refused since the last call.
    pub fn take_refused(&self) -> u64 {
        std::mem::take(&mut lock(&self.state).refused)
    }

    /// Number of suspect addresses, and of requests that wait for a turn.
    pub fn counts(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.suspects.len(), state.waiting.len())
    }
}

impl State {
    fn waits(&mut self, visit: &Visit, entry: Entry, record: Record, why: Why) -> Look {
        let (turn, given) = oneshot::channel();
        self.waiting.push(Waiting { visit: visit.clone(), entry, record, why, turn });
        Look::Waits(given)
    }

    /// One of these by lot; whose connection has brought a forgery already only when there is no other.
    fn lot(&self, of: impl Fn(&Waiting) -> bool) -> Option<usize> {
        let (first, last): (Vec<usize>, Vec<usize>) = (0..self.waiting.len())
            .filter(|&place| of(&self.waiting[place]))
            .partition(|&place| self.waiting[place].record == Record::None);
        let places = if first.is_empty() { last } else { first };
        let lot = usize::try_from(RandomState::new().hash_one(()) >> 33).unwrap_or_default();
        places.get(lot % places.len().max(1)).copied()
    }

    /// Who comes in next from the addresses of which both are known.
    fn next_mixed(&mut self) -> Option<usize> {
        let chosen = self.lot(|waiting| waiting.why == Why::Mixed)?;
        self.mixed.take().ok().map(|()| chosen)
    }

    /// Who comes in next for a platform, with a cell of it taken; nobody while there is none.
    fn next(&mut self, name: &str) -> Option<usize> {
        let of = |why: Why| self.lot(|waiting| waiting.why == why && self.guards.name(&waiting.visit.platform) == name);
        let chosen = of(Why::Fresh).or_else(|| of(Why::Suspect))?;
        self.guards.take(name).then_some(chosen)
    }
}

#[cfg(test)]
#[path = "door_tests.rs"]
mod tests;
