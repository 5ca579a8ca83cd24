//! What the tests of the controller share.

#![allow(
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "each test uses a part of it, and fails by panicking"
)]

pub mod api;
pub mod cluster;
pub mod hook;
pub mod real;
pub mod replica;

pub use self::api::*;
