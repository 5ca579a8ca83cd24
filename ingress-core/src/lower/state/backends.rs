//! The backends that routes name: a number for each, who names it, and what is known of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, hash_map};
use std::sync::Arc;

use super::{SeededState, Source};
use crate::diagnostic::Diagnostic;
use crate::host::HostPattern;
use crate::lower::backend;
use crate::lower::claims::Claims;
use crate::lower::merge::Merged;
use crate::model::Inputs;
use crate::object::{Kind, ObjectRef, Origin};
use crate::policy::{AddressRange, Backend, BackendRef, DefaultBackend, Target, VirtualHost};

/// The number of a backend. It stays the same as long as some route names the backend, so that a change of endpoints is a
/// change of one table entry and of no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BackendId(pub(crate) u32);

impl BackendId {
    /// In place of a backend, where there is none.
    pub(crate) const NONE: Self = Self(u32::MAX);
}

#[derive(Debug)]
struct Entry {
    id: BackendId,
    resolved: Option<Arc<Backend>>,
    hosts: Users,
    is_default: bool,
    /// Whether it waits to be resolved again.
    is_dirty: bool,
    /// What objects say of all its requests.
    claims: Option<Box<Claims>>,
}

/// The hosts with a route to a backend: nearly always one.
#[derive(Debug)]
#[expect(
    clippy::box_collection,
    reason = "a set in place would take the room in which one host tells the variants apart"
)]
enum Users {
    None,
    One(HostPattern),
    Several(Box<BTreeSet<HostPattern>>),
}

impl Entry {
    /// Whether it was found to be of no use, which has been said of each route to it.
    fn is_down(&self) -> bool {
        self.resolved.as_ref().is_some_and(|backend| !backend.availability.is_up())
    }

    fn queue(&mut self, reference: &Arc<BackendRef>, dirty: &mut Vec<Arc<BackendRef>>) {
        if !std::mem::replace(&mut self.is_dirty, true) {
            dirty.push(Arc::clone(reference));
        }
    }
}

impl Users {
    fn insert(&mut self, pattern: &HostPattern) {
        match self {
            Self::None => *self = Self::One(pattern.clone()),
            Self::One(user) if user == pattern => {}
            Self::One(user) => *self = Self::Several(Box::new(BTreeSet::from([user.clone(), pattern.clone()]))),
            Self::Several(users) => {
                users.insert(pattern.clone());
            }
        }
    }

    fn remove(&mut self, pattern: &HostPattern) {
        match self {
            Self::One(user) if user == pattern => *self = Self::None,
            Self::None | Self::One(_) => {}
            Self::Several(users) => {
                users.remove(pattern);
            }
        }
    }

    fn iter(&self) -> impl Iterator<Item = &HostPattern> {
        let (one, several) = match self {
            Self::None => (None, None),
            Self::One(user) => (Some(user), None),
            Self::Several(users) => (None, Some(&**users)),
        };
        one.into_iter().chain(several.into_iter().flatten())
    }
}

/// Hosts by backend.
type Touched = BTreeMap<BackendId, BTreeSet<HostPattern>>;

#[derive(Debug)]
pub(crate) struct Backends {
    entries: HashMap<Arc<BackendRef>, Entry, SeededState>,
    of_service: HashMap<ObjectRef, Vec<Arc<BackendRef>>, SeededState>,
    next: u32,
    free: Vec<BackendId>,
    /// To be resolved again, each once: an entry knows that it is listed.
    dirty: Vec<Arc<BackendRef>>,
    /// The hosts whose routes to a backend that is not up are others since the last resolution.
    touched: Touched,
    /// Given up since the last resolution.
    gone: Vec<BackendId>,
    had_services: bool,
    had_endpoints: bool,
    /// Backends that filters and canaries name, and how many hosts they do so in.
    side: BTreeMap<Arc<BackendRef>, usize>,
    side_changed: bool,
}

impl Backends {
    pub(super) fn new(hasher: SeededState) -> Self {
        Self {
            entries: HashMap::with_hasher(hasher),
            of_service: HashMap::with_hasher(hasher),
            next: 0,
            free: Vec::new(),
            dirty: Vec::new(),
            touched: BTreeMap::new(),
            gone: Vec::new(),
            had_services: false,
            had_endpoints: false,
            side: BTreeMap::new(),
            side_changed: false,
        }
    }

    /// The backends that filters and canaries name, with their numbers.
    pub(crate) fn side(&self) -> BTreeMap<Arc<BackendRef>, BackendId> {
        self.side.keys().filter_map(|reference| Some((Arc::clone(reference), self.id(reference)?))).collect()
    }

    /// Whether those differ from when this was asked last.
    pub(super) fn take_side_changed(&mut self) -> bool {
        std::mem::take(&mut self.side_changed)
    }

    /// The number of a backend that some route names.
    pub(crate) fn id(&self, reference: &Arc<BackendRef>) -> Option<BackendId> {
        self.entries.get(reference).map(|entry| entry.id)
    }

