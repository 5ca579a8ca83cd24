//! Reads a stream of YAML or JSON documents into located trees, within limits.
//!
//! One broken document costs that document only, so the stream is cut into documents here, at the lines the YAML
//! specification reserves for it, and the parser never has to recover. Nothing is known here about Kubernetes
//! objects; files are not opened.

mod pieces;
mod reader;

use super::tree::{Node, Span};
use pieces::{Documents, JsonObjects, Piece};
use reader::Reader;
use std::sync::Arc;

/// How much a text may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The bytes of the text, and those of the strings in one document after alias expansion.
    pub bytes: usize,
    /// The documents that are not empty.
    pub documents: usize,
    /// The values in one document after alias expansion.
    pub nodes: usize,
    /// How deep lists and mappings may be nested after alias expansion.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 256 << 20, documents: 1_000_000, nodes: 4_000_000, depth: 100 }
    }
}

/// Something that keeps a document from being read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What sort of problem it is.
    pub kind: ProblemKind,
    /// Where it is.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// Another place that belongs to it, and what that place is.
    pub related: Option<(Span, String)>,
    /// What to do about it.
    pub help: Option<String>,
}

/// The sorts of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The text is not YAML, or it is YAML that has no JSON form.
    Syntax,
    /// A mapping has the same key twice.
    DuplicateKey,
    /// A limit was exceeded.
    TooLarge,
}

/// What was read from a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stream {
    /// The documents without problems, in source order; empty ones and `null` are left out, as `kubectl` does.
    pub documents: Vec<Arc<Node>>,
    /// The problems of the other documents, in the order they were found.
    pub problems: Vec<Problem>,
}

/// Reads every document of `text`.
pub fn parse(text: &str, limits: &Limits) -> Stream {
    let mut stream = Stream::default();
    let whole = Piece { text, start: 0, line: 0, column: 0 };
    if text.len() > limits.bytes {
        stream.problems.push(too_large(whole.beginning(), format!("the text is larger than {} bytes", limits.bytes)));
        return stream;
    }
    let mut room = limits.documents;
    for document in (Documents { rest: whole }) {
        let read = Reader::read(document, limits);
        // `kubectl get -o json` twice gives two objects with nothing between them; what is valid YAML is never cut
        let mut objects = JsonObjects { rest: document };
        let going_on = if !read.problems.is_empty() && objects.are_several() {
            objects.all(|object| stream.add(Reader::read(object, limits), &mut room, limits))
        } else {
            stream.add(read, &mut room, limits)
        };
        if !going_on {
            break;
        }
    }
    stream
}

impl Stream {
    /// Takes over what was read from a document, unless there are too many of them.
    fn add(&mut self, read: Reader<'_>, room: &mut usize, limits: &Limits) -> bool {
        if read.roots.is_empty() && read.problems.is_empty() {
            return true;
        }
        let Some(left) = room.checked_sub(1) else {
            let message = format!("there are more than {} documents", limits.documents);
            self.problems.push(too_large(read.piece.beginning(), message));
            return false;
        };
        *room = left;
        if read.problems.is_empty() {
            self.documents.extend(read.roots);
        }
        self.problems.extend(read.problems);
        true
    }
}

fn too_large(span: Span, message: String) -> Problem {
    Problem { kind: ProblemKind::TooLarge, span, message, related: None, help: None }
}

#[cfg(test)]
mod tests;
