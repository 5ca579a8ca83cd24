//! A reverse proxy that does what [`ingress_core`] decides.
//!
//! The library takes a [`Reader`](ingress_core::publish::Reader) of snapshots and a store of certificates, and knows neither
//! files nor Kubernetes. Each worker is one thread with one runtime of its own; workers share nothing but the snapshot, the
//! certificates and counters. A request travels `server` → `message` → `exchange` → `upstream` and back.
//!
//! HTTP/1 is this crate's own codec ([`h1`]), which has no socket in it; HTTP/2 is the `h2` crate under limits of ours
//! ([`mod@h2`]). Both end in the heads of [`message`], and what is sent on is written from those.

pub mod certs;
pub mod config;
pub mod exchange;
pub mod h1;
pub mod h2;
pub mod io;
pub mod message;
pub mod observe;
mod run;
pub mod server;
pub mod shadow;
pub mod upstream;
pub mod worker;

pub use self::run::{Running, Settings, StartError, start};
