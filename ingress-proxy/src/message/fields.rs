//! Header and trailer fields that have been checked.

use std::fmt;
use std::ops::Range;

use ingress_core::request::{HeaderFields, Marks};

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
    /// Whether the text has the line just as it is written: one space, and nothing else around name and value.
    is_line: bool,
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
        self.list.push(Span { name, value, known, is_line: false });
    }

    /// Copies the lines of a head, all fields at once, after [`mark`](Self::mark) has said where in them the fields are.
    pub(crate) fn load(&mut self, lines: &[u8]) {
        self.text.clear();
        self.text.extend_from_slice(lines);
    }

    /// Adds a field whose bytes have been looked at and stand at these places of lines that will be loaded. `is_line` says that
    /// there is one space between them and the line end behind.
    pub(crate) fn mark(&mut self, known: Known, name: Range<usize>, value: Range<usize>, is_line: bool) {
        self.list.push(Span { name, value, known, is_line });
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
            let end = span.value.end + "\r\n".len();
            if span.is_line && span.name.start == run.end {
                run.end = end;
                continue;
            }
            out.extend_from_slice(self.slice(&run));
            run = if span.is_line {
                span.name.start..end
            } else {
                encode::field(out, name, self.slice(&span.value));
                0..0
            };
        }
        out.extend_from_slice(self.slice(&run));
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

    fn marks(&self) -> Marks<'_> {
        let mut marks = Marks::default();
        for span in &self.list {
            match span.known {
                Known::Host => {
                    marks.has_two_hosts |= marks.host.is_some();
                    marks.host = marks.host.or_else(|| Some(self.slice(&span.value)));
                }
                Known::ContentLength => marks.lengths += 1,
                Known::TransferEncoding => marks.codings += 1,
                _ => {}
            }
        }
        marks
    }
}
