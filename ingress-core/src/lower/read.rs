//! What one Ingress has to say: which hosts, which TLS names, which default backend.
//!
//! The result says *that* the Ingress takes part in a host, not how; [`routes`] reads the paths of one host when that host
//! is merged, so that nothing is kept twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::class::{self, Classes};
use super::conflict::ConflictKey;
use super::options::Options;
use super::tls::{self, TlsClaim};
use super::validate;
use crate::diagnostic::{Code, Diagnostic};
use crate::dialect::{
    CertificateScope, Cluster, DefaultScope, Dialect, Dialects, DraftMember, Intent, ResourceBackend, Semantics,
    Subject, WildcardDepth,
};
use crate::host::HostPattern;
use crate::model::{HttpIngressPath, Ingress, IngressBackend, Inputs, PathType};
use crate::object::{FieldPath, ObjectRef, Origin};
use crate::path::{PathPattern, PathPolicy};
use crate::policy::{BackendRef, PortRef, Reach, Route, RoutePolicy, Target};

/// What one claimed Ingress takes part in.
#[derive(Debug)]
pub(super) struct Contribution {
    /// Its part in each host, in order of the hosts.
    pub(super) hosts: Vec<(HostPattern, Part)>,
    /// What it says of the certificate of each name.
    pub(super) tls: BTreeMap<HostPattern, TlsClaim>,
    /// The Secret that each name asks for.
    pub(super) secrets: Vec<(ObjectRef, HostPattern)>,
    /// Other objects that its annotations name.
    pub(super) asked: BTreeSet<ObjectRef>,
    /// Whether its default backend takes what no rule takes.
    pub(super) has_default_backend: bool,
    /// How it is read; none if it is not claimed.
    pub(super) dialect: Option<Arc<dyn Dialect>>,
    /// What it wants beside its rules; none wants nothing.
    pub(super) intent: Option<Arc<Intent>>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// A part in a host.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// The rules that name it, by index.
    pub(super) rules: Vec<usize>,
    pub(super) other: Option<Box<OtherPart>>,
}

/// A part in a host that no rule names.
#[derive(Debug, Default)]
pub(super) struct OtherPart {
    /// Redirects beside the rules, by index.
    pub(super) extra: Vec<usize>,
    /// Whether it is the default backend for names that no host has.
    pub(super) is_catch_all: bool,
    /// The hosts that this is another name for.
    pub(super) alias_of: Vec<HostPattern>,
    /// The host that this redirects to.
    pub(super) www_of: Option<HostPattern>,
}

impl Part {
    /// Whether the part makes a host, if its Ingress is no canary.
    pub(super) fn makes_host(&self) -> bool {
        let other = self.other.as_deref();
        !self.rules.is_empty() || other.is_some_and(|other| other.is_catch_all || !other.extra.is_empty())
    }
}

impl Contribution {
    /// The part in a host.
    pub(super) fn part(&self, pattern: &HostPattern) -> Option<&Part> {
        let place = self.hosts.binary_search_by(|(host, _)| host.cmp(pattern)).ok()?;
        self.hosts.get(place).map(|(_, part)| part)
    }

    /// What it is given to say for a host.
    pub(super) fn member<'a>(
        &'a self,
        key: &'a ConflictKey,
        ingress: &'a Ingress,
        part: &'a Part,
        nothing: &'a Intent,
    ) -> DraftMember<'a> {
        let is_catch_all = part.other.as_deref().is_some_and(|other| other.is_catch_all);
        let intent = self.intent.as_deref().unwrap_or(nothing);
        DraftMember { object: &key.object, ingress, intent, rules: &part.rules, is_catch_all, default: None }
    }

    fn empty() -> Self {
        Self {
            hosts: Vec::new(),
            tls: BTreeMap::new(),
            secrets: Vec::new(),
            asked: BTreeSet::new(),
            has_default_backend: false,
            dialect: None,
            intent: None,
            diagnostics: Vec::new(),
        }
    }
}

