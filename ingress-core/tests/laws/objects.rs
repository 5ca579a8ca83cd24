//! Objects of a small cluster: two namespaces, a handful of names, everything that routing reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use ingress_core::diagnostic::Diagnostic;
use ingress_core::dialect::{Dialect, Kubernetes, Semantics};
use ingress_core::lower::{ClassSelection, ControllerClass, Options};
use ingress_core::model::{
    CertificateState, EndpointConditions, EndpointPort, EndpointSlice, EndpointSubset, Endpoints, HttpIngressPath,
    HttpIngressRule, Ingress, IngressBackend, IngressClass, IngressClassParameters, IngressClassSpec, IngressRule,
    IngressServiceBackend, IngressSpec, IngressTls, Metadata, Object, ResourceRef, Secret, Service, ServiceBackendPort,
    ServicePort, ServiceSpec, SliceEndpoint, SubsetAddress, Timestamp,
};
use ingress_core::object::ObjectRef;
use ingress_core::path::PathPolicy;
use ingress_core::policy::{BackendRef, PortRef};
use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::select;

use super::text;

fn text(texts: &'static [&'static str]) -> impl Strategy<Value = Box<str>> {
    select(texts).prop_map(Into::into)
}

fn optional(texts: &'static [&'static str], chance: f64) -> impl Strategy<Value = Option<Box<str>>> {
    weighted(chance, text(texts))
}

fn map(key: &'static str, value: Option<Box<str>>) -> BTreeMap<Box<str>, Box<str>> {
    value.map(|value| (key.into(), value)).into_iter().collect()
}

fn metadata(names: &'static [&'static str]) -> impl Strategy<Value = Metadata> {
    (text(names), text(&["ns1", "ns1", "ns2"]), prop::bool::weighted(0.3), weighted(0.7, 0..3_i64)).prop_map(
        |(name, namespace, exists, time)| Metadata {
            name,
            namespace,
            uid: if exists { "uid".into() } else { Box::default() },
            creation_timestamp: time.map(|days| Timestamp(1_700_000_000 + days * 86_400)),
            ..Metadata::default()
        },
    )
}

fn backend() -> impl Strategy<Value = IngressBackend> {
    let port = prop_oneof![
        4 => select(&[80, 81][..]).prop_map(|number| ServiceBackendPort { number, name: Box::default() }),
        2 => text(&["http", "other"]).prop_map(|name| ServiceBackendPort { number: 0, name }),
    ];
    let resource = ResourceRef { api_group: Some("example".into()), kind: "Bucket".into(), name: "b".into() };
    prop_oneof![
        12 => (text(&["s1", "s2", "s3"]), port)
            .prop_map(|(name, port)| IngressBackend { service: Some(IngressServiceBackend { name, port }), resource: None }),
        1 => Just(IngressBackend { service: None, resource: Some(resource) }),
    ]
}

fn path() -> impl Strategy<Value = HttpIngressPath> {
    let typed = prop_oneof![
        6 => (text::valid_rule_path(), text(&["Exact", "Prefix", "Prefix", "ImplementationSpecific"])),
        1 => (text::rule_path().prop_map(|path| if path.starts_with('/') { path } else { String::new() }),
              text(&["ImplementationSpecific"])),
    ];
    (typed, backend()).prop_map(|((path, path_type), backend)| HttpIngressPath {
        path: path.into(),
        path_type: Some(path_type),
        backend,
    })
}

pub(super) fn rule() -> impl Strategy<Value = IngressRule> {
    let http = weighted(0.9, vec(path(), 1..4).prop_map(|paths| HttpIngressRule { paths }));
    (text::rule_host(), http).prop_map(|(host, http)| IngressRule { host: host.into(), http })
}

pub(super) fn tls() -> impl Strategy<Value = IngressTls> {
    (
        vec(text::rule_host().prop_filter("a TLS host is never empty", |host| !host.is_empty()), 0..3),
        text(&["", "t1", "t2"]),
    )
        .prop_map(|(hosts, secret_name)| IngressTls { hosts: hosts.into_iter().map(Into::into).collect(), secret_name })
}

/// Mostly valid: one broken field spoils the whole object, so few are broken.
pub(super) fn ingress() -> impl Strategy<Value = Ingress> {
    let parts = (
        metadata(&["i1", "i2", "i3", "i4"]),
        optional(&["c1", "c2", "missing"], 0.2),
        optional(&["nginx", "c1"], 0.1),
        weighted(0.2, backend()),
        vec(rule(), 1..4),
        weighted(0.4, vec(tls(), 1..3)),
        0..40_u8,
    );
    parts.prop_map(|(mut metadata, class, annotation, default_backend, mut rules, tls, broken)| {
        metadata.annotations = map("kubernetes.io/ingress.class", annotation);
        if broken == 0 {
            metadata.annotations.insert("x.ingress.kubernetes.io/y".into(), "z".into());
        }
        match (broken, rules.first_mut()) {
            (1, Some(rule)) => rule.host = "Not.A.Host".into(),
            (2, _) => rules.clear(),
            (3, Some(IngressRule { http: Some(http), .. })) => http.paths.clear(),
            _ => {}
        }
        let tls = tls.unwrap_or_default();
        Ingress { metadata, spec: IngressSpec { ingress_class_name: class, default_backend, rules, tls } }
    })
}

