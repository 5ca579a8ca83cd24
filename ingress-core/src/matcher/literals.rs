//! Exact, prefix and string-prefix paths.

use super::paths::Paths;
use crate::path::{PathKind, PathPattern};
use crate::policy::Route;
use crate::word::{self, WORD};

/// Up to so many, one after the other is fastest.
const LINEAR: usize = 16;

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
            let mask = u128::MAX.checked_shr(8 * WORD.saturating_sub(text.len()) as u32).unwrap_or(0);
            tests.push(Test { head: word::first(text), mask, tail, place, length, kind: pattern.kind() });
            tails.extend_from_slice(text.get(WORD..).unwrap_or_default());
        }
        Self { tests: tests.into(), tails: tails.into() }
    }

    #[inline]
    fn find(&self, path: &[u8]) -> Option<usize> {
        let request = word::first(path);
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
        if let Some(tail_length) = length.checked_sub(WORD) {
            let tail = test.tail as usize;
            if path.get(WORD..length) != self.tails.get(tail..tail + tail_length) {
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
