//! The program from its first to its last request: files that change under load, the end, and a new process on the same ports.
//!
//! `SIZE=full cargo test -p ingress-proxy --test lifecycle -- --nocapture --test-threads 1` is the full size: 600
//! changes in 60 seconds, 100,000 requests while one process hands over to the next.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "the modules of one test")]

mod cafe;
mod drain;
mod handover;
mod log;
mod own;
mod process;
#[path = "../support/mod.rs"]
mod support;
mod swaps;

use std::net::SocketAddr;

/// Everything under the host of the load goes to this endpoint.
fn manifest(endpoint: SocketAddr) -> String {
    support::site::manifest(support::load::HOST, endpoint)
}
