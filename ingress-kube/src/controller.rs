//! Everything together: watches feed the store, what changed is compiled, and what differs is published.
//!
//! One task does it all, so there is at most one compile at a time, and the next one takes the newest state.

mod report;
mod settings;
mod sink;
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Instant;

use ingress_core::compiler::Compiler;
use ingress_core::diagnostic::Diagnostics;
use ingress_core::model::{AuthoritiesState, CertificateState, Metadata, Object, Secret, SecretState};
use ingress_core::object::{Kind, ObjectRef};
use ingress_core::path::PathPolicy;
use ingress_core::policy::{DefaultBackend, RouteTable, Target};
use ingress_core::publish::{Publisher, Reader};
use ingress_core::snapshot::Snapshot;
use kube::Client;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

use self::report::Report;
pub use self::settings::{SecretAccess, Settings};
use self::sink::Question;
pub use self::sink::{Handle, Sink, State, View};
pub use self::trial::NoTrial;
use crate::convert::IngressRecord;
use crate::debounce::Debounce;
use crate::fetch::{Fetched, fetch, guarded};
use crate::references::{Answer, Outcome, References, Ticket};
use crate::resource::{Resource, Scope};
use crate::store::{ResourceStatus, Store};
use crate::watch::{Event, Reach, Subject, Watch};

/// How many events may wait for the task; the watches then wait too.
const EVENTS: usize = 1_024;

/// How many Ingresses may wait to be tried.
const TRIALS: usize = 64;

/// Watches a cluster and keeps a snapshot of it in force.
pub struct Controller<S> {
    client: Client,
    settings: Settings,
    sink: S,
    subjects: Vec<Subject>,
    store: Store,
    references: References,
    are_references_new: bool,
    /// The watches that depend on what is referred to.
    by_reference: BTreeMap<(Resource, Scope), ByReference>,
    compiler: Compiler,
    claimed: Arc<BTreeSet<Arc<ObjectRef>>>,
    /// The Ingresses as they were when that was found out.
    judged: Arc<BTreeMap<Arc<ObjectRef>, Arc<IngressRecord>>>,
    publisher: Publisher,
    debounce: Debounce,
    /// What was compiled last and waits for what it refers to.
    held: Option<Held>,
    in_force: Option<Arc<Snapshot>>,
    findings: Arc<Diagnostics>,
    /// Secrets that nothing needs as soon as the next snapshot is in force.
    leaving: BTreeSet<ObjectRef>,
    report: Report,
    views: watch::Sender<Arc<View>>,
    trials: (mpsc::Sender<Question>, mpsc::Receiver<Question>),
    is_view_old: bool,
    /// What the sink has not been told of.
    news: News,
    began: Instant,
}

/// What is different since the sink was told last.
#[derive(Clone, Copy, Debug, Default)]
struct News {
    snapshot: bool,
    findings: bool,
    watches: bool,
    secrets: bool,
}

impl News {
    fn is_any(self) -> bool {
        let Self { snapshot, findings, watches, secrets } = self;
        snapshot || findings || watches || secrets
    }
}

/// A snapshot that is not in force yet.
#[derive(Debug)]
struct Held {
    snapshot: Arc<Snapshot>,
    /// Whether it is another one than what is in force.
    is_new: bool,
    findings: Diagnostics,
    since: Instant,
}

/// A watch that can be stopped.
#[derive(Debug)]
struct ByReference {
    status: ResourceStatus,
    _task: Task,
}

/// A task that ends when this is dropped.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a task that reads an object comes back with.
type Answered = (ObjectRef, Ticket, Answer<Fetched>);

/// The ends of channels that tasks get.
#[derive(Debug)]
struct Channels {
    events: mpsc::Sender<(Subject, Event)>,
    answers: mpsc::UnboundedSender<Answered>,
    reach: Reach,
}

