//! A host and what its paths lead to.

use std::sync::Arc;

use super::{BackendRef, HostSettings, Precedence, Redirect, RoutePolicy};
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
    /// The connections whose requests it takes.
    pub schemes: Schemes,
    /// What is done with requests on their way; none does nothing.
    pub policy: Option<Arc<RoutePolicy>>,
}

impl Route {
    /// A route for all connections that does nothing with its requests but send them on.
    #[must_use]
    pub fn new(path: PathPattern, target: Target, origin: Origin) -> Self {
        Self { path, target, origin, schemes: Schemes::All, policy: None }
    }

    /// Whether no path of the object's rules is behind it, but the object's or the host's default.
    #[must_use]
    pub fn is_implicit(&self) -> bool {
        let field = self.origin.field.to_string();
        field == "spec.defaultBackend" || field.ends_with("].host")
    }
}

/// Connections by their protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third protocol")]
pub enum Schemes {
    /// Both.
    #[default]
    All,
    /// Plain text.
    Http,
    /// TLS.
    Https,
}

impl Schemes {
    /// Whether connections of this kind are meant.
    #[must_use]
    pub fn contains(self, tls: bool) -> bool {
        match self {
            Self::All => true,
            Self::Http => !tls,
            Self::Https => tls,
        }
    }

    /// Whether some connection is among both.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        [false, true].iter().any(|tls| self.contains(*tls) && other.contains(*tls))
    }

    /// What is left of these without others; none if nothing is.
    pub(crate) fn without(self, others: impl Iterator<Item = Self>) -> Option<Self> {
        let (mut plain, mut tls) = (self.contains(false), self.contains(true));
        for other in others {
            plain &= !other.contains(false);
            tls &= !other.contains(true);
        }
        match (plain, tls) {
            (true, true) => Some(Self::All),
            (true, false) => Some(Self::Http),
            (false, true) => Some(Self::Https),
            (false, false) => None,
        }
    }
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
    Respond(Box<FixedResponse>),
    /// The rule asks for something that cannot be honoured, so it answers with an error instead of doing half of it.
    Invalid(Box<FixedResponse>),
}

impl Target {
    /// An answer of the engine.
    #[must_use]
    pub fn respond(status: u16, reason: &'static str) -> Self {
        Self::Respond(Box::new(FixedResponse { status, reason }))
    }

    /// An error in place of what cannot be honoured.
    #[must_use]
    pub fn invalid(status: u16, reason: &'static str) -> Self {
        Self::Invalid(Box::new(FixedResponse { status, reason }))
    }
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
    /// The objects are of one age and the winner's name is the greater, as ingress-nginx sorts.
    GreaterName,
    /// Both are in one object and the winner stands first.
    EarlierInObject,
    /// The winner comes first in the order of the objects and of their rules.
    Earlier,
    /// The winner is the default backend of an Ingress without rules.
    CatchAll,
}

impl ShadowReason {
    /// A clause that follows "because".
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Older => "its object is older",
            Self::LesserName => "its object comes first by namespace and name",
            Self::GreaterName => "its object comes last by namespace and name",
            Self::EarlierInObject => "it stands first in the object",
            Self::Earlier => "it comes first in the order of the objects",
            Self::CatchAll => "it is the default backend of an Ingress without rules",
        }
    }
}

/// One host with its routes in order of preference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualHost {
    pattern: HostPattern,
    path_policy: PathPolicy,
    is_split: bool,
    is_plain: bool,
    routes: Box<[Route]>,
    /// What most hosts have nothing of; none then.
    beside: Option<Box<Beside>>,
}

/// What a host has beside its routes, of which there is something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Beside {
    shadowed: Box<[Shadowed]>,
    settings: Option<HostSettings>,
}

impl VirtualHost {
    /// A host of these routes. They are put in order; of two with equal precedence the earlier one is kept.
    #[must_use]
    pub fn new(pattern: HostPattern, path_policy: PathPolicy, mut routes: Vec<Route>, shadowed: Vec<Shadowed>) -> Self {
        routes.sort_by(|a, b| Precedence::new(&pattern, &b.path).cmp(&Precedence::new(&pattern, &a.path)));
        routes.dedup_by(|later, earlier| {
            later.path == earlier.path && (later.schemes == earlier.schemes || earlier.schemes == Schemes::All)
        });
        Self::with(pattern, path_policy, routes.into(), Beside { shadowed: shadowed.into(), settings: None })
    }

    /// A host of routes that are in order.
    fn with(pattern: HostPattern, path_policy: PathPolicy, routes: Box<[Route]>, beside: Beside) -> Self {
        let is_split = routes.iter().any(|route| route.schemes != Schemes::All);
        let is_plain = !is_split && beside.settings.is_none() && routes.iter().all(|route| route.policy.is_none());
        let beside = (beside != Beside::default()).then(|| Box::new(beside));
        Self { pattern, path_policy, is_split, is_plain, routes, beside }
    }

    /// The host with settings.
    #[must_use]
    pub fn with_settings(self, settings: HostSettings) -> Self {
        let beside = self.beside.map(|beside| *beside).unwrap_or_default();
        let settings = (settings != HostSettings::default()).then_some(settings);
        Self::with(self.pattern, self.path_policy, self.routes, Beside { settings, ..beside })
    }

    /// The host under another name.
    #[must_use]
    pub fn alias(&self, pattern: HostPattern) -> Self {
        let mut settings = self.settings().cloned().unwrap_or_default();
        settings.alias_of = Some(self.pattern.clone());
        Self { pattern, ..self.clone() }.with_settings(settings)
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

    /// The routes, to put equal parts of them in one place of memory.
    pub(crate) fn routes_mut(&mut self) -> &mut [Route] {
        &mut self.routes
    }

    /// The routes, most preferred first: the first that matches is the one that answers.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// What the host has beside its routes.
    #[must_use]
    pub fn settings(&self) -> Option<&HostSettings> {
        self.beside.as_deref().and_then(|beside| beside.settings.as_ref())
    }

    /// Whether plain-text and TLS connections have different routes.
    #[must_use]
    pub fn is_split(&self) -> bool {
        self.is_split
    }

    /// Whether there is nothing to see to but paths: neither settings nor policies, nor connections told apart.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Whether the host is there for connections of this kind: one of its routes is, or it has none at all.
    #[must_use]
    pub fn serves(&self, tls: bool) -> bool {
        !self.is_split || self.routes.iter().any(|route| route.schemes.contains(tls))
    }

    /// The rules that lost to one that is the same.
    #[must_use]
    pub fn shadowed(&self) -> &[Shadowed] {
        self.beside.as_deref().map_or(&[], |beside| &beside.shadowed)
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
    /// What the controller does with all requests, where there is no Ingress to say more.
    pub policy: Option<Arc<RoutePolicy>>,
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;
    use crate::policy::Backend;

    /// There are millions of them, and what few have must not make all of them larger.
    #[test]
    fn what_there_is_much_of_stays_small() {
        let sizes = [size_of::<Route>(), size_of::<BackendRef>(), size_of::<Backend>(), size_of::<VirtualHost>()];
        assert!(sizes.iter().zip([80, 56, 56, 56]).all(|(size, limit)| *size <= limit), "{sizes:?}");
    }
}
