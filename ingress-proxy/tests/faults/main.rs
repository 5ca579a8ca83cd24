//! The program among clients and endpoints that mean it no good, or cannot help it.
//!
//! `SIZE=full cargo test -p ingress-proxy --test faults -- --nocapture --test-threads 1` is the full size: 2,000 slow
//! clients for 30 seconds, endpoints that fail ten times a second for 60.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "the modules of one test")]

mod descriptors;
mod flaps;
mod pages;
mod slow;
#[path = "../support/mod.rs"]
mod support;

use std::net::SocketAddr;

/// Everything under the host of the load goes to this endpoint.
fn manifest(endpoint: SocketAddr) -> String {
    support::site::manifest(support::load::HOST, endpoint)
}
