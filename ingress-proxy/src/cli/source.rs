//! Manifests in files as the source of the configuration: read at the start, then followed.
//!
//! A file that changes is read again, and no other. What it gave before stays in force until it can be read completely.

mod fetch;
mod files;
mod findings;
mod pending;
mod store;
pub(crate) mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use ingress_cli::input::SecretData;
use ingress_core::compiler::Compiler;
use ingress_core::diagnostic::Diagnostics;
use ingress_core::model::{Inputs, Object, SecretState};
use ingress_core::object::{Kind, ObjectRef};
use ingress_core::publish::{Publisher, Reader};
use ingress_core::snapshot::Snapshot;

use self::fetch::{Said, Scope, Wanted};
use self::files::{Contents, Fingerprint, Root, Survey};
use self::findings::Findings;
use self::pending::Batch;
use self::store::{FileKey, Store};
use super::pin::Pins;
use super::settings::SourceSettings;

/// Whom the source tells what it finds. The methods are called by one thread, one after the other.
pub(crate) trait Sink: Send {
    /// A Secret is there, or has other bytes now. Routes that need it are in force afterwards. Returned is what the
    /// engine is to make of it; where these bytes are no good, that may be what came before them.
    fn secret(&mut self, name: &ObjectRef, data: &SecretData) -> SecretState;

    /// A Secret is gone. Routes that needed it are out of force already.
    fn secret_gone(&mut self, name: &ObjectRef);

    /// Something is different: Secrets, the snapshot, what is wrong, or the files that cannot be read.
    fn in_force(&mut self, state: State<'_>);

    /// The source has ended although nobody asked it to. Nothing is called after that.
    fn lost(&mut self);

    /// A line for the log.
    fn say(&mut self, line: &str);
}

/// What is in force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State<'a> {
    /// The snapshot, which readers have already.
    pub(crate) snapshot: &'a Arc<Snapshot>,
    /// Whether it is another one than before.
    pub(crate) is_new: bool,
    /// All that is wrong with the manifests.
    pub(crate) findings: &'a Diagnostics,
    /// Files and directories that cannot be read completely; what they gave before is in force.
    pub(crate) stale_files: usize,
    /// How often one of them could not be read this time.
    pub(crate) newly_stale: usize,
}

/// A `--file` that does not lead anywhere.
#[derive(Debug, thiserror::Error)]
#[error("`--file {}`: {error}", path.display())]
pub(crate) struct OpenError {
    path: PathBuf,
    #[source]
    error: std::io::Error,
}

/// What is known of a file.
#[derive(Debug)]
struct Known {
    /// As it was when it was last looked into.
    fingerprint: Option<Fingerprint>,
    /// Tells names that are made up for its objects from those of other files.
    label: String,
    /// Why it could not be read.
    trouble: Option<String>,
}

/// What a look at some files brought.
#[derive(Debug, Default)]
struct Round {
    files_read: usize,
    changed: BTreeSet<ObjectRef>,
    is_other_trouble: bool,
    /// How many files and directories turned out to be unreadable.
    failures: usize,
}

/// Who says that something is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ToldBy {
    Event,
    Polling,
}

/// The source.
#[derive(Debug)]
pub(crate) struct FileSource<S> {
    roots: Arc<[Root]>,
    scope: Arc<Scope>,
    pins: Pins,
    no_external_names: bool,
    known: BTreeMap<Arc<FileKey>, Known>,
    /// Files that polling found different the last time, and how; none for missing.
    suspects: BTreeMap<Arc<FileKey>, Option<Fingerprint>>,
    /// Directories that cannot be read, and why.
    unreadable: BTreeMap<Arc<FileKey>, String>,
    labels: usize,
    store: Store,
    inputs: Inputs,
    compiler: Compiler,
    publisher: Publisher,
    findings: Findings,
    sink: S,
}