pub(super) fn class() -> impl Strategy<Value = IngressClass> {
    let parameters =
        of((text(&["Config", ""]), optional(&["Cluster", "Namespace", "Other"], 0.5), optional(&["ns1"], 0.3)))
            .prop_map(|it| {
                it.map(|(kind, scope, namespace)| IngressClassParameters { kind, name: "p".into(), scope, namespace })
            });
    let controller = text(&["k8s.io/ingress-nginx", "k8s.io/ingress-nginx", "example.com/other", "malformed"]);
    (metadata(&["c1", "c2"]), controller, prop::bool::weighted(0.2), parameters, optional(&["true", "yes"], 0.3))
        .prop_map(|(mut metadata, controller, keep, parameters, default)| {
            metadata.namespace = Box::default();
            metadata.annotations = map("ingressclass.kubernetes.io/is-default-class", default);
            IngressClass { metadata, spec: IngressClassSpec { controller, parameters: parameters.filter(|_| keep) } }
        })
}

fn protocol() -> impl Strategy<Value = Box<str>> {
    text(&["", "TCP", "TCP", "UDP"])
}

pub(super) fn service() -> impl Strategy<Value = Service> {
    let port = (text(&["http", "other", ""]), select(&[80, 80, 81, 0, 70_000][..]), protocol());
    let ports = vec(port.prop_map(|(name, port, protocol)| ServicePort { name, port, protocol }), 0..3);
    (metadata(&["s1", "s2", "s3"]), text(&["", "", "", "ExternalName"]), text(&["db.example.", "", "-"]), ports)
        .prop_map(|(metadata, service_type, external_name, ports)| Service {
            metadata,
            spec: ServiceSpec { service_type, external_name, ports },
        })
}

fn endpoint_ports() -> impl Strategy<Value = Vec<EndpointPort>> {
    let port = (text(&["http", "other", ""]), of(select(&[8_080, 80, 0, -1][..])), protocol());
    vec(port.prop_map(|(name, port, protocol)| EndpointPort { name, port, protocol }), 0..3)
}

const ADDRESSES: &[&str] = &["10.0.0.1", "10.0.0.2", "fd00::1", "db.example", "not an address"];

pub(super) fn slice() -> impl Strategy<Value = EndpointSlice> {
    let endpoint = (vec(text(ADDRESSES), 0..3), of(any::<bool>()))
        .prop_map(|(addresses, ready)| SliceEndpoint { addresses, conditions: EndpointConditions { ready } });
    (metadata(&["e1", "e2", "e3"]), optional(&["s1", "s2"], 0.9), vec(endpoint, 0..3), endpoint_ports()).prop_map(
        |(mut metadata, service, endpoints, ports)| {
            metadata.labels = map("kubernetes.io/service-name", service);
            EndpointSlice { metadata, endpoints, ports }
        },
    )
}

pub(super) fn endpoints() -> impl Strategy<Value = Endpoints> {
    let address = text(ADDRESSES).prop_map(|ip| SubsetAddress { ip });
    let subset =
        (vec(address, 0..3), endpoint_ports()).prop_map(|(addresses, ports)| EndpointSubset { addresses, ports });
    (metadata(&["s1", "s2"]), vec(subset, 0..3)).prop_map(|(metadata, subsets)| Endpoints { metadata, subsets })
}

fn secret() -> impl Strategy<Value = Secret> {
    let names = vec(text::rule_host().prop_map(Box::<str>::from), 0..3);
    let certificate = prop_oneof![
        3 => names.prop_map(|dns_names| CertificateState::Usable { dns_names }),
        1 => Just(CertificateState::Unusable { reason: "has no `tls.key`".into() }),
    ];
    (metadata(&["t1", "t2"]), certificate).prop_map(|(metadata, certificate)| Secret { metadata, certificate })
}

/// Any object.
pub(super) fn object() -> impl Strategy<Value = Object> {
    prop_oneof![
        10 => ingress().prop_map(Object::Ingress),
        2 => class().prop_map(Object::IngressClass),
        4 => service().prop_map(Object::Service),
        3 => slice().prop_map(Object::EndpointSlice),
        1 => endpoints().prop_map(Object::Endpoints),
        2 => secret().prop_map(Object::Secret),
    ]
}

/// Objects of different identities.
pub(super) fn world(most: usize) -> impl Strategy<Value = Vec<Object>> {
    vec(object(), 0..most).prop_map(|objects| {
        let unique: BTreeMap<ObjectRef, Object> = objects.into_iter().map(|it| (it.reference(), it)).collect();
        unique.into_values().collect()
    })
}

/// The plain dialect with nginx's path policy.
#[derive(Debug)]
struct NginxPaths;

impl Dialect for NginxPaths {
    fn name(&self) -> &'static str {
        "nginx-paths"
    }

    fn semantics(&self) -> Semantics {
        let mut semantics = Kubernetes::default().semantics();
        semantics.path_policy = PathPolicy::Nginx;
        semantics
    }

    fn interpret(&self, _: &Arc<ObjectRef>, _: &Ingress, _: &mut Vec<Diagnostic>) {}
}

pub(super) fn options() -> impl Strategy<Value = Options> {
    let ours =
        (any::<bool>(), any::<bool>(), text(&["nginx", "c1"])).prop_map(|(watch_without_class, by_name, class)| {
            ControllerClass { ingress_class: class, watch_without_class, by_name, ..ControllerClass::default() }
        });
    let port = select(vec![PortRef::First, PortRef::Number(80), PortRef::Name("http".into())]);
    (weighted(0.3, ours), weighted(0.3, port), any::<u64>(), prop::bool::weighted(0.2)).prop_map(
        |(ours, port, seed, nginx)| {
            let mut options = Options::default();
            if let Some(ours) = ours {
                options.classes = ClassSelection::Controller(ours);
            }
            options.default_backend =
                port.map(|port| BackendRef { namespace: "ns1".into(), service: "s1".into(), port });
            options.hash_seed = seed;
            if nginx {
                options.dialect = Arc::new(NginxPaths);
            }
            options
        },
    )
}
