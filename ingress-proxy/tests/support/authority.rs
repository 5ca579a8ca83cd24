//! Certificates that are made when a test runs.

use ingress_core::policy::CertificateId;
use ingress_proxy::certs::{CertStore, SecretPem};
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

/// Who vouches for certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

/// A certificate and its key.
pub struct Issued {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for these names, for servers and clients.
    pub fn issue(&self, names: &[&str]) -> Issued {
        let params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let mut params = params.expect("names");
        params.distinguished_name.push(DnType::CommonName, names[0]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = self.sign(&params, &key).pem();
        Issued { certificate, key: key.serialize_pem() }
    }

    /// A certificate as these parameters have it.
    pub fn sign(&self, params: &CertificateParams, key: &KeyPair) -> Certificate {
        params.signed_by(key, &self.issuer).expect("a certificate")
    }

    /// Makes it the `ca.crt` of a Secret.
    pub fn put(&self, store: &CertStore, secret: &str) {
        let pem = SecretPem { authorities: Some(self.pem.as_bytes()), ..SecretPem::default() };
        store.update(&id(secret), pem).expect("authorities");
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Issued {
    /// Makes it the pair of a Secret.
    pub fn put(&self, store: &CertStore, secret: &str) {
        let (certificate, key) = (Some(self.certificate.as_bytes()), Some(self.key.as_bytes()));
        store.update(&id(secret), SecretPem { certificate, key, ..SecretPem::default() }).expect("a pair");
    }
}

fn id(secret: &str) -> CertificateId {
    CertificateId::Secret { namespace: "default".into(), name: secret.into() }
}
