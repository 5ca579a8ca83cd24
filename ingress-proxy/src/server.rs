//! server

pub mod passthrough;
pub mod proxy_protocol;
pub mod tls;
