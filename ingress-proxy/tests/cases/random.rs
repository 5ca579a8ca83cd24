//! Cases that nobody has thought of: manifests and requests put together at random, the same ones for the same number.

use std::fmt::Write as _;

use serde_json::json;

use super::read::Case;

/// How many requests each has.
const QUESTIONS: usize = 12;

const SERVICES: [&str; 3] = ["s1", "s2", "s3"];
const HOSTS: [&str; 5] = ["a.example", "b.example", "*.w.example", "x.w.example", ""];
const ASKED: [&str; 9] = [
    "a.example",
    "b.example",
    "x.w.example",
    "y.w.example",
    "x.y.w.example",
    "A.EXAMPLE",
    "alias.example",
    "www.a.example",
    "other.example:8080",
];
const PATHS: [&str; 12] =
    ["/", "/a", "/a/", "/a/b", "/A", "/a.b", "/a;b", "/a%20b", "/caf\u{e9}", "/(.*)", "/a(/|$)(.*)", "/a/[0-9]+"];
const TARGETS: [&str; 22] = [
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/A",
    "/a.b",
    "/axb",
    "/a;b/c",
    "/a%20b",
    "/a%2520b",
    "/caf%C3%A9/x",
    "/a/17",
    "/a//b",
    "/a/./b",
    "/a/../b",
    "/a/%2e%2e/b",
    "/%61/b",
    "/a%2fb",
    "/ab",
    "/a?x=/b&y=%20",
    "/a/?",
    "/.well-known/acme-challenge/t",
];

/// Annotations of ingress-nginx with values, good ones for the most part.
const ANNOTATIONS: [(&str, &[&str]); 51] = [
    ("rewrite-target", &["/", "/$1", "/$2", "/new", "/x/$1?y=1", "/a/$2/b"]),
    ("use-regex", &["true", "false"]),
    ("permanent-redirect", &["https://r.example/x", "/there", "https://r.example$request_uri"]),
    ("permanent-redirect-code", &["301", "308", "302", "x"]),
    ("temporal-redirect", &["https://t.example/", "/then"]),
    ("temporal-redirect-code", &["307", "303"]),
    ("ssl-redirect", &["true", "false"]),
    ("force-ssl-redirect", &["true", "false"]),
    ("preserve-trailing-slash", &["true"]),
    ("app-root", &["/app", "/a"]),
    ("from-to-www-redirect", &["true"]),
    ("whitelist-source-range", &["192.0.2.0/24", "10.0.0.0/8,198.51.100.0/24", "nonsense"]),
    ("denylist-source-range", &["192.0.2.5", "2001:db8::/32"]),
    ("enable-cors", &["true"]),
    ("cors-allow-origin", &["*", "https://o.example", "https://*.o.example, http://p.example:8080"]),
    ("cors-allow-methods", &["GET, PUT"]),
    ("cors-allow-headers", &["X-A, X-B"]),
    ("cors-allow-credentials", &["false", "true"]),
    ("cors-max-age", &["600"]),
    ("cors-expose-headers", &["X-C"]),
    ("canary", &["true"]),
    ("canary-by-header", &["X-Canary"]),
    ("canary-by-header-value", &["yes"]),
    ("canary-by-header-pattern", &["^y"]),
    ("canary-by-cookie", &["canary"]),
    ("canary-weight", &["0", "30", "100"]),
    ("canary-weight-total", &["200"]),
    ("affinity", &["cookie"]),
    ("affinity-canary-behavior", &["legacy", "sticky"]),
    ("session-cookie-name", &["route"]),
    ("session-cookie-path", &["/shop", "shop", "/a/b"]),
    ("session-cookie-samesite", &["None", "Lax", "Strict"]),
    ("session-cookie-max-age", &["600"]),
    ("upstream-vhost", &["inner.example"]),
    ("x-forwarded-prefix", &["/p", "true"]),
    ("proxy-body-size", &["1", "10k", "0"]),
    ("backend-protocol", &["HTTP", "HTTPS", "AUTO_HTTP", "GRPC"]),
    ("server-alias", &["alias.example", "x.w.example", "b.example"]),
    ("proxy-redirect-from", &["http://origin.example/"]),
    ("proxy-redirect-to", &["https://a.example/"]),
    ("proxy-cookie-domain", &["origin.example a.example"]),
    ("proxy-cookie-path", &["/ /p"]),
    ("proxy-http-version", &["1.0", "1.1"]),
    ("connection-proxy-header", &["close", "keep-alive"]),
    ("upstream-hash-by", &["$request_uri", "$arg_x", "$http_x_own"]),
    ("load-balance", &["ewma", "round_robin"]),
    ("default-backend", &["s3"]),
    ("custom-headers", &["default/extra"]),
    ("limit-rps", &["5"]),
    ("ssl-passthrough", &["true"]),
    ("auth-url", &["http://auth.example/check"]),
];

