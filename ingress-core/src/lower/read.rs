//! What one Ingress has to say: which hosts, which TLS names, which default backend.
//!
//! The result says *that* the Ingress takes part in a host, not how; [`routes`] reads the paths of one host when that host
//! is merged, so that nothing is kept twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::class::{self, Classes};
use super::conflict::ConflictKey;
use super::options::Options;
use super::tls;
use super::validate;
use crate::diagnostic::{Code, Diagnostic};
use crate::host::HostPattern;
use crate::model::{HttpIngressPath, Ingress, IngressBackend, IngressTls, Inputs};
use crate::object::{FieldPath, ObjectRef, Origin};
use crate::path::{PathPattern, PathPolicy};
use crate::policy::{BackendRef, FixedResponse, PortRef, Route, Target};

/// What one claimed Ingress takes part in.
#[derive(Debug, Default)]
pub(super) struct Contribution {
    /// The rules of each host, by index, in order of the hosts.
    pub(super) hosts: Vec<(HostPattern, Vec<usize>)>,
    /// The TLS entry and the place in it of each listed name.
    pub(super) tls: BTreeMap<HostPattern, (usize, usize)>,
    /// The Secret that each listed name asks for.
    pub(super) secrets: Vec<(ObjectRef, HostPattern)>,
    pub(super) has_default_backend: bool,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Contribution {
    /// The rules that name a host.
    pub(super) fn rules_of(&self, pattern: &HostPattern) -> Option<&[usize]> {
        let place = self.hosts.binary_search_by(|(host, _)| host.cmp(pattern)).ok()?;
        self.hosts.get(place).map(|(_, rules)| &**rules)
    }
}

/// Reads one Ingress. One that is invalid or not ours contributes nothing but diagnostics.
pub(super) fn read(object: &Arc<ObjectRef>, ingress: &Ingress, classes: &Classes, options: &Options) -> Contribution {
    let mut contribution = Contribution::default();
    let out = &mut contribution.diagnostics;
    if !validate::ingress(object, ingress, out) {
        return contribution;
    }
    if !class::is_claimed(object, ingress, classes, &options.classes, out) {
        return contribution;
    }
    options.dialect.interpret(object, ingress, out);
    let policy = options.dialect.semantics().path_policy;
    for (i, rule) in ingress.spec.rules.iter().enumerate() {
        // Validation has refused what is not a pattern.
        let Ok(pattern) = HostPattern::new(&rule.host) else { continue };
        contribution.hosts.push((pattern, vec![i]));
        let paths = rule.http.as_ref().map_or(&[][..], |http| &http.paths);
        for (j, path) in paths.iter().enumerate() {
            resource_note(object, &path.backend, || FieldPath::rule_path(i, j).join("backend.resource"), out);
            if !can_match(path, policy) {
                let message = format!("path `{}` can never match", path.path);
                let field = FieldPath::rule_path(i, j).join("path");
                out.push(
                    Diagnostic::new(Code::PathNeverMatches, Some(Arc::clone(object)), field, message)
                        .with_help("request paths are compared without query, with dot segments and `//` resolved"),
                );
            }
        }
    }
    contribution.hosts.sort();
    contribution.hosts.dedup_by(|(later, rules), (earlier, all)| {
        let is_same = later == earlier;
        if is_same {
            all.append(rules);
        }
        is_same
    });
    for (i, entry) in ingress.spec.tls.iter().enumerate() {
        if entry.hosts.is_empty() && !entry.secret_name.is_empty() {
            let field = FieldPath::text(format!("spec.tls[{i}]"));
            let message = format!("lists no hosts, so secret `{}` is never served", entry.secret_name);
            out.push(
                Diagnostic::new(Code::TlsWithoutHosts, Some(Arc::clone(object)), field, message)
                    .with_help("list the names that the certificate is for under `hosts`"),
            );
        }
        for (j, host) in entry.hosts.iter().enumerate() {
            let Ok(pattern) = HostPattern::for_certificate(host) else { continue };
            let first = *contribution.tls.entry(pattern).or_insert((i, j));
            let secret_of = |i| ingress.spec.tls.get(i).map(|entry: &IngressTls| &entry.secret_name);
            if secret_of(first.0) != secret_of(i) {
                let place = |(i, j)| Origin { object: Arc::clone(object), field: tls::name_field(i, j) };
                out.push(tls::conflict(host, place((i, j)), place(first)));
            }
        }
    }
    for (pattern, (entry, _)) in &contribution.tls {
        contribution.secrets.extend(tls::secret(object, ingress, *entry).map(|secret| (secret, pattern.clone())));
    }
    if let Some(default) = &ingress.spec.default_backend {
        contribution.has_default_backend = true;
        resource_note(object, default, || FieldPath::named("spec.defaultBackend.resource"), out);
    }
    contribution
}

fn resource_note(
    object: &Arc<ObjectRef>,
    backend: &IngressBackend,
    field: impl Fn() -> FieldPath,
    out: &mut Vec<Diagnostic>,
) {
    if let Some(resource) = &backend.resource {
        let message = format!("nothing here can route to a resource of kind `{}`; requests get 404", resource.kind);
        out.push(Diagnostic::new(Code::ResourceBackend, Some(Arc::clone(object)), field(), message));
    }
}

/// Whether some request path, in canonical form, can equal this text.
fn can_match(path: &HttpIngressPath, policy: PathPolicy) -> bool {
    let is_exact = path.path_type.as_deref() == Some("Exact");
    let text = if is_exact { &*path.path } else { path.path.trim_end_matches('/') };
    if text.is_empty() {
        return true;
    }
    let escaped = policy.canonical_escapes(text);
    !escaped.contains('?') && policy.canonical(escaped.as_bytes()).is_ok_and(|path| path == escaped.as_bytes())
}

/// The routes of these rules, in the order in which the object writes them.
pub(super) fn routes<'a>(
    object: &'a Arc<ObjectRef>,
    ingress: &'a Ingress,
    rules: &'a [usize],
    policy: PathPolicy,
) -> impl Iterator<Item = Route> + 'a {
    rules.iter().flat_map(move |&i| {
        let http = ingress.spec.rules.get(i).and_then(|rule| rule.http.as_ref());
        let paths = http.map_or(&[][..], |http| &http.paths);
        paths.iter().enumerate().map(move |(j, path)| {
            let text = if path.path.is_empty() { "/".into() } else { policy.canonical_escapes(&path.path) };
            let pattern = match path.path_type.as_deref() {
                Some("Exact") => PathPattern::Exact(text),
                _ => PathPattern::Prefix(text),
            };
            let origin = Origin { object: Arc::clone(object), field: FieldPath::rule_path(i, j) };
            Route { path: pattern, target: target(object, &path.backend), origin }
        })
    })
}

/// The default backend of an Ingress that has one.
pub(super) fn default_target(object: &Arc<ObjectRef>, ingress: &Ingress) -> Option<(Target, Origin)> {
    let backend = ingress.spec.default_backend.as_ref()?;
    let origin = Origin { object: Arc::clone(object), field: FieldPath::named("spec.defaultBackend") };
    Some((target(object, backend), origin))
}

fn target(object: &ObjectRef, backend: &IngressBackend) -> Target {
    match &backend.service {
        // A `resource` names an object that only a controller with such a provider could serve.
        None => Target::Respond(FixedResponse { status: 404, reason: "resource-backend" }),
        Some(service) => {
            let port = match u16::try_from(service.port.number) {
                Ok(number) if number > 0 => PortRef::Number(number),
                _ => PortRef::Name((*service.port.name).into()),
            };
            let namespace = Arc::clone(&object.namespace);
            Target::Backend(Arc::new(BackendRef { namespace, service: (*service.name).into(), port }))
        }
    }
}

/// Looks up a claimed object again.
pub(super) fn ingress_of<'a>(inputs: &'a Inputs, key: &ConflictKey) -> Option<&'a Ingress> {
    inputs.ingress(&key.object).map(|ingress| &**ingress)
}
