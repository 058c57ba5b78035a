//! Who has one of the places for connections. When all are taken, or an address has too many, whoever makes least of one
//! goes: a few thousand connections that say nothing must not keep the others out.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::lock;
use crate::rate::Rate;
use crate::source::{Proxies, Source};

/// Nobody has to go before this time is over, but who has been refused.
const GRACE: Duration = Duration::from_secs(1);
/// How often it is looked again whether somebody has to go.
const LOOK: Duration = Duration::from_millis(50);
/// When all places are taken a look makes room for more than one, as a part of all: looking costs time.
const ROOM: usize = 64;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It has been refused, and is made to wait for that answer.
    Refused,
    /// Its request has not arrived whole.
    Headers,
    /// Its body is being read.
    Body,
    /// It has been answered, and may send another request.
    Idle,
    /// We are working for it.
    Working,
}

/// The places.
#[derive(Debug)]
pub struct Places {
    max: usize,
    /// For one address, unless it is a proxy's.
    per_source: usize,
    proxies: Arc<Proxies>,
    state: Mutex<State>,
    /// Somebody has left.
    left: Notify,
}

#[derive(Debug, Default)]
struct State {
    taken: BTreeMap<u64, Arc<Seat>>,
    next: u64,
    evicted: u64,
}

#[derive(Debug)]
struct Seat {
    /// Absent for proxies.
    source: Option<Source>,
    doing: Mutex<Doing>,
    /// It has to go.
    go: Notify,
}

