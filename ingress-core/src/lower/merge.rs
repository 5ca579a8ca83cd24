//! One host out of all the rules that name it.
//!
//! Rules with the same path and type are one rule: the first in conflict order answers, the others are kept as shadowed
//! and reported at their own place. What annotations do to the host as a whole is the dialect's to say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::conflict::ConflictKey;
use super::read::{self, Part};
use crate::diagnostic::{Code, Diagnostic, Effect, Severity};
use crate::dialect::{Attachment, Dialect, DraftMember, HostDraft, TrailingSlash};
use crate::host::HostPattern;
use crate::object::FieldPath;
use crate::path::PathKind;
use crate::policy::{BackendRef, HostSettings, Route, ShadowReason, Shadowed, Target, UpstreamSettings, VirtualHost};

/// An object's part in a host.
pub(super) struct Member<'a> {
    pub(super) key: &'a ConflictKey,
    pub(super) dialect: &'a Arc<dyn Dialect>,
    pub(super) part: &'a Part,
    pub(super) draft: DraftMember<'a>,
}

/// A host with what its objects say of the backends that it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Merged {
    pub(super) host: Arc<VirtualHost>,
    pub(super) claims: Box<[UpstreamClaim]>,
}

/// What an object says of all requests to a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UpstreamClaim {
    pub(super) key: ConflictKey,
    pub(super) backend: Arc<BackendRef>,
    pub(super) what: Claimed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claimed {
    Settings(Arc<UpstreamSettings>),
    /// Those of an Ingress that is a canary.
    CanarySettings(Arc<UpstreamSettings>),
    Canary(Attachment),
}

