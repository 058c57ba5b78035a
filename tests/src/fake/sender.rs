//! Sends hints and envelopes to a worker, as unreliably as wanted.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::sleep;

use super::Hint;
use crate::http;
use crate::random::Random;

/// Posts to one URL, whose path has the token.
#[derive(Debug)]
pub struct Sender {
    url: String,
    drop_percent: usize,
    duplicate_percent: usize,
    reorder: bool,
    retries: usize,
    pause: Duration,
    random: Random,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// How many were given to the sender.
    pub offered: usize,
    /// Never sent.
    pub dropped: usize,
    /// Sent once more than needed.
    pub duplicated: usize,
    /// Posts that were answered 2xx.
    pub delivered: usize,
    /// Further tries after a 503 or a failed connection.
    pub retried: usize,
    /// Posts that never got a 2xx.
    pub failed: usize,
    /// The last answers by status; 0 where there was none.
    pub statuses: BTreeMap<u16, usize>,
}

impl Sender {
    /// Loses, doubles and reorders nothing, and does not try again.
    pub fn new(url: &str) -> Sender {
        Sender {
            url: url.to_owned(),
            drop_percent: 0,
            duplicate_percent: 0,
            reorder: false,
            retries: 0,
            pause: Duration::from_millis(100),
            random: Random::new(1),
        }
    }

    /// Loses that many of a hundred.
    #[must_use]
    pub fn drop_percent(mut self, of_hundred: usize) -> Sender {
        self.drop_percent = of_hundred;
        self
    }

    /// Sends that many of a hundred twice.
    #[must_use]
    pub fn duplicate_percent(mut self, of_hundred: usize) -> Sender {
        self.duplicate_percent = of_hundred;
        self
    }

    /// Sends in any order.
    #[must_use]
    pub fn reorder(mut self) -> Sender {
        self.reorder = true;
        self
    }

    /// Tries that many more times after a 503 or a failed connection, with a pause before each.
    #[must_use]
    pub fn retries(mut self, count: usize, pause: Duration) -> Sender {
        (self.retries, self.pause) = (count, pause);
        self
    }

    /// Other chances.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Sender {
        self.random = Random::new(seed);
        self
    }

    /// Sends them one after the other.
    pub async fn send(&mut self, hints: &[Hint]) -> Sent {
        let mut sent = Sent { offered: hints.len(), ..Sent::default() };
        let mut plan = Vec::with_capacity(hints.len());
        for hint in hints {
            if self.random.below(100) < self.drop_percent {
                sent.dropped += 1;
                continue;
            }
            plan.push(hint);
            if self.random.below(100) < self.duplicate_percent {
                sent.duplicated += 1;
                plan.push(hint);
            }
        }
        if self.reorder {
            self.random.shuffle(&mut plan);
        }
        for hint in plan {
            let status = self.post(hint, &mut sent).await;
            *sent.statuses.entry(status).or_default() += 1;
            match status {
                200..=299 => sent.delivered += 1,
                _ => sent.failed += 1,
            }
        }
        sent
    }

    async fn post(&self, hint: &Hint, sent: &mut Sent) -> u16 {
        let headers: Vec<_> = hint.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut tries = 0;
        loop {
            let status = http::post(&self.url, &headers, hint.body.as_str()).await.map_or(0, |answer| answer.status);
            if !matches!(status, 0 | 503) || tries == self.retries {
                return status;
            }
            tries += 1;
            sent.retried += 1;
            sleep(self.pause).await;
        }
    }
}
