//! What objects say of all requests to one backend.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::conflict::ConflictKey;
use super::merge::{Claimed, UpstreamClaim};
use crate::diagnostic::{Code, Diagnostic};
use crate::host::HostPattern;
use crate::object::FieldPath;
use crate::policy::{BackendRef, Canary, UpstreamPolicy, UpstreamSettings};

/// The claims for a backend, in conflict order.
#[derive(Debug, Default)]
pub(super) struct Claims {
    claims: BTreeMap<Place, UpstreamClaim>,
    /// The places of the claims that a host brought.
    by_host: BTreeMap<HostPattern, Vec<Place>>,
}

/// The order of a claim: that of its object, then that of its host, then that in which the host brings it.
type Place = (ConflictKey, HostPattern, usize);

impl UpstreamClaim {
    /// The backend that takes a part of the requests.
    pub(super) fn canary_backend(&self) -> Option<&Arc<BackendRef>> {
        match &self.what {
            Claimed::Canary(attachment) => Some(&attachment.canary),
            Claimed::Settings(_) | Claimed::CanarySettings(_) => None,
        }
    }
}

impl Claims {
    pub(super) fn insert(&mut self, pattern: &HostPattern, claim: &UpstreamClaim) {
        let places = self.by_host.entry(pattern.clone()).or_default();
        let place = (claim.key.clone(), pattern.clone(), places.len());
        places.push(place.clone());
        self.claims.insert(place, claim.clone());
    }

    /// Forgets what a host brought.
    pub(super) fn remove(&mut self, pattern: &HostPattern) {
        for place in self.by_host.remove(pattern).into_iter().flatten() {
            self.claims.remove(&place);
        }
    }

    /// What counts: of settings and canaries those of the first object that brings any.
    pub(super) fn policy(&self, backend: &BackendRef, out: &mut Vec<Diagnostic>) -> Option<Arc<UpstreamPolicy>> {
        let mut settings: Option<(&UpstreamClaim, &Arc<UpstreamSettings>)> = None;
        let mut canary: Option<(&UpstreamClaim, Canary)> = None;
        let mut affinity = None;
        let (mut told, mut served) = (BTreeSet::new(), BTreeSet::new());
        for claim in self.claims.values() {
            match &claim.what {
                Claimed::Settings(theirs) | Claimed::CanarySettings(theirs) => {
                    if let (Some((first, _)), Claimed::Settings(_)) = (&settings, &claim.what)
                        && matches!(first.what, Claimed::CanarySettings(_))
                        && served.insert(&claim.key.object)
                    {
                        out.push(served_all_the_same(backend, claim, first));
                    }
                    affinity = affinity.or(theirs.affinity.as_ref());
                    match &settings {
                        None => settings = Some((claim, theirs)),
                        Some((first, ours)) if differ(ours, theirs) && told.insert(&claim.key.object) => {
                            out.push(settings_lost(backend, claim, first));
                        }
                        Some(_) => {}
                    }
                }
                Claimed::Canary(attachment) => match &canary {
                    None => {
                        let (backend, rule) = (Arc::clone(&attachment.canary), Arc::clone(&attachment.rule));
                        let origin = attachment.origin.clone();
                        canary = Some((claim, Canary { backend, rule, affinity: None, origin }));
                    }
                    Some((first, ours)) if first.key.object != claim.key.object => {
                        out.push(canary_lost(backend, claim, ours));
                    }
                    Some(_) => {}
                },
            }
        }
        let settings = match (settings, affinity) {
            (None, _) => Arc::default(),
            (Some((_, settings)), None) => Arc::clone(settings),
            // Affinity is that of the first object that asks for any, the rest that of the first object.
            (Some((_, settings)), Some(affinity)) if settings.affinity.is_none() => {
                Arc::new(UpstreamSettings { affinity: Some(Arc::clone(affinity)), ..(**settings).clone() })
            }
            (Some((_, settings)), Some(_)) => Arc::clone(settings),
        };
        let canary = canary.map(|(_, canary)| {
            let affinity = settings.affinity.as_ref().filter(|_| !canary.rule.has_own_affinity).cloned();
            Canary { affinity, ..canary }
        });
        let says_something = canary.is_some() || *settings != UpstreamSettings::default();
        says_something.then(|| Arc::new(UpstreamPolicy { settings, canary }))
    }
}

/// Whether the later settings would have changed something.
fn differ(first: &UpstreamSettings, later: &UpstreamSettings) -> bool {
    let balance =
        later.load_balance != first.load_balance && later.load_balance != UpstreamSettings::default().load_balance;
    let hash = later.hash.is_some() && later.hash != first.hash;
    let affinity = first.affinity.is_some() && later.affinity.is_some() && later.affinity != first.affinity;
    balance || hash || affinity
}

fn settings_lost(backend: &BackendRef, loser: &UpstreamClaim, first: &UpstreamClaim) -> Diagnostic {
    let winner = first.key.object.path();
    let message = format!("how endpoints of `{backend}` share requests is already said by Ingress `{winner}`");
    let field = FieldPath::named(&"metadata.annotations");
    Diagnostic::new(Code::UpstreamSettingConflict, Some(Arc::clone(&loser.key.object)), field, message)
        .with_help("such settings belong to the Service port, whoever routes there; the oldest Ingress decides")
}

fn served_all_the_same(backend: &BackendRef, claim: &UpstreamClaim, canary: &UpstreamClaim) -> Diagnostic {
    let older = canary.key.object.path();
    let message = format!(
        "its rules for `{backend}` are served; ingress-nginx leaves them out, because the older canary `{older}` has that backend too"
    );
    let field = FieldPath::named(&"spec.rules");
    Diagnostic::new(Code::DiffersFromIngressNginx, Some(Arc::clone(&claim.key.object)), field, message)
}

fn canary_lost(backend: &BackendRef, loser: &UpstreamClaim, winner: &Canary) -> Diagnostic {
    let message = format!("backend `{backend}` already has a canary");
    let (object, field) = match &loser.what {
        Claimed::Canary(attachment) => (&attachment.origin.object, attachment.origin.field.clone()),
        Claimed::Settings(_) | Claimed::CanarySettings(_) => {
            (&loser.key.object, FieldPath::named(&"metadata.annotations"))
        }
    };
    Diagnostic::new(Code::SecondCanary, Some(Arc::clone(object)), field, message)
        .with_related(winner.origin.clone(), "only this one, the oldest, gets requests")
}
