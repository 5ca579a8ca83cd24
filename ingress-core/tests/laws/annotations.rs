//! Annotations and the controller's settings, whatever stands in them: nothing fails, no door opens, nobody else notices.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use http::Version;
use ingress_core::decision::{Decision, Forward, Matched};
use ingress_core::dialect::{Dialects, Kubernetes, Nginx, Tke};
use ingress_core::host::HostPattern;
use ingress_core::lower::{Options, lower};
use ingress_core::model::{
    CertificateState, ConfigMap, HttpIngressPath, HttpIngressRule, Ingress, IngressBackend, IngressRule,
    IngressServiceBackend, IngressSpec, Inputs, Metadata, Object, Secret, ServiceBackendPort, Timestamp,
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

use super::cases;
use super::objects::world;
use super::request::seeds;

const PREFIX: &str = "nginx.ingress.kubernetes.io/";

/// Every annotation of ingress-nginx, without the prefix.
static NGINX: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| words(&[include_str!("../../src/dialect/nginx/keys.rs")], |word| is_word(word) && word.len() > 2));

/// Every annotation of TKE.
static TKE: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let prefixes = ["ingress.cloud.tencent.com/", "kubernetes.io/ingress."];
    let is_key = |word: &str| prefixes.iter().any(|it| word.starts_with(it) && word.len() > it.len());
    words(&[include_str!("../../src/dialect/tke/keys.rs")], is_key)
});

/// Every key of the ConfigMap, and some words that are none.
static SETTINGS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let files = [
        include_str!("../../src/dialect/nginx/settings/access.rs"),
        include_str!("../../src/dialect/nginx/settings/auth.rs"),
        include_str!("../../src/dialect/nginx/settings/client.rs"),
        include_str!("../../src/dialect/nginx/settings/data_plane.rs"),
        include_str!("../../src/dialect/nginx/settings/headers.rs"),
        include_str!("../../src/dialect/nginx/settings/redirects.rs"),
        include_str!("../../src/dialect/nginx/settings/tls.rs"),
        include_str!("../../src/dialect/nginx/settings/unread.rs"),
        include_str!("../../src/dialect/nginx/settings/upstream.rs"),
    ];
    words(&files, |word| is_word(word) && word.contains('-'))
});

/// The texts between quotes in the code of some files.
fn words(files: &[&'static str], is_key: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let code = files.iter().flat_map(|text| text.split("#[cfg(test)]").next());
    let mut words: Vec<_> = code.flat_map(|text| text.split('"')).filter(|word| is_key(word)).collect();
    words.sort_unstable();
    words.dedup();
    words
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Text that no key has a meaning for that lets anybody in.
const HOSTILE: [&str; 62] = [
    "\"",
    "'",
    "`",
    "\\",
    "a\rb",
    "a\nb",
    "a\r\nX-Evil: 1",
    "on\r\nX: y",
    "\r\na",
    ";",
    "}",
    "a; return 200;",
    "} location / {",
    "{{",
    "{{ .Values.x }}",
    "${",
    "${x",
    "$",
    "$$",
    "$(",
    "$(id)",
    "%{",
    "%",
    "%0d%0a",
    "#",
    "#x",
    "..",
    "/../",
    "a/../b",
    "\0",
    "a\0b",
    "a\u{2028}b",
    "\u{202e}on",
    "\u{2066}true",
    "\u{1f980}",
    "\x1b[31m",
    "(",
    "[",
    "(?=a)",
    "(?P<a",
    "a{99999}",
    "~*(",
    "*",
    "99999999999999999999",
    "-1",
    "1e309",
    "0x10",
    ",",
    ",,",
    "a,",
    "http://",
    "http:///x",
    "http://a b/",
    "http://[",
    "10.0.0.0/33",
    "10.0.0.0/8,",
    "10.0.0.0/8;",
    "/",
    "a/b/c",
    "CN=(",
    "null",
    "[{\"a\":",
];

/// Text that is nothing once the blanks around it are gone.
const BLANK: [&str; 7] = ["", " ", "\n", "\r\n", "\t", "\u{2028}", "\u{a0}"];

/// Values that some key or other can use, so that what is behind the reading is reached too.
const USUAL: [&str; 40] = [
    "true",
    "false",
    "on",
    "off",
    "basic",
    "digest",
    "users",
    "hostile/users",
    "auth-map",
    "extra",
    "hostile/extra",
    "http://auth.hostile.test/$uri?u=$escaped_request_uri",
    "https://hostile.test$uri",
    "http://hostile.test/$arg_x",
    "$request_uri",
    "$uri",
    "cookie",
    "ewma",
    "10.0.0.0/8",
    "0.0.0.0/0,::/0",
    "/$1",
    "/x/$2",
    "/x",
    "100",
    "1",
    "GRPCS",
    "HTTPS",
    "CN=a.*",
    "optional",
    "403,503",
    "s1",
    "any",
    "X-Team",
    "a.hostile.test",
    "*.alias.hostile.test",
    "~^alias[0-9]+\\.hostile\\.test$",
    "200 202 5m",
    "persistent",
    r#"[{"host": "hostile.test", "path": "/", "backend": {"serviceName": "s1", "servicePort": "80"}}]"#,
    r#"[{"host": "hostile.test", "path": "/a", "rewrite": {"port": 443, "path": "/b"}}]"#,
];

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => select(&HOSTILE[..]).prop_map(str::to_owned),
        1 => Just("x".repeat(64 << 10)),
        // The mark in front keeps it from being something that means anything.
        3 => any::<String>().prop_map(|text| format!("\u{202e}{text}")),
    ]
}