    pub(super) fn all(&self) -> BTreeMap<Arc<BackendRef>, Arc<Backend>> {
        let resolved = self
            .entries
            .iter()
            .filter_map(|(reference, entry)| Some((Arc::clone(reference), Arc::clone(entry.resolved.as_ref()?))));
        resolved.collect()
    }

    /// Notes that a Service or its endpoints changed.
    pub(super) fn touch(&mut self, object: &ObjectRef, inputs: &Inputs) {
        let service = match object.kind {
            Kind::EndpointSlice => inputs.service_of_slice(object),
            _ => Some(ObjectRef::new(Kind::Service, Arc::clone(&object.namespace), Arc::clone(&object.name))),
        };
        let backends = service.and_then(|service| self.of_service.get(&service));
        for reference in backends.into_iter().flatten() {
            if let Some(entry) = self.entries.get_mut(reference) {
                entry.queue(reference, &mut self.dirty);
            }
        }
    }

    pub(super) fn touch_all(&mut self) {
        let dirty = &mut self.dirty;
        self.entries.iter_mut().for_each(|(reference, entry)| entry.queue(reference, dirty));
        // The map's order means nothing and must not show.
        self.dirty.sort();
    }

    /// Notes that a host's routes changed.
    pub(super) fn replace_host(
        &mut self,
        pattern: &HostPattern,
        before: Option<&Merged>,
        mut after: Option<&mut Merged>,
    ) {
        // The routes share what names their backend with all others that do.
        for route in after.iter_mut().flat_map(|merged| Arc::make_mut(&mut merged.host).routes_mut()) {
            if let Target::Backend(reference) = &mut route.target {
                *reference = self.name_at(reference, pattern);
            }
        }
        let after = after.as_deref();
        for reference in after.into_iter().flat_map(side_references) {
            self.name_at(reference, pattern);
        }
        for reference in after.into_iter().flat_map(side_references) {
            let count = self.side.entry(Arc::clone(reference)).or_default();
            *count += 1;
            self.side_changed |= *count == 1;
        }
        self.replace_claims(pattern, before, after);
        let Some(before) = before else { return };
        for reference in side_references(before) {
            let Some(count) = self.side.get_mut(reference) else { continue };
            *count -= 1;
            if *count == 0 {
                self.side.remove(reference);
                self.side_changed = true;
            }
        }
        let kept: BTreeSet<&Arc<BackendRef>> = after.into_iter().flat_map(references).collect();
        for reference in references(before).filter(|reference| !kept.contains(reference)) {
            let Some(entry) = self.entries.get_mut(reference) else { continue };
            entry.hosts.remove(pattern);
            touch_host(entry, pattern, &mut self.touched);
            entry.queue(reference, &mut self.dirty);
            self.drop_unused(reference);
        }
    }

    /// Notes that what a host's objects say of backends changed.
    fn replace_claims(&mut self, pattern: &HostPattern, before: Option<&Merged>, after: Option<&Merged>) {
        for claim in before.into_iter().flat_map(|merged| &merged.claims) {
            if let Some(entry) = self.entries.get_mut(&claim.backend)
                && let Some(claims) = &mut entry.claims
            {
                claims.remove(pattern);
                entry.queue(&claim.backend, &mut self.dirty);
            }
        }
        for claim in after.into_iter().flat_map(|merged| &merged.claims) {
            if let Some(entry) = self.entries.get_mut(&claim.backend) {
                entry.claims.get_or_insert_default().insert(pattern, claim);
                entry.queue(&claim.backend, &mut self.dirty);
            }
        }
    }

    /// Notes that the default backend changed.
    pub(super) fn replace_default(&mut self, before: Option<&DefaultBackend>, after: Option<&DefaultBackend>) {
        if let Some(Target::Backend(reference)) = before.map(|default| &default.target)
            && let Some(entry) = self.entries.get_mut(reference)
        {
            entry.is_default = false;
            entry.queue(reference, &mut self.dirty);
        }
        if let Some(Target::Backend(reference)) = after.map(|default| &default.target) {
            self.name(reference, |entry, _| entry.is_default = true);
        }
        if let Some(Target::Backend(reference)) = before.map(|default| &default.target) {
            self.drop_unused(reference);
        }
    }

