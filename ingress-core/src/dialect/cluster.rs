//! Other objects that annotations name.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::{ConfigMap, Inputs, Secret, Service};
use crate::object::{Kind, ObjectRef};

/// Looks up objects and remembers which, so that whoever asked is asked again when they change.
#[derive(Debug)]
pub struct Cluster<'a> {
    inputs: &'a Inputs,
    asked: RefCell<BTreeSet<ObjectRef>>,
}

/// What is known of an object that an annotation names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth possibility")]
pub enum Lookup<T> {
    /// It is there.
    Found(T),
    /// Others of its kind are there; it is not.
    Missing,
    /// The input has no object of this kind at all, so nothing can be said.
    NotGiven,
}

impl<T> Lookup<T> {
    /// What was found.
    #[must_use]
    pub fn found(self) -> Option<T> {
        match self {
            Self::Found(object) => Some(object),
            Self::Missing | Self::NotGiven => None,
        }
    }

    fn new(found: Option<T>, has_any: bool) -> Self {
        match (found, has_any) {
            (Some(object), _) => Self::Found(object),
            (None, true) => Self::Missing,
            (None, false) => Self::NotGiven,
        }
    }
}

impl<'a> Cluster<'a> {
    /// The objects of some inputs.
    #[must_use]
    pub fn new(inputs: &'a Inputs) -> Self {
        Self { inputs, asked: RefCell::default() }
    }

    /// A Secret.
    #[must_use]
    pub fn secret(&self, namespace: &str, name: &str) -> Lookup<&'a Secret> {
        let found = self.inputs.secret(&self.ask(Kind::Secret, namespace, name));
        Lookup::new(found.map(|secret| &**secret), self.inputs.has_secrets())
    }

    /// A ConfigMap.
    #[must_use]
    pub fn config_map(&self, namespace: &str, name: &str) -> Lookup<&'a ConfigMap> {
        let found = self.inputs.config_map(&self.ask(Kind::ConfigMap, namespace, name));
        Lookup::new(found.map(|map| &**map), self.inputs.has_config_maps())
    }

    /// A Service.
    #[must_use]
    pub fn service(&self, namespace: &str, name: &str) -> Lookup<&'a Service> {
        let found = self.inputs.service(&self.ask(Kind::Service, namespace, name));
        Lookup::new(found.map(|service| &**service), self.inputs.has_services())
    }

    /// What has been asked for.
    pub(crate) fn into_asked(self) -> BTreeSet<ObjectRef> {
        self.asked.into_inner()
    }

    fn ask(&self, kind: Kind, namespace: &str, name: &str) -> ObjectRef {
        let object = ObjectRef::new(kind, Arc::from(namespace), Arc::<str>::from(name));
        self.asked.borrow_mut().insert(object.clone());
        object
    }
}
