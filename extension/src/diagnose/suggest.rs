//! Which of our events an unlinked event of a platform may be: suggestions for a person.

use boxoffice_core::similarity::{Catalogue, Described, likeness};
use pgrx::Spi;

use crate::error::Result;
use crate::server;
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
        let catalogue = Catalogue::new(ours.iter().inspect(|_| server::check_interrupts()).map(described));
        let mut all = Vec::new();
        for theirs in events::unlinked(client)? {
            server::check_interrupts();
            for (place, score) in catalogue.alike(&described(&theirs), ENOUGH, MOST) {
                let Some(ours) = ours.get(place) else { continue };
                all.push(Suggestion { theirs: theirs.clone(), ours: ours.clone(), score });
            }
        }
        Ok(all)
    })
}

fn described(known: &Known) -> Described<'_> {
    Described { title: known.title.as_deref(), venue: known.venue.as_deref(), starts_at: known.starts_at }
}

/// How alike two titles are, 0 to 1; 0 where one is not known.
pub fn titles(one: Option<&str>, other: Option<&str>) -> f64 {
    let described = |title| Described { title, ..Described::default() };
    likeness(&described(one), &described(other))
}
