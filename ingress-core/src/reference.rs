//! The slow, obvious evaluator: look at everything, keep what matches, take the greatest.
//!
//! It is the specification to read, the other half of every differential test, and what explains a decision, because an
//! index never visits the losers. It uses no index.

use std::borrow::Cow;
use std::sync::Arc;

use crate::decision::{self, Decision, Handshake, Matched, Place, World, reason};
use crate::explain::{Explanation, Note, Outcome, Step, WhyNot};
use crate::host::{HostPattern, without_first_label};
use crate::path::PathPolicy;
use crate::policy::{
    Backend, BackendRef, DefaultBackend, Precedence, PrecedenceField, Route, RouteTable, Target, VirtualHost,
};
use crate::request::{BadRequest, RequestView};

/// What the evaluator reads: a table, or a snapshot that can show its parts like one.
pub(crate) trait Parts {
    /// All hosts, in any order.
    fn hosts(&self) -> Vec<&Arc<VirtualHost>>;
    /// What takes the rest.
    fn default_backend(&self) -> Option<&DefaultBackend>;
    /// What is known of a backend.
    fn backend(&self, reference: &Arc<BackendRef>) -> Option<&Backend>;
    /// How paths are made canonical where no host says so.
    fn path_policy(&self) -> PathPolicy;
    /// Whether a certificate is registered for a name or a pattern.
    fn is_registered(&self, pattern: &HostPattern) -> bool;
}

/// What decisions depend on, seen through the parts.
struct Seen<'s, P>(&'s P);

impl<'s, P: Parts> World<'s> for Seen<'s, P> {
    fn backend(&self, reference: &Arc<BackendRef>) -> Option<&'s Backend> {
        self.0.backend(reference)
    }

    fn has_certificate(&self, host: &str) -> bool {
        let exact = HostPattern::for_certificate(host);
        let wildcard = || HostPattern::for_certificate(&format!("*.{}", without_first_label(host)?)).ok();
        exact.is_ok_and(|exact| self.0.is_registered(&exact)) || wildcard().is_some_and(|it| self.0.is_registered(&it))
    }

    fn handshake_host(&self, name: &str) -> Option<&'s Arc<VirtualHost>> {
        most_specific(self.0, name, true)
    }
}

impl Parts for RouteTable {
    fn hosts(&self) -> Vec<&Arc<VirtualHost>> {
        self.hosts.values().collect()
    }

    fn default_backend(&self) -> Option<&DefaultBackend> {
        self.default_backend.as_deref()
    }

    fn backend(&self, reference: &Arc<BackendRef>) -> Option<&Backend> {
        self.backends.get(reference).map(|backend| &**backend)
    }

    fn path_policy(&self) -> PathPolicy {
        self.path_policy
    }

    fn is_registered(&self, pattern: &HostPattern) -> bool {
        self.certificates.contains_key(pattern)
    }
}

/// Decides a request by looking at every rule of a table.
///
/// The table lists every backend that its routes name; one from [`crate::lower::lower`] does.
#[must_use]
pub fn decide<'s>(table: &'s RouteTable, request: &RequestView<'_>) -> Decision<'s> {
    evaluate(table, request)
}

/// Decides a request and says of every candidate why it did or did not answer.
#[must_use]
pub fn explain<'s>(table: &'s RouteTable, request: &RequestView<'_>) -> Explanation<'s> {
    explain_parts(table, request)
}

