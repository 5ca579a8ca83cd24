//! Connections whose TLS the backend ends.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ingress_core::dialect::{Dialects, Nginx};
use ingress_core::lower::Options;

use super::support::client::Client;
use super::support::ingress::Ingress;
use super::support::scripted::{Scripted, eventually};
use super::support::site::{Site, config};
use super::support::tls::trusting_anybody;

/// A proxy that hands connections for `a.example` on.
fn passing(endpoints: &[SocketAddr]) -> Site {
    let ingress =
        Ingress { host: "a.example", endpoints, annotations: &[("ssl-passthrough", "true")], ..Ingress::default() };
    let (mut config, mut options) = (config(), Options::default());
    config.upstream.max_fails = 0;
    options.dialects = Dialects::only(Arc::new(Nginx::new(true)));
    Site::with_options(&ingress.to_string(), config, options)
}

/// What a client says first.
fn hello() -> Vec<u8> {
    let name = rustls::pki_types::ServerName::try_from("a.example").expect("a name");
    let mut tls = rustls::ClientConnection::new(Arc::new(trusting_anybody()), name).expect("a client");
    let mut hello = Vec::new();
    tls.write_tls(&mut hello).expect("a hello");
    hello
}

/// Whoever drops it resets the connection.
fn reset_at_the_end(stream: &std::net::TcpStream) {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).expect("a socket");
}

#[test]
fn an_endpoint_is_found_that_is_there() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
    let was_asked: Arc<AtomicBool> = Arc::default();
    let asked = Arc::clone(&was_asked);
    let origin = Scripted::start(move |peer| {
        asked.store(peer.receive(), Ordering::SeqCst);
        peer.send("hi");
        peer.wait_for_end();
    });
    let site = passing(&[gone, origin.address]);
    for _ in 0..6 {
        let mut client = Client::new(site.https);
        assert_eq!(client.send(hello()).exactly(2).as_deref(), Some(&b"hi"[..]));
    }
    assert!(was_asked.load(Ordering::SeqCst));
    eventually("failures are counted", || site.metrics.expose().contains("upstream-connect-error"));
}

/// Like those of WebSockets: what was said before a reset is said.
#[test]
fn the_last_words_of_an_endpoint_get_through() {
    let origin = Scripted::start(|peer| {
        if peer.receive() && peer.send("last words") {
            reset_at_the_end(&peer.stream);
        }
    });
    let site = passing(&[origin.address]);
    for _ in 0..30 {
        let words = Client::new(site.https).send(hello()).exactly(10);
        assert_eq!(words.as_deref(), Some(&b"last words"[..]));
    }
}

#[test]
fn the_last_words_of_a_client_get_through() {
    let heard: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let connections: Arc<AtomicUsize> = Arc::default();
    let (all, begun) = (Arc::clone(&heard), Arc::clone(&connections));
    let origin = Scripted::start(move |peer| {
        if peer.receive() {
            begun.fetch_add(1, Ordering::SeqCst);
            peer.wait_for_end();
            all.lock().expect("the record").push(std::mem::take(&mut peer.pending));
        }
    });
    let site = passing(&[origin.address]);
    for round in 1..=30 {
        let mut client = Client::new(site.https);
        client.send(hello());
        eventually("it is handed on", || connections.load(Ordering::SeqCst) == round);
        client.send("last words");
        reset_at_the_end(&client.stream);
        drop(client);
        eventually("it has ended", || heard.lock().expect("the record").len() == round);
        assert!(heard.lock().expect("the record")[round - 1].ends_with(b"last words"), "round {round}");
    }
}
