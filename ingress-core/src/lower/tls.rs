//! One certificate for one name out of all the TLS entries that speak of it.
//!
//! The first object in conflict order is the one that counts. If its Secret cannot be used the default certificate answers,
//! not the next object's: which certificate a name has must not depend on the state of somebody else's Secret.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::conflict::ConflictKey;
use crate::diagnostic::{Code, Diagnostic};
use crate::dialect::{Intent, Semantics, WildcardDepth};
use crate::host::HostPattern;
use crate::model::{CertificateState, Ingress, Inputs};
use crate::object::{FieldPath, Kind, ObjectRef, Origin};
use crate::policy::{CertificateEntry, CertificateId};

/// What an object says of the certificate of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TlsClaim {
    /// An entry lists the name: the entry, and the place of the name in it.
    Listed(usize, usize),
    /// An entry that lists no names is meant.
    Entry(usize),
    /// No entry lists the name; the first whose certificate is good for it counts.
    Search,
    /// The name is another one for this host.
    SameAs(HostPattern),
}

/// An object's claim for a name.
pub(super) struct TlsMember<'a> {
    pub(super) key: &'a ConflictKey,
    pub(super) ingress: &'a Ingress,
    pub(super) intent: Option<&'a Intent>,
    pub(super) claim: &'a TlsClaim,
}

/// The names that the entries of an object list.
pub(super) fn listed(
    object: &Arc<ObjectRef>,
    ingress: &Ingress,
    semantics: &Semantics,
    out: &mut Vec<Diagnostic>,
) -> BTreeMap<HostPattern, TlsClaim> {
    let mut claims: BTreeMap<HostPattern, TlsClaim> = BTreeMap::new();
    let secret_of = |i: usize| ingress.spec.tls.get(i).map(|entry| &entry.secret_name);
    for (i, entry) in ingress.spec.tls.iter().enumerate() {
        let needs_list = semantics.certificates == crate::dialect::CertificateScope::ListedHosts;
        if needs_list && entry.hosts.is_empty() && !entry.secret_name.is_empty() {
            let field = FieldPath::text(format!("spec.tls[{i}]"));
            let message = format!("lists no hosts, so secret `{}` is never served", entry.secret_name);
            out.push(
                Diagnostic::new(Code::TlsWithoutHosts, Some(Arc::clone(object)), field, message)
                    .with_help("list the names that the certificate is for under `hosts`"),
            );
        }
        for (j, host) in entry.hosts.iter().enumerate() {
            let pattern = match (HostPattern::for_certificate(host), semantics.wildcard_depth) {
                (Ok(HostPattern::Wildcard(name)), WildcardDepth::Any) => HostPattern::Deep(name),
                (Ok(pattern), _) => pattern,
                (Err(_), _) => continue,
            };
            match claims.get(&pattern) {
                None => {
                    claims.insert(pattern, TlsClaim::Listed(i, j));
                }
                Some(TlsClaim::Listed(first, at)) if secret_of(*first) != secret_of(i) => {
                    let place = |i, j| Origin { object: Arc::clone(object), field: name_field(i, j) };
                    out.push(conflict(host, place(i, j), place(*first, *at)));
                }
                Some(_) => {}
            }
        }
    }
    claims
}

/// The hosts of an object's rules, if it has any TLS entry.
pub(super) fn of_rules(ingress: &Ingress, hosts: &[HostPattern]) -> BTreeMap<HostPattern, TlsClaim> {
    let claim_of = |pattern: &HostPattern| {
        let text = pattern.to_string();
        for (i, entry) in ingress.spec.tls.iter().enumerate() {
            if let Some(j) = entry.hosts.iter().position(|host| host.eq_ignore_ascii_case(&text)) {
                return TlsClaim::Listed(i, j);
            }
        }
        TlsClaim::Search
    };
    if ingress.spec.tls.is_empty() {
        return BTreeMap::new();
    }
    let named = hosts.iter().filter(|pattern| **pattern != HostPattern::Any);
    named.map(|pattern| (pattern.clone(), claim_of(pattern))).collect()
}

/// The entries that a claim may end at.
pub(super) fn entries(claim: &TlsClaim, ingress: &Ingress) -> impl Iterator<Item = usize> {
    match claim {
        TlsClaim::Listed(entry, _) | TlsClaim::Entry(entry) => *entry..entry.saturating_add(1),
        TlsClaim::Search | TlsClaim::SameAs(_) => 0..ingress.spec.tls.len(),
    }
}

