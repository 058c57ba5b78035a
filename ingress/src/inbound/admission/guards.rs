//! Platforms for which too much came that was not believed: then those who are not believed wait for a turn.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use crate::inbound::admission::bucket::Bucket;

/// How long they wait for turns after it was too much.
const GUARD: Duration = Duration::from_secs(60);
/// More platforms than anybody has.
const PLATFORMS_MAX: usize = 64;
/// Stands for all platforms that the database has not confirmed: there is no end of their names.
const OTHER: &str = "";

/// All of them.
pub(crate) struct Guards {
    /// Requests a minute; none is no limit, and nobody waits.
    quota: Option<NonZeroU32>,
    platforms: BTreeMap<String, Guarded>,
}

struct Guarded {
    bucket: Bucket,
    until: Option<Instant>,
}

impl Guards {
    pub(crate) fn new(quota: Option<NonZeroU32>) -> Guards {
        Guards { quota, platforms: BTreeMap::new() }
    }

    /// The name under which a platform is counted.
    pub(crate) fn name<'n>(&self, platform: &'n str) -> &'n str {
        if self.platforms.contains_key(platform) { platform } else { OTHER }
    }

    /// Whether those who are not believed wait.
    pub(crate) fn has(&self, platform: &str) -> bool {
        let guarded = self.platforms.get(self.name(platform));
        guarded.and_then(|guarded| guarded.until).is_some_and(|until| until > Instant::now())
    }

    /// Something for it was not believed. `confirmed`: there is such a platform.
    pub(crate) fn spend(&mut self, platform: &str, confirmed: bool, cost: u32) {
        let Some(quota) = self.quota else { return };
        let room = confirmed && self.platforms.len() < PLATFORMS_MAX;
        let name = if room { platform } else { self.name(platform) };
        let new = || Guarded { bucket: Bucket::new(quota), until: None };
        let guarded = self.platforms.entry(name.to_owned()).or_insert_with(new);
        if !guarded.bucket.spend(cost) {
            guarded.until = Some(Instant::now() + GUARD);
        }
    }

    /// Takes a cell for a turn; says whether there was one.
    pub(crate) fn take(&mut self, name: &str) -> bool {
        let Some(guarded) = self.platforms.get_mut(name) else { return true };
        let taken = guarded.bucket.take().is_ok();
        if !taken {
            guarded.until = Some(Instant::now() + GUARD);
        }
        taken
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.platforms.len()
    }
}
