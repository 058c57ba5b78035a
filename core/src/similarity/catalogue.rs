//! Our events, arranged so that those that may be alike are found without comparing all with all.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Described, closeness, plain, text, typing, weigh};
use crate::time::Micros;

/// So few events are compared with everything.
const FEW: usize = 300;
/// Most candidates because of their start, of their words, of their equal title.
const NEAR: usize = 40;
const BY_WORDS: usize = 100;
const SAME_TITLE: usize = 20;
/// A word in more titles than that says nothing.
const COMMON: usize = 200;
/// From so far apart on, starts have nothing in common.
const DAY: Micros = 86_400_000_000;

/// What is known of one of our events. Titles and venues by number, so that equal ones are compared once.
struct Entry {
    title: u32,
    venue: Option<u32>,
    starts_at: Option<Micros>,
}

/// Events to choose from.
pub struct Catalogue {
    entries: Vec<Entry>,
    titles: Texts,
    venues: Texts,
    by_start: Vec<(Micros, u32)>,
    by_title: HashMap<u32, Vec<u32>>,
    by_word: HashMap<String, Vec<u32>>,
}

impl Catalogue {
    /// Arranges them; they go by their places in what is given. Those without a title are never found.
    #[must_use]
    pub fn new<'d>(events: impl IntoIterator<Item = Described<'d>>) -> Catalogue {
        let (mut titles, mut venues) = (Texts::default(), Texts::default());
        let mut number = |event: Described<'_>| Entry {
            title: titles.number(&plain(event.title.unwrap_or_default())),
            venue: event.venue.map(|venue| venues.number(&plain(venue))),
            starts_at: event.starts_at,
        };
        let entries: Vec<Entry> = events.into_iter().map(&mut number).collect();
        let mut by_start: Vec<(Micros, u32)> = Vec::new();
        let mut by_title: HashMap<u32, Vec<u32>> = HashMap::new();
        let mut by_word: HashMap<String, Vec<u32>> = HashMap::new();
        for (entry, place) in entries.iter().zip(0..) {
            by_start.extend(entry.starts_at.map(|at| (at, place)));
            by_title.entry(entry.title).or_default().push(place);
            for word in titles.get(entry.title).split(' ').collect::<BTreeSet<_>>() {
                by_word.entry(word.to_owned()).or_default().push(place);
            }
        }
        by_start.sort_unstable();
        Catalogue { entries, titles, venues, by_start, by_title, by_word }
    }

    /// Those with a likeness of at least that, the best first; of equal ones the first in their order. At most `most`.
    ///
    /// Among more than 300 only those are looked at that begin within a day, that share words that few others have, or that
    /// have the same title.
    #[must_use]
    pub fn alike(&self, event: &Described<'_>, least: f64, most: usize) -> Vec<(usize, f64)> {
        let title = plain(event.title.unwrap_or_default());
        if title.is_empty() {
            return Vec::new();
        }
        let (letters, venue) = (Letters::of(&title), event.venue.map(plain));
        let (mut titles, mut venues) = (HashMap::new(), HashMap::new());
        let mut alike = Vec::new();
        for place in self.candidates(&title, event.starts_at) {
            let Some(entry) = self.entries.get(place as usize) else { continue };
            let start = event.starts_at.zip(entry.starts_at).map(|(a, b)| closeness(a, b));
            // Most are ruled out before the expensive comparison: an equal venue, and as alike as these letters can be.
            let best = most_alike(&letters, self.titles.letters(entry.title));
            if weigh(best, start, venue.as_ref().and(entry.venue).map(|_| 1.0)) < least {
                continue;
            }
            let title = *titles.entry(entry.title).or_insert_with(|| {
                typing(&title, self.titles.get(entry.title)).max(letters.dice(self.titles.letters(entry.title)))
            });
            let venue = venue
                .as_ref()
                .zip(entry.venue)
                .map(|(ours, number)| *venues.entry(number).or_insert_with(|| text(ours, self.venues.get(number))));
            let score = weigh(title, start, venue);
            if score >= least && !self.titles.get(entry.title).is_empty() {
                alike.push((place as usize, score));
            }
        }
        alike.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        alike.truncate(most);
        alike
    }

    fn candidates(&self, title: &str, starts_at: Option<Micros>) -> BTreeSet<u32> {
        if self.entries.len() <= FEW {
            return (0..).take(self.entries.len()).collect();
        }
        let apart = |place: u32| {
            let other = self.entries.get(place as usize).and_then(|entry| entry.starts_at);
            starts_at.zip(other).map_or(u64::MAX, |(a, b)| a.abs_diff(b))
        };
        let mut found = BTreeSet::new();
        if let Some(at) = starts_at {
            let from = self.by_start.partition_point(|(start, _)| *start <= at.saturating_sub(DAY));
            let until = self.by_start.partition_point(|(start, _)| *start < at.saturating_add(DAY));
            let mut near: Vec<u32> = self.by_start[from..until.max(from)].iter().map(|(_, place)| *place).collect();
            nearest(&mut near, NEAR, apart);
            found.extend(near);
        }
        if let Some(same) = self.titles.find(title).and_then(|number| self.by_title.get(&number)) {
            let mut same = same.clone();
            nearest(&mut same, SAME_TITLE, apart);
            found.extend(same);
        }
        let mut shared: BTreeMap<u32, u64> = BTreeMap::new();
        for word in title.split(' ').collect::<BTreeSet<_>>() {
            for place in self.by_word.get(word).filter(|places| places.len() <= COMMON).into_iter().flatten() {
                *shared.entry(*place).or_default() += 1;
            }
        }
        let mut by_words: Vec<u32> = shared.keys().copied().collect();
        nearest(&mut by_words, BY_WORDS, |place| u64::MAX - shared.get(&place).copied().unwrap_or_default());
        found.extend(by_words);
        found
    }
}

