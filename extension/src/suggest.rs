//! Which of our events an unlinked event of a platform may be: suggestions for a person.

use boxoffice_core::similarity::{self, Described};
use pgrx::Spi;

use crate::error::Result;
use crate::store::events::{self, Known};

/// Less than this is no suggestion.
const ENOUGH: f64 = 0.6;
/// Suggestions for each event.
const MOST: usize = 3;

/// One suggestion.
pub struct Suggestion {
    /// The platform's event.
    pub theirs: Known,
    /// Ours.
    pub ours: Known,
    /// Likeness, 0 to 1.
    pub score: f64,
}

/// All suggestions, the best of each event first.
pub fn suggest() -> Result<Vec<Suggestion>> {
    Spi::connect(|client| {
        let ours = events::ours(client)?;
        let mut all = Vec::new();
        for theirs in events::unlinked(client)? {
            let mut alike: Vec<(f64, &Known)> = ours
                .iter()
                .map(|known| (similarity::likeness(&described(&theirs), &described(known)), known))
                .filter(|(score, _)| *score >= ENOUGH)
                .collect();
            alike.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.id.cmp(&b.1.id)));
            all.extend(alike.into_iter().take(MOST).map(|(score, known)| Suggestion {
                theirs: theirs.clone(),
                ours: known.clone(),
                score,
            }));
        }
        Ok(all)
    })
}

fn described(known: &Known) -> Described<'_> {
    Described { title: known.title.as_deref(), venue: known.venue.as_deref(), starts_at: known.starts_at }
}
