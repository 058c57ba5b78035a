//! What has to be asked again for the rules to hold (merge rules, section 5).

use super::state::State;
use super::{GONE, LAG};
use crate::observation::Void;
use crate::platform::{Family, Platform};
use crate::time::Micros;

/// A look that is due later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// At what: an attendee, or with `None` the order with everything in it.
    pub attendee_id: Option<String>,
    /// Not before.
    pub at: Micros,
}

impl State {
    /// When a 404 of the order (or of one attendee) has to be asked again, because it came too soon after the last
    /// sighting to count.
    #[must_use]
    pub fn ask_again_at(&self, attendee_id: Option<&str>) -> Option<Micros> {
        let (gone, seen) = match attendee_id {
            None => (self.gone?, self.seen?),
            Some(id) => self.attendees.get(id).and_then(|held| held.gone.zip(held.seen))?,
        };
        let counts_from = seen.saturating_add(GONE);
        // A 404 from before the sighting's ten minutes is simply older than the sighting.
        (gone >= seen && gone < counts_from).then_some(counts_from)
    }

    /// A finished sweep of the event's orders did not show this one, though the API has shown it before. Absence alone
    /// changes nothing, because pages have gaps: the order itself has to be asked for, and its 404 decides.
    #[must_use]
    pub fn missing_from_sweep(&self) -> bool {
        matches!((self.orders_swept, self.seen), (Some(swept), Some(seen)) if seen.saturating_add(GONE) < swept)
    }

    /// Whether a 404 has decided that the order is no more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.order_gone()
    }

    /// Whether the platform's API has ever shown the order to us.
    #[must_use]
    pub fn seen_by_api(&self) -> bool {
        self.seen.is_some()
    }

    /// What has to be looked at once more at [`LAG`] after its version, now that `before` has become this: copies that we
    /// fetched so early that they may have been torn or stale, and that decided something all the same. That is a tie with
    /// another copy of the same version, or a listing that made somebody absent.
    #[must_use]
    pub fn look_again(&self, platform: Platform, before: &State) -> Vec<Look> {
        let mut looks = Vec::new();
        let mut order: Option<Micros> = None;
        if let (Some(held), Some(old)) = (&self.api, &before.api) {
            let tie = held.key != old.key && held.key.version == old.key.version;
            if tie && !held.key.settled && held.key.seen.is_some() {
                order = Some(held.key.version);
            }
        }
        // Where tickets are a list of their own only envelopes list, and nobody can look at an envelope again.
        let family = platform.family();
        let listing = self.list.filter(|list| family == Family::Listed && !list.settled && self.list != before.list);
        for (id, held) in &self.attendees {
            let Some(own) = &held.own else { continue };
            let absent = |list| held.list.map(|listed| listed.listing) != Some(list);
            if let Some(list) = listing
                && absent(list)
                && own.key.version <= list.version
                && own.key.standing.void == Void::Valid
            {
                order = order.max(Some(list.version));
            }
            let old = before.attendees.get(id).and_then(|held| held.own.as_ref());
            let tie = old.is_some_and(|old| old.key != own.key && old.key.version == own.key.version);
            if tie && own.key.api && !own.key.settled && own.key.seen.is_some() {
                match family {
                    // The order brings its attendees.
                    Family::Listed => order = order.max(Some(own.key.version)),
                    Family::Swept => {
                        looks.push(Look { attendee_id: Some(id.clone()), at: own.key.version.saturating_add(LAG) });
                    }
                }
            }
        }
        looks.extend(order.map(|version| Look { attendee_id: None, at: version.saturating_add(LAG) }));
        looks
    }
}
