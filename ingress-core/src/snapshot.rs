//! A table made ready to decide: immutable, shared by all threads, answered from indices.

mod backends;
mod certificates;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::backends::BackendTable;
use self::certificates::Certificates;
use crate::decision::{self, Decision, Handshake, Matched, Place, World, reason};
use crate::explain::Explanation;
use crate::host::{HostPattern, NameKey};
use crate::lower::BackendId;
use crate::matcher::{Bound, Hosts, Programs, Shape, Shapes};
use crate::path::PathPolicy;
use crate::policy::{Backend, BackendRef, CertificateId, DefaultBackend, RouteTable, Target, VirtualHost};
use crate::reference::{self, Parts};
use crate::request::{self, BadRequest, RequestView};

/// A compiled table.
///
/// ```
/// use ingress_core::decision::Decision;
/// use ingress_core::policy::RouteTable;
/// use ingress_core::request::{ConnInfo, RequestView};
/// use ingress_core::snapshot::Snapshot;
///
/// let snapshot = Snapshot::new(RouteTable::default());
/// let (parts, ()) = http::Request::get("http://cafe.example/").body(())?.into_parts();
/// let conn = ConnInfo::default();
/// let decision = snapshot.decide(&RequestView::new(&parts, &conn, 0)?);
/// assert_eq!(decision.status(), Some(404));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(crate) hosts: Hosts,
    pub(crate) default_backend: Option<Arc<DefaultEntry>>,
    pub(crate) certificates: Certificates,
    pub(crate) backends: BackendTable,
    /// The numbers of backends that filters and canaries name.
    pub(crate) side: Arc<BTreeMap<Arc<BackendRef>, BackendId>>,
    /// How paths are made canonical where no host says so.
    pub(crate) path_policy: PathPolicy,
}

/// The default backend with its number.
#[derive(Debug)]
pub(crate) struct DefaultEntry {
    pub(crate) default: Arc<DefaultBackend>,
    pub(crate) backend: BackendId,
}

impl Snapshot {
    /// Compiles a table. A table holds only what can be compiled, so there is nothing to report.
    #[must_use]
    pub fn new(table: RouteTable) -> Self {
        let RouteTable { hosts, default_backend, certificates, path_policy, mut backends } = table;
        let targets = hosts.values().flat_map(|host| host.routes()).map(|route| &route.target);
        for target in targets.chain(default_backend.as_deref().map(|default| &default.target)) {
            if let Target::Backend(reference) = target
                && !backends.contains_key(reference)
            {
                backends.insert(Arc::clone(reference), Arc::new(Backend::assumed(Arc::clone(reference))));
            }
        }
        let (mut numbers, mut numbered) = (BTreeMap::new(), BTreeMap::new());
        for (number, (reference, backend)) in (0..).zip(backends) {
            numbers.insert(reference, BackendId(number));
            numbered.insert(BackendId(number), Some(backend));
        }
        let number_of = |reference: &Arc<BackendRef>| numbers.get(reference).copied();
        let side = Arc::new(named_beside(hosts.values(), numbered.values().flatten(), &number_of));
        let (mut programs, mut shapes) = (Programs::new(0), Shapes::new(0));
        let mut bind = |host| bind(&host, true, &mut programs, &mut shapes, &number_of);
        let bound = hosts.into_values().map(|host| (host.pattern().clone(), Some(bind(host)))).collect();
        let empty = Self::empty(0);
        Self {
            hosts: empty.hosts.with(bound),
            default_backend: default_backend.map(|default| Arc::new(bind_default(default, &number_of))),
            certificates: empty
                .certificates
                .with(certificates.into_iter().map(|(name, entry)| (name, Some(entry))).collect()),
            backends: empty.backends.with(numbered),
            side,
            path_policy,
        }
    }

    /// A snapshot of nothing, whose indices use this seed.
    pub(crate) fn empty(seed: u64) -> Self {
        Self {
            hosts: Hosts::new(seed),
            default_backend: None,
            certificates: Certificates::new(seed),
            backends: BackendTable::default(),
            side: Arc::default(),
            path_policy: PathPolicy::Rfc3986,
        }
    }

