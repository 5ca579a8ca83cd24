//! Exchanges of HTTP/1 from the first byte to the last: interim responses, bodies, clients that leave, endpoints that fail.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "the modules of one test")]

mod balancing;
mod bodies;
mod clients;
mod connections;
mod counts;
mod endpoints;
mod ends;
mod over_http2;
mod passed;
mod policies;
mod pools;
mod retries;
mod slowness;
#[path = "../support/mod.rs"]
mod support;

use std::net::SocketAddr;

use support::ingress::Ingress;
use support::site::{Site, config, manifest};

/// A proxy in front of one endpoint, of which no policy says anything.
fn site(endpoint: SocketAddr) -> Site {
    Site::start(&manifest("a.example", endpoint), config())
}

/// A proxy in front of endpoints, with annotations of ingress-nginx. Failures are not remembered.
fn annotated(endpoints: &[SocketAddr], annotations: &[(&str, &str)]) -> Site {
    let mut config = config();
    config.upstream.max_fails = 0;
    let ingress = Ingress { host: "a.example", endpoints, annotations, ..Ingress::default() };
    Site::start(&ingress.to_string(), config)
}

/// A request without a body.
fn request(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: a.example\r\n\r\n")
}
