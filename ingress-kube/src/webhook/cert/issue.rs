//! Certificates: made, and read.
//!
//! Each certificate is issued by an authority of its own, whose key is thrown away at once: nobody can issue another one, and a
//! certificate is always replaced together with its authority, in one way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;
use rustls_pemfile::Item;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// How long before now a certificate begins: clocks differ.
const BACKDATED: Duration = Duration::from_secs(60 * 60);

/// A certificate cannot be issued.
#[derive(Debug, thiserror::Error)]
#[error("cannot issue a certificate: {0}")]
pub struct IssueError(#[from] rcgen::Error);

/// A new certificate, in PEM.
#[derive(Clone)]
pub(super) struct Issued {
    pub(super) authority: String,
    pub(super) certificate: String,
    pub(super) key: String,
}

/// Issues a certificate for names and addresses.
pub(super) fn issue(hosts: &[String], now: SystemTime, valid: Duration) -> Result<Issued, IssueError> {
    let (not_before, not_after) = (now - BACKDATED, now + valid);
    let stamp = not_before.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let key = KeyPair::generate()?;
    // Two authorities are in use at once while one takes over, so that each has a name of its own.
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.distinguished_name.push(DnType::CommonName, format!("ingress-proxy webhook authority {stamp}"));
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    (authority.not_before, authority.not_after) = (not_before.into(), not_after.into());
    let authority_key = KeyPair::generate()?;
    let authority_pem = authority.self_signed(&authority_key)?.pem();
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, "ingress-proxy webhook");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = (not_before.into(), not_after.into());
    let certificate = params.signed_by(&key, &Issuer::from_params(&authority, &authority_key))?;
    Ok(Issued { authority: authority_pem, certificate: certificate.pem(), key: key.serialize_pem() })
}

/// A certificate and its key, read from PEM.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) certified: Arc<CertifiedKey>,
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
    /// The names that it is for.
    pub(super) names: BTreeSet<String>,
}

/// Why a certificate and a key are no good. No byte of the key is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadPair {
    #[error("there is no certificate in PEM")]
    NoCertificate,
    #[error("there is no private key in PEM that is not encrypted")]
    NoKey,
    #[error("the certificate is no X.509")]
    NotX509,
    #[error("the key is of a kind that is not supported")]
    UnusableKey,
    #[error("the key belongs to another certificate")]
    Mismatch,
}

impl Pair {
    pub(super) fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, BadPair> {
        let mut rest = certificate;
        let chain: Result<Vec<_>, _> = rustls_pemfile::certs(&mut rest).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(BadPair::NoCertificate)?;
        let leaf = chain.first().and_then(|leaf| Certificate::from_der(leaf).ok()).ok_or(BadPair::NotX509)?;
        let key = aws_lc_rs::default_provider()
            .key_provider
            .load_private_key(private_key(key)?)
            .map_err(|_| BadPair::UnusableKey)?;
        let certified = CertifiedKey::new(chain, key);
        certified.keys_match().map_err(|_| BadPair::Mismatch)?;
        let validity = leaf.tbs_certificate().validity();
        let moment = |time: x509_cert::time::Time| SystemTime::UNIX_EPOCH + time.to_unix_duration();
        Ok(Self {
            certified: Arc::new(certified),
            not_before: moment(validity.not_before),
            not_after: moment(validity.not_after),
            names: names(&leaf).ok_or(BadPair::NotX509)?,
        })
    }

    /// When it was issued, if that was here.
    pub(super) fn issued_at(&self) -> SystemTime {
        self.not_before + BACKDATED
    }

    /// Whether it is good for these names, still or at all.
    pub(super) fn is_good(&self, hosts: &[String], now: SystemTime) -> bool {
        now < self.not_after && hosts.iter().all(|host| self.names.contains(host))
    }

    /// Whether less than a third of its time is left.
    pub(super) fn is_due(&self, now: SystemTime) -> bool {
        let whole = self.not_after.duration_since(self.issued_at()).unwrap_or_default();
        self.not_after.duration_since(now).unwrap_or_default() < whole / 3
    }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, BadPair> {
    let mut rest = pem;
    let keys = std::iter::from_fn(|| rustls_pemfile::read_one(&mut rest).ok().flatten());
    let mut keys = keys.filter_map(|item| match item {
        Item::Pkcs1Key(key) => Some(key.into()),
        Item::Pkcs8Key(key) => Some(key.into()),
        Item::Sec1Key(key) => Some(key.into()),
        _ => None,
    });
    keys.next().ok_or(BadPair::NoKey)
}

/// The DNS names and addresses of a certificate.
fn names(certificate: &Certificate) -> Option<BTreeSet<String>> {
    let extension = certificate.tbs_certificate().get_extension::<SubjectAltName>().ok()?;
    let names = extension.map(|(_, names)| names.0).unwrap_or_default();
    let text = |name: &GeneralName| match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(octets) => match octets.as_bytes() {
            octets @ [_, _, _, _] => {
                <[u8; 4]>::try_from(octets).ok().map(|octets| std::net::IpAddr::from(octets).to_string())
            }
            octets => <[u8; 16]>::try_from(octets).ok().map(|octets| std::net::IpAddr::from(octets).to_string()),
        },
        _ => None,
    };
    Some(names.iter().filter_map(text).collect())
}

/// The certificates of a bundle, each in PEM again.
pub(super) fn bundle(pem: &str) -> Vec<&str> {
    const END: &str = "-----END CERTIFICATE-----";
    pem.split_inclusive(END)
        .filter(|part| part.contains("-----BEGIN CERTIFICATE-----") && part.ends_with(END))
        .map(str::trim)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[test]
    fn what_is_issued_can_be_used_by_those_who_know_its_authority() {
        let now = SystemTime::now();
        let hosts = ["hook.ingress.svc".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        let issued = issue(&hosts, now, DAY * 90).unwrap();
        let pair = Pair::from_pem(issued.certificate.as_bytes(), issued.key.as_bytes()).unwrap();
        assert!(pair.is_good(&hosts, now) && !pair.is_good(&["other.svc".to_owned()], now));
        assert!(!pair.is_good(&hosts, now + DAY * 91));
        assert!(!pair.is_due(now) && !pair.is_due(now + DAY * 59) && pair.is_due(now + DAY * 61));
        let since = now.duration_since(pair.issued_at()).unwrap();
        assert!(since < Duration::from_secs(1), "{since:?}");
        let other = issue(&hosts, now, DAY).unwrap();
        let wrong = Pair::from_pem(issued.certificate.as_bytes(), other.key.as_bytes()).unwrap_err();
        assert_eq!(wrong, BadPair::Mismatch);
    }

    #[test]
    fn what_is_no_pair() {
        let issued = issue(&["a".to_owned()], SystemTime::now(), DAY).unwrap();
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (certificate, key, expected) in [
            ("", &*issued.key, BadPair::NoCertificate),
            (&*issued.certificate, "", BadPair::NoKey),
            (&*issued.key, &*issued.key, BadPair::NoCertificate),
            (garbage, &*issued.key, BadPair::NotX509),
        ] {
            assert_eq!(Pair::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap_err(), expected);
        }
    }

    #[test]
    fn bundles_come_apart() {
        let issued = issue(&["a".to_owned()], SystemTime::now(), DAY).unwrap();
        let two = format!("# a\n{0}\n{0}", issued.authority);
        assert_eq!(bundle(&two).len(), 2);
        assert_eq!(bundle(&two)[1], issued.authority.trim());
        assert!(bundle("").is_empty());
    }
}