impl<S> fmt::Debug for Controller<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controller").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<S: Sink> Controller<S> {
    /// A controller that has not asked for anything yet.
    #[must_use]
    pub fn new(client: Client, mut settings: Settings, sink: S) -> Self {
        settings.engine.hash_seed = RandomState::new().hash_one(0);
        let now = now();
        let subjects = subjects(&settings);
        let mut references = References::default();
        references.want(&settings.always.iter().cloned().collect(), now);
        let mut store = Store::new(&subjects, settings.no_external_names);
        // Of these everything that is needed is read before it counts.
        store.inputs_mut().set_complete(Kind::Secret);
        store.inputs_mut().set_complete(Kind::ConfigMap);
        let mut publisher = Publisher::default();
        publisher.publish(Arc::new(Snapshot::new(nothing_known())));
        Self {
            client,
            compiler: Compiler::new(settings.engine.clone()),
            debounce: Debounce::new(settings.gap),
            settings,
            sink,
            subjects,
            store,
            references,
            are_references_new: true,
            by_reference: BTreeMap::new(),
            claimed: Arc::default(),
            judged: Arc::default(),
            publisher,
            held: None,
            in_force: None,
            findings: Arc::default(),
            leaving: BTreeSet::new(),
            report: Report::default(),
            views: watch::Sender::default(),
            trials: mpsc::channel(TRIALS),
            is_view_old: false,
            news: News::default(),
            began: now,
        }
    }

    /// A reader of the snapshots; every request gets 503 before the first.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.publisher.reader()
    }

    /// For whoever follows what this controller knows.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { views: self.views.subscribe(), trials: self.trials.0.clone() }
    }

    /// Watches, compiles and publishes, for ever. Dropping the future ends it.
    pub async fn run(mut self) {
        let (events, mut next_event) = mpsc::channel(EVENTS);
        let (answers, mut next_answer) = mpsc::unbounded_channel();
        let channels = Channels { events, answers, reach: Reach::default() };
        self.began = now();
        let subjects = std::mem::take(&mut self.subjects);
        let _watches: Vec<Task> = subjects.into_iter().map(|subject| self.start(subject, &channels)).collect();
        loop {
            let due = self.advance(&channels);
            tokio::select! {
                Some((subject, event)) = next_event.recv() => {
                    self.take(&subject, event);
                    // A burst is one change.
                    for _ in 0..EVENTS {
                        let Ok((subject, event)) = next_event.try_recv() else { break };
                        self.take(&subject, event);
                    }
                }
                Some((name, ticket, answer)) = next_answer.recv() => {
                    self.answered(&name, ticket, answer);
                    while let Ok((name, ticket, answer)) = next_answer.try_recv() {
                        self.answered(&name, ticket, answer);
                    }
                }
                Some((ingress, answer)) = self.trials.1.recv() => {
                    // Whoever asked may have gone.
                    let _ = answer.send(self.try_ingress(ingress));
                }
                () = wait(due) => {}
            }
        }
    }

    fn start(&self, subject: Subject, channels: &Channels) -> Task {
        let (events, reach) = (channels.events.clone(), channels.reach.clone());
        let watch = Watch::new(self.client.clone(), subject, self.settings.timing, reach, events);
        Task(tokio::spawn(watch.run()))
    }

    /// Takes what a watch says.
    fn take(&mut self, subject: &Subject, event: Event) {
        let Subject { resource, scope, .. } = subject;
        let place = (*resource, scope.clone());
        let failure = match &event {
            Event::Failed(failure) => Some(Some(failure.clone())),
            Event::Replaced(_) | Event::Watching => Some(None),
            Event::Applied(_) | Event::Deleted(_) => None,
            Event::Instead(version, refused) => {
                self.report.instead(&place, version.plural(), refused, &mut |line| self.sink.say(line));
                None
            }
        };
        if let Some(watch) = self.by_reference.get_mut(&place) {
            if let Some(failure) = &failure {
                self.news.watches |= watch.status.failure != *failure;
                watch.status.is_complete |= matches!(event, Event::Replaced(_));
                watch.status.failure.clone_from(failure);
            }
            for name in self.references.take(*resource, scope, &event, now()) {
                self.gone(name);
            }
        } else if matches!(resource, Resource::Secrets | Resource::ConfigMaps) {
            // It has been stopped, and these were its last words.
            return;
        } else {
            self.news.watches |= self.store.take(*resource, event, now());
        }
        if let Some(failure) = failure {
            self.report.watch(place, failure.as_ref(), &mut |line| self.sink.say(line));
        }
    }

    /// Takes an object that was read because others refer to it.
    fn answered(&mut self, name: &ObjectRef, ticket: Ticket, answer: Answer<Fetched>) {
        let object = match self.references.answer(name, ticket, answer, now()) {
            Outcome::Same => return,
            Outcome::Gone => return self.gone(name.clone()),
            Outcome::Changed(Fetched::ConfigMap(map)) => Object::ConfigMap(Arc::new(map)),
            Outcome::Changed(Fetched::Secret(secret)) => {
                let state = self.sink.secret(name, &secret.data);
                self.leaving.remove(name);
                self.news.secrets = true;
                Object::Secret(Arc::new(secret.into_record(state)))
            }
            Outcome::Unreadable(why) if name.kind == Kind::Secret => {
                let reason: Box<str> = format!("cannot be read: {why}").into();
                let metadata =
                    Metadata { namespace: (*name.namespace).into(), name: (*name.name).into(), ..Metadata::default() };
                let state = SecretState {
                    certificate: CertificateState::Unusable { reason: reason.clone() },
                    authorities: AuthoritiesState::Unusable { reason },
                };
                Object::Secret(Arc::new(Secret { metadata, state, keys: BTreeSet::new(), cloud: None }))
            }
            Outcome::Unreadable(why) => return self.sink.say(&format!("warning: {name} cannot be read: {why}")),
        };
        self.store.inputs_mut().insert(object);
        self.debounce.ask(now());
    }

    fn gone(&mut self, name: ObjectRef) {
        if self.store.inputs_mut().remove(&name) {
            self.debounce.ask(now());
        }
        if name.kind == Kind::Secret {
            self.leaving.insert(name);
        }
    }

    /// Does what can be done now, and says when there may be more although nothing happens.
    fn advance(&mut self, channels: &Channels) -> Option<Instant> {
        if self.store.take_changed() {
            self.debounce.ask(now());
        }
        self.is_view_old |= self.store.take_records_changed();
        // What has once been enough stays so.
        let is_settled = self.in_force.is_some() || self.store.is_settled(now());
        if is_settled && self.in_force.is_none() && self.held.is_none() {
            // An empty cluster is complete too.
            self.debounce.ask(now());
        }
        // What a snapshot waits for has come: it need not wait any longer.
        let is_answered = self.held.is_some() && !self.references.is_waiting();
        let is_due = self.debounce.due().is_some_and(|due| due <= now() || is_answered);
        if is_settled && is_due {
            self.compile();
        }
        self.release();
        self.read_references(channels);
        // While something is still to be compiled nobody knows whose the Ingresses are by now.
        let is_judged = self.debounce.due().is_none();
        if is_judged {
            self.judged = Arc::clone(self.store.ingresses());
        }
        let news = std::mem::take(&mut self.news);
        if (is_judged && std::mem::take(&mut self.is_view_old)) || news.is_any() {
            let view = self.view();
            if news.is_any() {
                self.tell(&view, news.snapshot);
            }
            self.views.send_replace(Arc::new(view));
        }
        let held_until = self.held.as_ref().map(|held| held.since + self.patience());
        let compile = if is_settled { self.debounce.due() } else { self.store.settles_at(now()) };
        [held_until, compile, self.references.due()].into_iter().flatten().min()
    }

    fn patience(&self) -> std::time::Duration {
        if self.in_force.is_some() { self.settings.patience } else { self.settings.first_patience }
    }

    fn compile(&mut self) {
        let compiled = self.compiler.compile(self.store.inputs());
        self.debounce.done(now());
        if let Some(claims) = self.compiler.take_claims() {
            self.claimed = Arc::new(claims.ingresses);
            self.are_references_new = true;
            let mut references = claims.references;
            references.extend(self.settings.always.iter().cloned());
            for name in self.references.want(&references, now()) {
                self.store.inputs_mut().remove(&name);
                if name.kind == Kind::Secret {
                    self.leaving.insert(name);
                }
            }
        }
        let findings = compiled.diagnostics.with(self.store.findings());
        let (is_new, since) = self.held.take().map_or_else(|| (false, now()), |held| (held.is_new, held.since));
        self.held = Some(Held { snapshot: compiled.snapshot, is_new: is_new || compiled.is_new, findings, since });
    }

    /// Puts in force what has been compiled, unless it had better wait a moment for what it refers to.
    fn release(&mut self) {
        let Some(held) = &self.held else { return };
        if self.references.is_waiting() && held.since + self.patience() > now() {
            return;
        }
        let Some(Held { snapshot, is_new, findings, .. }) = self.held.take() else { return };
        let is_first = self.in_force.is_none();
        let is_other = is_new || is_first;
        if is_other {
            self.publisher.publish(Arc::clone(&snapshot));
            self.in_force = Some(Arc::clone(&snapshot));
        }
        for name in std::mem::take(&mut self.leaving) {
            self.sink.secret_gone(&name);
            self.news.secrets = true;
        }
        let is_otherwise_found = findings != *self.findings;
        if is_otherwise_found {
            self.report.findings(&self.findings, &findings, &mut |line| self.sink.say(line));
            self.findings = Arc::new(findings);
        }
        if is_first {
            let (ingresses, claimed) = (self.store.ingresses().len(), self.claimed.len());
            let (hosts, took) = (snapshot.host_count(), now().saturating_duration_since(self.began).as_millis());
            self.sink.say(&format!("{ingresses} Ingresses, {claimed} of them ours, {hosts} hosts, after {took} ms"));
        }
        self.news.snapshot |= is_other;
        self.news.findings |= is_otherwise_found;
    }

    /// Reads what is referred to, and follows it.
    fn read_references(&mut self, channels: &Channels) {
        if std::mem::take(&mut self.are_references_new) {
            let wanted = self.reference_watches();
            self.by_reference.retain(|place, _| wanted.contains(place));
            for place in wanted {
                if !self.by_reference.contains_key(&place) {
                    let (resource, scope) = place.clone();
                    let task = self.start(Subject { resource, scope, selector: None }, channels);
                    self.by_reference.insert(place, ByReference { status: ResourceStatus::default(), _task: task });
                }
            }
            self.is_view_old = true;
        }
        while let Some((name, ticket)) = self.references.next_fetch(now()) {
            let (client, wanted, limit) = (self.client.clone(), name.clone(), self.settings.timing.answer);
            let reading = guarded(async move { fetch(&client, &wanted, limit).await });
            let answers = channels.answers.clone();
            tokio::spawn(async move {
                let answer = reading.await;
                // Nobody listens any more only when everything ends.
                let _ = answers.send((name, ticket, answer));
            });
        }
    }

    fn reference_watches(&self) -> BTreeSet<(Resource, Scope)> {
        let mut watches = BTreeSet::new();
        for (kind, resource) in [(Kind::Secret, Resource::Secrets), (Kind::ConfigMap, Resource::ConfigMaps)] {
            let namespaces = self.references.namespaces(kind);
            let is_one = kind == Kind::Secret
                && self.settings.secrets == SecretAccess::Scope
                && self.settings.scope == Scope::Cluster;
            if is_one && !namespaces.is_empty() {
                watches.insert((resource, Scope::Cluster));
            } else {
                watches.extend(namespaces.into_iter().map(|namespace| (resource, Scope::Namespace(namespace))));
            }
        }
        watches
    }

    fn tell(&mut self, view: &View, is_new: bool) {
        let View { snapshot, findings, resources, .. } = view;
        self.sink.in_force(State { snapshot: snapshot.as_ref(), is_new, findings, resources });
    }

    fn view(&self) -> View {
        let by_reference = self.by_reference.iter().map(|((resource, scope), watch)| {
            let objects = self.references.count(*resource, scope);
            ((*resource, scope.clone()), ResourceStatus { objects, ..watch.status.clone() })
        });
        let resources: BTreeMap<_, _> = self.store.statuses().chain(by_reference).collect();
        View {
            snapshot: self.in_force.clone(),
            findings: Arc::clone(&self.findings),
            ingresses: Arc::clone(&self.judged),
            claimed: Arc::clone(&self.claimed),
            resources: Arc::new(resources),
        }
    }
}

/// What is decided before anything is known.
fn nothing_known() -> RouteTable {
    let target = Target::respond(503, "starting");
    let default = DefaultBackend { target, origin: None, path_policy: PathPolicy::default(), policy: None };
    RouteTable { default_backend: Some(Arc::new(default)), ..RouteTable::default() }
}

/// What is watched all the time.
fn subjects(settings: &Settings) -> Vec<Subject> {
    let subject = |resource: Resource| Subject { resource, scope: resource.within(&settings.scope), selector: None };
    let all = [Resource::Ingresses, Resource::IngressClasses, Resource::Services, Resource::EndpointSlices];
    let mut subjects: Vec<Subject> = all.map(subject).into();
    if let Some(selector) = &settings.namespace_selector {
        subjects.push(Subject { selector: Some(selector.clone()), ..subject(Resource::Namespaces) });
    }
    subjects
}

/// The runtime's clock, which tests may stop.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn wait(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
