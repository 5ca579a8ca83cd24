//! Objects of a small cluster: two namespaces, a handful of names, everything that routing reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use ingress_core::dialect::{Dialects, Kubernetes, Nginx, Tke};
use ingress_core::lower::{ClassSelection, ControllerClass, Options};
use ingress_core::model::{
    AuthoritiesState, CertificateState, CloudCertificate, ConfigMap, EndpointConditions, EndpointPort, EndpointSlice,
    EndpointSubset, Endpoints, HttpIngressPath, HttpIngressRule, Ingress, IngressBackend, IngressClass,
    IngressClassParameters, IngressClassSpec, IngressRule, IngressServiceBackend, IngressSpec, IngressTls, Metadata,
    Node, Object, PathType, ResourceRef, Secret, SecretState, Service, ServiceBackendPort, ServicePort, ServiceSpec,
    SliceEndpoint, SubsetAddress, TargetPort, Timestamp,
};
use ingress_core::object::{Kind, ObjectRef};
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
        1 => Just(IngressBackend { service: None, resource: Some(Box::new(resource)) }),
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
        path_type: Some(PathType::from(&*path_type)),
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
/// What one object may say about hosts, backends and other objects that others name too.
const ANNOTATIONS: &[(&str, &str)] = &[
    ("nginx.ingress.kubernetes.io/use-regex", "true"),
    ("nginx.ingress.kubernetes.io/rewrite-target", "/$1"),
    ("nginx.ingress.kubernetes.io/app-root", "/x"),
    ("nginx.ingress.kubernetes.io/permanent-redirect", "/elsewhere"),
    ("nginx.ingress.kubernetes.io/server-alias", "alias.example, *.b, ~^x, a.b"),
    ("nginx.ingress.kubernetes.io/server-alias", "d.a.b"),
    ("nginx.ingress.kubernetes.io/from-to-www-redirect", "true"),
    ("nginx.ingress.kubernetes.io/canary", "true"),
    ("nginx.ingress.kubernetes.io/canary-weight", "50"),
    ("nginx.ingress.kubernetes.io/affinity", "cookie"),
    ("nginx.ingress.kubernetes.io/load-balance", "ewma"),
    ("nginx.ingress.kubernetes.io/upstream-hash-by", "$request_uri"),
    ("nginx.ingress.kubernetes.io/default-backend", "s3"),
    ("nginx.ingress.kubernetes.io/service-upstream", "true"),
    ("nginx.ingress.kubernetes.io/whitelist-source-range", "10.0.0.0/8"),
    ("nginx.ingress.kubernetes.io/whitelist-source-range", "nowhere"),
    ("nginx.ingress.kubernetes.io/auth-type", "basic"),
    ("nginx.ingress.kubernetes.io/auth-secret", "t1"),
    ("nginx.ingress.kubernetes.io/custom-headers", "ns1/m1"),
    ("nginx.ingress.kubernetes.io/auth-tls-secret", "ns1/t1"),
    ("nginx.ingress.kubernetes.io/ssl-passthrough", "true"),
    ("nginx.ingress.kubernetes.io/permanent-redirect-code", "x"),
    ("kubernetes.io/ingress.rule-mix", "true"),
    ("kubernetes.io/ingress.http-rules", r#"[{"path": "/", "backend": {"serviceName": "s1", "servicePort": 80}}]"#),
    ("ingress.cloud.tencent.com/auto-rewrite", "true"),
    ("ingress.cloud.tencent.com/direct-access", "true"),
];

pub(super) fn ingress() -> impl Strategy<Value = Ingress> {
    let parts = (
        metadata(&["i1", "i2", "i3", "i4"]),
        optional(&["c1", "c2", "missing"], 0.2),
        optional(&["nginx", "c1"], 0.1),
        weighted(0.2, backend()),
        vec(rule(), 1..4),
        weighted(0.4, vec(tls(), 1..3)),
        0..40_u8,
        vec(select(ANNOTATIONS), 0..3),
    );
    parts.prop_map(|(mut metadata, class, annotation, default_backend, mut rules, tls, broken, annotations)| {
        metadata.annotations = map("kubernetes.io/ingress.class", annotation);
        metadata.annotations.extend(annotations.into_iter().map(|(key, value)| (key.into(), value.into())));
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
    let target = prop_oneof![
        select(&[8_080, 0][..]).prop_map(TargetPort::Number),
        text(&["http", "80"]).prop_map(TargetPort::Name),
    ];
    let node_port = of(select(&[30_080, -1][..]));
    let port = (text(&["http", "other", ""]), select(&[80, 80, 81, 0, 70_000][..]), protocol(), of(target), node_port);
    let port = port.prop_map(|(name, port, protocol, target_port, node_port)| ServicePort {
        name,
        port,
        protocol,
        target_port,
        node_port,
    });
    let spec = (
        text(&["", "", "", "ExternalName"]),
        text(&["db.example.", "", "-"]),
        text(&["", "None", "10.96.0.1"]),
        vec(port, 0..3),
    );
    let spec = spec.prop_map(|(service_type, external_name, cluster_ip, ports)| ServiceSpec {
        service_type,
        external_name,
        cluster_ip,
        ports,
    });
    (metadata(&["s1", "s2", "s3"]), spec).prop_map(|(metadata, spec)| Service { metadata, spec })
}

fn endpoint_ports() -> impl Strategy<Value = Vec<EndpointPort>> {
    let port = (text(&["http", "other", ""]), of(select(&[8_080, 80, 0, -1][..])), protocol());
    vec(port.prop_map(|(name, port, protocol)| EndpointPort { name, port, protocol }), 0..3)
}

const ADDRESSES: &[&str] = &["10.0.0.1", "10.0.0.2", "fd00::1", "127.0.0.1", "db.example", "not an address"];

pub(super) fn slice() -> impl Strategy<Value = EndpointSlice> {
    let endpoint = (vec(text(ADDRESSES), 0..3), of(any::<bool>()))
        .prop_map(|(addresses, ready)| SliceEndpoint { addresses, conditions: EndpointConditions { ready } });
    (metadata(&["e1", "e2", "e3"]), optional(&["s1", "s2"], 0.9), vec(endpoint, 0..3), endpoint_ports()).prop_map(
        |(mut metadata, service, endpoints, ports)| {
            metadata.labels = map("kubernetes.io/service-name", service);
            EndpointSlice { metadata, endpoints, ports, ..EndpointSlice::default() }
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
    let keys = vec(text(&["tls.crt", "auth"]), 0..3).prop_map(|keys| keys.into_iter().collect());
    let cloud = (vec(text(&["id1", "id2"]), 0..3), of(text(&["id3"])))
        .prop_map(|(certificates, ca)| CloudCertificate { certificates, ca });
    let authorities = prop_oneof![Just(AuthoritiesState::Usable), Just(AuthoritiesState::default())];
    let state =
        (certificate, authorities).prop_map(|(certificate, authorities)| SecretState { certificate, authorities });
    (metadata(&["t1", "t2"]), state, keys, weighted(0.2, cloud)).prop_map(|(metadata, state, keys, cloud)| Secret {
        metadata,
        state,
        keys,
        cloud,
    })
}

pub(super) fn config_map() -> impl Strategy<Value = ConfigMap> {
    let settings = optional(&["true", "", "no"], 0.8).prop_map(|value| map("ssl-redirect", value));
    let named = optional(&["ns1/m2", "ns2/m2", "m2"], 0.5).prop_map(|value| map("proxy-set-headers", value));
    let header = optional(&["a", "$b", "c\n"], 0.5).prop_map(|value| map("X-A", value));
    (metadata(&["m1", "m2"]), settings, named, header).prop_map(|(metadata, settings, named, header)| {
        let data = settings.into_iter().chain(named).chain(header).collect();
        ConfigMap { metadata, data }
    })
}

pub(super) fn node() -> impl Strategy<Value = Node> {
    (metadata(&["n1", "n2", "n3"]), vec(text(ADDRESSES), 0..3), any::<bool>()).prop_map(
        |(mut metadata, addresses, ready)| {
            metadata.namespace = Box::default();
            Node { metadata, addresses, ready }
        },
    )
}

/// Any object.
pub(super) fn object() -> impl Strategy<Value = Object> {
    prop_oneof![
        10 => ingress().prop_map(|it| Object::Ingress(it.into())),
        2 => class().prop_map(|it| Object::IngressClass(it.into())),
        4 => service().prop_map(|it| Object::Service(it.into())),
        3 => slice().prop_map(|it| Object::EndpointSlice(it.into())),
        1 => endpoints().prop_map(|it| Object::Endpoints(it.into())),
        2 => secret().prop_map(|it| Object::Secret(it.into())),
        2 => config_map().prop_map(|it| Object::ConfigMap(it.into())),
        1 => node().prop_map(|it| Object::Node(it.into())),
    ]
}

/// Objects of different identities.
pub(super) fn world(most: usize) -> impl Strategy<Value = Vec<Object>> {
    vec(object(), 0..most).prop_map(|objects| {
        let unique: BTreeMap<ObjectRef, Object> = objects.into_iter().map(|it| (it.reference(), it)).collect();
        unique.into_values().collect()
    })
}

pub(super) fn options() -> impl Strategy<Value = Options> {
    let ours =
        (any::<bool>(), any::<bool>(), text(&["nginx", "c1"])).prop_map(|(watch_without_class, by_name, class)| {
            ControllerClass { ingress_class: class, watch_without_class, by_name, ..ControllerClass::default() }
        });
    let port = select(vec![PortRef::First, PortRef::Number(80), PortRef::Name("http".into())]);
    (weighted(0.3, ours), weighted(0.3, port), any::<u64>(), 0..5_u8, any::<bool>()).prop_map(
        |(ours, port, seed, dialect, flag)| {
            let mut options = Options::default();
            if let Some(ours) = ours {
                options.classes = ClassSelection::Controller(ours);
            }
            options.default_backend = port.map(|port| BackendRef::new("ns1".into(), "s1".into(), port));
            options.hash_seed = seed;
            options.disable_catch_all = flag;
            options.config_map = flag.then(|| ObjectRef::new(Kind::ConfigMap, "ns1", "m1"));
            match dialect {
                0 => options.dialects = Dialects::only(Arc::new(Kubernetes::default())),
                1 => options.dialects = Dialects::only(Arc::new(Nginx::new(flag))),
                2 => options.dialects = Dialects::only(Arc::new(Tke::default())),
                _ => {}
            }
            options
        },
    )
}
