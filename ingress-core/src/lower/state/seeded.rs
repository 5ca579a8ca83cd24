//! Hashing with a seed that is given, not drawn: the engine reads no randomness.

use std::hash::{BuildHasher, Hasher};

/// Folded multiplication behind a secret seed, so that whoever names objects cannot aim them at one bucket. The maps are
/// used while compiling only; what requests are looked up in has its own bound on chains.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeededState(u64);

impl SeededState {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }
}

impl BuildHasher for SeededState {
    type Hasher = FoldHasher;

    fn build_hasher(&self) -> FoldHasher {
        FoldHasher { state: self.0 ^ 0x243f_6a88_85a3_08d3, seed: self.0 }
    }
}

/// See [`SeededState`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct FoldHasher {
    state: u64,
    seed: u64,
}

impl FoldHasher {
    fn add(&mut self, word: u64) {
        let product = u128::from(self.state ^ word).wrapping_mul(u128::from(0x9e37_79b9_7f4a_7c15 ^ self.seed | 1));
        let [low, high] = [product, product >> 64].map(|half| half & u128::from(u64::MAX));
        self.state = u64::try_from(low ^ high).unwrap_or_default();
    }
}

impl Hasher for FoldHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        let last = rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        // The length keeps `a` and `a\0` apart.
        self.add(last ^ (bytes.len() as u64) << 56);
    }

    fn write_u8(&mut self, number: u8) {
        self.add(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.add(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.add(number as u64);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}
