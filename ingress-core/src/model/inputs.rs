//! The set of objects that a table is compiled from, and a record of what changed in it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::{ConfigMap, EndpointSlice, Endpoints, Ingress, IngressClass, Node, Object, Secret, Service};
use crate::object::{Kind, ObjectRef};

/// How many changes are remembered; a reader that is further behind starts from scratch.
const JOURNAL_LENGTH: usize = 65_536;

/// All objects of a cluster that routing reads, each under its identity.
///
/// The order of insertion has no influence on anything but which of two versions of one object is kept: the later.
///
/// ```
/// use ingress_core::model::{Inputs, WireKind, decode};
///
/// let mut inputs = Inputs::default();
/// let text = r#"{"metadata": {"name": "tea", "namespace": "shop"}, "spec": {"ports": [{"port": 80}]}}"#;
/// let replaced = inputs.insert(decode(WireKind::Service, &mut serde_json::Deserializer::from_str(text))?);
/// assert!(!replaced);
/// assert_eq!(inputs.len(), 1);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Default, Clone)]
pub struct Inputs {
    ingresses: BTreeMap<Arc<ObjectRef>, Arc<Ingress>>,
    classes: BTreeMap<Arc<ObjectRef>, Arc<IngressClass>>,
    services: BTreeMap<Arc<ObjectRef>, Arc<Service>>,
    slices: BTreeMap<Arc<ObjectRef>, Arc<EndpointSlice>>,
    endpoints: BTreeMap<Arc<ObjectRef>, Arc<Endpoints>>,
    secrets: BTreeMap<Arc<ObjectRef>, Arc<Secret>>,
    config_maps: BTreeMap<Arc<ObjectRef>, Arc<ConfigMap>>,
    nodes: BTreeMap<Arc<ObjectRef>, Arc<Node>>,
    /// The slices of each Service.
    slices_of: BTreeMap<ObjectRef, BTreeSet<Arc<ObjectRef>>>,
    namespaces: BTreeSet<Arc<str>>,
    /// The kinds of which all objects are given, be there any or not.
    complete: BTreeSet<Kind>,
    journal: Journal,
}

impl Inputs {
    /// Adds an object, or replaces the one with the same identity and says so.
    pub fn insert(&mut self, object: Object) -> bool {
        let mut reference = object.reference();
        // Namespaces are few; their objects share one text.
        match self.namespaces.get(&reference.namespace) {
            Some(known) => reference.namespace = Arc::clone(known),
            None => {
                self.namespaces.insert(Arc::clone(&reference.namespace));
            }
        }
        let reference = Arc::new(reference);
        let existed = match object {
            Object::Ingress(object) => replace(&mut self.ingresses, &reference, object),
            Object::IngressClass(object) => replace(&mut self.classes, &reference, object),
            Object::Service(object) => replace(&mut self.services, &reference, object),
            Object::Endpoints(object) => replace(&mut self.endpoints, &reference, object),
            Object::Secret(object) => replace(&mut self.secrets, &reference, object),
            Object::ConfigMap(object) => replace(&mut self.config_maps, &reference, object),
            Object::Node(object) => replace(&mut self.nodes, &reference, object),
            Object::EndpointSlice(object) => {
                let existed = self.remove_slice(&reference);
                if let Some(service) = object.service_name() {
                    let service = ObjectRef::new(Kind::Service, Arc::clone(&reference.namespace), service);
                    self.slices_of.entry(service).or_default().insert(Arc::clone(&reference));
                }
                self.slices.insert(Arc::clone(&reference), object);
                existed
            }
        };
        self.journal.record(reference);
        existed
    }

