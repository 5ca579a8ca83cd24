//! From what the cluster said to a table: checks, class selection, merging, resolution.
//!
//! Each step is a pure function of one unit (an object, a host, a backend, a TLS name); `state` calls them for what has
//! changed. A wrong unit is given up with a diagnostic and never takes another one with it. Nothing depends on the order
//! in which objects arrived.

mod backend;
mod claims;
mod class;
mod conflict;
mod merge;
mod options;
mod read;
mod state;
mod tls;
mod validate;

pub use options::{ClassSelection, ControllerClass, Options};
pub(crate) use state::{BackendId, SeededState, State};

use crate::diagnostic::Diagnostics;
use crate::model::Inputs;
use crate::policy::RouteTable;

/// Compiles inputs into a table.
///
/// ```
/// use ingress_core::lower::{Options, lower};
/// use ingress_core::model::{Inputs, WireKind, decode};
///
/// let text = r#"{"metadata": {"name": "cafe", "namespace": "shop"}, "spec": {"rules": [{"host": "cafe.example", "http":
///     {"paths": [{"path": "/tea", "pathType": "Prefix",
///                 "backend": {"service": {"name": "tea", "port": {"number": 80}}}}]}}]}}"#;
/// let mut inputs = Inputs::default();
/// inputs.insert(decode(WireKind::Ingress, &mut serde_json::Deserializer::from_str(text))?);
/// let (table, diagnostics) = lower(&inputs, &Options::default());
/// assert!(diagnostics.is_empty());
/// assert_eq!(table.routes().count(), 1);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn lower(inputs: &Inputs, options: &Options) -> (RouteTable, Diagnostics) {
    let mut state = State::new(options.clone());
    state.update(inputs);
    (state.table(), state.diagnostics())
}
