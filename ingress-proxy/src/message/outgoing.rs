//! What is sent, for any version of HTTP to write in its own way.

use super::{Fields, Version};
use crate::h1::encode;

/// Trailer fields.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Trailers {
    /// The fields, without those that no trailer may have.
    pub fields: Fields,
}

/// Names and values that can be gone through.
pub trait EachField {
    /// Calls with each field in order. Names and values are valid; none is hop-by-hop or framing.
    fn each(&self, call: &mut dyn FnMut(&[u8], &[u8]));

    /// Appends the same fields as lines of HTTP/1, for those who have a quicker way to them than one by one.
    fn append_lines(&self, out: &mut Vec<u8>) {
        self.each(&mut |name, value| encode::field(out, name, value));
    }
}

/// No fields.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing in it")]
pub struct NoFields;

impl EachField for NoFields {
    fn each(&self, _: &mut dyn FnMut(&[u8], &[u8])) {}
}

impl EachField for &[(&[u8], &[u8])] {
    fn each(&self, call: &mut dyn FnMut(&[u8], &[u8])) {
        self.iter().for_each(|(name, value)| call(name, value));
    }
}

impl EachField for Fields {
    fn each(&self, call: &mut dyn FnMut(&[u8], &[u8])) {
        self.iter().for_each(|(_, name, value)| call(name, value));
    }

    fn append_lines(&self, out: &mut Vec<u8>) {
        Self::append_lines(self, out, |_, _| false);
    }
}

/// How long a body is that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every way of writing a body has to know all of them")]
pub enum BodyLength {
    /// There is none and nothing is said of a length: 204, 304, requests without a body.
    None,
    /// So many bytes; 0 says so.
    Exact(u64),
    /// A length is declared but no body follows: the answer to HEAD.
    Declared(u64),
    /// Not known.
    Unknown,
}

/// A request to be sent.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "whoever writes a request has to look at every field")]
pub struct OutgoingRequest<'a> {
    /// The version to speak, where there is a choice: HTTP/1.0 or HTTP/1.1.
    pub version: Version,
    /// The method, a token.
    pub method: &'a [u8],
    /// The target: a path with its query, or `*`.
    pub target: &'a [u8],
    /// The Host field or `:authority`; empty for none (HTTP/1.0).
    pub authority: &'a [u8],
    /// All other fields.
    pub fields: &'a dyn EachField,
    /// The body.
    pub body: BodyLength,
    /// Whether a WebSocket is asked for (`Connection: Upgrade`).
    pub websocket: bool,
    /// What `Connection` says, where a setting replaces what the hop needs.
    pub connection: Option<&'a [u8]>,
}

/// A response to be sent.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "whoever writes a response has to look at every field")]
pub struct OutgoingResponse<'a> {
    /// The status.
    pub status: u16,
    /// All fields but those of framing and of the connection.
    pub fields: &'a dyn EachField,
    /// The body.
    pub body: BodyLength,
}

impl std::fmt::Debug for OutgoingRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutgoingRequest").field("body", &self.body).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for OutgoingResponse<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutgoingResponse")
            .field("status", &self.status)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
