//! Ask a set of Kubernetes manifests where a request goes.
//!
//! The library half of `ingress-cli`: reading manifests with their source positions ([`input`]), turning questions into
//! requests ([`question`]), answering them ([`simulate`]) and printing the answers ([`render`]). Fuzz targets, tests and
//! other programs that read manifests use it. The engine itself is [`ingress_core`].

pub mod cert_source;
pub mod commands;
pub mod input;
pub mod question;
pub mod render;
pub mod report;
pub mod simulate;
