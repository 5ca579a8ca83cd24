//! EndpointSlice (`discovery.k8s.io/v1`, `v1beta1`) and its predecessor Endpoints.

use serde::{Deserialize, Serialize};

use super::Metadata;
use super::metadata::{null_default, null_list};

/// An EndpointSlice: some of the addresses behind a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct EndpointSlice {
    /// `metadata`; the label `kubernetes.io/service-name` names the Service.
    #[serde(default, deserialize_with = "null_default")]
    pub metadata: Metadata,
    /// `endpoints`.
    #[serde(default, deserialize_with = "null_list", skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<SliceEndpoint>,
    /// `ports`.
    #[serde(default, deserialize_with = "null_list", skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<EndpointPort>,
    /// Whether the operator has named these addresses, who may name any. Nothing in an object says so.
    #[serde(skip)]
    pub is_named_by_operator: bool,
}

impl EndpointSlice {
    /// The name of the Service that the slice belongs to.
    #[must_use]
    pub fn service_name(&self) -> Option<&str> {
        self.metadata.labels.get("kubernetes.io/service-name").map(|name| &**name)
    }
}

/// `endpoints[]` of a slice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct SliceEndpoint {
    /// `addresses`: IP addresses, or DNS names in a slice of type FQDN.
    #[serde(default, deserialize_with = "null_list")]
    pub addresses: Vec<Box<str>>,
    /// `conditions`.
    #[serde(default, deserialize_with = "null_default")]
    pub conditions: EndpointConditions,
}

/// `endpoints[].conditions` of a slice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct EndpointConditions {
    /// `ready`; absent or null counts as ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
}

/// `ports[]` of a slice or of an Endpoints subset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct EndpointPort {
    /// `name`: the name of the Service port, empty for an unnamed one.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "str::is_empty")]
    pub name: Box<str>,
    /// `port`; a slice port without a number names no port at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// `protocol`; empty means `TCP`. HTTP has no use for any other.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "str::is_empty")]
    pub protocol: Box<str>,
}

impl EndpointPort {
    /// Whether the port can carry HTTP.
    #[must_use]
    pub fn is_tcp(&self) -> bool {
        matches!(&*self.protocol, "" | "TCP")
    }
}

/// An Endpoints object: all addresses behind the Service of the same name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Endpoints {
    /// `metadata`.
    #[serde(default, deserialize_with = "null_default")]
    pub metadata: Metadata,
    /// `subsets`.
    #[serde(default, deserialize_with = "null_list", skip_serializing_if = "Vec::is_empty")]
    pub subsets: Vec<EndpointSubset>,
}

/// `subsets[]` of Endpoints; `notReadyAddresses` are left unread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct EndpointSubset {
    /// `addresses`.
    #[serde(default, deserialize_with = "null_list", skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<SubsetAddress>,
    /// `ports`.
    #[serde(default, deserialize_with = "null_list", skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<EndpointPort>,
}

/// `subsets[].addresses[]` of Endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct SubsetAddress {
    /// `ip`.
    #[serde(default, deserialize_with = "null_default")]
    pub ip: Box<str>,
}
