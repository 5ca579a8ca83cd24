//! Handshakes with servers over loopback sockets.

use std::future::Future;
use std::net::Ipv4Addr;

use ingress_core::policy::Certificate;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::certs::testing::{Authority, Made, id, self_signed};
use crate::certs::{Pair, SecretPem, provider};

const ENDPOINT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn settings(secret: &str) -> UpstreamTls {
    UpstreamTls {
        certificate: Some(Certificate { namespace: "n".into(), name: secret.into() }),
        name: None,
        server_name: false,
        verify: false,
        verify_depth: 1,
        protocols: "TLSv1.2 TLSv1.3".into(),
        ciphers: "DEFAULT".into(),
    }
}

/// The settings of a Secret `ca` whose authorities are to be verified with.
fn verifying(name: &str) -> UpstreamTls {
    UpstreamTls { verify: true, name: Some(name.into()), ..settings("ca") }
}

fn configs() -> ClientConfigs {
    ClientConfigs::new(Arc::new(CertStore::new(CertificateId::Default)))
}

fn pair(made: &Made) -> Pair {
    Pair::from_pem(made.chain.as_bytes(), made.key.as_bytes()).unwrap()
}

/// A server; with authorities it lets nobody in who has no certificate of theirs.
fn server(
    made: &Made,
    version: &'static SupportedProtocolVersion,
    clients: Option<&Arc<RootCertStore>>,
) -> ServerConfig {
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(provider())).with_protocol_versions(&[version]).unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authorities) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(authorities), Arc::clone(provider()));
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(pair(made).certified()))));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

/// What a server saw of a connection.
#[derive(Debug, PartialEq)]
struct Seen {
    sni: Option<String>,
    alpn: Option<Vec<u8>>,
    has_certificate: bool,
}

/// Connects on terms; the error is that of the client, or that of the server if the client has none.
async fn connect(terms: Terms, server: ServerConfig) -> Result<Seen, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let client = async {
        let mut stream = TlsConnector::from(terms.config).connect(terms.name, near.unwrap()).await?;
        let mut said = String::new();
        stream.read_to_string(&mut said).await.map(|_| said)
    };
    let server = async {
        let mut stream = TlsAcceptor::from(Arc::new(server)).accept(far.unwrap().0).await?;
        stream.write_all(b"served").await?;
        stream.shutdown().await?;
        let (_, connection) = stream.get_ref();
        Ok::<_, std::io::Error>(Seen {
            sni: connection.server_name().map(str::to_owned),
            alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
            has_certificate: connection.peer_certificates().is_some(),
        })
    };
    let (client, server) = tokio::join!(client, server);
    let tls = |error: std::io::Error| error.downcast::<Error>().unwrap();
    assert_eq!(client.map_err(tls)?, "served");
    server.map_err(tls)
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test);
}

#[test]
fn without_settings_anybody_is_taken() {
    run(async {
        let configs = configs();
        for version in [&TLS12, &TLS13] {
            for alpn in [Alpn::Http1, Alpn::Http2] {
                let terms = configs.terms(None, "a.example", ENDPOINT, alpn).unwrap();
                let seen = connect(terms, server(&self_signed("b.example", -1), version, None)).await.unwrap();
                let alpn = Some(alpn.as_bytes().to_vec());
                assert_eq!(seen, Seen { sni: None, alpn, has_certificate: false });
            }
        }
    });
}

#[test]
fn names_are_sent_if_that_is_asked_for() {
    run(async {
        let configs = configs();
        self_signed("client", 9).put(&configs.store, "pair");
        let made = self_signed("b.example", 9);
        let on = UpstreamTls { server_name: true, ..settings("pair") };
        let named = UpstreamTls { name: Some("inner.example".into()), ..on.clone() };
        let silent = UpstreamTls { server_name: false, ..named.clone() };
        let table = [
            (&on, "a.example", Some("a.example")),
            (&on, "127.0.0.1", None),
            (&named, "a.example", Some("inner.example")),
            (&silent, "a.example", None),
            (&silent, "not a name", None),
        ];
        for (settings, host, expected) in table {
            let terms = configs.terms(Some(settings), host, ENDPOINT, Alpn::Http1).unwrap();
            let seen = connect(terms, server(&made, &TLS13, None)).await.unwrap();
            assert_eq!(seen.sni.as_deref(), expected, "{host}");
        }
        // Verified names are not sent for that.
        let root = Authority::root("Root");
        configs.store.update(&id("ca"), root.secret()).unwrap();
        for server_name in [false, true] {
            let settings = UpstreamTls { server_name, ..verifying("a.example") };
            let terms = configs.terms(Some(&settings), "b.example", ENDPOINT, Alpn::Http1).unwrap();
            let seen = connect(terms, server(&root.issue("a.example"), &TLS13, None)).await.unwrap();
            assert_eq!(seen.sni.as_deref(), server_name.then_some("a.example"));
        }
        let terms = configs.terms(Some(&on), "not a name", ENDPOINT, Alpn::Http1);
        assert_eq!(terms.unwrap_err(), Unusable::Name("not a name".into()));
    });
}

