//! From `apiVersion` and `kind` to a record.

use std::sync::Arc;

use serde::{Deserialize, Deserializer};

use super::legacy::LegacyIngress;
use super::{ConfigMap, EndpointSlice, Endpoints, Ingress, IngressClass, Node, Object, Service};
use crate::object::Kind;

/// A wire form that [`decode`] reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireKind {
    /// `networking.k8s.io/v1` Ingress.
    Ingress,
    /// `networking.k8s.io/v1beta1` or `extensions/v1beta1` Ingress.
    LegacyIngress,
    /// IngressClass of either version.
    IngressClass,
    /// `v1` Service.
    Service,
    /// EndpointSlice of either version.
    EndpointSlice,
    /// `v1` Endpoints.
    Endpoints,
    /// `v1` Secret, which only an adapter can read because [`super::Secret`] holds no key bytes.
    Secret,
    /// `v1` ConfigMap.
    ConfigMap,
    /// `v1` Node.
    Node,
}

impl WireKind {
    /// The kind of object that comes of it.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Ingress | Self::LegacyIngress => Kind::Ingress,
            Self::IngressClass => Kind::IngressClass,
            Self::Service => Kind::Service,
            Self::EndpointSlice => Kind::EndpointSlice,
            Self::Endpoints => Kind::Endpoints,
            Self::Secret => Kind::Secret,
            Self::ConfigMap => Kind::ConfigMap,
            Self::Node => Kind::Node,
        }
    }
}

/// What an `apiVersion` and a `kind` stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recognition {
    /// A wire form that routing reads.
    Known(WireKind),
    /// A kind that routing reads, in a version that it does not know.
    UnknownVersion(Kind),
    /// Some other object.
    Other,
}

/// Looks up an `apiVersion` and a `kind`.
///
/// ```
/// use ingress_core::model::{Recognition, WireKind, recognise};
///
/// assert_eq!(recognise("networking.k8s.io/v1", "Ingress"), Recognition::Known(WireKind::Ingress));
/// assert_eq!(recognise("apps/v1", "Deployment"), Recognition::Other);
/// ```
#[must_use]
pub fn recognise(api_version: &str, kind: &str) -> Recognition {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let known = match (group, kind) {
        ("networking.k8s.io" | "extensions", "Ingress") => match (group, version) {
            ("networking.k8s.io", "v1") => Some(WireKind::Ingress),
            (_, "v1beta1") => Some(WireKind::LegacyIngress),
            _ => return Recognition::UnknownVersion(Kind::Ingress),
        },
        ("networking.k8s.io", "IngressClass") => match version {
            "v1" | "v1beta1" => Some(WireKind::IngressClass),
            _ => return Recognition::UnknownVersion(Kind::IngressClass),
        },
        ("discovery.k8s.io", "EndpointSlice") => match version {
            "v1" | "v1beta1" => Some(WireKind::EndpointSlice),
            _ => return Recognition::UnknownVersion(Kind::EndpointSlice),
        },
        ("", "Service") => (version == "v1").then_some(WireKind::Service),
        ("", "Endpoints") => (version == "v1").then_some(WireKind::Endpoints),
        ("", "Secret") => (version == "v1").then_some(WireKind::Secret),
        ("", "ConfigMap") => (version == "v1").then_some(WireKind::ConfigMap),
        ("", "Node") => (version == "v1").then_some(WireKind::Node),
        _ => None,
    };
    known.map_or(Recognition::Other, Recognition::Known)
}

/// Decodes one object; unknown fields are tolerated, `null` means absent.
///
/// ```
/// use ingress_core::model::{Object, WireKind, decode};
///
/// let text = r#"{"metadata": {"name": "tea"}, "spec": {"ports": [{"port": 80}]}}"#;
/// let object = decode(WireKind::Service, &mut serde_json::Deserializer::from_str(text))?;
/// assert_eq!(&*object.metadata().name, "tea");
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Errors
///
/// The deserializer's, when a known field has the wrong type; also for [`WireKind::Secret`], which the engine does not
/// decode because it must not see key bytes.
pub fn decode<'de, D: Deserializer<'de>>(wire: WireKind, deserializer: D) -> Result<Object, D::Error> {
    Ok(match wire {
        WireKind::Ingress => Object::Ingress(Arc::new(Ingress::deserialize(deserializer)?)),
        WireKind::LegacyIngress => Object::Ingress(Arc::new(LegacyIngress::deserialize(deserializer)?.into())),
        WireKind::IngressClass => Object::IngressClass(Arc::new(IngressClass::deserialize(deserializer)?)),
        WireKind::Service => Object::Service(Arc::new(Service::deserialize(deserializer)?)),
        WireKind::EndpointSlice => Object::EndpointSlice(Arc::new(EndpointSlice::deserialize(deserializer)?)),
        WireKind::Endpoints => Object::Endpoints(Arc::new(Endpoints::deserialize(deserializer)?)),
        WireKind::ConfigMap => Object::ConfigMap(Arc::new(ConfigMap::deserialize(deserializer)?)),
        WireKind::Node => Object::Node(Arc::new(Node::deserialize(deserializer)?)),
        WireKind::Secret => {
            return Err(serde::de::Error::custom("a Secret is decoded by the adapter that holds its key"));
        }
    })
}
