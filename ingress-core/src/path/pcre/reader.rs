//! Reading a pattern byte by byte, and naming places in it.

use super::Unsupported;
use super::translator::Translator;

/// The largest count of a quantifier.
const REPEAT_LIMIT: u32 = 65_535;

impl<'p> Translator<'p> {
    /// What is left of the pattern.
    pub(super) fn rest(&self) -> &'p [u8] {
        self.pattern.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The next byte.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// Takes the next byte.
    pub(super) fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// Takes a text if it comes next.
    pub(super) fn take(&mut self, text: &[u8]) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// Skips what stands for nothing, even between an item and its quantifier: the ends of quotations, comments, and
    /// blanks of the extended syntax.
    pub(super) fn skip_ignored(&mut self) -> Result<(), Unsupported> {
        loop {
            let start = self.at;
            if self.quoted {
                if !self.take(br"\E") {
                    return Ok(());
                }
                self.quoted = false;
            } else if self.take(br"\Q") {
                self.quoted = true;
            } else if self.take(br"\E") {
                // The end of nothing.
            } else if self.take(b"(?#") {
                if !self.skip_past(b')') {
                    return Err(self.malformed("comment that is not closed", start));
                }
            } else {
                match self.peek() {
                    // 0x85 is a blank too, though it may be a part of a character: PCRE knows no characters here.
                    Some(b'\t'..=b'\r' | b' ' | 0x85) if self.flags.extended => self.at += 1,
                    Some(b'#') if self.flags.extended => {
                        self.skip_past(b'\n');
                    }
                    _ => return Ok(()),
                }
            }
        }
    }

    /// Skips to behind a byte, or to the end if it does not come.
    fn skip_past(&mut self, byte: u8) -> bool {
        let length = self.rest().iter().position(|other| *other == byte);
        self.at = length.map_or(self.pattern.len(), |length| self.at + length + 1);
        length.is_some()
    }

    /// The counts behind the brace at `start`, or nothing and no move if the brace stands for itself.
    pub(super) fn counts(&mut self, start: usize) -> Result<Option<(u32, Option<u32>)>, Unsupported> {
        let rest = self.pattern.get(self.at..).unwrap_or_default();
        let Some(counts) = rest.split(|c: char| c != ',' && !c.is_ascii_digit()).next() else { return Ok(None) };
        let closed = rest.as_bytes().get(counts.len()) == Some(&b'}');
        let (min, max) = counts.split_once(',').map_or((counts, None), |(min, max)| (min, Some(max)));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !closed || min.is_empty() || !max.is_none_or(digits) {
            return Ok(None);
        }
        let number = |text: &str| {
            let number = text.parse().ok().filter(|number| *number <= REPEAT_LIMIT);
            number.ok_or_else(|| self.malformed("quantifier above 65535", start))
        };
        let min = number(min)?;
        let max = match max {
            None => Some(min),
            Some("") => None,
            Some(max) => Some(number(max)?),
        };
        if max.is_some_and(|max| max < min) {
            return Err(self.malformed("quantifier with its numbers out of order", start));
        }
        self.at += counts.len() + 1;
        Ok(Some((min, max)))
    }

    /// The place of a byte, counted in characters from 1.
    pub(super) fn column(&self, at: usize) -> usize {
        self.pattern.char_indices().take_while(|(start, _)| *start <= at).count()
    }

    /// The error for what no engine in linear time has.
    pub(super) fn unsupported(&self, name: &'static str, start: usize, end: usize) -> Unsupported {
        let written = self.pattern.as_bytes().get(start..end).unwrap_or_default();
        let written = String::from_utf8_lossy(written).into();
        Unsupported::Construct { name, written, column: self.column(start) }
    }

    /// The error for what PCRE does not accept.
    pub(super) fn malformed(&self, message: &'static str, at: usize) -> Unsupported {
        Unsupported::Malformed { message, column: self.column(at) }
    }
}
