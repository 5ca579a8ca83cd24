//! A table from names to values: open addressing in slots of one cache line, in shards that versions share.
//!
//! A change rewrites the shards that it touches and shares the rest with the version before, so publishing a change costs
//! little in a large table.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use prefetch_index::prefetch_index;

use super::hash;
use crate::host::{self, Block, NameKey};

/// Names that a shard is made for.
const NAMES_PER_SHARD: usize = 128;
/// A shard that has grown to this many names asks for more shards.
const MAX_NAMES_PER_SHARD: usize = NAMES_PER_SHARD * 8;
/// Slots of fewer shards stay in a cache (128 KiB).
const MANY_SHARDS: usize = 8;
/// The longest run of slots that a search should have to look at.
const MAX_CHAIN: usize = 32;

/// A value that knows its name, which the table needs for names that do not fit into a slot.
pub(crate) trait Named {
    /// The name that the value stands under.
    fn name(&self) -> &str;
}

/// One cache line: the block of a name and what stands under it.
#[derive(Clone)]
#[repr(align(64))]
struct Slot<V> {
    block: Block,
    value: Option<V>,
}

/// Slots, a power of two of them, with at least one empty.
type Shard<V> = Arc<[Slot<V>]>;

/// A table from names to values.
#[derive(Clone)]
pub(crate) struct Names<V> {
    /// A power of two of them; none when the table is empty.
    shards: Box<[Shard<V>]>,
    seed: u64,
    count: usize,
}

impl<V: Named + Clone> Names<V> {
    pub(crate) fn new(seed: u64) -> Self {
        Self { shards: Box::default(), seed, count: 0 }
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes that the slots take.
    pub(crate) fn heap_bytes(&self) -> usize {
        let slots: usize = self.shards.iter().map(|shard| shard.len()).sum();
        slots * size_of::<Slot<V>>() + self.shards.len() * size_of::<Shard<V>>()
    }

    /// What stands under a name.
    #[inline]
    pub(crate) fn get(&self, key: &NameKey) -> Option<&V> {
        match key.long() {
            None => self.search(key, |_| true),
            Some(long) => self.get_long(key, long),
        }
    }

    /// Has the slot of a name on its way to the cache, if the table is so large that its slots are seldom there and the name fits into one.
    #[inline]
    pub(crate) fn prefetch<'n>(&self, name: impl FnOnce() -> &'n [u8]) {
        if self.shards.len() >= MANY_SHARDS {
            self.prefetch_slot(name());
        }
    }

    #[inline(never)]
    fn prefetch_slot(&self, name: &[u8]) {
        let Some(block) = host::block(name) else { return };
        let hash = hash::block(&block, self.seed);
        if let Some(shard) = self.shards.get(self.shard_of(hash)) {
            prefetch_index(&**shard, low(hash) & shard.len().wrapping_sub(1));
        }
    }

    /// Apart, so that the usual case stays small.
    #[inline(never)]
    fn get_long(&self, key: &NameKey, long: &str) -> Option<&V> {
        self.search(key, |value| value.name() == long)
    }

    /// The value under a key's block that is the right one.
    #[inline]
    fn search(&self, key: &NameKey, is_right: impl Fn(&V) -> bool) -> Option<&V> {
        let hash = hash::name(key, self.seed);
        let shard = self.shards.get(self.shard_of(hash))?;
        let mask = shard.len().wrapping_sub(1);
        let mut place = low(hash) & mask;
        // A shard has an empty slot, so this ends before it comes round.
        loop {
            let slot = shard.get(place)?;
            let value = slot.value.as_ref()?;
            if same(&slot.block, key.block()) && is_right(value) {
                return Some(value);
            }
            place = (place + 1) & mask;
        }
    }

