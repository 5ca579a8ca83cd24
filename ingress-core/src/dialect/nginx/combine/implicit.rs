//! The location `/` that every server has.
//!
//! It is the default backend of the oldest Ingress that names the host, else the controller's, and has the annotations of
//! that Ingress. For names that no host has it is the default backend of the oldest Ingress without rules, which then comes
//! before any rule for `/`.

use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic};
use crate::dialect::{DraftMember, HostDraft, Intent};
use crate::host::HostPattern;
use crate::object::{FieldPath, Origin};
use crate::path::{PathKind, PathPattern};
use crate::policy::{Filters, Route, RoutePolicy, ShadowReason, Shadowed, Target};

/// Adds the location, unless a rule takes its place.
pub(super) fn add(draft: &mut HostDraft<'_>, out: &mut Vec<Diagnostic>) {
    let ordinary = |member: &&DraftMember<'_>| member.intent.is_ordinary();
    let mut members = draft.members.iter().filter(ordinary);
    let catch_all = draft.members.iter().filter(ordinary).find(|member| member.is_catch_all);
    let Some(member) = catch_all.or_else(|| members.find(|member| !member.rules.is_empty())) else { return };
    let rule =
        draft.routes.iter().position(|route| route.path.kind() == PathKind::Prefix && route.path.as_str() == "/");
    match (rule, catch_all) {
        (Some(_), None) => return,
        (Some(place), Some(winner)) => {
            let route = draft.routes.remove(place);
            let origin = default_field(winner);
            let message = "prefix `/` is taken by the default backend of an Ingress without rules";
            let object = Some(Arc::clone(&route.origin.object));
            let finding = Diagnostic::new(Code::DuplicateRule, object, route.origin.field.clone(), message);
            out.push(
                finding.with_related(
                    origin.clone(),
                    format!("this one answers because {}", ShadowReason::CatchAll.as_str()),
                ),
            );
            draft.shadowed.push(Shadowed { winner: origin, route, reason: ShadowReason::CatchAll });
        }
        (None, _) => {}
    }
    let is_host = *draft.pattern != HostPattern::Any;
    let own = member.default.filter(|_| is_host || member.is_catch_all);
    let nowhere = || match draft.default_backend {
        Some(reference) => Target::Backend(Arc::clone(reference)),
        None => Target::respond(404, "no-path"),
    };
    let origin = if own.is_some() { default_field(member) } else { host_field(member) };
    let target = own.cloned().unwrap_or_else(nowhere);
    let intent = member.intent;
    let path = PathPattern::Prefix("/".into());
    let policy = intent.filters.as_ref().map(|filters| {
        let filters = match member.is_catch_all {
            // Of an Ingress without rules the controller does not take over what redirects.
            true => Arc::new(Filters { tls_redirect: None, ..(**filters).clone() }),
            false => Arc::clone(filters),
        };
        Arc::new(RoutePolicy { filters, rewrite: None })
    });
    // A rule for every host lends the server of unknown names nothing: its `/` is the controller's own.
    let lends = is_host || member.is_catch_all;
    let policy = policy.filter(|_| lends);
    let target = match (&intent.refused, &intent.redirect) {
        _ if !lends => target,
        (Some(refused), _) => Target::Invalid(Box::new(*refused)),
        (None, Some(redirect)) if !member.is_catch_all => {
            out.push(governs(draft.pattern, member, "redirect"));
            Target::Redirect(Box::new(redirect.clone()))
        }
        (None, _) => target,
    };
    draft.routes.push(Route { policy, ..Route::new(path, target, origin) });
}

/// Gives the `/` that no Ingress lends its annotations to what the controller does with all requests. It comes last: what has a policy
/// before is an Ingress's, and rules without one are another dialect's.
pub(super) fn guard(draft: &mut HostDraft<'_>, of_controller: &dyn Fn() -> Intent) {
    for route in draft.routes.iter_mut().filter(|route| route.policy.is_none() && route.is_implicit()) {
        let intent = of_controller();
        if let Some(refused) = intent.refused {
            route.target = Target::Invalid(Box::new(refused));
        }
        route.policy = intent.filters.map(|filters| Arc::new(RoutePolicy { filters, rewrite: None }));
    }
}

fn default_field(member: &DraftMember<'_>) -> Origin {
    Origin { object: Arc::clone(member.object), field: FieldPath::named(&"spec.defaultBackend") }
}

fn host_field(member: &DraftMember<'_>) -> Origin {
    let rule = member.rules.first().copied().unwrap_or_default();
    Origin { object: Arc::clone(member.object), field: FieldPath::text(format!("spec.rules[{rule}].host")) }
}

fn governs(pattern: &HostPattern, member: &DraftMember<'_>, what: &str) -> Diagnostic {
    let message = format!("its {what} also takes every path of host `{pattern}` that no rule lists");
    let field = FieldPath::named(&"metadata.annotations");
    Diagnostic::new(Code::ImplicitLocation, Some(Arc::clone(member.object)), field, message).with_help(
        "the oldest Ingress of a host lends its annotations to the host's own `/`; give `/` a rule of its own",
    )
}