    /// Resolves what was touched. `out` takes what differs, `report` the findings of each source that was looked at.
    pub(super) fn resolve(
        &mut self,
        (inputs, allowed): (&Inputs, &[AddressRange]),
        routes_of: &dyn Fn(&HostPattern) -> Option<Arc<VirtualHost>>,
        default: Option<&DefaultBackend>,
        out: &mut BTreeMap<BackendId, Option<Arc<Backend>>>,
        report: &mut dyn FnMut(Source, Vec<Diagnostic>),
    ) {
        if (self.had_services, self.had_endpoints) != (inputs.has_services(), inputs.has_endpoints()) {
            (self.had_services, self.had_endpoints) = (inputs.has_services(), inputs.has_endpoints());
            self.touch_all();
        }
        let mut touched = std::mem::take(&mut self.touched);
        for id in std::mem::take(&mut self.gone) {
            self.free.push(id);
            out.insert(id, None);
            report(Source::Backend(id), Vec::new());
            for pattern in touched.remove(&id).into_iter().flatten() {
                report(Source::BackendAt(id, pattern), Vec::new());
            }
        }
        for reference in std::mem::take(&mut self.dirty) {
            let Some(entry) = self.entries.get_mut(&reference) else { continue };
            entry.is_dirty = false;
            let mut found = Vec::new();
            let mut backend = backend::resolve(&reference, inputs, allowed, &mut found);
            backend.policy = entry.claims.as_deref().and_then(|claims| claims.policy(&reference, &mut found));
            let is_up = backend.availability.is_up();
            if let Some(default) = default.filter(|_| entry.is_default && !is_up) {
                found.extend(backend::finding(&backend, default.origin.as_ref()));
            }
            report(Source::Backend(entry.id), found);
            let is_same = entry.resolved.as_deref() == Some(&backend);
            // What is said of a route depends on the route and on the backend, and on nothing else.
            let mut hosts = touched.remove(&entry.id).unwrap_or_default();
            if !is_same && (entry.is_down() || !is_up) {
                hosts.extend(entry.hosts.iter().cloned());
            }
            for pattern in hosts {
                let host = routes_of(&pattern).filter(|_| !is_up);
                let origins = host.iter().flat_map(|host| origins(host, &reference));
                let findings = origins.filter_map(|origin| backend::finding(&backend, Some(origin))).collect();
                report(Source::BackendAt(entry.id, pattern), findings);
            }
            if !is_same {
                let backend = Arc::new(backend);
                entry.resolved = Some(Arc::clone(&backend));
                out.insert(entry.id, Some(backend));
            }
        }
    }

    /// Notes that a host names a backend.
    fn name_at(&mut self, reference: &Arc<BackendRef>, pattern: &HostPattern) -> Arc<BackendRef> {
        self.name(reference, |entry, touched| {
            entry.hosts.insert(pattern);
            touch_host(entry, pattern, touched);
        })
    }

    /// Notes that something names a backend, and how. Returned is the name as it was first used.
    fn name(&mut self, reference: &Arc<BackendRef>, by: impl FnOnce(&mut Entry, &mut Touched)) -> Arc<BackendRef> {
        let (shared, entry) = match self.entries.entry(Arc::clone(reference)) {
            hash_map::Entry::Occupied(entry) => (Arc::clone(entry.key()), entry.into_mut()),
            hash_map::Entry::Vacant(place) => {
                self.of_service.entry(backend::service_of(reference)).or_default().push(Arc::clone(reference));
                // Numbers are given again only after the index has heard that they are gone.
                let id = self.free.pop().unwrap_or_else(|| {
                    let id = BackendId(self.next);
                    self.next += 1;
                    id
                });
                let entry = place.insert(Entry {
                    id,
                    resolved: None,
                    hosts: Users::None,
                    is_default: false,
                    is_dirty: false,
                    claims: None,
                });
                (Arc::clone(reference), entry)
            }
        };
        by(entry, &mut self.touched);
        entry.queue(&shared, &mut self.dirty);
        shared
    }

    fn drop_unused(&mut self, reference: &Arc<BackendRef>) {
        let unused =
            self.entries.get(reference).is_some_and(|entry| entry.hosts.iter().next().is_none() && !entry.is_default);
        if !unused {
            return;
        }
        if let Some(entry) = self.entries.remove(reference) {
            self.gone.push(entry.id);
        }
        let service = backend::service_of(reference);
        if let Some(backends) = self.of_service.get_mut(&service) {
            backends.retain(|other| other != reference);
            if backends.is_empty() {
                self.of_service.remove(&service);
            }
        }
    }
}

/// Notes that the routes of a host to a backend are others. Where nothing has been said of them nothing need be taken back, and
/// all are looked at once the backend turns out to be down.
fn touch_host(entry: &Entry, pattern: &HostPattern, touched: &mut Touched) {
    if entry.is_down() {
        touched.entry(entry.id).or_default().insert(pattern.clone());
    }
}

/// The backends that a host names, by routes or otherwise.
fn references(merged: &Merged) -> impl Iterator<Item = &Arc<BackendRef>> {
    let routes = merged.host.routes().iter().filter_map(|route| match &route.target {
        Target::Backend(reference) => Some(reference),
        _ => None,
    });
    routes.chain(side_references(merged))
}

/// The backends that filters and canaries of a host name.
fn side_references(merged: &Merged) -> impl Iterator<Item = &Arc<BackendRef>> {
    let filters = merged.host.routes().iter().filter_map(|route| Some(&*route.policy.as_ref()?.filters));
    let named = filters.flat_map(|filters| filters.backends());
    named.chain(merged.claims.iter().filter_map(|claim| claim.canary_backend()))
}

fn origins<'h>(host: &'h VirtualHost, wanted: &BackendRef) -> impl Iterator<Item = &'h Origin> {
    host.routes().iter().filter_map(move |route| match &route.target {
        Target::Backend(reference) if **reference == *wanted => Some(&route.origin),
        _ => None,
    })
}
