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
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for _ in 0..2 {
            let number = self.next();
            to.extend((0..16).map(|digit| {
                let nibble = usize::try_from(number >> (60 - 4 * digit) & 0xf).unwrap_or_default();
                DIGITS.get(nibble).copied().unwrap_or(b'0')
            }));
        }
    }
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
}
