//! The one intermediate form: valid, ordered, neutral, printable.
//!
//! A [`RouteTable`] says where every request goes without saying how to find out fast. It knows nothing of Ingress objects
//! but their names, nothing of annotations and nothing of indices. Whatever is in it has been checked.

mod backend;
mod cipher_suite;
mod filter;
mod forbidden_address;
mod precedence;
mod redirect;
mod rewrite;
mod route;
mod same_site;
mod settings;
mod text;
mod tls;
mod upstream;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use backend::{Availability, Backend, BackendRef, Endpoint, PortName, PortRef, Reach};
pub use cipher_suite::{CipherSuite, InvalidCiphers};
pub(crate) use filter::is_read_as;
pub use filter::{
    Access, AddressRange, BasicAuth, Buffering, Certificate, ClientAddress, Cors, CustomErrors, ExternalAuth, Filters,
    HeaderValue, HttpVersion, InvalidRange, InvalidTemplate, Limits, Mirror, Observe, OriginPattern, PasswordFile,
    Piece, Protocol, ProxyRedirect, ResponseHeaders, Retries, RetryCondition, RoutePolicy, Satisfy, Template, Throttle,
    Timeouts, TlsRedirect, TrustedHeader, Upstream, UpstreamTls, Variable,
};
pub use forbidden_address::{ForbiddenAddress, addresses_meant};
pub use precedence::{Precedence, PrecedenceField};
pub use redirect::{Location, Redirect};
pub use rewrite::{InvalidRewrite, Rewrite};
pub use route::{DefaultBackend, FixedResponse, Route, Schemes, ShadowReason, Shadowed, Target, VirtualHost};
pub use settings::{AppRoot, ClientCertificate, HostSettings, VerifyClient};
pub use tls::{CertificateEntry, CertificateId};
pub use upstream::{
    Affinity, Canary, CanaryRule, HashBy, HeaderPattern, LoadBalance, UpstreamPolicy, UpstreamSettings,
};

use crate::host::HostPattern;
use crate::path::PathPolicy;

/// Everything that decides where requests go, in a form to print, compare and compile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a table may be built by hand; its parts hold the invariants")]
pub struct RouteTable {
    /// The hosts that rules name.
    pub hosts: BTreeMap<HostPattern, Arc<VirtualHost>>,
    /// What takes the requests that no host and path takes; 404 without it.
    pub default_backend: Option<Arc<DefaultBackend>>,
    /// The certificate of each name that a TLS entry lists.
    pub certificates: BTreeMap<HostPattern, Arc<CertificateEntry>>,
    /// How the paths of requests for a host that there is not are made canonical, where there is no default backend.
    pub path_policy: PathPolicy,
    /// What is known of each backend that a route names.
    pub backends: BTreeMap<Arc<BackendRef>, Arc<Backend>>,
}

impl RouteTable {
    /// What is known of a backend; one that the table does not list is taken as it is written.
    #[must_use]
    pub fn backend(&self, reference: &Arc<BackendRef>) -> Arc<Backend> {
        self.backends.get(reference).cloned().unwrap_or_else(|| Arc::new(Backend::assumed(Arc::clone(reference))))
    }

    /// All routes with their host, most preferred first within a host.
    pub fn routes(&self) -> impl Iterator<Item = (&HostPattern, &Route)> {
        self.hosts.iter().flat_map(|(pattern, host)| host.routes().iter().map(move |route| (pattern, route)))
    }
}