    /// All values, in no order that means anything.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.shards.iter().flat_map(|shard| shard.iter()).filter_map(|slot| slot.value.as_ref())
    }

    /// The table with some names set to a new value or, with none, taken away. Each name comes once.
    pub(crate) fn with(&self, changes: Vec<(NameKey, Option<V>)>) -> Self {
        if changes.is_empty() {
            return self.clone();
        }
        let grown = self.count + changes.len();
        let crowded = grown > self.shards.len().saturating_mul(MAX_NAMES_PER_SHARD);
        let changed: Option<Self> = if crowded { None } else { self.with_shards_changed(&changes) };
        changed.unwrap_or_else(|| self.rebuilt(changes))
    }

    /// Rewrites the shards that the changes touch; none if a chain becomes too long.
    fn with_shards_changed(&self, changes: &[(NameKey, Option<V>)]) -> Option<Self> {
        let mut by_shard: Vec<(usize, &(NameKey, Option<V>))> =
            changes.iter().map(|change| (self.shard_of(hash::name(&change.0, self.seed)), change)).collect();
        by_shard.sort_by_key(|(shard, _)| *shard);
        let mut next = self.clone();
        for group in by_shard.chunk_by(|(a, _), (b, _)| a == b) {
            let place = group.first()?.0;
            let old = self.shards.get(place)?;
            let mut entries: Vec<(NameKey, V)> = Vec::new();
            for (block, value) in old.iter().filter_map(|slot| Some((&slot.block, slot.value.as_ref()?))) {
                // The name is somewhere else in memory, and not needed for most.
                let key = NameKey::of_block(block).unwrap_or_else(|| NameKey::new(value.name()));
                if !group.iter().any(|(_, (changed, _))| *changed == key) {
                    entries.push((key, value.clone()));
                }
            }
            let kept = entries.len();
            let set = group.iter().filter_map(|(_, (key, value))| Some((key.clone(), value.clone()?)));
            entries.extend(set);
            let before = old.iter().filter(|slot| slot.value.is_some()).count();
            next.count = next.count - before + entries.len();
            debug_assert!(kept <= before);
            *next.shards.get_mut(place)? = build_shard(&entries.iter().collect::<Vec<_>>(), self.seed, MAX_CHAIN)?;
        }
        Some(next)
    }

    /// Builds everything anew, with the right number of shards and, if it must be, with other seeds.
    fn rebuilt(&self, changes: Vec<(NameKey, Option<V>)>) -> Self {
        let mut entries: Vec<(NameKey, V)> = Vec::with_capacity(self.count + changes.len());
        if !self.is_empty() {
            let changed: BTreeSet<&NameKey> = changes.iter().map(|(key, _)| key).collect();
            let all = self.values().map(|value| (NameKey::new(value.name()), value.clone()));
            entries.extend(all.filter(|(key, _)| !changed.contains(key)));
        }
        entries.extend(changes.into_iter().filter_map(|(key, value)| Some((key, value?))));
        let mut seed = self.seed;
        let mut chain = MAX_CHAIN;
        loop {
            if let Some(table) = Self::build(&entries, seed, chain) {
                return table;
            }
            // Too long a chain although shards have room: somebody's names collide under this seed. The next one is as good
            // as drawn at random to whoever does not know the first. The longer chain lets the loop end in any case.
            seed = hash::fold(seed ^ 0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9);
            chain *= 2;
        }
    }

    fn build(entries: &[(NameKey, V)], seed: u64, max_chain: usize) -> Option<Self> {
        let mut table = Self { shards: Box::default(), seed, count: entries.len() };
        if entries.is_empty() {
            return Some(table);
        }
        let shards = entries.len().div_ceil(NAMES_PER_SHARD).next_power_of_two();
        let mut sorted: Vec<Vec<&(NameKey, V)>> = vec![Vec::new(); shards];
        for entry in entries {
            let place = shard_of(hash::name(&entry.0, seed), shards);
            sorted.get_mut(place)?.push(entry);
        }
        table.shards =
            sorted.into_iter().map(|entries| build_shard(&entries, seed, max_chain)).collect::<Option<_>>()?;
        Some(table)
    }

    #[inline]
    fn shard_of(&self, hash: u64) -> usize {
        shard_of(hash, self.shards.len())
    }
}

