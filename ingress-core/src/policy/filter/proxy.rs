//! How a backend is spoken to.

use std::fmt;
use std::sync::Arc;

/// How a backend is spoken to. The defaults are those of ingress-nginx.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct Upstream {
    /// The protocol.
    pub protocol: Protocol,
    /// The version of HTTP/1.
    pub http_version: HttpVersion,
    /// When to give up waiting.
    pub timeouts: Timeouts,
    /// When to try another endpoint.
    pub retries: Retries,
    /// What is kept in memory on the way.
    pub buffering: Buffering,
    /// The Host that the backend sees; none is the request's.
    pub vhost: Option<Box<str>>,
    /// `X-Forwarded-Prefix`, sent only with a rewrite; `$1` to `$9` are groups of the path.
    pub forwarded_prefix: Option<Box<str>>,
    /// `Connection`, in place of what the hop needs.
    pub connection_header: Option<Box<str>>,
    /// Set on every request.
    pub set_headers: Box<[(Box<str>, Box<str>)]>,
    /// TLS towards the backend, for the protocols that use it.
    pub tls: Option<Arc<UpstreamTls>>,
}

impl Upstream {
    /// The headers that are set to nothing, so that nobody sends them.
    pub fn emptied(&self) -> impl Iterator<Item = &str> {
        self.set_headers.iter().filter(|(_, value)| value.is_empty()).map(|(name, _)| &**name)
    }

    /// Whether a header is one of them, whatever the case of its name. An underscore in it counts as a hyphen, as many backends read
    /// it.
    #[must_use]
    pub fn empties(&self, name: &[u8]) -> bool {
        self.emptied().any(|emptied| is_read_as(name, emptied.as_bytes()))
    }
}

/// Whether a name may be taken for another one.
pub(crate) fn is_read_as(name: &[u8], other: &[u8]) -> bool {
    let same = |(given, own): (&u8, &u8)| given.eq_ignore_ascii_case(own) || (*given, *own) == (b'_', b'-');
    name.len() == other.len() && name.iter().zip(other).all(same)
}

/// What is spoken with the backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an adapter that cannot speak one of these must say so")]
pub enum Protocol {
    /// HTTP/1.
    #[default]
    Http,
    /// HTTP/1 over TLS.
    Https,
    /// The protocol of the client's connection.
    AutoHttp,
    /// gRPC over HTTP/2 without TLS.
    Grpc,
    /// gRPC over HTTP/2 with TLS.
    Grpcs,
    /// FastCGI.
    Fcgi,
    /// The TLS stream itself: the backend ends it.
    TlsPassthrough,
}

impl Protocol {
    /// The protocol as the annotation writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
            Self::AutoHttp => "AUTO_HTTP",
            Self::Grpc => "GRPC",
            Self::Grpcs => "GRPCS",
            Self::Fcgi => "FCGI",
            Self::TlsPassthrough => "TLS_PASSTHROUGH",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A version of HTTP/1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum HttpVersion {
    /// HTTP/1.0: no reuse of connections, no upgrades.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
}

/// Timeouts in whole seconds. The latter two count from one operation to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct Timeouts {
    /// Until a connection stands.
    pub connect: u32,
    /// Between two writes of the request.
    pub send: u32,
    /// Between two reads of the response.
    pub read: u32,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: 5, send: 60, read: 60 }
    }
}

/// When a request is sent to another endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct Retries {
    /// What has to happen; empty for never.
    pub conditions: Box<[RetryCondition]>,
    /// How many endpoints are tried in all; 0 for all that there are.
    pub tries: u32,
    /// Seconds until no further one is tried; 0 for no such limit.
    pub timeout: u32,
    /// Whether requests are sent again whose method is not idempotent.
    pub non_idempotent: bool,
}

impl Retries {
    /// The conditions of a route that names none.
    pub const DEFAULT_CONDITIONS: [RetryCondition; 2] = [RetryCondition::Error, RetryCondition::Timeout];
}

impl Default for Retries {
    fn default() -> Self {
        Self { conditions: Self::DEFAULT_CONDITIONS.into(), tries: 3, timeout: 0, non_idempotent: false }
    }
}

/// What makes a request go to another endpoint (`proxy_next_upstream` of nginx).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "the words that nginx knows")]
pub enum RetryCondition {
    /// The connection failed.
    Error,
    /// A timeout.
    Timeout,
    /// The response is empty or malformed.
    InvalidHeader,
    /// The response has this status.
    Status(u16),
}

impl fmt::Display for RetryCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error => f.write_str("error"),
            Self::Timeout => f.write_str("timeout"),
            Self::InvalidHeader => f.write_str("invalid_header"),
            Self::Status(status) => write!(f, "http_{status}"),
        }
    }
}

/// What is kept in memory on the way; sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct Buffering {
    /// Whether a request is read to its end before the backend sees it.
    pub request: bool,
    /// Whether a response is read as fast as the backend sends it.
    pub response: bool,
    /// For the beginning of a response with its headers.
    pub buffer_size: u64,
    /// How many buffers of this size.
    pub buffers: u32,
    /// For the body of a request.
    pub body_buffer_size: u64,
}

impl Default for Buffering {
    fn default() -> Self {
        Self { request: true, response: false, buffer_size: 4 << 10, buffers: 4, body_buffer_size: 8 << 10 }
    }
}

/// What is done with the `Location` of a backend's response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an adapter that ignored a variant would send clients elsewhere")]
pub enum ProxyRedirect {
    /// Nothing.
    #[default]
    Off,
    /// One beginning is replaced by another.
    Replace(Box<str>, Box<str>),
}

/// TLS towards a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct UpstreamTls {
    /// Certificate, key and authorities; none sends no certificate and trusts nobody.
    pub certificate: Option<Certificate>,
    /// The name that is verified and sent; none is the Host.
    pub name: Option<Box<str>>,
    /// Whether a server name is sent.
    pub server_name: bool,
    /// Whether the backend's certificate is verified.
    pub verify: bool,
    /// How many certificates the chain may have between the backend's and the authority's.
    pub verify_depth: u32,
    /// Versions, as OpenSSL writes them.
    pub protocols: Box<str>,
    /// Cipher suites, as OpenSSL writes them.
    pub ciphers: Box<str>,
}

/// A Secret with certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Certificate {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Box<str>,
}
