//! What has been compiled so far, and what a change of the inputs does to it.
//!
//! An object that changed is read again; the hosts, TLS names and default backend that it took part in before or takes part
//! in now are merged again; the backends that those routes name, or whose Service or endpoints changed, are resolved again.
//! Everything else stays as it is, so the work is that of the change and not of the cluster. Compiling from scratch is the
//! same code with everything changed.

mod backends;
mod seeded;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

pub(crate) use self::backends::BackendId;
use self::backends::Backends;
pub(crate) use self::seeded::SeededState;
use super::class::Classes;
use super::conflict::ConflictKey;
use super::merge::{self, Member};
use super::options::Options;
use super::read::{self, Contribution};
use super::tls::{self, TlsMember};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::host::HostPattern;
use crate::model::{Inputs, JournalPosition};
use crate::object::{Kind, ObjectRef, Origin};
use crate::policy::{Backend, CertificateEntry, DefaultBackend, RouteTable, Target, VirtualHost};

/// What an update did, for whoever keeps indices over the result.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Hosts that were merged again and differ; none for those that are gone.
    pub(crate) hosts: Vec<(HostPattern, Option<Arc<VirtualHost>>)>,
    /// Certificates that differ; none for names that are gone.
    pub(crate) certificates: BTreeMap<HostPattern, Option<Arc<CertificateEntry>>>,
    /// Backends that differ; none for those that no route names any more.
    pub(crate) backends: BTreeMap<BackendId, Option<Arc<Backend>>>,
    /// Whether the default backend differs.
    pub(crate) default_backend: bool,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.hosts.is_empty() && self.certificates.is_empty() && self.backends.is_empty() && !self.default_backend
    }
}

/// Where diagnostics come from; those of one source are replaced together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Classes,
    Object(Arc<ObjectRef>),
    Host(HostPattern),
    Certificate(HostPattern),
    DefaultBackend,
    Backend(BackendId),
}

/// A claimed or refused Ingress as it was read last.
#[derive(Debug)]
struct Reading {
    key: ConflictKey,
    contribution: Contribution,
}

#[derive(Debug, Default)]
struct HostState {
    members: Vec<ConflictKey>,
    merged: Option<Arc<VirtualHost>>,
    /// Whether it waits to be merged again.
    is_dirty: bool,
}

#[derive(Debug, Default)]
struct CertificateState {
    members: Vec<ConflictKey>,
    chosen: Option<Arc<CertificateEntry>>,
}

/// Everything compiled so far.
#[derive(Debug)]
pub(crate) struct State {
    options: Options,
    position: Option<JournalPosition>,
    classes: Classes,
    readings: HashMap<Arc<ObjectRef>, Reading, SeededState>,
    hosts: HashMap<HostPattern, HostState, SeededState>,
    certificates: HashMap<HostPattern, CertificateState, SeededState>,
    /// The TLS names whose entries name a Secret, and the objects with those entries, by that Secret.
    secret_users: HashMap<ObjectRef, BTreeSet<(HostPattern, Arc<ObjectRef>)>, SeededState>,
    had_secrets: bool,
    default_members: BTreeSet<ConflictKey>,
    default_backend: Option<Arc<DefaultBackend>>,
    backends: Backends,
    diagnostics: BTreeMap<Source, Vec<Diagnostic>>,
    collected: Option<Diagnostics>,
}

/// What has to be done again.
#[derive(Debug, Default)]
struct Dirty {
    /// Each once: a host knows that it is listed.
    hosts: Vec<HostPattern>,
    certificates: BTreeSet<HostPattern>,
    default_backend: bool,
}

impl State {
    pub(crate) fn new(options: Options) -> Self {
        let hasher = SeededState::new(options.hash_seed);
        Self {
            position: None,
            classes: Classes::default(),
            readings: HashMap::with_hasher(hasher),
            hosts: HashMap::with_hasher(hasher),
            certificates: HashMap::with_hasher(hasher),
            secret_users: HashMap::with_hasher(hasher),
            had_secrets: false,
            default_members: BTreeSet::new(),
            default_backend: None,
            backends: Backends::new(hasher),
            diagnostics: BTreeMap::new(),
            collected: None,
            options,
        }
    }

