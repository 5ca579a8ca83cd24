//! The authorities of a Secret, and whom they vouch for: what OpenSSL, and so nginx, makes of `ca.crt` and `ca.crl`.
//!
//! A certificate of `ca.crt` that names itself as its issuer ends a chain while it is valid; others may be links of one. With
//! `ca.crl` each certificate below has to be on no list, and of each issuer there has to be a list that is in force.

use std::fmt;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor, UnixTime};
use rustls::{CertificateError, DistinguishedName, Error, OtherError};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, OwnedCertRevocationList, RevocationCheckDepth,
    RevocationOptionsBuilder, UnknownStatusPolicy, VerifiedPath,
};
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::ExtendedKeyUsage;
use x509_cert::time::Validity;

use super::{BadPair, BadPem, pem, provider};

/// The certificates of `ca.crt` and the lists of `ca.crl`.
pub struct Authorities {
    certificates: Vec<CertificateDer<'static>>,
    lists: Vec<CertificateRevocationListDer<'static>>,
    subjects: Vec<DistinguishedName>,
    roots: Vec<Root>,
    /// The roots, in their order.
    anchors: Vec<TrustAnchor<'static>>,
    links: Vec<CertificateDer<'static>>,
    revoked: Vec<CertRevocationList<'static>>,
}

struct Root {
    der: CertificateDer<'static>,
    read: Certificate,
}

/// What a certificate is shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To a server.
    Client,
    /// To a client.
    Server,
}

impl Purpose {
    fn usage(self) -> KeyUsage {
        match self {
            Self::Client => KeyUsage::client_auth(),
            Self::Server => KeyUsage::server_auth(),
        }
    }

    /// As extended key usage names it (RFC 5280 4.2.1.12).
    fn id(self) -> ObjectIdentifier {
        const CLIENT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
        const SERVER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
        match self {
            Self::Client => CLIENT,
            Self::Server => SERVER,
        }
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorities")
            .field("certificates", &self.certificates.len())
            .field("lists", &self.lists.len())
            .finish()
    }
}

impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        (&self.certificates, &self.lists) == (&other.certificates, &other.lists)
    }
}

impl Authorities {
    /// Reads `ca.crt` and `ca.crl`, which need not be there.
    pub(super) fn from_pem(certificates: &[u8], lists: Option<&[u8]>) -> Result<Self, BadPair> {
        let certificates = pem::bundle(certificates).map_err(BadPair::Authorities)?;
        let lists = lists.map(pem::lists).transpose().map_err(BadPair::Lists)?.unwrap_or_default();
        let (mut roots, mut anchors, mut links, mut subjects) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for der in &certificates {
            let bad = BadPair::Authorities(BadPem::NotAnAuthority);
            let anchor = webpki::anchor_from_trusted_cert(der).map_err(|_| bad)?.to_owned();
            let read = Certificate::from_der(der).map_err(|_| bad)?;
            subjects.push(DistinguishedName::in_sequence(anchor.subject.as_ref()));
            if read.tbs_certificate().subject() == read.tbs_certificate().issuer() {
                roots.push(Root { der: der.clone(), read });
                anchors.push(anchor);
            } else {
                links.push(der.clone());
            }
        }
        let read = |der: &CertificateRevocationListDer<'_>| OwnedCertRevocationList::from_der(der);
        let revoked: Result<Vec<_>, _> = lists.iter().map(|list| read(list).map(CertRevocationList::from)).collect();
        let revoked = revoked.map_err(|_| BadPair::Lists(BadPem::NotAList))?;
        Ok(Self { certificates, lists, subjects, roots, anchors, links, revoked })
    }

