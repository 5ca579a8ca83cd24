//! What the source finds goes to the proxy's stores and figures.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ingress_cli::cert_source::{DirectorySource, Pem};
use ingress_cli::input::SecretData;
use ingress_core::model::{AuthoritiesState, CertificateState, SecretState};
use ingress_core::object::ObjectRef;
use ingress_core::policy::CertificateId;
use ingress_core::snapshot::Snapshot;
use ingress_proxy::certs::{CertStore, Refused, SecretPem};
use ingress_proxy::observe::error_log::{ErrorLog, Level};
use ingress_proxy::observe::health::Health;
use ingress_proxy::observe::metrics::{Metrics, Reload};

use super::source::{Sink, State};

const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const AUTHORITIES: &str = "ca.crt";
const LISTS: &str = "ca.crl";

/// The keys of a Secret that are about TLS.
const KEYS: [&str; 4] = [CERTIFICATE, KEY, AUTHORITIES, LISTS];

/// In place of a value that is not base64: something is there, and it is not PEM.
const GARBLED: &[u8] = b"?";

/// The key of a Secret with the identifiers that Tencent Cloud has for its certificates.
const CLOUD_CERTIFICATES: &str = "qcloud_cert_id";

/// Where all of it goes.
#[derive(Debug)]
pub(super) struct Plane {
    certs: Certificates,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    errors: ErrorLog,
    hasher: RandomState,
    swaps: u64,
    /// Whether the figures of certificates are older than the certificates.
    are_certificates_new: bool,
}

impl Plane {
    pub(super) fn new(certs: Certificates, metrics: Arc<Metrics>, health: Arc<Health>, errors: ErrorLog) -> Self {
        Self { certs, metrics, health, errors, hasher: RandomState::new(), swaps: 0, are_certificates_new: true }
    }

    /// The figures.
    #[cfg(feature = "kubernetes")]
    pub(super) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Where it says what is wrong.
    #[cfg(feature = "kubernetes")]
    pub(super) fn errors(&self) -> &ErrorLog {
        &self.errors
    }

    /// Tells when the certificates expire, for each name that a TLS entry lists, as ingress-nginx does; `_` is all others.
    fn certificates_changed(&self, snapshot: &Snapshot) {
        let seconds = |id: &CertificateId, name: &str| {
            let since = self.certs.store.not_after(id, name).duration_since(UNIX_EPOCH);
            since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
        };
        let mut all = BTreeMap::from([("_".into(), seconds(&CertificateId::Default, ""))]);
        for (pattern, entry) in snapshot.table().certificates {
            let name = pattern.to_string();
            let expires = seconds(&entry.certificate, &name);
            // Patterns of different kinds may be written alike.
            all.entry(name.into()).and_modify(|other| *other = expires.min(*other)).or_insert(expires);
        }
        self.metrics.set_certificates(all);
    }
}

/// Where pairs are kept, and where those are that a Secret only names.
#[derive(Debug)]
pub(super) struct Certificates {
    pub(super) store: Arc<CertStore>,
    /// `--cert-source`.
    pub(super) cloud: Option<Arc<DirectorySource>>,
}

/// The name under which a Secret's certificate is kept.
fn certificate_id(name: &ObjectRef) -> CertificateId {
    CertificateId::Secret { namespace: Arc::clone(&name.namespace), name: Arc::clone(&name.name) }
}

impl Certificates {
    /// Takes what a Secret has. None if it is not about TLS, and forgotten; else what is wrong with it, if anything is.
    pub(super) fn take(&self, name: &ObjectRef, data: &SecretData) -> Option<Result<(), String>> {
        let id = certificate_id(name);
        let cloud = self.of_cloud(data);
        if cloud.is_none() && !KEYS.iter().any(|key| data.has(key)) {
            self.store.remove(&id);
            return None;
        }
        let garbled = KEYS.into_iter().find(|key| data.has(key) && data.get(key).is_none());
        let [certificate, key, authorities, lists] =
            KEYS.map(|key| data.has(key).then(|| data.get(key).unwrap_or(GARBLED)));
        let pem = match cloud {
            Some(pem) => {
                let (certificate, key) = (Some(pem.certificate.as_bytes()), Some(pem.key.as_bytes()));
                SecretPem { certificate, key, authorities, lists }
            }
            None => SecretPem { certificate, key, authorities, lists },
        };
        let refused = self.store.update(&id, pem).err();
        Some(match (refused, garbled) {
            (None, _) => Ok(()),
            (Some(Refused { is_served, .. }), Some(key)) => {
                let then = if is_served { "; the one before stays in use" } else { "" };
                Err(format!("`{key}` is not base64{then}"))
            }
            (Some(refused), None) => Err(refused.to_string()),
        })
    }

