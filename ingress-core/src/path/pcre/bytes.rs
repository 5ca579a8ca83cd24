//! Sets of bytes, which is what the items of a pattern come down to.

use std::fmt::Write;

/// A set of bytes: bit n of the first word is byte n, bit n of the second is byte 128 + n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ByteSet {
    low: u128,
    high: u128,
}

impl ByteSet {
    /// The bytes of which something holds.
    pub(super) fn of(holds: impl Fn(u8) -> bool) -> Self {
        let mut set = Self::default();
        (0..=u8::MAX).filter(|byte| holds(*byte)).for_each(|byte| set.insert(byte));
        set
    }

    /// One byte.
    pub(super) fn single(byte: u8) -> Self {
        let mut set = Self::default();
        set.insert(byte);
        set
    }

    /// The bytes that are not in the set.
    pub(super) fn negated(self) -> Self {
        Self { low: !self.low, high: !self.high }
    }

    /// Whether a byte is in the set.
    pub(super) fn contains(self, byte: u8) -> bool {
        if byte < 128 { self.low >> byte & 1 == 1 } else { self.high >> (byte - 128) & 1 == 1 }
    }

    /// Adds a byte.
    pub(super) fn insert(&mut self, byte: u8) {
        if byte < 128 { self.low |= 1 << byte } else { self.high |= 1 << (byte - 128) }
    }

    /// Adds the bytes of another set.
    pub(super) fn insert_all(&mut self, other: Self) {
        self.low |= other.low;
        self.high |= other.high;
    }

    /// The set with both cases of each letter.
    pub(super) fn ignoring_case(self) -> Self {
        let upper = self.low & (((1 << 26) - 1) << b'A');
        let lower = self.low & (((1 << 26) - 1) << b'a');
        Self { low: self.low | upper << 32 | lower >> 32, high: self.high }
    }

    /// The set as runs of neighbours, first and last byte.
    fn runs(self) -> Vec<(u8, u8)> {
        let mut runs: Vec<(u8, u8)> = Vec::new();
        for byte in (0..=u8::MAX).filter(|byte| self.contains(*byte)) {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == byte => *last = byte,
                _ => runs.push((byte, byte)),
            }
        }
        runs
    }

    /// Writes the set as an expression that takes one byte.
    pub(super) fn write(self, out: &mut String) {
        let any = Self::default().negated();
        let mut runs = self.runs();
        match runs.as_slice() {
            _ if self == any => return out.push_str("(?s:.)"),
            _ if self.contains(u8::MAX) => {
                runs = self.negated().runs();
                out.push_str("[^");
            }
            [(first, last)] if first == last => return write_byte(*first, out),
            [] => return out.push_str(r"[^\x00-\xFF]"),
            _ => out.push('['),
        }
        for (first, last) in runs {
            write_byte(first, out);
            if first != last {
                if last - first > 1 {
                    out.push('-');
                }
                write_byte(last, out);
            }
        }
        out.push(']');
    }
}

/// Writes a byte so that it means itself, in a class or out of it.
fn write_byte(byte: u8, out: &mut String) {
    match byte {
        b'\n' => out.push_str(r"\n"),
        // These are escapes of their own when a backslash is before them, and mean nothing without.
        b'<' | b'>' => out.push(char::from(byte)),
        b'/' | b'_' => out.push(char::from(byte)),
        _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
        _ if byte.is_ascii_punctuation() => out.extend(['\\', char::from(byte)]),
        _ => {
            // Writing to a `String` cannot fail.
            let _ = write!(out, r"\x{byte:02X}");
        }
    }
}

/// What `\s` takes, which is more than Rust's `is_ascii_whitespace`.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

/// What `\w` takes.
pub(super) fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

/// What `\h` takes.
pub(super) fn is_horizontal(byte: u8) -> bool {
    matches!(byte, b'\t' | b' ' | 0xa0)
}

/// What `\v` takes.
pub(super) fn is_vertical(byte: u8) -> bool {
    matches!(byte, b'\n'..=b'\r' | 0x85)
}
