//! `auth-tls-*` over real TLS: no protected backend is reached without the certificate that its host asks for.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, StreamOwned, SupportedProtocolVersion};
use support::authority::{Authority, Issued};
use support::http2::{Client, PATIENCE};
use support::ingress::Ingress;
use support::origin::Origin;
use support::requests::{read, response, value};
use support::site::{Site, config};
use support::tls::trusting_anybody;
use tokio::time::timeout;

/// A host, and how it asks for certificates.
struct Host {
    name: &'static str,
    /// The Secret with the authority, and `auth-tls-verify-client`.
    asks: Option<(&'static str, &'static str)>,
}

const HOSTS: [Host; 7] = [
    Host { name: "plain", asks: None },
    Host { name: "a", asks: Some(("ca-a", "on")) },
    Host { name: "a-too", asks: Some(("ca-a", "on")) },
    Host { name: "b", asks: Some(("ca-b", "on")) },
    Host { name: "optional", asks: Some(("ca-a", "optional")) },
    Host { name: "no-ca", asks: Some(("ca-a", "optional_no_ca")) },
    Host { name: "lost", asks: Some(("missing", "on")) },
];

/// What a client shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Nothing,
    /// Issued by the authority of `a`.
    OfA,
    OfB,
    /// Issued by an authority with the name of the one of `a`, and another key.
    Forged,
}

const ALL: [Shown; 4] = [Shown::Nothing, Shown::OfA, Shown::OfB, Shown::Forged];

/// What a client gets when handshake and request name the same host.
fn expected(host: &Host, shown: Shown) -> u16 {
    let Some((secret, verify)) = host.asks else { return 200 };
    let is_good = matches!((secret, shown), ("ca-a", Shown::OfA) | ("ca-b", Shown::OfB));
    let is_enough = match verify {
        "on" => is_good,
        "optional" => is_good || shown == Shown::Nothing,
        _ => true,
    };
    if is_enough { 200 } else { 400 }
}

struct World {
    site: Site,
    origin: Origin,
    hits: Arc<AtomicUsize>,
    of_a: Issued,
    of_b: Issued,
    forged: Issued,
}

fn full(name: &str) -> String {
    format!("{name}.example")
}

fn ingress(host: &Host, more: &[(&str, &str)], origin: &Origin) -> String {
    let secret = host.asks.map(|(secret, _)| format!("default/{secret}"));
    let mut annotations = more.to_vec();
    if let (Some(secret), Some((_, verify))) = (&secret, host.asks) {
        annotations.extend([("auth-tls-secret", &**secret), ("auth-tls-verify-client", verify)]);
    }
    let name = full(host.name);
    let endpoints = &[origin.address][..];
    let ingress =
        Ingress { name: host.name, host: &name, annotations: &annotations, secret: Some("site-tls"), endpoints };
    ingress.to_string()
}

impl World {
    fn new(more: &[(&str, &str)]) -> Self {
        let mut config = config();
        config.downstream.http2_cleartext = true;
        let hits = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&hits);
        let origin = Origin::start(move |seen| {
            count.fetch_add(1, Ordering::Relaxed);
            read(seen).map(|_| response("200 OK", b"ok"))
        });
        let manifest: String = HOSTS.iter().map(|host| ingress(host, more, &origin)).collect();
        let site = Site::start(&manifest, config);
        let (a, b, forger) = (Authority::new("A"), Authority::new("B"), Authority::new("A"));
        a.put(&site.certs, "ca-a");
        b.put(&site.certs, "ca-b");
        let names: Vec<_> = HOSTS.iter().map(|host| full(host.name)).collect();
        let names: Vec<_> = names.iter().map(|name| &**name).collect();
        Authority::new("Server").issue(&names).put(&site.certs, "site-tls");
        let (of_a, of_b, forged) = (a.issue(&["client"]), b.issue(&["client"]), forger.issue(&["client"]));
        Self { site, origin, hits, of_a, of_b, forged }
    }

    fn config(&self, shown: Shown, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let issued = match shown {
            Shown::Nothing => None,
            Shown::OfA => Some(&self.of_a),
            Shown::OfB => Some(&self.of_b),
            Shown::Forged => Some(&self.forged),
        };
        let anybody = trusting_anybody();
        let provider = Arc::clone(anybody.crypto_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(support::tls::Anybody));
        match issued {
            None => builder.with_no_client_auth(),
            Some(issued) => {
                let chain = vec![CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        }
    }

    /// How many requests the endpoint has seen, each of which comes in one piece.
    fn hits(&self) -> usize {
        self.hits.load(Ordering::Relaxed)
    }

    /// The status of a request over HTTP/1.1; 0 if the handshake or the connection came to nothing.
    fn http1(&self, config: &Arc<ClientConfig>, sni: &str, host: &str) -> u16 {
        let tcp = TcpStream::connect(self.site.https).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let name = ServerName::try_from(sni.to_owned()).unwrap();
        let mut stream = StreamOwned::new(ClientConnection::new(Arc::clone(config), name).unwrap(), tcp);
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let mut answer = Vec::new();
        if stream.write_all(request.as_bytes()).is_err() {
            return 0;
        }
        // However the connection ends, the status comes first.
        let _ = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer).into_owned();
        text.split(' ').nth(1).map_or(0, |status| status.parse().unwrap())
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(PATIENCE * 2, test).await.expect("it hangs") });
}

