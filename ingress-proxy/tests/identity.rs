//! Who the client is and how it came is said by the proxy and by nobody else, in whatever way a client tries; what concerns
//! one connection stays on it.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;

use ingress_core::lower::Options;
use ingress_core::object::{Kind, ObjectRef};
use ingress_core::policy::AddressRange;
use ingress_proxy::config::Config;
use support::client::{Client, values};
use support::ingress::Ingress;
use support::scripted::Scripted;
use support::site::{Site, config, manifest};
use support::strict::Request;

/// What a client claims.
const EVIL: &str = "evil.invalid";

/// The headers that are ours, and what we say; nothing is said where there is no value.
const OWN: [(&str, Option<&str>); 21] = [
    ("X-Forwarded-For", Some("127.0.0.1")),
    ("X-Real-IP", Some("127.0.0.1")),
    ("X-Forwarded-Host", Some("a.example")),
    ("X-Forwarded-Port", Some("80")),
    ("X-Forwarded-Proto", Some("http")),
    ("X-Forwarded-Scheme", Some("http")),
    ("X-Scheme", Some("http")),
    ("Forwarded", None),
    ("X-Forwarded-Prefix", None),
    ("X-Forwarded-Ssl", None),
    ("X-Forwarded-User", None),
    ("X-Forwarded-Client-Cert", None),
    ("X-Forwarded-Whatever-Else-Somebody-Thinks-Of", None),
    ("X-Original-Forwarded-For", None),
    ("X-Original-Forwarded-Host", None),
    ("X-Original-URL", None),
    ("X-Original-URI", None),
    ("X-Original-Host", None),
    ("X-Original-Method", None),
    ("X-Rewrite-URL", None),
    ("Proxy", None),
];

/// A route that no policy says anything of, and one of ingress-nginx's dialect.
fn sites(config: &Config) -> [(Site, Scripted, bool); 2] {
    let (plain, nginx) = (Scripted::echo(), Scripted::echo());
    let endpoints: [SocketAddr; 1] = [nginx.address];
    let policy = Ingress { host: "a.example", endpoints: &endpoints, ..Ingress::default() }.to_string();
    [
        (Site::start(&manifest("a.example", plain.address), config.clone()), plain, false),
        (Site::start(&policy, config.clone()), nginx, true),
    ]
}

fn mixed(name: &str) -> String {
    let letters = name.chars().enumerate();
    letters.map(|(at, it)| if at % 2 == 0 { it.to_ascii_lowercase() } else { it.to_ascii_uppercase() }).collect()
}

/// Ways to claim something under a name.
fn claims(name: &str) -> Vec<String> {
    let (lower, upper, mixed) = (name.to_lowercase(), name.to_uppercase(), mixed(name));
    let under = name.replace('-', "_");
    let mut claims: Vec<String> = [name, &lower, &upper, &mixed, &under, &under.to_uppercase()]
        .map(|spelling| format!("{spelling}: {EVIL}\r\n"))
        .into();
    claims.push(format!("{name}: {EVIL}\r\n{name}: {EVIL}\r\n"));
    claims.push(format!("{lower}: {EVIL}\r\n{upper}: {EVIL}\r\n{under}: {EVIL}\r\n"));
    claims.push(format!("{name}:\r\n{name}:{EVIL}\r\n"));
    for spelling in [name, &lower, &upper, &mixed, &under] {
        claims.push(format!("Connection: {spelling}\r\n"));
        claims.push(format!("Connection: keep-alive, {spelling}\r\n{name}: {EVIL}\r\n"));
        claims.push(format!("{name}: {EVIL}\r\nconnection: x,\t{spelling} ,y\r\n"));
    }
    claims
}

/// The values of a header, in whatever spelling a program could take for it.
fn found(request: &Request, name: &str) -> Vec<String> {
    let same = |other: &str| other.replace('_', "-").eq_ignore_ascii_case(name);
    let all = request.fields.iter().chain(&request.trailers).filter(|(other, _)| same(other));
    all.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
}

