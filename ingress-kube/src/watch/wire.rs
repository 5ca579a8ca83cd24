//! The two forms of answers: a page of a list, and the lines of a watch.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::{Failure, Reason};
use crate::convert::{self, Item};
use crate::resource::Form;

/// The longest line of a watch: an object has at most a few MiB.
const MAX_LINE: usize = 64 << 20;

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    /// What to ask for the next page with; empty on the last one.
    pub(crate) token: Box<str>,
    /// Where to watch from.
    pub(crate) place: Box<str>,
}

#[derive(Deserialize)]
struct WireList<'a> {
    #[serde(default)]
    metadata: ListMetadata,
    #[serde(default, borrow)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    #[serde(default)]
    resource_version: Option<Box<str>>,
    #[serde(default, rename = "continue")]
    token: Option<Box<str>>,
}

impl Page {
    pub(crate) fn read(text: &str, form: Form) -> Result<Self, Failure> {
        let list: WireList<'_> = serde_json::from_str(text).map_err(|error| not_understood("a list", &error))?;
        let WireList { metadata: ListMetadata { resource_version, token }, items } = list;
        let place = resource_version.unwrap_or_default();
        if place.is_empty() {
            return Err(Failure::new(Reason::Malformed, "a list without a resourceVersion"));
        }
        let items = items.unwrap_or_default().into_iter().map(|raw| convert::item(form, raw)).collect();
        Ok(Self { items, token: token.unwrap_or_default(), place })
    }
}

/// A line of a watch.
#[derive(Debug)]
pub(crate) enum Frame {
    Applied(Item),
    Deleted(Item),
    /// Nothing happened up to here.
    Bookmark(Box<str>),
    Failed(Failure),
}

#[derive(Deserialize)]
struct WireEvent<'a> {
    #[serde(rename = "type", borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    object: &'a RawValue,
}

impl Frame {
    pub(crate) fn read(line: &[u8], form: Form) -> Result<Self, Failure> {
        let event: WireEvent<'_> = serde_json::from_slice(line).map_err(|error| not_understood("an event", &error))?;
        let item = |form| {
            let item = convert::item(form, event.object);
            if item.revision.version.is_empty() {
                return Err(Failure::new(Reason::Malformed, "an event without a resourceVersion"));
            }
            Ok(item)
        };
        match &*event.event_type {
            "ADDED" | "MODIFIED" => Ok(Self::Applied(item(form)?)),
            "DELETED" => Ok(Self::Deleted(item(Form::Metadata)?)),
            "BOOKMARK" => Ok(Self::Bookmark(item(Form::Metadata)?.revision.version)),
            "ERROR" => Ok(Self::Failed(Failure::from_status(event.object.get()))),
            other => Err(Failure::new(Reason::Malformed, &format!("an event of type `{other}`"))),
        }
    }
}

fn not_understood(what: &str, error: &serde_json::Error) -> Failure {
    // The error names a place and what was expected there, and quotes nothing longer than a word.
    Failure::new(Reason::Malformed, &format!("{what} that cannot be read: {error}"))
}

/// Puts lines together from pieces.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    bytes: Vec<u8>,
    /// How far it is known that there is no line break.
    searched: usize,
    /// Where the next line begins.
    start: usize,
}

impl Lines {
    /// Takes a piece.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), Failure> {
        self.bytes.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        if self.bytes.len() + piece.len() > MAX_LINE {
            return Err(Failure::new(Reason::Malformed, "an event that is too long"));
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// The next line that is complete.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let rest = self.bytes.get(self.searched..)?;
            let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.bytes.len();
                return None;
            };
            let end = self.searched + length;
            let line = self.bytes.get(self.start..end)?.trim_ascii().to_vec();
            self.start = end + 1;
            self.searched = self.start;
            if !line.is_empty() {
                return Some(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ingress_core::model::WireKind;

    use super::*;
    use crate::convert::Content;

    const FORM: Form = Form::Whole(WireKind::Ingress);

    #[test]
    fn lines_come_in_pieces() {
        let mut lines = Lines::default();
        let mut got = Vec::new();
        for piece in ["{\"a\"", ":1}\n\r\n{\"b", "\":2}\n{\"c\":3}\n", "{\"d\""] {
            lines.push(piece.as_bytes()).unwrap();
            while let Some(line) = lines.next() {
                got.push(String::from_utf8(line).unwrap());
            }
        }
        assert_eq!(got, ["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"]);
        let error = (0..).find_map(|_| lines.push(&[b'x'; 1 << 20]).err()).unwrap();
        assert_eq!(error.reason, Reason::Malformed);
    }

    #[test]
    fn one_bad_object_hides_no_other() {
        let page = Page::read(
            r#"{"metadata": {"resourceVersion": "5", "continue": "x"}, "items": [
            {"metadata": {"name": "a"}, "spec": 3}, 7, {"metadata": {"name": "b"}, "spec": {}}]}"#,
            FORM,
        );
        let page = page.unwrap();
        assert_eq!((&*page.place, &*page.token), ("5", "x"));
        let read: Vec<_> = page.items.iter().map(|item| matches!(item.content, Content::Ingress(..))).collect();
        assert_eq!(read, [false, false, true]);
        for text in ["", "[]", r#"{"items": []}"#, r#"{"metadata": {"resourceVersion": "1"}, "items": 3}"#] {
            assert_eq!(Page::read(text, FORM).unwrap_err().reason, Reason::Malformed, "{text}");
        }
    }

    #[test]
    fn events() {
        let read = |event_type: &str, object: &str| {
            Frame::read(format!(r#"{{"type": "{event_type}", "object": {object}}}"#).as_bytes(), FORM)
        };
        let object = r#"{"metadata": {"name": "a", "resourceVersion": "8"}, "spec": {}}"#;
        assert!(matches!(read("ADDED", object), Ok(Frame::Applied(_))));
        assert!(matches!(read("MODIFIED", object), Ok(Frame::Applied(_))));
        assert!(matches!(read("DELETED", object), Ok(Frame::Deleted(_))));
        assert!(matches!(read("BOOKMARK", object), Ok(Frame::Bookmark(version)) if &*version == "8"));
        let gone = read("ERROR", r#"{"code": 410, "message": "too old"}"#);
        assert!(matches!(gone, Ok(Frame::Failed(failure)) if failure.reason == Reason::Expired));
        for (event_type, object) in [("CHANGED", object), ("ADDED", "{}"), ("ADDED", "3")] {
            assert_eq!(read(event_type, object).unwrap_err().reason, Reason::Malformed);
        }
        assert!(Frame::read(b"{\"type\"", FORM).is_err());
    }
}
