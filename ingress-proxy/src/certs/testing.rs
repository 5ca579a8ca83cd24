//! Certificates for tests, made when they run.

use std::time::{Duration, SystemTime};

use ingress_core::policy::CertificateId;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::{CertStore, SecretPem};

/// The Secret of this name in namespace `n`.
pub(crate) fn id(name: &str) -> CertificateId {
    CertificateId::Secret { namespace: "n".into(), name: name.into() }
}

/// A certificate, or a chain, and the key.
pub(crate) struct Made {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Made {
    /// As a Secret has it.
    pub(crate) fn pem(&self) -> SecretPem<'_> {
        SecretPem { certificate: Some(self.chain.as_bytes()), key: Some(self.key.as_bytes()), ..SecretPem::default() }
    }

    pub(crate) fn put(&self, store: &CertStore, name: &str) {
        store.update(&id(name), self.pem()).unwrap();
    }
}

/// The time so many days from now.
pub(crate) fn in_days(days: i64) -> SystemTime {
    let distance = Duration::from_secs(days.unsigned_abs() * 86_400);
    if days < 0 { SystemTime::now() - distance } else { SystemTime::now() + distance }
}

/// A certificate that nobody vouches for, good until so many days from now.
pub(crate) fn self_signed(name: &str, days: i64) -> Made {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_after = in_days(days).into();
    let key = KeyPair::generate().unwrap();
    Made { chain: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

/// An authority, perhaps under another one.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
    /// What leads from a leaf to the root: nothing for the root itself.
    path: String,
}

impl Authority {
    pub(crate) fn root(name: &str) -> Self {
        Self::root_with(name, |_| ())
    }

    /// One that differs from others.
    pub(crate) fn root_with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = Self::params(name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem, path: String::new() }
    }

    /// An authority that this one vouches for.
    pub(crate) fn below(&self, name: &str) -> Self {
        let (params, key) = (Self::params(name), KeyPair::generate().unwrap());
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        let path = format!("{pem}{}", self.path);
        Self { issuer: Issuer::new(params, key), pem, path }
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    pub(crate) fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }

    /// A certificate for a name, with the way to the root.
    pub(crate) fn issue(&self, name: &str) -> Made {
        self.issue_with(name, |_| ())
    }

    /// One that differs from others.
    pub(crate) fn issue_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Made {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationName, "Shop");
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap().pem();
        Made { chain: format!("{leaf}{}", self.path), key: key.serialize_pem() }
    }

    pub(crate) fn secret(&self) -> SecretPem<'_> {
        SecretPem { authorities: Some(self.pem.as_bytes()), ..SecretPem::default() }
    }
}
