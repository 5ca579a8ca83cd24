//! What has been compiled so far, and what a change of the inputs does to it.
//!
//! An object that changed is read again; the hosts, TLS names and default backend that it took part in before or takes part
//! in now are merged again; the backends that those routes name, or whose Service or endpoints changed, are resolved again.
//! Everything else stays as it is, so the work is that of the change and not of the cluster. Compiling from scratch is the
//! same code with everything changed.

mod backends;
mod certificates;
mod findings;
mod hosts;
mod results;
mod seeded;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

pub(crate) use self::backends::BackendId;
use self::backends::Backends;
use self::findings::{Findings, Source};
pub(crate) use self::seeded::SeededState;
use super::class::Classes;
use super::conflict::ConflictKey;
use super::merge::Merged;
use super::options::Options;
use super::read::{self, Contribution};
use crate::diagnostic::{Code, Diagnostic};
use crate::dialect::{Cluster, Dialects, Intent, TieBreak};
use crate::host::HostPattern;
use crate::model::{Inputs, JournalPosition};
use crate::object::{Kind, ObjectRef, Origin};
use crate::policy::{Backend, BackendRef, CertificateEntry, DefaultBackend, Target, VirtualHost};

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
    /// Whether backends that no route names, but a filter or a canary does, are others.
    pub(crate) side_backends: bool,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        let nothing = self.hosts.is_empty() && self.certificates.is_empty() && self.backends.is_empty();
        nothing && !self.default_backend && !self.side_backends
    }
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
    merged: Option<Merged>,
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
    /// The controller's own default backend.
    fallback: Option<Arc<BackendRef>>,
    /// The dialects with the settings of the controller's ConfigMap.
    dialects: Dialects,
    /// The objects that those settings name.
    named_by_settings: BTreeSet<ObjectRef>,
    position: Option<JournalPosition>,
    classes: Classes,
    /// What an Ingress wants that wants nothing.
    nothing: Intent,
    readings: HashMap<Arc<ObjectRef>, Reading, SeededState>,
    hosts: HashMap<HostPattern, HostState, SeededState>,
    certificates: HashMap<HostPattern, CertificateState, SeededState>,
    /// The TLS names whose entries name a Secret, and the objects with those entries, by that Secret.
    secret_users: HashMap<ObjectRef, BTreeSet<(HostPattern, Arc<ObjectRef>)>, SeededState>,
    had_secrets: bool,
    /// The Ingresses whose annotations name an object, by that object.
    askers: HashMap<ObjectRef, BTreeSet<Arc<ObjectRef>>, SeededState>,
    /// Which kinds of objects that annotations name there were.
    had_named: (bool, bool, bool),
    had_nodes: bool,
    /// An object that sorts before all that have a name, to begin a range of aliases with.
    first_object: Arc<ObjectRef>,
    /// Hosts with other names, and those names.
    aliases: BTreeSet<(HostPattern, HostPattern, Arc<ObjectRef>)>,
    /// Whether Ingresses or settings have been read since somebody asked which are claimed and what they refer to.
    are_readings_new: bool,
    /// The load balancers that Ingresses name.
    load_balancers: BTreeMap<Arc<ObjectRef>, Box<str>>,
    default_members: BTreeSet<ConflictKey>,
    /// Whether the controller's own default backend has not been looked at with the settings that there are.
    is_fallback_new: bool,
    default_backend: Option<Arc<DefaultBackend>>,
    backends: Backends,
    findings: Findings,
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
            fallback: options.default_backend.clone().map(Arc::new),
            dialects: options.dialects.clone(),
            named_by_settings: BTreeSet::new(),
            position: None,
            classes: Classes::default(),
            nothing: Intent::default(),
            readings: HashMap::with_hasher(hasher),
            hosts: HashMap::with_hasher(hasher),
            certificates: HashMap::with_hasher(hasher),
            secret_users: HashMap::with_hasher(hasher),
            had_secrets: false,
            askers: HashMap::with_hasher(hasher),
            had_named: (false, false, false),
            had_nodes: false,
            first_object: Arc::new(ObjectRef::new(Kind::Ingress, Arc::<str>::from(""), "")),
            aliases: BTreeSet::new(),
            are_readings_new: false,
            load_balancers: BTreeMap::new(),
            default_members: BTreeSet::new(),
            default_backend: None,
            is_fallback_new: true,
            backends: Backends::new(hasher),
            findings: Findings::default(),
            options,
        }
    }

    /// Brings the state up to date with the inputs.
    pub(crate) fn update(&mut self, inputs: &Inputs) -> Changes {
        let known = self.position.as_ref().and_then(|position| inputs.journal().changes(position));
        let mut dirty = Dirty::default();
        let mut changes = Changes::default();
        match known {
            Some(changed) => self.update_changed(&changed, inputs, &mut dirty),
            None => {
                let ingresses = inputs.ingresses().len();
                self.readings.reserve(ingresses.saturating_sub(self.readings.len()));
                self.hosts.reserve(ingresses.saturating_sub(self.hosts.len()));
                self.configure(inputs);
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
        self.merge_hosts(dirty.hosts, inputs, &mut changes);
        if !self.aliases.is_empty() {
            // Whose certificate a name has may depend on whose name it is.
            let changed = changes.hosts.iter().map(|(pattern, _)| pattern);
            dirty.certificates.extend(changed.filter(|pattern| self.certificates.contains_key(pattern)).cloned());
        }
        self.choose_certificates(&dirty.certificates, inputs, &mut changes);
        // The controller's own default backend is in force before any Ingress brings one.
        let is_fallback_new = std::mem::take(&mut self.is_fallback_new) && self.fallback.is_some();
        if dirty.default_backend || is_fallback_new {
            self.choose_default_backend(inputs, &mut changes);
        }
        self.resolve_backends(inputs, &mut changes);
        changes.side_backends = self.backends.take_side_changed();
        changes
    }

    /// Does again what these changed objects had a part in.
    fn update_changed(&mut self, changed: &BTreeSet<&ObjectRef>, inputs: &Inputs, dirty: &mut Dirty) {
        let config = self.options.config_map.as_ref();
        let reconfigured =
            changed.iter().any(|object| Some(*object) == config || self.named_by_settings.contains(*object));
        if reconfigured {
            self.configure(inputs);
        }
        let has_classes = changed.iter().any(|object| object.kind == Kind::IngressClass);
        if (has_classes && self.read_classes(inputs)) || reconfigured {
            self.read_all(inputs, dirty);
        }
        let mut again: BTreeSet<Arc<ObjectRef>> = BTreeSet::new();
        for object in changed {
            again.extend(self.askers.get(*object).into_iter().flatten().cloned());
            match object.kind {
                Kind::Ingress => self.read_one(object, inputs, dirty),
                Kind::Secret => {
                    let users = self.secret_users.get(*object).into_iter().flatten();
                    dirty.certificates.extend(users.map(|(pattern, _)| pattern.clone()));
                }
                Kind::Service | Kind::EndpointSlice | Kind::Endpoints => self.backends.touch(object, inputs),
                // Which nodes there are matters to every Service that is reached through them.
                Kind::Node => self.backends.touch_all(),
                Kind::IngressClass | Kind::ConfigMap => {}
            }
        }
        let has_named = (inputs.has_secrets(), inputs.has_config_maps(), inputs.has_services());
        if self.had_named != has_named {
            again.extend(self.askers.values().flatten().cloned());
        }
        for object in again {
            self.read_one(&object, inputs, dirty);
        }
    }

    /// Gives the dialects the settings of the controller's ConfigMap.
    fn configure(&mut self, inputs: &Inputs) {
        let Some(name) = self.options.config_map.clone() else { return };
        let mut out = Vec::new();
        let cluster = Cluster::new(inputs);
        match inputs.config_map(&name) {
            Some(settings) => {
                let mut heard: Vec<(&'static str, Arc<dyn crate::dialect::Dialect>)> = Vec::new();
                self.dialects = self.options.dialects.map(|dialect| {
                    // A dialect that is bound twice reports once.
                    if let Some((_, configured)) = heard.iter().find(|(name, _)| *name == dialect.name()) {
                        return Arc::clone(configured);
                    }
                    let configured = dialect.configured(settings, &cluster, &mut out);
                    let configured = configured.unwrap_or_else(|| Arc::clone(dialect));
                    heard.push((dialect.name(), Arc::clone(&configured)));
                    configured
                });
            }
            None => {
                self.dialects = self.options.dialects.clone();
                let message = format!("ConfigMap `{}` is not in the input; defaults are used", name.path());
                out.push(Diagnostic::new(
                    Code::ConfigmapNotFound,
                    None,
                    crate::object::FieldPath::named(&"--configmap"),
                    message,
                ));
            }
        }
        self.is_fallback_new = true;
        self.named_by_settings = cluster.into_asked();
        self.are_readings_new = true;
        self.report(Source::Config, out);
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
        self.are_readings_new = true;
        if let Some((object, old)) = self.readings.remove_entry(object) {
            self.leave(&old, dirty);
            self.report(Source::Object(object), Vec::new());
        }
        let Some((object, ingress)) = inputs.ingress_entry(object) else { return };
        let mut contribution = read::read(object, ingress, &self.classes, &self.options, &self.dialects, inputs);
        let semantics = contribution.dialect.as_ref().map(|dialect| dialect.semantics());
        let tie_break = semantics.map_or(TieBreak::Ascending, |semantics| semantics.tie_break);
        let key = ConflictKey::new(object, ingress, tie_break);
        self.report(Source::Object(Arc::clone(object)), std::mem::take(&mut contribution.diagnostics));
        for (pattern, part) in &contribution.hosts {
            if let Some(other) = part.other.as_deref() {
                let hosts = other.alias_of.iter().chain(&other.www_of);
                self.aliases.extend(hosts.map(|host| (host.clone(), pattern.clone(), Arc::clone(object))));
            }
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
        for asked in &contribution.asked {
            self.askers.entry(asked.clone()).or_default().insert(Arc::clone(object));
        }
        if let Some(name) = contribution.intent.as_deref().and_then(|intent| intent.load_balancer.clone()) {
            self.load_balancers.insert(Arc::clone(object), name);
        }
        if contribution.has_default_backend {
            self.default_members.insert(key.clone());
            dirty.default_backend = true;
        }
        self.readings.insert(Arc::clone(object), Reading { key, contribution });
    }

    /// Takes an Ingress out of everything that it took part in.
    fn leave(&mut self, old: &Reading, dirty: &mut Dirty) {
        for (pattern, part) in &old.contribution.hosts {
            if let Some(other) = part.other.as_deref() {
                for host in other.alias_of.iter().chain(&other.www_of) {
                    self.aliases.remove(&(host.clone(), pattern.clone(), Arc::clone(&old.key.object)));
                }
            }
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
        for asked in &old.contribution.asked {
            if let Some(askers) = self.askers.get_mut(asked) {
                askers.remove(&old.key.object);
                if askers.is_empty() {
                    self.askers.remove(asked);
                }
            }
        }
        self.load_balancers.remove(&old.key.object);
        if self.default_members.remove(&old.key) {
            dirty.default_backend = true;
        }
    }

    fn choose_default_backend(&mut self, inputs: &Inputs, changes: &mut Changes) {
        let mut path_policy = self.path_policy();
        let mut out = Vec::new();
        let mut chosen: Option<(Target, Origin)> = None;
        let nowhere = read::Part::default();
        for key in &self.default_members {
            let Some(contribution) = self.readings.get(&key.object).map(|reading| &reading.contribution) else {
                continue;
            };
            let Some(semantics) = contribution.dialect.as_ref().map(|dialect| dialect.semantics()) else { continue };
            let Some(ingress) = read::ingress_of(inputs, key) else { continue };
            let member = contribution.member(key, ingress, &nowhere, &self.nothing);
            let Some((target, origin)) = read::default_target(&member, &semantics) else { continue };
            let target = read::intended(member.intent, target);
            if chosen.is_none() {
                path_policy = semantics.path_policy;
            }
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
            Some((target, origin)) => Some(DefaultBackend { target, origin: Some(origin), path_policy, policy: None }),
            None => self.fallback.as_ref().map(|reference| {
                let intent = self.dialects.of(None, None).of_controller();
                let target = read::intended(&intent, Target::Backend(Arc::clone(reference)));
                DefaultBackend { target, origin: None, path_policy, policy: read::policy(&intent) }
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
        if self.had_nodes != inputs.has_nodes() {
            self.had_nodes = inputs.has_nodes();
            self.backends.touch_all();
        }
        self.had_named = (inputs.has_secrets(), inputs.has_config_maps(), inputs.has_services());
        let hosts = &self.hosts;
        let routes_of = |pattern: &HostPattern| Some(Arc::clone(&hosts.get(pattern)?.merged.as_ref()?.host));
        let default = self.default_backend.clone();
        let mut report = |source, findings| self.findings.replace(source, findings);
        let allowed = &*self.options.allowed_endpoints;
        self.backends.resolve((inputs, allowed), &routes_of, default.as_deref(), &mut changes.backends, &mut report);
    }

    /// Replaces the findings of one source.
    fn report(&mut self, source: Source, findings: Vec<Diagnostic>) {
        self.findings.replace(source, findings);
    }
}

/// Adds a member in conflict order.
fn enter(members: &mut Vec<ConflictKey>, key: &ConflictKey) {
    if let Err(place) = members.binary_search(key) {
        members.insert(place, key.clone());
    }
}