fn value() -> impl Strategy<Value = Box<str>> {
    let own = prop_oneof![select(&USUAL[..]), select(&BLANK[..])].prop_map(str::to_owned);
    prop_oneof![1 => hostile(), 1 => own].prop_map(String::into_boxed_str)
}

/// Annotations that do something only together.
const TOGETHER: [&[(&str, &str)]; 10] = [
    &[],
    &[("use-regex", "true"), ("rewrite-target", "/x/$2"), ("x-forwarded-prefix", "/p$1$2")],
    &[("rewrite-target", "/$1"), ("x-forwarded-prefix", "/$1"), ("app-root", "/a")],
    &[("auth-url", "http://auth.hostile.test$uri"), ("auth-signin", "http://hostile.test/$uri?x=$arg_x")],
    &[("mirror-target", "http://mirror.hostile.test$uri"), ("upstream-hash-by", "$uri$http_x")],
    &[("canary", "true"), ("canary-weight", "100")],
    &[("canary", "true"), ("canary-by-header", "Origin"), ("canary-by-header-pattern", "http.*")],
    &[("affinity", "cookie"), ("load-balance", "ewma"), ("session-cookie-path", "/a")],
    &[
        ("enable-cors", "true"),
        ("cors-allow-origin", "http://hostile.test"),
        ("auth-type", "basic"),
        ("auth-secret", "users"),
    ],
    &[("auth-tls-secret", "hostile/users"), ("from-to-www-redirect", "true"), ("server-alias", "a.hostile.test")],
];

fn annotations(most: usize) -> impl Strategy<Value = BTreeMap<Box<str>, Box<str>>> {
    let key = prop_oneof![
        8 => select(&NGINX[..]).prop_map(|key| format!("{PREFIX}{key}")),
        2 => select(&TKE[..]).prop_map(str::to_owned),
        1 => Just("qcloud_cert_id".to_owned()),
        1 => "[a-z-]{1,12}".prop_map(|key| format!("{PREFIX}{key}")),
    ];
    let others = btree_map(key.prop_map(String::into_boxed_str), value(), 0..most);
    (select(&TOGETHER[..]), others).prop_map(|(together, others)| {
        let mut annotations = pairs(PREFIX, together);
        annotations.extend(others);
        annotations
    })
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
    Object::ConfigMap(ConfigMap { metadata: metadata(namespace, name), data })
}

fn secret(namespace: &str) -> Object {
    let certificate = CertificateState::Usable { dns_names: vec!["hostile.test".into()] };
    let keys = ["auth", "ca.crt", "tls.crt"].map(Into::into).into();
    Object::Secret(Secret { metadata: metadata(namespace, "users"), certificate, keys, cloud: None })
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
}

