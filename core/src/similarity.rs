//! How alike an event of a platform and one of ours are: a suggestion for a person, never a decision.

mod catalogue;

pub use catalogue::Catalogue;

use catalogue::Letters;
use strsim::jaro_winkler;

use crate::time::Micros;

/// What is known of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described<'a> {
    /// Title.
    pub title: Option<&'a str>,
    /// Name of the venue.
    pub venue: Option<&'a str>,
    /// Start.
    pub starts_at: Option<Micros>,
}

/// 0 (nothing in common) to 1 (the same): title counts half, start three tenths, venue two tenths; what one side does
/// not know is left out of the weighing. Without a title on both sides there is no likeness.
#[must_use]
pub fn likeness(one: &Described<'_>, other: &Described<'_>) -> f64 {
    let alike = |a: &str, b: &str| text(&plain(a), &plain(b));
    let Some(title) = one.title.zip(other.title).map(|(a, b)| alike(a, b)) else { return 0.0 };
    let start = one.starts_at.zip(other.starts_at).map(|(a, b)| closeness(a, b));
    let venue = one.venue.zip(other.venue).map(|(a, b)| alike(a, b));
    weigh(title, start, venue)
}

/// Title, start and venue in one; what is not known is left out.
fn weigh(title: f64, start: Option<f64>, venue: Option<f64>) -> f64 {
    let (mut sum, mut weight) = (0.5 * title, 0.5);
    for (share, score) in [(0.3, start), (0.2, venue)] {
        if let Some(score) = score {
            sum += share * score;
            weight += share;
        }
    }
    sum / weight
}

/// How alike two plain texts are: both measures, because one is good at typing errors and the other at words in another
/// order.
fn text(a: &str, b: &str) -> f64 {
    if a.is_empty() || b.is_empty() { 0.0 } else { typing(a, b).max(Letters::of(a).dice(&Letters::of(b))) }
}

/// The first of them. Jaro-Winkler rarely falls below a half, even for strangers.
fn typing(a: &str, b: &str) -> f64 {
    (jaro_winkler(a, b) - 0.5).max(0.0) * 2.0
}

/// Longest part of a text that is compared, in characters: a platform decides how long titles are, and comparing takes
/// the square of that.
const LONGEST: usize = 64;

/// Lower case, letters and digits only, single spaces, not too long.
fn plain(text: &str) -> String {
    let spaced: String = text
        .chars()
        .take(LONGEST)
        .flat_map(char::to_lowercase)
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// 1 for the same minute, 0 from a day apart on.
fn closeness(a: Micros, b: Micros) -> f64 {
    const DAY: f64 = 86_400e6;
    let apart = a.abs_diff(b) as f64;
    if apart < 60e6 { 1.0 } else { (1.0 - apart / DAY).max(0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Micros = 3_600_000_000;

    fn event<'a>(title: &'a str, venue: &'a str, starts_at: Micros) -> Described<'a> {
        Described { title: Some(title), venue: Some(venue), starts_at: Some(starts_at) }
    }

    #[test]
    fn the_same_event_scores_high_and_a_stranger_low() {
        let ours = event("Laughs on the Harbour", "The Wharf Cellar", 0);
        assert!(likeness(&ours, &ours) > 0.999);
        let spelt = event("LAUGHS ON THE HARBOR!", "Wharf Cellar", HOUR / 2);
        assert!(likeness(&ours, &spelt) > 0.85, "{}", likeness(&ours, &spelt));
        let turned = event("Harbour Laughs", "The Wharf Cellar", 0);
        assert!(likeness(&ours, &turned) > 0.7, "{}", likeness(&ours, &turned));
        let other = event("Quiet Poetry Evening", "Town Library", 40 * HOUR);
        assert!(likeness(&ours, &other) < 0.35, "{}", likeness(&ours, &other));
        let next_week = event("Laughs on the Harbour", "The Wharf Cellar", 168 * HOUR);
        assert!(likeness(&ours, &next_week) < 0.75, "another night of the same show");
    }

    #[test]
    fn unknown_parts_do_not_count() {
        let title_only = Described { title: Some("The Late Mic"), ..Described::default() };
        assert!(likeness(&title_only, &event("The Late Mic", "Anywhere", 5)) > 0.999);
        assert_eq!(likeness(&Described::default(), &title_only), 0.0);
        assert_eq!(likeness(&event("…", "", 0), &event("…", "", 0)), 0.3 / 1.0);
    }
}
