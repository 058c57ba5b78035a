//! What has to be asked again for the rules to hold (merge rules, section 5).

use super::GONE;
use super::state::State;
use crate::time::Micros;

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
}
