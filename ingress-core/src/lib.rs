//! A pure, IO-free engine for Kubernetes Ingress routing.
//!
//! It turns what a cluster says into an immutable [`Snapshot`](snapshot::Snapshot) that answers, for any request, where it
//! goes and why. It opens no file and no socket, reads no clock and no randomness, starts no thread and logs nothing: what
//! it needs it is given, what it finds it returns.
//!
//! ```text
//!   model::Inputs      what the cluster said; no opinion
//!        |  lower       checks, classes, merging, resolution        -> Diagnostics
//!        v
//!   policy::RouteTable  the one intermediate form: valid, ordered, neutral, printable
//!        |  Snapshot    indices over it
//!        v
//!   decide(&RequestView) -> Decision        explain(&RequestView) -> Explanation
//! ```
//!
//! # Where to begin
//!
//! - To route requests: fill [`model::Inputs`], compile them with a [`compiler::Compiler`], put the snapshot in force with a
//!   [`publish::Publisher`], and call [`decide`](snapshot::Snapshot::decide) for each request.
//! - To ask why: [`explain`](snapshot::Snapshot::explain), or [`reference::explain`] on a table.
//! - To compile once: [`lower::lower`] and [`Snapshot::new`](snapshot::Snapshot::new).
//! - To say what is wrong with the input: [`diagnostic::Diagnostics`], which compiling returns; it never fails.
//!
//! ```
//! use ingress_core::compiler::Compiler;
//! use ingress_core::decision::Decision;
//! use ingress_core::lower::Options;
//! use ingress_core::model::{Inputs, WireKind, decode};
//! use ingress_core::request::{ConnInfo, RequestView};
//!
//! let cafe = r#"{"metadata": {"name": "cafe", "namespace": "shop"}, "spec": {"rules": [{"host": "cafe.example", "http":
//!     {"paths": [{"path": "/tea", "pathType": "Prefix",
//!                 "backend": {"service": {"name": "tea", "port": {"number": 80}}}}]}}]}}"#;
//! let mut inputs = Inputs::default();
//! inputs.insert(decode(WireKind::Ingress, &mut serde_json::Deserializer::from_str(cafe))?);
//! let snapshot = Compiler::new(Options::default()).compile(&inputs).snapshot;
//!
//! let (parts, ()) = http::Request::get("http://cafe.example/tea/green").body(())?.into_parts();
//! let conn = ConnInfo::default();
//! let request = RequestView::new(&parts, &conn, 0)?;
//! let Decision::Forward(forward) = snapshot.decide(&request) else { panic!("not forwarded") };
//! assert_eq!(forward.backend.to_string(), "shop/tea:80");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Two evaluators
//!
//! [`mod@reference`] filters all rules and takes the greatest by [`policy::Precedence`]; it is the specification to read.
//! A snapshot answers from indices. That the two agree is tested on every case file, on generated tables and by fuzzing.

#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

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
mod word;
