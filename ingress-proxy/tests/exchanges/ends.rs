//! The end of connections and of the proxy.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ingress_core::policy::CertificateId;
use ingress_core::publish::Publisher;
use ingress_proxy::certs::CertStore;
use ingress_proxy::observe::error_log::ErrorLog;
use ingress_proxy::observe::metrics::{self, Metrics};
use ingress_proxy::{Running, Settings, StartError};

use super::support::client::Client;
use super::support::scripted::{Scripted, eventually};
use super::support::site::{Site, config, manifest};
use super::{annotated, request, site};

/// A proxy without routes.
fn start(http: SocketAddr, workers: usize, counters: usize) -> Result<Running, StartError> {
    ingress_proxy::start(Settings {
        config: config(),
        reader: Publisher::default().reader(),
        certs: Arc::new(CertStore::new(CertificateId::Default)),
        tls: Default::default(),
        http: vec![http],
        https: Vec::new(),
        workers,
        metrics: Metrics::new(counters, metrics::Options::default()),
        access_log: None,
        errors: ErrorLog::new(Box::new(std::io::sink())),
        own: Vec::new(),
        own_addresses: Vec::new(),
    })
}

const ANY: &str = "127.0.0.1:0";

#[test]
fn workers_end_with_whoever_has_started_them() {
    let running = start(ANY.parse().expect("an address"), 2, 2).expect("a proxy");
    let address = running.http()[0];
    assert!(TcpStream::connect(address).is_ok());
    drop(running);
    eventually("nobody listens", || TcpStream::connect(address).is_err());
}

#[test]
fn a_start_that_fails_leaves_nothing_behind() {
    let address = std::net::TcpListener::bind(ANY).and_then(|it| it.local_addr()).expect("a port");
    let error = start(address, 3, 2).expect_err("a worker without counters");
    assert!(error.to_string().contains("counters"), "{error}");
    assert!(TcpStream::connect(address).is_err(), "somebody listens");
}

#[test]
fn an_end_may_take_as_long_as_it_likes() {
    let mut running = start(ANY.parse().expect("an address"), 1, 1).expect("a proxy");
    running.drain(Duration::MAX);
    running.join();
}

/// What the proxy says itself has a date (RFC 9110 6.6.1).
#[test]
fn own_answers_are_dated() {
    let origin = Scripted::echo();
    let site = site(origin.address);
    for bytes in ["GET / HTTP/1.1\r\nHost: nobody.example\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"] {
        let answer = Client::new(site.http).send(bytes).answer().expect("an answer");
        assert!(answer.status >= 400);
        let date = answer.value("date").expect("a date");
        assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
    }
}

/// The client of a request that is under way when the end begins is told not to come again on this connection.
#[test]
fn the_last_response_says_so() {
    let (has_come, may_answer): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
    let (come, answer) = (Arc::clone(&has_come), Arc::clone(&may_answer));
    let origin = Scripted::start(move |peer| {
        while let Some(request) = peer.request() {
            come.store(true, Ordering::SeqCst);
            eventually("it may answer", || answer.load(Ordering::SeqCst));
            let tagged = peer.tagged(&request);
            peer.send(tagged);
        }
    });
    let site = site(origin.address);
    let mut client = Client::new(site.http);
    client.send(request("GET", "/last"));
    eventually("the request is under way", || has_come.load(Ordering::SeqCst));
    site.running.drain(Duration::from_secs(30));
    // The worker knows once it accepts nothing more.
    eventually("nobody listens", || TcpStream::connect(site.http).is_err());
    may_answer.store(true, Ordering::SeqCst);
    let answer = client.answer().expect("an answer");
    assert_eq!((answer.text().as_str(), answer.value("connection")), ("/last", Some("close")));
    assert!(client.rest().is_empty());
}

/// Who is answered before the body was read cannot send another request behind it.
#[test]
fn an_early_answer_says_that_it_is_the_last() {
    let origin = Scripted::start(|peer| {
        peer.head();
        peer.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
        peer.wait_for_end();
    });
    let site = site(origin.address);
    let mut client = Client::new(site.http);
    let answer =
        client.send("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\n").answer().expect("an answer");
    assert_eq!((answer.status, answer.value("connection")), (401, Some("close")));
}

/// Many clients read nothing before they have sent all.
#[test]
fn whoever_sends_everything_first_gets_its_answer() {
    let origin = Scripted::echo();
    let site = annotated(&[origin.address], &[("proxy-body-size", "1m")]);
    let mut client = TcpStream::connect(site.http).expect("a connection");
    let length = 20 << 20;
    write!(client, "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {length}\r\n\r\n").expect("to be heard");
    client.write_all(&vec![b'x'; length]).expect("to be heard");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

/// Some clients end a body with an empty line; it is neither a request nor the beginning of one (RFC 9112 2.2).
#[test]
fn an_empty_line_begins_no_request() {
    let origin = Scripted::echo();
    let mut config = config();
    config.downstream.header_timeout = Duration::from_secs(1);
    let site = Site::start(&manifest("a.example", origin.address), config);
    let mut client = Client::new(site.http);
    assert_eq!(client.get("/one").status, 200);
    client.send("\r\n");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(client.get("/two").text(), "/two");
}

/// An endpoint may answer from the head alone and hang up on the rest. That what is still sent meets nobody takes nothing away from the
/// answer, and is not the endpoint's failure.
#[test]
fn an_answer_of_an_endpoint_that_hangs_up_on_the_body_gets_through() {
    const BODY: usize = 4 << 20;
    let origin = Scripted::start(|peer| {
        peer.head();
        peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
        // With bytes that nobody has read this is a reset.
    });
    let site = site(origin.address);
    let chunk = [b"8000\r\n", &*vec![b'x'; 0x8000], b"\r\n"].concat();
    let body = chunk.repeat(BODY / 0x8000);
    for _ in 0..30 {
        let mut client = TcpStream::connect(site.http).expect("a connection");
        let mut writing = client.try_clone().expect("another handle");
        let answer = std::thread::scope(|scope| {
            scope.spawn(|| {
                let head = b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n";
                let _ = writing.write_all(head).and_then(|()| writing.write_all(&body));
                let _ = writing.write_all(b"0\r\n\r\n");
            });
            let mut answer = [0; 13];
            client.read_exact(&mut answer).expect("an answer");
            client.shutdown(std::net::Shutdown::Both).expect("a connection");
            answer
        });
        assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 413 ");
    }
    assert!(!site.metrics.expose().contains("upstream_failures_total{"), "{}", site.metrics.expose());
}
