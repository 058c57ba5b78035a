//! Is there a database? Known from the pumps' connections, so that a request need not try to find out.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lock;

/// Shared by the pumps, which report, and everybody who wants to know.
#[derive(Debug)]
pub struct Availability {
    state: Mutex<State>,
    /// How long an absence is ridden out in the queue.
    patience: Duration,
}

#[derive(Debug)]
struct State {
    connected: usize,
    /// Since when nobody has been connected; of no meaning while somebody is.
    away_since: Instant,
}

/// A connection that can carry deliveries; dropping it reports its end.
#[derive(Debug)]
pub struct Connected<'a>(&'a Availability);

impl Availability {
    /// Nobody is connected yet; absences shorter than `patience` do not count.
    pub fn new(patience: Duration) -> Availability {
        Availability { state: Mutex::new(State { connected: 0, away_since: Instant::now() }), patience }
    }

    /// Reports a connection.
    pub fn connected(&self) -> Connected<'_> {
        lock(&self.state).connected += 1;
        Connected(self)
    }

    /// Number of connections.
    pub fn count(&self) -> usize {
        lock(&self.state).connected
    }

    /// Whether nobody has been connected for longer than the patience.
    pub fn is_away(&self) -> bool {
        let state = lock(&self.state);
        state.connected == 0 && state.away_since.elapsed() >= self.patience
    }
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.connected -= 1;
        state.away_since = Instant::now();
    }
}
