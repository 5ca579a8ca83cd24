//! upstream

pub mod tls;