/// Settings of the ConfigMap.
const SETTINGS: [(&str, &[&str]); 14] = [
    ("use-forwarded-headers", &["true"]),
    ("compute-full-forwarded-for", &["true"]),
    ("proxy-real-ip-cidr", &["192.0.2.0/24", "10.0.0.0/8"]),
    ("forwarded-for-header", &["X-Client"]),
    ("ssl-redirect", &["false"]),
    ("hsts", &["false"]),
    ("hsts-preload", &["true"]),
    ("no-tls-redirect-locations", &["/a"]),
    ("hide-headers", &["Server-Timing,X-Origin"]),
    ("add-headers", &["default/extra"]),
    ("proxy-set-headers", &["default/extra"]),
    ("global-allowed-response-headers", &["X-Extra,X-More"]),
    ("proxy-body-size", &["20"]),
    ("strict-validate-path-type", &["false"]),
];

/// Fields of requests.
const FIELDS: [(&str, &[&str]); 17] = [
    ("X-Canary", &["always", "never", "yes", "no"]),
    ("Cookie", &["canary=always", "canary=never; a=b", "route=x|y", "INGRESSCOOKIE=z"]),
    ("Origin", &["https://o.example", "https://b.o.example", "http://p.example:8080", "null"]),
    ("Access-Control-Request-Method", &["PUT"]),
    ("X-Forwarded-For", &["203.0.113.9", "203.0.113.9, 10.1.2.3", "nonsense"]),
    ("X-Forwarded-Proto", &["https", "http"]),
    ("X-Forwarded-Host", &["front.example"]),
    ("X-Forwarded-Port", &["8443"]),
    ("X-Forwarded-Prefix", &["/evil"]),
    ("X-Original-URL", &["/admin"]),
    ("X-Real-IP", &["203.0.113.10"]),
    ("X-Request-ID", &["0123456789abcdef", "a b"]),
    ("X-Client", &["203.0.113.11"]),
    ("Forwarded", &["for=203.0.113.9"]),
    ("User-Agent", &["curl/8", "Mozilla/5.0 (iPhone; CPU iPhone OS 12_0 like Mac OS X)"]),
    ("Accept", &["text/html"]),
    ("Content-Length", &["5", "12000"]),
];

