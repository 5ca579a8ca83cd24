//! Ingresses of class `qcloud`, as Tencent Kubernetes Engine gives them to a cloud load balancer: one file per feature.
//!
//! In the product each Ingress has a load balancer of its own; here they form one table. A load balancer has a listener
//! for each protocol, so most of what is read here is which rules are plain text and which are TLS.

mod auto_rewrite;
mod certificates;
mod json;
mod keys;
mod manual_rewrite;
mod ports;
mod protocols;
mod rules;

use std::fmt;
use std::sync::Arc;

use self::protocols::Protocols;
use self::rules::Lists;
use super::annotations::{Annotations, Bad};
use super::{
    CertificateScope, ClassField, DefaultScope, Dialect, HostDraft, Intent, ResourceBackend, Semantics, Subject,
    TieBreak, TrailingSlash, WildcardDepth,
};
use crate::diagnostic::Diagnostic;
use crate::path::PathPolicy;
use crate::policy::Reach;

/// What Secrets and the old annotation call the identifiers of certificates.
const CERTIFICATE_ID: &str = "qcloud_cert_id";

/// How paths are made canonical.
const PATHS: PathPolicy = PathPolicy::Rfc3986;

/// Certificates that a cloud keeps, as far as somebody has them here.
pub trait CertificateSource: fmt::Debug + Send + Sync {
    /// The DNS names that the certificate with this identifier is for; none if it is not here.
    fn dns_names(&self, id: &str) -> Option<Vec<Box<str>>>;
}

/// Tencent Kubernetes Engine.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Tke {
    certificates: Option<Arc<dyn CertificateSource>>,
}

impl Tke {
    /// The dialect with certificates for the identifiers that Secrets name. Without them, and for identifiers that the
    /// source does not know, the default certificate is served.
    #[must_use]
    pub fn new(source: Option<Arc<dyn CertificateSource>>) -> Self {
        Self { certificates: source }
    }
}

impl Dialect for Tke {
    fn name(&self) -> &'static str {
        "tke"
    }

    fn semantics(&self) -> Semantics {
        Semantics {
            path_policy: PATHS,
            tie_break: TieBreak::Ascending,
            wildcard_depth: WildcardDepth::Any,
            default_backend: DefaultScope::Global,
            resource_backend: ResourceBackend::NotFound,
            certificates: CertificateScope::ListedOrRuleHosts,
            reach: Reach::NodePort,
            class_field: ClassField::Name,
            trailing_slash: TrailingSlash::SameRule,
        }
    }

    fn interpret(&self, subject: &Subject<'_>, out: &mut Vec<Diagnostic>) -> Intent {
        let Subject { object, ingress, .. } = *subject;
        let mut certificates = certificates::of_secrets(subject, self.certificates.as_deref(), out);
        // The keys have several prefixes, so they are written out.
        let mut annotations = Annotations::new(object, ingress, "", out);
        let a = &mut annotations;
        keys::report(a);
        certificates.read_annotations(a, ingress);
        let ports = ports::read(a);
        let lists = Lists::read(a);
        let mut protocols = Protocols::read(a, ingress, &lists, certificates.has_tls);
        let automatic = auto_rewrite::read(a, ingress, &ports, &protocols);
        let mut extra = Vec::new();
        if a.refused.is_some() {
            // Where there would be a redirect there is a refusal.
            for redirect in &automatic {
                protocols.open(redirect.rule);
            }
        } else {
            let lists = lists.as_ref().ok().and_then(Option::as_ref);
            extra = manual_rewrite::read(a, ingress, lists, &ports, &protocols, &automatic);
            extra.extend(automatic.into_iter().map(|redirect| redirect.route));
            protocols.give_way(ingress, &extra);
        }
        let direct = switch(a, keys::DIRECT_ACCESS);
        let load_balancer = a.text(keys::EXISTING_LOAD_BALANCER).or_else(|| a.text(keys::LOAD_BALANCER));
        Intent {
            refused: a.refused,
            reach: direct.then_some(Reach::Endpoints),
            schemes: protocols.usual,
            placed: protocols.placed,
            extra: extra.into(),
            load_balancer: load_balancer.map(Into::into),
            certificates: certificates.unresolved,
            resolved_certificates: certificates.resolved,
            client_certificate: certificates.client,
            ..Intent::default()
        }
    }

    fn combine(&self, draft: &mut HostDraft<'_>, _: &mut Vec<Diagnostic>) {
        let asked = draft.members.iter().find_map(|member| member.intent.client_certificate.as_ref());
        draft.settings.client_certificate = asked.cloned();
    }
}

/// Whether an annotation is `true`.
fn switch(a: &mut Annotations<'_>, key: &str) -> bool {
    a.word(key, &["true", "false"], Bad::Default) == Some("true")
}

#[cfg(test)]
mod tests;