    /// Removes an object and says whether it was there.
    pub fn remove(&mut self, reference: &ObjectRef) -> bool {
        let existed = match reference.kind {
            Kind::Ingress => self.ingresses.remove(reference).is_some(),
            Kind::IngressClass => self.classes.remove(reference).is_some(),
            Kind::Service => self.services.remove(reference).is_some(),
            Kind::EndpointSlice => self.remove_slice(reference),
            Kind::Endpoints => self.endpoints.remove(reference).is_some(),
            Kind::Secret => self.secrets.remove(reference).is_some(),
            Kind::ConfigMap => self.config_maps.remove(reference).is_some(),
            Kind::Node => self.nodes.remove(reference).is_some(),
        };
        if existed {
            self.journal.record(Arc::new(reference.clone()));
        }
        existed
    }

    /// Says that all objects of a kind are given, so that one that is missing is known not to exist even where there is no
    /// other of its kind. Without this a kind of which there is no object counts as left out.
    ///
    /// ```
    /// use ingress_core::model::Inputs;
    /// use ingress_core::object::Kind;
    ///
    /// let mut inputs = Inputs::default();
    /// assert!(!inputs.has_secrets());
    /// inputs.set_complete(Kind::Secret);
    /// assert!(inputs.has_secrets());
    /// ```
    pub fn set_complete(&mut self, kind: Kind) {
        self.complete.insert(kind);
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ingresses.len()
            + self.classes.len()
            + self.services.len()
            + self.slices.len()
            + self.endpoints.len()
            + self.secrets.len()
            + self.config_maps.len()
            + self.nodes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The Ingresses in order of their identity.
    pub fn ingresses(&self) -> impl ExactSizeIterator<Item = (&Arc<ObjectRef>, &Arc<Ingress>)> {
        self.ingresses.iter()
    }

    /// The Ingress with this identity.
    #[must_use]
    pub fn ingress(&self, reference: &ObjectRef) -> Option<&Arc<Ingress>> {
        self.ingresses.get(reference)
    }

    /// The Ingress with this identity, under the shared form of that identity.
    pub(crate) fn ingress_entry(&self, reference: &ObjectRef) -> Option<(&Arc<ObjectRef>, &Arc<Ingress>)> {
        self.ingresses.get_key_value(reference)
    }

    /// The IngressClasses in order of their names.
    pub fn classes(&self) -> impl Iterator<Item = (&Arc<ObjectRef>, &Arc<IngressClass>)> {
        self.classes.iter()
    }

    /// The Service with this identity.
    #[must_use]
    pub fn service(&self, reference: &ObjectRef) -> Option<&Arc<Service>> {
        self.services.get(reference)
    }

    /// Whether there is any Service, or all are given, so that a missing one means something.
    #[must_use]
    pub fn has_services(&self) -> bool {
        !self.services.is_empty() || self.complete.contains(&Kind::Service)
    }

    /// Whether there is any EndpointSlice or Endpoints, or all are given, so that missing ones mean something.
    #[must_use]
    pub fn has_endpoints(&self) -> bool {
        let is_given = |kind| self.complete.contains(&kind);
        !self.slices.is_empty()
            || !self.endpoints.is_empty()
            || is_given(Kind::EndpointSlice)
            || is_given(Kind::Endpoints)
    }

    /// The slices that belong to this Service.
    pub fn slices_of(&self, service: &ObjectRef) -> impl Iterator<Item = (&Arc<ObjectRef>, &Arc<EndpointSlice>)> {
        self.slices_of.get(service).into_iter().flatten().filter_map(|reference| self.slices.get_key_value(reference))
    }

    /// The Endpoints of this Service.
    #[must_use]
    pub fn endpoints_of(&self, service: &ObjectRef) -> Option<(&Arc<ObjectRef>, &Arc<Endpoints>)> {
        let mut reference = service.clone();
        reference.kind = Kind::Endpoints;
        self.endpoints.get_key_value(&reference)
    }

    /// The Secret with this identity.
    #[must_use]
    pub fn secret(&self, reference: &ObjectRef) -> Option<&Arc<Secret>> {
        self.secrets.get(reference)
    }

    /// Whether there is any Secret, or all are given, so that a missing one means something.
    #[must_use]
    pub fn has_secrets(&self) -> bool {
        !self.secrets.is_empty() || self.complete.contains(&Kind::Secret)
    }

    /// The ConfigMap with this identity.
    #[must_use]
    pub fn config_map(&self, reference: &ObjectRef) -> Option<&Arc<ConfigMap>> {
        self.config_maps.get(reference)
    }

    /// Whether there is any ConfigMap, or all are given, so that a missing one means something.
    #[must_use]
    pub fn has_config_maps(&self) -> bool {
        !self.config_maps.is_empty() || self.complete.contains(&Kind::ConfigMap)
    }

    /// The Nodes in order of their names.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = (&Arc<ObjectRef>, &Arc<Node>)> {
        self.nodes.iter()
    }

