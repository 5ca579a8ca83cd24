//! What a proxy has to know of gRPC: how to tell it, and how to say no in its terms.
//!
//! Messages are not looked into. Sources: gRPC over HTTP/2, gRPC "HTTP to gRPC status code mapping", gRPC status codes.

use crate::message::{EachField, Fields, Known};

/// Whether a request is gRPC: `application/grpc`, perhaps with a `+format` or parameters.
#[must_use]
pub fn is_grpc(fields: &Fields) -> bool {
    fields.first(Known::ContentType).is_some_and(is_grpc_type)
}

/// Whether a `Content-Type` is that of gRPC.
pub(super) fn is_grpc_type(value: &[u8]) -> bool {
    const TYPE: &[u8] = b"application/grpc";
    let (start, rest) = value.split_at_checked(TYPE.len()).unwrap_or_default();
    start.eq_ignore_ascii_case(TYPE) && matches!(rest.first(), None | Some(b'+' | b';' | b' ' | b'\t'))
}

/// A status of gRPC (`grpc-status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the codes of gRPC that a proxy has a reason for")]
pub enum Status {
    /// 2
    Unknown = 2,
    /// 4
    DeadlineExceeded = 4,
    /// 7
    PermissionDenied = 7,
    /// 8
    ResourceExhausted = 8,
    /// 12
    Unimplemented = 12,
    /// 13
    Internal = 13,
    /// 14
    Unavailable = 14,
    /// 16
    Unauthenticated = 16,
}

impl Status {
    /// What a client is to make of a status of HTTP that this proxy would have answered with. As gRPC maps it, but for what
    /// gRPC does not list and a proxy knows better: 413 and 431 are too much, 504 is time.
    #[must_use]
    pub fn of(http: u16) -> Self {
        match http {
            400 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            413 | 431 => Self::ResourceExhausted,
            408 | 504 => Self::DeadlineExceeded,
            429 | 502 | 503 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }

    /// The number as it is sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "2",
            Self::DeadlineExceeded => "4",
            Self::PermissionDenied => "7",
            Self::ResourceExhausted => "8",
            Self::Unimplemented => "12",
            Self::Internal => "13",
            Self::Unavailable => "14",
            Self::Unauthenticated => "16",
        }
    }
}

/// The fields of a response that is nothing but trailers: sent with status 200 and without a body it tells a gRPC client why
/// there is no answer.
#[derive(Clone, Debug)]
pub struct TrailersOnly {
    status: Status,
    message: String,
}

impl TrailersOnly {
    /// `message` is for people.
    #[must_use]
    pub fn new(status: Status, message: &str) -> Self {
        Self { status, message: percent_encode(message) }
    }
}

impl EachField for TrailersOnly {
    fn each(&self, call: &mut dyn FnMut(&[u8], &[u8])) {
        call(b"content-type", b"application/grpc");
        call(b"grpc-status", self.status.as_str().as_bytes());
        if !self.message.is_empty() {
            call(b"grpc-message", self.message.as_bytes());
        }
    }
}

/// `grpc-message` is UTF-8 in which everything but printable ASCII, and `%`, is written as `%` and two digits.
fn percent_encode(message: &str) -> String {
    use std::fmt::Write;

    let mut encoded = String::with_capacity(message.len());
    for byte in message.trim().bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => _ = write!(encoded, "%{byte:02X}"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        for (value, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("Application/gRPC+json", true),
            ("application/grpc;charset=utf-8", true),
            ("application/grpc ; a=b", true),
            ("application/grpc-web", false),
            ("application/grpc-web+proto", false),
            ("application/grpcx", false),
            ("application/json", false),
            ("application/grp", false),
            ("", false),
        ] {
            let mut fields = Fields::default();
            fields.push(b"content-type", value.as_bytes()).unwrap();
            assert_eq!(is_grpc(&fields), expected, "`{value}`");
        }
        assert!(!is_grpc(&Fields::default()));
    }

    #[test]
    fn statuses() {
        for (http, grpc) in [
            (400, "13"),
            (401, "16"),
            (403, "7"),
            (404, "12"),
            (408, "4"),
            (413, "8"),
            (429, "14"),
            (431, "8"),
            (500, "2"),
            (502, "14"),
            (503, "14"),
            (504, "4"),
            (418, "2"),
        ] {
            assert_eq!(Status::of(http).as_str(), grpc, "{http}");
            assert_eq!(Status::of(http).as_str(), (Status::of(http) as u8).to_string());
        }
    }

    #[test]
    fn a_message_is_a_field_value_whatever_is_in_it() {
        let mut seen = Vec::new();
        TrailersOnly::new(Status::Unavailable, " no\r\nendpoint 100 % café ").each(&mut |name, value| {
            assert!(crate::message::is_field_value(value));
            seen.push((String::from_utf8_lossy(name).into_owned(), String::from_utf8_lossy(value).into_owned()));
        });
        let expected = [
            ("content-type", "application/grpc"),
            ("grpc-status", "14"),
            ("grpc-message", "no%0D%0Aendpoint 100 %25 caf%C3%A9"),
        ];
        assert_eq!(seen, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        TrailersOnly::new(Status::Internal, "").each(&mut |name, _| assert_ne!(name, b"grpc-message"));
    }
}
