//! A pure, IO-free engine for Kubernetes Ingress routing.
pub mod compiler;
pub mod decision;
pub mod diagnostic;
pub mod dialect;
pub mod explain;
pub mod host;
pub mod lower;
mod matcher;
pub mod model;
pub mod object;
pub mod path;
pub mod policy;
pub mod publish;
pub mod reference;
pub mod request;
pub mod snapshot;
