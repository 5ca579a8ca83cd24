//! Literal paths of a host that has many, by hash.
//!
//! A path is looked up at each of its element boundaries at which some rule ends, and as a whole. The hash of a longer
//! beginning continues that of a shorter one, so even a path of nothing but slashes costs one pass over its bytes.

use std::collections::BTreeSet;

use super::hash::Prefixes;
use crate::path::{PathKind, PathPattern};

/// In place of a route, where there is none.
const NONE: u32 = u32::MAX;

/// The routes with one text, by kind.
#[derive(Clone, Debug)]
struct Cell {
    text: Box<[u8]>,
    exact: u32,
    prefix: u32,
    string_prefix: u32,
}

#[derive(Debug)]
pub(super) struct Paths {
    /// Open addressing, a power of two, at least half of them empty: the upper bits of the hash and the cell.
    slots: Box<[(u32, u32)]>,
    cells: Box<[Cell]>,
    /// The lengths at which a prefix ends, ascending.
    prefix_lengths: Box<[usize]>,
    /// The lengths at which a string prefix ends, ascending.
    string_lengths: Box<[usize]>,
    seed: u64,
}

impl Paths {
    pub(super) fn new(literals: &[(usize, &PathPattern)], seed: u64) -> Self {
        let mut cells: std::collections::BTreeMap<&[u8], Cell> = std::collections::BTreeMap::new();
        let (mut prefix_lengths, mut string_lengths) = (BTreeSet::new(), BTreeSet::new());
        for (place, pattern) in literals {
            let Ok(place) = u32::try_from(*place) else { continue };
            let text = pattern.significant().as_bytes();
            let cell = cells.entry(text).or_insert_with(|| Cell {
                text: text.into(),
                exact: NONE,
                prefix: NONE,
                string_prefix: NONE,
            });
            let route = match pattern.kind() {
                PathKind::Exact => &mut cell.exact,
                PathKind::Prefix => {
                    prefix_lengths.insert(text.len());
                    &mut cell.prefix
                }
                PathKind::StringPrefix => {
                    string_lengths.insert(text.len());
                    &mut cell.string_prefix
                }
                PathKind::Regex => continue,
            };
            // Of two prefixes that differ in final slashes only, the more preferred one counts.
            *route = place.min(*route);
        }
        let cells: Box<[Cell]> = cells.into_values().collect();
        let size = (cells.len() * 2).next_power_of_two();
        let mut slots = vec![(0, NONE); size];
        for (number, cell) in cells.iter().enumerate() {
            let hash = Prefixes::new(&cell.text, seed).hash(cell.text.len());
            let empty = probe(hash, size).find(|place| slots.get(*place).is_some_and(|slot| slot.1 == NONE));
            if let Some(slot) = empty.and_then(|place| slots.get_mut(place)) {
                *slot = (upper(hash), u32::try_from(number).unwrap_or(NONE));
            }
        }
        Self {
            slots: slots.into(),
            cells,
            prefix_lengths: prefix_lengths.into_iter().collect(),
            string_lengths: string_lengths.into_iter().collect(),
            seed,
        }
    }

    pub(super) fn find(&self, path: &[u8]) -> Option<usize> {
        let mut best = NONE;
        let mut hashes = Prefixes::new(path, self.seed);
        for &length in &self.prefix_lengths {
            match path.get(length) {
                Some(b'/') => {
                    if let Some(cell) = self.cell(hashes.hash(length), path, length) {
                        best = best.min(cell.prefix);
                    }
                }
                Some(_) => {}
                None => break,
            }
        }
        if let Some(cell) = self.cell(hashes.hash(path.len()), path, path.len()) {
            best = best.min(cell.exact).min(cell.prefix);
        }
        if !self.string_lengths.is_empty() {
            let mut hashes = Prefixes::new(path, self.seed);
            for &length in self.string_lengths.iter().take_while(|length| **length <= path.len()) {
                if let Some(cell) = self.cell(hashes.hash(length), path, length) {
                    best = best.min(cell.string_prefix);
                }
            }
        }
        (best != NONE).then_some(best as usize)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let texts: usize = self.cells.iter().map(|cell| cell.text.len()).sum();
        let lengths = (self.prefix_lengths.len() + self.string_lengths.len()) * size_of::<usize>();
        self.slots.len() * size_of::<(u32, u32)>() + self.cells.len() * size_of::<Cell>() + texts + lengths
    }

    /// The cell whose text is the first `length` bytes of the path.
    #[inline]
    fn cell(&self, hash: u64, path: &[u8], length: usize) -> Option<&Cell> {
        for place in probe(hash, self.slots.len()) {
            let (bits, number) = *self.slots.get(place)?;
            if number == NONE {
                return None;
            }
            if bits == upper(hash)
                && let Some(cell) = self.cells.get(number as usize)
                && path.get(..length) == Some(&*cell.text)
            {
                return Some(cell);
            }
        }
        None
    }
}

/// The slots to look at, each once.
#[inline]
fn probe(hash: u64, size: usize) -> impl Iterator<Item = usize> {
    #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
    let start = hash as usize;
    (0..size).map(move |step| start.wrapping_add(step) & (size - 1))
}

#[inline]
fn upper(hash: u64) -> u32 {
    (hash >> 32) as u32
}
