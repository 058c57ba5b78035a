//! How fast bytes have been coming lately.

use std::time::Duration;

use tokio::time::Instant;

/// What came longer ago than this hardly counts.
const MEMORY: Duration = Duration::from_secs(1);

/// A rate that fades.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// Bytes, faded to `at`.
    bytes: f64,
    at: Instant,
}

impl Rate {
    pub(crate) fn new() -> Rate {
        Rate { bytes: 0.0, at: Instant::now() }
    }

    pub(crate) fn add(&mut self, bytes: usize) {
        let now = Instant::now();
        *self = Rate { bytes: self.faded(now) + bytes as f64, at: now };
    }

    /// Bytes a second.
    pub(crate) fn present(&self) -> f64 {
        self.faded(Instant::now()) / MEMORY.as_secs_f64()
    }

    fn faded(&self, now: Instant) -> f64 {
        self.bytes * (-(now - self.at).as_secs_f64() / MEMORY.as_secs_f64()).exp()
    }
}
