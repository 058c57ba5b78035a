//! Permutations that are the same in every run: a seed in a failure names one.

/// splitmix64.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A number below the limit.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 33).unwrap_or_default() % limit.max(1)
    }

    /// The list in another order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.below(i + 1));
        }
    }

    /// The positions of a list of that length in some order, a third of them twice.
    pub fn positions(&mut self, length: usize) -> Vec<usize> {
        let mut list: Vec<usize> = (0..length).collect();
        for _ in 0..length / 3 {
            list.push(self.below(length));
        }
        self.shuffle(&mut list);
        list
    }
}
