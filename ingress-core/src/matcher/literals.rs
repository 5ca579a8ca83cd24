//! Exact, prefix and string-prefix paths.

use super::paths::Paths;
use crate::path::{PathKind, PathPattern};
use crate::policy::Route;

/// Up to so many, one after the other is fastest.
const LINEAR: usize = 16;
/// Bytes that are compared at once.
const HEAD: usize = 16;

/// The literal paths of a host.
#[derive(Debug)]
pub(super) enum Literals {
    /// Few: tried in order.
    Few(Few),
    /// Many: looked up by hash.
    Many(Paths),
}

impl Literals {
    pub(super) fn new(routes: &[Route], seed: u64) -> Self {
        let literals = routes.iter().enumerate().filter(|(_, route)| !matches!(route.path, PathPattern::Regex(_)));
        let literals: Vec<(usize, &PathPattern)> = literals.map(|(place, route)| (place, &route.path)).collect();
        if literals.len() <= LINEAR { Self::Few(Few::new(&literals)) } else { Self::Many(Paths::new(&literals, seed)) }
    }

    #[inline]
    pub(super) fn find(&self, path: &[u8]) -> Option<usize> {
        match self {
            Self::Few(few) => few.find(path),
            Self::Many(many) => many.find(path),
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Few(few) => few.tests.len() * size_of::<Test>() + few.tails.len(),
            Self::Many(many) => many.heap_bytes(),
        }
    }
}

/// One path. The first bytes are compared as one number, the rest only if those are equal.
#[derive(Clone, Copy, Debug)]
struct Test {
    head: u128,
    /// Ones where the head has bytes.
    mask: u128,
    /// Where the bytes behind the head stand in the tails.
    tail: u32,
    place: u32,
    length: u32,
    kind: PathKind,
}

#[derive(Debug)]
pub(super) struct Few {
    tests: Box<[Test]>,
    tails: Box<[u8]>,
}

impl Few {
    fn new(literals: &[(usize, &PathPattern)]) -> Self {
        let mut tails = Vec::new();
        let mut tests = Vec::with_capacity(literals.len());
        for (place, pattern) in literals {
            let text = pattern.significant().as_bytes();
            let numbers = (u32::try_from(tails.len()), u32::try_from(*place), u32::try_from(text.len()));
            // No manifest is that large.
            let (Ok(tail), Ok(place), Ok(length)) = numbers else { continue };
            let mask = u128::MAX.checked_shr(8 * HEAD.saturating_sub(text.len()) as u32).unwrap_or(0);
            tests.push(Test { head: head(text), mask, tail, place, length, kind: pattern.kind() });
            tails.extend_from_slice(text.get(HEAD..).unwrap_or_default());
        }
        Self { tests: tests.into(), tails: tails.into() }
    }

    #[inline]
    fn find(&self, path: &[u8]) -> Option<usize> {
        let request = head(path);
        let found = self
            .tests
            .iter()
            .find(|test| (request & test.mask) == test.head && self.holds(test, test.length as usize, path));
        found.map(|test| test.place as usize)
    }

    /// What remains to be seen once the heads agree.
    #[inline]
    fn holds(&self, test: &Test, length: usize, path: &[u8]) -> bool {
        if path.len() < length {
            return false;
        }
        if let Some(tail_length) = length.checked_sub(HEAD) {
            let tail = test.tail as usize;
            if path.get(HEAD..length) != self.tails.get(tail..tail + tail_length) {
                return false;
            }
        }
        match test.kind {
            PathKind::Exact => path.len() == length,
            PathKind::Prefix => matches!(path.get(length), None | Some(b'/')),
            PathKind::StringPrefix | PathKind::Regex => true,
        }
    }
}

/// The first bytes as a number, the first byte lowest, missing bytes zero.
#[inline]
fn head(text: &[u8]) -> u128 {
    match text.first_chunk::<HEAD>() {
        Some(bytes) => u128::from_le_bytes(*bytes),
        None => {
            // Two overlapping loads, not a loop over bytes: most request paths are this short.
            let length = text.len();
            if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
                let low = u128::from(u64::from_le_bytes(*first));
                let high = u128::from(u64::from_le_bytes(*last));
                return low | high << (8 * (length - 8));
            }
            if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
                let low = u128::from(u32::from_le_bytes(*first));
                let high = u128::from(u32::from_le_bytes(*last));
                return low | high << (8 * (length - 4));
            }
            text.iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_its_bytes() {
        let text: Vec<u8> = (1..=20).collect();
        for length in 0..=20 {
            let (text, _) = text.split_at(length);
            let mut bytes = [0; HEAD];
            for (to, from) in bytes.iter_mut().zip(text) {
                *to = *from;
            }
            assert_eq!(head(text), u128::from_le_bytes(bytes), "{length}");
        }
    }
}
