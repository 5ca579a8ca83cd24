//! Paths as the locations of an nginx server whose locations are literal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::{auth, redirect};
use super::Members;
use crate::diagnostic::{Code, Diagnostic};
use crate::dialect::HostDraft;
use crate::dialect::nginx::settings::Settings;
use crate::path::{PathPattern, canonical};
use crate::policy::{
    Filters, Location, Redirect, Route, RoutePolicy, Satisfy, Schemes, ShadowReason, Shadowed, Target,
};

/// Takes restrictions from the paths that the settings leave out of them.
pub(super) fn exempt(draft: &mut HostDraft<'_>, settings: &Settings) {
    for route in &mut draft.routes {
        let Some(policy) = &route.policy else { continue };
        let path = route.path.as_str();
        let without_redirect = policy.filters.tls_redirect.is_some() && redirect::is_exempt(settings, path);
        let is_global = policy.filters.access.external.is_some();
        let without_auth = is_global && auth::is_exempt(settings, path);
        if !without_redirect && !without_auth {
            continue;
        }
        let mut filters: Filters = (*policy.filters).clone();
        if without_redirect {
            filters.tls_redirect = None;
        }
        if without_auth {
            filters.access.external = None;
            filters.access.satisfy = Satisfy::All;
        }
        route.policy = Some(Arc::new(RoutePolicy { filters: Arc::new(filters), rewrite: policy.rewrite.clone() }));
    }
}

/// Makes of each Prefix that ends in a slash a location for what is behind the slash, and sends clients there who come
/// without it, unless that path has a rule of its own.
pub(super) fn with_slash(draft: &mut HostDraft<'_>, members: &Members<'_>, out: &mut Vec<Diagnostic>) {
    drop_twins(draft, members, out);
    let mut taken: BTreeSet<Box<str>> = BTreeSet::new();
    for route in &draft.routes {
        if let PathPattern::Exact(text) | PathPattern::Prefix(text) = &route.path {
            taken.insert(text.clone());
        }
    }
    let mut redirects = Vec::new();
    for route in &mut draft.routes {
        let (PathPattern::Exact(text) | PathPattern::Prefix(text)) = &route.path else { continue };
        let Some(short) = text.strip_suffix('/').filter(|short| !short.is_empty()) else { continue };
        if taken.insert(short.into()) {
            let relative = members.of(route).is_some_and(|(_, member)| member.intent.relative_redirects);
            let location = Location::WithSlash { path: canonical::escaped(text), relative };
            let target = Target::Redirect(Box::new(Redirect { status: 301, location, reason: "trailing-slash" }));
            let without = Route::new(PathPattern::Exact(short.into()), target, route.origin.clone());
            redirects.push(Route { policy: route.policy.clone(), schemes: route.schemes, ..without });
        }
        if let PathPattern::Prefix(text) = &route.path {
            route.path = PathPattern::StringPrefix(text.clone());
        }
    }
    draft.routes.append(&mut redirects);
}

/// Of two prefixes that differ in their final slash nginx would refuse the second, and with it everything.
fn drop_twins(draft: &mut HostDraft<'_>, members: &Members<'_>, out: &mut Vec<Diagnostic>) {
    let mut routes = std::mem::take(&mut draft.routes);
    routes.sort_by_cached_key(|route| members.order(route));
    let mut first: BTreeMap<(Box<str>, Schemes), usize> = BTreeMap::new();
    for route in routes {
        let PathPattern::Prefix(text) = &route.path else {
            draft.routes.push(route);
            continue;
        };
        let key = (route.path.significant().into(), route.schemes);
        let winner = first.get(&key).and_then(|place| draft.routes.get(*place));
        let Some(winner) = winner.filter(|_| &**text != "/") else {
            first.insert(key, draft.routes.len());
            draft.routes.push(route);
            continue;
        };
        let (host, other) = (draft.pattern, winner.path.as_str());
        let message = format!("prefix `{text}` of host `{host}` is the same location as `{other}`");
        let object = Some(Arc::clone(&route.origin.object));
        let finding = Diagnostic::new(Code::TrailingSlashDuplicate, object, route.origin.field.clone(), message);
        let why = format!("this one answers because {}", ShadowReason::Earlier.as_str());
        out.push(finding.with_related(winner.origin.clone(), why));
        let winner = winner.origin.clone();
        draft.shadowed.push(Shadowed { winner, route, reason: ShadowReason::Earlier });
    }
}
