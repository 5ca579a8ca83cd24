//! Ingresses as ingress-nginx v1.15 reads them: one file per feature.
//!
//! [`interpret`](Dialect::interpret) reads the annotations of one object; `combine` does to a host what the annotations of
//! one object do to all of its paths.

mod access;
mod auth;
mod canary;
mod client_certificate;
mod combine;
mod cors;
mod global_headers;
mod grammar;
mod headers;
mod keys;
mod limits;
mod names;
mod proxy;
mod redirect;
mod rewrite;
mod settings;
mod sharing;
mod trust;
mod unknown;
mod upstream_tls;

use std::sync::Arc;

use self::settings::Settings;
use self::trust::Trust;
use super::annotations::Annotations;
use super::{
    CertificateScope, ClassField, Cluster, DefaultScope, Dialect, HostDraft, Intent, ResourceBackend, Role, Semantics,
    Subject, TieBreak, TrailingSlash, WildcardDepth,
};
use crate::diagnostic::Diagnostic;
use crate::model::{ConfigMap, Ingress, Inputs};
use crate::object::{Kind, ObjectRef};
use crate::path::PathPolicy;
use crate::policy::{Access, AddressRange, Filters, Reach};

/// What all annotations of the controller begin with.
const PREFIX: &str = "nginx.ingress.kubernetes.io/";

/// ingress-nginx v1.15.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Nginx {
    settings: Arc<Settings>,
    passthrough: bool,
    trust: Trust,
}

impl Nginx {
    /// The dialect of a controller that was started with `--enable-ssl-passthrough` or without.
    #[must_use]
    pub fn new(enable_ssl_passthrough: bool) -> Self {
        Self { passthrough: enable_ssl_passthrough, ..Self::default() }
    }

    /// The same where flags say whose headers are believed: `--use-forwarded-headers` unless the ConfigMap has the key of this
    /// name, and of the peers that `proxy-real-ip-cidr` names those alone that are in `networks` too. Without networks the
    /// ConfigMap decides, and where it names none either that is everybody with an IPv4 address, as in ingress-nginx.
    #[must_use]
    pub fn trusting(mut self, use_forwarded_headers: bool, networks: &[AddressRange]) -> Self {
        let networks = (!networks.is_empty()).then(|| networks.into());
        self.trust = Trust { use_forwarded_headers, networks };
        self
    }
}

impl Dialect for Nginx {
    fn name(&self) -> &'static str {
        "ingress-nginx"
    }

    fn semantics(&self) -> Semantics {
        Semantics {
            path_policy: PathPolicy::Nginx,
            tie_break: TieBreak::Descending,
            wildcard_depth: WildcardDepth::One,
            default_backend: DefaultScope::OwnHosts,
            resource_backend: ResourceBackend::LeftOut,
            certificates: CertificateScope::RuleHosts,
            reach: Reach::EndpointsByTargetPort,
            class_field: ClassField::Object,
            trailing_slash: TrailingSlash::OwnRule,
        }
    }

    fn interpret(&self, subject: &Subject<'_>, out: &mut Vec<Diagnostic>) -> Intent {
        let settings = &*self.settings;
        unknown::old_prefix(subject, out);
        let mut annotations = Annotations::new(subject.object, subject.ingress, PREFIX, out);
        let a = &mut annotations;
        unknown::report(a);
        unknown::words(a, settings);
        let response = headers::response(a, settings, subject.cluster);
        let filters = Filters {
            body_limit: proxy::body_limit(a, settings),
            cors: cors::read(a),
            tls_redirect: redirect::to_tls(a, settings),
            limits: limits::read(a, settings),
            throttle: limits::throttle(a, settings),
            access: access::read(a, settings, &self.trust, subject.cluster),
            upstream: proxy::read(a, settings, subject.cluster),
            response,
            mirror: headers::mirror(a),
            errors: headers::errors(a, settings, subject.cluster),
            fallback: headers::fallback(a, subject.cluster),
            observe: headers::observe(a, settings),
        };
        let role = canary::read(a).map_or(Role::Ordinary, |rule| Role::Canary(Arc::new(rule)));
        let service_upstream = proxy::service_upstream(a, settings);
        let redirect::Group { is_relative, redirect, www } = redirect::read(a, settings);
        let mut intent = Intent {
            role,
            redirect,
            relative_redirects: is_relative,
            filters: Some(Arc::new(filters)),
            rewrite_target: rewrite::target(a),
            use_regex: rewrite::use_regex(a),
            app_root: rewrite::app_root(a),
            aliases: names::aliases(a),
            www_redirect: www,
            client_certificate: client_certificate::read(a, subject.cluster),
            passthrough: names::passthrough(a, self.passthrough),
            upstream: Some(Arc::new(sharing::read(a, settings))),
            reach: service_upstream.then_some(Reach::ClusterIp),
            ..Intent::default()
        };
        intent.is_dropped = annotations.is_dropped;
        intent.refused = annotations.refused;
        intent
    }

    /// What nginx does in all servers, and in the first `/` of the server for unknown names. Lists of allowed addresses, authentication
    /// and redirects are those of Ingresses, also where the ConfigMap has them.
    fn of_controller(&self) -> Intent {
        let object = Arc::new(ObjectRef::new(Kind::Ingress, "", ""));
        let (ingress, inputs) = (Ingress::default(), Inputs::default());
        let subject = Subject { object: &object, ingress: &ingress, cluster: &Cluster::new(&inputs) };
        let intent = self.interpret(&subject, &mut Vec::new());
        let filters = intent.filters.map(|filters| {
            let access = Access { allow: Box::default(), basic: None, external: None, ..filters.access.clone() };
            Arc::new(Filters { access, tls_redirect: None, ..Filters::clone(&filters) })
        });
        Intent { filters, refused: intent.refused, ..Intent::default() }
    }

    fn combine(&self, draft: &mut HostDraft<'_>, out: &mut Vec<Diagnostic>) {
        combine::host(draft, &self.settings, &|| self.of_controller(), out);
    }

    fn configured(
        &self,
        config: &ConfigMap,
        cluster: &Cluster<'_>,
        out: &mut Vec<Diagnostic>,
    ) -> Option<Arc<dyn Dialect>> {
        let mut settings = unknown::settings(config, &self.trust, out);
        global_headers::read(&mut settings, config, cluster, out);
        Some(Arc::new(Self { settings: Arc::new(settings), ..self.clone() }))
    }
}
