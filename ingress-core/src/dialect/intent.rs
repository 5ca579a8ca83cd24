//! What one Ingress wants, in the words that all dialects share.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::host::HostPattern;
use crate::object::FieldPath;
use crate::path::PathPattern;
use crate::policy::{
    CanaryRule, ClientCertificate, Filters, FixedResponse, Reach, Redirect, Schemes, UpstreamSettings,
};

/// What one Ingress wants beside its rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a closed vocabulary: lowering takes every field apart")]
pub struct Intent {
    /// The controller gives the whole object up.
    pub is_dropped: bool,
    /// Whether it has routes of its own.
    pub role: Role,
    /// All its routes answer with this instead of doing half of what it asks for.
    pub refused: Option<FixedResponse>,
    /// All its routes redirect.
    pub redirect: Option<Redirect>,
    /// What is done with its requests; none does nothing.
    pub filters: Option<Arc<Filters>>,
    /// Whether redirects to a path of the same host are written without scheme and host.
    pub relative_redirects: bool,
    /// The path that replaces the request's, with groups of the rule's expression.
    pub rewrite_target: Option<Box<str>>,
    /// Whether its paths are expressions.
    pub use_regex: bool,
    /// The answer to a request for exactly `/` on its hosts.
    pub app_root: Option<Redirect>,
    /// Other names for its hosts.
    pub aliases: Option<Aliases>,
    /// The redirect from the other form of its hosts, with or without `www.`.
    pub www_redirect: Option<WwwRedirect>,
    /// What is asked of clients' certificates.
    pub client_certificate: Option<ClientCertificate>,
    /// Whether TLS connections are handed to the backend as they are.
    pub passthrough: bool,
    /// What it says for all requests to its backends; none where backends have nothing of the kind.
    pub upstream: Option<Arc<UpstreamSettings>>,
    /// What of its Services is dialled; none is as the dialect has it.
    pub reach: Option<Reach>,
    /// The connections that its rules are for.
    pub schemes: Schemes,
    /// Those of single paths, by the index of the rule and of the path in it.
    pub placed: BTreeMap<(usize, usize), Schemes>,
    /// Redirects beside its rules.
    pub extra: Box<[ExtraRoute]>,
    /// A text about the object that output shows with its routes.
    pub load_balancer: Option<Box<str>>,
    /// Why TLS connections get the default certificate although an entry names a Secret, by entry.
    pub certificates: BTreeMap<usize, Box<str>>,
    /// The DNS names of certificates that stand in for those of Secrets which have none of their own, by entry.
    pub resolved_certificates: BTreeMap<usize, Vec<Box<str>>>,
}

/// Other names for hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Aliases {
    /// The names.
    pub patterns: Box<[HostPattern]>,
    /// Where they are written.
    pub field: FieldPath,
}

/// A redirect from the other form of a host, with or without `www.`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct WwwRedirect {
    /// A status of the 300s.
    pub status: u16,
    /// Where it is written.
    pub field: FieldPath,
}

/// Whether an Ingress has routes of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Role {
    /// It has.
    #[default]
    Ordinary,
    /// It takes a part of the requests of other routes.
    Canary(Arc<CanaryRule>),
}

/// A redirect that is not a rule of `spec`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct ExtraRoute {
    /// The requests' host.
    pub host: HostPattern,
    /// The requests' path.
    pub path: PathPattern,
    /// The requests' connections.
    pub schemes: Schemes,
    /// Where they are sent.
    pub redirect: Redirect,
    /// Where it was written.
    pub field: FieldPath,
}

impl Intent {
    /// Whether it asks for something that only its own dialect can do to a host.
    pub(crate) fn shapes_host(&self) -> bool {
        let shapes_paths = self.use_regex || self.rewrite_target.is_some() || self.app_root.is_some();
        shapes_paths || self.client_certificate.is_some() || self.passthrough || !self.is_ordinary()
    }

    /// Whether it is an ordinary Ingress, with routes.
    #[must_use]
    pub fn is_ordinary(&self) -> bool {
        self.role == Role::Ordinary
    }
}