/// Every host of the handshake, every host of the request, everything that can be shown, both versions of HTTP; the older TLS
/// with the best certificate and with none.
#[test]
fn what_was_shown_to_one_host_is_good_for_those_that_ask_the_same() {
    run(async {
        let world = World::new(&[]);
        let mut cells = 0;
        let older = [Shown::Nothing, Shown::OfA].map(|shown| (&TLS12, shown));
        for (version, shown) in ALL.map(|shown| (&TLS13, shown)).into_iter().chain(older) {
            let config = world.config(shown, &[version]);
            for sni in &HOSTS {
                let client = Client::tls(world.site.https, config.clone(), &full(sni.name)).await;
                for host in &HOSTS {
                    let is_good_here = sni.asks == host.asks;
                    let expected = if is_good_here { expected(host, shown) } else { 421 };
                    let name = full(host.name);
                    let cell = format!("{shown:?} {} {}", sni.name, host.name);
                    let before = world.hits();
                    let http1 = world.http1(&Arc::new(config.clone()), &full(sni.name), &name);
                    let http2 = client.get(&name, "/").await.status.as_u16();
                    assert_eq!((http1, http2), (expected, expected), "{cell}");
                    let hits = if expected == 200 { 2 } else { 0 };
                    assert_eq!(world.hits() - before, hits, "{cell}");
                    cells += 2;
                }
            }
        }
        assert_eq!(cells, 6 * 7 * 7 * 2);
    });
}

/// Spellings of a host that asks for a certificate, in the handshake and in the request, none of which gets around it.
#[test]
fn spellings_of_a_protected_host() {
    let world = World::new(&[]);
    for shown in [Shown::Nothing, Shown::OfB] {
        let config = Arc::new(world.config(shown, &[&TLS12, &TLS13]));
        for sni in
            ["a.example", "A.EXAMPLE", "a.example.", "plain.example", "unknown.example", "127.0.0.1", "x.a.example"]
        {
            for host in ["a.example", "A.example", "a.example.", "a.example:443", "A.EXAMPLE.:8443", "a.example:80"] {
                let status = world.http1(&config, sni, host);
                assert!(matches!(status, 400 | 421), "{shown:?} {sni} {host}: {status}");
            }
        }
    }
    assert_eq!(world.hits(), 0, "{}", world.origin.text());
    // With the certificate each of them is the host.
    let config = Arc::new(world.config(Shown::OfA, &[&TLS13]));
    for sni in ["a.example", "A.EXAMPLE", "a.example."] {
        for host in ["a.example", "A.example", "a.example:443"] {
            assert_eq!(world.http1(&config, sni, host), 200, "{sni} {host}");
        }
    }
}

/// A ticket says nothing of certificates.
#[test]
fn sessions_that_are_resumed() {
    let world = World::new(&[]);
    for version in [&TLS12, &TLS13] {
        let nothing = Arc::new(world.config(Shown::Nothing, &[version]));
        let good = Arc::new(world.config(Shown::OfA, &[version]));
        for _ in 0..3 {
            // Sessions of one host are kept by the name of the server, so each host is visited in turn.
            assert_eq!(world.http1(&nothing, "plain.example", "plain.example"), 200);
            assert_eq!(world.http1(&nothing, "plain.example", "a.example"), 421);
            assert_eq!(world.http1(&nothing, "a.example", "a.example"), 400);
            assert_eq!(world.http1(&good, "a.example", "a.example"), 200);
            assert_eq!(world.http1(&good, "a.example", "b.example"), 421);
        }
    }
}

