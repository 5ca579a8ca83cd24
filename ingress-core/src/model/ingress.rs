//! Ingress in the shape of `networking.k8s.io/v1`.

use serde::{Deserialize, Serialize};

use super::metadata::{null_default, null_list};
use super::{Metadata, PathType};

/// An Ingress (Kubernetes API reference, networking.k8s.io/v1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Ingress {
    /// `metadata`.
    #[serde(default, deserialize_with = "null_default")]
    pub metadata: Metadata,
    /// `spec`.
    #[serde(default, deserialize_with = "null_default")]
    pub spec: IngressSpec,
}

/// `spec` of an Ingress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct IngressSpec {
    /// `spec.ingressClassName`; an empty string is not the same as absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress_class_name: Option<Box<str>>,
    /// `spec.defaultBackend`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_backend: Option<IngressBackend>,
    /// `spec.rules`.
    #[serde(default, deserialize_with = "null_list", skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<IngressRule>,
    /// `spec.tls`.
    #[serde(default, deserialize_with = "null_list", skip_serializing_if = "Vec::is_empty")]
    pub tls: Vec<IngressTls>,
}

/// `spec.rules[]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct IngressRule {
    /// `host`; empty means every host.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "str::is_empty")]
    pub host: Box<str>,
    /// `http`; absent means that the default backend takes the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpIngressRule>,
}

/// `spec.rules[].http`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct HttpIngressRule {
    /// `paths`.
    #[serde(default, deserialize_with = "null_list")]
    pub paths: Vec<HttpIngressPath>,
}

/// `spec.rules[].http.paths[]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct HttpIngressPath {
    /// `path`.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "str::is_empty")]
    pub path: Box<str>,
    /// `pathType`, unchecked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_type: Option<PathType>,
    /// `backend`.
    #[serde(default, deserialize_with = "null_default")]
    pub backend: IngressBackend,
}

/// A backend: exactly one of the two is set in a valid object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct IngressBackend {
    /// `service`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<IngressServiceBackend>,
    /// `resource`; hardly any backend is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Box<ResourceRef>>,
}

/// `backend.service`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct IngressServiceBackend {
    /// `name`.
    #[serde(default, deserialize_with = "null_default")]
    pub name: Box<str>,
    /// `port`.
    #[serde(default, deserialize_with = "null_default")]
    pub port: ServiceBackendPort,
}

/// `backend.service.port`: a name or a number, the other one empty or zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct ServiceBackendPort {
    /// `name`.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "str::is_empty")]
    pub name: Box<str>,
    /// `number`.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "is_zero")]
    pub number: i32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &i32) -> bool {
    *number == 0
}

/// `backend.resource`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct ResourceRef {
    /// `apiGroup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_group: Option<Box<str>>,
    /// `kind`.
    #[serde(default, deserialize_with = "null_default")]
    pub kind: Box<str>,
    /// `name`.
    #[serde(default, deserialize_with = "null_default")]
    pub name: Box<str>,
}

/// `spec.tls[]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct IngressTls {
    /// `hosts`.
    #[serde(default, deserialize_with = "null_list", skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<Box<str>>,
    /// `secretName`; empty means the default certificate.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "str::is_empty")]
    pub secret_name: Box<str>,
}