fn evaluate<'s>(parts: &'s impl Parts, request: &RequestView<'_>) -> Decision<'s> {
    if request.is_asterisk() {
        return Decision::respond(204, reason::OPTIONS_ASTERISK, None);
    }
    let world = Seen(parts);
    match Handshake::of(&world, request) {
        Some(Handshake::Misdirected(matched)) => return Handshake::misdirected(matched),
        Some(Handshake::HandedOn(host)) => {
            return handed_on(parts, host, request).unwrap_or_else(|| Handshake::misdirected(None));
        }
        None => {}
    }
    let Some(host) = choose_host(parts, request) else {
        return default(parts, request, parts.path_policy(), reason::NO_HOST);
    };
    if let Some(decision) = handed_on(parts, host, request) {
        return decision;
    }
    let path = match request.path(host.path_policy()) {
        Ok(path) => path,
        Err(rejection) => return Decision::bad_request(BadRequest::Path(rejection)),
    };
    if let Some(settings) = host.settings()
        && let Some(decision) = decision::at_host(host, settings, request, path)
    {
        return decision;
    }
    let is_tls = request.is_tls();
    let takes = |route: &Route| route.schemes.contains(is_tls) && route.path.matches(path);
    let matching = host.routes().iter().enumerate().filter(|(_, route)| takes(route));
    let Some((number, route)) = matching.max_by_key(|(_, route)| Precedence::new(host.pattern(), &route.path)) else {
        return default(parts, request, host.path_policy(), reason::NO_PATH);
    };
    match &route.policy {
        Some(policy) => {
            let backend = backend_of(parts, &route.target);
            decision::at_route(&world, Place { host, number, route, is_counted: true, backend }, policy, request)
        }
        None => {
            let matched = Matched::Route { host, place: number, is_counted: true };
            decide_target(parts, &route.target, matched, host.path_policy())
        }
    }
}

/// Where the connection goes, if the host does not end TLS. Its requests are not looked at.
fn handed_on<'s>(parts: &'s impl Parts, host: &'s Arc<VirtualHost>, request: &RequestView<'_>) -> Option<Decision<'s>> {
    let number = decision::passed_through(host, request)?;
    let route = host.routes().get(number)?;
    let backend = backend_of(parts, &route.target);
    Some(decision::pass_through(Place { host, number, route, is_counted: true, backend }))
}

/// The most specific host that takes the request. It is final: if none of its paths matches, no other host is tried.
fn choose_host<'s>(parts: &'s impl Parts, request: &RequestView<'_>) -> Option<&'s Arc<VirtualHost>> {
    most_specific(parts, &name_of_host(parts, request), request.is_tls())
}

/// The name that the host is chosen by: the request's, unless the handshake has settled where the connection goes.
fn name_of_host<'r>(parts: &impl Parts, request: &'r RequestView<'_>) -> Cow<'r, str> {
    match Handshake::of(&Seen(parts), request) {
        Some(Handshake::HandedOn(_)) => decision::server_name(request).unwrap_or_default(),
        _ => request.host().into(),
    }
}

fn most_specific<'s>(parts: &'s impl Parts, name: &str, tls: bool) -> Option<&'s Arc<VirtualHost>> {
    let takes = |host: &&Arc<VirtualHost>| host.pattern().matches(name) && host.serves(tls);
    parts.hosts().into_iter().filter(takes).max_by(|a, b| a.pattern().preference().cmp(&b.pattern().preference()))
}

fn default<'s>(
    parts: &'s impl Parts,
    request: &RequestView<'_>,
    policy: PathPolicy,
    otherwise: &'static str,
) -> Decision<'s> {
    let default = parts.default_backend();
    let policy = default.map_or(policy, |default| default.path_policy);
    if let Err(rejection) = request.path(policy) {
        return Decision::bad_request(BadRequest::Path(rejection));
    }
    match default {
        Some(default) => match &default.policy {
            Some(policy) => decision::at_default(default, policy, backend_of(parts, &default.target), request),
            None => decide_target(parts, &default.target, Matched::Default(default), policy),
        },
        None => Decision::respond(404, otherwise, None),
    }
}

fn decide_target<'s>(
    parts: &'s impl Parts,
    target: &'s Target,
    matched: Matched<'s>,
    policy: PathPolicy,
) -> Decision<'s> {
    if let Some(backend) = backend_of(parts, target) {
        return decision::toward(backend, matched, policy);
    }
    decision::fixed(target, matched).unwrap_or_else(|| Decision::respond(503, reason::NO_ENDPOINTS, Some(matched)))
}

fn backend_of<'s>(parts: &'s impl Parts, target: &Target) -> Option<&'s Backend> {
    match target {
        Target::Backend(reference) => parts.backend(reference),
        _ => None,
    }
}

