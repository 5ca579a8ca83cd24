//! What fields say about the message that they come with: its framing and its connection.

use super::field_lines::is_blank;
use crate::message::{Fields, Known, Rejection, Version, is_token};

/// Gathered field by field. What is ambiguous is refused at once.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Whether there is a Host field.
    pub(super) has_host: bool,
    /// What `Content-Length` says.
    pub(super) length: Option<u64>,
    /// Whether `Transfer-Encoding` says `chunked`.
    pub(super) is_chunked: bool,
    /// Whether there is an `Expect`.
    pub(super) has_expectation: bool,
    /// Whether there is an `Expect` of anything but `100-continue`.
    pub(super) has_other_expectation: bool,
    /// Whether there is a `Connection`.
    has_connection: bool,
}

/// What `Connection` says (RFC 9110 7.6.1).
#[derive(Debug, Default)]
pub(super) struct Connection {
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    pub(super) upgrade: bool,
}

impl Facts {
    pub(super) fn note(&mut self, known: Known, value: &[u8], version: Version) -> Result<(), Rejection> {
        match known {
            Known::Host => {
                if self.has_host {
                    return Err(Rejection::Host);
                }
                self.has_host = true;
            }
            Known::ContentLength => {
                if self.length.is_some() || self.is_chunked {
                    return Err(Rejection::Length);
                }
                self.length = Some(length(value).ok_or(Rejection::Length)?);
            }
            Known::TransferEncoding => {
                if self.length.is_some() {
                    return Err(Rejection::Length);
                }
                if self.is_chunked || version != Version::Http11 || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Rejection::TransferEncoding);
                }
                self.is_chunked = true;
            }
            Known::Expect => {
                self.has_expectation = true;
                self.has_other_expectation |= !value.eq_ignore_ascii_case(b"100-continue");
            }
            Known::Connection => self.has_connection = true,
            _ => {}
        }
        Ok(())
    }

    /// Reads `Connection` and removes the fields that it names, of those that the proxy does not act upon.
    ///
    /// Others stay, whoever names them: those of a hop are never passed on anyway, and the rest are no matter of one
    /// connection. Proxies in front pass `Connection` on as it came, so a client could otherwise make us forget the
    /// `X-Forwarded-For` that such a proxy has added, or the length of its message. An element that is no token is no name of a field
    /// and is skipped, as other servers do.
    pub(super) fn connection(&self, fields: &mut Fields, most: usize) -> Result<Connection, Rejection> {
        let mut found = Connection::default();
        if !self.has_connection {
            return Ok(found);
        }
        let mut named: Vec<Box<[u8]>> = Vec::new();
        for element in fields.all(Known::Connection).flat_map(elements) {
            if element.eq_ignore_ascii_case(b"keep-alive") {
                found.keep_alive = true;
            } else if element.eq_ignore_ascii_case(b"close") {
                found.close = true;
            } else if element.eq_ignore_ascii_case(b"upgrade") {
                found.upgrade = true;
            } else if is_token(element) && Known::of(element) == Known::Other {
                if named.len() == most {
                    return Err(Rejection::TooLarge);
                }
                named.push(element.into());
            }
        }
        if !named.is_empty() {
            let is_named = |name: &[u8]| named.iter().any(|named| named.eq_ignore_ascii_case(name));
            fields.remove_if(|known, name, _| known == Known::Other && is_named(name));
        }
        Ok(found)
    }
}

impl Connection {
    /// Whether it stays open, as far as this side is asked.
    pub(super) fn is_kept(&self, version: Version) -> bool {
        !self.close && (self.keep_alive || version == Version::Http11)
    }
}

/// The elements of a list, without the white space around them.
fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',').map(|element| {
        let mut element = element;
        while let [first, rest @ ..] = element
            && is_blank(*first)
        {
            element = rest;
        }
        while let [rest @ .., last] = element
            && is_blank(*last)
        {
            element = rest;
        }
        element
    })
}

/// Digits alone, so few that they cannot overflow.
fn length(value: &[u8]) -> Option<u64> {
    if !(1..=19).contains(&value.len()) {
        return None;
    }
    value.iter().try_fold(0_u64, |length, byte| {
        byte.is_ascii_digit().then(|| length.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')))
    })
}
