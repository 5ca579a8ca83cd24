//! Where a line is written: memory that gets shorter with each value.
//!
//! It is handed on by value, so that the place of the next byte stays in a register and is not read back from memory for each
//! of the hundred pieces of a line.

use crate::observe::escape::{Escape, is_plain};

/// What is left of the memory. Once something did not fit, nothing is left.
#[derive(Debug, Default)]
pub(super) struct Room<'a>(&'a mut [u8]);

impl<'a> Room<'a> {
    pub(super) fn new(memory: &'a mut [u8]) -> Self {
        Self(memory)
    }

    /// How many bytes are left. There is no telling whether what was written last filled the memory or did not fit, if it is none.
    pub(super) fn left(&self) -> usize {
        self.0.len()
    }

    /// Writes an array, which is a store or two.
    #[inline(always)]
    pub(super) fn put<const N: usize>(self, bytes: [u8; N]) -> Self {
        self.put_some(bytes, N)
    }

    /// Writes the first bytes of an array. There has to be room for all of them.
    #[inline(always)]
    pub(super) fn put_some<const N: usize>(self, bytes: [u8; N], count: usize) -> Self {
        let Some(to) = self.0.first_chunk_mut() else { return Self::default() };
        *to = bytes;
        Self(self.0.get_mut(count..).unwrap_or_default())
    }

    /// Writes text whose length the compiler knows.
    #[inline(always)]
    pub(super) fn text(self, text: &'static str) -> Self {
        let Some((to, rest)) = self.0.split_at_mut_checked(text.len()) else { return Self::default() };
        to.copy_from_slice(text.as_bytes());
        Self(rest)
    }

    /// Writes bytes that need no escaping.
    #[inline]
    pub(super) fn bytes(self, bytes: &[u8]) -> Self {
        let Some((to, rest)) = self.0.split_at_mut_checked(bytes.len()) else { return Self::default() };
        if !(copied::<8>(to, bytes) || copied::<16>(to, bytes) || copied::<4>(to, bytes)) {
            to.copy_from_slice(bytes);
        }
        Self(rest)
    }

    /// Writes bytes that somebody else chose: as many as `most`, and dots if there are more.
    pub(super) fn escaped(self, value: &[u8], most: usize, escape: Escape) -> Self {
        if value.len() <= most && is_plain(value) { self.bytes(value) } else { self.odd(value, most, escape) }
    }

    #[cold]
    fn odd(self, value: &[u8], most: usize, escape: Escape) -> Self {
        let mut room = self;
        escape.write(value.get(..most).unwrap_or(value), |piece| room = std::mem::take(&mut room).bytes(piece));
        if value.len() > most { room.text("...") } else { room }
    }
}

/// Copies what is as long as one to two arrays: as its first bytes and its last, which may be the same in part. That is no
/// call, and most values are as short.
#[inline(always)]
fn copied<const N: usize>(to: &mut [u8], from: &[u8]) -> bool {
    let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else { return false };
    if from.len() > 2 * N || to.len() != from.len() {
        return false;
    }
    if let Some(to) = to.first_chunk_mut() {
        *to = *first;
    }
    if let Some(to) = to.last_chunk_mut() {
        *to = *last;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_length_are_copied() {
        let value: Vec<u8> = (0..=u8::MAX).collect();
        for length in 0..=value.len() {
            let mut memory = [0; 300];
            let left = Room::new(&mut memory).bytes(&value[..length]).left();
            assert_eq!((left, &memory[..length]), (300 - length, &value[..length]));
            assert!(memory[length..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn what_does_not_fit_leaves_nothing() {
        for write in [
            |room: Room<'_>| room.put([1; 4]).left(),
            |room: Room<'_>| room.put_some([1; 4], 1).left(),
            |room: Room<'_>| room.text("four").left(),
            |room: Room<'_>| room.bytes(b"four").left(),
            |room: Room<'_>| room.escaped(b"four", 9, Escape::Json).left(),
            |room: Room<'_>| room.escaped(b"\n\n", 9, Escape::Json).left(),
            // What would fit again comes too late.
            |room: Room<'_>| room.text("four").put([1]).left(),
        ] {
            assert_eq!(write(Room::new(&mut [0; 3])), 0);
            assert_ne!(write(Room::new(&mut [0; 9])), 0);
        }
    }
}
