//! Numbers that need not be secret: draws for weights, request identifiers.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

/// A generator (xorshift64*), seeded by the system.
#[derive(Debug)]
pub struct Random(Cell<u64>);

impl Default for Random {
    fn default() -> Self {
        // The state must not be zero.
        Self(Cell::new(RandomState::new().hash_one(0_u64) | 1))
    }
}

impl Random {
    /// The next number.
    pub fn next(&self) -> u64 {
        let mut state = self.0.get();
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.0.set(state);
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Appends 32 hexadecimal digits.
    pub fn append_id(&self, to: &mut Vec<u8>) {
        for _ in 0..2 {
            let number = self.next();
            to.extend_from_slice(&hexadecimal((number >> 32) as u32));
            to.extend_from_slice(&hexadecimal(number as u32));
        }
    }
}

/// The digits of a number, all at once: one nibble per byte, and what is above 9 goes on with letters.
const fn hexadecimal(number: u32) -> [u8; 8] {
    const fn each(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    let number = number as u64;
    let number = (number << 16 | number) & 0x0000_ffff_0000_ffff;
    let number = (number << 8 | number) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (number << 4 | number) & each(0x0f);
    let above_nine = (nibbles + each(6)) >> 4 & each(1);
    // No byte of a sum reaches the next one: the greatest is `f`.
    (nibbles + each(b'0') + above_nine * (b'a' - b'9' - 1) as u64).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_digits_and_differ() {
        let random = Random::default();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        random.append_id(&mut first);
        random.append_id(&mut second);
        assert!(first.len() == 32 && first.iter().all(u8::is_ascii_hexdigit));
        assert_ne!(first, second);
    }

    #[test]
    fn digits_are_those_of_the_number() {
        for number in [0, 1, 9, 10, 0x0f00_00f0, 0x0123_4567, 0x89ab_cdef, 0x9a9a_a9a9, 0xffff_ffff] {
            assert_eq!(hexadecimal(number), format!("{number:08x}").as_bytes(), "{number:#x}");
        }
    }
}
