//! HTTP/1.1 through a real proxy, with real sockets on both sides.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use support::origin::Origin;
use support::site::{Site, config, manifest};

const OK: &str =
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: origin\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nok";

#[test]
fn a_request_goes_to_its_endpoint_and_back() {
    let origin = Origin::constant(OK);
    let site = Site::start(&manifest("a.example", origin.address), config());
    let answer =
        support::ask(site.http, b"GET /x?y=1 HTTP/1.1\r\nHost: a.example\r\nX-Own: 1\r\nConnection: close\r\n\r\n");
    assert_eq!(
        answer,
        "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    );
    let seen = origin.text();
    assert!(seen.starts_with("GET /x?y=1 HTTP/1.1\r\nHost: a.example\r\nX-Own: 1\r\nX-Request-ID: "), "{seen}");
    assert!(seen.contains("X-Forwarded-For: 127.0.0.1\r\n") && !seen.contains("Connection"), "{seen}");
}

#[test]
fn connections_are_used_again_on_both_sides() {
    let origin = Origin::constant(OK);
    let site = Site::start(&manifest("a.example", origin.address), config());
    let request = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n".repeat(5);
    let answer = support::ask(site.http, &request);
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 5, "{answer}");
    assert_eq!(origin.seen.lock().expect("the record").len(), 1);
}