/// Leaves those that are nearest; of equally near ones the first.
fn nearest(places: &mut Vec<u32>, most: usize, distance: impl Fn(u32) -> u64) {
    if places.len() > most {
        places.select_nth_unstable_by_key(most, |place| (distance(*place), *place));
        places.truncate(most);
    }
}

/// The letters of a text, spaces among them, and the pairs of neighbours in it, spaces left out: both sorted.
#[derive(Default)]
pub(super) struct Letters {
    sorted: Vec<char>,
    pairs: Vec<(char, char)>,
}

impl Letters {
    pub(super) fn of(text: &str) -> Letters {
        let mut sorted: Vec<char> = text.chars().collect();
        let close: Vec<char> = sorted.iter().copied().filter(|letter| *letter != ' ').collect();
        let mut pairs: Vec<(char, char)> = close.iter().copied().zip(close.iter().copied().skip(1)).collect();
        sorted.sort_unstable();
        pairs.sort_unstable();
        Letters { sorted, pairs }
    }

    /// The Sørensen–Dice coefficient of the pairs: what [`strsim::sorensen_dice`] says too, where all letters are ASCII. That
    /// makes its pairs anew for each comparison.
    pub(super) fn dice(&self, other: &Letters) -> f64 {
        match self.pairs.len() + other.pairs.len() {
            0 => 0.0,
            all => 2.0 * shared(&self.pairs, &other.pairs) as f64 / all as f64,
        }
    }
}

/// How many elements two sorted lists have in common.
fn shared<T: Ord>(one: &[T], other: &[T]) -> usize {
    let (mut a, mut b, mut shared) = (one.iter().peekable(), other.iter().peekable(), 0);
    while let (Some(one), Some(two)) = (a.peek(), b.peek()) {
        match one.cmp(two) {
            Ordering::Less => drop(a.next()),
            Ordering::Greater => drop(b.next()),
            Ordering::Equal => {
                shared += 1;
                a.next();
                b.next();
            }
        }
    }
    shared
}

/// What [`text`] says at most of two texts with these letters: all that match in the best order, and equal beginnings.
fn most_alike(a: &Letters, b: &Letters) -> f64 {
    let count = |n: usize| n as f64;
    let matching = count(shared(&a.sorted, &b.sorted));
    let jaro = (matching / count(a.sorted.len().max(1)) + matching / count(b.sorted.len().max(1)) + 1.0) / 3.0;
    let typing = (jaro + 0.4 * (1.0 - jaro) - 0.5).max(0.0) * 2.0;
    typing.max(a.dice(b)).min(1.0)
}

/// Texts, each once.
#[derive(Default)]
struct Texts {
    all: Vec<(String, Letters)>,
    numbers: HashMap<String, u32>,
}

impl Texts {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push((text.to_owned(), Letters::of(text)));
        self.numbers.insert(text.to_owned(), number);
        number
    }

    fn find(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    fn get(&self, number: u32) -> &str {
        self.all.get(number as usize).map_or("", |(text, _)| text)
    }

    fn letters(&self, number: u32) -> &Letters {
        static NONE: Letters = Letters { sorted: Vec::new(), pairs: Vec::new() };
        self.all.get(number as usize).map_or(&NONE, |(_, letters)| letters)
    }
}

