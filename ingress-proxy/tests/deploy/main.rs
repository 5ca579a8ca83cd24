//! What is in `deploy/`, and what the manifests of ingress-nginx ask of the program that takes its place.

#![cfg(feature = "kubernetes")]
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "the modules of one test")]

#[path = "../../../ingress-kube/tests/support/api/mod.rs"]
mod api;
mod applied;
mod contained;
mod installed;
mod manifests;
mod moved;
mod objects;
mod ports;
#[path = "../../../ingress-kube/tests/support/real/mod.rs"]
mod real;
mod shutdown;
#[path = "../support/mod.rs"]
mod support;
