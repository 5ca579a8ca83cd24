//! What becomes of a request.
//!
//! Which route takes a request is found elsewhere, by an index or by looking at all of them. What happens then stands here,
//! once: the evaluators differ in how they search and in nothing else.

mod access;
mod apply;
mod canary;
mod client;
mod cookie;
mod handshake;
mod location;
mod response;
mod short;
mod template;
mod upstream;

use std::sync::Arc;

pub(crate) use self::apply::{Place, World, at_default, at_host, at_route, pass_through, passed_through};
pub use self::canary::CanaryBy;
pub use self::client::client_behind;
pub(crate) use self::handshake::{Handshake, server_name};
pub use self::response::Header;
use crate::host::HostPattern;
use crate::object::Origin;
use crate::path::PathPolicy;
use crate::policy::{
    Affinity, Backend, Canary, DefaultBackend, Endpoint, Filters, HostSettings, Redirect, Route, RoutePolicy, Target,
    UpstreamSettings, VirtualHost,
};
use crate::request::BadRequest;

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
    /// What is done with the request on its way; none sends it on as it is.
    pub policy: Option<&'s RoutePolicy>,
    /// How the backend was chosen.
    pub via: Via<'s>,
}

/// How a backend was chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "an adapter that ignored a variant would misroute")]
pub enum Via<'s> {
    /// The route names it.
    Route,
    /// A canary takes the request in place of the backend that the route names.
    Canary(&'s Canary, CanaryBy),
    /// It stands in for the route's own, which has no endpoints.
    Fallback,
    /// The host hands TLS connections to it as they are.
    Passthrough,
}

impl<'s> Forward<'s> {
    /// The endpoints to choose from; none where the input names no endpoints at all.
    #[must_use]
    pub fn endpoints(&self) -> Option<&'s [Endpoint]> {
        self.backend.availability.endpoints()
    }

    /// What is done with the request on its way.
    #[must_use]
    pub fn filters(&self) -> Option<&'s Filters> {
        self.policy.map(|policy| &*policy.filters)
    }

    /// What the host has beside its routes.
    #[must_use]
    pub fn settings(&self) -> Option<&'s HostSettings> {
        match self.matched {
            Matched::Route { host, .. } | Matched::Host { host, .. } => host.settings(),
            Matched::Default(_) => None,
        }
    }

    /// The canary that takes the request, and by which rule.
    #[must_use]
    pub fn canary(&self) -> Option<(&'s Canary, CanaryBy)> {
        match self.via {
            Via::Canary(canary, by) => Some((canary, by)),
            _ => None,
        }
    }

    /// The cookie that brings a client back to its endpoint.
    #[must_use]
    pub fn affinity(&self) -> Option<&'s Arc<Affinity>> {
        self.policy?;
        match self.via {
            Via::Canary(canary, _) if !canary.rule.has_own_affinity => canary.affinity.as_ref(),
            _ => self.sharing()?.affinity.as_ref(),
        }
    }

    /// Whether clients are told of it: only on the paths of Ingresses that ask for it. On others a cookie from there counts too.
    #[must_use]
    pub fn sets_affinity_cookie(&self) -> bool {
        // A canary with affinity of its own has it from its own Ingress.
        let is_own = self.canary().is_some_and(|(canary, _)| canary.rule.has_own_affinity);
        is_own || self.filters().is_some_and(|filters| filters.response.affinity_cookie)
    }

    /// How the endpoints share their requests.
    #[must_use]
    pub fn sharing(&self) -> Option<&'s UpstreamSettings> {
        // Only routes with a policy are of a dialect that shares anything.
        self.policy.and(self.backend.policy.as_deref()).map(|policy| &*policy.settings)
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
        /// The place of the route among the host's. What it says is looked at by those only who need it.
        place: usize,
        /// Whether its requests are counted apart from those of others ([`Options::counted_routes`](crate::lower::Options)).
        is_counted: bool,
    },
    /// A setting of a host, which its paths do not matter to.
    Host {
        /// The host.
        host: &'s Arc<VirtualHost>,
        /// Where it was written.
        origin: &'s Origin,
    },
    /// The default backend.
    Default(&'s DefaultBackend),
}