/// Reads one Ingress. One that is invalid or not ours contributes nothing but diagnostics.
pub(super) fn read(
    object: &Arc<ObjectRef>,
    ingress: &Ingress,
    classes: &Classes,
    options: &Options,
    dialects: &Dialects,
    inputs: &Inputs,
) -> Contribution {
    let mut contribution = Contribution::empty();
    let out = &mut contribution.diagnostics;
    if !validate::ingress(object, ingress, out) {
        return contribution;
    }
    let Some(claim) = class::claim(object, ingress, classes, options, dialects, out) else { return contribution };
    let dialect = dialects.of(claim.class, claim.controller);
    let semantics = dialect.semantics();
    if options.disable_catch_all
        && semantics.default_backend == DefaultScope::OwnHosts
        && ingress.spec.default_backend.is_some()
    {
        let message = "has a default backend, and --disable-catch-all leaves such objects out";
        let field = FieldPath::named(&"spec.defaultBackend");
        out.push(Diagnostic::new(Code::CatchAllDisabled, Some(Arc::clone(object)), field, message));
        return contribution;
    }
    let cluster = Cluster::new(inputs);
    let intent = dialect.interpret(&Subject { object, ingress, cluster: &cluster }, out);
    contribution.asked = cluster.into_asked();
    contribution.dialect = Some(Arc::clone(dialect));
    if intent.is_dropped {
        return contribution;
    }
    take_part(&mut contribution, object, ingress, &intent, &semantics);
    name_certificates(&mut contribution, object, ingress, &intent, &semantics);
    if let Some(default) = &ingress.spec.default_backend {
        contribution.has_default_backend = semantics.default_backend == DefaultScope::Global;
        let out = &mut contribution.diagnostics;
        resource_note(object, default, &semantics, || FieldPath::named(&"spec.defaultBackend.resource"), out);
    }
    contribution.intent = (intent != Intent::default()).then(|| Arc::new(intent));
    contribution
}

/// The host of a rule.
fn rule_host(host: &str, semantics: &Semantics) -> Option<HostPattern> {
    // Validation has refused what is not a pattern.
    match (HostPattern::new(host).ok()?, semantics.wildcard_depth) {
        (HostPattern::Wildcard(name), WildcardDepth::Any) => Some(HostPattern::Deep(name)),
        (pattern, _) => Some(pattern),
    }
}

/// Finds the hosts that an Ingress takes part in.
fn take_part(
    contribution: &mut Contribution,
    object: &Arc<ObjectRef>,
    ingress: &Ingress,
    intent: &Intent,
    semantics: &Semantics,
) {
    let mut parts: Vec<(HostPattern, Part)> = Vec::with_capacity(ingress.spec.rules.len());
    let out = &mut contribution.diagnostics;
    let is_literal = !intent.use_regex && intent.rewrite_target.is_none();
    for (i, rule) in ingress.spec.rules.iter().enumerate() {
        let Some(pattern) = rule_host(&rule.host, semantics) else { continue };
        parts.push((pattern, Part { rules: vec![i], other: None }));
        let paths = rule.http.as_ref().map_or(&[][..], |http| &http.paths);
        for (j, path) in paths.iter().enumerate() {
            let field = || FieldPath::rule_path(i, j).join("backend.resource");
            resource_note(object, &path.backend, semantics, field, out);
            if is_literal && !can_match(path, semantics.path_policy) {
                let message = format!("path `{}` can never match", path.path);
                let field = FieldPath::rule_path(i, j).join("path");
                out.push(
                    Diagnostic::new(Code::PathNeverMatches, Some(Arc::clone(object)), field, message)
                        .with_help("request paths are compared without query, with dot segments and `//` resolved"),
                );
            }
        }
    }
    parts.sort_by(|(a, _), (b, _)| a.cmp(b));
    parts.dedup_by(|(later, part), (earlier, all)| {
        let is_same = later == earlier;
        if is_same {
            all.rules.append(&mut part.rules);
        }
        is_same
    });
    let more = other_parts(&parts, ingress, intent, semantics);
    if more.is_empty() {
        contribution.hosts = parts;
        return;
    }
    let mut all: BTreeMap<HostPattern, Part> = parts.into_iter().collect();
    for (pattern, other) in more {
        all.entry(pattern).or_default().other = Some(Box::new(other));
    }
    contribution.hosts = all.into_iter().collect();
}

