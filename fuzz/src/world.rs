//! A small table and requests for it, made of any bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use arbitrary::Arbitrary;
use http::Version;
use ingress_core::host::HostPattern;
use ingress_core::object::{FieldPath, Kind, ObjectRef, Origin};
use ingress_core::path::{PathPattern, PathPolicy, RegexPattern};
use ingress_core::policy::{
    Availability, Backend, BackendRef, DefaultBackend, Location, PortRef, Redirect, RouteTable, Target, VirtualHost,
};
use ingress_core::request::{Headers, RawRequest};

const MAX_HOSTS: usize = 4;
const MAX_ROUTES: usize = 40;
const MAX_REQUESTS: usize = 8;
/// Expressions are compiled again for each request by the reference.
const MAX_REGEX_LENGTH: usize = 32;

const NAMES: [&str; 6] = [
    "example",
    "a.example",
    "b.a.example",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.example",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx1.example",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx2.example",
];
const SEGMENTS: [&str; 8] = ["a", "ab", "b", "%2F", "é", "{x}", "", "a-rather-long-segment"];

/// A table and what is asked of it.
#[derive(Arbitrary, Debug)]
pub struct World {
    hosts: Vec<Host>,
    default: Option<(Leads, bool)>,
    available: [u8; 4],
    requests: Vec<Ask>,
}

#[derive(Arbitrary, Debug)]
struct Host {
    name: Name,
    nginx: bool,
    routes: Vec<Route>,
}

#[derive(Arbitrary, Debug)]
enum Name {
    Any,
    Exact(u8),
    Wildcard(u8),
}

#[derive(Arbitrary, Debug)]
struct Route {
    path: Path,
    leads: Leads,
}

#[derive(Arbitrary, Debug)]
enum Path {
    Exact(Text),
    Prefix(Text),
    StringPrefix(Text),
    Regex(String, bool),
}

#[derive(Arbitrary, Debug)]
enum Text {
    Segments(Vec<u8>),
    Free(String),
}

#[derive(Arbitrary, Debug)]
enum Leads {
    Backend(u8),
    Redirect,
    Respond,
    Invalid,
}

#[derive(Arbitrary, Debug)]
struct Ask {
    host: Name,
    label: bool,
    target: Aim,
}

#[derive(Arbitrary, Debug)]
enum Aim {
    Segments(Vec<u8>),
    Bytes(Vec<u8>),
    /// The path of a route, and what follows it.
    Route(u8, u8),
}

/// A request for the table.
#[derive(Debug)]
pub struct Request {
    pub(crate) host: String,
    target: Vec<u8>,
}

impl Request {
    pub(crate) fn raw<'r>(&'r self, headers: &'r [(&'r str, &'r [u8])]) -> RawRequest<'r> {
        let method = if self.target == b"*" { "OPTIONS" } else { "GET" };
        let headers = Headers::List(headers);
        RawRequest { method, target: &self.target, version: Version::HTTP_11, authority: None, headers }
    }
}

fn pick<'p>(pool: &[&'p str], number: u8) -> &'p str {
    pool[usize::from(number) % pool.len()]
}

fn joined(segments: &[u8]) -> String {
    segments.iter().take(6).map(|number| format!("/{}", pick(&SEGMENTS, *number))).collect()
}

fn backend(number: u8) -> Arc<BackendRef> {
    let service = format!("s{}", number % 4).into();
    Arc::new(BackendRef::new("n".into(), service, PortRef::Number(80)))
}

impl Name {
    fn pattern(&self) -> HostPattern {
        let text = match self {
            Self::Any => String::new(),
            Self::Exact(number) => pick(&NAMES, *number).to_owned(),
            Self::Wildcard(number) => format!("*.{}", pick(&NAMES, *number)),
        };
        HostPattern::new(&text).expect("the pool is valid")
    }

    fn asked(&self) -> String {
        match self {
            Self::Any => "elsewhere".to_owned(),
            Self::Exact(number) => pick(&NAMES, *number).to_owned(),
            Self::Wildcard(number) => format!("W.{}:80", pick(&NAMES, *number)),
        }
    }
}

