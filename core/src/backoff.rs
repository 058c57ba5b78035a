//! When to try again.

use crate::time::Micros;

/// Tries before a delivery counts as dead.
pub const MAX_ATTEMPTS: i32 = 10;

const FIRST: Micros = 30_000_000;
const LONGEST: Micros = 6 * 3_600_000_000;

/// How long to wait after the given number of failed tries: 30 seconds, doubled each time, at most 6 hours, and up to a
/// fifth more (taken from `seed`), so that what failed together does not come back together.
pub fn delay(attempts: i32, seed: u64) -> Micros {
    let doublings = attempts.saturating_sub(1).clamp(0, 30);
    let base = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    // A multiplicative hash: neighbouring seeds must not get neighbouring delays.
    let spread = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as Micros;
    base + base / 5 * spread / (1 << 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_a_limit_and_spreads() {
        for attempts in -1..100 {
            for seed in 0..50 {
                let wait = delay(attempts, seed);
                assert!((FIRST..=LONGEST + LONGEST / 5).contains(&wait), "{attempts} {seed} {wait}");
            }
        }
        assert!(delay(2, 0) >= 2 * FIRST && delay(3, 0) >= 4 * FIRST);
        let distinct: std::collections::BTreeSet<_> = (0..50).map(|seed| delay(1, seed)).collect();
        assert!(distinct.len() > 40);
    }
}