/// The parts in hosts that no rule names, or not for this.
fn other_parts(
    parts: &[(HostPattern, Part)],
    ingress: &Ingress,
    intent: &Intent,
    semantics: &Semantics,
) -> BTreeMap<HostPattern, OtherPart> {
    let mut more: BTreeMap<HostPattern, OtherPart> = BTreeMap::new();
    if intent.is_ordinary() {
        for alias in intent.aliases.iter().flat_map(|aliases| &aliases.patterns) {
            for (host, _) in parts.iter().filter(|(host, _)| host != alias) {
                more.entry(alias.clone()).or_default().alias_of.push(host.clone());
            }
        }
        if intent.www_redirect.is_some() {
            for (host, _) in parts {
                let Some(other) = other_form(host) else { continue };
                more.entry(other).or_default().www_of.get_or_insert_with(|| host.clone());
            }
        }
    }
    for (place, extra) in intent.extra.iter().enumerate() {
        more.entry(extra.host.clone()).or_default().extra.push(place);
    }
    let own_default = ingress.spec.default_backend.is_some() && semantics.default_backend == DefaultScope::OwnHosts;
    if own_default && ingress.spec.rules.is_empty() {
        more.entry(HostPattern::Any).or_default().is_catch_all = true;
    }
    more
}

/// The name with `www.` in front, or without it.
fn other_form(host: &HostPattern) -> Option<HostPattern> {
    let HostPattern::Exact(name) = host else { return None };
    match name.as_str().strip_prefix("www.") {
        Some(rest) => HostPattern::new(rest).ok(),
        None => HostPattern::new(&format!("www.{name}")).ok(),
    }
}

/// Finds the names that an Ingress says something about the certificate of.
fn name_certificates(
    contribution: &mut Contribution,
    object: &Arc<ObjectRef>,
    ingress: &Ingress,
    intent: &Intent,
    semantics: &Semantics,
) {
    let rule_hosts = || -> Vec<HostPattern> {
        let hosts = contribution.hosts.iter().filter(|(_, part)| !part.rules.is_empty());
        hosts.map(|(pattern, _)| pattern.clone()).collect()
    };
    let claims = match semantics.certificates {
        CertificateScope::ListedHosts => tls::listed(object, ingress, semantics, &mut contribution.diagnostics),
        CertificateScope::RuleHosts if intent.is_ordinary() => {
            let mut claims = tls::of_rules(ingress, &rule_hosts());
            if !ingress.spec.tls.is_empty() {
                for (pattern, part) in &contribution.hosts {
                    let Some(other) = part.other.as_deref() else { continue };
                    if let Some(host) = other.alias_of.first().or(other.www_of.as_ref()) {
                        claims.entry(pattern.clone()).or_insert_with(|| TlsClaim::SameAs(host.clone()));
                    }
                }
            }
            claims
        }
        CertificateScope::RuleHosts => BTreeMap::new(),
        CertificateScope::ListedOrRuleHosts => {
            let hosts = rule_hosts();
            let mut claims = tls::listed(object, ingress, semantics, &mut contribution.diagnostics);
            for (i, _) in ingress.spec.tls.iter().enumerate().filter(|(_, entry)| entry.hosts.is_empty()) {
                for host in &hosts {
                    claims.entry(host.clone()).or_insert(TlsClaim::Entry(i));
                }
            }
            claims
        }
    };
    for (pattern, claim) in &claims {
        let entries = tls::entries(claim, ingress);
        let secrets = entries.filter_map(|entry| tls::secret(object, ingress, entry));
        contribution.secrets.extend(secrets.map(|secret| (secret, pattern.clone())));
    }
    contribution.tls = claims;
}

fn resource_note(
    object: &Arc<ObjectRef>,
    backend: &IngressBackend,
    semantics: &Semantics,
    field: impl Fn() -> FieldPath,
    out: &mut Vec<Diagnostic>,
) {
    if let Some(resource) = &backend.resource {
        let outcome = match semantics.resource_backend {
            ResourceBackend::NotFound => "requests get 404",
            ResourceBackend::LeftOut => "the path is left out",
        };
        let message = format!("nothing here can route to a resource of kind `{}`; {outcome}", resource.kind);
        out.push(Diagnostic::new(Code::ResourceBackend, Some(Arc::clone(object)), field(), message));
    }
}

/// Whether some request path, in canonical form, can equal this text.
fn can_match(path: &HttpIngressPath, policy: PathPolicy) -> bool {
    let is_exact = path.path_type == Some(PathType::Exact);
    let text = if is_exact { &*path.path } else { path.path.trim_end_matches('/') };
    if text.is_empty() {
        return true;
    }
    let escaped = policy.canonical_escapes(text);
    !escaped.contains('?') && policy.canonical(escaped.as_bytes()).is_ok_and(|path| path == escaped.as_bytes())
}

