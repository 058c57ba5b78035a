//! How long a call waits for what others hold, so that one locked order does not hold up those that travel with it.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::server;

/// For all deliveries of a call together: longer than a commit of a neighbour takes on a busy disk.
const TOGETHER: Duration = Duration::from_millis(500);
/// For all of them that have to be tried one by one, in sum.
const ONE_BY_ONE: Duration = Duration::from_secs(1);
/// For each of them when that is used up: what is free needs no wait at all.
const LEAST: Duration = Duration::from_millis(10);

/// What is left of it in a call.
#[derive(Debug)]
pub struct Patience {
    left: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { left: ONE_BY_ONE }
    }
}

impl Patience {
    /// Does something for all deliveries of a call. What fails is undone.
    pub fn together<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
        server::in_subtransaction_with_lock_timeout(TOGETHER, work)
    }

    /// Does something for one of them. What fails is undone.
    pub fn alone<T>(&mut self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let limit = self.left.clamp(LEAST, TOGETHER);
        let result = server::in_subtransaction_with_lock_timeout(limit, work);
        if let Err(Error::Locked) = &result {
            self.left = self.left.saturating_sub(started.elapsed());
        }
        result
    }
}