#[cfg(test)]
mod tests {
    use super::super::likeness;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_is_ruled_out_that_would_be_enough(a in "[a-e ]{0,12}", b in "[a-e ]{0,12}", c in ".{0,80}", d in ".{0,80}") {
            for (one, other) in [(&a, &b), (&a, &a), (&c, &d), (&c, &c)] {
                let (one, other) = (plain(one), plain(other));
                let best = most_alike(&Letters::of(&one), &Letters::of(&other));
                prop_assert!(text(&one, &other) <= best + 1e-9, "{one:?} {other:?} {best}");
                let plain_pairs = |text: &str| text.is_ascii() && text.replace(' ', "").len() > 1;
                if plain_pairs(&one) && plain_pairs(&other) {
                    let dice = Letters::of(&one).dice(&Letters::of(&other));
                    prop_assert!((dice - strsim::sorensen_dice(&one, &other)).abs() < 1e-9, "{one:?} {other:?} {dice}");
                }
            }
        }
    }

    const HOUR: Micros = 3_600_000_000;

    fn event<'a>(title: &'a str, venue: &'a str, starts_at: Micros) -> Described<'a> {
        Described { title: Some(title), venue: Some(venue), starts_at: Some(starts_at) }
    }

    /// A season: each title on many dates, all of them in few venues.
    fn season(count: usize) -> Vec<(String, String, Micros)> {
        (0..count)
            .map(|i| {
                let titles =
                    ["Friday Night Comedy", "The Late Mic", "Laughs on the Harbour", "Improv Jam", "Open Mic Monday"];
                (titles[i % 5].to_owned(), format!("Cellar {}", i % 3), i as Micros * 20 * HOUR)
            })
            .collect()
    }

    #[test]
    fn among_few_everything_is_compared() {
        let ours = [event("Laughs on the Harbour", "The Wharf Cellar", 0), event("Quiet Poetry", "Library", 0)];
        let catalogue = Catalogue::new(ours.clone());
        let theirs = event("LAUGHS ON THE HARBOR!", "Wharf Cellar", HOUR);
        let alike = catalogue.alike(&theirs, 0.6, 3);
        assert_eq!(alike.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [0]);
        assert!((alike[0].1 - likeness(&theirs, &ours[0])).abs() < 1e-9);
        // Those without a title are alike to nobody.
        let nameless = Described { venue: Some("Wharf Cellar"), ..Described::default() };
        assert!(catalogue.alike(&nameless, 0.0, 3).is_empty());
        assert!(Catalogue::new([nameless]).alike(&theirs, 0.0, 3).is_empty());
        assert!(Catalogue::new([]).alike(&theirs, 0.0, 3).is_empty());
    }

    #[test]
    fn among_many_the_same_are_found() {
        let ours = season(2_000);
        let described: Vec<Described<'_>> = ours.iter().map(|(title, venue, at)| event(title, venue, *at)).collect();
        let catalogue = Catalogue::new(described.iter().cloned());
        for (place, (title, venue, at)) in ours.iter().enumerate().step_by(211) {
            let spelt = title.to_uppercase().replace('O', "0");
            let theirs = event(&spelt, venue, at + HOUR / 2);
            let alike = catalogue.alike(&theirs, 0.6, 3);
            assert_eq!(alike.first().map(|(place, _)| *place), Some(place), "{title} {alike:?}");
            // As if everything had been compared.
            let best = described.iter().map(|known| likeness(&theirs, known)).fold(0.0, f64::max);
            assert!((alike[0].1 - best).abs() < 1e-9, "{best} {alike:?}");
        }
    }

    #[test]
    fn among_many_those_without_a_date_are_found_by_title_and_rare_words() {
        let mut ours = season(1_000);
        ours.push(("Wilhelmina's Birthday Roast".to_owned(), "Cellar 1".to_owned(), 0));
        let mut described: Vec<Described<'_>> =
            ours.iter().map(|(title, venue, at)| event(title, venue, *at)).collect();
        described[1_000].starts_at = None;
        let catalogue = Catalogue::new(described);
        let found = |title: &str, starts_at| {
            let theirs = Described { title: Some(title), starts_at, ..Described::default() };
            catalogue.alike(&theirs, 0.6, 3).first().map(|(place, _)| *place)
        };
        assert_eq!(found("Roast: Wilhelmina's Birthday", None), Some(1_000));
        assert_eq!(found("Wilhelmina's Birthday Roast", Some(500 * 24 * HOUR)), Some(1_000));
        assert_eq!(found("Improv Jam", None), Some(3), "one of many, all alike: the first");
        assert_eq!(found("Something Else Entirely", None), None);
    }

    #[test]
    fn titles_are_compared_as_far_as_a_person_reads_them() {
        let long = |end: &str| format!("{}{end}", "A very long title indeed ".repeat(200));
        let (one, other) = (long("x"), long("something else"));
        assert!(likeness(&event(&one, "v", 0), &event(&other, "v", 0)) > 0.999);
        let all_on_one_day: Vec<String> = (0..400).map(|i| format!("{i} {one}")).collect();
        let catalogue = Catalogue::new(all_on_one_day.iter().map(|title| event(title, "v", 0)));
        assert_eq!(catalogue.alike(&event(&all_on_one_day[77], "v", 0), 0.6, 1)[0].0, 77);
    }
}
