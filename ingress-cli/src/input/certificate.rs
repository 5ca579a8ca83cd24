//! What can be done with the PEM in a Secret, in the judgement of rustls, which the proxy serves with. This is the only file of
//! the crate that sees PEM.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls_pemfile::Item;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// The most certificates that a server shows.
const LONGEST_CHAIN: usize = 32;

/// The most bytes of a value; a Secret cannot be larger.
const MOST_BYTES: usize = 1 << 20;

const NOT_X509: &str = "has a `tls.crt` that is not an X.509 certificate";
const NOT_PEM: &str = "has a `tls.crt` that is not a PEM certificate";
const NOT_A_KEY: &str = "has a `tls.key` that is not a PEM private key";
const NOT_LISTS: &str = "has a `ca.crl` that is not PEM lists of revoked certificates";
const NOT_AUTHORITIES: &str = "has a `ca.crt` that is not PEM certificates";

/// The DNS names of a certificate chain that can be served with a key.
pub(super) fn dns_names(chain: &[u8], key: &[u8]) -> Result<Vec<Box<str>>, &'static str> {
    if chain.trim_ascii().is_empty() {
        return Err("has no `tls.crt`");
    }
    if key.trim_ascii().is_empty() {
        return Err("has no `tls.key`");
    }
    let mut certificates = Vec::new();
    for item in items(chain) {
        if let Item::X509Certificate(certificate) = item.ok_or(NOT_PEM)? {
            if certificates.len() == LONGEST_CHAIN {
                return Err("has a `tls.crt` of more than 32 certificates");
            }
            certificates.push(certificate);
        }
    }
    let mut parsed = certificates.iter().map(|der| Certificate::from_der(der).map_err(|_| NOT_X509));
    let leaf = parsed.next().ok_or(NOT_PEM)??;
    parsed.try_for_each(|certificate| certificate.map(drop))?;
    let key = any_supported_type(&private_key(key)?);
    let key = key.map_err(|_| "has a `tls.key` of a kind or a size with which no TLS is spoken")?;
    let certified = CertifiedKey::new(certificates, key);
    certified
        .end_entity_cert()
        .and_then(|leaf| ParsedCertificate::try_from(leaf).map(drop))
        .map_err(|_| "has a certificate with something in it that TLS libraries refuse")?;
    certified.keys_match().map_err(|_| "has a `tls.key` that is not the key of its `tls.crt`")?;
    let names = leaf.tbs_certificate().get_extension::<SubjectAltName>();
    let names = names.map_err(|_| "has a certificate with malformed alternative names")?;
    let names = names.map(|(_, names)| names.0).unwrap_or_default();
    let dns = names.iter().filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(name.as_str().into()),
        _ => None,
    });
    Ok(dns.collect())
}

/// Whether there are authorities to verify somebody with, all of which can be used, and so can the lists of what they have revoked.
pub(super) fn authorities(pem: &[u8], lists: &[u8]) -> Result<(), &'static str> {
    if pem.trim_ascii().is_empty() {
        return Err("has no `ca.crt`");
    }
    const NO_AUTHORITY: &str = "has a `ca.crt` with a certificate that cannot be an authority's";
    let mut roots = RootCertStore::empty();
    let mut has_root = false;
    for item in items(pem) {
        if let Item::X509Certificate(certificate) = item.ok_or(NOT_AUTHORITIES)? {
            let read = Certificate::from_der(&certificate).map_err(|_| NO_AUTHORITY)?;
            has_root |= read.tbs_certificate().subject() == read.tbs_certificate().issuer();
            roots.add(certificate).map_err(|_| NO_AUTHORITY)?;
        }
    }
    if roots.is_empty() {
        return Err(NOT_AUTHORITIES);
    }
    if !has_root {
        return Err("has a `ca.crt` without a certificate that is its own issuer's, where chains end");
    }
    if lists.trim_ascii().is_empty() {
        return Ok(());
    }
    let revoked = items(lists).filter_map(|item| match item {
        Some(Item::Crl(list)) => Some(Ok(list)),
        Some(_) => None,
        None => Some(Err(NOT_LISTS)),
    });
    let revoked: Vec<_> = revoked.collect::<Result<_, _>>()?;
    let is_empty = revoked.is_empty();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).with_crls(revoked).build();
    if is_empty || verifier.is_err() { Err(NOT_LISTS) } else { Ok(()) }
}

/// The first private key.
fn private_key(pem: &[u8]) -> Result<rustls::pki_types::PrivateKeyDer<'static>, &'static str> {
    for item in items(pem) {
        match item.ok_or(NOT_A_KEY)? {
            Item::Pkcs1Key(key) => return Ok(key.into()),
            Item::Pkcs8Key(key) => return Ok(key.into()),
            Item::Sec1Key(key) => return Ok(key.into()),
            _ => {}
        }
    }
    Err(NOT_A_KEY)
}

/// The sections of a value that are of a known kind, and none for what is malformed.
fn items(pem: &[u8]) -> impl Iterator<Item = Option<Item>> {
    let is_too_large = pem.len() > MOST_BYTES;
    let mut rest = pem;
    let next = move || rustls_pemfile::read_one(&mut rest).transpose().map(Result::ok);
    is_too_large.then_some(None).into_iter().chain(std::iter::from_fn(next))
}