#[test]
fn who_is_verified_must_be_good_for_the_name() {
    run(async {
        let (root, other) = (Authority::root("Root"), Authority::root("Other"));
        let below = root.below("Below");
        let configs = configs();
        configs.store.update(&id("ca"), root.secret()).unwrap();
        let good = verifying("a.example");
        let of_wildcard = verifying("a.shop.example");
        let by_host = UpstreamTls { name: None, ..verifying("") };
        let shallow = UpstreamTls { verify_depth: 0, ..good.clone() };
        let is = |error: &CertificateError, kind: &str| format!("{error:?}").starts_with(kind);
        let table = [
            (root.issue("a.example"), &good, ""),
            (root.issue("*.shop.example"), &of_wildcard, ""),
            (root.issue("a.example"), &shallow, ""),
            (root.issue("a.example"), &by_host, ""),
            (root.issue("b.example"), &by_host, "NotValidForName"),
            (root.issue("b.example"), &good, "NotValidForName"),
            (other.issue("a.example"), &good, "UnknownIssuer"),
            (self_signed("a.example", 9), &good, "UnknownIssuer"),
            (below.issue("a.example"), &good, ""),
            (below.issue("a.example"), &shallow, "UnknownIssuer"),
            (below.below("Further below").issue("a.example"), &good, "UnknownIssuer"),
        ];
        for (number, (made, settings, expected)) in table.iter().enumerate() {
            for version in [&TLS12, &TLS13] {
                let terms = configs.terms(Some(settings), "a.example", ENDPOINT, Alpn::Http1).unwrap();
                match connect(terms, server(made, version, None)).await {
                    Ok(_) => assert_eq!(*expected, "", "{number}"),
                    Err(Error::InvalidCertificate(error)) => {
                        assert!(is(&error, expected) && !expected.is_empty(), "{number}: {error:?}")
                    }
                    Err(other) => panic!("{number}: {other}"),
                }
            }
        }
        // Without verification all of them are taken.
        let lax = UpstreamTls { verify: false, ..good.clone() };
        for (made, ..) in &table {
            let terms = configs.terms(Some(&lax), "a.example", ENDPOINT, Alpn::Http1).unwrap();
            assert!(connect(terms, server(made, &TLS13, None)).await.is_ok());
        }
    });
}

#[test]
fn the_endpoint_must_have_the_key() {
    run(async {
        let root = Authority::root("Root");
        let configs = configs();
        configs.store.update(&id("ca"), root.secret()).unwrap();
        let (stolen, own) = (pair(&root.issue("a.example")), pair(&root.issue("a.example")));
        let forged = rustls::sign::CertifiedKey::new(stolen.certified().cert.clone(), Arc::clone(&own.certified().key));
        for version in [&TLS12, &TLS13] {
            let mut server = server(&root.issue("a.example"), version, None);
            server.cert_resolver = Arc::new(SingleCertAndKey::from(forged.clone()));
            let terms = configs.terms(Some(&verifying("a.example")), "", ENDPOINT, Alpn::Http1).unwrap();
            let error = connect(terms, server).await.unwrap_err();
            assert_eq!(error, Error::InvalidCertificate(CertificateError::BadSignature));
        }
    });
}

#[test]
fn the_pair_of_the_secret_is_shown() {
    run(async {
        let root = Authority::root("Root");
        let configs = configs();
        root.issue("client").put(&configs.store, "pair");
        self_signed("client", 9).put(&configs.store, "stranger");
        configs.store.update(&id("ca"), root.secret()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(root.secret().authorities.unwrap()).unwrap()).unwrap();
        let clients = Arc::new(roots);
        for version in [&TLS12, &TLS13] {
            for (secret, is_in) in [("pair", true), ("stranger", false), ("ca", false)] {
                let terms = configs.terms(Some(&settings(secret)), "a.example", ENDPOINT, Alpn::Http1).unwrap();
                let result = connect(terms, server(&root.issue("a.example"), version, Some(&clients))).await;
                assert_eq!(result.map(|seen| seen.has_certificate).ok(), is_in.then_some(true), "{secret}");
            }
        }
    });
}

