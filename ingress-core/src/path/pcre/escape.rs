//! What a backslash begins.

use super::Unsupported;
use super::bytes::{ByteSet, is_horizontal, is_space, is_vertical, is_word};
use super::translator::Translator;

/// An escape, in a class or out of it.
pub(super) enum Escape {
    /// One byte.
    Byte(u8),
    /// One of several bytes.
    Set(ByteSet),
    /// A letter whose meaning depends on where it stands.
    Letter(u8),
}

impl Translator<'_> {
    /// Reads an escape behind its backslash, which is at `start`.
    pub(super) fn escape(&mut self, start: usize, in_class: bool) -> Result<Escape, Unsupported> {
        let Some(byte) = self.next() else {
            return Err(self.malformed("backslash with nothing behind it", start));
        };
        Ok(match byte {
            b'a' => Escape::Byte(0x07),
            b'e' => Escape::Byte(0x1b),
            b'f' => Escape::Byte(0x0c),
            b'n' => Escape::Byte(b'\n'),
            b'r' => Escape::Byte(b'\r'),
            b't' => Escape::Byte(b'\t'),
            b'0' => self.octal(start)?,
            b'1'..=b'9' => self.reference_or_octal(byte, start, in_class)?,
            b'o' => self.braced(8, start)?,
            b'x' if self.peek() == Some(b'{') => self.braced(16, start)?,
            b'x' => Escape::Byte(self.hexadecimal()),
            b'c' => self.control(start)?,
            b'd' => Escape::Set(ByteSet::of(|byte| byte.is_ascii_digit())),
            b'D' => Escape::Set(ByteSet::of(|byte| !byte.is_ascii_digit())),
            b'h' => Escape::Set(ByteSet::of(is_horizontal)),
            b'H' => Escape::Set(ByteSet::of(|byte| !is_horizontal(byte))),
            b's' => Escape::Set(ByteSet::of(is_space)),
            b'S' => Escape::Set(ByteSet::of(|byte| !is_space(byte))),
            b'v' => Escape::Set(ByteSet::of(is_vertical)),
            b'V' => Escape::Set(ByteSet::of(|byte| !is_vertical(byte))),
            b'w' => Escape::Set(ByteSet::of(is_word)),
            b'W' => Escape::Set(ByteSet::of(|byte| !is_word(byte))),
            b'p' | b'P' => return Err(self.property(start)),
            b'A' | b'B' | b'b' | b'C' | b'G' | b'g' | b'K' | b'k' | b'N' | b'R' | b'X' | b'Z' | b'z' => {
                Escape::Letter(byte)
            }
            b'F' | b'L' | b'l' | b'U' | b'u' => return Err(self.malformed("escape that PCRE does not have", start)),
            _ if byte.is_ascii_alphabetic() => return Err(self.malformed("unknown escape", start)),
            _ => Escape::Byte(byte),
        })
    }

    /// Up to three octal digits, the first of which is read already.
    fn octal(&mut self, start: usize) -> Result<Escape, Unsupported> {
        self.at -= 1;
        let digits = self.rest().iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7'));
        let mut value = 0;
        for digit in digits {
            value = value * 8 + u32::from(digit - b'0');
            self.at += 1;
        }
        u8::try_from(value).map(Escape::Byte).map_err(|_| self.malformed("character code above 255", start))
    }

    /// A digit behind a backslash: a group if there are that many, a character code if not.
    fn reference_or_octal(&mut self, first: u8, start: usize, in_class: bool) -> Result<Escape, Unsupported> {
        let digits = self.pattern.get(start + 1..).unwrap_or_default();
        let digits = digits.split(|digit: char| !digit.is_ascii_digit()).next().unwrap_or_default();
        let number = digits.parse::<usize>().unwrap_or(usize::MAX);
        let octal = first < b'8';
        if !in_class && number < MAX_REFERENCE && (number < 10 || !octal || number <= self.groups) {
            return Err(self.unsupported("back-reference", start, start + 1 + digits.len()));
        }
        if octal { self.octal(start) } else { Ok(Escape::Byte(first)) }
    }

    /// The number in braces of `\x{…}` and `\o{…}`.
    fn braced(&mut self, radix: u32, start: usize) -> Result<Escape, Unsupported> {
        if !self.take(b"{") {
            return Err(self.malformed("missing opening brace", start));
        }
        let rest = self.pattern.get(self.at..).unwrap_or_default();
        let Some((digits, _)) = rest.split_once('}') else {
            return Err(self.malformed("missing closing brace", start));
        };
        if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
            return Err(self.malformed("braces without a number", start));
        }
        self.at += digits.len() + 1;
        // Zeros in front count for nothing, however many there are.
        let value = u8::from_str_radix(digits, radix);
        value.map(Escape::Byte).map_err(|_| self.malformed("character code above 255", start))
    }

    /// Up to two hexadecimal digits; none is byte 0.
    fn hexadecimal(&mut self) -> u8 {
        let mut value = 0;
        for _ in 0..2 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit.and_then(|digit| u8::try_from(digit).ok()) else { break };
            value = value << 4 | digit;
            self.at += 1;
        }
        value
    }

    fn control(&mut self, start: usize) -> Result<Escape, Unsupported> {
        match self.next() {
            Some(byte @ b' '..=b'~') => Ok(Escape::Byte(byte.to_ascii_uppercase() ^ 0x40)),
            _ => Err(self.malformed(r"`\c` without a printable ASCII character", start)),
        }
    }

    fn property(&self, start: usize) -> Unsupported {
        let body = self.rest();
        let length = match body.first() {
            Some(b'{') => match body.iter().position(|byte| *byte == b'}') {
                Some(end) => end + 1,
                None => return self.malformed("Unicode property without a closing brace", start),
            },
            Some(byte) if byte.is_ascii_alphabetic() => 1,
            _ => return self.malformed("Unicode property without a name", start),
        };
        self.unsupported("Unicode property", start, self.at + length)
    }
}

/// Above this a number cannot be that of a group.
const MAX_REFERENCE: usize = i32::MAX as usize / 10;