    /// Says for which host the next request is, so that what [`decide`](Self::decide) looks at first is on its way to the processor's cache,
    /// where it seldom is with thousands of hosts.
    ///
    /// `authority` gives that of the request or its Host field, as it was received, and is called where there are so many. Whatever it says,
    /// decisions stay what they are. It is worth while where a few hundred instructions of other work come between the two.
    ///
    /// ```
    /// use ingress_core::policy::RouteTable;
    /// use ingress_core::snapshot::Snapshot;
    ///
    /// Snapshot::new(RouteTable::default()).prefetch(|| b"cafe.example:8080");
    /// ```
    #[inline]
    pub fn prefetch<'r>(&self, authority: impl FnOnce() -> &'r [u8]) {
        self.hosts.prefetch(|| request::before_port(authority()));
    }

    /// Says what becomes of a request. It cannot fail, does not allocate and looks at no clock.
    #[must_use]
    #[inline]
    pub fn decide<'s>(&'s self, request: &RequestView<'_>) -> Decision<'s> {
        if request.is_asterisk() {
            return Decision::respond(204, reason::OPTIONS_ASTERISK, None);
        }
        if self.hosts.has_special_handshakes()
            && let Some(decision) = self.by_handshake(request)
        {
            return decision;
        }
        let Some(bound) = self.hosts.find(request.host_key(), || request.host()) else {
            return self.by_default(request, self.path_policy, reason::NO_HOST);
        };
        let Bound { shape, host } = bound;
        let Some(policy) = shape.plain else { return self.decide_special(bound, request) };
        let path = match request.path(policy) {
            Ok(path) => path,
            Err(rejection) => return Decision::bad_request(BadRequest::Path(rejection)),
        };
        let found = shape.program.find(path);
        let Some((place, number)) = found.and_then(|place| Some((place, *shape.backends.get(place)?))) else {
            return self.by_default(request, policy, reason::NO_PATH);
        };
        self.decide_number(number, Matched::Route { host, place, is_counted: shape.is_counted }, policy)
    }

    /// The same for a host with settings or policies, or with other routes for TLS than for plain text. It is the first that
    /// takes requests for the name.
    #[inline(never)]
    fn decide_special<'s>(&'s self, first: &'s Bound, request: &RequestView<'_>) -> Decision<'s> {
        let is_tls = request.is_tls();
        let serves = |bound: &&Bound| bound.host.serves(is_tls);
        let others = || self.hosts.candidates(request.host_key(), request.host()).find(serves);
        let Some(bound) = Some(first).filter(serves).or_else(others) else {
            return self.by_default(request, self.path_policy, reason::NO_HOST);
        };
        let host = &bound.host;
        if let Some(decision) = self.handed_on(bound, request) {
            return decision;
        }
        let policy = host.path_policy();
        let path = match request.path(policy) {
            Ok(path) => path,
            Err(rejection) => return Decision::bad_request(BadRequest::Path(rejection)),
        };
        let backend = |place: usize| self.backends.get(bound.shape.backends.get(place).copied()?);
        if let Some(settings) = host.settings()
            && let Some(decision) = decision::at_host(host, settings, request, path)
        {
            return decision;
        }
        let is_counted = bound.shape.is_counted;
        let found = bound.shape.program.find_for(is_tls, path);
        let Some((place, route)) = found.and_then(|place| Some((place, host.routes().get(place)?))) else {
            return self.by_default(request, policy, reason::NO_PATH);
        };
        if let Some(filters) = &route.policy {
            let place = Place { host, number: place, route, is_counted, backend: backend(place) };
            return decision::at_route(&self, place, filters, request);
        }
        let number = bound.shape.backends.get(place).copied().unwrap_or(BackendId::NONE);
        self.decide_number(number, Matched::Route { host, place, is_counted }, policy)
    }

    /// What the handshake has settled, if it was for another host.
    #[inline(never)]
    fn by_handshake(&self, request: &RequestView<'_>) -> Option<Decision<'_>> {
        match Handshake::of(&self, request)? {
            Handshake::HandedOn(host) => {
                let name = decision::server_name(request)?;
                let is_it = |bound: &&Bound| Arc::ptr_eq(&bound.host, host);
                let bound = self.hosts.candidates(&NameKey::new(&name), &name).find(is_it);
                let decision = bound.and_then(|bound| self.handed_on(bound, request));
                Some(decision.unwrap_or_else(|| Handshake::misdirected(None)))
            }
            Handshake::Misdirected(matched) => Some(Handshake::misdirected(matched)),
        }
    }

    /// Where the connection goes, if the host does not end TLS.
    fn handed_on<'s>(&'s self, bound: &'s Bound, request: &RequestView<'_>) -> Option<Decision<'s>> {
        let host = &bound.host;
        let number = decision::passed_through(host, request)?;
        let route = host.routes().get(number)?;
        let backend = bound.shape.backends.get(number).and_then(|backend| self.backends.get(*backend));
        Some(decision::pass_through(Place { host, number, route, is_counted: bound.shape.is_counted, backend }))
    }

    /// Says what becomes of a request and why. It looks at every rule, so it is not for the hot path.
    #[must_use]
    pub fn explain<'s>(&'s self, request: &RequestView<'_>) -> Explanation<'s> {
        reference::explain_parts(self, request)
    }

    /// The certificate for a server name of a TLS handshake: the exact name, then a wildcard, then the default.
    ///
    /// The name is compared in lower case without its final dot.
    #[must_use]
    pub fn certificate(&self, sni: Option<&str>) -> &CertificateId {
        let entry = sni.and_then(|sni| {
            let lower = sni.strip_suffix('.').unwrap_or(sni).to_ascii_lowercase();
            self.certificates.find(&lower)
        });
        let entry = entry.or_else(|| self.certificates.any());
        entry.map_or(&CertificateId::Default, |named| &named.entry.certificate)
    }

    /// The host whose settings a TLS handshake for a server name is made with: whether connections are handed on as they are,
    /// and what certificate is asked of clients. The name is compared as in [`certificate`](Self::certificate).
    #[must_use]
    pub fn host_of_handshake(&self, sni: Option<&str>) -> Option<&Arc<VirtualHost>> {
        let sni = sni.unwrap_or_default();
        World::handshake_host(&self, &sni.strip_suffix('.').unwrap_or(sni).to_ascii_lowercase())
    }

    /// The table that the snapshot was made of.
    #[must_use]
    pub fn table(&self) -> RouteTable {
        let certificates = self.certificates.all();
        RouteTable {
            hosts: self.hosts.all().map(|it| (it.host.pattern().clone(), Arc::clone(&it.host))).collect(),
            default_backend: self.default_backend.as_ref().map(|entry| Arc::clone(&entry.default)),
            certificates: certificates.map(|named| (named.pattern.clone(), Arc::clone(&named.entry))).collect(),
            backends: self
                .backends
                .iter()
                .map(|backend| (Arc::clone(&backend.reference), Arc::clone(backend)))
                .collect(),
            path_policy: self.path_policy,
        }
    }

    /// How many hosts there are.
    #[must_use]
    pub fn host_count(&self) -> usize {
        self.hosts.len()
    }

    /// Finds the route of a host and path without deciding anything: the bare index, for measurements.
    ///
    /// The host is in lower case without port, the path canonical. Returned is the place of the route in its host.
    #[doc(hidden)]
    #[must_use]
    #[inline]
    pub fn locate(&self, host: &str, path: &[u8]) -> Option<(&Arc<VirtualHost>, usize)> {
        let bound = self.hosts.find(&NameKey::new(host), || host)?;
        Some((&bound.host, bound.shape.program.find(path)?))
    }

    /// The bytes that the indices take: slots, programs and numbers, without the table itself.
    #[doc(hidden)]
    #[must_use]
    pub fn index_bytes(&self) -> usize {
        let (mut programs, mut shapes) = (BTreeMap::new(), BTreeMap::new());
        for Bound { shape, .. } in self.hosts.all() {
            programs.insert(Arc::as_ptr(&shape.program), size_of_val(&*shape.program) + shape.program.heap_bytes());
            shapes.insert(Arc::as_ptr(shape), shape.bytes());
        }
        self.hosts.heap_bytes() + shapes.values().sum::<usize>() + programs.values().sum::<usize>()
    }

    #[inline(never)]
    fn by_default(&self, request: &RequestView<'_>, policy: PathPolicy, otherwise: &'static str) -> Decision<'_> {
        let default = self.default_backend.as_deref();
        let policy = default.map_or(policy, |entry| entry.default.path_policy);
        if let Err(rejection) = request.path(policy) {
            return Decision::bad_request(BadRequest::Path(rejection));
        }
        match default {
            Some(DefaultEntry { default, backend }) => match &default.policy {
                Some(policy) => decision::at_default(default, policy, self.backends.get(*backend), request),
                None => self.decide_number(*backend, Matched::Default(default), policy),
            },
            None => Decision::respond(404, otherwise, None),
        }
    }

    // Into the three that call it; a call of its own costs the copy of what matched.
    #[inline(always)]
    fn decide_number<'s>(&'s self, number: BackendId, matched: Matched<'s>, policy: PathPolicy) -> Decision<'s> {
        if let Some(backend) = self.backends.get(number) {
            return decision::toward(backend, matched, policy);
        }
        without_backend(matched)
    }
}

