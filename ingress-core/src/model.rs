//! What the cluster said, in the engine's own minimal records. No opinion is formed here.
//!
//! Each record keeps the fields that routing reads and tolerates all others. A record is decoded with [`decode`] from any
//! serde source; `networking.k8s.io/v1`, `networking.k8s.io/v1beta1` and `extensions/v1beta1` Ingresses become one form.
//! Checks are the work of [`crate::lower`].

mod class;
mod config_map;
mod decode;
mod endpoints;
mod ingress;
mod inputs;
mod int_or_string;
mod legacy;
mod metadata;
mod node;
mod path_type;
mod secret;
mod service;
mod timestamp;

pub use class::{IngressClass, IngressClassParameters, IngressClassSpec};
pub use config_map::ConfigMap;
pub use decode::{Recognition, WireKind, decode, recognise};
pub use endpoints::{
    EndpointConditions, EndpointPort, EndpointSlice, EndpointSubset, Endpoints, SliceEndpoint, SubsetAddress,
};
pub use ingress::{
    HttpIngressPath, HttpIngressRule, Ingress, IngressBackend, IngressRule, IngressServiceBackend, IngressSpec,
    IngressTls, ResourceRef, ServiceBackendPort,
};
pub use inputs::Inputs;
pub(crate) use inputs::JournalPosition;
pub use metadata::Metadata;
pub use node::Node;
pub use path_type::PathType;
pub use secret::{AuthoritiesState, CertificateState, CloudCertificate, Secret, SecretState};
pub use service::{Service, ServicePort, ServiceSpec, TargetPort};
pub use timestamp::{InvalidTimestamp, Timestamp};

use std::sync::Arc;

use crate::object::{Kind, ObjectRef};

/// One decoded object, which is cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Object {
    /// An Ingress of any API version.
    Ingress(Arc<Ingress>),
    /// An IngressClass.
    IngressClass(Arc<IngressClass>),
    /// A Service.
    Service(Arc<Service>),
    /// An EndpointSlice.
    EndpointSlice(Arc<EndpointSlice>),
    /// An Endpoints object.
    Endpoints(Arc<Endpoints>),
    /// A Secret without its key bytes.
    Secret(Arc<Secret>),
    /// A ConfigMap.
    ConfigMap(Arc<ConfigMap>),
    /// A Node.
    Node(Arc<Node>),
}

impl Object {
    /// What kind of object this is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Ingress(_) => Kind::Ingress,
            Self::IngressClass(_) => Kind::IngressClass,
            Self::Service(_) => Kind::Service,
            Self::EndpointSlice(_) => Kind::EndpointSlice,
            Self::Endpoints(_) => Kind::Endpoints,
            Self::Secret(_) => Kind::Secret,
            Self::ConfigMap(_) => Kind::ConfigMap,
            Self::Node(_) => Kind::Node,
        }
    }

    /// The object's metadata.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        match self {
            Self::Ingress(object) => &object.metadata,
            Self::IngressClass(object) => &object.metadata,
            Self::Service(object) => &object.metadata,
            Self::EndpointSlice(object) => &object.metadata,
            Self::Endpoints(object) => &object.metadata,
            Self::Secret(object) => &object.metadata,
            Self::ConfigMap(object) => &object.metadata,
            Self::Node(object) => &object.metadata,
        }
    }

    /// The object's metadata, to fill in a namespace.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        match self {
            Self::Ingress(object) => &mut Arc::make_mut(object).metadata,
            Self::IngressClass(object) => &mut Arc::make_mut(object).metadata,
            Self::Service(object) => &mut Arc::make_mut(object).metadata,
            Self::EndpointSlice(object) => &mut Arc::make_mut(object).metadata,
            Self::Endpoints(object) => &mut Arc::make_mut(object).metadata,
            Self::Secret(object) => &mut Arc::make_mut(object).metadata,
            Self::ConfigMap(object) => &mut Arc::make_mut(object).metadata,
            Self::Node(object) => &mut Arc::make_mut(object).metadata,
        }
    }

    /// The object's identity.
    #[must_use]
    pub fn reference(&self) -> ObjectRef {
        self.metadata().reference(self.kind())
    }
}
