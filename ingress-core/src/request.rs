//! A request as routing sees it, checked once and then trusted.
//!
//! Everything that can be wrong with a request line, a host or a path is found when a [`RequestView`] is made; deciding
//! cannot fail. Sources: RFC 9112 3.2, RFC 9110 4.2.3, RFC 9113 8.3.1.

mod authority;
mod bad;
mod host;
mod raw;

use std::borrow::Cow;
use std::net::IpAddr;

pub(crate) use authority::before_port;
pub use bad::BadRequest;
pub use raw::{HeaderFields, Headers, Marks, RawRequest};

use self::host::RequestHost;
use crate::host::NameKey;
use crate::path::{PathPolicy, PathRejection};

/// What is known of the connection that a request came by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "an adapter fills in every field")]
pub struct ConnInfo {
    /// The address of the client, or of the last trusted proxy.
    pub remote_addr: Option<IpAddr>,
    /// The TLS session, none on a plain-text connection.
    pub tls: Option<TlsInfo>,
    /// Whether a trusted proxy in front has ended TLS on this connection, which is plain text itself: one that says by the
    /// PROXY protocol that the client has connected to port 443, as ingress-nginx reads it.
    pub tls_ended_in_front: bool,
}

/// What is known of a TLS session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "an adapter fills in every field")]
pub struct TlsInfo {
    /// The server name that the client asked for.
    pub sni: Option<Box<str>>,
    /// The certificate that the client has shown.
    pub client_certificate: Option<Box<PeerCertificate>>,
}

/// A client's certificate, as the handshake left it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "an adapter fills in every field")]
pub struct PeerCertificate {
    /// The distinguished name of the subject (RFC 2253).
    pub subject: Box<str>,
    /// The distinguished name of the issuer (RFC 2253).
    pub issuer: Box<str>,
    /// The certificate itself as PEM (RFC 7468), for backends that want to see it.
    pub pem: Box<str>,
    /// Whether the authorities of the host that was asked for vouch for it.
    pub is_verified: bool,
}

/// A request that can be routed.
///
/// ```
/// use ingress_core::request::{ConnInfo, RequestView};
///
/// let (parts, ()) = http::Request::get("http://Cafe.example:8080/tea?x=1").body(())?.into_parts();
/// let conn = ConnInfo::default();
/// let view = RequestView::new(&parts, &conn, 0)?;
/// assert_eq!(view.host(), "cafe.example");
/// assert_eq!(view.query(), Some(b"x=1".as_slice()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RequestView<'r> {
    method: &'r str,
    authority: &'r [u8],
    host: RequestHost,
    target: Target<'r>,
    headers: Headers<'r>,
    conn: &'r ConnInfo,
    draw: u64,
}

#[derive(Clone, Debug)]
enum Target<'r> {
    /// `OPTIONS *`.
    Asterisk,
    Path(Path<'r>),
}

/// A path under each policy; which one counts is known only when the host is.
#[derive(Clone, Debug)]
struct Path<'r> {
    target: &'r [u8],
    raw: &'r [u8],
    query: Option<&'r [u8]>,
    rfc3986: Result<Cow<'r, [u8]>, PathRejection>,
    nginx: Result<Cow<'r, [u8]>, PathRejection>,
}

impl<'r> RequestView<'r> {
    /// Looks at a request that the `http` crate has parsed.
    ///
    /// `draw` is a random number for decisions by weight; equal draws give equal decisions. A parsed `Uri` no longer shows
    /// whether its authority stood in the target or came with HTTP/2, nor a `#`, so two things that [`Self::from_raw`] refuses
    /// pass here: an absolute form of HTTP/1.1 without a Host field, and a fragment, which is dropped.
    ///
    /// # Errors
    ///
    /// [`BadRequest`] says what is wrong and which status answers it.
    pub fn new(parts: &'r http::request::Parts, conn: &'r ConnInfo, draw: u64) -> Result<Self, BadRequest> {
        Self::from_raw(&RawRequest::from_parts(parts), conn, draw)
    }

    /// Looks at a request as it stood on the wire, also at one that the `http` crate would refuse.
    ///
    /// # Errors
    ///
    /// [`BadRequest`] says what is wrong and which status answers it.
    pub fn from_raw(raw: &RawRequest<'r>, conn: &'r ConnInfo, draw: u64) -> Result<Self, BadRequest> {
        // Its target has a form of its own.
        if raw.method == "CONNECT" {
            return Err(BadRequest::MethodNotProxied);
        }
        let marks = raw.headers.marks();
        marks.check_framing()?;
        let (form_authority, target) = raw::split_target(raw.target, raw.authority.is_some())?;
        let authority = raw.authority(form_authority, &marks)?;
        let host = authority::host(authority, raw.version)?;
        let target = match target {
            b"*" if raw.method == "OPTIONS" => Target::Asterisk,
            b"*" => return Err(BadRequest::TargetForm),
            target => Target::Path(Path::new(target)?),
        };
        if raw.method == "TRACE" {
            return Err(BadRequest::MethodNotProxied);
        }
        Ok(Self {
            method: raw.method,
            authority: authority.unwrap_or_default(),
            host,
            target,
            headers: raw.headers,
            conn,
            draw,
        })
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &'r str {
        self.method
    }

