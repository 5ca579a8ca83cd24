//! The authorities of a Secret, and whom they vouch for: what OpenSSL, and so nginx, makes of `ca.crt` and `ca.crl`.
//!
//! A certificate of `ca.crt` that names itself as its issuer ends a chain while it is valid, if it is an authority's; others may be
//! links of one. With `ca.crl` each certificate of a client's chain below has to be on no list, and of each issuer there has to be a list
//! that is in force.

use std::fmt;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor, UnixTime};
use rustls::{CertificateError, DistinguishedName, Error, OtherError};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, OwnedCertRevocationList, RevocationCheckDepth,
    RevocationOptionsBuilder, UnknownStatusPolicy, VerifiedPath,
};
use x509_cert::Certificate;
use x509_cert::certificate::{Rfc5280, Version};
use x509_cert::crl::CertificateList;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};

use super::{BadPair, BadPem, pem, provider};

/// How many certificates that others sent are looked at: no chain is longer.
const MOST_SENT: usize = 32;
/// How many may be links of a chain. What is tried grows with their factorial.
const MOST_LINKS: usize = 6;

/// The certificates of `ca.crt` and the lists of `ca.crl`.
pub struct Authorities {
    certificates: Vec<CertificateDer<'static>>,
    lists: Vec<CertificateRevocationListDer<'static>>,
    subjects: Vec<DistinguishedName>,
    roots: Vec<Certificate>,
    /// The roots, in their order.
    anchors: Vec<TrustAnchor<'static>>,
    links: Vec<Link<'static>>,
    /// With the time of each, in seconds since 1970, the newest first: of two by one issuer the first counts.
    revoked: Vec<(u64, CertRevocationList<'static>)>,
}

/// A certificate that may stand between another one and a root.
struct Link<'c> {
    der: CertificateDer<'c>,
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
    fn usage(self) -> webpki::KeyUsage {
        match self {
            Self::Client => webpki::KeyUsage::client_auth(),
            Self::Server => webpki::KeyUsage::server_auth(),
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
            if is_self_issued(&read) {
                roots.push(read);
                anchors.push(anchor);
            } else {
                links.push(Link { der: der.clone(), read });
            }
        }
        if roots.is_empty() {
            return Err(BadPair::Authorities(BadPem::NoRoot));
        }
        let mut revoked = Vec::new();
        for der in &lists {
            let bad = BadPair::Lists(BadPem::NotAList);
            let list: CertRevocationList<'_> = OwnedCertRevocationList::from_der(der).map_err(|_| bad)?.into();
            let since = CertificateList::<Rfc5280>::from_der(der).map_err(|_| bad)?.tbs_cert_list.this_update;
            revoked.push((since.to_unix_duration().as_secs(), list));
        }
        revoked.sort_by_key(|(since, _)| std::cmp::Reverse(*since));
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
        let read = Certificate::from_der(leaf).map_err(|_| fault(webpki::Error::BadDer))?;
        if self.is_directly_good(leaf, &read, purpose, now) {
            return Ok(());
        }
        let links = self.links(&read, sent, depth);
        // Nobody asks what endpoints have been revoked (nginx has no `ssl_crl` for them in ingress-nginx).
        let lists = self.revoked.iter().filter(|(since, _)| purpose == Purpose::Client && *since <= now.as_secs());
        let lists: Vec<&CertRevocationList<'_>> = lists.map(|(_, list)| list).collect();
        if lists.is_empty() && !self.revoked.is_empty() && purpose == Purpose::Client {
            return Err(fault(webpki::Error::UnknownRevocationStatus));
        }
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
            let is_good = root.is_some_and(|(_, root)| may_issue(root, purpose, now));
            if is_short && is_good { Ok(()) } else { Err(webpki::Error::UnknownIssuer) }
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

    /// The certificates that may lead from a leaf to a root in so many steps, the nearest first. Whoever sends others makes nobody look
    /// at them again and again.
    fn links<'c>(&'c self, leaf: &Certificate, sent: &'c [CertificateDer<'c>], depth: u32) -> Vec<CertificateDer<'c>> {
        let sent = sent
            .iter()
            .take(MOST_SENT)
            .filter_map(|der| Some(Link { der: CertificateDer::from(&**der), read: Certificate::from_der(der).ok()? }));
        let sent: Vec<Link<'_>> = sent.collect();
        let mut wanted = vec![leaf.tbs_certificate().issuer()];
        let mut found: Vec<&Link<'_>> = Vec::new();
        for _ in 0..depth {
            let before = found.len();
            for link in sent.iter().chain(&self.links) {
                let is_wanted = wanted.contains(&link.read.tbs_certificate().subject());
                if is_wanted && found.len() < MOST_LINKS && !found.iter().any(|it| it.der == link.der) {
                    found.push(link);
                }
            }
            let new = found.get(before..).unwrap_or_default();
            if new.is_empty() {
                break;
            }
            wanted = new.iter().map(|link| link.read.tbs_certificate().issuer()).collect();
        }
        found.into_iter().map(|link| link.der.clone().into_owned()).collect()
    }

    /// Whether a certificate is one of the roots, or a client's of version 1 and by one of them. The library reads neither as that of
    /// somebody who is no authority. With `ca.crl` they are not good: nobody looks for them in it.
    fn is_directly_good(&self, leaf: &CertificateDer<'_>, read: &Certificate, purpose: Purpose, now: UnixTime) -> bool {
        if !self.revoked.is_empty() && purpose == Purpose::Client {
            return false;
        }
        if is_self_issued(read) && self.certificates.contains(leaf) {
            return is_valid(read, now) && is_for(read, purpose);
        }
        let signed = read.tbs_certificate();
        let is_old = signed.version() == Version::V1
            && signed.extensions().is_none()
            && signed.issuer_unique_id().is_none()
            && signed.subject_unique_id().is_none();
        purpose == Purpose::Client
            && is_old
            && is_valid(read, now)
            && self.roots.iter().any(|root| may_issue(root, purpose, now) && has_signed(root, read))
    }
}

