//! Servers whose locations are expressions.
//!
//! One location with `use-regex`, or with a rewrite, makes every location of its server `~* "^<path>"`: without regard to
//! case, tied to the beginning, whatever its type and whoever wrote it. They are tried by the length of their paths.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Members, Order};
use crate::diagnostic::{Code, Diagnostic};
use crate::dialect::HostDraft;
use crate::object::{FieldPath, Origin};
use crate::path::{PathKind, PathPattern, RegexPattern, Search};
use crate::policy::{Rewrite, Route, RoutePolicy, Target};

const UNSUPPORTED: &str = "regex-unsupported";

/// One location of a path.
struct Expression {
    text: String,
    /// The target that its requests are rewritten to.
    rewrite: Option<Box<str>>,
}

/// Makes every path an expression if some location asks for it, and says whether.
pub(super) fn apply(draft: &mut HostDraft<'_>, members: &Members<'_>, out: &mut Vec<Diagnostic>) -> bool {
    let exact = draft.routes.iter().filter(|route| route.path.kind() == PathKind::Exact);
    let exact: BTreeSet<String> = exact.map(|route| route.path.as_str().to_owned()).collect();
    let unreached = unreached(draft, members);
    let locations = draft.routes.iter().chain(unreached);
    let cause = locations.filter_map(|route| Some((members.order(route), cause(route, members, &exact)?)));
    let Some((_, cause)) = cause.min_by(|(a, _), (b, _)| a.cmp(b)) else { return false };
    draft.settings.regex = Some(cause.clone());
    let mut routes = std::mem::take(&mut draft.routes);
    // Of two with one text the first that was written is tried first.
    routes.sort_by_cached_key(|route| members.order(route));
    for route in routes {
        let is_exact = route.path.kind() == PathKind::Exact;
        let is_own = self::cause(&route, members, &exact).is_some();
        // `/` is `/` however it is matched.
        if is_exact || (!is_own && route.path.as_str() != "/") {
            out.push(flipped(draft, &route, &cause));
        }
        let order = u32::try_from(draft.routes.len()).unwrap_or(u32::MAX);
        let expression = expression(&route, members, &exact);
        draft.routes.push(location(&route, &expression, order, out));
    }
    true
}

/// Locations that the controller keeps although no request reaches them. It looks for a rule that is the same as far as the
/// first of the same path; where that is of another type it finds none and adds one more.
pub(super) fn unreached<'d>(draft: &'d HostDraft<'_>, members: &Members<'_>) -> impl Iterator<Item = &'d Route> {
    let mut first: BTreeMap<&str, (Order, PathKind)> = BTreeMap::new();
    for route in &draft.routes {
        let here = (members.order(route), route.path.kind());
        let kept = first.entry(route.path.as_str()).or_insert_with(|| here.clone());
        if here < *kept {
            *kept = here;
        }
    }
    draft
        .shadowed
        .iter()
        .map(|shadowed| &shadowed.route)
        .filter(move |route| first.get(route.path.as_str()).is_some_and(|(_, kind)| *kind != route.path.kind()))
}

/// The location that a path becomes.
fn expression(route: &Route, members: &Members<'_>, exact: &BTreeSet<String>) -> Expression {
    let path = route.path.as_str();
    let intent = members.of(route).filter(|_| route.policy.is_some()).map(|(_, member)| member);
    let intent = intent.filter(|member| !member.is_catch_all).map(|member| member.intent);
    let target = intent.and_then(|intent| intent.rewrite_target.clone());
    let use_regex = intent.is_some_and(|intent| intent.use_regex);
    let rewrite = target.filter(|target| **target != *path);
    if route.path.kind() == PathKind::Exact || path == "/" || use_regex || rewrite.is_some() {
        return Expression { text: path.to_owned(), rewrite };
    }
    // The controller splits a plain prefix before it finds out that the server has expressions, and an Exact path takes
    // the place of the part without the slash.
    let text = if exact.contains(path) { format!("{}/", path.trim_end_matches('/')) } else { path.to_owned() };
    Expression { text, rewrite: None }
}

/// The annotation by which a route makes its server match by expressions.
fn cause(route: &Route, members: &Members<'_>, exact: &BTreeSet<String>) -> Option<Origin> {
    route.policy.as_ref()?;
    // Of an Ingress without rules the controller takes over neither.
    let (_, member) = members.of(route).filter(|(_, member)| !member.is_catch_all)?;
    let key = match member.intent.use_regex {
        true => "use-regex",
        false => {
            expression(route, members, exact).rewrite?;
            "rewrite-target"
        }
    };
    let field = FieldPath::text(format!("metadata.annotations[{}{key}]", super::super::PREFIX));
    Some(Origin { object: Arc::clone(&route.origin.object), field })
}

/// A route as one location.
fn location(route: &Route, expression: &Expression, order: u32, out: &mut Vec<Diagnostic>) -> Route {
    let mut location = route.clone();
    let shown = route.path.as_str();
    let text = unquoted(&expression.text);
    let report = |code, message: String| {
        let object = Some(Arc::clone(&route.origin.object));
        Diagnostic::new(code, object, route.origin.field.join("path"), format!("path `{shown}`: {message}"))
    };
    let pattern = match RegexPattern::nginx(&text) {
        Ok(pattern) => {
            let caveats = RegexPattern::caveats(&text).into_iter();
            out.extend(caveats.map(|caveat| report(Code::DiffersFromIngressNginx, caveat)));
            pattern
        }
        Err(error) => {
            out.push(report(Code::RegexUnsupported, format!("{error}; requests that begin like it get 503")));
            location.target = Target::invalid(503, UNSUPPORTED);
            // What is guarded must not be answered by another location.
            let filters = route.policy.as_deref().map(|policy| &policy.filters);
            let is_guarded = filters.is_some_and(|filters| filters.access.restricts());
            RegexPattern::beginning_of(&text, is_guarded)
        }
    };
    location.path = PathPattern::Regex(pattern.with_text(shown, order));
    if let (Some(target), Some(policy)) = (&expression.rewrite, &route.policy)
        && !matches!(location.target, Target::Invalid(_))
    {
        let rewrite = Search::new(&text, true).ok().and_then(|search| Rewrite::new(search, target).ok());
        match rewrite {
            Some(rewrite) => {
                let filters = Arc::clone(&policy.filters);
                location.policy = Some(Arc::new(RoutePolicy { filters, rewrite: Some(rewrite) }));
            }
            None => location.target = Target::invalid(503, UNSUPPORTED),
        }
    }
    location
}

fn flipped(draft: &HostDraft<'_>, route: &Route, cause: &Origin) -> Diagnostic {
    let (host, kind, path) = (draft.pattern, route.path.kind(), route.path.as_str());
    let message =
        format!("{kind} `{path}` of host `{host}` is matched as a case-insensitive regex from its beginning on");
    let object = Some(Arc::clone(&route.origin.object));
    let why = "this makes every path of the host a regex";
    Diagnostic::new(Code::RegexHost, object, route.origin.field.join("path"), message).with_related(cause.clone(), why)
}

/// A path as nginx reads it from between double quotes in its configuration.
fn unquoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let quoted = match (c, chars.peek()) {
            ('\\', Some(quoted @ ('"' | '\'' | '\\'))) => *quoted,
            ('\\', Some('t')) => '\t',
            ('\\', Some('r')) => '\r',
            ('\\', Some('n')) => '\n',
            _ => {
                out.push(c);
                continue;
            }
        };
        chars.next();
        out.push(quoted);
    }
    out
}
