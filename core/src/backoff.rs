//! When to try again.

use crate::time::Micros;

const SECOND: Micros = 1_000_000;
const HOUR: Micros = 3_600 * SECOND;

/// A way of waiting longer and longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Wait after the first failure.
    first: Micros,
    /// How much longer each further one is.
    factor: Micros,
    /// Longest wait.
    longest: Micros,
    /// Tries before it is given up.
    pub max_attempts: i32,
}

/// A delivery that could not be applied.
pub const DELIVERY: Backoff = Backoff { first: 30 * SECOND, factor: 2, longest: 6 * HOUR, max_attempts: 10 };

/// A call of a platform's API that met with trouble.
pub const FETCH: Backoff = Backoff { first: 5 * SECOND, factor: 2, longest: HOUR, max_attempts: 10 };

/// A resource that a hint has announced and that is not to be seen yet: replicas lag, mostly by seconds.
pub const LAGGING: Backoff = Backoff { first: SECOND, factor: 2, longest: 60 * SECOND, max_attempts: i32::MAX };

/// The same when nobody has heard of it here: it may have been made up by somebody who knows the URL of the webhook. Four
/// tries in all, the last of them after five minutes, which is as long as replicas may lag.
pub const UNHEARD_OF: Backoff = Backoff { first: 6 * SECOND, factor: 7, longest: 300 * SECOND, max_attempts: i32::MAX };

/// A credential whose calls all fail: the platform is down, or out of reach.
pub const ACCOUNT: Backoff = Backoff { first: 2 * SECOND, factor: 2, longest: 300 * SECOND, max_attempts: i32::MAX };

/// A credential whose platform says that there were too many calls, and not for how long: the limit is by the hour, so minutes, and
/// longer if that is not enough.
pub const LIMIT: Backoff = Backoff { first: 30 * SECOND, factor: 2, longest: 6 * HOUR, max_attempts: i32::MAX };

/// From this many failures in a row on the trouble is the platform's, not that of single resources.
pub const IN_TROUBLE: i32 = 3;

impl Backoff {
    /// How long to wait after the given number of failed tries: the first wait, doubled each time (or as the way says) up to
    /// the longest, and up to a fifth more (taken from `seed`), so that what failed together does not come back together.
    #[must_use]
    pub fn delay(self, attempts: i32, seed: u64) -> Micros {
        let further = attempts.saturating_sub(1).clamp(0, 30).unsigned_abs();
        let base = self.first.saturating_mul(self.factor.saturating_pow(further)).min(self.longest);
        // A multiplicative hash: neighbouring seeds must not get neighbouring delays.
        let spread = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as Micros;
        base + base / 5 * spread / (1 << 24)
    }

    /// Whether that many failed tries are enough.
    #[must_use]
    pub fn is_spent(self, attempts: i32) -> bool {
        attempts >= self.max_attempts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_a_limit_and_spreads() {
        for way in [DELIVERY, FETCH, LAGGING, UNHEARD_OF, ACCOUNT, LIMIT] {
            for attempts in -1..100 {
                for seed in 0..50 {
                    let wait = way.delay(attempts, seed);
                    assert!((way.first..=way.longest + way.longest / 5).contains(&wait), "{attempts} {seed} {wait}");
                }
            }
            assert!(way.delay(2, 0) >= 2 * way.first && way.delay(3, 0) >= 4 * way.first);
            let distinct: std::collections::BTreeSet<_> = (0..50).map(|seed| way.delay(1, seed)).collect();
            assert!(distinct.len() > 40);
        }
        let four_tries: Micros = (1..4).map(|attempts| UNHEARD_OF.delay(attempts, 0)).sum();
        let three_tries: Micros = (1..3).map(|attempts| UNHEARD_OF.delay(attempts, u64::MAX)).sum();
        assert!(four_tries >= 300 * SECOND && three_tries < 60 * SECOND, "{four_tries} {three_tries}");
        assert!(DELIVERY.is_spent(10) && !DELIVERY.is_spent(9) && !LAGGING.is_spent(1000));
    }
}
