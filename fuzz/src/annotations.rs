//! Annotations, settings and paths as lines of text.
//!
//! | A line that begins with | is |
//! |---|---|
//! | `/`, `=/`, `~/` | a path, Prefix, Exact or ImplementationSpecific |
//! | `?/` | a request target |
//! | `>name: value` | a header of the requests |
//! | `@key: value` | a setting of the controller |
//! | `+key: value` | an entry of the ConfigMap `extra` |
//! | anything else, `key: value` | an annotation; a number is a place in the table of keys |
//!
//! `\r`, `\n` and `\0` in values and paths stand for what they stand for elsewhere.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use http::Version;
use ingress_core::decision::Decision;
use ingress_core::dialect::{Dialects, Kubernetes, Nginx, Tke};
use ingress_core::lower::{Options, lower};
use ingress_core::model::{
    AuthoritiesState, CertificateState, ConfigMap, HttpIngressPath, HttpIngressRule, Ingress, IngressBackend,
    IngressRule, IngressServiceBackend, IngressSpec, Inputs, Metadata, Object, Secret, SecretState, ServiceBackendPort,
};
use ingress_core::object::{Kind, ObjectRef};
use ingress_core::request::{ConnInfo, Headers, PeerCertificate, RawRequest, RequestView, TlsInfo};
use ingress_core::snapshot::Snapshot;

use crate::{requests, split};

const PREFIX: &str = "nginx.ingress.kubernetes.io/";
const TABLES: [&str; 2] = [
    include_str!("../../ingress-core/src/dialect/nginx/keys.rs"),
    include_str!("../../ingress-core/src/dialect/tke/keys.rs"),
];

const MAX_PATHS: usize = 8;
/// Expressions are compiled again for each request by the reference.
const MAX_PATH_LENGTH: usize = 64;
const MAX_REQUESTS: usize = 12;
const MAX_HEADERS: usize = 8;

type Pairs = BTreeMap<Box<str>, Box<str>>;

/// What the lines say.
#[derive(Debug, Default)]
pub(crate) struct Script {
    annotations: Pairs,
    settings: Pairs,
    extra: Pairs,
    paths: Vec<(&'static str, Box<str>)>,
    targets: Vec<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
}

impl Script {
    pub(crate) fn read(text: &str) -> Self {
        let mut script = Self::default();
        for line in text.split('\n') {
            let pair = |line: &str| line.split_once(": ").map(|(key, value)| (key.into(), plain(value).into()));
            match line.as_bytes() {
                [b'/', ..] => script.paths.push(("Prefix", plain(line).into())),
                [b'=', b'/', ..] => script.paths.push(("Exact", plain(&line[1..]).into())),
                [b'~', b'/', ..] => script.paths.push(("ImplementationSpecific", plain(&line[1..]).into())),
                [b'?', b'/', ..] => script.targets.push(line.as_bytes()[1..].to_vec()),
                [b'@', ..] => script.settings.extend(pair(&line[1..])),
                [b'+', ..] => script.extra.extend(pair(&line[1..])),
                [b'>', ..] => {
                    let (name, value) = split(&line.as_bytes()[1..], b':');
                    let name = String::from_utf8_lossy(name).into_owned();
                    script.headers.push((name, value.trim_ascii().to_vec()));
                }
                _ => script
                    .annotations
                    .extend(line.split_once(": ").map(|(key, value)| (named(key), plain(value).into()))),
            }
        }
        script.paths.retain(|(_, path)| path.len() <= MAX_PATH_LENGTH);
        script.paths.truncate(MAX_PATHS);
        let below = ["", "/x", "/%0d%0aX:%20y"];
        let found: Vec<_> =
            script.paths.iter().flat_map(|(_, path)| below.map(|end| format!("{path}{end}").into())).collect();
        script.targets.extend(found);
        script.targets.push(b"/elsewhere".to_vec());
        script.targets.truncate(MAX_REQUESTS);
        // `is_broken` below is about what was not in the request.
        script.targets.retain(|target| !is_broken(target));
        script.headers.retain(|(name, value)| !is_broken(name.as_bytes()) && !is_broken(value));
        script.headers.truncate(MAX_HEADERS);
        script
    }

    /// The objects, with this Ingress or without it.
    fn inputs(&self, is_alone: bool) -> Inputs {
        let config_map = |namespace, name, data: &Pairs| {
            Object::ConfigMap(ConfigMap { metadata: metadata(namespace, name), data: data.clone() }.into())
        };
        let keys = ["auth", "ca.crt"].map(Into::into).into();
        let certificate = CertificateState::Usable { dns_names: vec!["a.example".into()] };
        let state = SecretState { certificate, authorities: AuthoritiesState::Usable };
        let secret = Secret { metadata: metadata("n", "users"), state, keys, cloud: None };
        let neighbour = [("/".into(), "Prefix"), ("/a".into(), "Exact")];
        let mut neighbour = ingress("m", "b.example", neighbour.into());
        neighbour.metadata.annotations =
            [(format!("{PREFIX}whitelist-source-range").into(), "192.0.2.0/24".into())].into();
        let mut objects = vec![
            config_map("n", "extra", &self.extra),
            config_map("n", "settings", &self.settings),
            Object::Secret(secret.into()),
            Object::Ingress(neighbour.into()),
        ];
        if !is_alone {
            let paths = self.paths.iter().map(|(kind, path)| (path.clone(), *kind)).collect();
            let mut ingress = ingress("n", "a.example", paths);
            ingress.metadata.annotations = self.annotations.clone();
            objects.push(Object::Ingress(ingress.into()));
        }
        objects.into_iter().collect()
    }