    /// How many certificates there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.certificates.len()
    }

    /// The names by which a client may choose its certificate.
    pub(crate) fn subjects(&self) -> &[DistinguishedName] {
        &self.subjects
    }

    /// Whether a certificate is good for a purpose: by a chain of those that were sent beside it and ours, with no more than
    /// `depth` between it and a root. In which order they were sent, and what else, does not matter (RFC 8446 4.4.2).
    pub(crate) fn vouch_for(
        &self,
        leaf: &CertificateDer<'_>,
        sent: &[CertificateDer<'_>],
        purpose: Purpose,
        depth: u32,
        now: UnixTime,
    ) -> Result<(), Error> {
        if self.is_directly_good(leaf, purpose, now) {
            return Ok(());
        }
        let links: Vec<CertificateDer<'_>> =
            sent.iter().chain(&self.links).map(|der| CertificateDer::from(&**der)).collect();
        let lists: Vec<&CertRevocationList<'_>> = self.revoked.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|options| {
            options
                .with_depth(RevocationCheckDepth::Chain)
                .with_status_policy(UnknownStatusPolicy::Deny)
                .with_expiration_policy(ExpirationPolicy::Enforce)
                .build()
        });
        let is_allowed = |path: &VerifiedPath<'_>| {
            let between = path.intermediate_certificates().count();
            let is_short = u32::try_from(between).is_ok_and(|between| between <= depth);
            let root = self.anchors.iter().zip(&self.roots).find(|(anchor, _)| std::ptr::eq(*anchor, path.anchor()));
            match root {
                Some((_, root)) if is_short && root.is_valid(now) => Ok(()),
                _ => Err(webpki::Error::UnknownIssuer),
            }
        };
        let algorithms = provider().signature_verification_algorithms.all;
        EndEntityCert::try_from(leaf)
            .and_then(|leaf| {
                let usage = purpose.usage();
                leaf.verify_for_usage(algorithms, &self.anchors, &links, now, usage, revocation, Some(&is_allowed))
                    .map(drop)
            })
            .map_err(fault)
    }

    /// Whether a certificate is one of the roots, or of version 1 and by one of them. The library reads neither as that of somebody who
    /// is no authority. On no list they cannot be found.
    fn is_directly_good(&self, leaf: &CertificateDer<'_>, purpose: Purpose, now: UnixTime) -> bool {
        if !self.revoked.is_empty() {
            return false;
        }
        if let Some(root) = self.roots.iter().find(|root| root.der == *leaf) {
            return root.is_valid(now) && root.is_for(purpose);
        }
        let Ok(leaf) = Certificate::from_der(leaf) else { return false };
        let is_old = leaf.tbs_certificate().version() == Version::V1;
        is_old
            && is_within(leaf.tbs_certificate().validity(), now)
            && self.roots.iter().any(|root| root.has_signed(&leaf, now))
    }
}

impl Root {
    fn is_valid(&self, now: UnixTime) -> bool {
        is_within(self.read.tbs_certificate().validity(), now)
    }

    /// Without a list of purposes it is for all.
    fn is_for(&self, purpose: Purpose) -> bool {
        match self.read.tbs_certificate().get_extension::<ExtendedKeyUsage>() {
            Ok(None) => true,
            Ok(Some((_, ExtendedKeyUsage(purposes)))) => purposes.contains(&purpose.id()),
            Err(_) => false,
        }
    }

    fn has_signed(&self, leaf: &Certificate, now: UnixTime) -> bool {
        let (root, signed) = (self.read.tbs_certificate(), leaf.tbs_certificate());
        if root.subject() != signed.issuer() || !self.is_valid(now) || leaf.signature_algorithm() != signed.signature()
        {
            return false;
        }
        let key = root.subject_public_key_info();
        let (Ok(message), Some(signature), Some(key_bits)) =
            (signed.to_der(), leaf.signature().as_bytes(), key.subject_public_key.as_bytes())
        else {
            return false;
        };
        // As the library names them: what stands in the sequence.
        let named = |id: x509_cert::der::Result<Vec<u8>>| id.ok().and_then(|id| Some(id.get(2..)?.to_vec()));
        let (Some(by), Some(of)) = (named(leaf.signature_algorithm().to_der()), named(key.algorithm.to_der())) else {
            return false;
        };
        provider().signature_verification_algorithms.all.iter().any(|algorithm| {
            *algorithm.signature_alg_id() == *by
                && *algorithm.public_key_alg_id() == *of
                && algorithm.verify_signature(key_bits, &message, signature).is_ok()
        })
    }
}

fn is_within(validity: &Validity, now: UnixTime) -> bool {
    let (from, to) = (validity.not_before.to_unix_duration(), validity.not_after.to_unix_duration());
    (from.as_secs()..=to.as_secs()).contains(&now.as_secs())
}

/// What is wrong, for whoever reads logs.
fn fault(error: webpki::Error) -> Error {
    let why = match error {
        webpki::Error::CertExpired { .. } => CertificateError::Expired,
        webpki::Error::CertNotValidYet { .. } => CertificateError::NotValidYet,
        webpki::Error::UnknownIssuer => CertificateError::UnknownIssuer,
        webpki::Error::CertRevoked => CertificateError::Revoked,
        webpki::Error::UnknownRevocationStatus => CertificateError::UnknownRevocationStatus,
        webpki::Error::CrlExpired { .. } => CertificateError::ExpiredRevocationList,
        webpki::Error::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        webpki::Error::BadDer | webpki::Error::BadDerTime => CertificateError::BadEncoding,
        other => CertificateError::Other(OtherError(std::sync::Arc::new(other))),
    };
    Error::InvalidCertificate(why)
}

#[cfg(test)]
mod tests;