    /// Brings the state up to date with the inputs.
    pub(crate) fn update(&mut self, inputs: &Inputs) -> Changes {
        let known = self.position.as_ref().and_then(|position| inputs.journal().changes(position));
        let mut dirty = Dirty::default();
        let mut changes = Changes::default();
        match known {
            Some(changed) => {
                if changed.iter().any(|object| object.kind == Kind::IngressClass) && self.read_classes(inputs) {
                    self.read_all(inputs, &mut dirty);
                }
                for object in changed {
                    match object.kind {
                        Kind::Ingress => self.read_one(object, inputs, &mut dirty),
                        Kind::Secret => {
                            let users = self.secret_users.get(object).into_iter().flatten();
                            dirty.certificates.extend(users.map(|(pattern, _)| pattern.clone()));
                        }
                        Kind::Service | Kind::EndpointSlice | Kind::Endpoints => self.backends.touch(object, inputs),
                        Kind::IngressClass => {}
                    }
                }
            }
            None => {
                let ingresses = inputs.ingresses().len();
                self.readings.reserve(ingresses.saturating_sub(self.readings.len()));
                self.hosts.reserve(ingresses.saturating_sub(self.hosts.len()));
                self.read_classes(inputs);
                self.read_all(inputs, &mut dirty);
                // These may be other inputs than last time, with other Services and Secrets.
                dirty.certificates.extend(self.certificates.keys().cloned());
                self.backends.touch_all();
            }
        }
        if self.had_secrets != inputs.has_secrets() {
            self.had_secrets = inputs.has_secrets();
            dirty.certificates.extend(self.certificates.keys().cloned());
        }
        self.position = Some(inputs.journal().position());
        for pattern in dirty.hosts {
            self.merge_host(pattern, inputs, &mut changes);
        }
        for pattern in dirty.certificates {
            self.choose_certificate(pattern, inputs, &mut changes);
        }
        // The controller's own default backend is in force before any Ingress brings one.
        if dirty.default_backend || (self.default_backend.is_none() && self.options.default_backend.is_some()) {
            self.choose_default_backend(inputs, &mut changes);
        }
        self.resolve_backends(inputs, &mut changes);
        changes
    }

    /// The whole table, in a form to print and compare.
    pub(crate) fn table(&self) -> RouteTable {
        let merged =
            self.hosts.iter().filter_map(|(pattern, host)| Some((pattern.clone(), Arc::clone(host.merged.as_ref()?))));
        let chosen = self
            .certificates
            .iter()
            .filter_map(|(name, state)| Some((name.clone(), Arc::clone(state.chosen.as_ref()?))));
        RouteTable {
            hosts: merged.collect(),
            default_backend: self.default_backend.clone(),
            certificates: chosen.collect(),
            backends: self.backends.all(),
        }
    }

    /// All findings. They are put together again only after some have changed.
    pub(crate) fn diagnostics(&mut self) -> Diagnostics {
        let diagnostics = &self.diagnostics;
        self.collected.get_or_insert_with(|| diagnostics.values().flatten().cloned().collect()).clone()
    }

    pub(crate) fn default_backend(&self) -> Option<&Arc<DefaultBackend>> {
        self.default_backend.as_ref()
    }

    pub(crate) fn backends(&self) -> &Backends {
        &self.backends
    }

    /// Reads the IngressClasses and says whether they differ from before.
    fn read_classes(&mut self, inputs: &Inputs) -> bool {
        let mut out = Vec::new();
        let classes = Classes::read(inputs, &mut out);
        let differ = classes != self.classes;
        self.classes = classes;
        self.report(Source::Classes, out);
        differ
    }