    /// Runs everything in every dialect.
    pub(crate) fn run(&self) {
        let (together, alone) = (self.inputs(false), self.inputs(true));
        let nginx = Arc::new(Nginx::new(true));
        for dialects in [
            Dialects::only(nginx),
            Dialects::only(Arc::new(Tke::default())),
            Dialects::only(Arc::new(Kubernetes::default())),
        ] {
            let mut options = Options::default();
            options.dialects = dialects;
            options.config_map = Some(ObjectRef::new(Kind::ConfigMap, "n", "settings"));
            let (table, diagnostics) = lower(&together, &options);
            for finding in diagnostics.iter() {
                assert!(!finding.message.contains(char::is_control), "{:?}", finding.message);
                let _ = finding.to_string();
            }
            let _ = table.to_string();
            let (snapshot, without) = (Snapshot::new(table.clone()), Snapshot::new(lower(&alone, &options).0));
            for conn in [plain_text(), tls("a.example"), tls("b.example")] {
                self.each(b"a.example", &conn, |raw| requests::agree_on(&table, &snapshot, raw, &conn, whole));
            }
            // A handshake for the one would say something about the other.
            for conn in [plain_text(), tls("b.example")] {
                self.each(b"b.example", &conn, |raw| {
                    let Ok(view) = RequestView::from_raw(raw, &conn, 0) else { return };
                    assert_eq!(format!("{:?}", snapshot.decide(&view)), format!("{:?}", without.decide(&view)));
                });
            }
        }
    }

    fn each(&self, host: &[u8], conn: &ConnInfo, mut with: impl FnMut(&RawRequest<'_>)) {
        let mut headers: Vec<(&str, &[u8])> = vec![("Host", host)];
        headers.extend(self.headers.iter().map(|(name, value)| (&**name, &**value)));
        if conn.tls.is_some() {
            headers.push(("Authorization", b"Basic dTpw"));
        }
        let headers = Headers::List(&headers);
        let mut ask = |method, target| {
            with(&RawRequest { method, target, version: Version::HTTP_11, authority: None, headers });
        };
        self.targets.iter().for_each(|target| ask("GET", target));
        ask("OPTIONS", b"/");
    }
}

fn plain(text: &str) -> String {
    text.replace("\\r", "\r").replace("\\n", "\n").replace("\\0", "\0")
}

/// The key of an annotation: from the table, whole, or without the prefix.
fn named(key: &str) -> Box<str> {
    let mut table = TABLES.iter().flat_map(|text| text.split("#[cfg(test)]").next()).flat_map(|text| text.split('"'));
    let is_key = |word: &&str| word.len() > 2 && !word.contains([' ', '\n', '(', '`']) && !word.ends_with(['/', '.']);
    let key = key.parse().ok().and_then(|place| table.by_ref().filter(is_key).nth(place)).unwrap_or(key);
    if key.contains('/') || key == "qcloud_cert_id" { key.into() } else { format!("{PREFIX}{key}").into() }
}

fn metadata(namespace: &str, name: &str) -> Metadata {
    Metadata { name: name.into(), namespace: namespace.into(), ..Metadata::default() }
}

fn ingress(namespace: &str, host: &str, paths: Vec<(Box<str>, &str)>) -> Ingress {
    let port = ServiceBackendPort { number: 80, name: Box::default() };
    let service = Some(IngressServiceBackend { name: "s".into(), port });
    let backend = IngressBackend { service, resource: None };
    let path = |(path, kind): (Box<str>, &str)| HttpIngressPath {
        path,
        path_type: Some(kind.into()),
        backend: backend.clone(),
    };
    let http = Some(HttpIngressRule { paths: paths.into_iter().map(path).collect() });
    let rules = vec![IngressRule { host: host.into(), http }];
    Ingress { metadata: metadata(namespace, "i"), spec: IngressSpec { rules, ..IngressSpec::default() } }
}

fn plain_text() -> ConnInfo {
    ConnInfo { remote_addr: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))), ..ConnInfo::default() }
}

fn tls(sni: &str) -> ConnInfo {
    let certificate = PeerCertificate { subject: "CN=a".into(), is_verified: true, ..PeerCertificate::default() };
    ConnInfo {
        remote_addr: None,
        tls: Some(TlsInfo { sni: Some(sni.into()), client_certificate: Some(certificate.into()) }),
        tls_ended_in_front: false,
    }
}

/// Nothing that is sent has a line break in it.
fn whole(decision: &Decision<'_>, view: &RequestView<'_>) {
    let check = |what: &str, text: &[u8]| {
        assert!(!is_broken(what.as_bytes()) && !is_broken(text), "{what:?} is {}", text.escape_ascii());
    };
    decision.response_headers(view).iter().for_each(|(name, value)| check(name, value));
    match decision {
        Decision::Forward(forward) => {
            forward.upstream_headers(view).iter().for_each(|(name, value)| check(name, value));
            check("target", &forward.upstream_target(view));
            check("host", &forward.upstream_host(view));
            let urls = [forward.mirror_target(view), forward.auth_url(view), forward.signin_url(view)];
            urls.iter().flatten().for_each(|url| check("url", url));
            if let Some(affinity) = forward.sharing().and_then(|sharing| sharing.affinity.as_ref()) {
                check("cookie", forward.cookie_path(affinity).as_bytes());
            }
            let _ = (forward.hash_key(view), forward.limits(view), forward.load_balance(), forward.protocol());
        }
        Decision::Redirect(redirected) => check("location", &redirected.location(view)),
        Decision::Respond(_) | Decision::Refuse(_) => {}
    }
}

fn is_broken(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b'\r' | b'\n'))
}