/// The decision where there is no backend behind what matched.
#[inline(never)]
fn without_backend(matched: Matched<'_>) -> Decision<'_> {
    let fixed = matched.target().and_then(|target| decision::fixed(target, matched));
    fixed.unwrap_or_else(|| Decision::respond(503, reason::NO_ENDPOINTS, Some(matched)))
}

impl<'s> World<'s> for &'s Snapshot {
    fn backend(&self, reference: &Arc<BackendRef>) -> Option<&'s Backend> {
        self.backends.get(self.side.get(reference).copied()?)
    }

    fn has_certificate(&self, host: &str) -> bool {
        self.certificates.is_registered(host)
    }

    fn handshake_host(&self, name: &str) -> Option<&'s Arc<VirtualHost>> {
        let key = NameKey::new(name);
        let bound = self.hosts.candidates(&key, name).find(|bound| bound.host.serves(true));
        bound.map(|bound| &bound.host)
    }
}

impl Parts for Snapshot {
    fn hosts(&self) -> Vec<&Arc<VirtualHost>> {
        self.hosts.all().map(|bound| &bound.host).collect()
    }

    fn default_backend(&self) -> Option<&DefaultBackend> {
        self.default_backend.as_deref().map(|entry| &*entry.default)
    }

    fn backend(&self, reference: &Arc<BackendRef>) -> Option<&Backend> {
        self.backends.iter().find(|backend| backend.reference == *reference).map(|backend| &**backend)
    }

