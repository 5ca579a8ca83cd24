//! Tables built by hand, with what no Ingress can say: regexes, string prefixes, redirects, several path policies.

use std::collections::BTreeMap;
use std::sync::Arc;

use ingress_core::host::HostPattern;
use ingress_core::object::{FieldPath, Kind, ObjectRef, Origin};
use ingress_core::path::{PathPattern, PathPolicy, RegexPattern};
use ingress_core::policy::{
    Availability, Backend, BackendRef, DefaultBackend, Endpoint, Location, PortRef, Redirect, Route, RouteTable,
    ShadowReason, Shadowed, Target, VirtualHost,
};
use proptest::prelude::*;
use proptest::sample::select;

use super::text;

const REGEXES: [&str; 30] = [
    "",
    ".*",
    "/",
    "/$",
    "$",
    "/a",
    "^/a",
    "/a$",
    "/a/?$",
    "/A",
    "/[a-b]+",
    "/[^/]+$",
    "/a|/b",
    "/(a|ab)(/.*)?$",
    "/ab?",
    "/a??b",
    "/a.*b",
    "/.{2}",
    "/.{2}$",
    "/\\xC3",
    "/é",
    "/%2F",
    "(?i)/AB",
    "/(?-i:A)",
    "/a\\b",
    "\\b",
    "/\\{x\\}",
    "(?m)^/b",
    "(?x) /a # nothing\n",
    "/(a|b|ab|%2F|.)*/b$",
];

fn regex() -> impl Strategy<Value = PathPattern> {
    (select(&REGEXES[..]), any::<bool>())
        .prop_map(|(text, case)| PathPattern::Regex(RegexPattern::new(text, case).unwrap()))
}

fn literal() -> impl Strategy<Value = PathPattern> {
    (0..3, text::rule_path()).prop_map(|(kind, path)| match kind {
        0 => PathPattern::Exact(path.into()),
        1 => PathPattern::Prefix(path.into()),
        _ => PathPattern::StringPrefix(path.into()),
    })
}

pub(super) fn path_pattern() -> impl Strategy<Value = PathPattern> {
    prop_oneof![4 => literal(), 1 => regex()]
}

/// Few paths or, for the hash program, many.
fn paths() -> impl Strategy<Value = Vec<PathPattern>> {
    prop_oneof![
        4 => prop::collection::vec(path_pattern(), 0..8),
        1 => prop::collection::vec(literal(), 20..50),
        1 => prop::collection::vec(path_pattern(), 20..50),
        1 => prop::collection::vec(regex(), 0..6),
    ]
}

pub(super) fn backend(number: usize) -> Arc<BackendRef> {
    let service = format!("s{number}").into();
    Arc::new(BackendRef::new("ns".into(), service, PortRef::Number(80)))
}

const BACKENDS: usize = 4;

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        6 => (0..BACKENDS).prop_map(|number| Target::Backend(backend(number))),
        1 => Just(Target::Redirect(Box::new(Redirect {
            status: 308,
            location: Location::Constant("https://example/".into()),
            reason: "elsewhere",
        }))),
        1 => Just(Target::respond(410, "gone")),
        1 => Just(Target::invalid(500, "cannot")),
    ]
}

fn availability() -> impl Strategy<Value = Availability> {
    let address = "10.0.0.1:80".parse().unwrap();
    prop_oneof![
        2 => Just(Availability::Assumed),
        2 => Just(Availability::Endpoints([Endpoint::Address(address)].into())),
        1 => select(vec![Availability::NoService, Availability::NoPort, Availability::NoEndpoints]),
    ]
}

pub(super) fn policy() -> impl Strategy<Value = PathPolicy> {
    select(&[PathPolicy::Rfc3986, PathPolicy::Rfc3986, PathPolicy::Nginx][..])
}

fn origin(host: usize, path: usize) -> Origin {
    Origin {
        object: ObjectRef::new(Kind::Ingress, "ns", format!("i{host}")).into(),
        field: FieldPath::rule_path(0, path),
    }
}

type HostSpec = (HostPattern, PathPolicy, Vec<(PathPattern, Target)>, usize);

fn host() -> impl Strategy<Value = HostSpec> {
    let routes = paths().prop_flat_map(|paths| {
        let count = paths.len();
        (Just(paths), prop::collection::vec(target(), count))
            .prop_map(|(paths, targets)| paths.into_iter().zip(targets).collect())
    });
    (text::host_pattern(), policy(), routes, 0..3_usize)
}

fn build((number, (pattern, policy, routes, lost)): (usize, HostSpec)) -> (HostPattern, Arc<VirtualHost>) {
    let routes = routes.into_iter().enumerate();
    let mut routes: Vec<Route> =
        routes.map(|(place, (path, target))| Route::new(path, target, origin(number, place))).collect();
    // Some rules lost against the first one.
    let mut shadowed = Vec::new();
    if let Some(winner) = routes.first().cloned() {
        for place in 0..lost {
            let route = Route { origin: origin(number, 1_000 + place), ..winner.clone() };
            shadowed.push(Shadowed { route, winner: winner.origin.clone(), reason: ShadowReason::Older });
        }
    }
    // The order in which routes are handed over does not matter.
    if lost == 2 {
        routes.sort_by(|a, b| a.path.as_str().cmp(b.path.as_str()));
    }
    (pattern.clone(), Arc::new(VirtualHost::new(pattern, policy, routes, shadowed)))
}

pub(super) fn route_table() -> impl Strategy<Value = RouteTable> {
    let hosts = prop::collection::vec(host(), 0..6);
    let availabilities = prop::collection::vec(availability(), BACKENDS);
    let default = prop::option::of((target(), policy()));
    (hosts, default, availabilities).prop_map(|(hosts, default, availabilities)| {
        let availabilities = availabilities.into_iter().enumerate();
        let backends: BTreeMap<_, _> = availabilities
            .map(|(number, availability)| {
                let reference = backend(number);
                (Arc::clone(&reference), Arc::new(Backend { availability, ..Backend::assumed(reference) }))
            })
            .collect();
        let default =
            default.map(|(target, path_policy)| DefaultBackend { target, origin: None, path_policy, policy: None });
        RouteTable {
            hosts: hosts.into_iter().enumerate().map(build).collect(),
            default_backend: default.map(Arc::new),
            certificates: BTreeMap::new(),
            path_policy: PathPolicy::default(),
            backends,
        }
    })
}
