//! What is in `deploy/`, and what the manifests of ingress-nginx ask of the program that takes its place.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "the modules of one test")]

mod manifests;
mod objects;
mod ports;
mod shutdown;
#[path = "../support/mod.rs"]
mod support;
