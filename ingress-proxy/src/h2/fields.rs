//! Fields between `h2`, which has them in a map, and messages, which have them checked and in order.

use std::io;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};

use crate::h1::encode;
use crate::message::{EachField, Fields, InvalidField, Known, Trailers, must_not_trail};

/// What is done about a value that begins or ends with white space, which is malformed (RFC 9113 8.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhiteSpace {
    /// Clients are refused: the next hop might read the value without it, or as two.
    Refuse,
    /// Endpoints are helped: a gRPC message may well end in a space.
    Trim,
}

/// Adds a field, checked by the same rules as in HTTP/1.
pub(super) fn push(fields: &mut Fields, name: &[u8], value: &[u8], space: WhiteSpace) -> Result<(), InvalidField> {
    let trimmed = value.trim_ascii();
    if space == WhiteSpace::Refuse && trimmed.len() != value.len() {
        return Err(InvalidField::Value);
    }
    fields.push(name, trimmed)
}

/// Whether a field speaks of the connection, which no HTTP/2 message may (RFC 9113 8.2.2).
pub(super) fn is_connection_specific(known: Known) -> bool {
    matches!(
        known,
        Known::Connection | Known::KeepAlive | Known::ProxyConnection | Known::TransferEncoding | Known::Upgrade
    )
}

/// Trailers that came. A client is refused for what no trailer may have; of an endpoint's trailers the rest is as good.
pub(super) fn read_trailers(map: &HeaderMap, space: WhiteSpace) -> Result<Option<Trailers>, InvalidField> {
    let mut trailers = Trailers::default();
    for (name, value) in map {
        let name = name.as_str().as_bytes();
        if Known::of_any_spelling(name) == Known::XRequestId {
            // The request has its identifier in the head.
            continue;
        }
        match (must_not_trail(name), space) {
            (false, _) => push(&mut trailers.fields, name, value.as_bytes(), space)?,
            (true, WhiteSpace::Refuse) => return Err(InvalidField::Name),
            (true, WhiteSpace::Trim) => {}
        }
    }
    Ok((!trailers.fields.is_empty()).then_some(trailers))
}

/// Trailers to be sent.
pub(super) fn write_trailers(trailers: &Trailers) -> io::Result<HeaderMap> {
    let mut lines = Lines::default();
    trailers.fields.iter().for_each(|(_, name, value)| lines.push(name, value));
    lines.into_map()
}

/// Fields to be sent, with the length if one is to be said; names in lower case and nothing of the connection.
pub(super) fn write(fields: &dyn EachField, length: Option<u64>) -> io::Result<HeaderMap> {
    let mut lines = Lines::default();
    fields.each(&mut |name, value| {
        if !Known::of(name).is_hop_by_hop() {
            lines.push(name, value);
        }
    });
    if let Some(length) = length {
        encode::decimal(&mut lines.values, length);
        lines.names.push((CONTENT_LENGTH, lines.values.len()));
    }
    lines.into_map()
}

/// Fields on their way into a map. Their values stand in one piece of memory, which is cheaper than one for each.
#[derive(Default)]
struct Lines {
    /// Each name with the place where its value ends.
    names: Vec<(HeaderName, usize)>,
    values: Vec<u8>,
    is_invalid: bool,
}

impl Lines {
    fn push(&mut self, name: &[u8], value: &[u8]) {
        match HeaderName::from_bytes(name) {
            Ok(name) => {
                if self.names.is_empty() {
                    self.names.reserve(16);
                    self.values.reserve(512);
                }
                self.values.extend_from_slice(value);
                self.names.push((name, self.values.len()));
            }
            Err(_) => self.is_invalid = true,
        }
    }

    fn into_map(self) -> io::Result<HeaderMap> {
        let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
        if self.is_invalid {
            return Err(invalid());
        }
        let mut values = Bytes::from(self.values);
        let mut map = HeaderMap::with_capacity(self.names.len());
        let mut start = 0;
        for (name, end) in self.names {
            let value = values.split_to(end - start);
            start = end;
            let value = HeaderValue::from_maybe_shared(value).map_err(|_| invalid())?;
            map.try_append(name, value).map_err(|_| invalid())?;
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_lower_case_and_says_nothing_of_the_connection() {
        let fields: &[(&[u8], &[u8])] = &[
            (b"X-One", b"1"),
            (b"Connection", b"close"),
            (b"KEEP-ALIVE", b"5"),
            (b"Transfer-Encoding", b"chunked"),
            (b"Content-Length", b"77"),
            (b"upgrade", b"h2c"),
            (b"TE", b"gzip"),
            (b"Proxy-Authenticate", b"Basic"),
            (b"Set-Cookie", b"a=1"),
            (b"set-cookie", b"b=2"),
        ];
        let map = write(&fields, Some(5)).unwrap();
        let mut written: Vec<_> =
            map.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        written.sort();
        assert_eq!(written, ["content-length: 5", "set-cookie: a=1", "set-cookie: b=2", "x-one: 1"]);
    }

    #[test]
    fn a_value_that_cannot_be_sent_is_an_error() {
        for field in [(&b"x"[..], &b"a\r\nb: c"[..]), (b"x y", b"a")] {
            assert!(write(&&[field][..], None).is_err());
        }
    }

    #[test]
    fn trailers_cannot_change_what_the_message_was() {
        for name in [
            "content-length",
            "host",
            "authorization",
            "cookie",
            "x-forwarded-for",
            "x_forwarded_for",
            "te",
            "trailer",
            "x-real-ip",
            "expect",
            "forwarded",
            "proxy",
            "ssl-client-verify",
            "ssl_client_verify",
        ] {
            let mut map = HeaderMap::new();
            map.append(name, HeaderValue::from_static("1"));
            assert_eq!(read_trailers(&map, WhiteSpace::Refuse).unwrap_err(), InvalidField::Name, "{name}");
            map.append("grpc-status", HeaderValue::from_static("0"));
            let trailers = read_trailers(&map, WhiteSpace::Trim).unwrap().unwrap();
            assert_eq!(trailers.fields.iter().map(|(_, name, _)| name).collect::<Vec<_>>(), [b"grpc-status"]);
        }
        assert!(read_trailers(&HeaderMap::new(), WhiteSpace::Refuse).unwrap().is_none());
    }

    #[test]
    fn white_space_around_a_value() {
        let mut map = HeaderMap::new();
        map.append("grpc-message", HeaderValue::from_static("no: "));
        assert!(read_trailers(&map, WhiteSpace::Refuse).is_err());
        let trailers = read_trailers(&map, WhiteSpace::Trim).unwrap().unwrap();
        assert_eq!(trailers.fields.named("grpc-message").next(), Some(&b"no:"[..]));
    }
}
