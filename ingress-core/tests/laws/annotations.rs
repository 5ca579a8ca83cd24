//! Annotations and the controller's settings, whatever stands in them: nothing fails, no door opens, nobody else
//! notices.

mod doors;
mod texts;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use http::Version;
use ingress_core::decision::{Decision, Matched};
use ingress_core::dialect::{Dialects, Kubernetes, Nginx, Tke};
use ingress_core::host::HostPattern;
use ingress_core::lower::{Options, lower};
use ingress_core::model::{
    AuthoritiesState, CertificateState, ConfigMap, HttpIngressPath, HttpIngressRule, Ingress, IngressBackend,
    IngressRule, IngressServiceBackend, IngressSpec, Inputs, Metadata, Object, Secret, SecretState, ServiceBackendPort,
    Timestamp,
};
use ingress_core::object::{Kind, ObjectRef};
use ingress_core::policy::{BackendRef, PortRef, RouteTable};
use ingress_core::reference;
use ingress_core::request::{BadRequest, ConnInfo, Headers, PeerCertificate, RawRequest, RequestView, TlsInfo};
use ingress_core::snapshot::Snapshot;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use self::texts::{SETTINGS, annotations, hostile, value};
use super::cases;
use super::objects::world;
use super::request::seeds;

const PREFIX: &str = "nginx.ingress.kubernetes.io/";

type Pairs = BTreeMap<Box<str>, Box<str>>;

fn pairs(prefix: &str, pairs: &[(&str, &str)]) -> Pairs {
    pairs.iter().map(|(key, value)| (format!("{prefix}{key}").into(), (*value).into())).collect()
}

fn backend() -> IngressBackend {
    let port = ServiceBackendPort { number: 80, name: Box::default() };
    IngressBackend { service: Some(IngressServiceBackend { name: "s1".into(), port }), resource: None }
}

fn metadata(namespace: &str, name: &str) -> Metadata {
    Metadata { name: name.into(), namespace: namespace.into(), ..Metadata::default() }
}

fn ingress(metadata: Metadata, host: &str, paths: Vec<(Box<str>, &str)>) -> Ingress {
    let path =
        |(path, kind): (Box<str>, &str)| HttpIngressPath { path, path_type: Some(kind.into()), backend: backend() };
    let http = Some(HttpIngressRule { paths: paths.into_iter().map(path).collect() });
    let rules = vec![IngressRule { host: host.into(), http }];
    Ingress { metadata, spec: IngressSpec { rules, ..IngressSpec::default() } }
}

/// An Ingress of somebody who wishes nobody well, for hosts of their own.
fn attacker(name: &'static str) -> impl Strategy<Value = Ingress> {
    let path = prop_oneof![
        6 => select(&["/", "/a", "/a/", "/a(/|$)(.*)", "/(.*)", "/A?b", "/.well-known/acme-challenge"][..])
            .prop_map(Into::into),
        1 => hostile().prop_map(|text| format!("/{text}").into()),
    ];
    let paths = vec((path, select(&["Prefix", "Exact", "ImplementationSpecific"][..])), 1..4);
    let host = select(&["hostile.test", "www.hostile.test", "*.hostile.test"][..]);
    (annotations(8), paths, host, 0..4_i64, prop::option::weighted(0.2, Just(backend()))).prop_map(
        move |(annotations, paths, host, time, default_backend)| {
            let time = Some(Timestamp(time));
            let metadata = Metadata { annotations, creation_timestamp: time, ..metadata("hostile", name) };
            let mut ingress = ingress(metadata, host, paths);
            ingress.spec.default_backend = default_backend;
            ingress
        },
    )
}

fn config_map(namespace: &str, name: &str, data: BTreeMap<Box<str>, Box<str>>) -> Object {
    Object::ConfigMap(ConfigMap { metadata: metadata(namespace, name), data }.into())
}

fn secret(namespace: &str) -> Object {
    let certificate = CertificateState::Usable { dns_names: vec!["hostile.test".into()] };
    let state = SecretState { certificate, authorities: AuthoritiesState::Usable };
    let keys = ["auth", "ca.crt", "tls.crt"].map(Into::into).into();
    Object::Secret(Secret { metadata: metadata(namespace, "users"), state, keys, cloud: None }.into())
}

fn options(dialects: Dialects) -> Options {
    let mut options = Options::default();
    options.dialects = dialects;
    options.config_map = Some(ObjectRef::new(Kind::ConfigMap, "control", "settings"));
    options
}

fn every_dialect() -> [Dialects; 4] {
    let nginx = Arc::new(Nginx::new(true));
    [
        Dialects::only(nginx),
        Dialects::only(Arc::new(Tke::default())),
        Dialects::only(Arc::new(Kubernetes::default())),
        Dialects::default(),
    ]
}