    /// The authority or Host field as it was received, port and all; empty for an HTTP/1.0 request without one.
    #[must_use]
    pub fn authority(&self) -> &'r [u8] {
        self.authority
    }

    /// The host in the form that is matched: lower case, without port and final dot.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.as_str()
    }

    pub(crate) fn host_key(&self) -> &NameKey {
        self.host.key()
    }

    /// Whether the target is `*`, which only `OPTIONS` may have.
    #[must_use]
    pub fn is_asterisk(&self) -> bool {
        matches!(self.target, Target::Asterisk)
    }

    /// The path as it was received, `*` for `OPTIONS *`.
    #[must_use]
    pub fn raw_path(&self) -> &'r [u8] {
        match &self.target {
            Target::Asterisk => b"*",
            Target::Path(path) => path.raw,
        }
    }

    /// Path and query as they were received, without the authority of an absolute form.
    #[must_use]
    pub fn raw_target(&self) -> &'r [u8] {
        match &self.target {
            Target::Asterisk => b"*",
            Target::Path(path) => path.target,
        }
    }

    /// Whether it came over TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.conn.tls.is_some()
    }

    /// The length of the body that `Content-Length` declares.
    #[must_use]
    pub fn declared_length(&self) -> Option<u64> {
        std::str::from_utf8(self.header("content-length").next()?).ok()?.trim().parse().ok()
    }

    /// What follows the `?`, untouched.
    #[must_use]
    pub fn query(&self) -> Option<&'r [u8]> {
        match &self.target {
            Target::Asterisk => None,
            Target::Path(path) => path.query,
        }
    }

    /// The path in the form that is matched under a policy.
    ///
    /// # Errors
    ///
    /// [`PathRejection`] when the policy refuses it.
    #[inline]
    pub fn path(&self, policy: PathPolicy) -> Result<&[u8], PathRejection> {
        match &self.target {
            Target::Asterisk => Ok(b"*"),
            Target::Path(path) => {
                let canonical = match policy {
                    PathPolicy::Rfc3986 => &path.rfc3986,
                    PathPolicy::Nginx => &path.nginx,
                };
                match canonical {
                    Ok(path) => Ok(path),
                    Err(rejection) => Err(*rejection),
                }
            }
        }
    }

    /// The canonical path and the query: what is sent upstream where the dialect forwards the canonical form.
    ///
    /// # Errors
    ///
    /// [`PathRejection`] when the policy refuses the path.
    pub fn canonical_target(&self, policy: PathPolicy) -> Result<Cow<'_, [u8]>, PathRejection> {
        let path = self.path(policy)?;
        Ok(match self.query() {
            None => Cow::Borrowed(path),
            Some(query) => Cow::Owned([path, b"?", query].concat()),
        })
    }

    /// The values of a header field, in order; the name is compared without regard to case.
    pub fn header(&self, name: &str) -> impl Iterator<Item = &'r [u8]> {
        self.headers.get(name)
    }

    /// The connection.
    #[must_use]
    pub fn conn(&self) -> &'r ConnInfo {
        self.conn
    }

    /// The random number for decisions by weight.
    #[must_use]
    pub fn draw(&self) -> u64 {
        self.draw
    }
}

impl<'r> Path<'r> {
    fn new(target: &'r [u8]) -> Result<Self, BadRequest> {
        let end = target.iter().position(|byte| *byte == b'?');
        let (raw, query) = match end.and_then(|end| target.split_at_checked(end)) {
            // An empty path is `/` (RFC 9112 3.2.1).
            Some((b"", query)) => (&b"/"[..], query.get(1..)),
            Some((raw, query)) => (raw, query.get(1..)),
            None => (target, None),
        };
        // The query takes no part in routing, but a control character or `#` in it is no request target either.
        if let Some(query) = query {
            if query.iter().any(|byte| *byte <= 0x20 || *byte == 0x7f) {
                return Err(BadRequest::Path(PathRejection::ControlCharacter));
            }
            if query.contains(&b'#') {
                return Err(BadRequest::Path(PathRejection::Fragment));
            }
        }
        let rfc3986 = PathPolicy::Rfc3986.canonical(raw);
        let nginx = match &rfc3986 {
            // Borrowed means that nothing had to be decoded, merged or resolved, so any policy leaves it as it is.
            Ok(Cow::Borrowed(path)) if !path.contains(&b'%') => Ok(Cow::Borrowed(*path)),
            _ => PathPolicy::Nginx.canonical(raw),
        };
        match (&rfc3986, &nginx) {
            (Err(rejection), Err(_)) => Err(BadRequest::Path(*rejection)),
            _ => Ok(Self { target, raw, query, rfc3986, nginx }),
        }
    }
}

#[cfg(test)]
mod tests;
