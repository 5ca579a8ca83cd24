//! Consistent hashing: a table that a hash looks an endpoint up in, and that changes little when endpoints come and go.
//!
//! Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer" (NSDI 2016), section 3.4. The table depends
//! on nothing but the names that it is made from, so that all workers and all replicas send a key to the same endpoint.

use super::balance::{mix, scale};

/// The slots of a table: primes, at least 64 for each endpoint up to a thousand of them, which keeps shares equal within two in
/// a hundred. A size of its own for small groups saves memory; there is one only, because a change of size moves most keys.
const SLOTS: usize = 4_093;
const MANY_SLOTS: usize = 65_537;
/// The most endpoints of a small table.
const FEW: usize = 64;

const EMPTY: u16 = u16::MAX;

/// Which of some endpoints a hash belongs to.
#[derive(Debug)]
pub(super) struct Table {
    slots: Box<[u16]>,
}

impl Table {
    /// Makes the table of endpoints that have these hashes. More than 65,535 are not looked at.
    pub(super) fn new(hashes: impl ExactSizeIterator<Item = u64>) -> Self {
        let size = if hashes.len() <= FEW { SLOTS } else { MANY_SLOTS };
        // Each endpoint goes through all slots in an order of its own.
        let order = |hash: u64| (scale(hash, size), 1 + scale(mix(hash), size - 1));
        let mut endpoints: Vec<(u16, (usize, usize))> = (0..EMPTY).zip(hashes.map(order)).collect();
        let mut slots = vec![EMPTY; size].into_boxed_slice();
        let mut left = if endpoints.is_empty() { 0 } else { size };
        // In turn each takes the first free slot in its order.
        while left > 0 {
            for (endpoint, (at, step)) in endpoints.iter_mut().take(left) {
                while let Some(slot) = slots.get_mut(*at) {
                    *at = (*at + *step) % size;
                    if *slot == EMPTY {
                        *slot = *endpoint;
                        break;
                    }
                }
            }
            left = left.saturating_sub(endpoints.len());
        }
        Self { slots }
    }

    /// The endpoint of a hash, and after it those of the slots behind, with repetitions.
    pub(super) fn lookup(&self, hash: u64) -> impl Iterator<Item = usize> {
        let (before, behind) = self.slots.split_at_checked(scale(hash, self.slots.len())).unwrap_or_default();
        behind.iter().chain(before).filter(|slot| **slot != EMPTY).map(|slot| usize::from(*slot))
    }
}

/// The hash of a key (FNV-1a, and a last step that spreads it). It is the same everywhere and for ever, unlike those of
/// hash maps, which is why who knows it can choose keys for one endpoint.
pub(super) fn hash(key: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    mix(key.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(names: &[String]) -> Table {
        Table::new(names.iter().map(|name| hash(name.as_bytes())))
    }

    fn names(count: usize, salt: u16) -> Vec<String> {
        (0..count).map(|index| format!("10.{salt}.{}.{}:8080", index / 250, index % 250)).collect()
    }

    #[test]
    fn nothing_is_found_among_none() {
        assert_eq!(table(&[]).lookup(5).next(), None);
        assert!(table(&names(1, 0)).lookup(u64::MAX).all(|index| index == 0));
    }

    #[test]
    fn a_hash_never_changes() {
        // Replicas of different versions have to agree.
        assert_eq!((hash(b""), hash(b"10.0.0.1:80")), (0xf52a_15e9_a9b5_e89b, 0xdbbc_907f_2153_1a73));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn shares_are_equal_within_one_slot(count in 1_usize..400, salt: u16) {
            let table = table(&names(count, salt));
            let mut shares = vec![0; count];
            table.slots.iter().for_each(|slot| shares[usize::from(*slot)] += 1);
            let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
            prop_assert!(most - least <= 1, "{} to {}", least, most);
        }
    }

    /// The share of the slots that had not to change, and did.
    fn moved(before: &[String], gone: usize) -> f64 {
        let mut after = before.to_vec();
        after.remove(gone);
        let (old, new) = (table(before), table(&after));
        let moved = old.slots.iter().zip(&new.slots).filter(|(old, new)| {
            let old = usize::from(**old);
            old != gone && before[old] != after[usize::from(**new)]
        });
        moved.count() as f64 / old.slots.len() as f64
    }

    #[test]
    fn when_one_goes_the_keys_of_the_others_stay() {
        // Of many, because two endpoints whose steps are alike are rare and move a quarter of the keys of a group of three.
        for count in [2, 3, 5, 8, 16, 32, 48, FEW, FEW + 2, 100, 300] {
            let mut shares: Vec<f64> =
                (0..40).map(|salt| moved(&names(count, salt), usize::from(salt) * count / 40)).collect();
            shares.sort_by(f64::total_cmp);
            assert!(shares[20] < 0.03 && shares[37] < 0.05, "{count} endpoints: {} and {}", shares[20], shares[37]);
        }
    }
}