#[test]
fn claims_of_clients_count_for_nothing() {
    let mut config = config();
    for underscores in [false, true] {
        config.downstream.underscores_in_headers = underscores;
        for (site, origin, has_policy) in sites(&config) {
            let mut client = Client::new(site.http);
            for (number, (name, claim)) in
                OWN.iter().flat_map(|(name, _)| claims(name).into_iter().map(move |claim| (name, claim))).enumerate()
            {
                let path = format!("/{number}");
                client.send(format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n{claim}\r\n"));
                let answer = client.answer().expect("an answer");
                assert_eq!((answer.status, answer.text()), (200, path.clone()), "{claim:?}");
                let (_, request) = origin.find(&path).expect("the request");
                for (own, value) in OWN {
                    let found = found(&request, own);
                    // ingress-nginx tells the endpoint under another name what it did not believe.
                    let is_told = own.strip_prefix("X-Original-").is_some_and(|rest| {
                        let told = format!("X-{rest}");
                        has_policy && told == *name
                    });
                    if !is_told {
                        assert_eq!(found, Vec::from_iter(value), "{own} with {claim:?}, a policy: {has_policy}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_line_of_what_was_not_believed_is_told() {
    let [_, (site, origin, _)] = sites(&config());
    let mut client = Client::new(site.http);
    client.send("GET /told HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2\r\nX-Forwarded-For: 3.3.3.3\r\n\r\n");
    assert_eq!(client.answer().expect("an answer").status, 200);
    let (_, request) = origin.find("/told").expect("the request");
    assert_eq!(found(&request, "X-Original-Forwarded-For"), ["1.1.1.1, 2.2.2.2, 3.3.3.3"]);
    assert_eq!(found(&request, "X-Forwarded-For"), ["127.0.0.1"]);
}

#[test]
fn claims_in_trailers_are_refused() {
    let others = ["ssl-client-verify", "ssl-client-subject-dn", "Host", "Authorization", "Cookie"];
    for (site, origin, _) in sites(&config()) {
        for name in OWN.iter().map(|(name, _)| *name).chain(others) {
            for spelling in [name.to_owned(), name.to_lowercase(), name.replace('-', "_")] {
                let mut client = Client::new(site.http);
                client.send("POST /trailer HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n");
                client.send(format!("2\r\nok\r\n0\r\n{spelling}: {EVIL}\r\n\r\n"));
                assert!(client.answer().is_none_or(|answer| answer.status >= 400), "{spelling}");
                assert!(client.rest().is_empty(), "{spelling}");
            }
        }
        assert_eq!(origin.find("/trailer"), None, "none of them is complete");
        // Others are passed on, but for an identifier, which there is already.
        let mut client = Client::new(site.http);
        client.send("POST /ok HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send("0\r\nX-Sum: 1\r\nX-Request-ID: 1\r\nx_request_id: 1\r\n\r\n");
        assert_eq!(client.answer().expect("an answer").text(), "/ok");
        let (_, request) = origin.find("/ok").expect("the request");
        assert_eq!(request.trailers, [("x-sum".to_owned(), b"1".to_vec())]);
    }
}

/// What a handshake has shown is said by the proxy alone, where it is said at all.
#[test]
fn certificates_cannot_be_claimed() {
    let mut config = config();
    config.downstream.underscores_in_headers = true;
    let [_, (site, origin, _)] = sites(&config);
    let mut client = Client::new(site.http);
    for (number, name) in ["ssl-client-verify", "ssl-client-subject-dn", "ssl-client-cert"].iter().enumerate() {
        for (other, claim) in claims(name).into_iter().enumerate() {
            let path = format!("/{number}/{other}");
            client.send(format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n{claim}\r\n"));
            assert_eq!(client.answer().expect("an answer").text(), path);
            let (_, request) = origin.find(&path).expect("the request");
            assert!(found(&request, name).is_empty(), "{claim:?}: {:?}", request.fields);
        }
    }
}

#[test]
fn requests_have_one_identifier() {
    let believed = [config(), trusting("127.0.0.0/8")].into_iter().zip([false, true]);
    let all = believed.flat_map(|(config, is_believed)| sites(&config).map(|site| (site, is_believed)));
    for ((site, origin, is_nginx), is_believed) in all {
        let mut client = Client::new(site.http);
        let mut ask = |path: &str, fields: &str| {
            client.send(format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n"));
            client.answer().expect("an answer");
            let (_, request) = origin.find(path).expect("the request");
            let mut found = found(&request, "X-Request-ID");
            assert_eq!(found.len(), 1, "{fields:?}: {found:?}");
            found.remove(0)
        };
        let own = ask("/none", "");
        assert!(own.len() >= 16 && own != ask("/again", ""));
        for (path, fields, id) in [
            ("/mine", "X-Request-ID: abc-1\r\n", "abc-1"),
            ("/first", "x-request-id: abc-2\r\nX-Request-Id: abc-3\r\n", "abc-2"),
            ("/named", "Connection: x-request-id\r\nX-Request-ID: abc-4\r\n", "abc-4"),
        ] {
            let seen = ask(path, fields);
            // Without a dialect a client has to be trusted for that.
            assert_eq!(seen == id, is_nginx || is_believed, "{fields:?}: {seen}");
            assert!(seen == id || seen.len() == own.len(), "{fields:?}: {seen}");
        }
        for (number, other) in ["X_Request_ID: a", "X-Request-ID:", "X-Request-ID: a b", "X-Request-ID: \u{e9}"]
            .iter()
            .map(|line| (*line).to_owned())
            .chain([format!("X-Request-ID: {}", "x".repeat(129))])
            .enumerate()
        {
            let id = ask(&format!("/bad/{number}"), &format!("{other}\r\n"));
            assert!(id.len() == own.len(), "{other:?}: {id:?}");
        }
    }
}

fn trusting(range: &str) -> Config {
    let mut config = config();
    config.forwarding.trusted = vec![AddressRange::parse(range).expect("a range")];
    config.forwarding.use_forwarded_headers = true;
    config
}

const CLAIMED: &str = "X-Forwarded-For: 203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n\
                       X-Forwarded-Host: b.example\r\nX-Forwarded-Port: 8443\r\n";

fn seen(config: Config, fields: &str) -> Request {
    seen_behind("", config, fields)
}

/// What the endpoint sees of a connection that begins like this.
fn seen_behind(beginning: &str, config: Config, fields: &str) -> Request {
    let origin = Scripted::echo();
    let site = Site::start(&manifest("a.example", origin.address), config);
    let request = format!("{beginning}GET / HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n");
    assert_eq!(Client::new(site.http).send(request).answer().expect("an answer").status, 200);
    origin.find("/").expect("the request").1
}

#[test]
fn trusted_peers_are_believed() {
    let request = seen(trusting("127.0.0.0/8"), CLAIMED);
    let expected = [
        ("X-Forwarded-For", "203.0.113.9, 127.0.0.1"),
        ("X-Real-IP", "203.0.113.9"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Scheme", "https"),
        ("X-Scheme", "https"),
        ("X-Forwarded-Host", "b.example"),
        ("X-Forwarded-Port", "8443"),
    ];
    for (name, value) in expected {
        assert_eq!(found(&request, name), [value], "{name}");
    }
    // A proxy may add a line of its own; what counts is the last element of all of them.
    let chains = [
        ("X-Forwarded-For: spoofed\r\nX-Forwarded-For: 203.0.113.9\r\n", "spoofed, 203.0.113.9, 127.0.0.1"),
        ("X-Forwarded-For: a, b\r\nX: y\r\nx-forwarded-for: c\r\n", "a, b, c, 127.0.0.1"),
        ("Connection: X-Forwarded-For\r\nX-Forwarded-For: 203.0.113.9\r\n", "203.0.113.9, 127.0.0.1"),
    ];
    for (fields, chain) in chains {
        assert_eq!(found(&seen(trusting("127.0.0.0/8"), fields), "X-Forwarded-For"), [chain], "{fields:?}");
    }
    // The client is the one in the chain, whatever a balancer that only appends to that passes on.
    for (chain, client) in [
        ("203.0.113.9", "203.0.113.9"),
        ("spoofed, 203.0.113.9, 127.9.9.9", "203.0.113.9"),
        ("127.1.1.1, 127.2.2.2", "127.1.1.1"),
        ("203.0.113.9, unknown", "127.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
    ] {
        for forged in ["", "X-Real-IP: 192.0.2.66\r\n"] {
            let request = seen(trusting("127.0.0.0/8"), &format!("X-Forwarded-For: {chain}\r\n{forged}"));
            assert_eq!(found(&request, "X-Real-IP"), [client], "{chain}");
        }
    }
    // Nothing else is: these have no meaning that a proxy in front would have given them.
    for name in ["Forwarded", "X-Original-URL", "X-Rewrite-URL", "Proxy"] {
        let request = seen(trusting("127.0.0.0/8"), &format!("{name}: {EVIL}\r\n"));
        assert!(found(&request, name).is_empty(), "{name}");
    }
}

#[test]
fn others_are_not() {
    let mut indifferent = trusting("127.0.0.0/8");
    indifferent.forwarding.use_forwarded_headers = false;
    for config in [trusting("10.0.0.0/8"), trusting("127.0.0.2/32"), indifferent, config()] {
        let request = seen(config, CLAIMED);
        for (name, value) in OWN {
            assert_eq!(found(&request, name), Vec::from_iter(value), "{name}");
        }
    }
}

/// What a balancer in front says of a connection makes nobody trusted.
#[test]
fn clients_behind_the_proxy_protocol_are_judged_by_their_own_address() {
    let mut config = trusting("127.0.0.0/8");
    config.downstream.proxy_protocol = true;
    let handed_on = |client: &str| {
        let beginning = format!("PROXY TCP4 {client} 127.0.0.1 4000 80\r\n");
        seen_behind(&beginning, config.clone(), &format!("{CLAIMED}X-Forwarded-Ssl: on\r\n"))
    };
    let request = handed_on("198.51.100.7");
    for (name, value) in [("X-Forwarded-For", "198.51.100.7"), ("X-Real-IP", "198.51.100.7")] {
        assert_eq!(found(&request, name), [value], "{name}");
    }
    for (name, value) in OWN.iter().filter(|(name, _)| !matches!(*name, "X-Forwarded-For" | "X-Real-IP")) {
        assert_eq!(found(&request, name), Vec::from_iter(*value), "{name}");
    }
    // Another proxy that is trusted may stand behind the balancer.
    let request = handed_on("127.0.0.9");
    for (name, value) in [
        ("X-Forwarded-For", "203.0.113.9, 127.0.0.9"),
        ("X-Real-IP", "203.0.113.9"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Ssl", "on"),
    ] {
        assert_eq!(found(&request, name), [value], "{name}");
    }
}

/// On routes of a dialect whoever it believes is believed about all of it, and nobody else.
#[test]
fn the_configmap_has_a_say_in_who_is_believed() {
    for (config_map, flags, is_believed) in [
        ("use-forwarded-headers: \"true\", proxy-real-ip-cidr: 127.0.0.0/8", config(), true),
        ("use-forwarded-headers: \"true\", proxy-real-ip-cidr: 10.0.0.0/8", trusting("127.0.0.0/8"), false),
        ("use-forwarded-headers: \"false\"", trusting("127.0.0.0/8"), false),
    ] {
        let origin = Scripted::echo();
        let ingress = Ingress { host: "a.example", endpoints: &[origin.address], ..Ingress::default() };
        let global =
            format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: global}}\ndata: {{{config_map}}}\n");
        let mut options = Options::default();
        options.config_map = Some(ObjectRef::new(Kind::ConfigMap, "default", "global"));
        let site = Site::with_options(&format!("{ingress}{global}"), flags, options);
        let mut client = Client::new(site.http);
        client.send(
            "GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-User: admin\r\n\r\n",
        );
        assert_eq!(client.answer().expect("an answer").status, 200);
        let (_, request) = origin.find("/").expect("the request");
        let address = if is_believed { "203.0.113.9" } else { "127.0.0.1" };
        assert_eq!(found(&request, "X-Real-IP"), [address], "{config_map}");
        assert_eq!(found(&request, "X-Forwarded-User").len(), usize::from(is_believed), "{config_map}");
    }
}

/// What frames a message or concerns its connection is no matter of a policy; what else is ours may be set by one.
#[test]
fn policies_set_other_headers() {
    let set = |config_map: &str| {
        let data = "  Upgrade: $http_upgrade\n  Transfer-Encoding: \"\"\n  Content-Length: \"7\"\n  TE: gzip\n  \
                    X-Forwarded-User: policy\n  X-Forwarded-Ssl: policy\n  X-Other: policy\n";
        format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {config_map}}}\ndata:\n{data}")
    };
    let origin = Scripted::echo();
    let ingress = Ingress { host: "a.example", endpoints: &[origin.address], ..Ingress::default() };
    let global = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: global}\n\
                  data: {proxy-set-headers: default/sent, add-headers: default/answered}\n";
    let manifest = format!("{ingress}{global}{}{}", set("sent"), set("answered"));
    let mut options = Options::default();
    options.config_map = Some(ObjectRef::new(Kind::ConfigMap, "default", "global"));
    let site = Site::with_options(&manifest, config(), options);
    let mut client = Client::new(site.http);
    client.send("PUT / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-Ssl: on\r\nContent-Length: 2\r\n\r\nok");
    let answer = client.answer().expect("an answer");
    assert_eq!((answer.status, answer.text().as_str()), (200, "/"), "{}", answer.head);
    let (_, request) = origin.find("/").expect("the request");
    assert_eq!((&*request.body, origin.faults()), (&b"ok"[..], Vec::new()));
    for name in ["Upgrade", "Transfer-Encoding", "TE"] {
        assert!(found(&request, name).is_empty(), "{name}: {:?}", request.fields);
        assert_eq!(values(&answer.head, name).count(), 0, "{name}: {}", answer.head);
    }
    for name in ["X-Forwarded-User", "X-Forwarded-Ssl", "X-Other"] {
        assert_eq!(found(&request, name), ["policy"], "{name}: {:?}", request.fields);
        assert_eq!(answer.value(name), Some("policy"));
    }
    assert_eq!(found(&request, "Content-Length"), ["2"]);
    assert_eq!(answer.value("content-length"), Some("1"));
}

#[test]
fn forwarded_is_ours_where_it_is_asked_for() {
    let mut config = trusting("127.0.0.0/8");
    config.forwarding.send_forwarded = true;
    let request = seen(config, &format!("Forwarded: for={EVIL}\r\nforwarded: for=x\r\n"));
    assert_eq!(found(&request, "Forwarded"), ["for=127.0.0.1;host=\"a.example\";proto=http"]);
}

/// As in ingress-nginx: whoever says that the client connected to port 443 has ended TLS there.
#[test]
fn tls_that_has_ended_in_front_of_the_proxy_protocol_is_https() {
    let mut config = trusting("127.0.0.0/8");
    config.downstream.proxy_protocol = true;
    config.forwarding.send_forwarded = true;
    let version1 = |port: u16| format!("PROXY TCP4 198.51.100.7 203.0.113.80 4000 {port}\r\n").into_bytes();
    let version2 = |port: u16| {
        let [high, low] = port.to_be_bytes();
        let addresses = [198, 51, 100, 7, 203, 0, 113, 80, 15, 160, high, low];
        [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &addresses].concat()
    };
    let mut untrusting = config.clone();
    untrusting.forwarding.trusted = vec![AddressRange::parse("10.0.0.0/8").expect("a range")];
    for (config, header, client, scheme) in [
        (&config, version1(443), "198.51.100.7", "https"),
        (&config, version2(443), "198.51.100.7", "https"),
        (&config, version2(80), "198.51.100.7", "http"),
        (&untrusting, version1(443), "127.0.0.1", "http"),
        (&untrusting, version2(443), "127.0.0.1", "http"),
    ] {
        for (site, origin, _) in sites(config) {
            let mut connection = Client::new(site.http);
            connection.send(&header).send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
            assert_eq!(connection.answer().expect("an answer").status, 200);
            let (_, request) = origin.find("/").expect("the request");
            let port = if scheme == "https" { "443" } else { "80" };
            let forwarded = format!("for={client};host=\"a.example\";proto={scheme}");
            for (name, value) in [
                ("X-Forwarded-For", client),
                ("X-Forwarded-Proto", scheme),
                ("X-Scheme", scheme),
                ("X-Forwarded-Port", port),
                ("Forwarded", &forwarded),
            ] {
                assert_eq!(found(&request, name), [value], "{name} {header:?}");
            }
        }
    }
}

#[test]
fn forwarded_says_what_a_believed_proxy_says_of_the_scheme() {
    for (trusted, scheme) in [("127.0.0.0/8", "https"), ("10.0.0.0/8", "http")] {
        let mut config = trusting(trusted);
        config.forwarding.send_forwarded = true;
        let request = seen(config, "X-Forwarded-Proto: https\r\n");
        let expected = format!("for=127.0.0.1;host=\"a.example\";proto={scheme}");
        assert_eq!(found(&request, "Forwarded"), [expected], "{trusted}");
    }
}

const HOP_BY_HOP: &str = "Connection: close, X-Hop\r\nX-Hop: 1\r\nx-hop: 2\r\nKeep-Alive: timeout=5\r\n\
                          Proxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: X-Sum\r\nUpgrade: h2c\r\n\
                          HTTP2-Settings: AAMAAABkAAQAAP__\r\nProxy-Authorization: Basic x\r\n\
                          Proxy-Authenticate: Basic\r\n";
const HOP_NAMES: [&str; 10] = [
    "connection",
    "x-hop",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "http2-settings",
    "proxy-authorization",
    "proxy-authenticate",
];

#[test]
fn what_concerns_one_connection_stays_there() {
    for (site, origin, _) in sites(&config()) {
        let mut client = Client::new(site.http);
        let rest = "Authorization: a\r\nCookie: b\r\nX-Other: c\r\nCache-Control: no-cache\r\nConnection: cookie, \
                    authorization, content-length, host, accept\r\nAccept: d\r\nContent-Length: 2\r\n";
        client.send(format!("PUT / HTTP/1.1\r\nHost: a.example\r\n{HOP_BY_HOP}Expect: 100-continue\r\n{rest}\r\nok"));
        let answer = client.answer().expect("an answer");
        assert_eq!((answer.status, answer.value("connection")), (200, Some("close")));
        assert!(client.rest().is_empty());
        let (_, request) = origin.find("/").expect("the request");
        for name in HOP_NAMES.iter().chain(&["expect", "accept"]) {
            assert!(request.values(name).next().is_none(), "{name}: {:?}", request.fields);
        }
        // These are no matter of a connection, whoever says so.
        for (name, value) in [("authorization", "a"), ("cookie", "b"), ("x-other", "c"), ("host", "a.example")] {
            assert_eq!(Vec::from_iter(request.values(name)), [value.as_bytes()], "{name}");
        }
        assert_eq!(request.body, b"ok");
    }
}

#[test]
fn nor_does_it_come_back() {
    let origin = Scripted::start(|peer| {
        while peer.request().is_some() {
            peer.send(format!("HTTP/1.1 200 OK\r\n{HOP_BY_HOP}X-Other: c\r\nContent-Length: 2\r\n\r\nok"));
        }
    });
    let site = Site::start(&manifest("a.example", origin.address), config());
    let mut client = Client::new(site.http);
    for _ in 0..2 {
        // The endpoint closes its connection; the client's stays.
        let answer = client.get("/");
        for name in HOP_NAMES {
            assert_eq!(values(&answer.head, name).count(), 0, "{name}: {}", answer.head);
        }
        assert_eq!((answer.value("x-other"), answer.text().as_str()), (Some("c"), "ok"));
    }
    let connections: Vec<_> = origin.requests().iter().map(|(connection, _)| *connection).collect();
    assert_eq!(connections, [0, 1], "a connection that was to be closed was used again");
}
