//! Where a section of lines ends: a head, or the trailers of a body.

use memchr::memchr;

use crate::message::Rejection;

/// Looks for the empty line that ends a section, and looks at no byte twice.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Section {
    /// Where the current line begins.
    line: usize,
    /// How many bytes have been looked at.
    seen: usize,
}

impl Section {
    /// How many bytes the section has, once it is complete. `bytes` begins as it did in the call before.
    pub(super) fn end(&mut self, bytes: &[u8], limit: usize) -> Result<Option<usize>, Rejection> {
        let window = bytes.get(..limit).unwrap_or(bytes);
        while let Some(offset) = memchr(b'\n', window.get(self.seen..).unwrap_or_default()) {
            let feed = self.seen + offset;
            let line = window.get(self.line..feed).unwrap_or_default();
            if line.last() != Some(&b'\r') {
                return Err(Rejection::LineEnd);
            }
            self.seen = feed + 1;
            if line.len() == 1 {
                return Ok(Some(self.seen));
            }
            self.line = self.seen;
        }
        self.seen = window.len();
        if bytes.len() >= limit { Err(Rejection::TooLarge) } else { Ok(None) }
    }

    /// Whether nothing has been looked at.
    pub(super) fn is_new(&self) -> bool {
        self.seen == 0
    }

    /// Whether the first line is not complete yet.
    pub(super) fn is_in_first_line(&self) -> bool {
        self.line == 0
    }
}
