//! What was asked of the fake.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::fake::platform::Platform;

use super::{Fake, index, lock};

/// A request that came in.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Which platform was asked.
    pub platform: Platform,
    /// `GET` …
    pub method: String,
    /// Path, as sent.
    pub path: String,
    /// Query, as sent, without the question mark.
    pub query: String,
    /// The header `authorization`.
    pub authorization: Option<String>,
    /// The header `x-api-key`.
    pub api_key: Option<String>,
    /// The header `user-agent`.
    pub user_agent: Option<String>,
    /// When it came.
    pub at: Instant,
    /// What was answered; 0 while it is not, and when the connection was cut instead.
    pub status: u16,
    /// How many requests the platform was answering then, this one included.
    pub in_flight: usize,
}

/// All of them, and how many at once.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub seen: Mutex<Vec<Seen>>,
    now: [AtomicUsize; 2],
    most: [AtomicUsize; 2],
    /// How often it was cleared: what began before is not written into what came after.
    cleared: AtomicUsize,
}

/// A request while it is answered.
pub(super) struct Entry<'a> {
    log: &'a Log,
    platform: usize,
    position: usize,
    cleared: usize,
}

impl Log {
    /// A request begins.
    pub(super) fn begin(&self, mut seen: Seen) -> Entry<'_> {
        let platform = index(seen.platform);
        seen.in_flight = self.now[platform].fetch_add(1, Ordering::Relaxed) + 1;
        self.most[platform].fetch_max(seen.in_flight, Ordering::Relaxed);
        let mut list = lock(&self.seen);
        list.push(seen);
        Entry { log: self, platform, position: list.len() - 1, cleared: self.cleared.load(Ordering::Relaxed) }
    }
}

impl Entry<'_> {
    pub(super) fn status(&self, status: u16) {
        let mut list = lock(&self.log.seen);
        if self.log.cleared.load(Ordering::Relaxed) == self.cleared {
            list[self.position].status = status;
        }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.log.now[self.platform].fetch_sub(1, Ordering::Relaxed);
    }
}

impl Fake {
    /// Every request since the start, or since they were cleared.
    pub fn requests(&self) -> Vec<Seen> {
        lock(&self.shared().log.seen).clone()
    }

    /// How many of them one platform got.
    pub fn calls(&self, platform: Platform) -> usize {
        lock(&self.shared().log.seen).iter().filter(|seen| seen.platform == platform).count()
    }

    /// The most requests that one platform was answering at once.
    pub fn most_in_flight(&self, platform: Platform) -> usize {
        self.shared().log.most[index(platform)].load(Ordering::Relaxed)
    }

    /// Forgets all requests, and how many there were at once.
    pub fn clear_requests(&self) {
        let log = &self.shared().log;
        let mut list = lock(&log.seen);
        list.clear();
        log.cleared.fetch_add(1, Ordering::Relaxed);
        log.most.iter().for_each(|most| most.store(0, Ordering::Relaxed));
    }
}