/// A request with what access depends on.
#[derive(Clone, Debug)]
struct Ask {
    method: &'static str,
    host: &'static str,
    target: &'static str,
    from: Option<&'static str>,
    headers: &'static [(&'static str, &'static [u8])],
    /// The subject of a certificate and whether it is good, on a TLS connection.
    tls: Option<Option<(&'static str, bool)>>,
    /// The name of the handshake, if it is not the host.
    sni: Option<&'static str>,
}

impl Ask {
    const fn new(host: &'static str, target: &'static str) -> Self {
        Self { method: "GET", host, target, from: Some("192.0.2.7"), headers: &[], tls: None, sni: None }
    }

    fn view<T>(&self, with: impl FnOnce(Result<RequestView<'_>, BadRequest>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> =
            [("Host", self.host.as_bytes())].into_iter().chain(self.headers.iter().copied()).collect();
        let tls = self.tls.map(|certificate| TlsInfo {
            sni: Some(self.sni.unwrap_or(self.host).into()),
            client_certificate: certificate.map(|(subject, is_verified)| {
                PeerCertificate { subject: subject.into(), is_verified, ..PeerCertificate::default() }.into()
            }),
        });
        let remote_addr = self.from.map(|text| text.parse::<IpAddr>().unwrap());
        let conn = ConnInfo { remote_addr, tls, tls_ended_in_front: false };
        let (target, version) = (self.target.as_bytes(), Version::HTTP_11);
        let headers = Headers::List(&headers);
        let raw = RawRequest { method: self.method, target, version, authority: None, headers };
        with(RequestView::from_raw(&raw, &conn, 7))
    }
}

const CREDENTIALS: &[(&str, &[u8])] = &[("Authorization", b"Basic dTpw")];
const OTHERS: &[(&str, &[u8])] = &[
    ("Origin", b"http://hostile.test"),
    ("Cookie", b"a=always; INGRESSCOOKIE=x|y"),
    ("X-Forwarded-For", b"10.0.0.1, \xff"),
    ("X-Forwarded-Proto", b"https"),
    ("Content-Length", b"99999999999999999999"),
];

/// Requests for what the attackers write. None has a line break, though some have one escaped.
fn asks() -> Vec<Ask> {
    let mut asks = Vec::new();
    for host in ["hostile.test", "www.hostile.test", "alias7.hostile.test"] {
        for target in ["/", "/a/b?c=d", "/A%0d%0aX-Evil:%201", "/a/%0d%0a?x=%0d%0a"] {
            let ask = Ask::new(host, target);
            asks.push(Ask { headers: OTHERS, ..ask.clone() });
            asks.push(Ask { headers: CREDENTIALS, tls: Some(Some(("CN=a", true))), from: Some("10.0.0.1"), ..ask });
        }
    }
    for (host, sni) in
        [("hostile.test", "www.hostile.test"), ("www.hostile.test", "hostile.test"), ("nobody.test", "HOSTILE.test.")]
    {
        for target in ["/", "/a", "/%zz"] {
            for certificate in [None, Some(("CN=a", true))] {
                asks.push(Ask { tls: Some(certificate), sni: Some(sni), ..Ask::new(host, target) });
            }
        }
    }
    asks.push(Ask { method: "OPTIONS", headers: OTHERS, from: None, ..Ask::new("hostile.test", "/a") });
    asks.push(Ask { method: "OPTIONS", tls: Some(None), ..Ask::new("hostile.test", "*") });
    asks
}

/// Everything that is written to a connection because of a decision.
fn written(decision: &Decision<'_>, view: &RequestView<'_>) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> =
        decision.response_headers(view).into_iter().map(|(name, value)| (name.into(), value)).collect();
    match decision {
        Decision::Forward(forward) => {
            all.extend(forward.upstream_headers(view).into_iter().map(|(name, value)| (name.into(), value)));
            all.push(("target".into(), forward.upstream_target(view).into_owned()));
            all.push(("host".into(), forward.upstream_host(view).into_owned()));
            let urls = [forward.mirror_target(view), forward.auth_url(view), forward.signin_url(view)];
            all.extend(urls.into_iter().flatten().map(|url| ("url".into(), url)));
            let affinity = forward.affinity();
            all.extend(affinity.map(|it| ("cookie".into(), forward.cookie_path(it).as_bytes().to_vec())));
            for name in forward.removed_headers(view) {
                for spelling in [name.to_ascii_lowercase(), name.replace('-', "_")] {
                    assert!(forward.removes_header(view, spelling.as_bytes()), "{name}");
                }
            }
            assert!(
                !forward.removes_header(view, b"accept")
                    && !forward.removes_header(view, b"x-original")
                    && !forward.removes_header(view, b"proxy-a")
            );
            let _ = (forward.hash_key(view), forward.limits(view), forward.load_balance(), forward.protocol());
        }
        Decision::Redirect(redirected) => all.push(("Location".into(), redirected.location(view))),
        Decision::Respond(_) | Decision::Refuse(_) => {}
    }
    all
}

fn is_broken(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b'\r' | b'\n'))
}