impl Text {
    fn build(&self) -> Box<str> {
        match self {
            Self::Segments(segments) => joined(segments).into(),
            Self::Free(text) => text.as_str().into(),
        }
    }
}

impl Path {
    fn build(&self) -> Option<PathPattern> {
        Some(match self {
            Self::Exact(text) => PathPattern::Exact(text.build()),
            Self::Prefix(text) => PathPattern::Prefix(text.build()),
            Self::StringPrefix(text) => PathPattern::StringPrefix(text.build()),
            Self::Regex(text, _) if text.len() > MAX_REGEX_LENGTH => return None,
            Self::Regex(text, case) => PathPattern::Regex(RegexPattern::new(text, *case).ok()?),
        })
    }
}

impl Leads {
    fn build(&self) -> Target {
        match self {
            Self::Backend(number) => Target::Backend(backend(*number)),
            Self::Redirect => {
                let location = Location::Constant("/".into());
                Target::Redirect(Box::new(Redirect { status: 308, location, reason: "elsewhere" }))
            }
            Self::Respond => Target::respond(410, "gone"),
            Self::Invalid => Target::invalid(500, "cannot"),
        }
    }
}

fn policy(nginx: bool) -> PathPolicy {
    if nginx { PathPolicy::Nginx } else { PathPolicy::Rfc3986 }
}

impl World {
    pub(crate) fn build(self) -> (RouteTable, Vec<Request>) {
        let mut table = RouteTable::default();
        for (i, host) in self.hosts.iter().take(MAX_HOSTS).enumerate() {
            let object = Arc::new(ObjectRef::new(Kind::Ingress, "n", format!("i{i}")));
            let routes = host.routes.iter().take(MAX_ROUTES).enumerate().filter_map(|(j, route)| {
                let origin = Origin { object: Arc::clone(&object), field: FieldPath::rule_path(0, j) };
                Some(ingress_core::policy::Route::new(route.path.build()?, route.leads.build(), origin))
            });
            let pattern = host.name.pattern();
            let host = VirtualHost::new(pattern.clone(), policy(host.nginx), routes.collect(), Vec::new());
            table.hosts.insert(pattern, Arc::new(host));
        }
        let default = self.default.as_ref();
        table.default_backend = default.map(|(leads, nginx)| {
            Arc::new(DefaultBackend { target: leads.build(), origin: None, path_policy: policy(*nginx), policy: None })
        });
        table.backends = (0..4).zip(self.available).map(|(number, available)| entry(number, available)).collect();
        let requests = self.requests.iter().take(MAX_REQUESTS).map(|ask| ask.build(&table)).collect();
        (table, requests)
    }
}

fn entry(number: u8, available: u8) -> (Arc<BackendRef>, Arc<Backend>) {
    let reference = backend(number);
    let availability = match available % 4 {
        0 | 1 => Availability::Assumed,
        2 => Availability::NoEndpoints,
        _ => Availability::NoService,
    };
    (Arc::clone(&reference), Arc::new(Backend { availability, ..Backend::assumed(reference) }))
}

impl Ask {
    fn build(&self, table: &RouteTable) -> Request {
        let host = if self.label { format!("l.{}", self.host.asked()) } else { self.host.asked() };
        let target = match &self.target {
            Aim::Segments(segments) => joined(segments).into_bytes(),
            Aim::Bytes(bytes) => bytes.clone(),
            Aim::Route(number, end) => {
                let routes: BTreeMap<_, _> = table.routes().enumerate().collect();
                let route = routes.get(&(usize::from(*number) % routes.len().max(1)));
                let path = route.map_or("", |(_, route)| route.path.as_str());
                format!("{path}{}", pick(&["", "/", "/a", "a"], *end)).into_bytes()
            }
        };
        let target = if target == b"*" || target.starts_with(b"/") { target } else { [b"/", &*target].concat() };
        Request { host, target }
    }
}
