//! What becomes of a request.

use std::borrow::Cow;
use std::sync::Arc;

use crate::path::PathPolicy;
use crate::policy::{Backend, DefaultBackend, Endpoint, Redirect, Route, VirtualHost};
use crate::request::{BadRequest, RequestView};

/// What becomes of a request, in full: a proxy, a foreign gateway and a simulator that follow it behave alike.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "an adapter that ignored a variant would misroute")]
pub enum Decision<'s> {
    /// It goes to a backend.
    Forward(Forward<'s>),
    /// The client is sent elsewhere.
    Redirect(Redirected<'s>),
    /// The engine answers, by a rule or because there is none.
    Respond(Response<'s>),
    /// A rule matched that cannot be honoured, so the request must not pass.
    Refuse(Response<'s>),
}

/// A request that goes to a backend.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Forward<'s> {
    /// The backend, which is up.
    pub backend: &'s Backend,
    /// The rule.
    pub matched: Matched<'s>,
    /// How the path was made canonical, and so what is sent upstream.
    pub path_policy: PathPolicy,
}

impl<'s> Forward<'s> {
    /// The endpoints to choose from; none where the input names no endpoints at all.
    #[must_use]
    pub fn endpoints(&self) -> Option<&'s [Endpoint]> {
        self.backend.availability.endpoints()
    }

    /// The request target that is sent upstream, for the request that was decided on.
    #[must_use]
    pub fn upstream_target<'r>(&self, request: &'r RequestView<'_>) -> Cow<'r, [u8]> {
        // Of a request that was forwarded the path was not refused.
        request.canonical_target(self.path_policy).unwrap_or(Cow::Borrowed(b"/"))
    }
}

/// A request that is answered with a redirect.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Redirected<'s> {
    /// Status and Location.
    pub redirect: &'s Redirect,
    /// The rule.
    pub matched: Matched<'s>,
}

/// A request that is answered without a backend.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Response<'s> {
    /// The HTTP status.
    pub status: u16,
    /// Why, in kebab case.
    pub reason: &'static str,
    /// The rule, where one matched.
    pub matched: Option<Matched<'s>>,
}

/// The rule that decided.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is no third place for a rule")]
pub enum Matched<'s> {
    /// A path of a host.
    Route {
        /// The host; clone it to keep the route beyond the snapshot.
        host: &'s Arc<VirtualHost>,
        /// The route, which is one of the host's.
        route: &'s Route,
    },
    /// The default backend.
    Default(&'s DefaultBackend),
}

impl PartialEq for Matched<'_> {
    /// Whether it is the same rule, not merely one that says the same.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Route { route: a, .. }, Self::Route { route: b, .. }) => a.origin == b.origin && a.path == b.path,
            (Self::Default(a), Self::Default(b)) => a.origin == b.origin,
            _ => false,
        }
    }
}

/// Reasons that the engine itself gives.
pub(crate) mod reason {
    pub(crate) const NO_HOST: &str = "no-host";
    pub(crate) const NO_PATH: &str = "no-path";
    pub(crate) const NO_ENDPOINTS: &str = "no-endpoints";
    pub(crate) const OPTIONS_ASTERISK: &str = "options-asterisk";
}

impl Decision<'_> {
    /// The answer to a request that could not even be looked at.
    #[must_use]
    pub fn bad_request(bad: BadRequest) -> Decision<'static> {
        Decision::respond(bad.status(), bad.as_str(), None)
    }

    /// The status that answers the request, unless a backend will.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Forward(_) => None,
            Self::Redirect(redirected) => Some(redirected.redirect.status),
            Self::Respond(response) | Self::Refuse(response) => Some(response.status),
        }
    }
}

impl<'s> Decision<'s> {
    pub(crate) fn respond(status: u16, reason: &'static str, matched: Option<Matched<'s>>) -> Self {
        Self::Respond(Response { status, reason, matched })
    }

    /// The rule that decided, where one matched.
    #[must_use]
    pub fn matched(&self) -> Option<Matched<'s>> {
        match self {
            Self::Forward(forward) => Some(forward.matched),
            Self::Redirect(redirected) => Some(redirected.matched),
            Self::Respond(response) | Self::Refuse(response) => response.matched,
        }
    }
}

/// The decision for a backend: forward if it is up.
pub(crate) fn toward<'s>(backend: &'s Backend, matched: Matched<'s>, path_policy: PathPolicy) -> Decision<'s> {
    if backend.availability.is_up() {
        Decision::Forward(Forward { backend, matched, path_policy })
    } else {
        Decision::respond(503, reason::NO_ENDPOINTS, Some(matched))
    }
}

/// The decision for a target that is not a backend; none for one that is.
pub(crate) fn fixed<'s>(target: &'s crate::policy::Target, matched: Matched<'s>) -> Option<Decision<'s>> {
    use crate::policy::Target;
    match target {
        Target::Backend(_) => None,
        Target::Redirect(redirect) => Some(Decision::Redirect(Redirected { redirect, matched })),
        Target::Respond(response) => Some(Decision::respond(response.status, response.reason, Some(matched))),
        Target::Invalid(response) => Some(Decision::Refuse(Response {
            status: response.status,
            reason: response.reason,
            matched: Some(matched),
        })),
    }
}
