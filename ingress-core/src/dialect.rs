//! How a family of Ingresses is to be read.
//!
//! A dialect says what the specification leaves open, as fields of [`Semantics`], and what annotations mean, as an
//! [`Intent`]. The rest of the engine branches on those fields and never on a dialect's name. Annotation prefixes stand only
//! in the dialect that owns them.

mod annotations;
mod bindings;
mod cluster;
mod draft;
mod intent;
mod kubernetes;
mod nearest;
mod nginx;
mod tke;

use std::fmt;
use std::sync::Arc;

pub use bindings::Dialects;
pub use cluster::{Cluster, Lookup};
pub use draft::{Attachment, DraftMember, HostDraft};
pub use intent::{Aliases, ExtraRoute, Intent, Role, WwwRedirect};
pub use kubernetes::Kubernetes;
pub use nginx::Nginx;
pub use tke::{CertificateSource, Tke};

use crate::diagnostic::Diagnostic;
use crate::model::{ConfigMap, Ingress};
use crate::object::ObjectRef;
use crate::path::PathPolicy;
use crate::policy::Reach;

/// What the Ingress specification leaves to the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a dialect must take a stand on every open point")]
pub struct Semantics {
    /// How request paths are made canonical, and whether that form is sent upstream.
    pub path_policy: PathPolicy,
    /// Which of two objects of one age comes first.
    pub tie_break: TieBreak,
    /// How many labels `*` stands for in the host of a rule.
    pub wildcard_depth: WildcardDepth,
    /// What `spec.defaultBackend` takes.
    pub default_backend: DefaultScope,
    /// What becomes of a path whose backend is a resource.
    pub resource_backend: ResourceBackend,
    /// Which names a TLS entry gives a certificate to.
    pub certificates: CertificateScope,
    /// What of a Service is dialled.
    pub reach: Reach,
    /// What `spec.ingressClassName` has to name.
    pub class_field: ClassField,
    /// Whether a final slash makes a prefix another rule.
    pub trailing_slash: TrailingSlash,
}

/// Whether a final slash makes a prefix another rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it does or it does not")]
pub enum TrailingSlash {
    /// `/p` and `/p/` are one rule.
    SameRule,
    /// They are two; the dialect says what becomes of them.
    OwnRule,
}

/// What `spec.ingressClassName` has to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an object or nothing but a name")]
pub enum ClassField {
    /// An IngressClass of the controller.
    Object,
    /// An IngressClass of the controller, or the controller's own class, of which there need not be an object.
    Name,
}

/// Which of two objects of one age comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "there are two directions")]
pub enum TieBreak {
    /// The lesser namespace and name (Gateway API).
    Ascending,
    /// The greater namespace and name (ingress-nginx).
    Descending,
}

/// How many labels `*` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "one or more")]
pub enum WildcardDepth {
    /// One.
    One,
    /// One or more.
    Any,
}

/// What `spec.defaultBackend` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the two readings that there are")]
pub enum DefaultScope {
    /// What no rule of any object takes.
    Global,
    /// What the rules of the object's own hosts leave; without rules, every name that no host has.
    OwnHosts,
}

/// What becomes of a path whose backend is a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the two readings that there are")]
pub enum ResourceBackend {
    /// It answers 404.
    NotFound,
    /// It is left out, so that the rest of the host takes its requests.
    LeftOut,
}

/// Which names a TLS entry gives a certificate to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the readings that there are")]
pub enum CertificateScope {
    /// Those that it lists.
    ListedHosts,
    /// The hosts of the object's rules: each gets that of the entry that lists it, else of the first whose certificate is
    /// good for it, else the default certificate.
    RuleHosts,
    /// Those that it lists; without a list, the hosts of all rules of the object.
    ListedOrRuleHosts,
}

/// What a dialect looks at.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "made by the engine, and by a dialect's own tests")]
pub struct Subject<'a> {
    /// The identity of the object.
    pub object: &'a Arc<ObjectRef>,
    /// The object, which is valid and claimed.
    pub ingress: &'a Ingress,
    /// Other objects, as far as its annotations name them.
    pub cluster: &'a Cluster<'a>,
}

/// A way of reading Ingresses.
pub trait Dialect: fmt::Debug + Send + Sync {
    /// The dialect's name, as users choose it.
    fn name(&self) -> &'static str;

    /// What it makes of the open points.
    fn semantics(&self) -> Semantics;

    /// Reads the annotations of one Ingress and reports what is wrong with them.
    fn interpret(&self, subject: &Subject<'_>, out: &mut Vec<Diagnostic>) -> Intent;

    /// What the controller does with requests that no Ingress says anything of: those of its own default backend.
    fn of_controller(&self) -> Intent {
        Intent::default()
    }

    /// Finishes one host, of which all objects that name it are known.
    fn combine(&self, draft: &mut HostDraft<'_>, out: &mut Vec<Diagnostic>) {
        let _ = (draft, out);
    }

    /// The dialect with the settings of its controller; none if it has no use for any. It is asked again when these change, or
    /// an object that it has looked up.
    fn configured(
        &self,
        config: &ConfigMap,
        cluster: &Cluster<'_>,
        out: &mut Vec<Diagnostic>,
    ) -> Option<Arc<dyn Dialect>> {
        let _ = (config, cluster, out);
        None
    }
}