/// Merges the members, which come in conflict order; none if none of them makes a host.
pub(super) fn host(
    pattern: &HostPattern,
    members: &[Member<'_>],
    default_backend: Option<&Arc<BackendRef>>,
    out: &mut Vec<Diagnostic>,
) -> Option<Merged> {
    let makes_host = |member: &&Member<'_>| member.draft.intent.is_ordinary() && member.part.makes_host();
    let Some(first) = members.iter().find(makes_host) else {
        members
            .iter()
            .filter(|member| !member.draft.intent.is_ordinary())
            .for_each(|member| orphan(pattern, member, out));
        return None;
    };
    let dialect = first.dialect;
    let semantics = dialect.semantics();
    let mut strangers = BTreeSet::new();
    for member in members.iter().filter(|member| member.dialect.name() != dialect.name()) {
        let needs_own = member.draft.intent.shapes_host();
        if needs_own {
            strangers.insert(&member.key.object);
        }
        out.push(mixed(pattern, member, first, needs_own));
    }
    let defaults: Vec<_> = members.iter().map(|it| read::default_target(&it.draft, &it.dialect.semantics())).collect();
    let drafts: Vec<DraftMember<'_>> = members
        .iter()
        .zip(&defaults)
        .map(|(member, default)| DraftMember { default: default.as_ref().map(|(target, _)| target), ..member.draft })
        .collect();
    let slash_counts = semantics.trailing_slash == TrailingSlash::OwnRule;
    let (mut routes, shadowed) = routes(pattern, members, &drafts, slash_counts, out);
    // What an object asks of the whole host its own dialect would have done; without it the routes are closed.
    for route in routes.iter_mut().filter(|route| strangers.contains(&route.origin.object)) {
        route.target = Target::invalid(503, "mixed-dialects");
    }
    let mut draft = HostDraft {
        pattern,
        members: &drafts,
        default_backend,
        routes,
        shadowed,
        settings: HostSettings::default(),
        attachments: Vec::new(),
    };
    dialect.combine(&mut draft, out);
    let HostDraft { routes, shadowed, settings, attachments, .. } = draft;
    let claims = claims(members, &routes, default_backend, attachments);
    let host = VirtualHost::new(pattern.clone(), semantics.path_policy, routes, shadowed).with_settings(settings);
    Some(Merged { host: Arc::new(host), claims })
}

/// The rules, of those that are the same the first, and the others.
fn routes(
    pattern: &HostPattern,
    members: &[Member<'_>],
    drafts: &[DraftMember<'_>],
    slash_counts: bool,
    out: &mut Vec<Diagnostic>,
) -> (Vec<Route>, Vec<Shadowed>) {
    let mut written: Vec<(Route, &ConflictKey)> = Vec::new();
    for (member, draft) in members.iter().zip(drafts).filter(|(_, draft)| draft.intent.is_ordinary()) {
        let semantics = member.dialect.semantics();
        written.extend(read::routes(draft, &semantics).map(|route| (route, member.key)));
        written
            .extend(read::extra_routes(&member.key.object, draft.intent, member.part).map(|route| (route, member.key)));
    }
    // Rules that are the same next to each other, the first in conflict order first.
    written.sort_by(|(a, _), (b, _)| identity(a, slash_counts).cmp(&identity(b, slash_counts)));
    let mut routes: Vec<Route> = Vec::with_capacity(written.len());
    let mut shadowed = Vec::new();
    // The rules that are the same as the last, each for connections that those before it leave.
    let mut winners: Vec<(usize, &ConflictKey)> = Vec::new();
    for (mut route, key) in written {
        let is_same = winners
            .first()
            .and_then(|(place, _)| routes.get(*place))
            .is_some_and(|it| identity(it, slash_counts) == identity(&route, slash_counts));
        if !is_same {
            winners.clear();
        }
        let taken = winners.iter().filter_map(|(place, _)| routes.get(*place)).map(|winner| winner.schemes);
        if let Some(left) = route.schemes.without(taken) {
            route.schemes = left;
            winners.push((routes.len(), key));
            routes.push(route);
            continue;
        }
        let meets =
            |(place, _): &&(usize, &ConflictKey)| routes.get(*place).is_some_and(|it| it.schemes.meets(route.schemes));
        let Some((place, best)) = winners.iter().find(meets) else { continue };
        let Some(winner) = routes.get(*place) else { continue };
        let reason = reason(best, key);
        out.push(duplicate(pattern, &route, winner, reason));
        shadowed.push(Shadowed { winner: winner.origin.clone(), route, reason });
    }
    (routes, shadowed)
}

/// What makes two rules of one host the same.
fn identity(route: &Route, slash_counts: bool) -> (PathKind, &str) {
    let text = if slash_counts { route.path.as_str() } else { route.path.significant() };
    (route.path.kind(), text)
}

/// What the objects say of the backends that their routes lead to.
fn claims(
    members: &[Member<'_>],
    routes: &[Route],
    default_backend: Option<&Arc<BackendRef>>,
    attachments: Vec<Attachment>,
) -> Box<[UpstreamClaim]> {
    let by_object: BTreeMap<_, _> = members.iter().map(|member| (&member.key.object, member)).collect();
    let mut claims: Vec<UpstreamClaim> = Vec::new();
    let mut known = BTreeSet::new();
    for route in routes {
        let Target::Backend(backend) = &route.target else { continue };
        // Who lends a host its `/` has no say in what the controller's own backend does for everybody.
        if default_backend == Some(backend) && route.is_implicit() {
            continue;
        }
        let Some(member) = by_object.get(&route.origin.object) else { continue };
        let Some(settings) = &member.draft.intent.upstream else { continue };
        if known.insert((&route.origin.object, backend)) {
            let what = Claimed::Settings(Arc::clone(settings));
            claims.push(UpstreamClaim { key: member.key.clone(), backend: Arc::clone(backend), what });
        }
    }
    let backends: BTreeSet<&Arc<BackendRef>> = known.iter().map(|(_, backend)| *backend).collect();
    // A canary of a route that is closed has nothing to take from.
    for attachment in attachments.into_iter().filter(|attachment| backends.contains(&attachment.primary)) {
        let Some(member) = by_object.get(&attachment.origin.object) else { continue };
        if let Some(settings) = &member.draft.intent.upstream {
            let what = Claimed::CanarySettings(Arc::clone(settings));
            claims.push(UpstreamClaim { key: member.key.clone(), backend: Arc::clone(&attachment.canary), what });
        }
        let primary = Arc::clone(&attachment.primary);
        claims.push(UpstreamClaim { key: member.key.clone(), backend: primary, what: Claimed::Canary(attachment) });
    }
    claims.into()
}

fn reason(winner: &ConflictKey, loser: &ConflictKey) -> ShadowReason {
    if winner.object == loser.object {
        ShadowReason::EarlierInObject
    } else if winner.is_older_than(loser) {
        ShadowReason::Older
    } else if winner.descends() {
        ShadowReason::GreaterName
    } else {
        ShadowReason::LesserName
    }
}

fn duplicate(pattern: &HostPattern, loser: &Route, winner: &Route, reason: ShadowReason) -> Diagnostic {
    let path = loser.path.as_str();
    let (code, message) = if loser.path == winner.path {
        (Code::DuplicateRule, format!("host `{pattern}` already has {} `{path}`", loser.path.kind()))
    } else {
        let other = winner.path.as_str();
        (Code::TrailingSlashDuplicate, format!("prefix `{path}` of host `{pattern}` is the same rule as `{other}`"))
    };
    Diagnostic::new(code, Some(Arc::clone(&loser.origin.object)), loser.origin.field.clone(), message)
        .with_related(winner.origin.clone(), format!("this one answers because {}", reason.as_str()))
}

/// Where a member names its host.
fn field(member: &Member<'_>) -> FieldPath {
    match member.part.rules.first() {
        Some(rule) => FieldPath::text(format!("spec.rules[{rule}].host")),
        None => FieldPath::named(&"spec"),
    }
}

fn mixed(pattern: &HostPattern, member: &Member<'_>, first: &Member<'_>, is_closed: bool) -> Diagnostic {
    let (ours, theirs) = (first.dialect.name(), member.dialect.name());
    let message = format!(
        "host `{pattern}` is read as {ours} because of `{}`, this Ingress as {theirs}",
        first.key.object.path()
    );
    Diagnostic::new(Code::MixedDialects, Some(Arc::clone(&member.key.object)), field(member), message)
        .with_help("give each host to one ingress class")
        .with_outcome(
            if is_closed { Severity::Error } else { Severity::Warning },
            if is_closed { Effect::RouteRefused } else { Effect::None },
        )
}

fn orphan(pattern: &HostPattern, member: &Member<'_>, out: &mut Vec<Diagnostic>) {
    let message = format!("canary of host `{pattern}`, which no other Ingress has");
    out.push(
        Diagnostic::new(Code::CanaryWithoutPrimary, Some(Arc::clone(&member.key.object)), field(member), message)
            .with_help("a canary takes requests from an ordinary Ingress with the same host, path and pathType"),
    );
}
