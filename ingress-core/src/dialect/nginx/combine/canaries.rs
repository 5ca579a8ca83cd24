//! Canaries, each attached to the backend of the location with its path and type.

use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic};
use crate::dialect::{Attachment, DraftMember, HostDraft, Role};
use crate::model::{IngressBackend, PathType};
use crate::object::{FieldPath, Origin};
use crate::path::{PathKind, PathPattern};
use crate::policy::{BackendRef, CanaryRule, PortRef, Reach, Target};

/// Attaches the canaries of a host, oldest first.
pub(super) fn attach(draft: &mut HostDraft<'_>, out: &mut Vec<Diagnostic>) {
    let members = draft.members;
    for member in members {
        let Role::Canary(rule) = &member.intent.role else { continue };
        for &i in member.rules {
            let http = member.ingress.spec.rules.get(i).and_then(|rule| rule.http.as_ref());
            for (j, path) in http.map_or(&[][..], |http| &http.paths).iter().enumerate() {
                let text = if path.path.is_empty() { "/" } else { &path.path };
                let kind = if path.path_type == Some(PathType::Exact) { PathKind::Exact } else { PathKind::Prefix };
                let origin = Origin { object: Arc::clone(member.object), field: FieldPath::rule_path(i, j) };
                attach_one(draft, member, rule, (kind, text), &path.backend, origin, out);
            }
        }
        if member.is_catch_all
            && let Some(default) = &member.ingress.spec.default_backend
        {
            let origin = Origin { object: Arc::clone(member.object), field: FieldPath::named(&"spec.defaultBackend") };
            attach_one(draft, member, rule, (PathKind::Prefix, "/"), default, origin, out);
        }
    }
}

fn attach_one(
    draft: &mut HostDraft<'_>,
    member: &DraftMember<'_>,
    rule: &Arc<CanaryRule>,
    (kind, text): (PathKind, &str),
    backend: &IngressBackend,
    origin: Origin,
    out: &mut Vec<Diagnostic>,
) {
    let Some(service) = &backend.service else { return };
    let port = match u16::try_from(service.port.number) {
        Ok(number) if number > 0 => PortRef::Number(number),
        _ => PortRef::Name((*service.port.name).into()),
    };
    let canary = Arc::new(BackendRef {
        namespace: Arc::clone(&member.object.namespace),
        service: (*service.name).into(),
        port,
        reach: member.intent.reach.unwrap_or(Reach::EndpointsByTargetPort),
    });
    let is_same = |path: &PathPattern| path.kind() == kind && path.as_str() == text;
    let primary = draft.routes.iter().find(|route| is_same(&route.path)).map(|route| &route.target);
    match primary {
        Some(Target::Backend(primary)) if *primary == canary => {
            out.push(finding(&origin, "has the same backend as the rule that it is a canary of".to_owned()));
        }
        // What everybody shares is nobody's to take requests from.
        Some(Target::Backend(primary)) if draft.default_backend == Some(primary) => {
            out.push(finding(&origin, "would be a canary of the controller's own default backend".to_owned()));
        }
        Some(Target::Backend(primary)) => {
            let (primary, rule) = (Arc::clone(primary), Arc::clone(rule));
            draft.attachments.push(Attachment { primary, canary, rule, origin });
        }
        _ => {
            let host = draft.pattern;
            out.push(finding(&origin, format!("canary of {kind} `{text}`, which host `{host}` has no backend for")));
        }
    }
}

fn finding(origin: &Origin, message: String) -> Diagnostic {
    Diagnostic::new(Code::CanaryWithoutPrimary, Some(Arc::clone(&origin.object)), origin.field.clone(), message)
        .with_help("a canary takes requests from an ordinary Ingress with the same host, path and pathType")
}
