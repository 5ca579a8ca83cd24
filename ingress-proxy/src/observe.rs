//! What the proxy tells about itself: figures, logs, and pages for operators.
//!
//! Workers count and write lines without waiting for anybody; whoever reads does so on other threads. What a client or a
//! tenant wrote never becomes a label and leaves only as printable ASCII.

pub mod access_log;
pub mod admin;
pub mod error_log;
pub mod escape;
pub mod health;
pub mod metrics;

#[cfg(test)]
pub(crate) mod fixture;
