//! Header and trailer fields that have been checked.

use std::fmt;
use std::ops::Range;

use ingress_core::request::HeaderFields;

use super::{Known, is_field_value, is_token};
use crate::h1::encode;

/// Fields in the order in which they came; reused from message to message, so that it does not allocate for long.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    /// Names and values, and whatever stood between them.
    text: Vec<u8>,
    list: Vec<Span>,
}

#[derive(Clone, Debug)]
struct Span {
    name: Range<usize>,
    value: Range<usize>,
    known: Known,
}

/// A field that no message may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidField {
    /// The name is no token (RFC 9110 5.1).
    Name,
    /// The value has a byte that no value may have (RFC 9110 5.5).
    Value,
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "field-name",
            Self::Value => "field-value",
        })
    }
}

impl std::error::Error for InvalidField {}

impl Fields {
    /// Forgets all fields and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.list.clear();
    }

    /// How many bytes of memory it holds, used or not.
    pub(crate) fn memory(&self) -> usize {
        self.text.capacity() + self.list.capacity() * size_of::<Span>()
    }

    /// Adds a field. White space around the value must have been removed.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] for what no message may have; nothing is added.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), InvalidField> {
        if !is_token(name) {
            return Err(InvalidField::Name);
        }
        if !is_field_value(value) {
            return Err(InvalidField::Value);
        }
        self.push_checked(Known::of(name), name, value);
        Ok(())
    }

    /// Adds a field whose bytes have been looked at.
    pub(crate) fn push_checked(&mut self, known: Known, name: &[u8], value: &[u8]) {
        let name = self.append(name);
        let value = self.append(value);
        self.list.push(Span { name, value, known });
    }

    /// Copies the lines of a head, all fields at once, after [`mark`](Self::mark) has said where in them the fields are.
    pub(crate) fn load(&mut self, lines: &[u8]) {
        self.text.clear();
        self.text.extend_from_slice(lines);
    }

    /// Adds a field whose bytes have been looked at and stand at these places of lines that will be loaded.
    pub(crate) fn mark(&mut self, known: Known, name: Range<usize>, value: Range<usize>) {
        self.list.push(Span { name, value, known });
    }

    fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.text.len();
        self.text.extend_from_slice(bytes);
        start..self.text.len()
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.text.get(range.clone()).unwrap_or_default()
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The fields with their names as they were written.
    pub fn iter(&self) -> impl Iterator<Item = (Known, &[u8], &[u8])> {
        self.list.iter().map(|span| (span.known, self.slice(&span.name), self.slice(&span.value)))
    }

    /// Appends fields as lines of HTTP/1, but for those of which the question is answered with yes. Lines that came just as they
    /// are written are copied together.
    pub(crate) fn append_lines(&self, out: &mut Vec<u8>, mut is_left_out: impl FnMut(Known, &[u8]) -> bool) {
        let mut run = 0..0;
        for span in &self.list {
            let name = self.slice(&span.name);
            if is_left_out(span.known, name) {
                continue;
            }
            let line = self.line(span);
            if let Some(line) = line.clone().filter(|line| line.start == run.end) {
                run.end = line.end;
                continue;
            }
            out.extend_from_slice(self.slice(&run));
            run = line.unwrap_or_else(|| {
                encode::field(out, name, self.slice(&span.value));
                0..0
            });
        }
        out.extend_from_slice(self.slice(&run));
    }

    /// Where the field's line is, if it is written with one space and nothing else around name and value.
    fn line(&self, span: &Span) -> Option<Range<usize>> {
        let behind_name = self.text.get(span.name.end..span.value.start)?;
        let behind_value = self.text.get(span.value.end..)?;
        (behind_name == b": " && behind_value.starts_with(b"\r\n")).then(|| span.name.start..span.value.end + 2)
    }

    /// The values of a field.
    pub fn all(&self, known: Known) -> impl Iterator<Item = &[u8]> {
        self.list.iter().filter(move |span| span.known == known).map(|span| self.slice(&span.value))
    }

    /// The first value of a field.
    #[must_use]
    pub fn first(&self, known: Known) -> Option<&[u8]> {
        self.all(known).next()
    }

    /// The values of a field by any name, without regard to case.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(_, other, _)| other.eq_ignore_ascii_case(name.as_bytes())).map(|(_, _, value)| value)
    }

    /// Removes the fields for which the question is answered with yes.
    pub fn remove_if(&mut self, mut question: impl FnMut(Known, &[u8], &[u8]) -> bool) {
        let Self { text, list } = self;
        let slice = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
        list.retain(|span| !question(span.known, slice(&span.name), slice(&span.value)));
    }
}

impl HeaderFields for Fields {
    fn field(&self, number: usize) -> Option<(&[u8], &[u8])> {
        let span = self.list.get(number)?;
        Some((self.slice(&span.name), self.slice(&span.value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_what_each_field_is_written_as() {
        let mut fields = Fields::default();
        let lines = b"A: 1\r\nB:2\r\nC:  3\r\nD: 4 \r\nE: \r\nF_: 6\r\nG: 7\r\nH: 8\r\nI:\r\n\r\n";
        for (name, value) in [
            (0..1, 3..4),
            (6..7, 8..9),
            (11..12, 15..16),
            (18..19, 21..22),
            (25..26, 28..28),
            (37..38, 40..41),
            (43..44, 46..47),
            (49..50, 51..51),
        ] {
            fields.mark(Known::Other, name, value);
        }
        fields.load(lines);
        fields.push(b"J", b"10").unwrap();
        for left_out in ["", "A", "B", "D", "E", "G", "H", "I", "J", "AGJ"] {
            let is_left_out = |name: &[u8]| left_out.as_bytes().contains(&name[0]);
            let (mut out, mut expected) = (b"|".to_vec(), b"|".to_vec());
            fields.append_lines(&mut out, |_, name| is_left_out(name));
            for (_, name, value) in fields.iter().filter(|(_, name, _)| !is_left_out(name)) {
                encode::field(&mut expected, name, value);
            }
            assert_eq!(String::from_utf8(out).unwrap(), String::from_utf8(expected).unwrap(), "without `{left_out}`");
        }
    }
}