/// The routes of these rules, in the order in which the object writes them.
pub(super) fn routes<'a>(member: &'a DraftMember<'a>, semantics: &'a Semantics) -> impl Iterator<Item = Route> + 'a {
    let policy = policy(member.intent);
    member.rules.iter().flat_map(move |&i| {
        let http = member.ingress.spec.rules.get(i).and_then(|rule| rule.http.as_ref());
        let paths = http.map_or(&[][..], |http| &http.paths);
        let policy = policy.clone();
        paths.iter().enumerate().filter_map(move |(j, path)| {
            let text =
                if path.path.is_empty() { "/".into() } else { semantics.path_policy.canonical_escapes(&path.path) };
            let pattern = match path.path_type {
                Some(PathType::Exact) => PathPattern::Exact(text),
                _ => PathPattern::Prefix(text),
            };
            let origin = Origin { object: Arc::clone(member.object), field: FieldPath::rule_path(i, j) };
            let intent = member.intent;
            Some(Route {
                path: pattern,
                target: intended(intent, target(member, &path.backend, semantics)?),
                origin,
                schemes: intent.placed.get(&(i, j)).copied().unwrap_or(intent.schemes),
                policy: policy.clone(),
            })
        })
    })
}

/// The redirects that an Ingress has beside its rules.
pub(super) fn extra_routes<'a>(
    object: &'a Arc<ObjectRef>,
    intent: &'a Intent,
    part: &'a Part,
) -> impl Iterator<Item = Route> + 'a {
    let places = part.other.as_deref().map_or(&[][..], |other| &other.extra);
    places.iter().filter_map(|place| intent.extra.get(*place)).map(|extra| {
        let origin = Origin { object: Arc::clone(object), field: extra.field.clone() };
        let target = Target::Redirect(Box::new(extra.redirect.clone()));
        Route { schemes: extra.schemes, policy: policy(intent), ..Route::new(extra.path.clone(), target, origin) }
    })
}

/// What is done with the requests of all its paths.
pub(super) fn policy(intent: &Intent) -> Option<Arc<RoutePolicy>> {
    let filters = intent.filters.as_ref()?;
    Some(Arc::new(RoutePolicy { filters: Arc::clone(filters), rewrite: None }))
}

/// What becomes of the requests of a rule, after what its object says for all of them.
pub(super) fn intended(intent: &Intent, target: Target) -> Target {
    match (&intent.refused, &intent.redirect) {
        (Some(refused), _) => Target::Invalid(Box::new(*refused)),
        (None, Some(redirect)) => Target::Redirect(Box::new(redirect.clone())),
        (None, None) => target,
    }
}

/// The default backend of an Ingress that has one.
pub(super) fn default_target(member: &DraftMember<'_>, semantics: &Semantics) -> Option<(Target, Origin)> {
    let backend = member.ingress.spec.default_backend.as_ref()?;
    let origin = Origin { object: Arc::clone(member.object), field: FieldPath::named(&"spec.defaultBackend") };
    Some((target(member, backend, semantics)?, origin))
}

fn target(member: &DraftMember<'_>, backend: &IngressBackend, semantics: &Semantics) -> Option<Target> {
    match (&backend.service, semantics.resource_backend) {
        // A `resource` names an object that only a controller with such a provider could serve.
        (None, ResourceBackend::NotFound) => Some(Target::respond(404, "resource-backend")),
        (None, ResourceBackend::LeftOut) => None,
        (Some(service), _) => {
            let port = match u16::try_from(service.port.number) {
                Ok(number) if number > 0 => PortRef::Number(number),
                _ => PortRef::Name((*service.port.name).into()),
            };
            let reach: Reach = member.intent.reach.unwrap_or(semantics.reach);
            let namespace = Arc::clone(&member.object.namespace);
            Some(Target::Backend(Arc::new(BackendRef { namespace, service: (*service.name).into(), port, reach })))
        }
    }
}

/// Looks up a claimed object again.
pub(super) fn ingress_of<'a>(inputs: &'a Inputs, key: &ConflictKey) -> Option<&'a Ingress> {
    inputs.ingress(&key.object).map(|ingress| &**ingress)
}
