//! What is done with a request between the choice of its route and its backend.
//!
//! The vocabulary is closed: whatever a dialect reads in annotations ends as one of these values, so that an adapter which
//! takes them apart without `..` does not compile once there is something new to honour.

mod access;
mod address;
mod auth;
mod cors;
mod limits;
mod proxy;
mod template;

use std::sync::Arc;

pub use access::{Access, ClientAddress, HeaderValue, TrustedHeader};
pub use address::{AddressRange, InvalidRange};
pub use auth::{BasicAuth, ExternalAuth, PasswordFile, Satisfy};
pub use cors::{Cors, OriginPattern};
pub use limits::{Limits, Throttle};
pub(crate) use proxy::is_read_as;
pub use proxy::{
    Buffering, Certificate, HttpVersion, Protocol, ProxyRedirect, Retries, RetryCondition, Timeouts, Upstream,
    UpstreamTls,
};
pub use template::{InvalidTemplate, Piece, Template, Variable};

use super::{BackendRef, Redirect};

/// What is done with the requests of a route, in the order in which it is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a new filter must break an adapter that would ignore it")]
pub struct Filters {
    /// The greatest body in bytes; larger ones are answered with 413. None means no limit.
    pub body_limit: Option<u64>,
    /// Cross-origin resource sharing.
    pub cors: Option<Cors>,
    /// Sends plain-text requests to `https`.
    pub tls_redirect: Option<TlsRedirect>,
    /// Rate and connection limits.
    pub limits: Option<Limits>,
    /// How fast a response may be sent.
    pub throttle: Throttle,
    /// Who may pass.
    pub access: Access,
    /// How the backend is spoken to.
    pub upstream: Upstream,
    /// What is added to and taken from responses.
    pub response: ResponseHeaders,
    /// Where a copy of each request goes.
    pub mirror: Option<Mirror>,
    /// Responses of the backend that are replaced.
    pub errors: Option<CustomErrors>,
    /// What answers when the backend has no endpoints, if it has some itself.
    pub fallback: Option<Arc<BackendRef>>,
    /// What is recorded of requests.
    pub observe: Observe,
}

impl Filters {
    /// The backends that the filters name.
    pub fn backends(&self) -> impl Iterator<Item = &Arc<BackendRef>> {
        let errors = self.errors.as_ref().and_then(|errors| errors.backend.as_ref());
        self.fallback.iter().chain(errors)
    }
}

/// The filters of one route. Those that depend on its path stand here, the others are shared by all paths of an Ingress.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a new filter must break an adapter that would ignore it")]
pub struct RoutePolicy {
    /// What the Ingress says for all of its paths.
    pub filters: Arc<Filters>,
    /// What becomes of the path on its way upstream.
    pub rewrite: Option<super::Rewrite>,
}

/// A redirect of plain-text requests to `https`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct TlsRedirect {
    /// Status and Location.
    pub redirect: Redirect,
    /// Whether it happens for names without a certificate too.
    pub force: bool,
}

/// Response headers that the proxy writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct ResponseHeaders {
    /// Whether clients are told by a cookie which endpoint they come back to, where their backend has such an affinity.
    pub affinity_cookie: bool,
    /// `Strict-Transport-Security` on TLS connections.
    pub hsts: Option<Box<str>>,
    /// Set on every response.
    pub set: Box<[(Box<str>, Box<str>)]>,
    /// Taken from the backend's responses.
    pub hide: Box<[Box<str>]>,
    /// `proxy_cookie_domain`: what is replaced in the domain of cookies, and by what.
    pub cookie_domain: Option<(Box<str>, Box<str>)>,
    /// `proxy_cookie_path`: what is replaced in the path of cookies, and by what.
    pub cookie_path: Option<(Box<str>, Box<str>)>,
    /// What is done with the backend's `Location`.
    pub location: ProxyRedirect,
}

impl ResponseHeaders {
    /// The headers of backends' responses that clients do not get: those that are hidden, and those that are set to nothing.
    pub fn hidden(&self) -> impl Iterator<Item = &str> {
        let emptied = self.set.iter().filter(|(_, value)| value.is_empty()).map(|(name, _)| &**name);
        self.hide.iter().map(|name| &**name).chain(emptied)
    }
}

/// A copy of each request that goes elsewhere and whose response is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct Mirror {
    /// The URL that it goes to.
    pub target: Template,
    /// The Host that it carries.
    pub host: Box<str>,
    /// Whether the body is copied.
    pub body: bool,
}

/// Responses that the backend gives and clients do not see.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct CustomErrors {
    /// The statuses, in ascending order.
    pub codes: Box<[u16]>,
    /// What is asked for a response in their place; none is the controller's default backend.
    pub backend: Option<Arc<BackendRef>>,
    /// Whether the backend's own bodies pass all the same (`disable-proxy-intercept-errors`).
    pub keep_bodies: bool,
}

/// What is recorded of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct Observe {
    /// Whether the access log has a line for each.
    pub access_log: bool,
    /// Whether spans are made.
    pub opentelemetry: bool,
    /// Whether a span continues the client's.
    pub trust_incoming_span: bool,
    /// The span's name; none is the adapter's own choice.
    pub operation_name: Option<Box<str>>,
}

impl Default for Observe {
    fn default() -> Self {
        Self { access_log: true, opentelemetry: false, trust_incoming_span: true, operation_name: None }
    }
}
