//! HTTP/2 to clients and to endpoints: the `h2` crate under limits of ours.
//!
//! The crate does frames, HPACK, states and flow control. What it leaves open is closed here: how many control frames a peer
//! may send ([`budget`]), how long a peer may refuse to take a response, how much one connection may make us hold, and which
//! bytes a head may have, which is the business of [`message`](crate::message). Source: RFC 9113.

pub mod budget;
pub mod client;
pub mod grpc;
pub mod server;

mod error;
mod fields;
mod frame;
mod head;
mod hoard;
mod incoming;
mod ledger;
mod outbox;
mod outgoing;
mod window;

pub use self::error::Ended;
