//! What the tests of the merge rules share: a small random generator, and ways to merge the same facts.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod blake2b;
pub mod build;
pub mod strategies;
pub mod vectors;

use std::fmt::Debug;

use boxoffice_core::document::Document;
use boxoffice_core::merge::State;
use boxoffice_core::observation::Fact;
use boxoffice_core::platform::Platform;
use sha2::{Digest, Sha256};

/// The platform of that name.
pub fn named(name: &str) -> Platform {
    Platform::from_name(name).expect("a platform")
}

/// Splitmix64: enough to shuffle, and the same on every machine.
pub struct Rng(u64);

impl Rng {
    /// The generator of that seed.
    pub fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 when that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).expect("fits")
    }

    /// A random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

/// A document with that content, which needs not be JSON for the merge rules.
pub fn document(content: &impl Debug) -> Document {
    let text = format!("{content:?}");
    let digest = Sha256::digest(text.as_bytes());
    Document { hash: digest[..16].try_into().expect("16 bytes"), text }
}

/// One fact after the other.
pub fn folded<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> State {
    let mut state = State::default();
    for fact in facts {
        state.observe(fact);
    }
    state
}

/// In batches of one to six, joined in random order, one of them twice.
pub fn fold_in_parts(facts: &[Fact], rng: &mut Rng) -> State {
    let mut parts = Vec::new();
    let mut rest = facts;
    while !rest.is_empty() {
        let (part, after) = rest.split_at((1 + rng.below(6)).min(rest.len()));
        parts.push(folded(part));
        rest = after;
    }
    if !parts.is_empty() {
        parts.push(parts[rng.below(parts.len())].clone());
    }
    rng.shuffle(&mut parts);
    let mut state = State::default();
    for part in &parts {
        state.join(part);
    }
    state
}