/// Both evaluators agree, the explanation can be printed, and nothing that is sent has a line break.
fn decide(table: &RouteTable, snapshot: &Snapshot, ask: &Ask) -> Result<(), TestCaseError> {
    ask.view(|view| {
        let Ok(view) = view else { return Ok(()) };
        let expected = reference::decide(table, &view);
        prop_assert_eq!(&snapshot.decide(&view), &expected);
        let explanation = snapshot.explain(&view);
        prop_assert_eq!(&explanation, &reference::explain(table, &view));
        let _ = explanation.to_string();
        for (name, value) in written(&expected, &view) {
            let is_whole = !is_broken(name.as_bytes()) && !is_broken(&value);
            prop_assert!(is_whole, "{} is {} for {:?}", name.escape_debug(), value.escape_ascii(), ask);
        }
        Ok(())
    })
}

/// The controller's default backend stands behind the `/` of every host that has none, so that no tenant may claim it.
#[test]
fn a_canary_of_what_everybody_shares_gets_nothing() {
    let of = |namespace: &str, host: &str, path: &str, annotations: &[(&str, &str)]| {
        let name = path.trim_start_matches('/');
        let metadata = Metadata { annotations: pairs(PREFIX, annotations), ..metadata(namespace, &format!("i{name}")) };
        Object::Ingress(ingress(metadata, host, vec![(path.into(), "Prefix")]).into())
    };
    let canary = [("canary", "true"), ("canary-weight", "100")];
    let objects = [
        of("shop", "a.example", "/a", &[]),
        of("hostile", "hostile.test", "/b", &[]),
        of("hostile", "hostile.test", "/", &canary),
    ];
    let mut options = options(Dialects::only(Arc::new(Nginx::new(false))));
    options.default_backend = Some(BackendRef::new("control".into(), "nowhere".into(), PortRef::Number(80)));
    let snapshot = Snapshot::new(lower(&objects.into_iter().collect(), &options).0);
    Ask::new("a.example", "/x").view(|view| match snapshot.decide(&view.unwrap()) {
        Decision::Forward(forward) => assert_eq!(&*forward.backend.reference.namespace, "control"),
        other => panic!("{other:?}"),
    });
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn nothing_fails_and_nothing_breaks_a_line(
        attackers in (attacker("i1"), attacker("i2")),
        settings in btree_map(select(&SETTINGS[..]).prop_map(Box::from), value(), 0..6),
        extra in btree_map("[A-Za-z-]{1,8}".prop_map(String::into_boxed_str), value(), 0..3),
    ) {
        let objects = [Object::Ingress(attackers.0.into()), Object::Ingress(attackers.1.into()), secret("hostile")];
        let maps = [config_map("hostile", "extra", extra), config_map("control", "settings", settings)];
        let inputs: Inputs = objects.into_iter().chain(maps).collect();
        for dialects in every_dialect() {
            let (table, findings) = lower(&inputs, &options(dialects));
            for finding in findings.iter() {
                let _ = finding.to_string();
                prop_assert!(!finding.message.contains(char::is_control), "{:?}", finding.message);
            }
            let _ = table.to_string();
            let snapshot = Snapshot::new(table.clone());
            for ask in asks() {
                decide(&table, &snapshot, &ask)?;
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn other_hosts_do_not_notice_annotations(
        world in world(8),
        attackers in (attacker("i1"), attacker("i2")),
        dialect in 0..4_usize,
        default in any::<bool>(),
        seeds in seeds(),
    ) {
        let mut options = options(every_dialect()[dialect].clone());
        options.default_backend = default.then(|| BackendRef::new("ns1".into(), "s1".into(), PortRef::Number(80)));
        let alone: Inputs = world.into_iter().collect();
        let mut together = alone.clone();
        together.insert(Object::Ingress(attackers.0.into()));
        together.insert(Object::Ingress(attackers.1.into()));
        let (before, after) = (Snapshot::new(lower(&alone, &options).0), Snapshot::new(lower(&together, &options).0));
        let table = before.table();
        for seed in &seeds {
            seed.request(&table).view(|view| {
                let Ok(view) = view else { return Ok(()) };
                let (one, other) = (before.decide(&view), after.decide(&view));
                // Names that no host has are anybody's.
                let is_at_home = match one.matched() {
                    Some(Matched::Route { host, .. } | Matched::Host { host, .. }) => {
                        *host.pattern() != HostPattern::Any
                    }
                    Some(Matched::Default(_)) | None => false,
                };
                if is_at_home {
                    prop_assert_eq!(format!("{one:?}"), format!("{other:?}"));
                }
                Ok(())
            })?;
        }
    }
}