#[test]
fn versions_and_suites_are_those_of_the_settings() {
    run(async {
        let configs = configs();
        self_signed("client", 9).put(&configs.store, "pair");
        let made = self_signed("b.example", 9);
        let with = |protocols: &str, ciphers: &str| {
            let settings = UpstreamTls { protocols: protocols.into(), ciphers: ciphers.into(), ..settings("pair") };
            configs.terms(Some(&settings), "a.example", ENDPOINT, Alpn::Http1)
        };
        let ecdsa = "ECDHE-ECDSA-AES128-GCM-SHA256";
        let table = [
            ("TLSv1.2", "DEFAULT", &TLS12, true),
            ("TLSv1.2", "DEFAULT", &TLS13, false),
            ("TLSv1.3", "RSA", &TLS13, true),
            ("TLSv1.3", "DEFAULT", &TLS12, false),
            ("TLSv1.2 TLSv1.3", ecdsa, &TLS12, true),
            ("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", &TLS12, false),
        ];
        for (protocols, ciphers, version, expected) in table {
            let terms = with(protocols, ciphers).unwrap();
            assert_eq!(connect(terms, server(&made, version, None)).await.is_ok(), expected, "{protocols} {ciphers}");
        }
        assert_eq!(with("TLSv1.1", "DEFAULT").unwrap_err(), Unusable::Versions("TLSv1.1".into()));
        let error = with("TLSv1.2", "HIGH:!odd").unwrap_err();
        assert_eq!(error.to_string(), "nobody knows which cipher suites `odd` forbids");
        assert_eq!(with("TLSv1.2", "AES128-SHA").unwrap_err(), Unusable::Suites(InvalidCiphers::Nothing));
    });
}

#[test]
fn what_cannot_be_honoured_is_an_error() {
    let configs = configs();
    let terms = |settings: &UpstreamTls| configs.terms(Some(settings), "a.example", ENDPOINT, Alpn::Http1);
    let error = terms(&settings("pair")).unwrap_err();
    assert_eq!(error.to_string(), "there is no usable Secret `n/pair`");
    self_signed("client", 9).put(&configs.store, "ca");
    assert_eq!(terms(&verifying("a.example")).unwrap_err(), Unusable::Authorities);
    let nobody = UpstreamTls { certificate: None, ..verifying("a.example") };
    assert_eq!(terms(&nobody).unwrap_err(), Unusable::Authorities);
    let root = Authority::root("Root");
    configs.store.update(&id("ca"), root.secret()).unwrap_err();
    assert!(terms(&verifying("a.example")).is_ok());
    assert_eq!(terms(&verifying("*.example")).unwrap_err(), Unusable::Name("*.example".into()));
}

#[test]
fn configurations_are_shared_until_the_secret_changes() {
    let configs = configs();
    let root = Authority::root("Root");
    configs.store.update(&id("ca"), root.secret()).unwrap();
    let config =
        |settings: &UpstreamTls, alpn| configs.terms(Some(settings), "a.example", ENDPOINT, alpn).unwrap().config;
    let first = config(&verifying("a.example"), Alpn::Http1);
    assert!(Arc::ptr_eq(&first, &config(&verifying("a.example"), Alpn::Http1)));
    // The name belongs to the connection.
    assert!(Arc::ptr_eq(&first, &config(&verifying("b.example"), Alpn::Http1)));
    assert!(!Arc::ptr_eq(&first, &config(&verifying("a.example"), Alpn::Http2)));
    assert!(!Arc::ptr_eq(&first, &config(&settings("ca"), Alpn::Http1)));
    assert_eq!(configs.store.update(&id("ca"), root.secret()), Ok(false));
    assert!(Arc::ptr_eq(&first, &config(&verifying("a.example"), Alpn::Http1)));
    let other = Authority::root("Other");
    configs.store.update(&id("ca"), other.secret()).unwrap();
    assert!(!Arc::ptr_eq(&first, &config(&verifying("a.example"), Alpn::Http1)));
    configs.store.update(&id("ca"), SecretPem { authorities: Some(b"x"), ..SecretPem::default() }).unwrap_err();
    assert!(configs.terms(Some(&verifying("a.example")), "", ENDPOINT, Alpn::Http1).is_ok(), "the last good ones");
}
