//! There is a number of TLS handshakes that a worker makes at one time; whoever comes beyond that waits.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConnection, pki_types::ServerName};
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
    let mut silent: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(site.https).expect("a connection")).collect();
    // A byte shows that it is their turn.
    for tcp in &mut silent {
        tcp.write_all(b"\x16").expect("to be heard");
    }
    while site.metrics.worker(0).expect("a worker").accepted.get() < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut third = hello(&site);
    assert!(!is_answered(&mut third, Duration::from_millis(300)));
    drop(silent.pop());
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
