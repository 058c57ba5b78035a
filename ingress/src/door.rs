//! Who comes in before whom. The database decides whom to believe; what is remembered here of its decisions keeps those
//! whom it does not believe from using up what the others need.
//!
//! - Believed is who has lately sent something that was: the connection, the secret in the path, the sender (address and
//!   shape of the request), or the address, unless forgeries come from it too. They are never held up.
//! - Suspect is an address from which something came that was not believed. Each further such request costs it a cell of its
//!   bucket; without one it is refused before its body is read.
//! - A platform takes only so many a minute that are not believed. When there were more, whoever is not believed waits for a
//!   turn: those of whom nothing bad is known first, and among them by lot, so that a newcomer gets through however many
//!   forge.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::Duration;

use hyper::HeaderMap;
use lru::LruCache;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep, timeout};

use crate::bucket::Bucket;
use crate::lock;
use crate::queue::Lane;
use crate::source::Source;
use crate::visit::Belief;
pub use crate::visit::Visit;

/// How long an address stays suspect after the last forgery.
const SUSPICION: Duration = Duration::from_secs(600);
/// How long after too many forgeries those who are not believed wait for a turn.
const GUARD: Duration = Duration::from_secs(60);
const SUSPECTS_MAX: usize = 16_384;
const PLATFORMS_MAX: usize = 64;
/// So many bytes cost as much as a request.
const BYTES_A_CELL: usize = 64 << 10;
/// What a body costs that was given up because it came too slowly.
const SLOW_COST: u32 = 10;
/// Longest wait for a turn.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// How often turns are given while somebody waits.
const TURN: Duration = Duration::from_millis(50);
/// When to come back after waiting in vain.
const AFTER_WAIT: Duration = Duration::from_secs(30);
/// Stands for all platforms that the database has not confirmed.
const OTHER: &str = "";

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
    quotas: (Option<NonZeroU32>, Option<NonZeroU32>),
    state: Mutex<State>,
    /// Somebody waits.
    bell: Notify,
}

struct State {
    belief: Belief,
    suspects: LruCache<Source, Suspect>,
    platforms: BTreeMap<String, Guarded>,
    waiting: Vec<Waiting>,
    refused: u64,
}

struct Suspect {
    bucket: Bucket,
    last: Instant,
}

/// A platform, and until when those who are not believed wait for a turn.
struct Guarded {
    bucket: Bucket,
    until: Option<Instant>,
}

