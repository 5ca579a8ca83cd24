//! What the cluster said: events in, the engine's inputs out. No socket and no clock is in here.
//!
//! An event may come twice, or tell of an older state than is known: then nothing happens. When everything is listed again,
//! what is not in the list is gone, and all of that is one step for whoever reads the inputs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ingress_core::diagnostic::{Code, Diagnostic};
use ingress_core::model::{Inputs, Object};
use ingress_core::object::{Kind, ObjectRef};

use crate::api::{Failure, Reason};
use crate::convert::{Address, Content, IngressRecord, Item, Key, Revision, Undecodable};
use crate::resource::{Resource, Scope};
use crate::watch::{Event, Subject};

/// For how long a server may say no before that is taken as its answer: one that has just started refuses everybody.
const PATIENCE: Duration = Duration::from_secs(5);

/// How it stands with a watched resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceStatus {
    /// Whether all its objects have been read once. They count from then on, whatever fails.
    pub is_complete: bool,
    /// Why it cannot be read now.
    pub failure: Option<Failure>,
    /// How many objects there are.
    pub objects: usize,
    /// How many of them are left out because they cannot be decoded.
    pub undecodable: usize,
}

/// The resources that are watched all the time.
#[derive(Debug)]
pub(crate) struct Store {
    inputs: Inputs,
    resources: BTreeMap<Resource, Watched>,
    ingresses: Arc<BTreeMap<Arc<ObjectRef>, Arc<IngressRecord>>>,
    /// Ingresses in namespaces that are not selected.
    hidden: BTreeMap<Key, Hidden>,
    /// The namespaces that are selected; none if all are.
    selected: Option<BTreeSet<Arc<str>>>,
    no_external_names: bool,
    is_changed: bool,
    are_records_changed: bool,
}

#[derive(Debug)]
struct Watched {
    scope: Scope,
    status: ResourceStatus,
    failing_since: Option<Instant>,
    objects: BTreeMap<Key, Known>,
}

#[derive(Debug)]
struct Known {
    revision: Revision,
    content: KnownContent,
}

/// What became of an object.
#[derive(Debug)]
enum KnownContent {
    /// The inputs have it, unless it is hidden, as this kind.
    Given(Kind),
    Metadata,
    Undecodable(Undecodable),
}

#[derive(Debug)]
struct Hidden {
    object: Object,
    record: IngressRecord,
}