/// Whether two blocks are equal, without a branch for each word.
#[inline]
fn same([a, b, c]: &Block, [x, y, z]: &Block) -> bool {
    (a ^ x) | (b ^ y) | (c ^ z) == 0
}

/// Shards are told apart by the high half of the hash, slots by the low half.
#[inline]
fn shard_of(hash: u64, shards: usize) -> usize {
    low(hash >> 32) & shards.wrapping_sub(1)
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
fn low(hash: u64) -> usize {
    hash as usize
}

/// Places the entries in a shard that is as small as the length of chains allows; none if they collide even with room.
fn build_shard<V: Named + Clone>(entries: &[&(NameKey, V)], seed: u64, max_chain: usize) -> Option<Shard<V>> {
    // At most half of the slots are taken: every search meets an empty one, and most end at the first, so that a name that was not asked
    // for lately is one cache line to be waited for, seldom two.
    let size = (entries.len() * 2).max(1).next_power_of_two();
    [size, size * 2, size * 4].into_iter().find_map(|size| place(entries, size, seed, max_chain))
}

fn place<V: Named + Clone>(entries: &[&(NameKey, V)], size: usize, seed: u64, max_chain: usize) -> Option<Shard<V>> {
    let mut slots: Vec<Slot<V>> = Vec::new();
    slots.resize_with(size, || Slot { block: [0; 3], value: None });
    for (key, value) in entries {
        let start = low(hash::name(key, seed));
        let mut chain = (0..max_chain.min(size)).map(|step| start.wrapping_add(step) & (size - 1));
        let place = chain.find(|place| slots.get(*place).is_some_and(|slot| slot.value.is_none()))?;
        *slots.get_mut(place)? = Slot { block: *key.block(), value: Some(value.clone()) };
    }
    Some(slots.into())
}

impl<V> fmt::Debug for Names<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").field("count", &self.count).field("shards", &self.shards.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Value(Arc<str>, u32);

    impl Named for Value {
        fn name(&self) -> &str {
            &self.0
        }
    }

    fn name(i: u32) -> String {
        let label = "x".repeat((i % 60) as usize);
        format!("{label}{i}.example")
    }

    #[test]
    fn behaves_like_a_map_under_any_edits() {
        let mut table: Names<Value> = Names::new(1);
        let mut model: BTreeMap<String, u32> = BTreeMap::new();
        let mut random = 12_345_u32;
        for round in 0..300 {
            let mut changes = BTreeMap::new();
            for _ in 0..(if round == 0 { 2_000 } else { 17 }) {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let name = name(random >> 20);
                changes.insert(name, (random & 4 == 0).then_some(random));
            }
            for (name, value) in &changes {
                match value {
                    Some(value) => model.insert(name.clone(), *value),
                    None => model.remove(name),
                };
            }
            let changes = changes.into_iter();
            table =
                table.with(changes.map(|(n, v)| (NameKey::new(&n), v.map(|v| Value(n.as_str().into(), v)))).collect());
            assert_eq!(table.len(), model.len());
        }
        for i in 0..4_096 {
            let name = name(i);
            assert_eq!(table.get(&NameKey::new(&name)).map(|value| value.1), model.get(&name).copied(), "{name}");
        }
        assert_eq!(table.values().count(), model.len());
    }

    #[test]
    fn long_names_that_begin_alike_are_told_apart() {
        let names: Vec<String> = (0..3_000).map(|i| format!("{}{i}.example", "x".repeat(60))).collect();
        let changes = names.iter().map(|n| (NameKey::new(n), Some(Value(n.as_str().into(), 0)))).collect();
        let table = Names::new(0).with(changes);
        // Had they met in one chain, the table would have changed its seed again and again.
        assert_eq!(table.seed, 0);
        for name in &names {
            assert_eq!(table.get(&NameKey::new(name)).map(Named::name), Some(name.as_str()));
        }
        assert_eq!(table.get(&NameKey::new(&"x".repeat(60))), None);
    }
}