    fn read_all(&mut self, inputs: &Inputs, dirty: &mut Dirty) {
        let mut gone: Vec<Arc<ObjectRef>> =
            self.readings.keys().filter(|object| inputs.ingress(object).is_none()).cloned().collect();
        gone.sort();
        for object in gone {
            self.read_one(&object, inputs, dirty);
        }
        for (object, _) in inputs.ingresses() {
            self.read_one(object, inputs, dirty);
        }
    }

    /// Reads one Ingress again, or forgets it.
    fn read_one(&mut self, object: &ObjectRef, inputs: &Inputs, dirty: &mut Dirty) {
        if let Some((object, old)) = self.readings.remove_entry(object) {
            self.leave(&old, dirty);
            self.report(Source::Object(object), Vec::new());
        }
        let Some((object, ingress)) = inputs.ingress_entry(object) else { return };
        let key = ConflictKey::new(object, ingress);
        let mut contribution = read::read(object, ingress, &self.classes, &self.options);
        self.report(Source::Object(Arc::clone(object)), std::mem::take(&mut contribution.diagnostics));
        for (pattern, _) in &contribution.hosts {
            let host = self.hosts.entry(pattern.clone()).or_default();
            enter(&mut host.members, &key);
            if !std::mem::replace(&mut host.is_dirty, true) {
                dirty.hosts.push(pattern.clone());
            }
        }
        for pattern in contribution.tls.keys() {
            enter(&mut self.certificates.entry(pattern.clone()).or_default().members, &key);
            dirty.certificates.insert(pattern.clone());
        }
        for (secret, pattern) in &contribution.secrets {
            self.secret_users.entry(secret.clone()).or_default().insert((pattern.clone(), Arc::clone(object)));
        }
        if contribution.has_default_backend {
            self.default_members.insert(key.clone());
            dirty.default_backend = true;
        }
        self.readings.insert(Arc::clone(object), Reading { key, contribution });
    }

    /// Takes an Ingress out of everything that it took part in.
    fn leave(&mut self, old: &Reading, dirty: &mut Dirty) {
        for (pattern, _) in &old.contribution.hosts {
            let Some(host) = self.hosts.get_mut(pattern) else { continue };
            host.members.retain(|member| *member != old.key);
            if !std::mem::replace(&mut host.is_dirty, true) {
                dirty.hosts.push(pattern.clone());
            }
        }
        for pattern in old.contribution.tls.keys() {
            if let Some(state) = self.certificates.get_mut(pattern) {
                state.members.retain(|member| *member != old.key);
            }
            dirty.certificates.insert(pattern.clone());
        }
        for (secret, pattern) in &old.contribution.secrets {
            if let Some(users) = self.secret_users.get_mut(secret) {
                users.remove(&(pattern.clone(), Arc::clone(&old.key.object)));
                if users.is_empty() {
                    self.secret_users.remove(secret);
                }
            }
        }
        if self.default_members.remove(&old.key) {
            dirty.default_backend = true;
        }
    }

    fn merge_host(&mut self, pattern: HostPattern, inputs: &Inputs, changes: &mut Changes) {
        let Some(state) = self.hosts.get_mut(&pattern) else { return };
        state.is_dirty = false;
        let mut out = Vec::new();
        let members: Vec<Member<'_>> = state
            .members
            .iter()
            .filter_map(|key| {
                let rules = self.readings.get(&key.object)?.contribution.rules_of(&pattern)?;
                Some(Member { key, ingress: read::ingress_of(inputs, key)?, rules })
            })
            .collect();
        let policy = self.options.dialect.semantics().path_policy;
        let merged = (!members.is_empty()).then(|| merge::host(pattern.clone(), policy, &members, &mut out));
        let before = state.merged.clone();
        self.report(Source::Host(pattern.clone()), out);
        let Some(merged) = merged else {
            self.hosts.remove(&pattern);
            if let Some(before) = before {
                self.backends.replace_host(&pattern, Some(&before), None);
                changes.hosts.push((pattern, None));
            }
            return;
        };
        if before.as_deref() == Some(&merged) {
            return;
        }
        let merged = Arc::new(merged);
        self.backends.replace_host(&pattern, before.as_deref(), Some(&merged));
        if let Some(state) = self.hosts.get_mut(&pattern) {
            state.merged = Some(Arc::clone(&merged));
        }
        changes.hosts.push((pattern, Some(merged)));
    }