struct Waiting {
    visit: Visit,
    entry: Entry,
    /// Nothing bad is known of it.
    fresh: bool,
    turn: oneshot::Sender<Entry>,
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
            suspects: LruCache::unbounded(),
            platforms: BTreeMap::new(),
            waiting: Vec::new(),
            refused: 0,
        };
        let quotas = (NonZeroU32::new(quotas.source), NonZeroU32::new(quotas.platform));
        Door { quotas, state: Mutex::new(state), bell: Notify::new() }
    }

    /// What a request may be recognised by.
    pub fn visit(&self, headers: &HeaderMap, source: Source, platform: &str, token: Option<&str>) -> Visit {
        lock(&self.state).belief.visit(headers, source, platform, token)
    }

    /// Comes in, perhaps after a wait; or is told when to come back. `known`: its connection has just been believed.
    pub async fn enter(&self, visit: &Visit, known: bool) -> Result<Entry, Duration> {
        let turn = match self.look(visit, known) {
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

    fn look(&self, visit: &Visit, known: bool) -> Look {
        let mut state = lock(&self.state);
        if known || state.belief.knows(visit) {
            return Look::Enters(BELIEVED);
        }
        let address_is_believed = state.belief.knows_address(visit);
        let mut entry = STRANGER;
        let suspect = state.suspect(visit.source).map(|suspect| suspect.bucket.take());
        match (suspect, self.quotas.1) {
            (None, _) if address_is_believed => return Look::Enters(BELIEVED),
            (None, _) => {}
            (Some(Ok(())), _) => entry.paid_source = 1,
            // Forgers share the address with somebody who is believed, whose turn it may be.
            (Some(Err(_)), Some(_)) if address_is_believed => return state.waits(visit, entry, false),
            (Some(Err(wait)), _) => {
                state.refused += 1;
                return Look::Refused(wait);
            }
        }
        if state.is_guarded(&visit.platform) {
            return state.waits(visit, entry, entry.paid_source == 0);
        }
        Look::Enters(entry)
    }

    /// The database has believed it. Says whether that makes its whole address believed, which it was not before.
    pub fn believed(&self, visit: &Visit) -> bool {
        let mut state = lock(&self.state);
        let first = state.belief.add(visit) && state.suspect(visit.source).is_none();
        if first && !state.waiting.is_empty() {
            // Those who came with it need not wait any longer.
            let all = std::mem::take(&mut state.waiting);
            let (theirs, others) = all.into_iter().partition(|waiting| waiting.visit.source == visit.source);
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
        if let Some(quota) = self.quotas.0 {
            state.spend(visit.source, quota, cost - entry.paid_source.min(cost));
        }
        if let Some(quota) = self.quotas.1 {
            let guarded = state.platform(&visit.platform, confirmed, quota);
            if !guarded.bucket.spend(cost - entry.paid_platform.min(cost)) {
                guarded.until = Some(Instant::now() + GUARD);
            }
        }
    }

    /// It was given up, because it came too slowly.
    pub fn slow(&self, visit: &Visit) {
        if let Some(quota) = self.quotas.0 {
            lock(&self.state).spend(visit.source, quota, SLOW_COST);
        }
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
        let Some(quota) = self.quotas.1 else { return false };
        let names: BTreeSet<String> =
            state.waiting.iter().map(|waiting| state.key(&waiting.visit.platform).to_owned()).collect();
        for name in names {
            while let Some(place) = state.next(&name, quota) {
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
    fn suspect(&mut self, source: Source) -> Option<&mut Suspect> {
        if self.suspects.peek(&source)?.last.elapsed() >= SUSPICION {
            self.suspects.pop(&source);
        }
        self.suspects.get_mut(&source)
    }

    fn spend(&mut self, source: Source, quota: NonZeroU32, cost: u32) {
        if self.suspect(source).is_none() {
            self.suspects.put(source, Suspect { bucket: Bucket::new(quota), last: Instant::now() });
            while self.suspects.len() > SUSPECTS_MAX {
                self.suspects.pop_lru();
            }
        }
        if let Some(suspect) = self.suspects.get_mut(&source) {
            suspect.last = Instant::now();
            suspect.bucket.spend(cost);
        }
    }

    fn waits(&mut self, visit: &Visit, entry: Entry, fresh: bool) -> Look {
        let (turn, given) = oneshot::channel();
        self.waiting.push(Waiting { visit: visit.clone(), entry, fresh, turn });
        Look::Waits(given)
    }

    /// The bucket that a platform's name goes by. Names that nobody has confirmed share one, since there is no end of them.
    fn key<'n>(&self, name: &'n str) -> &'n str {
        if self.platforms.contains_key(name) { name } else { OTHER }
    }

    fn platform(&mut self, name: &str, confirmed: bool, quota: NonZeroU32) -> &mut Guarded {
        let room = confirmed && self.platforms.len() < PLATFORMS_MAX;
        let key = if room { name } else { self.key(name) };
        let new = || Guarded { bucket: Bucket::new(quota), until: None };
        self.platforms.entry(key.to_owned()).or_insert_with(new)
    }

    fn is_guarded(&self, name: &str) -> bool {
        let guarded = self.platforms.get(self.key(name));
        guarded.and_then(|guarded| guarded.until).is_some_and(|until| until > Instant::now())
    }

    /// Who comes in next for a platform, with a cell of it taken; nobody while there is none.
    fn next(&mut self, name: &str, quota: NonZeroU32) -> Option<usize> {
        let mine = |waiting: &Waiting| self.key(&waiting.visit.platform) == name;
        let places: Vec<usize> = (0..self.waiting.len()).filter(|&place| mine(&self.waiting[place])).collect();
        let fresh: Vec<usize> = places.iter().copied().filter(|&place| self.waiting[place].fresh).collect();
        let best = if fresh.is_empty() { places } else { fresh };
        let lot = usize::try_from(RandomState::new().hash_one(()) >> 33).unwrap_or_default();
        let chosen = *best.get(lot % best.len().max(1))?;
        let guarded = self.platform(name, false, quota);
        if guarded.bucket.take().is_err() {
            guarded.until = Some(Instant::now() + GUARD);
            return None;
        }
        Some(chosen)
    }
}

#[cfg(test)]
#[path = "door_tests.rs"]
mod tests;
