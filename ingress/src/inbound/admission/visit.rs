//! What a request may be recognised by before the database has seen it, and whom it has believed lately.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, USER_AGENT};
use lru::LruCache;
use tokio::time::Instant;

use crate::inbound::admission::source::Source;

/// How long it is remembered that somebody was believed.
const BELIEF: Duration = Duration::from_secs(24 * 3600);
/// How long after a forgery the look of its sender is no sign of anything.
const SPOILED: Duration = Duration::from_secs(60);
/// Most of each.
const BELIEVED_MAX: usize = 8192;
const SPOILED_MAX: usize = 8192;

/// A request at the door. Of what it says of itself only hashes are kept, with a key of this process: nothing here could
/// tell a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Where it comes from.
    pub source: Source,
    /// For whom; the database may not know it.
    pub platform: String,
    /// The address.
    address: u64,
    /// The address, and what its requests look like: forgers behind the same address seldom look the same.
    sender: u64,
    /// The secret in the path.
    token: Option<u64>,
}

/// Whom the database has believed lately. Only it can add to this, so nobody can push others out.
pub(crate) struct Belief {
    keys: RandomState,
    believed: LruCache<u64, Instant>,
    /// Senders of forgeries.
    spoiled: LruCache<u64, Instant>,
}

impl Belief {
    pub(crate) fn new() -> Belief {
        Belief { keys: RandomState::new(), believed: LruCache::unbounded(), spoiled: LruCache::unbounded() }
    }

    pub(crate) fn visit(&self, headers: &HeaderMap, source: Source, platform: &str, token: Option<&str>) -> Visit {
        // The order of headers means nothing, so their hashes are added.
        let shape = headers.keys().fold(0_u64, |sum, name| sum.wrapping_add(self.keys.hash_one(name.as_str())));
        let value = |name| headers.get(name).map(|value| value.as_bytes());
        Visit {
            source,
            platform: platform.to_owned(),
            address: self.keys.hash_one(("address", source)),
            sender: self.keys.hash_one(("sender", source, shape, value(USER_AGENT), value(CONTENT_TYPE))),
            token: token.map(|token| self.keys.hash_one(("token", platform, token))),
        }
    }

    /// Whether it comes from somebody who was believed, whoever else has the same address.
    pub(crate) fn knows(&mut self, visit: &Visit) -> bool {
        visit.token.is_some_and(|token| self.has(token)) || (self.has(visit.sender) && !self.is_spoiled(visit))
    }

    fn is_spoiled(&mut self, visit: &Visit) -> bool {
        self.spoiled.get(&visit.sender).is_some_and(|at| at.elapsed() < SPOILED)
    }

    /// Whether what is believed of one is as good as said of the other.
    pub(crate) fn is_sign_of(&mut self, one: &Visit, other: &Visit) -> bool {
        (one.token.is_some() && one.token == other.token) || (one.sender == other.sender && !self.is_spoiled(one))
    }

    /// Whether somebody with this address was believed.
    pub(crate) fn knows_address(&mut self, visit: &Visit) -> bool {
        self.has(visit.address)
    }

    fn has(&mut self, key: u64) -> bool {
        self.believed.get(&key).is_some_and(|at| at.elapsed() < BELIEF)
    }

    /// Says whether nobody with this address was believed before.
    pub(crate) fn add(&mut self, visit: &Visit) -> bool {
        let now = Instant::now();
        let first = self.believed.put(visit.address, now).is_none();
        self.believed.put(visit.sender, now);
        if let Some(token) = visit.token {
            self.believed.put(token, now);
        }
        while self.believed.len() > BELIEVED_MAX {
            self.believed.pop_lru();
        }
        first
    }

    pub(crate) fn remove(&mut self, visit: &Visit) {
        self.believed.pop(&visit.sender);
        self.spoiled.put(visit.sender, Instant::now());
        while self.spoiled.len() > SPOILED_MAX {
            self.spoiled.pop_lru();
        }
        if let Some(token) = visit.token {
            self.believed.pop(&token);
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.believed.len()
    }
}