impl<S: Sink> FileSource<S> {
    /// A source of these files, of which nothing has been read yet.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if one of them does not exist.
    pub(crate) fn open(settings: SourceSettings, sink: S) -> Result<Self, OpenError> {
        let SourceSettings { files, namespace, watched, mut engine, pins, no_external_names } = settings;
        let roots = files
            .into_iter()
            .enumerate()
            .map(|(number, path)| Root::open(number, &path).map_err(|error| OpenError { path, error }));
        engine.hash_seed = RandomState::new().hash_one(0);
        let mut inputs = Inputs::default();
        // What these files do not have, nobody will bring: a Service without an EndpointSlice has no endpoints.
        for kind in [Kind::Service, Kind::EndpointSlice, Kind::Secret, Kind::ConfigMap] {
            inputs.set_complete(kind);
        }
        Ok(Self {
            roots: roots.collect::<Result<_, _>>()?,
            scope: Arc::new(Scope { namespace, watched, has_settings: engine.config_map.is_some() }),
            pins,
            no_external_names,
            known: BTreeMap::new(),
            suspects: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            labels: 0,
            store: Store::default(),
            inputs,
            compiler: Compiler::new(engine),
            publisher: Publisher::default(),
            findings: Findings::default(),
            sink,
        })
    }

    /// A reader of the snapshots.
    pub(crate) fn reader(&self) -> Reader {
        self.publisher.reader()
    }

    /// Reads all files and puts in force what they give.
    pub(crate) fn read(&mut self) {
        let start = Instant::now();
        let mut round = Round { is_other_trouble: true, ..Round::default() };
        self.compare(Survey::of(&self.roots), ToldBy::Event, &mut round);
        for service in self.pins.services().cloned().collect::<Vec<_>>() {
            self.pin(&service);
        }
        self.put_in_force(&round);
        let (files, objects) = (counted(self.store.files().len(), "file"), counted(self.store.len(), "object"));
        self.sink.say(&format!("read {files} with {objects} in {} ms", start.elapsed().as_millis()));
    }

    /// Says what is wrong and has not been said.
    pub(crate) fn report(&mut self, most: usize) {
        let Self { findings, store, known, scope, sink, .. } = self;
        let label = |file: &FileKey| known.get(file).map_or("", |known| &known.label);
        findings.report(most, store, &scope.namespace, &label, &mut |line| sink.say(line));
    }

    /// Whom it tells.
    pub(crate) fn sink(&self) -> &S {
        &self.sink
    }

    /// Whether the manifests have errors, or something cannot be read.
    pub(crate) fn has_errors(&self) -> bool {
        self.findings.has_errors() || self.stale() > 0
    }

    /// How many files and directories cannot be read.
    fn stale(&self) -> usize {
        self.known.values().filter(|known| known.trouble.is_some()).count() + self.unreadable.len()
    }

    /// Looks at what has been touched.
    fn look(&mut self, batch: &Batch) {
        let start = Instant::now();
        let mut round = Round::default();
        let mut everything = batch.everything;
        let mut touched = Vec::new();
        for path in &batch.paths {
            everything |= self.is_behind_others(path);
            // A new directory may be called like a file.
            if !path.is_dir() {
                touched.extend(self.roots.iter().filter_map(|root| root.key_of(path)));
            }
        }
        self.load(touched, &mut round);
        if everything {
            self.compare(Survey::of(&self.roots), ToldBy::Event, &mut round);
        }
        self.finish(&round, start);
    }

    /// Looks whether anything has changed that no event told of.
    fn poll(&mut self, survey: Survey) {
        let start = Instant::now();
        let mut round = Round::default();
        self.compare(survey, ToldBy::Polling, &mut round);
        self.finish(&round, start);
    }

    fn finish(&mut self, round: &Round, start: Instant) {
        if round.changed.is_empty() && round.files_read == 0 && !round.is_other_trouble {
            return;
        }
        self.put_in_force(round);
        if !round.changed.is_empty() {
            let (files, objects) = (counted(round.files_read, "file"), counted(round.changed.len(), "object"));
            let took = start.elapsed().as_secs_f64() * 1e3;
            self.sink.say(&format!("read {files} anew, {objects} changed, in {took:.1} ms"));
        }
    }

