//! server

pub mod proxy_protocol;
