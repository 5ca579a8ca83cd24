//! HTTP/2 from the outside: frames written by hand go in, frames come out.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "the modules of one test"
)]

mod bytes;
mod client;
mod conformance;
mod endpoint;
mod exchange;
mod multiplexing;
mod pace;
mod site;
mod wire;
