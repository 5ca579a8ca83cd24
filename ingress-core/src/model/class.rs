//! IngressClass, `networking.k8s.io/v1` and `v1beta1` (the two have one shape).

use serde::{Deserialize, Serialize};

use super::Metadata;
use super::metadata::null_default;

/// An IngressClass: ties a class name to the controller that serves it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct IngressClass {
    /// `metadata`.
    #[serde(default, deserialize_with = "null_default")]
    pub metadata: Metadata,
    /// `spec`.
    #[serde(default, deserialize_with = "null_default")]
    pub spec: IngressClassSpec,
}

/// `spec` of an IngressClass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct IngressClassSpec {
    /// `spec.controller`, such as `k8s.io/ingress-nginx`.
    #[serde(default, deserialize_with = "null_default")]
    pub controller: Box<str>,
    /// `spec.parameters`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<IngressClassParameters>,
}

/// `spec.parameters` of an IngressClass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct IngressClassParameters {
    /// `kind`.
    #[serde(default, deserialize_with = "null_default")]
    pub kind: Box<str>,
    /// `name`.
    #[serde(default, deserialize_with = "null_default")]
    pub name: Box<str>,
    /// `scope`: `Cluster` (the default) or `Namespace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Box<str>>,
    /// `namespace`, needed by and only allowed with scope `Namespace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Box<str>>,
}

impl IngressClass {
    /// Whether Ingresses that are created without a class get this one: the annotation must be exactly `true`.
    #[must_use]
    pub fn is_default(&self) -> bool {
        let annotation = self.metadata.annotations.get("ingressclass.kubernetes.io/is-default-class");
        annotation.is_some_and(|value| &**value == "true")
    }
}
