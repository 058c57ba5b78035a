//! A bucket of cells that fills by the minute: how many requests that are not believed somebody may make.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

/// governor's clock, on the one that everything else here goes by.
#[derive(Debug, Clone, Copy)]
struct Ticks(Instant);

impl Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Full at first.
pub(crate) struct Bucket {
    limiter: RateLimiter<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Duration>>,
    clock: Ticks,
}

impl Bucket {
    /// Holds so many cells, and gets as many in a minute.
    pub(crate) fn new(per_minute: NonZeroU32) -> Bucket {
        Bucket::of(Quota::per_minute(per_minute))
    }

    /// Gets so many in a second, and never holds more than a tenth of that.
    pub(crate) fn steady(per_second: NonZeroU32) -> Bucket {
        let tenth = NonZeroU32::new(per_second.get() / 10).unwrap_or(NonZeroU32::MIN);
        Bucket::of(Quota::per_second(per_second).allow_burst(tenth))
    }

    fn of(quota: Quota) -> Bucket {
        let clock = Ticks(Instant::now());
        Bucket { limiter: RateLimiter::direct_with_clock(quota, clock), clock }
    }

    /// Takes a cell, or says how long there will be none.
    pub(crate) fn take(&self) -> Result<(), Duration> {
        self.limiter.check().map_err(|not_yet| not_yet.wait_time_from(self.clock.now()))
    }

    /// Takes so many cells, or as many as there are; says whether there were enough.
    pub(crate) fn spend(&self, cells: u32) -> bool {
        let Some(wanted) = NonZeroU32::new(cells) else { return true };
        if matches!(self.limiter.check_n(wanted), Ok(Ok(()))) {
            return true;
        }
        while self.limiter.check().is_ok() {}
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn cells_come_back_with_time() {
        let bucket = Bucket::new(NonZeroU32::new(60).unwrap());
        assert!(bucket.spend(59) && bucket.spend(1) && bucket.spend(0));
        let wait = bucket.take().unwrap_err();
        assert!(wait > Duration::from_millis(900) && wait <= Duration::from_secs(1), "{wait:?}");
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(!bucket.spend(10), "takes the three that are there");
        assert!(bucket.take().is_err());
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(bucket.spend(60) && bucket.take().is_err(), "holds no more than a minute's");
    }
}
