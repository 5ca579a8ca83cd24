//! The program on a real API server, seen on the wire. What it needs, and what becomes of these tests where that is missing, is
//! in `ingress-kube/tests/support/real`.
//!
//! `SIZE=full cargo test --release -p ingress-proxy --test cluster -- --nocapture --test-threads 1` is the full size: 10,000
//! Ingresses from cold, an API server that is away for a minute under load.

#![cfg(feature = "kubernetes")]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "the modules of one test")]

#[path = "../../../ingress-kube/tests/support/api/mod.rs"]
mod api;
mod busy;
mod changes;
mod crowds;
mod leaders;
mod outages;
#[path = "../../../ingress-kube/tests/support/real/mod.rs"]
mod real;
mod relay;
mod replicas;
mod rights;
mod rotations;
mod site;
#[path = "../support/mod.rs"]
mod support;
