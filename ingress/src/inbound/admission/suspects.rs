//! Addresses from which something came lately that was not believed, and how many more such requests each may make.

use std::num::NonZeroU32;
use std::time::Duration;

use lru::LruCache;
use tokio::time::Instant;

use crate::inbound::admission::bucket::Bucket;
use crate::inbound::admission::source::Source;

/// How long an address stays suspect after the last forgery.
pub(crate) const SUSPICION: Duration = Duration::from_secs(600);
/// Most of them; beyond that the one goes that has been quiet longest.
pub(crate) const SUSPECTS_MAX: usize = 16_384;

/// All of them.
pub(crate) struct Suspects {
    /// Requests a minute; none is no limit, and nobody is suspect.
    quota: Option<NonZeroU32>,
    table: LruCache<Source, Suspect>,
}

struct Suspect {
    bucket: Bucket,
    last: Instant,
}

impl Suspects {
    pub(crate) fn new(quota: Option<NonZeroU32>) -> Suspects {
        Suspects { quota, table: LruCache::unbounded() }
    }

    fn get(&mut self, source: Source) -> Option<&mut Suspect> {
        if self.table.peek(&source)?.last.elapsed() >= SUSPICION {
            self.table.pop(&source);
        }
        self.table.get_mut(&source)
    }

    pub(crate) fn have(&mut self, source: Source) -> bool {
        self.get(source).is_some()
    }

    /// Takes a cell of a suspect, or says how long there will be none; `None` for everybody else.
    pub(crate) fn take(&mut self, source: Source) -> Option<Result<(), Duration>> {
        self.get(source).map(|suspect| suspect.bucket.take())
    }

    /// Something from there was not believed.
    pub(crate) fn spend(&mut self, source: Source, cost: u32) {
        let Some(quota) = self.quota else { return };
        if !self.have(source) {
            self.table.put(source, Suspect { bucket: Bucket::new(quota), last: Instant::now() });
            while self.table.len() > SUSPECTS_MAX {
                self.table.pop_lru();
            }
        }
        if let Some(suspect) = self.get(source) {
            suspect.last = Instant::now();
            suspect.bucket.spend(cost);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }
}
