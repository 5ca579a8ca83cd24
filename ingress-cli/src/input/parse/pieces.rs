//! Cuts a text into its documents, and knows where each part of it stands in the whole.

use crate::input::tree::Span;
use granit_parser::Marker;

/// A part of the source that knows where it begins.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    /// Bytes before it.
    pub(super) start: usize,
    /// Lines before it.
    pub(super) line: usize,
    /// Characters before it on its first line.
    pub(super) column: usize,
}

impl<'a> Piece<'a> {
    /// Cuts the piece before the byte `at`, or at its end.
    fn cut(self, at: usize) -> (Self, Self) {
        let (head, tail) = self.text.split_at_checked(at).unwrap_or((self.text, ""));
        let returns = head.matches('\r').count();
        let pairs = if returns == 0 { 0 } else { head.matches("\r\n").count() };
        let lines = head.matches('\n').count() + returns - pairs;
        let last_line = head.rsplit(['\n', '\r']).next().unwrap_or(head).chars().count();
        let column = if lines == 0 { self.column + last_line } else { last_line };
        let rest = Self { text: tail, start: self.start + head.len(), line: self.line + lines, column };
        (Self { text: head, ..self }, rest)
    }

    fn without_space(self) -> Self {
        let space = self.text.len() - self.text.trim_start_matches([' ', '\t', '\r', '\n']).len();
        self.cut(space).1
    }

    pub(super) fn beginning(&self) -> Span {
        self.locate((1, 0), 0, 0)
    }

    /// Turns what the parser says about this piece (line from 1, column from 0, bytes) into a place in the source.
    fn locate(&self, (line, column): (usize, usize), from: usize, to: usize) -> Span {
        let column = if line <= 1 { column + self.column } else { column };
        let from = self.boundary(from);
        let to = self.boundary(to).max(from);
        Span {
            line: u32::try_from(line.max(1) + self.line).unwrap_or(u32::MAX),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
            start: self.start + from,
            end: self.start + to,
        }
    }

    pub(super) fn locate_span(&self, place: &granit_parser::Span) -> Span {
        let (from, to) = (&place.start, &place.end);
        let end = self.text.len();
        self.locate((from.line(), from.col()), from.byte_offset().unwrap_or(end), to.byte_offset().unwrap_or(end))
    }

    /// The character at which the parser gave up.
    pub(super) fn locate_error(&self, at: &Marker) -> Span {
        let from = at.byte_offset().unwrap_or(self.text.len());
        let wrong = self.text.get(from..).and_then(|rest| rest.chars().next()).filter(|char| !char.is_control());
        self.locate((at.line(), at.col()), from, from + wrong.map_or(0, char::len_utf8))
    }

    pub(super) fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start.saturating_sub(self.start)..span.end.saturating_sub(self.start)).unwrap_or_default()
    }

    /// The part of the piece before a span.
    fn before(&self, span: Span) -> &'a str {
        self.text.get(..span.start.saturating_sub(self.start)).unwrap_or_default()
    }

    pub(super) fn line_of(&self, span: Span) -> &'a str {
        let from = self.before(span).rfind('\n').map_or(0, |before| before + 1);
        self.text.get(from..).and_then(|rest| rest.lines().next()).unwrap_or_default()
    }

    /// Without the line ends after a block scalar.
    pub(super) fn trimmed(&self, span: Span) -> Span {
        Span { end: span.start + self.slice(span).trim_end().len(), ..span }
    }

    /// With the first dash of a list that is not indented more than its key: the parser starts it after the dash.
    pub(super) fn with_dash(&self, span: Span) -> Span {
        let before = self.before(span).trim_end_matches([' ', '\t']);
        let Some(before) = before.strip_suffix('-') else { return span };
        let moved = span.start - self.start - before.len();
        let column = u32::try_from(moved).map_or(span.column, |moved| span.column.saturating_sub(moved));
        Span { start: span.start - moved, column, ..span }
    }

    /// The last character boundary not after `at`.
    fn boundary(&self, at: usize) -> usize {
        (0..=at.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0)
    }
}

/// Cuts a stream at `---` and `...` lines. Neither can be content: not in a block scalar, where lines are indented,
/// and not in a quoted one, where YAML forbids them.
pub(super) struct Documents<'a> {
    pub(super) rest: Piece<'a>,
}

impl<'a> Iterator for Documents<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.rest.text.is_empty() {
            return None;
        }
        let (document, rest) = self.rest.cut(document_len(self.rest.text));
        self.rest = rest;
        let mark = if document.text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
        // the mark has no width
        Some(Piece { column: 0, ..document.cut(mark).1 })
    }
}

const BYTE_ORDER_MARK: char = '\u{feff}';

/// The bytes up to the end of the first document. Directives and comments before `---` belong to what follows it.
fn document_len(text: &str) -> usize {
    let is_marker = |line: &str, marker: &str| {
        line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
    };
    let mut begun = false;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if is_marker(line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line), "---") {
            if begun {
                return at;
            }
            begun = true;
        } else if is_marker(line, "...") {
            return at + line.len();
        } else if !begun {
            let content = line.trim_start();
            begun = !(content.is_empty() || content.starts_with('#') || line.starts_with('%'));
        }
        at += line.len();
    }
    at
}

/// Cuts JSON objects apart that stand one after another. What is not such an object ends the cutting.
pub(super) struct JsonObjects<'a> {
    pub(super) rest: Piece<'a>,
}

impl JsonObjects<'_> {
    pub(super) fn are_several(&self) -> bool {
        let mut objects = Self { rest: self.rest };
        objects.next().is_some() && objects.next().is_some()
    }
}

impl<'a> Iterator for JsonObjects<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let here = self.rest.without_space();
        if here.text.is_empty() {
            return None;
        }
        let cut = json_object_len(here.text).map(|len| here.cut(len));
        match cut.map(|(object, rest)| (object, rest.without_space())) {
            Some((object, rest)) if rest.text.starts_with('{') => {
                self.rest = rest;
                Some(object)
            }
            _ => {
                self.rest = Piece { text: "", ..here };
                Some(here)
            }
        }
    }
}

/// The bytes of the JSON object that `text` starts with, if its braces are balanced.
fn json_object_len(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' => depth += 1,
            b'}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return if at == 0 { None } else { Some(at + 1) };
        }
    }
    None
}
