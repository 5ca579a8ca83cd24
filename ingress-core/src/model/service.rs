//! Service: the names and numbers of its ports, and where an ExternalName points.

use serde::{Deserialize, Serialize};

use super::Metadata;
use super::metadata::null_default;

/// A core/v1 Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Service {
    /// `metadata`.
    #[serde(default, deserialize_with = "null_default")]
    pub metadata: Metadata,
    /// `spec`.
    #[serde(default, deserialize_with = "null_default")]
    pub spec: ServiceSpec,
}

/// `spec` of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct ServiceSpec {
    /// `spec.type`; empty means `ClusterIP`.
    #[serde(default, rename = "type", deserialize_with = "null_default", skip_serializing_if = "str::is_empty")]
    pub service_type: Box<str>,
    /// `spec.externalName`.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "str::is_empty")]
    pub external_name: Box<str>,
    /// `spec.ports`.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ServicePort>,
}

/// `spec.ports[]` of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct ServicePort {
    /// `name`; may be empty when the Service has one port.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "str::is_empty")]
    pub name: Box<str>,
    /// `port`.
    #[serde(default, deserialize_with = "null_default")]
    pub port: i32,
    /// `protocol`; empty means `TCP`. HTTP has no use for any other.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "str::is_empty")]
    pub protocol: Box<str>,
}

impl ServicePort {
    /// Whether the port can carry HTTP.
    #[must_use]
    pub fn is_tcp(&self) -> bool {
        matches!(&*self.protocol, "" | "TCP")
    }
}

impl Service {
    /// Whether the Service is an alias of a DNS name outside the cluster.
    #[must_use]
    pub fn is_external_name(&self) -> bool {
        &*self.spec.service_type == "ExternalName"
    }
}