    /// What is made of a Secret that was taken: of these bytes, or of those before that stay in use. A pair that it only names is
    /// not its own.
    pub(super) fn state(&self, name: &ObjectRef, data: &SecretData) -> SecretState {
        let material = self.store.material(&certificate_id(name));
        let dns_names = material.as_ref().and_then(|material| material.dns_names());
        let dns_names = dns_names.filter(|_| self.of_cloud(data).is_none());
        let has_authorities = material.is_some_and(|material| material.authorities().is_some());
        let is_refused = dns_names.is_none() && (data.has(CERTIFICATE) || data.has(KEY))
            || !has_authorities && data.has(AUTHORITIES);
        // What is wrong with either it says in its own words, as to `simulate`.
        let own = if is_refused { data.state() } else { SecretState::default() };
        SecretState {
            certificate: match (dns_names, own.certificate) {
                (Some(dns_names), _) => CertificateState::Usable { dns_names },
                (None, CertificateState::Usable { .. }) => {
                    CertificateState::Unusable { reason: "is not served".into() }
                }
                (None, own) => own,
            },
            authorities: match (has_authorities, own.authorities) {
                (true, _) => AuthoritiesState::Usable,
                (false, AuthoritiesState::Usable) => AuthoritiesState::Unusable { reason: "is not served".into() },
                (false, own) => own,
            },
        }
    }

    /// The pair that a Secret names without having one.
    fn of_cloud(&self, data: &SecretData) -> Option<&Pem> {
        let cloud = self.cloud.as_ref().filter(|_| !data.has(CERTIFICATE) && !data.has(KEY))?;
        let ids = std::str::from_utf8(data.get(CLOUD_CERTIFICATES)?).ok()?;
        cloud.pem(ids.split(',').map(str::trim))
    }
}

impl Sink for Plane {
    fn secret(&mut self, name: &ObjectRef, data: &SecretData) -> SecretState {
        self.are_certificates_new = true;
        let Some(taken) = self.certs.take(name, data) else {
            self.errors.forget(name);
            return SecretState::default();
        };
        let trouble = taken.err();
        let why = trouble.as_ref().map(|why| why as &dyn Display);
        self.errors.state(name, "cannot be used", "can be used again", why);
        self.certs.state(name, data)
    }

    fn secret_gone(&mut self, name: &ObjectRef) {
        self.certs.store.remove(&certificate_id(name));
        self.errors.forget(name);
        self.are_certificates_new = true;
    }

    fn in_force(&mut self, State { snapshot, is_new, findings, stale_files, newly_stale }: State<'_>) {
        if std::mem::take(&mut self.are_certificates_new) || is_new {
            self.certificates_changed(snapshot);
            let missing = self.certs.store.missing_default().map(|id| id as &dyn Display);
            let bad = "has no certificate to give, and one that nobody knows is served";
            self.errors.state("--default-ssl-certificate", bad, "has a certificate", missing);
        }
        self.metrics.found(findings);
        for _ in 0..newly_stale {
            self.metrics.reload_failed();
        }
        if is_new {
            self.swaps += 1;
            let mut hash = self.hasher.build_hasher();
            hash.write_u64(self.swaps);
            let unix_seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            self.metrics.reloaded(&Reload { hash: hash.finish(), unix_seconds, hosts: snapshot.host_count() });
        }
        self.metrics.set_complete(stale_files == 0);
    }

    fn lost(&mut self) {
        let message = "files are no longer followed: their thread has ended; what was read stays in force";
        self.errors.event(Level::Error, message, &[]);
        self.health.not_ready("files are no longer followed");
    }

    fn say(&mut self, line: &str) {
        self.errors.tell(line);
    }
}

#[cfg(test)]
mod tests;
