//! One host out of all the rules that name it.
//!
//! Rules with the same path and type are one rule: the first in conflict order answers, the others are kept as shadowed
//! and reported at their own place.

use std::collections::BTreeMap;
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
    let mut merged: Vec<(Route, &ConflictKey)> = Vec::new();
    let mut shadowed = Vec::new();
    // What makes two rules the same, with the place of the first.
    let mut first: BTreeMap<(PathKind, Box<str>), usize> = BTreeMap::new();
    for member in members {
        for route in read::routes(&member.key.object, member.ingress, member.rules, policy) {
            let identity = (route.path.kind(), route.path.significant().into());
            let Some((winner, winner_key)) = first.get(&identity).and_then(|&place| merged.get(place)) else {
                first.insert(identity, merged.len());
                merged.push((route, member.key));
                continue;
            };
            let reason = if winner_key.object == member.key.object {
                ShadowReason::EarlierInObject
            } else if winner_key.is_older_than(member.key) {
                ShadowReason::Older
            } else {
                ShadowReason::LesserName
            };
            out.push(duplicate(&pattern, &route, winner, reason));
            shadowed.push(Shadowed { route, winner: winner.origin.clone(), reason });
        }
    }
    let routes = merged.into_iter().map(|(route, _)| route).collect();
    VirtualHost::new(pattern, policy, routes, shadowed)
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