/// The number of a case, and what is drawn from it (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let drawn = (mixed ^ (mixed >> 31)) % u64::try_from(end).expect("a size");
        usize::try_from(drawn).expect("a size")
    }

    fn of<'v, T>(&mut self, all: &'v [T]) -> &'v T {
        &all[self.below(all.len())]
    }

    fn percent(&mut self, of_hundred: usize) -> bool {
        self.below(100) < of_hundred
    }

    /// Some of a table's keys, each with one of its values.
    fn some<'v>(&mut self, table: &'v [(&'v str, &'v [&'v str])], of_hundred: usize) -> Vec<(&'v str, &'v str)> {
        let mut chosen = Vec::new();
        for (key, values) in table {
            if self.percent(of_hundred) {
                chosen.push((*key, *self.of(values)));
            }
        }
        chosen
    }
}

/// The case of a number.
pub(crate) fn case(number: u64) -> Case {
    let mut dice = Dice(number.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let args: &[&str] = match dice.below(10) {
        0 => &["--dialect", "kubernetes"],
        1 => &["--dialect", "tke"],
        2 => &["--dialect", "ingress-nginx"],
        3 | 4 => &["--dialect", "ingress-nginx", "--enable-ssl-passthrough"],
        _ => &["--dialect", "ingress-nginx", "--configmap", "default/settings"],
    };
    let manifests = manifests(&mut dice);
    let questions: Vec<_> = (0..QUESTIONS).map(|_| json!({"request": question(&mut dice)})).collect();
    let head = json!({"args": args, "requests": questions});
    Case::of(&format!("random case {number}"), &format!("{head}\n---\n{manifests}"))
}

fn manifests(dice: &mut Dice) -> String {
    let mut text = String::new();
    let data = |pairs: &[(&str, &str)]| {
        json!(pairs.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>())
    };
    let settings = dice.some(&SETTINGS, 12);
    let maps = [("settings", data(&settings)), ("extra", json!({"X-Extra": "1", "X-More": "a; b"}))];
    for (name, data) in maps {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data});
        writeln!(text, "{map}\n---").expect("memory");
    }
    // Without any Service all are taken to be there.
    let services: &[&str] = if dice.percent(40) { &SERVICES } else { &[] };
    for name in services {
        let objects = service(dice, name);
        for object in objects.iter().filter(|_| dice.percent(90)) {
            writeln!(text, "{object}\n---").expect("memory");
        }
    }
    for number in 0..=dice.below(5) {
        let annotations = dice.some(&ANNOTATIONS, 4);
        let annotations: serde_json::Map<_, _> = annotations
            .into_iter()
            .map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), json!(value)))
            .collect();
        let rules: Vec<_> = (0..=dice.below(2)).map(|_| rule(dice)).collect();
        let tls: Vec<_> = HOSTS.iter().filter(|host| !host.is_empty() && dice.percent(15)).collect();
        let tls = if tls.is_empty() { json!([]) } else { json!([{"hosts": tls, "secretName": format!("t{number}")}]) };
        let mut spec = json!({"rules": rules, "tls": tls});
        if dice.percent(15) {
            spec["defaultBackend"] = backend(dice);
        }
        let ingress = json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": format!("i{number}"), "annotations": annotations},
            "spec": spec,
        });
        writeln!(text, "{ingress}\n---").expect("memory");
    }
    text
}

fn rule(dice: &mut Dice) -> serde_json::Value {
    let paths: Vec<_> = (0..=dice.below(3))
        .map(|_| {
            let kind = dice.of(&["Prefix", "Exact", "ImplementationSpecific"]);
            json!({"path": dice.of(&PATHS), "pathType": kind, "backend": backend(dice)})
        })
        .collect();
    match *dice.of(&HOSTS) {
        "" => json!({"http": {"paths": paths}}),
        host => json!({"host": host, "http": {"paths": paths}}),
    }
}

fn backend(dice: &mut Dice) -> serde_json::Value {
    json!({"service": {"name": dice.of(&SERVICES), "port": dice.of(&[json!({"number": 80}), json!({"name": "other"})])}})
}

/// A Service and its endpoints, some of which may not be ready; none for one in five.
fn service(dice: &mut Dice, name: &str) -> [serde_json::Value; 2] {
    let ports = json!([{"name": "http", "port": 80}, {"name": "other", "port": 8080}]);
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": ports}});
    let endpoints: Vec<_> = (0..dice.below(5))
        .map(|_| {
            let address = format!("10.1.{}.{}", dice.below(4), dice.below(8));
            json!({"addresses": [address], "conditions": {"ready": dice.percent(80)}})
        })
        .collect();
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "addressType": "IPv4",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "ports": ports,
        "endpoints": endpoints,
    });
    [service, slice]
}

fn question(dice: &mut Dice) -> serde_json::Value {
    let method = dice.of(&["GET", "GET", "GET", "HEAD", "POST", "OPTIONS", "PUT"]);
    let scheme = dice.of(&["http", "http", "https"]);
    let url = format!("{scheme}://{}{}", dice.of(&ASKED), dice.of(&TARGETS));
    let fields: serde_json::Map<_, _> =
        dice.some(&FIELDS, 12).into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let address = dice.of(&["192.0.2.5", "10.0.0.5", "198.51.100.7", "2001:db8::5"]);
    let mut line = json!({"method": method, "url": url, "headers": fields, "remote_addr": address});
    line["draw"] = json!(dice.of(&[0, 10, 29, 30, 99]));
    if dice.percent(25) {
        line["version"] = json!("2");
    }
    line
}
