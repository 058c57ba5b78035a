//! How many bytes of bodies may be in memory at a time, over all connections: without it a thousand slow senders of a
//! megabyte each would be a gigabyte. When it is short, the slowest body that is still being read goes first, so that a few
//! that stand still cannot use it up; and a part of it is for small bodies only, which webhooks are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::inbound::admission::rate::Rate;
use crate::inbound::queue::Lane;
use crate::lock::lock;

/// A body up to this length is small, in bytes.
const SMALL: usize = 64 << 10;
/// Nobody is slow before this time is over.
const GRACE: Duration = Duration::from_millis(250);

/// The memory for bodies.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    /// For bodies that are not small, together.
    large: usize,
    /// For those of senders who are not believed, together.
    strangers: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    used: usize,
    large: usize,
    strangers: usize,
    shares: BTreeMap<u64, Share>,
    next: u64,
}

#[derive(Debug)]
struct Share {
    lane: Lane,
    bytes: usize,
    /// Absent when the whole body is there: it stays then.
    reading: Option<Reading>,
}

#[derive(Debug)]
struct Reading {
    since: Instant,
    rate: Rate,
    given_up: Arc<Notify>,
}

/// A share of a [`Budget`], given back when dropped.
#[derive(Debug)]
pub struct Held {
    budget: Arc<Budget>,
    number: u64,
    given_up: Arc<Notify>,
}

impl Budget {
    /// A budget of `limit` bytes, of which a body has at most `longest`.
    pub fn new(limit: usize, longest: usize) -> Arc<Budget> {
        let (large, strangers) = ((limit - limit / 4).max(longest), (limit / 2).max(longest));
        Arc::new(Budget { limit, large, strangers, state: Mutex::default() })
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        lock(&self.state).used
    }

    /// A share of it, empty at first, for a body that is about to be read.
    pub fn hold(self: &Arc<Self>, lane: Lane) -> Held {
        let given_up = Arc::new(Notify::new());
        let reading = Reading { since: Instant::now(), rate: Rate::new(), given_up: Arc::clone(&given_up) };
        let mut state = lock(&self.state);
        state.next += 1;
        let number = state.next;
        state.shares.insert(number, Share { lane, bytes: 0, reading: Some(reading) });
        Held { budget: Arc::clone(self), number, given_up }
    }

    fn fits(&self, state: &State, share: &Share, more: usize) -> bool {
        let whole = share.bytes + more;
        // A body that stops being small counts as large with all that it has.
        let large = match whole > SMALL {
            true => state.large - share.counted_large() + whole,
            false => 0,
        };
        let strangers = if share.lane == Lane::Strangers { state.strangers + more } else { 0 };
        state.used + more <= self.limit && large <= self.large && strangers <= self.strangers
    }
}

impl Share {
    fn counted_large(&self) -> usize {
        if self.bytes > SMALL { self.bytes } else { 0 }
    }

    /// Who is given up first: strangers before others, then the slower; nobody who has only begun.
    fn order(&self) -> Option<(bool, f64)> {
        let reading = self.reading.as_ref().filter(|reading| reading.since.elapsed() >= GRACE)?;
        Some((self.lane == Lane::Believed, reading.rate.present()))
    }
}

impl State {
    fn count(&mut self, share: &Share, add: bool) {
        let strangers = if share.lane == Lane::Strangers { share.bytes } else { 0 };
        for (sum, bytes) in
            [(&mut self.used, share.bytes), (&mut self.large, share.counted_large()), (&mut self.strangers, strangers)]
        {
            *sum = if add { *sum + bytes } else { sum.saturating_sub(bytes) };
        }
    }

    /// The slowest, if it is slower than this one.
    fn slower_than(&self, number: u64, share: &Share) -> Option<u64> {
        let mine = share.order().unwrap_or((true, f64::INFINITY));
        let others = self.shares.iter().filter(|(other, share)| **other != number && share.bytes > 0);
        let slowest = others.filter_map(|(other, share)| Some((share.order()?, *other)));
        slowest
            .min_by(|(a, _), (b, _)| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal))
            .filter(|(order, _)| *order < mine)
            .map(|(_, other)| other)
    }
}

