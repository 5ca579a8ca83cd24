//! A host and what its paths lead to.

use std::sync::Arc;

use super::{BackendRef, Precedence};
use crate::host::HostPattern;
use crate::object::Origin;
use crate::path::{PathPattern, PathPolicy};

/// One path of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct Route {
    /// Which requests of the host it takes.
    pub path: PathPattern,
    /// What becomes of them.
    pub target: Target,
    /// Where it was written.
    pub origin: Origin,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an adapter that ignored a variant would misroute")]
pub enum Target {
    /// It goes to a Service port.
    Backend(Arc<BackendRef>),
    /// The client is sent elsewhere.
    Redirect(Box<Redirect>),
    /// The engine answers.
    Respond(FixedResponse),
    /// The rule asks for something that cannot be honoured, so it answers with an error instead of doing half of it.
    Invalid(FixedResponse),
}

/// A redirect to a fixed place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct Redirect {
    /// A status of the 300s.
    pub status: u16,
    /// The `Location` header.
    pub location: Box<str>,
}

/// An answer that needs no backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct FixedResponse {
    /// The HTTP status.
    pub status: u16,
    /// Why, in kebab case.
    pub reason: &'static str,
}

/// A rule that another one with the same host, path and type keeps from ever answering.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Shadowed {
    /// The rule that lost.
    pub route: Route,
    /// Where the rule that won was written.
    pub winner: Origin,
    /// What decided.
    pub reason: ShadowReason,
}

/// What decided between two rules that are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShadowReason {
    /// The winner's object is older.
    Older,
    /// The objects are of one age and the winner's name is the lesser.
    LesserName,
    /// Both are in one object and the winner stands first.
    EarlierInObject,
}

impl ShadowReason {
    /// A clause that follows "because".
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Older => "its object is older",
            Self::LesserName => "its object comes first by namespace and name",
            Self::EarlierInObject => "it stands first in the object",
        }
    }
}

/// One host with its routes in order of preference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualHost {
    pattern: HostPattern,
    path_policy: PathPolicy,
    routes: Box<[Route]>,
    shadowed: Box<[Shadowed]>,
}

impl VirtualHost {
    /// A host of these routes. They are put in order; of two with equal precedence the earlier one is kept.
    #[must_use]
    pub fn new(pattern: HostPattern, path_policy: PathPolicy, mut routes: Vec<Route>, shadowed: Vec<Shadowed>) -> Self {
        routes.sort_by(|a, b| Precedence::new(&pattern, &b.path).cmp(&Precedence::new(&pattern, &a.path)));
        routes.dedup_by(|later, earlier| later.path == earlier.path);
        Self { pattern, path_policy, routes: routes.into(), shadowed: shadowed.into() }
    }

    /// The requests' host.
    #[must_use]
    pub fn pattern(&self) -> &HostPattern {
        &self.pattern
    }

    /// How the paths of its requests are made canonical.
    #[must_use]
    pub fn path_policy(&self) -> PathPolicy {
        self.path_policy
    }

    /// The routes, most preferred first: the first that matches is the one that answers.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The rules that lost to one that is the same.
    #[must_use]
    pub fn shadowed(&self) -> &[Shadowed] {
        &self.shadowed
    }
}

/// What takes the requests that no rule takes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct DefaultBackend {
    /// What becomes of them.
    pub target: Target,
    /// The `spec.defaultBackend` that says so; none when it is the controller's option.
    pub origin: Option<Origin>,
    /// How paths that reach it by no host are made canonical.
    pub path_policy: PathPolicy,
}
