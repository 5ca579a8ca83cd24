//! The part of `ObjectMeta` that routing reads, and how a JSON `null` is read everywhere in the model.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::Timestamp;
use crate::object::{Kind, ObjectRef};

/// The part of `metadata` that routing reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Metadata {
    /// `metadata.name`.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "str::is_empty")]
    pub name: Box<str>,
    /// `metadata.generateName`: stands in for the name of an object that is still to be created.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "str::is_empty")]
    pub generate_name: Box<str>,
    /// `metadata.namespace`; whoever reads objects without one fills it in.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "str::is_empty")]
    pub namespace: Box<str>,
    /// `metadata.uid`: only an object that the API server has already accepted has one.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "str::is_empty")]
    pub uid: Box<str>,
    /// `metadata.creationTimestamp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<Timestamp>,
    /// `metadata.labels`.
    #[serde(default, deserialize_with = "null_values", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Box<str>, Box<str>>,
    /// `metadata.annotations`.
    #[serde(default, deserialize_with = "null_values", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<Box<str>, Box<str>>,
}

impl Metadata {
    /// The identity of an object of `kind` with this metadata. Whoever reads objects that are still to be named by their
    /// `generateName` gives each a name of its own first.
    #[must_use]
    pub fn reference(&self, kind: Kind) -> ObjectRef {
        let namespace = if kind.is_namespaced() { &*self.namespace } else { "" };
        ObjectRef::new(kind, namespace, &*self.name)
    }

    /// Whether the API server has accepted the object already, so that checks made only at creation no longer apply.
    #[must_use]
    pub fn exists(&self) -> bool {
        !self.uid.is_empty()
    }
}

/// Reads `null` as the default value, as the API server does.
pub(super) fn null_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a list, `null` as an empty one. Objects are kept for as long as they are there and lists grow by doubling, so that
/// the room that is left over, which for ten paths is that of six more, is given back.
pub(super) fn null_list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let mut list: Vec<T> = null_default(deserializer)?;
    list.shrink_to_fit();
    Ok(list)
}

/// Reads a map in which `null`, for the whole or for a value, is empty.
pub(super) fn null_values<'de, D>(deserializer: D) -> Result<BTreeMap<Box<str>, Box<str>>, D::Error>
where
    D: Deserializer<'de>,
{
    let map: Option<BTreeMap<Box<str>, Option<Box<str>>>> = Option::deserialize(deserializer)?;
    Ok(map.unwrap_or_default().into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect())
}