    /// Whether files may be different because of what stands in this path: a directory, or a link to one, that was put there,
    /// or one that is gone.
    fn is_behind_others(&self, path: &Path) -> bool {
        let is_version = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".."));
        let had_files = |place: Arc<FileKey>| self.below(&place).any(|key| key.path != place.path);
        is_version || path.is_dir() || self.roots.iter().filter_map(|root| root.place_of(path)).any(had_files)
    }

    /// Compares what is known with what there is. What an event tells of is complete, and read; what only polling finds
    /// has to be the same, or missing, once more: somebody may be writing, and the survey may be older than the last event.
    fn compare(&mut self, survey: Survey, told_by: ToldBy, round: &mut Round) {
        let (mut different, mut gone) = (Vec::new(), Vec::new());
        let mut suspects = BTreeMap::new();
        let mut is_sure = |key: &Arc<FileKey>, now: Option<Fingerprint>| {
            let is_sure = told_by == ToldBy::Event || self.suspects.get(key) == Some(&now);
            if !is_sure {
                suspects.insert(Arc::clone(key), now);
            }
            is_sure
        };
        // Both are in order.
        let mut known = self.known.iter().peekable();
        for (key, now) in &survey.files {
            while let Some((earlier, _)) = known.next_if(|(known, _)| *known < key) {
                gone.push(Arc::clone(earlier));
            }
            let before = known.next_if(|(known, _)| *known == key).map(|(_, known)| known.fingerprint);
            let is_same = now.is_some() && before == Some(*now);
            if !is_same && is_sure(key, *now) {
                different.push(Arc::clone(key));
            }
        }
        gone.extend(known.map(|(key, _)| Arc::clone(key)));
        gone.retain(|key| !survey.is_hidden(key) && is_sure(key, None));
        self.suspects = suspects;
        self.load(different, round);
        for key in &gone {
            self.forget(key, round);
        }
        if survey.unreadable != self.unreadable {
            round.is_other_trouble = true;
            for (directory, error) in &survey.unreadable {
                if self.unreadable.get(directory) != Some(error) {
                    round.failures += 1;
                    self.sink.say(&format!("error: {error}; what was read below it stays in force"));
                }
            }
            self.unreadable = survey.unreadable;
        }
    }

    /// The files below a directory that are known.
    fn below(&self, directory: &Arc<FileKey>) -> impl Iterator<Item = &Arc<FileKey>> {
        let directory = Arc::clone(directory);
        let from = self.known.range(Arc::clone(&directory)..).map(|(key, _)| key);
        from.take_while(move |key| key.root == directory.root && key.path.starts_with(&directory.path))
    }

    /// Reads files.
    fn load(&mut self, keys: Vec<Arc<FileKey>>, round: &mut Round) {
        let wanted: Vec<Wanted> = keys.into_iter().map(|key| Wanted { label: self.label(&key), key }).collect();
        let scope = Arc::clone(&self.scope);
        fetch::fetch(&wanted, &scope, |wanted, contents| self.take(wanted, contents, round));
    }

    /// Takes what a file says.
    fn take(&mut self, wanted: &Wanted, contents: Contents<Said>, round: &mut Round) {
        let key = &wanted.key;
        let (said, fingerprint) = match contents {
            Contents::Whole(said, fingerprint) => (said, fingerprint),
            Contents::Gone => return self.forget(key, round),
            // It is read when its writer is done.
            Contents::Busy => return,
            Contents::Unreadable(why) => {
                self.know(wanted).fingerprint = Fingerprint::of(&key.path).ok();
                return self.keep(wanted, Some(format!("cannot be read: {why}")), round);
            }
        };
        round.files_read += 1;
        self.know(wanted).fingerprint = Some(fingerprint);
        let had = self.store.count_of(key);
        if said.is_blank && had > 0 {
            return self.keep(wanted, Some("is empty".to_owned()), round);
        }
        self.findings.read(key, said.findings);
        if !said.is_complete && had > 0 {
            return self.keep(wanted, Some("is not complete".to_owned()), round);
        }
        self.keep(wanted, None, round);
        round.changed.extend(self.store.replace(key, said.objects));
    }

    /// What tells names that are made up for a file's objects from those of other files.
    fn label(&mut self, key: &FileKey) -> String {
        if let Some(known) = self.known.get(key) {
            return known.label.clone();
        }
        self.labels += 1;
        format!("{}-", self.labels)
    }

    /// What is known of a file, which may be a new one.
    fn know(&mut self, Wanted { key, label }: &Wanted) -> &mut Known {
        let new = || Known { fingerprint: None, label: label.clone(), trouble: None };
        self.known.entry(Arc::clone(key)).or_insert_with(new)
    }

    /// Notes what is the matter with a file, and says so if that is new.
    fn keep(&mut self, wanted: &Wanted, trouble: Option<String>, round: &mut Round) {
        let known = self.know(wanted);
        if known.trouble == trouble {
            return;
        }
        known.trouble.clone_from(&trouble);
        round.is_other_trouble = true;
        round.failures += usize::from(trouble.is_some());
        let key = &wanted.key;
        let path = key.path.display();
        match (trouble, self.store.count_of(key)) {
            (Some(trouble), 0) => self.sink.say(&format!("error: `{path}` {trouble}")),
            (Some(trouble), had) => {
                let had = counted(had, "object");
                self.sink.say(&format!("error: `{path}` {trouble}; what it gave before stays in force ({had})"));
            }
            (None, _) => self.sink.say(&format!("`{path}` can be read again")),
        }
    }

    /// Takes away what a file gave.
    fn forget(&mut self, key: &Arc<FileKey>, round: &mut Round) {
        if let Some(known) = self.known.remove(key) {
            round.is_other_trouble |= known.trouble.is_some();
            self.findings.read(key, Vec::new());
            round.changed.extend(self.store.remove(key));
        }
    }

    fn put_in_force(&mut self, round: &Round) {
        let (mut gone, mut states) = (Vec::new(), BTreeMap::new());
        for reference in round.changed.iter().filter(|reference| reference.kind == Kind::Secret) {
            match self.store.get(reference).and_then(|given| given.secret.as_ref()) {
                Some(data) => _ = states.insert(reference.clone(), self.sink.secret(reference, data)),
                None => gone.push(reference),
            }
        }
        self.apply(&round.changed, &states);
        let compiled = self.compiler.compile(&self.inputs);
        if compiled.is_new {
            self.publisher.publish(Arc::clone(&compiled.snapshot));
        }
        for reference in gone {
            self.sink.secret_gone(reference);
        }
        let are_other_findings = self.findings.compiled(&compiled.diagnostics, &self.store);
        let are_other_secrets = round.changed.iter().any(|reference| reference.kind == Kind::Secret);
        if compiled.is_new || are_other_findings || round.is_other_trouble || are_other_secrets {
            let findings = self.findings.all();
            self.sink.in_force(State {
                snapshot: &compiled.snapshot,
                is_new: compiled.is_new,
                findings: &findings,
                stale_files: self.stale(),
                newly_stale: round.failures,
            });
        }
    }

    /// Hands changed objects to the engine; `states` is what was made of the Secrets among them.
    fn apply(&mut self, changed: &BTreeSet<ObjectRef>, states: &BTreeMap<ObjectRef, SecretState>) {
        let mut pinned = BTreeSet::new();
        for reference in changed {
            match self.store.get(reference) {
                Some(given) => {
                    pinned.extend(self.pins.service_of(&given.object).cloned());
                    let mut object = self.as_allowed(given.object.clone());
                    if let (Object::Secret(secret), Some(state)) = (&mut object, states.get(reference)) {
                        Arc::make_mut(secret).state = state.clone();
                    }
                    self.inputs.insert(object);
                }
                None if self.pins.has(reference) => pinned.extend([reference.clone()]),
                None => {
                    self.inputs.remove(reference);
                }
            }
        }
        for service in pinned {
            self.pin(&service);
        }
    }

    /// Puts the endpoints of the command line in place of those of the manifests.
    fn pin(&mut self, service: &ObjectRef) {
        let written = match self.store.get(service).map(|given| &given.object) {
            Some(Object::Service(service)) => Some(&**service),
            _ => None,
        };
        let pinned = self.pins.apply(service, written);
        let mut others: Vec<ObjectRef> =
            self.inputs.slices_of(service).map(|(reference, _)| ObjectRef::clone(reference)).collect();
        others.push(ObjectRef { kind: Kind::Endpoints, ..service.clone() });
        for other in others {
            if let Some(given) = self.store.get(&other) {
                self.inputs.insert(pinned.strip(given.object.clone()));
            }
        }
        self.inputs.extend(pinned.slices.into_iter().map(|slice| Object::EndpointSlice(Arc::new(slice))));
        self.inputs.insert(Object::Service(Arc::new(pinned.service)));
    }

    fn as_allowed(&self, mut object: Object) -> Object {
        if let Object::Service(service) = &mut object
            && self.no_external_names
            && service.is_external_name()
        {
            Arc::make_mut(service).spec.external_name = Box::default();
        }
        object
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
