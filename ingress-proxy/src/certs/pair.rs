//! A certificate chain with the key that belongs to it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::{BadPem, pem, provider};

/// The name of the certificate that is shown where there is no other, as ingress-nginx names it.
const SELF_SIGNED: &str = "Kubernetes Ingress Controller Fake Certificate";

/// For how long it is good: a year.
pub(super) const SELF_SIGNED_LIFE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A certificate chain with the key that belongs to it.
#[derive(Clone)]
pub struct Pair {
    certified: Arc<CertifiedKey>,
    not_after: SystemTime,
    dns_names: Arc<[Box<str>]>,
}

/// Why a chain and a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadPair {
    /// There is no `tls.crt`, or nothing in it.
    #[error("`tls.crt` is missing or empty")]
    NoCertificate,
    /// There is no `tls.key`, or nothing in it.
    #[error("`tls.key` is missing or empty")]
    NoKey,
    /// The chain is not what it should be.
    #[error("`tls.crt` {0}")]
    Certificate(BadPem),
    /// The key is not what it should be.
    #[error("`tls.key` {0}")]
    Key(BadPem),
    /// The authorities are not what they should be.
    #[error("`ca.crt` {0}")]
    Authorities(BadPem),
    /// The lists of revoked certificates are not what they should be.
    #[error("`ca.crl` {0}")]
    Lists(BadPem),
    /// A certificate of the chain is no certificate.
    #[error("`tls.crt` has a certificate that is not X.509")]
    NotX509,
    /// The first certificate has something in it that cannot be served with, or is of version 1.
    #[error("`tls.crt` has a certificate with something in it that TLS libraries refuse")]
    Unreadable,
    /// A kind of key that there is no use for.
    #[error("`tls.key` is of a kind that is not supported, or malformed")]
    UnusableKey,
    /// The key belongs to another certificate.
    #[error("`tls.key` does not belong to the first certificate of `tls.crt`")]
    Mismatch,
    /// The certificate is of the past, and there is a better one.
    #[error("the certificate has expired")]
    Expired,
    /// The certificate is good, but not for all names that the one before is good for. It counts for its own.
    #[error("`tls.crt` is not for all names of the one before")]
    OtherNames,
}

impl Pair {
    /// Reads a chain and a key.
    ///
    /// # Errors
    ///
    /// [`BadPair`] says what is wrong, without a byte of the key.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, BadPair> {
        if certificate.trim_ascii().is_empty() {
            return Err(BadPair::NoCertificate);
        }
        if key.trim_ascii().is_empty() {
            return Err(BadPair::NoKey);
        }
        let chain = pem::chain(certificate).map_err(BadPair::Certificate)?;
        Self::from_der(chain, pem::key(key).map_err(BadPair::Key)?)
    }

    /// Makes a certificate for no name that anybody asks for, good for a year from then.
    pub(super) fn self_signed(since: SystemTime) -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(["ingress.local".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, SELF_SIGNED);
        params.distinguished_name.push(DnType::OrganizationName, "Acme Co");
        // A clock that is slow must not make it one of the future.
        params.not_before = (since - Duration::from_secs(24 * 60 * 60)).into();
        params.not_after = (since + SELF_SIGNED_LIFE).into();
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Self::from_der(vec![certificate.der().clone()], key.into()).map_err(|_| rcgen::Error::CouldNotParseCertificate)
    }

    fn from_der(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, BadPair> {
        let mut parsed = chain.iter().map(|der| Certificate::from_der(der).map_err(|_| BadPair::NotX509));
        let leaf = parsed.next().ok_or(BadPair::NoCertificate)??;
        parsed.try_for_each(|certificate| certificate.map(drop))?;
        let key = provider().key_provider.load_private_key(key).map_err(|_| BadPair::UnusableKey)?;
        let certified = CertifiedKey::new(chain, key);
        let is_read = certified.end_entity_cert().and_then(|leaf| ParsedCertificate::try_from(leaf).map(drop));
        is_read.map_err(|_| BadPair::Unreadable)?;
        certified.keys_match().map_err(|_| BadPair::Mismatch)?;
        Ok(Self {
            certified: Arc::new(certified),
            not_after: SystemTime::UNIX_EPOCH + leaf.tbs_certificate().validity().not_after.to_unix_duration(),
            dns_names: dns_names(&leaf)?,
        })
    }

    /// What a handshake needs.
    #[must_use]
    pub fn certified(&self) -> &Arc<CertifiedKey> {
        &self.certified
    }

    /// The last moment at which the certificate is good.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// The DNS names that the certificate is for.
    #[must_use]
    pub fn dns_names(&self) -> &[Box<str>] {
        &self.dns_names
    }

    /// Whether the certificate is good for a name, or for what a wildcard stands for (RFC 6125 6.4.3: one whole label).
    #[must_use]
    pub fn is_for(&self, name: &str) -> bool {
        let parent = name.split_once('.').map(|(_, parent)| parent);
        self.dns_names.iter().any(|own| {
            let is_within = |above: &str| parent.is_some_and(|parent| parent.eq_ignore_ascii_case(above));
            own.eq_ignore_ascii_case(name) || own.strip_prefix("*.").is_some_and(is_within)
        })
    }

    pub(super) fn has_expired(&self) -> bool {
        self.not_after < SystemTime::now()
    }

    /// Whether it is the same chain, and so the same key.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.certified.cert == other.certified.cert
    }
}

