//! Heads of requests and responses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::facts::{Connection, Facts};
use super::field_lines::{self, Underscores};
use super::section::Section;
use super::{Limits, start_line};
use crate::message::{Fields, Framing, Known, Rejection, RequestHead, ResponseHead, Version, is_token_byte, is_word};

/// Reads one head after the other from one connection.
///
/// It remembers how far an incomplete head has been looked at, so that one that arrives byte by byte costs linear time.
#[derive(Debug, Default)]
pub struct HeadParser {
    section: Section,
}

impl HeadParser {
    /// Reads the head of a request at the beginning of `input`; how many bytes it has once it is complete. Until then it is
    /// to be called again with more behind the same bytes.
    ///
    /// # Errors
    ///
    /// [`Rejection`] says why it is refused. What follows cannot be understood then.
    pub fn request(
        &mut self,
        input: &[u8],
        limits: &Limits,
        head: &mut RequestHead,
    ) -> Result<Option<usize>, Rejection> {
        // One empty line before a request is a habit of old clients (RFC 9112 2.2).
        let (blank, rest) = match input {
            [] | b"\r" | b"\r\n" => return Ok(None),
            [b'\r', b'\n', rest @ ..] => (2, rest),
            _ => (0, input),
        };
        match rest {
            [first, ..] if is_token_byte(*first) => {}
            [b'\r' | b'\n', ..] => return Err(Rejection::LineEnd),
            _ => return Err(Rejection::StartLine),
        }
        let limit = limits.head.saturating_sub(blank);
        let length = self.read(rest, limit, |block| read_request(block, limits, head))?;
        Ok(length.map(|length| blank + length))
    }

    /// Reads the head of a response, as [`request`](Self::request) does; `to_head` says that it answers HEAD.
    ///
    /// `Content-Length` stays among the fields, so that one that declares what HEAD or 304 leave out can be told.
    ///
    /// # Errors
    ///
    /// [`Rejection`] says why it is refused.
    pub fn response(
        &mut self,
        input: &[u8],
        limits: &Limits,
        to_head: bool,
        head: &mut ResponseHead,
    ) -> Result<Option<usize>, Rejection> {
        // Whatever else speaks on this port may never send a line end.
        if input.iter().zip(b"HTTP/").any(|(byte, expected)| byte != expected) {
            return Err(Rejection::StartLine);
        }
        self.read(input, limits.head, |block| read_response(block, limits, to_head, head))
    }

    /// Reads a head once it is known to be complete. `read` says how many bytes it has.
    fn read(
        &mut self,
        bytes: &[u8],
        limit: usize,
        mut read: impl FnMut(&[u8]) -> Result<usize, Rejection>,
    ) -> Result<Option<usize>, Rejection> {
        // Most heads come in one piece and are in order. Whatever else this attempt comes to is forgotten: what is said of a
        // head must not depend on how it was cut.
        if self.section.is_new()
            && let Ok(length) = read(bytes.get(..limit).unwrap_or(bytes))
        {
            return Ok(Some(length));
        }
        let outcome = self.section.end(bytes, limit);
        if matches!(outcome, Ok(None)) {
            return Ok(None);
        }
        let section = std::mem::take(&mut self.section);
        match outcome {
            Ok(Some(length)) => read(bytes.get(..length).unwrap_or_default()).map(Some),
            Err(Rejection::TooLarge) if section.is_in_first_line() => Err(Rejection::TargetTooLong),
            outcome => outcome,
        }
    }
}

fn read_request(block: &[u8], limits: &Limits, head: &mut RequestHead) -> Result<usize, Rejection> {
    head.clear();
    let start = start_line::request(block, limits, head)?;
    let version = head.version;
    let underscores = if limits.underscores { Underscores::Careful } else { Underscores::Drop };
    let mut facts = Facts::default();
    let lines = block.get(start..).unwrap_or_default();
    let length = field_lines::read(lines, limits.fields, underscores, &mut head.fields, |known, value| {
        facts.note(known, value, version)
    })?;
    if version == Version::Http11 {
        if !facts.has_host {
            return Err(Rejection::Host);
        }
        // A server must ignore it in HTTP/1.0 (RFC 9110 10.1.1).
        if facts.has_other_expectation {
            return Err(Rejection::Expect);
        }
    }
    head.framing = match facts.length {
        _ if facts.is_chunked => Framing::Chunked,
        Some(length) => Framing::Length(length),
        None => Framing::Empty,
    };
    let has_body = !matches!(head.framing, Framing::Empty | Framing::Length(0));
    head.expects_continue = facts.has_expectation && has_body && version == Version::Http11;
    let connection = facts.connection(&mut head.fields, limits.fields)?;
    head.keep_alive = connection.is_kept(version);
    head.websocket = connection.upgrade && !has_body && is_websocket(head);
    Ok(start + length)
}

fn read_response(block: &[u8], limits: &Limits, to_head: bool, head: &mut ResponseHead) -> Result<usize, Rejection> {
    head.clear();
    let start = start_line::response(block, head)?;
    let version = head.version;
    let mut facts = Facts::default();
    let lines = block.get(start..).unwrap_or_default();
    let length =
        field_lines::read(lines, limits.fields, Underscores::Keep, &mut head.fields, |known, value| match known {
            Known::Host => Ok(()),
            known => facts.note(known, value, version),
        })?;
    head.framing = match facts.length {
        _ if to_head || matches!(head.status, 100..200 | 204 | 304) => Framing::Empty,
        _ if facts.is_chunked => Framing::Chunked,
        Some(length) => Framing::Length(length),
        None => Framing::UntilClose,
    };
    head.has_date = facts.has_date;
    let connection: Connection = facts.connection(&mut head.fields, limits.fields)?;
    // After 101 it is no HTTP connection any more.
    head.keep_alive = connection.is_kept(version) && head.framing != Framing::UntilClose && head.status != 101;
    Ok(start + length)
}

/// Whether the fields are those of a WebSocket handshake (RFC 6455 4.2.1), each once.
fn is_websocket(head: &RequestHead) -> bool {
    let only = |known| only(&head.fields, known).unwrap_or_default();
    head.method == b"GET"
        && head.version == Version::Http11
        && is_word(only(Known::Upgrade), b"websocket")
        && only(Known::SecWebSocketVersion) == b"13"
        && is_websocket_key(only(Known::SecWebSocketKey))
}

fn only(fields: &Fields, known: Known) -> Option<&[u8]> {
    let mut values = fields.all(known);
    values.next().filter(|_| values.next().is_none())
}

fn is_websocket_key(value: &[u8]) -> bool {
    let mut key = [0; 18];
    value.len() == 24 && STANDARD.decode_slice(value, &mut key).is_ok_and(|length| length == 16)
}

#[cfg(test)]
mod tests;
