//! There is a number of TLS handshakes that a worker makes at one time; whoever comes beyond that waits. Tickets are good at every
//! worker.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use ingress_core::policy::CertificateId;
use ingress_core::publish::Publisher;
use ingress_proxy::certs::CertStore;
use ingress_proxy::observe::error_log::ErrorLog;
use ingress_proxy::observe::metrics::{self, Metrics};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, StreamOwned, SupportedProtocolVersion, pki_types::ServerName,
};
use support::site::{Site, config, manifest};
use support::tls::trusting_anybody;

/// A client that has said hello.
fn hello(site: &Site) -> TcpStream {
    let mut tcp = TcpStream::connect(site.https).expect("a connection");
    let name = ServerName::try_from("a.example").expect("a name");
    let mut tls = ClientConnection::new(Arc::new(trusting_anybody()), name).expect("a client");
    tls.write_tls(&mut tcp).expect("to be heard");
    tcp
}

fn is_answered(tcp: &mut TcpStream, within: Duration) -> bool {
    tcp.set_read_timeout(Some(within)).expect("a timeout");
    tcp.read(&mut [0; 1]).is_ok_and(|amount| amount == 1)
}

fn site(header_timeout: Duration) -> Site {
    let mut config = config();
    config.downstream.max_handshakes = 2;
    config.downstream.header_timeout = header_timeout;
    Site::start(&manifest("a.example", "127.0.0.1:9".parse().expect("an address")), config)
}

#[test]
fn whoever_comes_beyond_the_number_waits_for_a_turn() {
    let site = site(Duration::from_secs(600));
    // Who has not said hello has no turn, and nobody waits for it.
    let _silent: Vec<TcpStream> = (0..10).map(|_| TcpStream::connect(site.https).expect("a connection")).collect();
    let mut busy: Vec<TcpStream> = (0..2).map(|_| hello(&site)).collect();
    // An answer shows that it is their turn.
    assert!(busy.iter_mut().all(|tcp| is_answered(tcp, Duration::from_secs(60))));
    let mut third = hello(&site);
    assert!(!is_answered(&mut third, Duration::from_millis(300)));
    drop(busy.pop());
    assert!(is_answered(&mut third, Duration::from_secs(60)));
}

#[test]
fn nobody_waits_for_longer_than_a_handshake_may_take() {
    let site = site(Duration::from_millis(200));
    let mut clients: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(site.https).expect("a connection")).collect();
    for tcp in &mut clients {
        tcp.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        assert_eq!(tcp.read(&mut [0; 1]).expect("the end"), 0);
    }
}

/// Asks once; says how the handshake went.
fn handshake(address: std::net::SocketAddr, config: &Arc<ClientConfig>) -> HandshakeKind {
    let name = ServerName::try_from("a.example").expect("a name");
    let tcp = TcpStream::connect(address).expect("a connection");
    tcp.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    let mut stream = StreamOwned::new(ClientConnection::new(Arc::clone(config), name).expect("a client"), tcp);
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").expect("to be heard");
    let mut answer = Vec::new();
    // Tickets of TLS 1.3 come before the answer.
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 404 "), "{}", String::from_utf8_lossy(&answer));
    stream.conn.handshake_kind().expect("a handshake")
}

#[test]
fn tickets_are_good_at_every_worker() {
    const WORKERS: usize = 4;
    let metrics = Metrics::new(WORKERS, metrics::Options::default());
    let proxy = ingress_proxy::start(ingress_proxy::Settings {
        config: config(),
        reader: Publisher::default().reader(),
        certs: Arc::new(CertStore::new(CertificateId::Default)),
        tls: Default::default(),
        http: Vec::new(),
        https: vec!["127.0.0.1:0".parse().expect("an address")],
        workers: WORKERS,
        metrics: Arc::clone(&metrics),
        access_log: None,
        errors: ErrorLog::new(Box::new(std::io::sink())),
        own: Vec::new(),
        own_addresses: Vec::new(),
    });
    let proxy = proxy.expect("a proxy");
    let versions: [&'static SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];
    for version in versions {
        let anybody = trusting_anybody();
        let builder = ClientConfig::builder_with_provider(Arc::clone(anybody.crypto_provider()));
        let builder = builder.with_protocol_versions(&[version]).expect("a version").dangerous();
        let config = builder.with_custom_certificate_verifier(Arc::new(support::tls::Anybody)).with_no_client_auth();
        let config = Arc::new(config);
        assert_eq!(handshake(proxy.https()[0], &config), HandshakeKind::Full);
        for number in 0..40 {
            assert_eq!(handshake(proxy.https()[0], &config), HandshakeKind::Resumed, "{version:?} {number}");
        }
    }
    let busy = (0..WORKERS).filter(|index| metrics.worker(*index).is_some_and(|worker| worker.accepted.get() > 0));
    assert!(busy.count() > 1, "one worker has had all connections");
}