impl fmt::Debug for Pair {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair")
            .field("dns_names", &self.dns_names)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

fn dns_names(leaf: &Certificate) -> Result<Arc<[Box<str>]>, BadPair> {
    let names = leaf.tbs_certificate().get_extension::<SubjectAltName>().map_err(|_| BadPair::NotX509)?;
    let names = names.map(|(_, names)| names.0).unwrap_or_default();
    let dns = names.iter().filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(name.as_str().into()),
        _ => None,
    });
    Ok(dns.collect())
}

#[cfg(test)]
mod tests {
    use rcgen::{PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256};

    use super::*;

    fn make(key: &KeyPair) -> String {
        let names = ["a.example".to_owned(), "*.b.example".to_owned(), "10.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.not_after = rcgen::date_time_ymd(2037, 1, 2);
        params.self_signed(key).unwrap().pem()
    }

    #[test]
    fn keys_of_all_kinds_with_what_the_leaf_says() {
        for kind in [&PKCS_ECDSA_P384_SHA384, &PKCS_ED25519, &PKCS_RSA_SHA256] {
            let key = KeyPair::generate_for(kind).unwrap();
            let pair = Pair::from_pem(make(&key).as_bytes(), key.serialize_pem().as_bytes()).unwrap();
            assert_eq!(pair.dns_names(), ["a.example".into(), "*.b.example".into()]);
            let seconds = pair.not_after().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
            assert_eq!(seconds, 2_114_467_200);
            assert!(!pair.has_expired());
        }
    }

    #[test]
    fn the_names_that_it_is_for() {
        let key = KeyPair::generate().unwrap();
        let pair = Pair::from_pem(make(&key).as_bytes(), key.serialize_pem().as_bytes()).unwrap();
        for name in ["a.example", "A.Example", "*.b.example", "x.b.example", "X.B.example"] {
            assert!(pair.is_for(name), "{name}");
        }
        for name in ["b.example", "x.a.example", "x.y.b.example", "*.a.example", "example", ""] {
            assert!(!pair.is_for(name), "{name}");
        }
    }

    #[test]
    fn what_is_wrong_with_it() {
        let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let (certificate, pem) = (make(&key), key.serialize_pem());
        let not_x509 = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let old = include_str!("../../../testdata/certificates/version-1/client.pem");
        let old_key = include_str!("../../../testdata/certificates/version-1/client.key");
        let not_a_key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
        let table = [
            ("", &*pem, BadPair::NoCertificate),
            (" \n", &pem, BadPair::NoCertificate),
            (&certificate, "", BadPair::NoKey),
            ("x", &pem, BadPair::Certificate(BadPem::NoCertificate)),
            (&certificate, "x", BadPair::Key(BadPem::NoKey)),
            (not_x509, &pem, BadPair::NotX509),
            (&format!("{certificate}{not_x509}"), &pem, BadPair::NotX509),
            (&certificate, not_a_key, BadPair::UnusableKey),
            (&certificate, &other.serialize_pem(), BadPair::Mismatch),
            (old, old_key, BadPair::Unreadable),
        ];
        for (certificate, key, expected) in table {
            assert_eq!(Pair::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap_err(), expected);
        }
    }

    #[test]
    fn the_self_signed_one() {
        let pair = Pair::self_signed(SystemTime::now()).unwrap();
        assert_eq!(pair.dns_names(), ["ingress.local".into()]);
        let days = pair.not_after().duration_since(SystemTime::now()).unwrap().as_secs() / (24 * 60 * 60);
        assert!((364..=365).contains(&days), "{days}");
        let leaf = Certificate::from_der(&pair.certified().cert[0]).unwrap();
        assert!(leaf.tbs_certificate().subject().to_string().contains(SELF_SIGNED));
    }

    #[test]
    fn no_key_is_shown() {
        let key = KeyPair::generate().unwrap();
        let pem = key.serialize_pem();
        let pair = Pair::from_pem(make(&key).as_bytes(), pem.as_bytes()).unwrap();
        let shown = format!("{pair:?}");
        assert!(shown.contains("a.example") && !shown.contains("key") && !shown.contains("Key"), "{shown}");
    }
}
