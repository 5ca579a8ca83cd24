//! Character classes.

use super::Unsupported;
use super::bytes::{ByteSet, is_space, is_word};
use super::escape::Escape;
use super::translator::Translator;

/// What a hyphen would do in a class.
#[derive(Clone, Copy)]
enum Range {
    /// Stand for itself.
    No,
    /// Begin a range at this byte.
    From(u8),
    /// There was a hyphen: the next byte ends the range.
    Open(u8),
}

impl Translator<'_> {
    /// Reads a class behind its `[`.
    pub(super) fn class(&mut self, start: usize) -> Result<ByteSet, Unsupported> {
        let rest = self.rest();
        if rest.starts_with(b"[:<:]]") || rest.starts_with(b"[:>:]]") {
            return Err(self.unsupported("word boundary", start, self.at + 6));
        }
        if let Some((b':', _)) = self.posix_name() {
            return Err(self.malformed("POSIX class outside of a character class", start));
        }
        if self.posix_name().is_some() {
            return Err(self.malformed("POSIX collating element", start));
        }
        let negated = self.class_negated();
        let set = self.class_members(start)?;
        let set = if self.flags.ignore_case { set.ignoring_case() } else { set };
        Ok(if negated { set.negated() } else { set })
    }

    /// Takes the `^` of a negated class, and what may stand around it without being a member.
    fn class_negated(&mut self) -> bool {
        let mut negated = false;
        loop {
            let blank = self.flags.extended_more && matches!(self.peek(), Some(b' ' | b'\t'));
            if blank {
                self.at += 1;
            } else if !self.take(br"\E") && !self.take(br"\Q\E") {
                if negated || !self.take(b"^") {
                    return negated;
                }
                negated = true;
            }
        }
    }

    fn class_members(&mut self, start: usize) -> Result<ByteSet, Unsupported> {
        let mut set = ByteSet::default();
        let mut range = Range::No;
        let mut quoted = false;
        let mut first = true;
        loop {
            let at = self.at;
            let Some(byte) = self.next() else {
                return Err(self.malformed("character class without a closing bracket", start));
            };
            let is_first = std::mem::take(&mut first);
            if quoted {
                if byte == b'\\' && self.take(b"E") {
                    quoted = false;
                } else {
                    range = self.class_byte(&mut set, range, byte, at)?;
                }
                continue;
            }
            range = match byte {
                b']' if !is_first => {
                    if let Range::Open(_) = range {
                        set.insert(b'-');
                    }
                    return Ok(set);
                }
                b' ' | b'\t' if self.flags.extended_more => range,
                b'[' if self.posix_name().is_some() => {
                    let posix = self.posix_class(at)?;
                    self.class_set(&mut set, range, posix, at)?
                }
                b'-' => match range {
                    Range::From(from) => Range::Open(from),
                    Range::No | Range::Open(_) => self.class_byte(&mut set, range, byte, at)?,
                },
                b'\\' if self.take(b"Q") => {
                    quoted = true;
                    range
                }
                b'\\' if self.take(b"E") => range,
                b'\\' => match self.escape(at, true)? {
                    Escape::Byte(byte) => self.class_byte(&mut set, range, byte, at)?,
                    Escape::Set(other) => self.class_set(&mut set, range, other, at)?,
                    Escape::Letter(b'b') => self.class_byte(&mut set, range, 0x08, at)?,
                    Escape::Letter(b'g') => self.class_byte(&mut set, range, b'g', at)?,
                    Escape::Letter(_) => {
                        return Err(self.malformed("escape without a meaning in a character class", at));
                    }
                },
                _ => self.class_byte(&mut set, range, byte, at)?,
            };
        }
    }

    /// Adds one byte, or the range that it ends.
    fn class_byte(&self, set: &mut ByteSet, range: Range, byte: u8, at: usize) -> Result<Range, Unsupported> {
        match range {
            Range::Open(from) if from > byte => Err(self.malformed("range out of order in a character class", at)),
            Range::Open(from) => {
                (from..=byte).for_each(|byte| set.insert(byte));
                Ok(Range::No)
            }
            Range::No | Range::From(_) => {
                set.insert(byte);
                Ok(Range::From(byte))
            }
        }
    }

    /// Adds what stands for several bytes, which neither begins nor ends a range.
    fn class_set(&self, set: &mut ByteSet, range: Range, other: ByteSet, at: usize) -> Result<Range, Unsupported> {
        let hyphen_behind = matches!(self.rest(), [b'-', next, ..] if *next != b']');
        if hyphen_behind || matches!(range, Range::Open(_)) {
            return Err(self.malformed("range with an end that is not one character", at));
        }
        set.insert_all(other);
        Ok(Range::No)
    }

    /// The kind of a POSIX bracket and its name, if one begins behind the `[` just read.
    fn posix_name(&self) -> Option<(u8, &[u8])> {
        let (&kind, body) = self.rest().split_first()?;
        if !matches!(kind, b':' | b'.' | b'=') {
            return None;
        }
        let mut at = 0;
        loop {
            match body.get(at..at + 2)? {
                [b'\\', b']' | b'\\'] => at += 2,
                [b'[', next] if *next == kind => return None,
                [b']', _] => return None,
                [end, b']'] if *end == kind => return Some((kind, body.get(..at)?)),
                _ => at += 1,
            }
        }
    }

    fn posix_class(&mut self, start: usize) -> Result<ByteSet, Unsupported> {
        let Some((b':', name)) = self.posix_name() else {
            return Err(self.malformed("POSIX collating element", start));
        };
        let after = self.at + name.len() + 3;
        let (negated, name) = name.strip_prefix(b"^").map_or((false, name), |name| (true, name));
        let set = match name {
            b"lower" | b"upper" if self.flags.ignore_case => ByteSet::of(|byte| byte.is_ascii_alphabetic()),
            b"alpha" => ByteSet::of(|byte| byte.is_ascii_alphabetic()),
            b"lower" => ByteSet::of(|byte| byte.is_ascii_lowercase()),
            b"upper" => ByteSet::of(|byte| byte.is_ascii_uppercase()),
            b"alnum" => ByteSet::of(|byte| byte.is_ascii_alphanumeric()),
            b"ascii" => ByteSet::of(|byte| byte.is_ascii()),
            b"blank" => ByteSet::of(|byte| matches!(byte, b' ' | b'\t')),
            b"cntrl" => ByteSet::of(|byte| byte.is_ascii_control()),
            b"digit" => ByteSet::of(|byte| byte.is_ascii_digit()),
            b"graph" => ByteSet::of(|byte| byte.is_ascii_graphic()),
            b"print" => ByteSet::of(|byte| byte == b' ' || byte.is_ascii_graphic()),
            b"punct" => ByteSet::of(|byte| byte.is_ascii_punctuation()),
            b"space" => ByteSet::of(is_space),
            b"word" => ByteSet::of(is_word),
            b"xdigit" => ByteSet::of(|byte| byte.is_ascii_hexdigit()),
            _ => return Err(self.malformed("unknown POSIX class", start)),
        };
        self.at = after;
        Ok(if negated { set.negated() } else { set })
    }
}
