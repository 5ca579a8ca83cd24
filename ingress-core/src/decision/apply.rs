//! The order in which a request meets what stands between its host and its backend.
//!
//! It is that of nginx's phases as ingress-nginx fills them: redirects come before access lists, access lists before
//! authentication.

use std::sync::Arc;

use super::{Decision, Forward, Matched, Redirected, Response, Via, access, canary, client, reason, response};
use crate::path::PathPolicy;
use crate::policy::{
    Backend, BackendRef, DefaultBackend, Filters, HostSettings, Location, Route, RoutePolicy, Target, VirtualHost,
};
use crate::request::RequestView;

/// What a decision depends on beside host and route.
pub(crate) trait World<'s> {
    /// What is known of a backend.
    fn backend(&self, reference: &Arc<BackendRef>) -> Option<&'s Backend>;
    /// Whether a certificate is registered for a name, or for all names under its parent.
    fn has_certificate(&self, host: &str) -> bool;
    /// The host whose settings a TLS handshake for a name is made with; an empty name is none.
    fn handshake_host(&self, name: &str) -> Option<&'s Arc<VirtualHost>>;
}

/// Where a request has got to.
#[derive(Clone, Copy)]
pub(crate) struct Place<'s> {
    pub(crate) host: &'s Arc<VirtualHost>,
    /// The place of the route among the host's.
    pub(crate) number: usize,
    pub(crate) route: &'s Route,
    pub(crate) is_counted: bool,
    /// What is known of the backend that the route names.
    pub(crate) backend: Option<&'s Backend>,
}

impl<'s> Place<'s> {
    fn matched(self) -> Matched<'s> {
        Matched::Route { host: self.host, place: self.number, is_counted: self.is_counted }
    }
}

/// What the host itself answers, before its routes are looked at.
pub(crate) fn at_host<'s>(
    host: &'s Arc<VirtualHost>,
    settings: &'s HostSettings,
    request: &RequestView<'_>,
    path: &[u8],
) -> Option<Decision<'s>> {
    // A connection that is handed on as it is never shows its requests.
    if settings.passthrough.is_some() && request.is_tls() {
        return None;
    }
    if let Some(certificate) = &settings.client_certificate
        && let Some((status, reason)) = access::client_certificate(certificate, request)
    {
        let matched = Matched::Host { host, origin: &certificate.origin };
        // nginx has statuses of its own for these, 495 and 496, and pages for them alone.
        let page = certificate.error_page.as_ref().filter(|_| status == 400);
        return Some(match page {
            Some(redirect) => Decision::Redirect(Redirected { redirect, matched }),
            None => Decision::respond(status, reason, Some(matched)),
        });
    }
    let app_root = settings.app_root.as_ref().filter(|_| path == b"/")?;
    let matched = Matched::Host { host, origin: &app_root.origin };
    Some(Decision::Redirect(Redirected { redirect: &app_root.redirect, matched }))
}

/// What becomes of a request that a route with a policy takes.
pub(crate) fn at_route<'s>(
    world: &impl World<'s>,
    place: Place<'s>,
    policy: &'s RoutePolicy,
    request: &RequestView<'_>,
) -> Decision<'s> {
    let matched = place.matched();
    let (filters, target, settings) = (&*policy.filters, &place.route.target, place.host.settings());
    let respond = |status, reason| Decision::respond(status, reason, Some(matched));
    if let Some((status, reason)) = at_once(filters, request) {
        return respond(status, reason);
    }
    match target {
        Target::Redirect(redirect) if matches!(redirect.location, Location::WithSlash { .. }) => {
            return Decision::Redirect(Redirected { redirect, matched });
        }
        Target::Invalid(response) => {
            let (status, reason) = (response.status, response.reason);
            return Decision::Refuse(Response { status, reason, matched: Some(matched) });
        }
        _ => {}
    }
    if let Some(cors) = &filters.cors
        && request.method() == "OPTIONS"
        && response::is_allowed_origin(cors, request)
    {
        return respond(204, reason::CORS_PREFLIGHT);
    }
    if let Target::Redirect(redirect) = target {
        return Decision::Redirect(Redirected { redirect, matched });
    }
    if let Some(tls) = &filters.tls_redirect
        && !client::is_https(&filters.access.client, request)
        && (tls.force || world.has_certificate(request.host()))
    {
        return Decision::Redirect(Redirected { redirect: &tls.redirect, matched });
    }
    let path_policy = place.host.path_policy();
    let chosen = match target {
        Target::Backend(_) => match choose(world, place.backend, policy, request) {
            Some(chosen) => Some(chosen),
            None => return respond(503, reason::NO_ENDPOINTS),
        },
        _ => None,
    };
    let refused = settings
        .and_then(|settings| settings.client_certificate.as_ref())
        .and_then(|certificate| access::without_tls(certificate, request))
        .or_else(|| access::refuse(&filters.access, request));
    if let Some((status, reason)) = refused {
        return respond(status, reason);
    }
    match (chosen, target) {
        (Some((backend, via)), _) => {
            Decision::Forward(Forward { backend, matched, path_policy, policy: Some(policy), via })
        }
        (None, Target::Respond(fixed)) => respond(fixed.status, fixed.reason),
        // The other targets have been answered above.
        (None, _) => respond(503, reason::NO_ENDPOINTS),
    }
}

