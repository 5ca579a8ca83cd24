//! Requests, half of them derived from the table that they are for.

use http::Version;
use ingress_core::host::HostPattern;
use ingress_core::policy::RouteTable;
use ingress_core::request::{BadRequest, ConnInfo, Headers, RawRequest, RequestView};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::text;

/// A request that can be told apart from its table.
#[derive(Clone, Debug)]
pub(super) struct Seed {
    host: Option<String>,
    path: String,
    /// A route to aim at, and what is put behind its path.
    aim: Option<(Index, &'static str, bool)>,
    query: bool,
    asterisk: bool,
}

/// A request with its own text.
#[derive(Clone, Debug)]
pub(super) struct Request {
    method: &'static str,
    host: Option<String>,
    target: Vec<u8>,
}

pub(super) fn seed() -> impl Strategy<Value = Seed> {
    let aim = prop_oneof![
        2 => (any::<Index>(), select(&["", "", "/", "/a", "a", "/a/ab", "/é"][..]), any::<bool>()).prop_map(Some),
        1 => Just(None),
    ];
    let host = prop_oneof![30 => text::request_host().prop_map(Some), 1 => Just(None)];
    (host, text::request_path(), aim, prop::bool::weighted(0.1), prop::bool::weighted(0.02))
        .prop_map(|(host, path, aim, query, asterisk)| Seed { host, path, aim, query, asterisk })
}

pub(super) fn seeds() -> impl Strategy<Value = Vec<Seed>> {
    prop::collection::vec(seed(), 1..12)
}

impl Seed {
    /// The request for this table.
    pub(super) fn request(&self, table: &RouteTable) -> Request {
        let (mut host, mut path) = (self.host.clone(), self.path.clone());
        let count = table.routes().count();
        if let Some((index, suffix, keep_host)) = self.aim
            && count > 0
        {
            let (pattern, route) = table.routes().nth(index.index(count)).unwrap();
            path = format!("{}{suffix}", route.path.as_str());
            if !keep_host {
                host = match pattern {
                    HostPattern::Any | HostPattern::Regex(_) => host,
                    HostPattern::Exact(name) => Some(name.to_string()),
                    HostPattern::Wildcard(name) => Some(format!("w.{name}")),
                    HostPattern::Suffix(name) | HostPattern::Deep(name) => Some(format!("w.v.{name}")),
                    HostPattern::Stem(name) => Some(format!("{name}.w")),
                };
            }
        }
        if !path.starts_with('/') {
            path.insert(0, '/');
        }
        if self.query {
            path.push_str("?q=/../a");
        }
        if self.asterisk {
            return Request { method: "OPTIONS", host, target: b"*".to_vec() };
        }
        Request { method: "GET", host, target: path.into_bytes() }
    }
}

impl Request {
    pub(super) fn get(host: &str, target: impl Into<Vec<u8>>) -> Self {
        Self { method: "GET", host: Some(host.to_owned()), target: target.into() }
    }

    /// Calls `with` with the view of the request, or with why there is none.
    pub(super) fn view<T>(&self, with: impl FnOnce(Result<RequestView<'_>, BadRequest>) -> T) -> T {
        let fields: Vec<(&str, &[u8])> = self.host.iter().map(|host| ("Host", host.as_bytes())).collect();
        // Without a host it is a request of HTTP/1.0.
        let version = if self.host.is_some() { Version::HTTP_11 } else { Version::HTTP_10 };
        let conn = ConnInfo::default();
        let raw = RawRequest {
            method: self.method,
            target: &self.target,
            version,
            authority: None,
            headers: Headers::List(&fields),
        };
        with(RequestView::from_raw(&raw, &conn, 0))
    }
}