fn is_self_issued(certificate: &Certificate) -> bool {
    certificate.tbs_certificate().subject() == certificate.tbs_certificate().issuer()
}

fn is_valid(certificate: &Certificate, now: UnixTime) -> bool {
    let validity = certificate.tbs_certificate().validity();
    let (from, to) = (validity.not_before.to_unix_duration(), validity.not_after.to_unix_duration());
    (from.as_secs()..=to.as_secs()).contains(&now.as_secs())
}

/// Without a list of purposes it is for all.
fn is_for(certificate: &Certificate, purpose: Purpose) -> bool {
    match certificate.tbs_certificate().get_extension::<ExtendedKeyUsage>() {
        Ok(None) => true,
        Ok(Some((_, ExtendedKeyUsage(purposes)))) => purposes.contains(&purpose.id()),
        Err(_) => false,
    }
}

/// Whether certificates of a root count. One that is in `ca.crt` for its own sake vouches for nobody else.
fn may_issue(root: &Certificate, purpose: Purpose, now: UnixTime) -> bool {
    let read = root.tbs_certificate();
    let signs = match read.get_extension::<KeyUsage>() {
        Ok(usage) => usage.map(|(_, usage)| usage.key_cert_sign()),
        Err(_) => Some(false),
    };
    let is_authority = match read.get_extension::<BasicConstraints>() {
        Ok(Some((_, constraints))) => constraints.ca && signs != Some(false),
        // Before there were extensions every root was one.
        Ok(None) => read.version() == Version::V1 || signs == Some(true),
        Err(_) => false,
    };
    is_authority && is_valid(root, now) && is_for(root, purpose)
}

/// Whether a certificate has the signature of a root.
fn has_signed(root: &Certificate, leaf: &Certificate) -> bool {
    let (root, signed) = (root.tbs_certificate(), leaf.tbs_certificate());
    if root.subject() != signed.issuer() || leaf.signature_algorithm() != signed.signature() {
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

/// What is wrong, for whoever reads logs.
fn fault(error: webpki::Error) -> Error {
    let why = match error {
        webpki::Error::CertExpired { .. } => CertificateError::Expired,
        webpki::Error::UnknownIssuer => CertificateError::UnknownIssuer,
        webpki::Error::CertRevoked => CertificateError::Revoked,
        other => CertificateError::Other(OtherError(std::sync::Arc::new(other))),
    };
    Error::InvalidCertificate(why)
}

#[cfg(test)]
mod tests;
