//! How a family of Ingresses is to be read.
//!
//! A dialect says what the specification leaves open, as fields of [`Semantics`]. The rest of the engine branches on those
//! fields and never on a dialect's name. Annotation prefixes stand only in the dialect that owns them.

mod kubernetes;

use std::fmt;
use std::sync::Arc;

pub use kubernetes::Kubernetes;

use crate::diagnostic::Diagnostic;
use crate::model::Ingress;
use crate::object::ObjectRef;
use crate::path::PathPolicy;

/// What the Ingress specification leaves to the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Semantics {
    /// How request paths are made canonical.
    pub path_policy: PathPolicy,
}

/// A way of reading Ingresses.
pub trait Dialect: fmt::Debug + Send + Sync {
    /// The dialect's name, as users choose it.
    fn name(&self) -> &'static str;

    /// What it makes of the open points.
    fn semantics(&self) -> Semantics;

    /// Reads the annotations of one valid, claimed Ingress and reports what is wrong with them.
    fn interpret(&self, object: &Arc<ObjectRef>, ingress: &Ingress, out: &mut Vec<Diagnostic>);
}
