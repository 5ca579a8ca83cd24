//! The hash function of the indices: folded multiplication over 64-bit words, keyed by a seed.
//!
//! It is not collision-resistant against somebody who knows the seed; a table that finds too long a chain while it is built
//! changes its seed, so searches stay bounded all the same.

use crate::host::{Block, NameKey};
use crate::word;

/// Odd constants without structure (digits of pi); the seed is mixed into each.
const K: [u64; 7] = [
    0x243f_6a88_85a3_08d3,
    0x1319_8a2e_0370_7345,
    0xa409_3822_299f_31d1,
    0x082e_fa98_ec4e_6c89,
    0x4528_21e6_38d0_1377,
    0xbe54_66cf_34e9_0c6d,
    0xc0ac_29b7_c97c_50dd,
];

/// High and low half of the product, folded into one word.
#[inline]
pub(super) fn fold(a: u64, b: u64) -> u64 {
    let (low, high) = halves(u128::from(a).wrapping_mul(u128::from(b)));
    low ^ high
}

/// The hash of a name. All of a long one takes part, or names that begin alike would meet in one chain.
#[inline]
pub(super) fn name(key: &NameKey, seed: u64) -> u64 {
    match key.long() {
        None => block(key.block(), seed),
        Some(long) => Prefixes::new(long.as_bytes(), seed).hash(long.len()),
    }
}

/// The hash of a name that its block holds.
#[inline]
pub(super) fn block(block: &Block, seed: u64) -> u64 {
    let [k0, k1, k2, k3, k4, k5, k6] = K;
    let [a, b, c] = block.map(halves);
    let a = fold(a.0 ^ k0 ^ seed, a.1 ^ k1);
    let b = fold(b.0 ^ k2 ^ seed, b.1 ^ k3);
    let c = fold(c.0 ^ k4 ^ seed, c.1 ^ k5);
    fold(a ^ b.rotate_left(17) ^ c.rotate_left(41), k6 ^ seed)
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the two halves are what is wanted")]
fn halves(word: u128) -> (u64, u64) {
    (word as u64, (word >> 64) as u64)
}

/// The hash of the prefixes of a path, extended word by word, so that hashing all of them costs no more than the longest.
#[derive(Clone, Copy)]
pub(super) struct Prefixes<'p> {
    path: &'p [u8],
    /// How many whole words are in `state`.
    words: usize,
    state: u64,
    seed: u64,
}

impl<'p> Prefixes<'p> {
    #[inline]
    pub(super) fn new(path: &'p [u8], seed: u64) -> Self {
        Self { path, words: 0, state: seed ^ K[0], seed }
    }

    /// The hash of the first `length` bytes; lengths are asked for in ascending order.
    #[inline]
    pub(super) fn hash(&mut self, length: usize) -> u64 {
        let [_, k1, k2, ..] = K;
        while let Some(bytes) = self.path.get(self.words * 8..self.words * 8 + 8)
            && self.words * 8 + 8 <= length
            && let Ok(bytes) = bytes.try_into()
        {
            self.state = fold(self.state ^ u64::from_le_bytes(bytes), k1);
            self.words += 1;
        }
        let rest = self.path.get(self.words * 8..length).unwrap_or_default();
        let (rest, _) = halves(word::first(rest));
        fold(self.state ^ rest, k2 ^ self.seed ^ length as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_hashes_alike_whatever_was_hashed_before() {
        let path = b"/some/where/over/the/rainbow/and/back";
        let mut ascending = Prefixes::new(path, 7);
        for length in 0..=path.len() {
            let alone = Prefixes::new(path, 7).hash(length);
            assert_eq!(ascending.hash(length), alone);
            let (head, _) = path.split_at(length);
            assert_eq!(Prefixes::new(head, 7).hash(length), alone);
            assert_ne!(Prefixes::new(path, 8).hash(length), alone);
        }
    }
}