impl<'s> Matched<'s> {
    /// The host, where one was chosen.
    #[must_use]
    pub fn host(&self) -> Option<&'s HostPattern> {
        match self {
            Self::Route { host, .. } | Self::Host { host, .. } => Some(host.pattern()),
            Self::Default(_) => None,
        }
    }

    /// The route, where a path of a host was chosen.
    #[must_use]
    pub fn route(&self) -> Option<&'s Route> {
        match self {
            Self::Route { host, place, .. } => host.routes().get(*place),
            Self::Host { .. } | Self::Default(_) => None,
        }
    }

    /// What the rule leads to; a setting of a host leads nowhere.
    #[must_use]
    pub fn target(&self) -> Option<&'s Target> {
        match self {
            Self::Route { .. } => self.route().map(|route| &route.target),
            Self::Host { .. } => None,
            Self::Default(default) => Some(&default.target),
        }
    }

    /// Where the rule was written; none for a default backend that is named by an option.
    #[must_use]
    pub fn origin(&self) -> Option<&'s Origin> {
        match self {
            Self::Route { .. } => self.route().map(|route| &route.origin),
            Self::Host { origin, .. } => Some(origin),
            Self::Default(default) => default.origin.as_ref(),
        }
    }

    /// What is done with requests beside forwarding them.
    #[must_use]
    pub fn policy(&self) -> Option<&'s Arc<RoutePolicy>> {
        match self {
            Self::Default(default) => default.policy.as_ref(),
            _ => self.route()?.policy.as_ref(),
        }
    }

    /// The filters of the route.
    #[must_use]
    pub fn filters(&self) -> Option<&'s Filters> {
        self.policy().map(|policy| &*policy.filters)
    }
}

impl PartialEq for Matched<'_> {
    /// Whether it is the same rule, not merely one that says the same.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Route { .. }, Self::Route { .. }) => {
                self.route().map(|route| (&route.origin, &route.path))
                    == other.route().map(|route| (&route.origin, &route.path))
            }
            (Self::Host { origin: a, .. }, Self::Host { origin: b, .. }) => a == b,
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
    pub(crate) const CORS_PREFLIGHT: &str = "cors-preflight";
    pub(crate) const BODY_TOO_LARGE: &str = "body-too-large";
    pub(crate) const MISDIRECTED: &str = "misdirected";
    pub(crate) const CERTIFICATE_MISSING: &str = "client-certificate-missing";
    pub(crate) const CERTIFICATE_INVALID: &str = "client-certificate-invalid";
    pub(crate) const CERTIFICATE_UNAUTHORIZED: &str = "client-certificate-unauthorized";
    pub(crate) const HEADER_BLOCKED: &str = "header-blocked";
    pub(crate) const ADDRESS_DENIED: &str = "address-denied";
    pub(crate) const ADDRESS_NOT_ALLOWED: &str = "address-not-allowed";
    pub(crate) const ADDRESS_UNKNOWN: &str = "address-unknown";
    pub(crate) const CREDENTIALS_MISSING: &str = "credentials-missing";
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

/// The decision for a backend that nothing stands in front of: forward if it is up.
#[inline]
pub(crate) fn toward<'s>(backend: &'s Backend, matched: Matched<'s>, path_policy: PathPolicy) -> Decision<'s> {
    if backend.availability.is_up() {
        Decision::Forward(Forward { backend, matched, path_policy, policy: None, via: Via::Route })
    } else {
        Decision::respond(503, reason::NO_ENDPOINTS, Some(matched))
    }
}

/// The decision for a target that is not a backend; none for one that is.
pub(crate) fn fixed<'s>(target: &'s Target, matched: Matched<'s>) -> Option<Decision<'s>> {
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
