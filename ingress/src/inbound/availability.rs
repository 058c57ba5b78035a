//! Is there a database, and does it take deliveries? Known from the pumps, so that a request need not try to find out.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::lock::lock;

/// A call that takes longer is one that deliveries wait for.
const STALLED: Duration = Duration::from_secs(3);
/// How long a failed call counts when no other has followed: whoever sends nothing because of `/ready` must see it end.
const FAILED: Duration = Duration::from_secs(5);

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
    /// Why the last attempt to connect failed.
    why_away: Option<&'static str>,
    /// The last call failed, when, and why.
    failed: Option<(Instant, &'static str)>,
    /// Calls that are under way, and since when.
    calls: BTreeMap<u64, Instant>,
    next_call: u64,
}

/// A connection that can carry deliveries; dropping it reports its end.
#[derive(Debug)]
pub struct Connected<'a>(&'a Availability);

/// A call with deliveries that is under way; dropping it reports its end.
#[derive(Debug)]
pub struct Calling<'a>(&'a Availability, u64);

impl Availability {
    /// Nobody is connected yet; absences shorter than `patience` do not count.
    pub fn new(patience: Duration) -> Availability {
        let state = State {
            connected: 0,
            away_since: Instant::now(),
            why_away: None,
            failed: None,
            calls: BTreeMap::new(),
            next_call: 0,
        };
        Availability { state: Mutex::new(state), patience }
    }

    /// Reports a connection.
    pub fn connected(&self) -> Connected<'_> {
        let mut state = lock(&self.state);
        state.connected += 1;
        state.why_away = None;
        Connected(self)
    }

    /// Reports that connecting failed.
    pub fn unreachable(&self, why: &'static str) {
        lock(&self.state).why_away = Some(why);
    }

    /// Reports the start of a call.
    pub fn calling(&self) -> Calling<'_> {
        let mut state = lock(&self.state);
        state.next_call += 1;
        let number = state.next_call;
        state.calls.insert(number, Instant::now());
        Calling(self, number)
    }

    /// Reports that deliveries were kept.
    pub fn kept(&self) {
        lock(&self.state).failed = None;
    }

    /// Reports that none could be kept.
    pub fn failed(&self, why: &'static str) {
        lock(&self.state).failed = Some((Instant::now(), why));
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

    /// Why no delivery could be kept now, as far as the pumps know.
    pub fn trouble(&self) -> Option<&'static str> {
        let state = lock(&self.state);
        if state.connected == 0 {
            return Some(state.why_away.unwrap_or("there is no connection to the database"));
        }
        if state.calls.len() >= state.connected && state.calls.values().all(|since| since.elapsed() > STALLED) {
            return Some("deliveries have been waiting for the database for more than 3 s");
        }
        state.failed.filter(|(at, _)| at.elapsed() < FAILED).map(|(_, why)| why)
    }
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.connected -= 1;
        state.away_since = Instant::now();
    }
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).calls.remove(&self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn trouble_is_known_without_asking() {
        let pumps = Availability::new(Duration::ZERO);
        assert_eq!(pumps.trouble(), Some("there is no connection to the database"));
        pumps.unreachable("refused");
        assert_eq!(pumps.trouble(), Some("refused"));
        let (one, two) = (pumps.connected(), pumps.connected());
        assert_eq!(pumps.trouble(), None);
        // One that is held up is no trouble while the other works.
        let first = pumps.calling();
        tokio::time::advance(STALLED * 2).await;
        assert_eq!(pumps.trouble(), None);
        let second = pumps.calling();
        tokio::time::advance(STALLED * 2).await;
        assert!(pumps.trouble().is_some_and(|why| why.contains("waiting")));
        drop(second);
        assert_eq!(pumps.trouble(), None);
        drop(first);
        pumps.failed("disk");
        assert_eq!(pumps.trouble(), Some("disk"));
        pumps.kept();
        assert_eq!(pumps.trouble(), None);
        pumps.failed("disk");
        tokio::time::advance(FAILED).await;
        assert_eq!(pumps.trouble(), None);
        drop((one, two));
        assert!(pumps.trouble().is_some());
    }
}