impl Held {
    /// Takes `bytes` more, if need be from the slowest; false, and nothing taken, when there are not so many.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let mut state = lock(&self.budget.state);
        // Absent when this one was the slowest.
        let Some(mut share) = state.shares.remove(&self.number) else { return false };
        if let Some(reading) = &mut share.reading {
            reading.rate.add(bytes);
        }
        let mut fits = self.budget.fits(&state, &share, bytes);
        while !fits {
            let Some(slowest) = state.slower_than(self.number, &share) else { break };
            if let Some(given_up) = state.shares.remove(&slowest) {
                state.count(&given_up, false);
                if let Some(reading) = given_up.reading {
                    reading.given_up.notify_one();
                }
            }
            fits = self.budget.fits(&state, &share, bytes);
        }
        if fits {
            state.count(&share, false);
            share.bytes += bytes;
            state.count(&share, true);
        }
        state.shares.insert(self.number, share);
        fits
    }

    /// The whole body is there.
    pub fn complete(&mut self) {
        if let Some(share) = lock(&self.budget.state).shares.get_mut(&self.number) {
            share.reading = None;
        }
    }

    /// Told when its memory has been given to others.
    pub fn given_up(&self) -> Arc<Notify> {
        Arc::clone(&self.given_up)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = lock(&self.budget.state);
        if let Some(share) = state.shares.remove(&self.number) {
            state.count(&share, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const MB: usize = 1 << 20;
    const SECOND: Duration = Duration::from_secs(1);

    fn taken(held: &Held) -> bool {
        !lock(&held.budget.state).shares.contains_key(&held.number)
    }

    #[tokio::test(start_paused = true)]
    async fn the_slowest_goes_first() {
        let budget = Budget::new(8 * MB, MB);
        let mut all: Vec<Held> = (0..6).map(|_| budget.hold(Lane::Believed)).collect();
        for held in &mut all {
            assert!(held.grow(MB - 1));
        }
        advance(SECOND).await;
        assert!(all[3].grow(1) && all[5].grow(1), "two of them go on");
        advance(SECOND).await;
        let mut fast = budget.hold(Lane::Believed);
        // Three quarters of it are for large bodies; there is no room without giving one up.
        for _ in 0..16 {
            assert!(fast.grow(64 << 10));
        }
        let gone: Vec<bool> = all.iter().map(taken).collect();
        assert_eq!(gone.iter().filter(|gone| **gone).count(), 1, "{gone:?}");
        assert!(!gone[3] && !gone[5]);
        assert!(budget.used() <= 6 * MB);
        drop((all, fast));
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_go_before_others_and_have_half() {
        let budget = Budget::new(8 * MB, MB);
        let mut strangers: Vec<Held> = (0..4).map(|_| budget.hold(Lane::Strangers)).collect();
        let mut slow = budget.hold(Lane::Believed);
        assert!(slow.grow(MB));
        for held in &mut strangers {
            assert!(held.grow(MB));
        }
        let mut another = budget.hold(Lane::Strangers);
        assert!(!another.grow(1), "half of it is in use, and nobody is slow yet");
        advance(SECOND * 9).await;
        assert!(strangers[0].grow(0) && another.grow(0));
        let mut believed = budget.hold(Lane::Believed);
        assert!(believed.grow(MB) && believed.grow(MB - 1));
        assert!(!taken(&slow) && strangers.iter().filter(|held| taken(held)).count() == 1);
    }

    #[tokio::test(start_paused = true)]
    async fn small_bodies_have_a_part_of_their_own() {
        let budget = Budget::new(8 * MB, MB);
        let mut large: Vec<Held> = (0..6).map(|_| budget.hold(Lane::Believed)).collect();
        for held in &mut large {
            assert!(held.grow(MB));
        }
        let mut one = budget.hold(Lane::Believed);
        assert!(one.grow(SMALL) && !one.grow(1), "it may be small and not large");
        let mut small: Vec<Held> = (0..31).map(|_| budget.hold(Lane::Believed)).collect();
        assert!(small.iter_mut().all(|held| held.grow(SMALL)));
        assert_eq!(budget.used(), 8 * MB);
        assert!(!budget.hold(Lane::Believed).grow(1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_complete_stays() {
        let budget = Budget::new(2 * MB, MB);
        let mut whole = budget.hold(Lane::Strangers);
        assert!(whole.grow(MB));
        whole.complete();
        advance(SECOND * 9).await;
        let mut other = budget.hold(Lane::Believed);
        assert!(!other.grow(MB) && other.grow(SMALL));
        assert!(!taken(&whole));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_given_up_hears_of_it() {
        let budget = Budget::new(MB, MB);
        let mut slow = budget.hold(Lane::Believed);
        assert!(slow.grow(MB));
        advance(SECOND).await;
        let mut fast = budget.hold(Lane::Believed);
        assert!(fast.grow(MB));
        slow.given_up().notified().await;
        assert!(!slow.grow(1));
        drop(slow);
        assert_eq!(budget.used(), MB);
    }
}