impl Store {
    /// A store that waits for these subjects, in which Services of type ExternalName may have to lead nowhere.
    pub(crate) fn new<'s>(subjects: impl IntoIterator<Item = &'s Subject>, no_external_names: bool) -> Self {
        let watched = |subject: &Subject| Watched {
            scope: subject.scope.clone(),
            status: ResourceStatus::default(),
            failing_since: None,
            objects: BTreeMap::new(),
        };
        let resources: BTreeMap<_, _> =
            subjects.into_iter().map(|subject| (subject.resource, watched(subject))).collect();
        Self {
            inputs: Inputs::default(),
            selected: resources.contains_key(&Resource::Namespaces).then(BTreeSet::new),
            resources,
            ingresses: Arc::default(),
            hidden: BTreeMap::new(),
            no_external_names,
            is_changed: false,
            are_records_changed: false,
        }
    }

    /// The objects, for the engine.
    pub(crate) fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// The objects, to add those that are read by reference.
    pub(crate) fn inputs_mut(&mut self) -> &mut Inputs {
        &mut self.inputs
    }

    /// Every Ingress that counts.
    pub(crate) fn ingresses(&self) -> &Arc<BTreeMap<Arc<ObjectRef>, Arc<IngressRecord>>> {
        &self.ingresses
    }

    /// How it stands with every resource.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = ((Resource, Scope), ResourceStatus)> {
        self.resources.iter().map(|(resource, watched)| ((*resource, watched.scope.clone()), watched.status.clone()))
    }

    /// Whether the inputs have changed since this was asked last.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.is_changed)
    }

    /// Whether an Ingress, or what only its status needs, has changed since this was asked last.
    pub(crate) fn take_records_changed(&mut self) -> bool {
        std::mem::take(&mut self.are_records_changed)
    }

    /// What is wrong with objects that the engine does not get to see.
    pub(crate) fn findings(&self) -> impl Iterator<Item = Diagnostic> {
        self.resources.values().filter(|watched| watched.status.undecodable > 0).flat_map(|watched| {
            watched.objects.iter().filter_map(|(key, known)| {
                let KnownContent::Undecodable(why) = &known.content else { return None };
                let object = Some(Arc::new(key.reference(why.kind)));
                Some(Diagnostic::new(Code::WrongType, object, why.field.clone(), why.message.clone()))
            })
        })
    }

    /// Whether enough is known to decide requests: every resource has been read once, or the server has had time to mean
    /// that it will not give it. Without Ingresses there is nothing to decide.
    pub(crate) fn is_settled(&self, now: Instant) -> bool {
        self.unsettled(now).next().is_none()
    }

    /// When that may become true although nothing else happens.
    pub(crate) fn settles_at(&self, now: Instant) -> Option<Instant> {
        let settles = self.unsettled(now).map(|(resource, watched)| watched.settles_at(resource));
        settles.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    fn unsettled(&self, now: Instant) -> impl Iterator<Item = (Resource, &Watched)> {
        let resources = self.resources.iter().map(|(resource, watched)| (*resource, watched));
        resources.filter(move |(resource, watched)| {
            !watched.status.is_complete && watched.settles_at(*resource).is_none_or(|at| at > now)
        })
    }

    /// Takes what happened to a resource. Returned is whether its status is another one now.
    pub(crate) fn take(&mut self, resource: Resource, event: Event, now: Instant) -> bool {
        let before = self.resources.get(&resource).map(|watched| watched.status.clone());
        match event {
            Event::Replaced(items) => {
                self.replace(resource, items);
                self.succeeded(resource);
            }
            Event::Applied(item) => self.apply(resource, item),
            Event::Deleted(item) => {
                let known = self.known(resource, &item.key);
                if known.is_some_and(|known| !item.revision.is_before(&known.revision)) {
                    self.delete(resource, &item.key);
                }
            }
            Event::Watching => self.succeeded(resource),
            Event::Instead(..) => {}
            Event::Failed(failure) => {
                if let Some(watched) = self.resources.get_mut(&resource) {
                    watched.failing_since.get_or_insert(now);
                    watched.status.failure = Some(failure);
                }
            }
        }
        let status = self.resources.get_mut(&resource).map(|watched| {
            watched.status.objects = watched.objects.len();
            &watched.status
        });
        let is_different = |status: &ResourceStatus, before: &ResourceStatus| {
            status.is_complete != before.is_complete || status.failure != before.failure
        };
        status.zip(before).is_some_and(|(status, before)| is_different(status, &before))
    }

    fn succeeded(&mut self, resource: Resource) {
        let Some(watched) = self.resources.get_mut(&resource) else { return };
        watched.failing_since = None;
        watched.status.failure = None;
        if !std::mem::replace(&mut watched.status.is_complete, true) {
            for kind in resource.kinds() {
                self.inputs.set_complete(*kind);
            }
            self.is_changed = true;
        }
    }

    fn replace(&mut self, resource: Resource, items: Vec<Item>) {
        let Some(watched) = self.resources.get(&resource) else { return };
        let listed: BTreeSet<&Key> = items.iter().map(|item| &item.key).collect();
        let gone: Vec<Key> = watched.objects.keys().filter(|key| !listed.contains(key)).cloned().collect();
        for key in gone {
            self.delete(resource, &key);
        }
        for item in items {
            // A list counts whatever was known: a server may have been set back to an older state.
            if self.known(resource, &item.key).is_none_or(|known| known.revision != item.revision) {
                self.insert(resource, item);
            }
        }
    }

    fn apply(&mut self, resource: Resource, item: Item) {
        let known = self.known(resource, &item.key);
        if known.is_none_or(|known| known.revision != item.revision && !item.revision.is_before(&known.revision)) {
            self.insert(resource, item);
        }
    }

    fn known(&self, resource: Resource, key: &Key) -> Option<&Known> {
        self.resources.get(&resource)?.objects.get(key)
    }

    fn insert(&mut self, resource: Resource, item: Item) {
        let Item { key, revision, content } = item;
        let content = match content {
            Content::Ingress(object, addresses) => {
                self.give_ingress(&key, object, addresses, &revision);
                KnownContent::Given(Kind::Ingress)
            }
            Content::Object(mut object) => {
                if let Object::Service(service) = &mut object
                    && self.no_external_names
                    && service.is_external_name()
                {
                    Arc::make_mut(service).spec.external_name = Box::default();
                }
                let kind = object.kind();
                self.inputs.insert(object);
                self.is_changed = true;
                KnownContent::Given(kind)
            }
            Content::Metadata => KnownContent::Metadata,
            Content::Undecodable(why) => KnownContent::Undecodable(*why),
        };
        let is_undecodable = matches!(content, KnownContent::Undecodable(_));
        let given = if let KnownContent::Given(kind) = content { Some(kind) } else { None };
        let Some(watched) = self.resources.get_mut(&resource) else { return };
        watched.status.undecodable += usize::from(is_undecodable);
        let before = watched.objects.insert(key.clone(), Known { revision, content });
        match before.map(|before| before.content) {
            Some(KnownContent::Undecodable(_)) => {
                watched.status.undecodable -= 1;
                self.is_changed = true;
            }
            // What it said before no longer stands, and what it says now nobody can read; or it was an Endpoints, and is the
            // slice of that name now.
            Some(KnownContent::Given(kind)) if given != Some(kind) => self.withdraw(kind, &key),
            _ => {}
        }
        self.is_changed |= is_undecodable;
        if resource == Resource::Namespaces {
            self.select(&key.name);
        }
    }

    fn delete(&mut self, resource: Resource, key: &Key) {
        let Some(watched) = self.resources.get_mut(&resource) else { return };
        let Some(known) = watched.objects.remove(key) else { return };
        match known.content {
            KnownContent::Given(kind) => self.withdraw(kind, key),
            KnownContent::Metadata => {}
            KnownContent::Undecodable(_) => {
                watched.status.undecodable -= 1;
                self.is_changed = true;
            }
        }
        if resource == Resource::Namespaces {
            self.deselect(&key.name);
        }
    }

    fn withdraw(&mut self, kind: Kind, key: &Key) {
        if kind == Kind::Ingress && self.hidden.remove(key).is_some() {
            return;
        }
        let reference = key.reference(kind);
        self.is_changed |= self.inputs.remove(&reference);
        if kind == Kind::Ingress {
            self.forget_record(&reference);
        }
    }

    fn give_ingress(&mut self, key: &Key, object: Object, addresses: Vec<Address>, revision: &Revision) {
        let Revision { uid, version } = revision.clone();
        let record = IngressRecord { uid, content_version: version.clone(), resource_version: version, addresses };
        if self.selected.as_ref().is_none_or(|selected| selected.contains(&key.namespace)) {
            self.show(key, object, record);
        } else {
            self.hidden.insert(key.clone(), Hidden { object, record });
        }
    }

    fn show(&mut self, key: &Key, object: Object, mut record: IngressRecord) {
        let reference = Arc::new(key.reference(Kind::Ingress));
        // Whoever writes its status changes the object, and nothing that routing reads.
        let is_same = match (&object, self.inputs.ingress(&reference)) {
            (Object::Ingress(new), Some(old)) => new == old,
            _ => false,
        };
        if !is_same {
            self.inputs.insert(object);
            self.is_changed = true;
        } else if let Some(before) = self.ingresses.get(&reference).filter(|before| before.uid == record.uid) {
            record.content_version.clone_from(&before.content_version);
        }
        Arc::make_mut(&mut self.ingresses).insert(reference, Arc::new(record));
        self.are_records_changed = true;
    }

    fn forget_record(&mut self, reference: &ObjectRef) {
        self.are_records_changed |= Arc::make_mut(&mut self.ingresses).remove(reference).is_some();
    }

    fn select(&mut self, namespace: &Arc<str>) {
        if !self.selected.as_mut().is_some_and(|selected| selected.insert(Arc::clone(namespace))) {
            return;
        }
        let from = Key { namespace: Arc::clone(namespace), name: Arc::from("") };
        let keys = self.hidden.range(from..).map(|(key, _)| key.clone());
        let keys: Vec<Key> = keys.take_while(|key| key.namespace == *namespace).collect();
        for key in keys {
            if let Some(Hidden { object, record }) = self.hidden.remove(&key) {
                self.show(&key, object, record);
            }
        }
    }

    fn deselect(&mut self, namespace: &Arc<str>) {
        if !self.selected.as_mut().is_some_and(|selected| selected.remove(namespace)) {
            return;
        }
        let from = ObjectRef { kind: Kind::Ingress, namespace: Arc::clone(namespace), name: Arc::from("") };
        let shown = self.ingresses.range(Arc::new(from)..);
        let shown = shown.take_while(|(reference, _)| reference.namespace == *namespace);
        let shown: Vec<_> = shown.map(|(reference, record)| (Arc::clone(reference), Arc::clone(record))).collect();
        for (reference, record) in shown {
            if let Some(ingress) = self.inputs.ingress(&reference) {
                let object = Object::Ingress(Arc::clone(ingress));
                let key = Key { namespace: Arc::clone(&reference.namespace), name: Arc::clone(&reference.name) };
                self.hidden.insert(key, Hidden { object, record: (*record).clone() });
            }
            self.is_changed |= self.inputs.remove(&reference);
            self.forget_record(&reference);
        }
    }
}

impl Watched {
    /// When the server will have had enough time to mean it, if it says no.
    fn settles_at(&self, resource: Resource) -> Option<Instant> {
        let is_refused = self.status.failure.as_ref().is_some_and(|failure| {
            matches!(failure.reason, Reason::Forbidden | Reason::Unauthorized | Reason::NotFound)
        });
        let is_needed = matches!(resource, Resource::Ingresses | Resource::Namespaces);
        self.failing_since.filter(|_| is_refused && !is_needed).map(|since| since + PATIENCE)
    }
}

#[cfg(test)]
mod tests;
