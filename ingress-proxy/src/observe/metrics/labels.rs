//! Labels, none of which a client chooses.

use std::borrow::Cow;
use std::sync::Arc;

use ingress_core::decision::{Decision, Matched, Via};
use ingress_core::host::HostPattern;
use ingress_core::object::ObjectRef;
use ingress_core::policy::{BackendRef, Route, RouteTable, Target};

/// What stands for the host of requests that no route took.
const UNMATCHED: &str = "_unmatched";
/// What stands for the routes that are more than may be told apart.
const OTHER: &str = "_other";

/// The labels of a route: what the configuration says, never what a request says.
///
/// There may be ten thousand of them on each worker: they share names with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteLabels {
    object: Option<Arc<ObjectRef>>,
    host: Host,
    path: Box<str>,
    service: Option<Arc<str>>,
    canary: Box<str>,
}

/// The host of a rule, or what stands for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Host {
    Named(&'static str),
    Of(HostPattern),
}

impl RouteLabels {
    /// The labels for what a decision matched.
    #[must_use]
    pub fn new(decision: &Decision<'_>) -> Self {
        let canary = match decision {
            Decision::Forward(forward) => match &forward.via {
                Via::Canary(canary, _) => upstream_name(&canary.backend).into(),
                Via::Route | Via::Fallback | Via::Passthrough => Box::default(),
            },
            Decision::Redirect(_) | Decision::Respond(_) | Decision::Refuse(_) => Box::default(),
        };
        let matched = decision.matched();
        if let Some((host, route)) = matched.and_then(|matched| Some((matched.host()?, matched.route()?))) {
            return Self { canary, ..Self::of_route(host, route) };
        }
        match matched {
            None | Some(Matched::Route { .. }) => Self::unmatched(),
            Some(Matched::Host { host, origin }) => Self::of(&origin.object, host.pattern()),
            Some(Matched::Default(default)) => Self {
                object: default.origin.as_ref().map(|origin| Arc::clone(&origin.object)),
                service: service(&default.target).cloned(),
                ..Self::unmatched()
            },
        }
    }

    /// The labels of a route, for requests that go where it says.
    fn of_route(host: &HostPattern, route: &Route) -> Self {
        Self {
            path: route.path.as_str().into(),
            service: service(&route.target).cloned(),
            ..Self::of(&route.origin.object, host)
        }
    }

    /// The labels of requests that no route took.
    #[must_use]
    pub fn unmatched() -> Self {
        Self::of_host(Host::Named(UNMATCHED))
    }

    /// The labels of routes that are more than may be told apart.
    pub(super) fn other() -> Self {
        Self::of_host(Host::Named(OTHER))
    }

    fn of_host(host: Host) -> Self {
        Self { object: None, host, path: Box::default(), service: None, canary: Box::default() }
    }

    fn of(ingress: &Arc<ObjectRef>, pattern: &HostPattern) -> Self {
        Self { object: Some(Arc::clone(ingress)), ..Self::of_host(Host::Of(pattern.clone())) }
    }

    /// The namespace of the Ingress.
    pub(super) fn namespace(&self) -> &str {
        self.object.as_ref().map(|object| &*object.namespace).unwrap_or_default()
    }

    /// The name of the Ingress.
    pub(super) fn ingress(&self) -> &str {
        self.object.as_ref().map(|object| &*object.name).unwrap_or_default()
    }

    /// The path of the rule.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The backend of the canary that took the request, else empty.
    pub(super) fn canary(&self) -> &str {
        &self.canary
    }

    /// The Service that the rule names.
    pub(super) fn service(&self) -> &str {
        self.service.as_deref().unwrap_or_default()
    }

    /// The host of the rule.
    pub(super) fn host(&self) -> Cow<'_, str> {
        match &self.host {
            Host::Named(name) => (*name).into(),
            Host::Of(HostPattern::Exact(name)) => name.as_str().into(),
            Host::Of(pattern) => pattern.to_string().into(),
        }
    }

    /// Whether a table has what the labels name.
    pub(super) fn is_in(&self, table: &RouteTable) -> bool {
        // What stands for no host is never gone.
        let Host::Of(pattern) = &self.host else { return true };
        let Some(host) = table.hosts.get(pattern) else { return false };
        let is_same = |route: &Route| {
            *route.path.as_str() == *self.path
                && self.object.as_ref() == Some(&route.origin.object)
                && service(&route.target) == self.service.as_ref()
                && (self.canary.is_empty() || self.canary == canary(route, table))
        };
        // A setting of the host has no path.
        self.path.is_empty() || host.routes().iter().any(is_same)
    }
}

