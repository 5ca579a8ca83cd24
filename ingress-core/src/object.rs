//! Names of cluster objects and of places inside them.
//!
//! A diagnostic or a route points at its cause with an [`ObjectRef`] and a [`FieldPath`]; where that stands in a file is
//! for whoever read the file to know.

use std::fmt;
use std::sync::Arc;

/// The kinds of objects that routing reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// `networking.k8s.io` or `extensions` Ingress.
    Ingress,
    /// `networking.k8s.io` IngressClass, which has no namespace.
    IngressClass,
    /// Core Service.
    Service,
    /// `discovery.k8s.io` EndpointSlice.
    EndpointSlice,
    /// Core Endpoints, the older form of EndpointSlice.
    Endpoints,
    /// Core Secret.
    Secret,
    /// Core ConfigMap.
    ConfigMap,
    /// Core Node, which has no namespace.
    Node,
}

impl Kind {
    /// The kind as Kubernetes spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingress => "Ingress",
            Self::IngressClass => "IngressClass",
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
            Self::Endpoints => "Endpoints",
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
            Self::Node => "Node",
        }
    }

    /// Whether objects of this kind live in a namespace.
    #[must_use]
    pub fn is_namespaced(self) -> bool {
        !matches!(self, Self::IngressClass | Self::Node)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One object of the cluster: kind, namespace (empty for a cluster-wide kind) and name.
///
/// The three are kept apart, never joined into one string, so that `a-b`/`c` and `a`/`b-c` stay two objects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "an identity is complete by definition")]
pub struct ObjectRef {
    /// What it is.
    pub kind: Kind,
    /// Where it lives; empty for a cluster-wide kind.
    pub namespace: Arc<str>,
    /// What it is called.
    pub name: Arc<str>,
}

impl ObjectRef {
    /// Names an object.
    ///
    /// ```
    /// use ingress_core::object::{Kind, ObjectRef};
    /// assert_eq!(ObjectRef::new(Kind::Ingress, "shop", "cafe").to_string(), "Ingress shop/cafe");
    /// ```
    #[must_use]
    pub fn new(kind: Kind, namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }

    /// `namespace/name`, or the bare name of a cluster-wide object.
    #[must_use]
    pub fn path(&self) -> String {
        if self.namespace.is_empty() { self.name.to_string() } else { format!("{}/{}", self.namespace, self.name) }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.path())
    }
}

/// A place inside an object, written as the API server writes it: `spec.rules[0].http.paths[1].path`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(Repr);

/// Every route carries a field path, so the common one is two numbers instead of a string, and strings stand behind pointers
/// that are no larger than those.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Repr {
    Named(&'static &'static str),
    RulePath { rule: u32, path: u32 },
    Text(Box<Box<str>>),
}

impl FieldPath {
    /// A path that is known when the program is written.
    ///
    /// ```
    /// use ingress_core::object::FieldPath;
    /// assert_eq!(FieldPath::named(&"spec.defaultBackend").to_string(), "spec.defaultBackend");
    /// ```
    #[must_use]
    pub const fn named(path: &'static &'static str) -> Self {
        Self(Repr::Named(path))
    }

    /// `spec.rules[rule].http.paths[path]`.
    #[must_use]
    pub fn rule_path(rule: usize, path: usize) -> Self {
        match (u32::try_from(rule), u32::try_from(path)) {
            (Ok(rule), Ok(path)) => Self(Repr::RulePath { rule, path }),
            _ => Self::text(format!("spec.rules[{rule}].http.paths[{path}]")),
        }
    }

    /// A path put together at run time.
    #[must_use]
    pub fn text(path: impl Into<Box<str>>) -> Self {
        Self(Repr::Text(Box::new(path.into())))
    }

    /// This path with `.suffix` behind it.
    #[must_use]
    pub fn join(&self, suffix: &str) -> Self {
        Self::text(format!("{self}.{suffix}"))
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Named(text) => f.write_str(text),
            Repr::RulePath { rule, path } => write!(f, "spec.rules[{rule}].http.paths[{path}]"),
            Repr::Text(text) => f.write_str(text),
        }
    }
}

/// Where a rule, a certificate or a default backend was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a place is an object and a field, nothing more")]
pub struct Origin {
    /// The object that says it.
    pub object: Arc<ObjectRef>,
    /// The field of that object.
    pub field: FieldPath,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.object, self.field)
    }
}
