//! One certificate for one name out of all the TLS entries that list it.
//!
//! The first entry in conflict order is the one that counts. If its Secret cannot be used the default certificate answers,
//! not the next entry's: which certificate a name has must not depend on the state of somebody else's Secret.

use std::sync::Arc;

use super::conflict::ConflictKey;
use crate::diagnostic::{Code, Diagnostic};
use crate::host::HostPattern;
use crate::model::{CertificateState, Ingress, Inputs};
use crate::object::{FieldPath, Kind, ObjectRef, Origin};
use crate::policy::{CertificateEntry, CertificateId};

/// An object's entry for a name.
pub(super) struct TlsMember<'a> {
    pub(super) key: &'a ConflictKey,
    pub(super) ingress: &'a Ingress,
    /// Index of the entry and of the name in it.
    pub(super) place: (usize, usize),
}

/// Chooses the certificate; the members come in conflict order and there is at least one.
pub(super) fn certificate(
    pattern: &HostPattern,
    members: &[TlsMember<'_>],
    inputs: &Inputs,
    out: &mut Vec<Diagnostic>,
) -> Option<CertificateEntry> {
    let mut winner: Option<(CertificateEntry, Option<ObjectRef>)> = None;
    for member in members {
        let object = &member.key.object;
        let (entry, host) = member.place;
        let origin = Origin { object: Arc::clone(object), field: name_field(entry, host) };
        let secret = self::secret(object, member.ingress, entry);
        match &winner {
            None => {
                let certificate = match &secret {
                    None => CertificateId::Default,
                    Some(secret) => usable(pattern, secret, &origin, entry, inputs, out),
                };
                winner = Some((CertificateEntry { certificate, origin }, secret));
            }
            Some((_, first)) if *first == secret => {}
            Some((entry, _)) => out.push(conflict(&pattern.to_string(), origin, entry.origin.clone())),
        }
    }
    winner.map(|(entry, _)| entry)
}

/// The place of a name in a TLS entry.
pub(super) fn name_field(entry: usize, host: usize) -> FieldPath {
    FieldPath::text(format!("spec.tls[{entry}].hosts[{host}]"))
}

/// The namespace and name of the Secret of a TLS entry, none if it names no Secret.
pub(super) fn secret(object: &ObjectRef, ingress: &Ingress, entry: usize) -> Option<ObjectRef> {
    let entry = ingress.spec.tls.get(entry)?;
    let name = (!entry.secret_name.is_empty()).then_some(&*entry.secret_name)?;
    Some(ObjectRef::new(Kind::Secret, Arc::clone(&object.namespace), name))
}

/// The finding for an entry that comes too late for a name.
pub(super) fn conflict(name: &str, loser: Origin, winner: Origin) -> Diagnostic {
    let message = format!("`{name}` already has another certificate");
    Diagnostic::new(Code::TlsHostConflict, Some(loser.object), loser.field, message)
        .with_related(winner, "this entry counts")
}

fn usable(
    pattern: &HostPattern,
    secret: &ObjectRef,
    origin: &Origin,
    entry: usize,
    inputs: &Inputs,
    out: &mut Vec<Diagnostic>,
) -> CertificateId {
    let id = CertificateId::Secret { namespace: Arc::clone(&secret.namespace), name: Arc::clone(&secret.name) };
    if !inputs.has_secrets() {
        return id;
    }
    let mut report = |code, field, message: String| {
        let message = format!("{message}; the default certificate is served");
        out.push(Diagnostic::new(code, Some(Arc::clone(&origin.object)), field, message));
        CertificateId::Default
    };
    let field = || FieldPath::text(format!("spec.tls[{entry}].secretName"));
    match inputs.secret(secret).map(|secret| &secret.certificate) {
        None => report(Code::SecretNotFound, field(), format!("Secret `{}` is not in the input", secret.path())),
        Some(CertificateState::Unusable { reason }) => {
            report(Code::SecretUnusable, field(), format!("Secret `{}` {reason}", secret.path()))
        }
        Some(CertificateState::Usable { dns_names }) if !dns_names.iter().any(|name| covers(name, pattern)) => {
            let names: Vec<&str> = dns_names.iter().map(|name| &**name).collect();
            let message = format!(
                "the certificate in Secret `{}` does not cover `{pattern}`, only {}",
                secret.path(),
                if names.is_empty() { "no DNS name at all".to_owned() } else { format!("`{}`", names.join("`, `")) }
            );
            report(Code::CertificateHostMismatch, origin.field.clone(), message)
        }
        Some(CertificateState::Usable { .. }) => id,
    }
}

/// Whether a subject alternative name is good for a host or a wildcard (RFC 6125 6.4.3: `*` stands for one whole label).
fn covers(name: &str, pattern: &HostPattern) -> bool {
    let name = name.to_ascii_lowercase();
    match HostPattern::for_certificate(&name) {
        Ok(covered) if covered == *pattern => true,
        Ok(covered @ HostPattern::Wildcard(_)) => match pattern {
            HostPattern::Exact(host) => covered.matches(host.as_str()),
            _ => false,
        },
        _ => false,
    }
}
