//! The plain specification: no annotation has a meaning.

use std::sync::Arc;

use super::{
    CertificateScope, ClassField, DefaultScope, Dialect, Intent, ResourceBackend, Semantics, Subject, TieBreak,
    TrailingSlash, WildcardDepth,
};
use crate::diagnostic::{Code, Diagnostic};
use crate::object::FieldPath;
use crate::path::PathPolicy;
use crate::policy::Reach;

/// Annotations that configure some ingress controller carry a prefix that ends like this.
const CONTROLLER_PREFIX: &str = "ingress.kubernetes.io";

/// Ingress as `networking.k8s.io/v1` defines it.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Kubernetes;

impl Dialect for Kubernetes {
    fn name(&self) -> &'static str {
        "kubernetes"
    }

    fn semantics(&self) -> Semantics {
        Semantics {
            path_policy: PathPolicy::Rfc3986,
            tie_break: TieBreak::Ascending,
            wildcard_depth: WildcardDepth::One,
            default_backend: DefaultScope::Global,
            resource_backend: ResourceBackend::NotFound,
            certificates: CertificateScope::ListedHosts,
            reach: Reach::Endpoints,
            class_field: ClassField::Object,
            trailing_slash: TrailingSlash::SameRule,
        }
    }

    fn interpret(&self, subject: &Subject<'_>, out: &mut Vec<Diagnostic>) -> Intent {
        let Subject { object, ingress, .. } = subject;
        for key in ingress.metadata.annotations.keys() {
            let Some((prefix, _)) = key.split_once('/') else { continue };
            let is_controller =
                prefix.strip_suffix(CONTROLLER_PREFIX).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            if is_controller {
                let field = FieldPath::text(format!("metadata.annotations[{key}]"));
                let message = format!("annotation `{key}` has no effect in the plain Kubernetes dialect");
                out.push(
                    Diagnostic::new(Code::AnnotationsWithoutEffect, Some(Arc::clone(object)), field, message)
                        .with_help("name the class of the controller that reads it, or choose its dialect for all"),
                );
            }
        }
        Intent::default()
    }
}