/// What is refused before it is looked at where a request goes.
fn at_once(filters: &Filters, request: &RequestView<'_>) -> Option<(u16, &'static str)> {
    if let Some(limit) = filters.body_limit
        && request.declared_length().is_some_and(|length| length > limit)
    {
        return Some((413, reason::BODY_TOO_LARGE));
    }
    access::is_blocked(&filters.access, request).then_some((403, reason::HEADER_BLOCKED))
}

/// What becomes of a request that the controller's own default backend takes. It has no rule that could say more.
pub(crate) fn at_default<'s>(
    default: &'s DefaultBackend,
    policy: &'s RoutePolicy,
    backend: Option<&'s Backend>,
    request: &RequestView<'_>,
) -> Decision<'s> {
    let matched = Matched::Default(default);
    let respond = |status, reason| Decision::respond(status, reason, Some(matched));
    if let Some((status, reason)) = at_once(&policy.filters, request) {
        return respond(status, reason);
    }
    if let Some(decision) = super::fixed(&default.target, matched) {
        return decision;
    }
    let Some(backend) = backend.filter(|backend| backend.availability.is_up()) else {
        return respond(503, reason::NO_ENDPOINTS);
    };
    match access::refuse(&policy.filters.access, request) {
        Some((status, reason)) => respond(status, reason),
        None => {
            let path_policy = default.path_policy;
            Decision::Forward(Forward { backend, matched, path_policy, policy: Some(policy), via: Via::Route })
        }
    }
}

/// The backend that a request goes to: the route's, its canary, or what stands in for it; none if none is up.
fn choose<'s>(
    world: &impl World<'s>,
    primary: Option<&'s Backend>,
    policy: &'s RoutePolicy,
    request: &RequestView<'_>,
) -> Option<(&'s Backend, Via<'s>)> {
    let is_up = |backend: &&Backend| backend.availability.is_up();
    let Some(primary) = primary.filter(is_up) else {
        let fallback = policy.filters.fallback.as_ref().and_then(|fallback| world.backend(fallback));
        return fallback.filter(is_up).map(|backend| (backend, Via::Fallback));
    };
    if let Some(canary) = primary.policy.as_deref().and_then(|upstream| upstream.canary.as_ref())
        && let Some(backend) = world.backend(&canary.backend).filter(is_up)
        && let Some(by) = canary::takes(canary, primary, backend, request)
    {
        return Some((backend, Via::Canary(canary, by)));
    }
    Some((primary, Via::Route))
}

/// The route that TLS connections to a host are handed to as they are: that of `/`.
pub(crate) fn passed_through(host: &VirtualHost, request: &RequestView<'_>) -> Option<usize> {
    host.settings().filter(|settings| settings.passthrough.is_some() && request.is_tls())?;
    host.routes().iter().position(|route| route.path.as_str() == "/")
}

/// What becomes of such a connection.
pub(crate) fn pass_through(place: Place<'_>) -> Decision<'_> {
    let matched = place.matched();
    if let Some(decision) = super::fixed(&place.route.target, matched) {
        return decision;
    }
    let Some(backend) = place.backend else { return Decision::respond(503, reason::NO_ENDPOINTS, Some(matched)) };
    match super::toward(backend, matched, PathPolicy::Nginx) {
        Decision::Forward(forward) => Decision::Forward(Forward { via: Via::Passthrough, ..forward }),
        other => other,
    }
}
