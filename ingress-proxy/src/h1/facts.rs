//! What fields say about the message that they come with: its framing and its connection.

use super::field_lines::is_blank;
use crate::message::{Fields, Known, Rejection, Version, is_token, is_word};

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
    /// Whether there is a `Date`.
    pub(super) has_date: bool,
    /// What `Connection` says, as far as it was one word.
    connection: Connection,
    /// Whether there is a `Connection` of anything else.
    has_list: bool,
}

/// What `Connection` says (RFC 9110 7.6.1).
#[derive(Clone, Copy, Debug, Default)]
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
                if self.is_chunked || version != Version::Http11 || !is_word(value, b"chunked") {
                    return Err(Rejection::TransferEncoding);
                }
                self.is_chunked = true;
            }
            Known::Expect => {
                self.has_expectation = true;
                self.has_other_expectation |= !is_word(value, b"100-continue");
            }
            Known::Date => self.has_date = true,
            Known::Connection => {
                self.has_list |= !self.connection.note(value);
            }
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
        let mut found = self.connection;
        if !self.has_list {
            return Ok(found);
        }
        let mut named: Vec<Box<[u8]>> = Vec::new();
        for element in fields.all(Known::Connection).flat_map(elements) {
            if !found.note(element) && is_token(element) && Known::of(element) == Known::Other {
                if named.len() == most {
                    return Err(Rejection::TooLarge);
                }
                named.push(element.into());
            }
        }
        if !named.is_empty() {
            let is_named = |name: &[u8]| named.iter().any(|named| named.eq_ignore_ascii_case(name));
            fields.remove_if(|_, name, _| is_named(name));
        }
        Ok(found)
    }
}

impl Connection {
    /// Whether an element is one of the words.
    fn note(&mut self, element: &[u8]) -> bool {
        let is_close = is_word(element, b"close");
        let is_keep_alive = is_word(element, b"keep-alive");
        let is_upgrade = is_word(element, b"upgrade");
        self.close |= is_close;
        self.keep_alive |= is_keep_alive;
        self.upgrade |= is_upgrade;
        is_close || is_keep_alive || is_upgrade
    }

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
