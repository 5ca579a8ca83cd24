//! Heads of requests and responses.

use std::fmt;

use super::{Fields, Known};

/// The version of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/2.
    Http2,
}

impl Version {
    /// As access logs write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2.0",
        }
    }
}

/// How the body of a message is delimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// There is none.
    #[default]
    Empty,
    /// So many bytes.
    Length(u64),
    /// Chunks (RFC 9112 7.1).
    Chunked,
    /// All that comes until the peer closes: responses of HTTP/1 only (RFC 9112 6.3).
    UntilClose,
    /// HTTP/2 frames until the end of the stream, with the length if it was declared.
    Stream(Option<u64>),
}

/// The head of a request.
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    /// The method, a token.
    pub method: Vec<u8>,
    /// The target as it was received; in HTTP/2 `:path`.
    pub target: Vec<u8>,
    /// HTTP/2's `:authority`; none in HTTP/1, where the Host field is among the fields.
    pub authority: Option<Vec<u8>>,
    /// The version.
    pub version: Version,
    /// The fields, without those whose names have an underscore.
    pub fields: Fields,
    /// How the body is delimited.
    pub framing: Framing,
    /// Whether the client wants the connection to stay open after this exchange (HTTP/1).
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// Whether the client asks for a WebSocket: GET of HTTP/1.1 with a valid key and version 13, or an extended CONNECT of
    /// HTTP/2 (RFC 8441).
    pub websocket: bool,
}

impl RequestHead {
    /// Makes it ready for the next message and keeps the memory.
    pub fn clear(&mut self) {
        self.method.clear();
        self.target.clear();
        self.authority = None;
        self.version = Version::Http11;
        self.fields.clear();
        self.framing = Framing::Empty;
        self.keep_alive = false;
        self.expects_continue = false;
        self.websocket = false;
    }

    /// How many bytes of memory it holds, used or not.
    pub(crate) fn memory(&self) -> usize {
        self.method.capacity() + self.target.capacity() + self.fields.memory()
    }

    /// `:authority`, or the first Host field; empty where there is neither.
    #[must_use]
    pub fn host(&self) -> &[u8] {
        self.authority.as_deref().or_else(|| self.fields.first(Known::Host)).unwrap_or_default()
    }

    /// The authority of a target in absolute form.
    pub(crate) fn asked_absolutely(&self) -> Option<&[u8]> {
        if self.target.first() == Some(&b'/') {
            return None;
        }
        let start = self.target.windows(3).position(|part| part == b"://")? + 3;
        self.target.get(start..)?.split(|byte| matches!(byte, b'/' | b'?' | b'#')).next()
    }

    /// The method as text.
    #[must_use]
    pub fn method(&self) -> &str {
        match &*self.method {
            b"GET" => "GET",
            // A token is ASCII.
            method => std::str::from_utf8(method).unwrap_or_default(),
        }
    }
}

/// The head of a response.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    /// The status, 100 to 599.
    pub status: u16,
    /// The version.
    pub version: Version,
    /// The fields.
    pub fields: Fields,
    /// How the body is delimited.
    pub framing: Framing,
    /// Whether there is a `Date` among the fields.
    pub has_date: bool,
    /// Whether the connection may be used again once the body has been read to its end.
    pub keep_alive: bool,
}

impl ResponseHead {
    /// Makes it ready for the next message and keeps the memory.
    pub fn clear(&mut self) {
        self.status = 0;
        self.version = Version::Http11;
        self.fields.clear();
        self.framing = Framing::Empty;
        self.has_date = false;
        self.keep_alive = false;
    }
}

/// Why a message is refused. The connection is closed after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// The request or status line is malformed.
    StartLine,
    /// A version that is not served.
    Version,
    /// A line that does not end in CR LF, or a CR, LF or NUL anywhere else.
    LineEnd,
    /// A line that begins with white space (obs-fold, RFC 9112 5.2).
    Fold,
    /// A name that is no token, white space before the colon among it.
    FieldName,
    /// A value with a byte that no value may have.
    FieldValue,
    /// A request target with a byte that no target may have.
    Target,
    /// `Content-Length` that is no number, or twice, or beside `Transfer-Encoding`.
    Length,
    /// `Transfer-Encoding` other than one `chunked`, or in HTTP/1.0.
    TransferEncoding,
    /// More than one Host, or none in HTTP/1.1.
    Host,
    /// `Expect` of anything but `100-continue`.
    Expect,
    /// A head of more bytes or fields than allowed.
    TooLarge,
    /// A target that is longer than allowed.
    TargetTooLong,
    /// `CONNECT`.
    Connect,
}

impl Rejection {
    /// The status that answers such a request.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::TooLarge => 431,
            Self::TargetTooLong => 414,
            Self::Expect => 417,
            Self::Connect => 405,
            Self::Version => 505,
            _ => 400,
        }
    }

    /// The reason in kebab case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartLine => "start-line",
            Self::Version => "version",
            Self::LineEnd => "line-end",
            Self::Fold => "line-fold",
            Self::FieldName => "field-name",
            Self::FieldValue => "field-value",
            Self::Target => "target",
            Self::Length => "content-length",
            Self::TransferEncoding => "transfer-encoding",
            Self::Host => "host",
            Self::Expect => "expectation",
            Self::TooLarge => "head-too-large",
            Self::TargetTooLong => "target-too-long",
            Self::Connect => "connect",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Rejection {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_may_name_its_host() {
        for (target, host) in [
            ("http://a.example/x", Some("a.example")),
            ("HTTPS://a.example:8443?x=//b", Some("a.example:8443")),
            ("http://a.example", Some("a.example")),
            ("/?to=http://b.example/", None),
            ("*", None),
            ("b.example:443", None),
        ] {
            let head = RequestHead { target: target.into(), ..RequestHead::default() };
            assert_eq!(head.asked_absolutely(), host.map(str::as_bytes), "{target}");
        }
    }
}