#[derive(Debug)]
struct Doing {
    phase: Phase,
    since: Instant,
    rate: Rate,
    /// The last delivery of this connection was believed.
    believed: bool,
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
        Arc::new(Places { max, per_source, proxies, state: Mutex::default(), left: Notify::new() })
    }

    /// Takes a place; waits for one when all are taken by those who use them. `None`: this address has too many already, and
    /// uses them all.
    pub async fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let source = (!self.proxies.have(peer)).then(|| Source::of(peer));
        loop {
            let left = self.left.notified();
            match self.try_take(source) {
                Ok(place) => return Some(place),
                Err(Full::Source) => return None,
                Err(Full::All) => drop(timeout(LOOK, left).await),
            }
        }
    }

    fn try_take(self: &Arc<Self>, source: Option<Source>) -> Result<Place, Full> {
        let mut state = lock(&self.state);
        if let Some(source) = source {
            let theirs = |seat: &Seat| seat.source == Some(source);
            let count = state.taken.values().filter(|seat| theirs(seat)).count();
            if count >= self.per_source && state.evict(1, theirs) == 0 {
                return Err(Full::Source);
            }
        }
        if state.taken.len() >= self.max && state.evict((self.max / ROOM).max(1), |_| true) == 0 {
            return Err(Full::All);
        }
        let now = Instant::now();
        let doing = Doing { phase: Phase::Headers, since: now, rate: Rate::new(), believed: false };
        let seat = Arc::new(Seat { source, doing: Mutex::new(doing), go: Notify::new() });
        state.next += 1;
        let number = state.next;
        state.taken.insert(number, Arc::clone(&seat));
        Ok(Place { places: Arc::clone(self), number, seat })
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

enum Full {
    Source,
    All,
}

impl State {
    /// Up to so many have to go; says how many do.
    fn evict(&mut self, most: usize, of: impl Fn(&Seat) -> bool) -> usize {
        let mut order: Vec<(Reason, u64)> = self
            .taken
            .iter()
            .filter(|(_, seat)| of(seat))
            .filter_map(|(number, seat)| Some((seat.reason()?, *number)))
            .collect();
        order.sort_by(|(a, _), (b, _)| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        // Only those who make equally little of it.
        let worst = order.first().map(|(reason, _)| reason.kind());
        let chosen = order.iter().filter(|(reason, _)| Some(reason.kind()) == worst).take(most);
        let mut count = 0;
        for (_, number) in chosen {
            if let Some(seat) = self.taken.remove(number) {
                seat.go.notify_one();
                count += 1;
            }
        }
        self.evicted += count as u64;
        count
    }
}

/// Why somebody should go; the least first: strangers before others, then what it is doing, then how slowly or for how long.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
struct Reason(bool, Phase, f64);

impl Reason {
    fn kind(self) -> (bool, Phase) {
        (self.0, self.1)
    }
}

impl Seat {
    /// `None`: it stays.
    fn reason(&self) -> Option<Reason> {
        let doing = lock(&self.doing);
        let waited = doing.since.elapsed();
        let least = match doing.phase {
            Phase::Working => return None,
            Phase::Body if doing.believed => return None,
            Phase::Refused => -waited.as_secs_f64(),
            _ if waited < GRACE => return None,
            Phase::Body => doing.rate.present(),
            Phase::Headers | Phase::Idle => -waited.as_secs_f64(),
        };
        Some(Reason(doing.believed, doing.phase, least))
    }
}

impl Place {
    /// It does something else now.
    pub fn enter(&self, phase: Phase) {
        let mut doing = lock(&self.seat.doing);
        (doing.phase, doing.since) = (phase, Instant::now());
    }

    /// Bytes have come.
    pub fn came(&self, bytes: usize) {
        lock(&self.seat.doing).rate.add(bytes);
    }

    /// Whether its last delivery was believed.
    pub fn is_believed(&self) -> bool {
        lock(&self.seat.doing).believed
    }

    /// Whether this one was.
    pub fn set_believed(&self, believed: bool) {
        lock(&self.seat.doing).believed = believed;
    }

    /// Resolves when it has to go.
    pub async fn has_to_go(&self) {
        self.seat.go.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.places.state).taken.remove(&self.number);
        self.places.left.notify_waiters();
        self.places.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn places(max: usize, per_source: usize) -> Arc<Places> {
        Places::new(max, per_source, Arc::new(Proxies::parse("10.0.0.1").unwrap()))
    }

    fn gone(place: &Place) -> bool {
        !lock(&place.places.state).taken.contains_key(&place.number)
    }

    async fn take(places: &Arc<Places>, peer: &str) -> Option<Place> {
        places.take(ip(peer)).await
    }

    #[tokio::test(start_paused = true)]
    async fn who_makes_least_of_a_place_goes() {
        let places = places(5, 5);
        let (refused, silent, slow, idle, working) = (
            take(&places, "192.0.2.1").await.unwrap(),
            take(&places, "192.0.2.2").await.unwrap(),
            take(&places, "192.0.2.3").await.unwrap(),
            take(&places, "192.0.2.4").await.unwrap(),
            take(&places, "192.0.2.5").await.unwrap(),
        );
        refused.enter(Phase::Refused);
        slow.enter(Phase::Body);
        idle.enter(Phase::Idle);
        idle.set_believed(true);
        working.enter(Phase::Working);
        for expected in [&refused, &silent, &slow, &idle] {
            advance(GRACE).await;
            let newcomer = take(&places, "198.51.100.1").await.unwrap();
            newcomer.enter(Phase::Working);
            assert!(gone(expected), "{:?}", expected.seat);
            expected.has_to_go().await;
            std::mem::forget(newcomer);
        }
        assert!(!gone(&working));
        assert_eq!((places.taken(), places.evicted()), (5, 4));
        // All are at work: whoever comes waits until one leaves.
        advance(GRACE).await;
        let waits = tokio::spawn({
            let places = Arc::clone(&places);
            async move { take(&places, "198.51.100.2").await.is_some() }
        });
        tokio::time::sleep(GRACE).await;
        assert!(!waits.is_finished());
        drop(working);
        assert!(waits.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn the_slower_of_two_bodies_goes_and_a_believed_one_stays() {
        let places = places(3, 3);
        let all = [
            take(&places, "192.0.2.1").await.unwrap(),
            take(&places, "192.0.2.2").await.unwrap(),
            take(&places, "192.0.2.3").await.unwrap(),
        ];
        all.iter().for_each(|place| place.enter(Phase::Body));
        all[0].set_believed(true);
        advance(GRACE).await;
        all[2].came(1000);
        all[1].came(10);
        let _new = take(&places, "198.51.100.1").await.unwrap();
        assert_eq!(all.each_ref().map(gone), [false, true, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_has_so_many_and_a_proxy_as_many_as_there_are() {
        let places = places(100, 4);
        let mine: Vec<Place> = {
            let mut mine = Vec::new();
            for _ in 0..4 {
                mine.push(take(&places, "192.0.2.1").await.unwrap());
            }
            mine
        };
        assert!(take(&places, "192.0.2.1").await.is_none(), "nobody has waited for long yet");
        assert!(take(&places, "192.0.2.2").await.is_some());
        advance(GRACE).await;
        let fifth = take(&places, "192.0.2.1").await.unwrap();
        assert_eq!(mine.iter().filter(|place| gone(place)).count(), 1);
        fifth.enter(Phase::Working);
        let mut through_proxy = Vec::new();
        for _ in 0..50 {
            through_proxy.push(take(&places, "10.0.0.1").await.unwrap());
        }
        assert!(places.taken() > 50);
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_has_a_moment() {
        let places = places(2, 2);
        let (_one, _two) = (take(&places, "192.0.2.1").await, take(&places, "192.0.2.2").await);
        let began = Instant::now();
        let _three = take(&places, "192.0.2.3").await.unwrap();
        assert!(began.elapsed() >= GRACE && began.elapsed() < GRACE * 2);
    }
}
