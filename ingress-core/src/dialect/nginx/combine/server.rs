//! Settings of a server that the annotations of its Ingresses make.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Members, regex};
use crate::diagnostic::{Code, Diagnostic, Effect, Severity};
use crate::dialect::{Aliases, DraftMember, HostDraft};
use crate::object::{FieldPath, Origin};
use crate::policy::{AppRoot, ClientCertificate, Target, VerifyClient};

/// Fills in the settings: of `app-root` that of the first location, of the others those of the oldest Ingress.
pub(super) fn settings(draft: &mut HostDraft<'_>, of: &Members<'_>, out: &mut Vec<Diagnostic>) {
    draft.settings.app_root = app_root(draft, of);
    let members = draft.members;
    // The server is made by the first Ingress that names the host.
    let oldest = members.iter().find(|member| member.intent.is_ordinary() && !member.rules.is_empty());
    let mut closed = BTreeSet::new();
    let mut named: Option<(&DraftMember<'_>, &Aliases)> = None;
    for member in members.iter().filter(|member| member.intent.is_ordinary()) {
        if let Some(certificate) = &member.intent.client_certificate {
            match &draft.settings.client_certificate {
                None => draft.settings.client_certificate = Some(certificate.clone()),
                Some(first) if first.asks_the_same(certificate) && first.match_cn == certificate.match_cn => {}
                Some(first) => {
                    let host = draft.pattern;
                    let message = format!("host `{host}` already asks for client certificates in another way");
                    let finding = conflict(annotation(member, "auth-tls-secret"), &first.origin, message);
                    if is_weaker(first, certificate) {
                        closed.insert(member.object);
                        out.push(finding.with_outcome(Severity::Error, Effect::RouteRefused));
                    } else {
                        out.push(finding);
                    }
                }
            }
        }
        if let Some(aliases) = member.intent.aliases.as_ref().filter(|_| !member.rules.is_empty()) {
            match named {
                None => named = Some((member, aliases)),
                Some((_, first)) if first.patterns == aliases.patterns => {}
                Some((first, _)) => {
                    let message = format!("host `{}` already has the aliases of an older Ingress", draft.pattern);
                    let winner = annotation(first, "server-alias");
                    out.push(conflict(annotation(member, "server-alias"), &winner, message));
                }
            }
        }
        if member.intent.passthrough && !member.rules.is_empty() {
            match oldest {
                Some(oldest) if oldest.object != member.object => {
                    let message =
                        format!("host `{}` is another Ingress's, which does not pass TLS through", draft.pattern);
                    out.push(conflict(
                        annotation(member, "ssl-passthrough"),
                        &annotation(oldest, "ssl-passthrough"),
                        message,
                    ));
                }
                _ => draft.settings.passthrough = Some(annotation(member, "ssl-passthrough")),
            }
        }
    }
    for route in draft.routes.iter_mut().filter(|route| closed.contains(&route.origin.object)) {
        route.target = Target::invalid(503, "annotation-invalid");
    }
}

/// Whether what counts lets clients pass that the other would refuse, whoever vouches for them.
fn is_weaker(counts: &ClientCertificate, other: &ClientCertificate) -> bool {
    let is_strict = |it: &ClientCertificate| it.unusable || it.verify == VerifyClient::On;
    (is_strict(other) && !is_strict(counts)) || (other.match_cn.is_some() && other.match_cn != counts.match_cn)
}

/// The controller writes one such answer per location, also for those that no request reaches; the first of them is given.
/// Its locations stand in the order of their paths as they are written, whatever their types: the longest first, then the
/// greatest text, then the first that was added.
fn app_root(draft: &HostDraft<'_>, of: &Members<'_>) -> Option<AppRoot> {
    let locations = draft.routes.iter().chain(regex::unreached(draft, of));
    let wanting = locations.filter_map(|route| {
        let (_, member) = of.of(route).filter(|(_, member)| !member.is_catch_all && route.policy.is_some())?;
        let redirect = member.intent.app_root.as_ref()?;
        let path = route.path.as_str();
        Some(((Reverse((path.len(), path)), of.order(route)), &route.origin, redirect))
    });
    let (_, origin, redirect) = wanting.min_by(|(a, ..), (b, ..)| a.cmp(b))?;
    let field = FieldPath::text(format!("metadata.annotations[{}app-root]", super::super::PREFIX));
    Some(AppRoot { redirect: redirect.clone(), origin: Origin { object: Arc::clone(&origin.object), field } })
}

fn annotation(member: &DraftMember<'_>, key: &str) -> Origin {
    let field = FieldPath::text(format!("metadata.annotations[{}{key}]", super::super::PREFIX));
    Origin { object: Arc::clone(member.object), field }
}

fn conflict(loser: Origin, winner: &Origin, message: String) -> Diagnostic {
    Diagnostic::new(Code::ServerSettingConflict, Some(loser.object), loser.field, message)
        .with_related(winner.clone(), "this one counts, for all paths of the host")
}
