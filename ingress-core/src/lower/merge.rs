//! One host out of all the rules that name it.
//!
//! Rules with the same path and type are one rule: the first in conflict order answers, the others are kept as shadowed
//! and reported at their own place.

use std::sync::Arc;

use super::conflict::ConflictKey;
use super::read;
use crate::diagnostic::{Code, Diagnostic};
use crate::host::HostPattern;
use crate::model::Ingress;
use crate::path::{PathKind, PathPolicy};
use crate::policy::{Route, ShadowReason, Shadowed, VirtualHost};

/// An object's part in a host.
pub(super) struct Member<'a> {
    pub(super) key: &'a ConflictKey,
    pub(super) ingress: &'a Ingress,
    /// Its rules that name the host.
    pub(super) rules: &'a [usize],
}

/// Merges the members, which come in conflict order.
pub(super) fn host(
    pattern: HostPattern,
    policy: PathPolicy,
    members: &[Member<'_>],
    out: &mut Vec<Diagnostic>,
) -> VirtualHost {
    let written = members.iter().flat_map(|member| {
        let routes = read::routes(&member.key.object, member.ingress, member.rules, policy);
        routes.map(|route| (route, member.key))
    });
    let mut written: Vec<(Route, &ConflictKey)> = written.collect();
    // Rules that are the same next to each other, the first in conflict order first.
    written.sort_by(|(a, _), (b, _)| identity(a).cmp(&identity(b)));
    let mut routes: Vec<Route> = Vec::with_capacity(written.len());
    let mut winner_key = None;
    let mut shadowed = Vec::new();
    for (route, key) in written {
        let winner = routes.last().filter(|winner| identity(winner) == identity(&route));
        let (Some(winner), Some(best)) = (winner, winner_key) else {
            winner_key = Some(key);
            routes.push(route);
            continue;
        };
        let reason = reason(best, key);
        out.push(duplicate(&pattern, &route, winner, reason));
        shadowed.push(Shadowed { winner: winner.origin.clone(), route, reason });
    }
    VirtualHost::new(pattern, policy, routes, shadowed)
}

/// What makes two rules of one host the same.
fn identity(route: &Route) -> (PathKind, &str) {
    (route.path.kind(), route.path.significant())
}

fn reason(winner: &ConflictKey, loser: &ConflictKey) -> ShadowReason {
    if winner.object == loser.object {
        ShadowReason::EarlierInObject
    } else if winner.is_older_than(loser) {
        ShadowReason::Older
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
