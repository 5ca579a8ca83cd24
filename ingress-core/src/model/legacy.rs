//! Ingress in the shape of `extensions/v1beta1` and `networking.k8s.io/v1beta1`, and its conversion to v1.
//!
//! The conversion is the API server's: `backend` becomes `defaultBackend`, the type of `servicePort` decides whether it is
//! a number or a name, and an absent `pathType` becomes `ImplementationSpecific`.

use serde::Deserialize;

use super::int_or_string::IntOrString;
use super::metadata::null_default;
use super::{
    HttpIngressPath, HttpIngressRule, Ingress, IngressBackend, IngressRule, IngressServiceBackend, IngressSpec,
    IngressTls, Metadata, PathType, ResourceRef, ServiceBackendPort,
};

#[derive(Default, Deserialize)]
pub(super) struct LegacyIngress {
    #[serde(default, deserialize_with = "null_default")]
    metadata: Metadata,
    #[serde(default, deserialize_with = "null_default")]
    spec: LegacySpec,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LegacySpec {
    #[serde(default)]
    ingress_class_name: Option<Box<str>>,
    #[serde(default)]
    backend: Option<LegacyBackend>,
    #[serde(default, deserialize_with = "null_default")]
    rules: Vec<LegacyRule>,
    #[serde(default, deserialize_with = "null_default")]
    tls: Vec<IngressTls>,
}

#[derive(Default, Deserialize)]
struct LegacyRule {
    #[serde(default, deserialize_with = "null_default")]
    host: Box<str>,
    #[serde(default)]
    http: Option<LegacyHttp>,
}

#[derive(Default, Deserialize)]
struct LegacyHttp {
    #[serde(default, deserialize_with = "null_default")]
    paths: Vec<LegacyPath>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LegacyPath {
    #[serde(default, deserialize_with = "null_default")]
    path: Box<str>,
    #[serde(default)]
    path_type: Option<PathType>,
    #[serde(default, deserialize_with = "null_default")]
    backend: LegacyBackend,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LegacyBackend {
    #[serde(default, deserialize_with = "null_default")]
    service_name: Box<str>,
    #[serde(default)]
    service_port: Option<IntOrString>,
    #[serde(default)]
    resource: Option<Box<ResourceRef>>,
}

impl From<LegacyIngress> for Ingress {
    fn from(LegacyIngress { metadata, spec }: LegacyIngress) -> Self {
        let LegacySpec { ingress_class_name, backend, rules, tls } = spec;
        Self {
            metadata,
            spec: IngressSpec {
                ingress_class_name,
                default_backend: backend.map(IngressBackend::from),
                rules: rules.into_iter().map(IngressRule::from).collect(),
                tls,
            },
        }
    }
}

impl From<LegacyRule> for IngressRule {
    fn from(LegacyRule { host, http }: LegacyRule) -> Self {
        let http = http.map(|LegacyHttp { paths }| HttpIngressRule {
            paths: paths.into_iter().map(HttpIngressPath::from).collect(),
        });
        Self { host, http }
    }
}

impl From<LegacyPath> for HttpIngressPath {
    fn from(LegacyPath { path, path_type, backend }: LegacyPath) -> Self {
        let path_type = path_type.unwrap_or(PathType::ImplementationSpecific);
        Self { path, path_type: Some(path_type), backend: backend.into() }
    }
}

impl From<LegacyBackend> for IngressBackend {
    fn from(LegacyBackend { service_name, service_port, resource }: LegacyBackend) -> Self {
        // As in the API server, a backend that says anything of a Service is a Service backend.
        let service = (!service_name.is_empty() || service_port.is_some()).then(|| IngressServiceBackend {
            name: service_name,
            port: match service_port {
                None => ServiceBackendPort::default(),
                Some(IntOrString::Int(number)) => ServiceBackendPort { number, name: Box::default() },
                Some(IntOrString::String(name)) => ServiceBackendPort { number: 0, name },
            },
        });
        Self { service, resource }
    }
}