    fn choose_certificate(&mut self, pattern: HostPattern, inputs: &Inputs, changes: &mut Changes) {
        let Some(state) = self.certificates.get(&pattern) else { return };
        let mut out = Vec::new();
        let members: Vec<TlsMember<'_>> = state
            .members
            .iter()
            .filter_map(|key| {
                let place = *self.readings.get(&key.object)?.contribution.tls.get(&pattern)?;
                Some(TlsMember { key, ingress: read::ingress_of(inputs, key)?, place })
            })
            .collect();
        let chosen = tls::certificate(&pattern, &members, inputs, &mut out);
        let before = state.chosen.clone();
        self.report(Source::Certificate(pattern.clone()), out);
        if chosen.is_none() {
            self.certificates.remove(&pattern);
            if before.is_some() {
                changes.certificates.insert(pattern, None);
            }
            return;
        }
        if before.as_deref() == chosen.as_ref() {
            return;
        }
        let chosen = chosen.map(Arc::new);
        if let Some(state) = self.certificates.get_mut(&pattern) {
            state.chosen.clone_from(&chosen);
        }
        changes.certificates.insert(pattern, chosen);
    }

    fn choose_default_backend(&mut self, inputs: &Inputs, changes: &mut Changes) {
        let path_policy = self.options.dialect.semantics().path_policy;
        let mut out = Vec::new();
        let mut chosen: Option<(Target, Origin)> = None;
        for key in &self.default_members {
            let Some((target, origin)) =
                read::ingress_of(inputs, key).and_then(|it| read::default_target(&key.object, it))
            else {
                continue;
            };
            match &chosen {
                None => chosen = Some((target, origin)),
                Some((_, winner)) => out.push(
                    Diagnostic::new(
                        Code::DefaultBackendShadowed,
                        Some(origin.object),
                        origin.field,
                        "another Ingress already has the default backend",
                    )
                    .with_related(winner.clone(), "this one takes what no rule takes"),
                ),
            }
        }
        self.report(Source::DefaultBackend, out);
        let chosen = match chosen {
            Some((target, origin)) => Some(DefaultBackend { target, origin: Some(origin), path_policy }),
            None => self.options.default_backend.as_ref().map(|reference| DefaultBackend {
                target: Target::Backend(Arc::new(reference.clone())),
                origin: None,
                path_policy,
            }),
        };
        if self.default_backend.as_deref() == chosen.as_ref() {
            return;
        }
        let chosen = chosen.map(Arc::new);
        self.backends.replace_default(self.default_backend.as_deref(), chosen.as_deref());
        self.default_backend = chosen;
        changes.default_backend = true;
    }

    fn resolve_backends(&mut self, inputs: &Inputs, changes: &mut Changes) {
        let hosts = &self.hosts;
        let routes_of = |pattern: &HostPattern| hosts.get(pattern).and_then(|host| host.merged.clone());
        let default = self.default_backend.clone();
        let resolved = self.backends.resolve(inputs, &routes_of, default.as_deref(), &mut changes.backends);
        for (id, findings) in resolved {
            self.report(Source::Backend(id), findings);
        }
    }

    /// Replaces the findings of one source.
    fn report(&mut self, source: Source, findings: Vec<Diagnostic>) {
        if self.diagnostics.get(&source).map_or(&[][..], |before| before) == findings {
            return;
        }
        self.collected = None;
        if findings.is_empty() {
            self.diagnostics.remove(&source);
        } else {
            self.diagnostics.insert(source, findings);
        }
    }
}

/// Adds a member in conflict order.
fn enter(members: &mut Vec<ConflictKey>, key: &ConflictKey) {
    if let Err(place) = members.binary_search(key) {
        members.insert(place, key.clone());
    }
}