/// See [`explain`].
pub(crate) fn explain_parts<'s>(parts: &'s impl Parts, request: &RequestView<'_>) -> Explanation<'s> {
    let decision = evaluate(parts, request);
    if request.is_asterisk() {
        // It is about the server and not about any path, so there is no candidate.
        return Explanation { decision, host: None, steps: Vec::new(), other_hosts: 0, notes: Vec::new() };
    }
    let (chosen, name) = (choose_host(parts, request), name_of_host(parts, request));
    let mut hosts = parts.hosts();
    hosts.sort_by(|a, b| b.pattern().cmp(a.pattern()));
    let mut steps = Vec::new();
    let mut other_hosts = 0;
    for host in hosts {
        if host.pattern().matches(&name) {
            steps.extend(steps_of_host(host, chosen, request));
        } else {
            other_hosts += 1;
            if other_hosts <= Explanation::MAX_OTHER_HOSTS {
                let why = why_not_host(host.pattern(), &name);
                let not_matched = |route| Step { host, route, outcome: Outcome::NotMatched(why) };
                steps.extend(host.routes().iter().take(Explanation::MAX_ROUTES_OF_OTHER_HOST).map(not_matched));
            }
        }
    }
    // What answered first, then what might have, then the rest.
    steps.sort_by_key(|step| match step.outcome {
        Outcome::Chosen => 0,
        Outcome::Outranked { .. } => 1,
        Outcome::NotMatched(why) if !why.is_host() => 2,
        Outcome::NotMatched(_) => 3,
    });
    let chosen_host = chosen.map(|host| host.pattern());
    let notes = Note::of(&decision, chosen);
    Explanation { decision, host: chosen_host, steps, other_hosts, notes }
}

fn steps_of_host<'s>(
    host: &'s Arc<VirtualHost>,
    chosen: Option<&'s Arc<VirtualHost>>,
    request: &RequestView<'_>,
) -> Vec<Step<'s>> {
    let Ok(path) = request.path(host.path_policy()) else {
        let refused = |route| Step { host, route, outcome: Outcome::NotMatched(WhyNot::PathRefused) };
        return host.routes().iter().map(refused).collect();
    };
    let is_chosen = chosen.is_some_and(|chosen| chosen.pattern() == host.pattern());
    let winner = host
        .routes()
        .iter()
        .filter(|route| route.schemes.contains(request.is_tls()) && route.path.matches(path))
        .max_by_key(|route| Precedence::new(host.pattern(), &route.path));
    let outcome = |candidate: &Route| {
        let route = &candidate.path;
        if !candidate.schemes.contains(request.is_tls()) {
            return Outcome::NotMatched(WhyNot::Scheme);
        }
        if !route.matches(path) {
            return Outcome::NotMatched(WhyNot::of_path(route, path));
        }
        match (is_chosen, winner, chosen) {
            (false, _, Some(chosen)) => Outcome::Outranked {
                by: None,
                by_host: chosen.pattern(),
                because: PrecedenceField::Host,
                shadowed: None,
            },
            (_, Some(winner), _) if winner.path == *route => Outcome::Chosen,
            (_, Some(winner), _) => {
                let (theirs, ours) =
                    (Precedence::new(host.pattern(), &winner.path), Precedence::new(host.pattern(), route));
                let because = theirs.deciding_field(&ours).unwrap_or(PrecedenceField::Age);
                Outcome::Outranked { by: Some(&winner.origin), by_host: host.pattern(), because, shadowed: None }
            }
            (_, None, _) => Outcome::NotMatched(WhyNot::Path),
        }
    };
    let mut steps: Vec<Step<'s>> =
        host.routes().iter().map(|route| Step { host, route, outcome: outcome(route) }).collect();
    for shadowed in host.shadowed() {
        let route = &shadowed.route;
        let outcome = if route.path.matches(path) {
            Outcome::Outranked {
                by: Some(&shadowed.winner),
                by_host: host.pattern(),
                because: PrecedenceField::Age,
                shadowed: Some(shadowed.reason),
            }
        } else {
            Outcome::NotMatched(WhyNot::of_path(&route.path, path))
        };
        steps.push(Step { host, route, outcome });
    }
    steps
}

fn why_not_host(pattern: &HostPattern, host: &str) -> WhyNot {
    match pattern {
        HostPattern::Wildcard(name) | HostPattern::Suffix(name) | HostPattern::Deep(name) if host == name.as_str() => {
            WhyNot::HostLacksLabel
        }
        HostPattern::Wildcard(name) if host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.')) => {
            WhyNot::HostHasMoreLabels
        }
        _ => WhyNot::Host,
    }
}
