//! From what the API server writes to the engine's records, one object at a time: what is wrong with one hides no other.
//!
//! Everything that nobody reads is dropped at once: `managedFields`, and the annotation in which `kubectl apply` keeps a
//! second copy of the whole object, a Secret's data included.

mod secret;

use std::collections::BTreeMap;
use std::sync::Arc;

use ingress_core::model::{ConfigMap, Object, WireKind, decode};
use ingress_core::object::{FieldPath, Kind, ObjectRef};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use self::secret::SecretData;
pub(crate) use self::secret::WireSecret;
use crate::resource::{Form, Resource};

/// Where `kubectl apply` keeps what it was given.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The label of a slice that says whose endpoints it has.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// An object as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) key: Key,
    pub(crate) revision: Revision,
    pub(crate) content: Content,
}

/// Namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
}

/// Which object of that name, and which state of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Revision {
    pub(crate) uid: Box<str>,
    pub(crate) version: Box<str>,
}

/// What is known of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// An Ingress, with what only its status needs.
    Ingress(Object, Vec<Address>),
    /// Another object.
    Object(Object),
    /// That it is there.
    Metadata,
    /// It is there and cannot be read.
    Undecodable(Box<Undecodable>),
}

/// Why an object cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Undecodable {
    pub(crate) kind: Kind,
    pub(crate) field: FieldPath,
    pub(crate) message: Box<str>,
}

/// What the controller knows of an Ingress beside its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IngressRecord {
    /// `metadata.uid`.
    pub uid: Box<str>,
    /// `metadata.resourceVersion`, for writes that must not overwrite another's.
    pub resource_version: Box<str>,
    /// What that was when something changed that routing reads: a status that is written is no such change.
    pub content_version: Box<str>,
    /// `status.loadBalancer.ingress`.
    pub addresses: Vec<Address>,
}

/// One of the addresses in an Ingress's status.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Address {
    /// `ip`; empty if there is none.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub ip: Box<str>,
    /// `hostname`; empty if there is none.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub hostname: Box<str>,
}

/// What every object has, read leniently: the rest of an object is read even where this makes no sense.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(default, borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(default, borrow)]
    status: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    name: Option<Box<str>>,
    #[serde(default)]
    namespace: Option<Box<str>>,
    #[serde(default)]
    uid: Option<Box<str>>,
    #[serde(default)]
    resource_version: Option<Box<str>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    load_balancer: Option<LoadBalancer>,
}

#[derive(Default, Deserialize)]
struct LoadBalancer {
    #[serde(default)]
    ingress: Option<Vec<Address>>,
}

/// Reads an object.
pub(crate) fn item(form: Form, raw: &RawValue) -> Item {
    let head = serde_json::from_str(raw.get()).unwrap_or(Head { metadata: None, status: None });
    let metadata: Metadata =
        head.metadata.and_then(|metadata| serde_json::from_str(metadata.get()).ok()).unwrap_or_default();
    let Metadata { name, namespace, uid, resource_version } = metadata;
    let text = |text: Option<Box<str>>| Arc::from(text.unwrap_or_default());
    Item {
        key: Key { namespace: text(namespace), name: text(name) },
        revision: Revision { uid: uid.unwrap_or_default(), version: resource_version.unwrap_or_default() },
        content: match form {
            Form::Metadata => Content::Metadata,
            Form::Whole(wire) => content(wire, raw, head.status),
        },
    }
}

fn content(wire: WireKind, raw: &RawValue, status: Option<&RawValue>) -> Content {
    match decode(wire, &mut serde_json::Deserializer::from_str(raw.get())) {
        Ok(mut object) => {
            lighten(&mut object);
            match object {
                Object::Ingress(_) => Content::Ingress(object, addresses(status)),
                object => Content::Object(object),
            }
        }
        Err(_) => Content::Undecodable(Box::new(complaint(wire, raw))),
    }
}

/// Reads the object once more, to find out which field is at fault.
fn complaint(wire: WireKind, raw: &RawValue) -> Undecodable {
    let mut json = serde_json::Deserializer::from_str(raw.get());
    let mut track = serde_path_to_error::Track::new();
    let error = decode(wire, serde_path_to_error::Deserializer::new(&mut json, &mut track)).err();
    let message = error.map(|error| error.to_string()).unwrap_or_default();
    // Where it stands in a text that nobody has seen helps nobody.
    let message = message.split(" at line ").next().unwrap_or_default().into();
    Undecodable { kind: wire.kind(), field: FieldPath::text(track.path().to_string()), message }
}

/// Drops what routing never asks for.
fn lighten(object: &mut Object) {
    let is_of_endpoints = matches!(object, Object::EndpointSlice(_) | Object::Endpoints(_));
    let metadata = object.metadata_mut();
    metadata.annotations.remove(LAST_APPLIED);
    if is_of_endpoints {
        metadata.annotations = BTreeMap::new();
        metadata.labels.retain(|label, _| &**label == SERVICE_NAME);
    }
}

/// The addresses in a status; what is no status has none, and is written anew by whoever leads.
fn addresses(status: Option<&RawValue>) -> Vec<Address> {
    let status: Option<Status> = status.and_then(|status| serde_json::from_str(status.get()).ok());
    status.and_then(|status| status.load_balancer?.ingress).unwrap_or_default()
}

/// The ConfigMap that was asked for.
pub(crate) fn config_map(name: &ObjectRef, text: &str) -> Result<(Revision, ConfigMap), Undecodable> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| not_json(Kind::ConfigMap, &error))?;
    let mut map: ConfigMap = serde_json::from_str(text).map_err(|_| complaint(WireKind::ConfigMap, raw))?;
    map.metadata.namespace = (*name.namespace).into();
    map.metadata.name = (*name.name).into();
    Ok((item(Form::Metadata, raw).revision, map))
}

fn not_json(kind: Kind, error: &serde_json::Error) -> Undecodable {
    Undecodable { kind, field: FieldPath::named(&"."), message: error.to_string().into() }
}

impl Key {
    /// The identity of an object of a kind with this key.
    pub(crate) fn reference(&self, kind: Kind) -> ObjectRef {
        ObjectRef { kind, namespace: Arc::clone(&self.namespace), name: Arc::clone(&self.name) }
    }
}

impl Revision {
    /// Whether this state of an object is older than another. The server counts its writes, and says that the numbers may
    /// be compared; where they are no numbers nothing is known to be older.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        match (self.version.parse::<u64>(), other.version.parse::<u64>()) {
            (Ok(this), Ok(other)) => this < other,
            _ => false,
        }
    }
}

impl Resource {
    /// The kind of the engine's record that an object of a version becomes, if it becomes one at all.
    pub(crate) fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Ingresses => &[Kind::Ingress],
            Self::IngressClasses => &[Kind::IngressClass],
            Self::Services => &[Kind::Service],
            Self::EndpointSlices => &[Kind::EndpointSlice, Kind::Endpoints],
            Self::Secrets => &[Kind::Secret],
            Self::ConfigMaps => &[Kind::ConfigMap],
            Self::Namespaces => &[],
        }
    }
}

#[cfg(test)]
mod tests;
