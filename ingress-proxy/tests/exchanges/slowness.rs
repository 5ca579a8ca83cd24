//! Peers that are slow: some are served as they are, some do it on purpose.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use super::support::client::Client;
use super::support::scripted::Scripted;
use super::support::site::{Site, config, manifest};
use super::{annotated, request, site};

/// A proxy that waits for the bodies of clients for a second.
fn impatient(origin: &Scripted) -> Site {
    let mut config = config();
    config.downstream.idle_timeout = Duration::from_secs(1);
    Site::start(&manifest("a.example", origin.address), config)
}

/// An upload in pieces, and whether it came to its end.
fn upload(site: &Site, pieces: usize, piece: &[u8], pause: Duration) -> bool {
    let mut client = Client::new(site.http);
    client.send(format!("PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {}\r\n\r\n", pieces * piece.len()));
    for _ in 0..pieces {
        if client.stream.write_all(piece).is_err() {
            break;
        }
        std::thread::sleep(pause);
    }
    client.answer().is_some_and(|answer| answer.status == 200)
}

#[test]
fn single_bytes_are_no_upload() {
    let origin = Scripted::echo();
    let site = impatient(&origin);
    assert!(!upload(&site, 100, b"x", Duration::from_millis(50)), "it may go on like this for ever");
    assert!(origin.requests().is_empty());
}

#[test]
fn a_slow_line_is_good_enough() {
    let origin = Scripted::echo();
    let site = impatient(&origin);
    // Longer than a second in all, with pauses of up to a second.
    assert!(upload(&site, 30, &[b'x'; 1_000], Duration::from_millis(100)));
    assert!(upload(&site, 5, &[b'x'; 1_000], Duration::from_millis(500)));
    assert_eq!(origin.requests().len(), 2);
}

/// What an endpoint has to say may come byte by byte for as long as it likes, but not what it says it is going to say.
#[test]
fn heads_come_to_their_end() {
    let origin = Scripted::start(|peer| {
        let Some(request) = peer.request() else { return };
        if request.target == b"/events" {
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n");
            for _ in 0..40 {
                peer.send("x");
                std::thread::sleep(Duration::from_millis(100));
            }
            return;
        }
        peer.send("HTTP/1.1 200 OK\r\nX-Padding: ");
        for _ in 0..60 {
            if !peer.send("x") {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        peer.send("\r\nContent-Length: 0\r\n\r\n");
    });
    let site = annotated(&[origin.address], &[("proxy-read-timeout", "1")]);
    assert_eq!(Client::new(site.http).get("/").status, 504);
    let answer = Client::new(site.http).get("/events");
    assert_eq!((answer.status, answer.body.len(), answer.is_complete), (200, 40, true));
}

/// An endpoint may begin to answer and still need the rest of the request.
#[test]
fn an_upload_may_be_slow_after_the_head_of_the_answer() {
    let origin = Scripted::start(|peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
        while peer.pending.len() < 4 && peer.receive() {}
        let echo = peer.pending.clone();
        peer.send(echo);
        peer.wait_for_end();
    });
    let site = annotated(&[origin.address], &[("proxy-read-timeout", "1")]);
    let mut client = Client::new(site.http);
    client.send("PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nab");
    let head = client.head().expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(client.send("cd").exactly(4).as_deref(), Some(&b"abcd"[..]));
}

/// Who a client is and what it speaks is found out in whatever pieces that comes.
#[test]
fn beginnings_in_pieces() {
    let origin = Scripted::echo();
    let mut config = config();
    config.downstream.proxy_protocol = true;
    config.downstream.http2_cleartext = true;
    let site = Site::start(&manifest("a.example", origin.address), config);
    // The second begins like HTTP/2.
    for (number, method) in ["GET", "PRI"].into_iter().enumerate() {
        let mut client = Client::new(site.http);
        let path = format!("/{number}");
        let bytes = format!("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n{}", request(method, &path));
        for byte in bytes.as_bytes().chunks(7) {
            client.send(byte);
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(client.answer().expect("an answer").text(), path);
        assert_eq!(client.send(request("GET", "/more")).answer().expect("another").text(), "/more");
    }
}

/// Whoever is sent away for doing nothing is told by TLS that it was us.
#[test]
fn an_idle_connection_is_closed_as_tls_does() {
    let origin = Scripted::echo();
    let mut config = config();
    config.downstream.keep_alive = Duration::from_millis(100);
    let site = Site::start(&manifest("a.example", origin.address), config);
    let settings = Arc::new(super::support::tls::trusting_anybody());
    let name = rustls::pki_types::ServerName::try_from("a.example").expect("a name");
    let tls = rustls::ClientConnection::new(settings, name).expect("a client");
    let mut stream = rustls::StreamOwned::new(tls, Client::new(site.https).stream);
    stream.write_all(request("GET", "/").as_bytes()).expect("a request");
    let mut answer = String::new();
    // Without an alert this is an error.
    stream.read_to_string(&mut answer).expect("an orderly end");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

/// An endpoint whose patience with clients is shorter than ours is not the one that fails.
#[test]
fn an_endpoint_that_is_tired_of_a_client() {
    let origin = Scripted::start(|peer| {
        peer.head();
        std::thread::sleep(Duration::from_secs(3));
    });
    let site = site(origin.address);
    for (sent, is_blamed) in [("x", false), ("0123456789", true)] {
        let head = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10\r\n\r\n";
        let answer = Client::new(site.http).send(format!("{head}{sent}")).answer().expect("an answer");
        assert_eq!(answer.status, 502);
        assert_eq!(site.metrics.expose().contains("upstream_failures_total{"), is_blamed, "after {sent}");
    }
}
