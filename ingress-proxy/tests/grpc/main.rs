//! gRPC through a real proxy, with tonic on both sides: over TLS and in plain text, to endpoints with and without TLS.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "the modules of one test"
)]

mod calls;
mod codec;
mod errors;
mod load;
mod messages;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod swaps;
mod world;
