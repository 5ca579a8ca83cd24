//! PEM to DER, and a certificate back to PEM. This is the only file of the crate that reads PEM.
//!
//! No error carries a byte of its input: what stands between the lines of a malformed file may be a key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls_pemfile::Item;

/// The most bytes of a file; an object of Kubernetes cannot be larger.
const MAX_BYTES: usize = 1 << 20;

/// The most certificates of a chain.
const MAX_CHAIN: usize = 32;

/// What is wrong with a PEM file. The text follows the name of the file in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadPem {
    /// More than a Secret can hold.
    #[error("is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// A section does not end, or is not base64.
    #[error("is malformed or truncated PEM")]
    Malformed,
    /// No section of the kind.
    #[error("has no certificate")]
    NoCertificate,
    /// More certificates than any chain needs.
    #[error("has more than {MAX_CHAIN} certificates")]
    LongChain,
    /// No section of the kind.
    #[error("has no private key that is not encrypted")]
    NoKey,
    /// A certificate that nobody can be verified with.
    #[error("has a certificate that cannot be an authority's")]
    NotAnAuthority,
    /// No certificate that names itself as its issuer, which is where chains end.
    #[error("has no certificate that is its own issuer's")]
    NoRoot,
    /// No section of the kind.
    #[error("has no list of revoked certificates")]
    NoList,
    /// A list that nobody can be looked up in.
    #[error("has a list of revoked certificates that cannot be read")]
    NotAList,
}

/// The certificates of a chain, the leaf first.
pub(super) fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BadPem> {
    let mut chain = Vec::new();
    for item in items(pem)? {
        if let Item::X509Certificate(certificate) = item? {
            if chain.len() == MAX_CHAIN {
                return Err(BadPem::LongChain);
            }
            chain.push(certificate);
        }
    }
    if chain.is_empty() { Err(BadPem::NoCertificate) } else { Ok(chain) }
}

/// A certificate as PEM, in lines of 64 (RFC 7468 2).
pub(crate) fn of_certificate(der: &CertificateDer<'_>) -> Box<str> {
    let digits = STANDARD.encode(der);
    let mut pem = String::with_capacity(digits.len() + digits.len() / 64 + 64);
    pem.push_str("-----BEGIN CERTIFICATE-----\n");
    let mut rest = digits.as_str();
    while let Some((line, others)) = rest.split_at_checked(64) {
        pem.push_str(line);
        pem.push('\n');
        rest = others;
    }
    if !rest.is_empty() {
        pem.push_str(rest);
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem.into()
}

/// The first private key.
pub(super) fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, BadPem> {
    for item in items(pem)? {
        match item? {
            Item::Pkcs1Key(key) => return Ok(key.into()),
            Item::Pkcs8Key(key) => return Ok(key.into()),
            Item::Sec1Key(key) => return Ok(key.into()),
            _ => {}
        }
    }
    Err(BadPem::NoKey)
}

/// The certificates of a bundle, however many.
pub(super) fn bundle(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BadPem> {
    let certificate = |item| if let Item::X509Certificate(certificate) = item { Some(certificate) } else { None };
    all(pem, certificate, BadPem::NoCertificate)
}

/// The lists of revoked certificates.
pub(super) fn lists(pem: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, BadPem> {
    let list = |item| if let Item::Crl(list) = item { Some(list) } else { None };
    all(pem, list, BadPem::NoList)
}

/// All sections of one kind; without any there is none.
fn all<T>(pem: &[u8], pick: impl Fn(Item) -> Option<T>, none: BadPem) -> Result<Vec<T>, BadPem> {
    let found: Vec<T> = items(pem)?.filter_map(|item| item.map(&pick).transpose()).collect::<Result<_, _>>()?;
    if found.is_empty() { Err(none) } else { Ok(found) }
}

/// The sections of a file that are of a known kind.
fn items(pem: &[u8]) -> Result<impl Iterator<Item = Result<Item, BadPem>>, BadPem> {
    if pem.len() > MAX_BYTES {
        return Err(BadPem::TooLarge);
    }
    let mut rest = pem;
    Ok(std::iter::from_fn(move || rustls_pemfile::read_one(&mut rest).map_err(|_| BadPem::Malformed).transpose()))
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    use super::*;

    fn signed(ca: bool) -> (String, String) {
        let mut params = CertificateParams::new(["a.example".to_owned()]).unwrap();
        params.is_ca = if ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::NoCa };
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn chains_and_keys_among_other_sections() {
        let (certificate, key_pem) = signed(false);
        let mixed = format!("subject=a\n\n{key_pem}{certificate}-----BEGIN OTHER-----\nAAAA\n-----END OTHER-----\n");
        assert_eq!(chain(mixed.as_bytes()).unwrap().len(), 1);
        assert!(key(mixed.as_bytes()).is_ok());
        let twice = certificate.repeat(2).replace('\n', "\r\n");
        assert_eq!(chain(twice.as_bytes()).unwrap().len(), 2);
    }

    #[test]
    fn certificates_are_written_as_others_write_them() {
        let (certificate, _) = signed(false);
        let der = &chain(certificate.as_bytes()).unwrap()[0];
        assert_eq!(*of_certificate(der), certificate.replace('\r', ""));
        // Whatever the length of the last line.
        for length in 0..100 {
            let der = CertificateDer::from(vec![7; length]);
            let read = items(of_certificate(&der).as_bytes()).unwrap().next();
            assert!(matches!(read, Some(Ok(Item::X509Certificate(read))) if read == der), "{length}");
        }
    }

    #[test]
    fn what_is_wrong_with_it() {
        let (certificate, key_pem) = signed(false);
        let truncated = &certificate.as_bytes()[..certificate.len() - 30];
        let table: [(&[u8], BadPem); 6] = [
            (b"", BadPem::NoCertificate),
            (key_pem.as_bytes(), BadPem::NoCertificate),
            (truncated, BadPem::Malformed),
            (b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", BadPem::Malformed),
            (&certificate.repeat(33).into_bytes(), BadPem::LongChain),
            (&vec![b'\n'; MAX_BYTES + 1], BadPem::TooLarge),
        ];
        for (pem, expected) in table {
            assert_eq!(chain(pem).unwrap_err(), expected);
        }
        assert_eq!(chain(&certificate.repeat(32).into_bytes()).unwrap().len(), 32);
        let encrypted = key_pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        for pem in [&b""[..], certificate.as_bytes(), encrypted.as_bytes()] {
            assert_eq!(key(pem).unwrap_err(), BadPem::NoKey);
        }
        assert_eq!(key(&key_pem.as_bytes()[..key_pem.len() - 30]).unwrap_err(), BadPem::Malformed);
    }

    #[test]
    fn bundles() {
        let (certificate, _) = signed(true);
        assert_eq!(bundle(certificate.repeat(40).as_bytes()).unwrap().len(), 40);
        assert_eq!(bundle(b"").unwrap_err(), BadPem::NoCertificate);
        assert_eq!(lists(certificate.as_bytes()).unwrap_err(), BadPem::NoList);
    }
}