impl Ask {
    const fn new(host: &'static str, target: &'static str) -> Self {
        Self { method: "GET", host, target, from: Some("192.0.2.7"), headers: &[], tls: None }
    }

    fn view<T>(&self, with: impl FnOnce(Result<RequestView<'_>, BadRequest>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> =
            [("Host", self.host.as_bytes())].into_iter().chain(self.headers.iter().copied()).collect();
        let tls = self.tls.map(|certificate| TlsInfo {
            sni: Some(self.host.into()),
            client_certificate: certificate
                .map(|(subject, is_verified)| PeerCertificate { subject: subject.into(), is_verified }),
        });
        let remote_addr = self.from.map(|text| text.parse::<IpAddr>().unwrap());
        let conn = ConnInfo { remote_addr, tls };
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
    for host in ["hostile.test", "www.hostile.test", "a.hostile.test", "alias7.hostile.test", "elsewhere"] {
        for target in ["/", "/a", "/a/b?c=d", "/A%0d%0aX-Evil:%201", "/a/%0d%0a?x=%0d%0a", "/xx%00/", "/..%2f"] {
            let ask = Ask::new(host, target);
            asks.push(Ask { headers: OTHERS, ..ask.clone() });
            asks.push(Ask { headers: CREDENTIALS, tls: Some(Some(("CN=a", true))), from: Some("10.0.0.1"), ..ask });
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
            let affinity = forward.sharing().and_then(|sharing| sharing.affinity.as_ref());
            all.extend(affinity.map(|it| ("cookie".into(), forward.cookie_path(it).as_bytes().to_vec())));
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

/// A request that an Ingress or the controller guards.
struct Door {
    annotations: &'static [(&'static str, &'static str)],
    settings: &'static [(&'static str, &'static str)],
    ask: Ask,
    /// Whether the request is forwarded with the guard.
    keeps: fn(&Forward<'_>) -> bool,
}

const PASSWORD: &[(&str, &str)] =
    &[("auth-type", "basic"), ("auth-secret", "users"), ("auth-secret-type", "auth-file"), ("auth-realm", "staff")];
const SERVICE: &[(&str, &str)] = &[
    ("auth-url", "http://auth.example/check"),
    ("auth-method", "POST"),
    ("auth-always-set-cookie", "true"),
    ("auth-request-redirect", "http://a.example/"),
    ("auth-cache-key", "$remote_user_of"),
    ("auth-cache-duration", "200 5m"),
    ("auth-signin", "http://auth.example/sign-in"),
    ("auth-response-headers", "X-User"),
    ("auth-proxy-set-headers", "extra"),
    ("satisfy", "all"),
];
const CERTIFICATE: &[(&str, &str)] = &[
    ("auth-tls-secret", "shop/users"),
    ("auth-tls-verify-client", "on"),
    ("auth-tls-verify-depth", "1"),
    ("auth-tls-match-cn", "CN=good"),
    ("auth-tls-pass-certificate-to-upstream", "true"),
];
const BACKEND: &[(&str, &str)] = &[
    ("backend-protocol", "HTTPS"),
    ("proxy-ssl-secret", "shop/users"),
    ("proxy-ssl-verify", "on"),
    ("proxy-ssl-verify-depth", "2"),
];

fn never(_: &Forward<'_>) -> bool {
    false
}

fn with_password(forward: &Forward<'_>) -> bool {
    forward.access().is_some_and(|access| access.basic.is_some())
}

fn with_service(forward: &Forward<'_>) -> bool {
    forward.access().is_some_and(|access| access.external.is_some())
}

fn with_verification(forward: &Forward<'_>) -> bool {
    forward.filters().and_then(|filters| filters.upstream.tls.as_deref()).is_some_and(|tls| tls.verify)
}

fn doors() -> Vec<Door> {
    let ask = Ask::new("a.example", "/x");
    let door = |annotations, ask: &Ask, keeps| Door { annotations, settings: &[], ask: ask.clone(), keeps };
    let known = Ask { headers: CREDENTIALS, ..ask.clone() };
    let tls = |certificate| Ask { tls: Some(certificate), ..ask.clone() };
    let set = |settings, ask: &Ask, keeps| Door { annotations: &[], settings, ask: ask.clone(), keeps };
    let claims_to_be = Ask { headers: &[("X-Forwarded-For", b"203.0.113.9")], ..ask.clone() };
    vec![
        door(&[("denylist-source-range", "192.0.2.0/24")], &ask, never),
        door(&[("whitelist-source-range", "10.0.0.0/8")], &ask, never),
        door(&[("allowlist-source-range", "10.0.0.0/8")], &ask, never),
        door(PASSWORD, &ask, never),
        door(PASSWORD, &known, with_password),
        door(SERVICE, &ask, with_service),
        door(CERTIFICATE, &ask, never),
        door(CERTIFICATE, &tls(None), never),
        door(CERTIFICATE, &tls(Some(("CN=good", false))), never),
        door(CERTIFICATE, &tls(Some(("CN=evil", true))), never),
        door(BACKEND, &ask, with_verification),
        set(&[("denylist-source-range", "192.0.2.0/24")], &ask, never),
        set(&[("block-cidrs", "192.0.2.0/24")], &ask, never),
        set(&[("whitelist-source-range", "10.0.0.0/8")], &ask, never),
        set(&[("global-auth-url", "http://auth.example/"), ("global-auth-method", "GET")], &ask, with_service),
        set(
            &[
                ("use-forwarded-headers", "true"),
                ("proxy-real-ip-cidr", "10.0.0.0/8"),
                ("whitelist-source-range", "203.0.113.0/24"),
            ],
            &claims_to_be,
            never,
        ),
    ]
}

/// The guards that look at headers.
fn header_doors() -> [Door; 2] {
    let door = |settings, headers| {
        let ask = Ask { headers, ..Ask::new("a.example", "/x") };
        Door { annotations: &[], settings, ask, keeps: never }
    };
    [
        door(&[("block-user-agents", "~*evil")], &[("User-Agent", b"Evil/1")]),
        door(&[("block-referers", "~*evil")], &[("Referer", b"http://evil/")]),
    ]
}

type Pairs = BTreeMap<Box<str>, Box<str>>;

fn pairs(prefix: &str, pairs: &[(&str, &str)]) -> Pairs {
    pairs.iter().map(|(key, value)| (format!("{prefix}{key}").into(), (*value).into())).collect()
}

/// Whether a door is shut: what comes of the request is no forwarding, or one with the guard.
fn is_shut(door: &Door, annotations: Pairs, settings: Pairs) -> bool {
    let metadata = Metadata { annotations, ..metadata("shop", "i") };
    let shop = ingress(metadata, "a.example", vec![("/".into(), "Prefix")]);
    let objects = [Object::Ingress(shop), secret("shop"), config_map("shop", "extra", Pairs::new())];
    let inputs: Inputs = objects.into_iter().chain([config_map("control", "settings", settings)]).collect();
    let (table, _) = lower(&inputs, &options(Dialects::only(Arc::new(Nginx::new(false)))));
    let snapshot = Snapshot::new(table);
    door.ask.view(|view| match snapshot.decide(&view.unwrap()) {
        Decision::Forward(forward) => (door.keeps)(&forward),
        _ => true,
    })
}

/// With one annotation more, or another in its place.
fn stays_shut(door: &Door, key: &str, value: &str) -> bool {
    let mut annotations = pairs(PREFIX, door.annotations);
    annotations.insert(format!("{PREFIX}{key}").into(), value.into());
    is_shut(door, annotations, pairs("", door.settings))
}

#[test]
fn every_key_is_found() {
    assert_eq!((NGINX.len(), TKE.len()), (138, 38));
    assert!(SETTINGS.len() > 150, "{}", SETTINGS.len());
}

/// What the laws about doors would be worth nothing without.
#[test]
fn a_door_is_shut_by_its_guard_and_by_nothing_else() {
    for (number, door) in doors().iter().enumerate() {
        assert!(is_shut(door, pairs(PREFIX, door.annotations), pairs("", door.settings)), "door {number}");
        assert!(!is_shut(door, Pairs::new(), Pairs::new()), "door {number} without guard");
    }
}

/// A setting that keeps somebody out is not taken in silence and left undone.
#[test]
fn lists_of_headers_are_guards() {
    for (number, door) in header_doors().iter().enumerate() {
        assert!(is_shut(door, Pairs::new(), pairs("", door.settings)), "door {number}");
        assert!(!is_shut(door, Pairs::new(), Pairs::new()), "door {number} without guard");
    }
}

/// A guard whose value somebody has blanked out is not thereby dismissed.
#[test]
fn a_blank_value_opens_no_door() {
    let mut open = Vec::new();
    for (number, door) in doors().iter().enumerate() {
        for (key, _) in door.annotations {
            open.extend(BLANK.iter().filter(|value| !stays_shut(door, key, value)).map(|value| (number, key, value)));
        }
    }
    assert!(open.is_empty(), "{open:#?}");
}

#[test]
fn no_text_of_the_list_opens_a_door() {
    let mut open = Vec::new();
    for (number, door) in doors().iter().enumerate() {
        for (key, _) in door.annotations {
            open.extend(HOSTILE.iter().filter(|value| !stays_shut(door, key, value)).map(|value| (number, key, value)));
        }
    }
    assert!(open.is_empty(), "{open:#?}");
}

/// The controller's default backend stands behind the `/` of every host that has none, so that no tenant may claim it.
#[test]
fn a_canary_of_what_everybody_shares_gets_nothing() {
    let of = |namespace: &str, host: &str, path: &str, annotations: &[(&str, &str)]| {
        let name = path.trim_start_matches('/');
        let metadata = Metadata { annotations: pairs(PREFIX, annotations), ..metadata(namespace, &format!("i{name}")) };
        Object::Ingress(ingress(metadata, host, vec![(path.into(), "Prefix")]))
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
    #![proptest_config(cases(150))]

    #[test]
    fn nothing_fails_and_nothing_breaks_a_line(
        attackers in (attacker("i1"), attacker("i2")),
        settings in btree_map(select(&SETTINGS[..]).prop_map(Box::from), value(), 0..6),
        extra in btree_map("[A-Za-z-]{1,8}".prop_map(String::into_boxed_str), value(), 0..3),
    ) {
        let objects = [Object::Ingress(attackers.0), Object::Ingress(attackers.1), secret("hostile")];
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
    #![proptest_config(cases(1_000))]

    /// Any annotation may come to a guarded door, not only those that guard it.
    #[test]
    fn no_value_opens_a_door(number in 0..doors().len(), key in select(&NGINX[..]), value in hostile()) {
        prop_assert!(stays_shut(&doors()[number], key, &value), "door {}", number);
    }

    #[test]
    fn no_setting_opens_a_door(number in 0..doors().len(), key in select(&SETTINGS[..]), own in any::<bool>(), value in hostile()) {
        let door = &doors()[number];
        let key = if own { door.settings.first().map_or(key, |(key, _)| key) } else { key };
        // Whoever may write this may name paths that nobody guards.
        prop_assume!(key != "no-auth-locations");
        let mut settings = pairs("", door.settings);
        settings.insert(key.into(), value.into());
        prop_assert!(is_shut(door, pairs(PREFIX, door.annotations), settings), "door {}", number);
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
        together.insert(Object::Ingress(attackers.0));
        together.insert(Object::Ingress(attackers.1));
        let (before, after) = (Snapshot::new(lower(&alone, &options).0), Snapshot::new(lower(&together, &options).0));
        let table = before.table();
        for seed in &seeds {
            seed.request(&table).view(|view| {
                let Ok(view) = view else { return Ok(()) };
                let (one, other) = (before.decide(&view), after.decide(&view));
                // Names that no host has are anybody's.
                let is_at_home = match one.matched() {
                    Some(Matched::Route { host, .. } | Matched::Host { host, .. }) => *host.pattern() != HostPattern::Any,
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