#[test]
fn nobody_gets_in_without_tls() {
    run(async {
        let world = World::new(&[]);
        let client = Client::plain(world.site.http).await;
        for host in &HOSTS {
            let expected = host.asks.is_none_or(|(_, verify)| verify != "on");
            let name = full(host.name);
            let status = client.get(&name, "/").await.status.as_u16();
            assert_eq!(status == 200, expected, "{name}: {status}");
            let request = format!("GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
            let answer = support::ask(world.site.http, request.as_bytes());
            assert_eq!(answer.starts_with("HTTP/1.1 200"), expected, "{name}: {answer}");
        }
    });
}

/// What the endpoint is told of the certificate comes from the handshake alone.
#[test]
fn the_endpoint_is_told_what_was_shown() {
    run(async {
        let world = World::new(&[]);
        let client = Client::tls(world.site.https, world.config(Shown::OfA, &[&TLS13]), "a.example").await;
        let mut request = client.request("GET", "a.example", "/");
        for name in ["ssl-client-verify", "ssl-client-subject-dn", "ssl-client-cert", "ssl-client-issuer-dn"] {
            request.headers_mut().insert(name, "forged".parse().unwrap());
        }
        assert_eq!(client.ask(request).await.status, 200);
        let head = world.origin.text();
        assert_eq!(value(&head, "ssl-client-verify"), Some("SUCCESS"), "{head}");
        assert_eq!(value(&head, "ssl-client-subject-dn"), Some("CN=client"), "{head}");
        assert_eq!(value(&head, "ssl-client-issuer-dn"), Some("CN=A"), "{head}");
        assert_eq!(value(&head, "ssl-client-cert"), None, "nobody has asked for it");
        assert!(!head.contains("forged"), "{head}");
    });
}

/// As `$ssl_client_escaped_cert`: PEM, with everything escaped that is not unreserved (RFC 3986 2.3).
#[test]
fn the_endpoint_is_given_the_certificate_where_that_is_asked_for() {
    run(async {
        let world = World::new(&[("auth-tls-pass-certificate-to-upstream", "true")]);
        let client = Client::tls(world.site.https, world.config(Shown::OfA, &[&TLS13]), "a.example").await;
        assert_eq!(client.get("a.example", "/").await.status, 200);
        let head = world.origin.text();
        let given = value(&head, "ssl-client-cert").expect("the certificate");
        assert!(given.starts_with("-----BEGIN%20CERTIFICATE-----%0A"), "{given}");
        let unescaped = ["%20", "%0A", "%2B", "%2F", "%3D"].iter().zip([" ", "\n", "+", "/", "="]);
        let pem = unescaped.fold(given.to_owned(), |pem, (escaped, text)| pem.replace(escaped, text));
        assert_eq!(pem, world.of_a.certificate.replace('\r', ""));

        let nobody = Client::tls(world.site.https, world.config(Shown::Nothing, &[&TLS13]), "optional.example").await;
        assert_eq!(nobody.get("optional.example", "/").await.status, 200);
        let head = world.origin.text();
        let last = head.rsplit("GET ").next().expect("a request");
        assert_eq!(value(last, "ssl-client-verify"), Some("NONE"), "{head}");
        assert_eq!(value(last, "ssl-client-cert"), None, "{head}");
    });
}

#[test]
fn who_has_no_good_certificate_is_sent_to_the_error_page() {
    run(async {
        let world = World::new(&[("auth-tls-error-page", "https://login.example/why")]);
        for shown in [Shown::Nothing, Shown::OfB, Shown::Forged] {
            let client = Client::tls(world.site.https, world.config(shown, &[&TLS13]), "a.example").await;
            let answer = client.get("a.example", "/").await;
            let location = answer.field("location");
            assert_eq!((answer.status.as_u16(), location), (302, Some("https://login.example/why")), "{shown:?}");
        }
        assert_eq!(world.hits(), 0);
    });
}

#[test]
fn the_setting_changes_while_a_connection_is_open() {
    run(async {
        let mut world = World::new(&[]);
        let stranger = Client::tls(world.site.https, world.config(Shown::OfB, &[&TLS13]), "plain.example").await;
        let known = Client::tls(world.site.https, world.config(Shown::OfA, &[&TLS13]), "a.example").await;
        assert_eq!(stranger.get("plain.example", "/").await.status, 200);
        assert_eq!(known.get("a.example", "/").await.status, 200);
        // The host of the first asks from now on, that of the second asks for somebody else.
        let (plain, other) = (ingress(&closed("plain"), &[], &world.origin), ingress(&closed("a"), &[], &world.origin));
        world.site.apply(&format!("{plain}{other}"));
        let before = world.hits();
        for (client, host) in [(&stranger, "plain.example"), (&known, "a.example")] {
            assert_eq!(client.get(host, "/").await.status, 421, "{host}");
            // Only another handshake helps.
            client.wait_for_end().await;
        }
        assert_eq!(world.hits(), before);
        let again = Client::tls(world.site.https, world.config(Shown::OfB, &[&TLS13]), "plain.example").await;
        assert_eq!(again.get("plain.example", "/").await.status, 200);
    });
}

fn closed(name: &'static str) -> Host {
    Host { name, asks: Some(("ca-b", "on")) }
}
