//! The wire format of HTTP/1, without a socket and without a clock.
//!
//! Heads and bodies are read strictly: where RFC 9112 lets a recipient be lenient this one is not, because what two servers
//! read in two ways is how requests are smuggled. What is written is made of checked values and framed anew. Bytes come in
//! slices of whatever size; the outcome does not depend on how they were cut. Source: RFC 9112.

mod body;
mod chunk;
pub mod encode;
mod facts;
mod field_lines;
mod head;
mod section;
mod start_line;

pub use self::body::{Decoder, Step};
pub use self::encode::Writing;
pub use self::head::HeadParser;
pub(crate) use self::start_line::request as request_line;

use crate::config::Downstream;

/// How great a head may be, and what is kept of it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Limits {
    /// The greatest head in bytes.
    pub head: usize,
    /// The most fields.
    pub fields: usize,
    /// The greatest request target in bytes.
    pub target: usize,
    /// Whether request fields with an underscore in the name are kept.
    pub underscores: bool,
}

impl From<&Downstream> for Limits {
    fn from(settings: &Downstream) -> Self {
        Self {
            head: settings.max_head,
            fields: settings.max_fields,
            target: settings.max_target,
            underscores: settings.underscores_in_headers,
        }
    }
}
