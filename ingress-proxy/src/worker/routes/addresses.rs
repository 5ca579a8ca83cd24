//! A set of addresses, in a bit each.
//!
//! What lies in a table stands at the same place in each of its cache lines. So a block says of a stretch of memory which of its lines have
//! a member at one place: ten thousand hosts of a snapshot take a few kilobytes, which stay in a cache.

use std::collections::HashMap;

/// Words of a block.
const WORDS: usize = 16;
/// Bits of an address that say where in its cache line it is.
const WITHIN: u32 = 6;

/// The set. Exact, wherever the addresses are.
#[derive(Debug, Default)]
pub(in crate::worker) struct Addresses {
    blocks: HashMap<usize, Box<[u64; WORDS]>, ahash::RandomState>,
}

impl Addresses {
    #[inline]
    pub(super) fn contains(&self, address: usize) -> bool {
        let (block, word, bit) = split(address);
        self.blocks.get(&block).and_then(|words| words.get(word)).is_some_and(|word| word & bit != 0)
    }

    pub(super) fn insert(&mut self, address: usize) {
        let (block, word, bit) = split(address);
        if let Some(word) = self.blocks.entry(block).or_default().get_mut(word) {
            *word |= bit;
        }
    }
}

/// The block of an address, and its word and bit there.
#[inline]
fn split(address: usize) -> (usize, usize, u64) {
    let line = address >> WITHIN;
    let within = address & ((1 << WITHIN) - 1);
    let (stretch, bit) = (line / (WORDS * 64), line % (WORDS * 64));
    (stretch << WITHIN | within, bit / 64, 1 << (bit % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_a_set(base in any::<usize>(), steps in proptest::collection::vec(0_usize..1 << 18, 0..200)) {
            let mut addresses = Addresses::default();
            let members: BTreeSet<usize> = steps.iter().map(|step| base.wrapping_add(*step)).collect();
            for member in &members {
                addresses.insert(*member);
            }
            for member in &members {
                for near in [0, 1, 8, 16, 64, 1 << 16].map(|step| member.wrapping_add(step)) {
                    prop_assert_eq!(addresses.contains(near), members.contains(&near));
                }
            }
        }
    }

    #[test]
    fn what_lies_in_a_table_takes_few_blocks() {
        let mut addresses = Addresses::default();
        for slot in 0..16_384 {
            addresses.insert(0x7f00_1234_5678 + slot * 64);
        }
        assert!(addresses.blocks.len() <= 17, "{}", addresses.blocks.len());
    }
}
