//! Who has one of the places for connections. When all are taken, or an address has as many as it may, newcomers wait for a
//! short time until whoever makes least of a place has to go: a few thousand connections that say nothing must not keep the
//! others out.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::sleep;

use crate::inbound::admission::seats::{Evictable, Seat};
pub use crate::inbound::admission::seats::{Phase, Record};
use crate::inbound::admission::source::{Proxies, Source};
use crate::lock::lock;

/// How often it is looked who has to go, while somebody waits.
const LOOK: Duration = Duration::from_millis(50);

/// The places.
#[derive(Debug)]
pub struct Places {
    max: usize,
    /// For one address, unless it is a proxy's; as many may wait.
    per_source: usize,
    proxies: Arc<Proxies>,
    state: Mutex<State>,
    /// Somebody waits, or has left while somebody waits.
    bell: Notify,
    /// Somebody has left, or waits no longer.
    left: Notify,
}

#[derive(Debug, Default)]
struct State {
    taken: BTreeMap<u64, Arc<Seat>>,
    of_source: BTreeMap<Source, usize>,
    waiting: VecDeque<Waiting>,
    next: u64,
    evicted: u64,
}

#[derive(Debug)]
struct Waiting {
    /// Absent for proxies.
    source: Option<Source>,
    seat: oneshot::Sender<Place>,
}

/// A place, free again when dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    number: u64,
    seat: Arc<Seat>,
}

impl Places {
    /// So many places, all free.
    pub fn new(max: usize, per_source: usize, proxies: Arc<Proxies>) -> Arc<Places> {
        let (bell, left) = (Notify::new(), Notify::new());
        Arc::new(Places { max, per_source, proxies, state: Mutex::default(), bell, left })
    }

    /// Takes a place, perhaps after a wait. `None`: too many of this address wait already.
    pub async fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let source = (!self.proxies.have(peer)).then(|| Source::of(peer));
        let seat = {
            let mut state = lock(&self.state);
            if state.taken.len() < self.max && state.count(source) < self.per_source {
                return Some(self.seat(&mut state, source));
            }
            let theirs = state.waiting.iter().filter(|waiting| source.is_some() && waiting.source == source).count();
            if theirs >= self.per_source {
                return None;
            }
            let (seat, taken) = oneshot::channel();
            state.waiting.push_back(Waiting { source, seat });
            taken
        };
        self.bell.notify_one();
        seat.await.ok()
    }

    /// Resolves when somebody more may wait.
    pub async fn have_room(&self) {
        while lock(&self.state).waiting.len() >= self.max {
            let left = self.left.notified();
            tokio::select! { () = left => {}, () = sleep(LOOK) => {} }
        }
    }

    fn seat(self: &Arc<Self>, state: &mut State, source: Option<Source>) -> Place {
        let seat = Arc::new(Seat::new(source));
        state.next += 1;
        let number = state.next;
        state.taken.insert(number, Arc::clone(&seat));
        if let Some(source) = source {
            *state.of_source.entry(source).or_default() += 1;
        }
        Place { places: Arc::clone(self), number, seat }
    }

    /// Gives places to those who wait. Never ends.
    pub async fn run(self: &Arc<Self>) {
        loop {
            self.bell.notified().await;
            while self.give_places() {
                tokio::select! { () = self.bell.notified() => {}, () = sleep(LOOK) => {} }
            }
        }
    }

    /// Says whether anybody still waits.
    fn give_places(self: &Arc<Self>) -> bool {
        let mut state = lock(&self.state);
        let mut evictable = Evictable::of(&state.taken);
        let mut given_back = Vec::new();
        for waiting in std::mem::take(&mut state.waiting) {
            let crowded = state.count(waiting.source) >= self.per_source;
            let has_place = match waiting.source.filter(|_| crowded) {
                Some(source) => state.evict(evictable.next_of(source)),
                None => state.taken.len() < self.max || state.evict(evictable.next()),
            };
            if has_place && state.taken.len() < self.max {
                let place = self.seat(&mut state, waiting.source);
                // Whoever has gone away meanwhile gives it back.
                given_back.extend(waiting.seat.send(place).err());
            } else {
                state.waiting.push_back(waiting);
            }
        }
        self.left.notify_waiters();
        let somebody_waits = !state.waiting.is_empty();
        // Giving one back looks at the state again.
        drop(state);
        drop(given_back);
        somebody_waits
    }

    /// Number of places that are taken.
    pub fn taken(&self) -> usize {
        lock(&self.state).taken.len()
    }

    /// Whether all are.
    pub fn are_full(&self) -> bool {
        self.taken() >= self.max
    }

    /// How many have had to go.
    pub fn evicted(&self) -> u64 {
        lock(&self.state).evicted
    }

    /// Resolves when all are free.
    pub async fn all_left(&self) {
        while self.taken() > 0 {
            let left = self.left.notified();
            tokio::select! { () = left => {}, () = sleep(LOOK) => {} }
        }
    }
}

impl State {
    fn count(&self, source: Option<Source>) -> usize {
        source.and_then(|source| self.of_source.get(&source)).copied().unwrap_or(0)
    }

    fn remove(&mut self, number: u64) -> Option<Arc<Seat>> {
        let seat = self.taken.remove(&number)?;
        if let Some(source) = seat.source
            && let Some(count) = self.of_source.get_mut(&source)
        {
            *count -= 1;
            if *count == 0 {
                self.of_source.remove(&source);
            }
        }
        Some(seat)
    }

    /// It has to go, if there is one.
    fn evict(&mut self, number: Option<u64>) -> bool {
        let Some(seat) = number.and_then(|number| self.remove(number)) else { return false };
        seat.go.notify_one();
        self.evicted += 1;
        true
    }
}

impl Place {
    /// It does something else now.
    pub fn enter(&self, phase: Phase) {
        self.seat.enter(phase);
    }

    /// Bytes have come.
    pub fn came(&self, bytes: usize) {
        self.seat.came(bytes);
    }

    /// What became of its last delivery.
    pub fn record(&self) -> Record {
        self.seat.record()
    }

    /// What has become of one.
    pub fn set_record(&self, record: Record) {
        self.seat.set_record(record);
    }

    /// Resolves when it has to go.
    pub async fn has_to_go(&self) {
        self.seat.go.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = lock(&self.places.state);
        state.remove(self.number);
        if !state.waiting.is_empty() {
            self.places.bell.notify_one();
        }
        drop(state);
        self.places.left.notify_waiters();
    }
}

#[cfg(test)]
#[path = "places_tests.rs"]
mod tests;