    fn path_policy(&self) -> PathPolicy {
        self.path_policy
    }

    fn is_registered(&self, pattern: &HostPattern) -> bool {
        self.certificates.all().any(|named| named.pattern == *pattern)
    }
}

/// The numbers of the backends that filters and canaries name.
fn named_beside<'t>(
    hosts: impl Iterator<Item = &'t Arc<VirtualHost>>,
    backends: impl Iterator<Item = &'t Arc<Backend>>,
    number_of: &dyn Fn(&Arc<BackendRef>) -> Option<BackendId>,
) -> BTreeMap<Arc<BackendRef>, BackendId> {
    let filters = hosts.flat_map(|host| host.routes()).filter_map(|route| route.policy.as_deref());
    let named = filters.flat_map(|policy| policy.filters.backends());
    let canaries = backends.filter_map(|backend| backend.policy.as_deref()?.canary.as_ref());
    let all = named.chain(canaries.map(|canary| &canary.backend));
    all.filter_map(|reference| Some((Arc::clone(reference), number_of(reference)?))).collect()
}

/// Makes a host ready to be matched.
pub(crate) fn bind(
    host: &Arc<VirtualHost>,
    is_counted: bool,
    programs: &mut Programs,
    shapes: &mut Shapes,
    number_of: &dyn Fn(&Arc<BackendRef>) -> Option<BackendId>,
) -> Bound {
    let shape = shapes.get(Shape {
        program: programs.get(host),
        backends: host.routes().iter().map(|route| number(&route.target, number_of)).collect(),
        plain: host.is_plain().then(|| host.path_policy()),
        is_counted,
    });
    Bound { shape, host: Arc::clone(host) }
}

pub(crate) fn bind_default(
    default: Arc<DefaultBackend>,
    number_of: &dyn Fn(&Arc<BackendRef>) -> Option<BackendId>,
) -> DefaultEntry {
    DefaultEntry { backend: number(&default.target, number_of), default }
}

fn number(target: &Target, number_of: &dyn Fn(&Arc<BackendRef>) -> Option<BackendId>) -> BackendId {
    match target {
        Target::Backend(reference) => number_of(reference).unwrap_or(BackendId::NONE),
        _ => BackendId::NONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_handshake_is_that_of_requests_for_the_name() {
        let patterns = ["a.example", "*.a.example", ""].map(|host| HostPattern::new(host).expect("a host"));
        let host =
            |pattern: HostPattern| Arc::new(VirtualHost::new(pattern, PathPolicy::Nginx, Vec::new(), Vec::new()));
        let hosts: BTreeMap<_, _> = patterns.iter().map(|pattern| (pattern.clone(), host(pattern.clone()))).collect();
        let some = RouteTable { hosts: hosts.clone().into_iter().skip(1).collect(), ..RouteTable::default() };
        let all = RouteTable { hosts, ..RouteTable::default() };
        let found = |table: &RouteTable, name| {
            Snapshot::new(table.clone()).host_of_handshake(name).map(|host| host.pattern().to_string())
        };
        for (name, expected) in [
            (Some("a.example"), "a.example"),
            (Some("A.Example."), "a.example"),
            (Some("x.a.example"), "*.a.example"),
            (Some("x.y.a.example"), "*"),
            (None, "*"),
        ] {
            assert_eq!(found(&all, name).as_deref(), Some(expected), "{name:?}");
        }
        assert_eq!(found(&some, Some("elsewhere.example")), None);
        assert_eq!(found(&some, None), None);
    }
}
