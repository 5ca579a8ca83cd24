//! WebSockets through a real proxy: over HTTP/1.1 and over HTTP/2, to endpoints of HTTP/1.1.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "the modules of one test"
)]

mod frames;
mod http1;
mod http2;
mod server;
#[path = "../support/mod.rs"]
mod support;