    /// Whether there is any Node, or all are given, so that a missing one means something.
    #[must_use]
    pub fn has_nodes(&self) -> bool {
        !self.nodes.is_empty() || self.complete.contains(&Kind::Node)
    }

    /// The Service that a slice with this identity belongs to.
    pub(crate) fn service_of_slice(&self, slice: &ObjectRef) -> Option<ObjectRef> {
        let name = self.slices.get(slice)?.service_name()?;
        Some(ObjectRef::new(Kind::Service, Arc::clone(&slice.namespace), name))
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    fn remove_slice(&mut self, reference: &ObjectRef) -> bool {
        let Some(slice) = self.slices.remove(reference) else { return false };
        if let Some(service) = slice.service_name() {
            let service = ObjectRef::new(Kind::Service, Arc::clone(&reference.namespace), service);
            // The Service that loses the slice has changed too, whatever the slice says when it comes back.
            self.journal.record(Arc::new(service.clone()));
            if let Some(slices) = self.slices_of.get_mut(&service) {
                slices.remove(reference);
                if slices.is_empty() {
                    self.slices_of.remove(&service);
                }
            }
        }
        true
    }
}

fn replace<T>(map: &mut BTreeMap<Arc<ObjectRef>, Arc<T>>, reference: &Arc<ObjectRef>, object: Arc<T>) -> bool {
    map.insert(Arc::clone(reference), object).is_some()
}

impl Extend<Object> for Inputs {
    fn extend<T: IntoIterator<Item = Object>>(&mut self, objects: T) {
        for object in objects {
            self.insert(object);
        }
    }
}

impl FromIterator<Object> for Inputs {
    fn from_iter<T: IntoIterator<Item = Object>>(objects: T) -> Self {
        let mut inputs = Self::default();
        inputs.extend(objects);
        inputs
    }
}

/// The identities of changed objects, oldest first, so that an incremental reader need not compare everything.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// Tells this set of inputs from every other: a clone goes its own way and gets its own token.
    token: Arc<()>,
    /// How many entries have been forgotten.
    forgotten: u64,
    entries: VecDeque<Arc<ObjectRef>>,
}

/// How far a reader has read, and in which journal.
#[derive(Debug, Clone)]
pub(crate) struct JournalPosition {
    token: Arc<()>,
    position: u64,
}

impl Journal {
    fn record(&mut self, reference: Arc<ObjectRef>) {
        if self.entries.len() == JOURNAL_LENGTH {
            self.entries.pop_front();
            self.forgotten += 1;
        }
        self.entries.push_back(reference);
    }

    /// The end of the journal.
    pub(crate) fn position(&self) -> JournalPosition {
        JournalPosition { token: Arc::clone(&self.token), position: self.forgotten + self.entries.len() as u64 }
    }

    /// What changed after `since`; none when that is no longer known.
    pub(crate) fn changes(&self, since: &JournalPosition) -> Option<BTreeSet<&ObjectRef>> {
        if !Arc::ptr_eq(&self.token, &since.token) {
            return None;
        }
        let read = usize::try_from(since.position.checked_sub(self.forgotten)?).ok()?;
        Some(self.entries.iter().skip(read).map(|reference| &**reference).collect())
    }
}

impl Clone for Journal {
    fn clone(&self) -> Self {
        Self::default()
    }
}