fn service(target: &Target) -> Option<&Arc<str>> {
    match target {
        Target::Backend(backend) => Some(&backend.service),
        Target::Redirect(_) | Target::Respond(_) | Target::Invalid(_) => None,
    }
}

fn canary(route: &Route, table: &RouteTable) -> Box<str> {
    let Target::Backend(backend) = &route.target else { return Box::default() };
    let policy = table.backends.get(backend).and_then(|backend| backend.policy.as_deref());
    let canary = policy.and_then(|policy| policy.canary.as_ref());
    canary.map(|canary| upstream_name(&canary.backend).into()).unwrap_or_default()
}

/// A backend as ingress-nginx names its upstreams.
fn upstream_name(backend: &BackendRef) -> String {
    format!("{}-{}-{}", backend.namespace, backend.service, backend.port)
}

/// The method of a request, as far as it becomes a label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// HEAD.
    Head,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
    /// OPTIONS.
    Options,
    /// TRACE.
    Trace,
    /// CONNECT.
    Connect,
    /// Any other.
    Other,
}

const METHODS: [(Method, &str); 10] = [
    (Method::Get, "GET"),
    (Method::Head, "HEAD"),
    (Method::Post, "POST"),
    (Method::Put, "PUT"),
    (Method::Patch, "PATCH"),
    (Method::Delete, "DELETE"),
    (Method::Options, "OPTIONS"),
    (Method::Trace, "TRACE"),
    (Method::Connect, "CONNECT"),
    (Method::Other, "_other"),
];

impl Method {
    /// Which of them a method is.
    #[must_use]
    #[inline]
    pub fn of(method: &[u8]) -> Self {
        METHODS.iter().find(|(_, name)| name.as_bytes() == method).map_or(Self::Other, |(method, _)| *method)
    }

    fn as_str(self) -> &'static str {
        METHODS.iter().find(|(method, _)| *method == self).map_or(OTHER, |(_, name)| name)
    }
}

/// A method and a status in one number: the key of a series within its route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Outcome(u16);

impl Outcome {
    #[inline]
    pub(super) fn new(method: Method, status: u16) -> Self {
        let is_known = STATUSES.get(usize::from(status)).copied().unwrap_or_default();
        let status = if is_known { status } else { (status / 100).min(9) };
        Self((method as u16) << 10 | status)
    }

    /// The number.
    #[inline]
    pub(super) fn number(self) -> u16 {
        self.0
    }

    /// What had this number.
    pub(super) fn of_number(number: u16) -> Self {
        Self(number)
    }

    pub(super) fn method(self) -> &'static str {
        METHODS.get(usize::from(self.0 >> 10)).map_or(OTHER, |(method, _)| method.as_str())
    }

    /// The status, or its class if it is none that a standard or nginx knows.
    pub(super) fn status(self) -> String {
        match self.0 & 0x3ff {
            class @ 0..=9 => format!("{class}xx"),
            status => status.to_string(),
        }
    }
}

/// The registered status codes and those of nginx, which have a series of their own.
const STATUSES: [bool; 600] = {
    let ranges =
        [(100, 103), (200, 208), (226, 226), (300, 308), (400, 418), (421, 426), (428, 429), (431, 431), (444, 444)];
    let more = [(451, 451), (494, 499), (500, 508), (510, 511)];
    let mut table = [false; 600];
    fill(&mut table, &ranges);
    fill(&mut table, &more);
    table
};

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses an index out of bounds")]
const fn fill(table: &mut [bool; 600], ranges: &[(usize, usize)]) {
    let mut range = 0;
    while range < ranges.len() {
        let (mut status, last) = ranges[range];
        while status <= last {
            table[status] = true;
            status += 1;
        }
        range += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_bounded() {
        let mut seen = std::collections::BTreeSet::new();
        for status in 0..=u16::MAX {
            seen.insert(Outcome::new(Method::Get, status).status());
        }
        assert!(seen.len() < 90, "{}", seen.len());
        assert!(seen.contains("499") && seen.contains("4xx") && !seen.contains("477"));
        for (method, name) in METHODS {
            let outcome = Outcome::new(method, 204);
            assert_eq!((outcome.method(), outcome.status().as_str()), (name, "204"));
            assert_eq!(METHODS[method as usize].0, method);
        }
        assert_eq!(Method::of(b"get"), Method::Other);
        assert_eq!(Method::of(b"PATCH"), Method::Patch);
    }
}