/// Chooses the certificate; the members come in conflict order.
pub(super) fn certificate(
    pattern: &HostPattern,
    members: &[TlsMember<'_>],
    inputs: &Inputs,
    out: &mut Vec<Diagnostic>,
) -> Option<CertificateEntry> {
    let mut winner: Option<(CertificateEntry, Option<ObjectRef>)> = None;
    for member in members {
        let object = &member.key.object;
        let Some((entry, origin)) = place(member, pattern, inputs) else { continue };
        let secret = entry.and_then(|entry| self::secret(object, member.ingress, entry));
        match &winner {
            None => {
                let unresolved = entry.and_then(|entry| member.intent?.certificates.get(&entry));
                let certificate = match (&secret, entry, unresolved) {
                    (Some(secret), Some(entry), None) => {
                        let resolved = member.intent.and_then(|intent| intent.resolved_certificates.get(&entry));
                        usable(pattern, secret, &origin, (entry, resolved), inputs, out)
                    }
                    _ => CertificateId::Default,
                };
                winner = Some((CertificateEntry { certificate, origin }, secret));
            }
            Some((_, first)) if *first == secret || !matches!(member.claim, TlsClaim::Listed(..)) => {}
            Some((entry, _)) => out.push(conflict(&pattern.to_string(), origin, entry.origin.clone())),
        }
    }
    winner.map(|(entry, _)| entry)
}

/// The entry that a claim ends at, none for the default certificate, and where it is written.
fn place(member: &TlsMember<'_>, pattern: &HostPattern, inputs: &Inputs) -> Option<(Option<usize>, Origin)> {
    let object = &member.key.object;
    let origin = |field| Origin { object: Arc::clone(object), field };
    let of_entry = |entry: usize| origin(FieldPath::text(format!("spec.tls[{entry}]")));
    match member.claim {
        TlsClaim::Listed(entry, host) => Some((Some(*entry), origin(name_field(*entry, *host)))),
        TlsClaim::Entry(entry) => Some((Some(*entry), of_entry(*entry))),
        // Resolved by whoever knows the other host.
        TlsClaim::SameAs(_) => None,
        TlsClaim::Search => {
            let covering = member.ingress.spec.tls.iter().enumerate().find(|(i, entry)| {
                let Some(secret) = secret(object, member.ingress, *i) else { return false };
                if !inputs.has_secrets() {
                    // An entry without names can only be meant for the hosts of the rules.
                    return entry.hosts.is_empty();
                }
                matches!(
                    inputs.secret(&secret).map(|secret| &secret.state.certificate),
                    Some(CertificateState::Usable { dns_names }) if dns_names.iter().any(|name| covers(name, pattern))
                )
            });
            Some(match covering {
                Some((entry, _)) => (Some(entry), of_entry(entry)),
                None => (None, origin(FieldPath::named(&"spec.tls"))),
            })
        }
    }
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
    (entry, resolved): (usize, Option<&Vec<Box<str>>>),
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
    match (inputs.secret(secret).map(|secret| &secret.state.certificate), resolved) {
        (None, _) => report(Code::SecretNotFound, field(), format!("Secret `{}` is not in the input", secret.path())),
        (Some(CertificateState::Unusable { reason }), None) => {
            report(Code::SecretUnusable, field(), format!("Secret `{}` {reason}", secret.path()))
        }
        (Some(CertificateState::Usable { dns_names }), _)
        | (Some(CertificateState::Unusable { .. }), Some(dns_names))
            if !dns_names.iter().any(|name| covers(name, pattern)) =>
        {
            let names: Vec<&str> = dns_names.iter().map(|name| &**name).collect();
            let message = format!(
                "the certificate in Secret `{}` does not cover `{pattern}`, only {}",
                secret.path(),
                if names.is_empty() { "no DNS name at all".to_owned() } else { format!("`{}`", names.join("`, `")) }
            );
            report(Code::CertificateHostMismatch, origin.field.clone(), message)
        }
        (Some(_), _) => id,
    }
}

/// Whether the certificate that another host has is good for an alias of it. What is not known is taken as written.
pub(super) fn covers_alias(certificate: &CertificateId, alias: &HostPattern, inputs: &Inputs) -> bool {
    let CertificateId::Secret { namespace, name } = certificate else { return true };
    if !inputs.has_secrets() {
        return true;
    }
    let secret = ObjectRef::new(Kind::Secret, Arc::clone(namespace), Arc::clone(name));
    match inputs.secret(&secret).map(|secret| &secret.state.certificate) {
        Some(CertificateState::Usable { dns_names }) => dns_names.iter().any(|name| covers(name, alias)),
        _ => false,
    }
}

/// Whether a subject alternative name is good for a host or a wildcard (RFC 6125 6.4.3: `*` stands for one whole label).
/// A host of any depth is covered by the certificate for its wildcard.
fn covers(name: &str, pattern: &HostPattern) -> bool {
    let name = name.to_ascii_lowercase();
    match (HostPattern::for_certificate(&name), pattern) {
        // Of a rule for every name it is the client that knows which one it means.
        (_, HostPattern::Any) => true,
        (Ok(HostPattern::Wildcard(covered)), HostPattern::Suffix(suffix) | HostPattern::Deep(suffix)) => {
            covered == *suffix
        }
        (Ok(covered), pattern) if covered == *pattern => true,
        (Ok(covered @ HostPattern::Wildcard(_)), HostPattern::Exact(host)) => covered.matches(host.as_str()),
        _ => false,
    }
}
