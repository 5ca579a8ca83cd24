//! A Secret, read as far as certificate selection needs it. This is the only file that sees PEM; key bytes are checked for
//! and dropped.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ingress_core::model::{CertificateState, Metadata, Secret};
use serde::{Deserialize, Deserializer};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    data: Option<BTreeMap<String, Option<String>>>,
    #[serde(default)]
    string_data: Option<BTreeMap<String, Option<String>>>,
}

/// Decodes a Secret.
pub(super) fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let Wire { metadata, data, string_data } = Wire::deserialize(deserializer)?;
    let value = |key: &str| -> Result<Option<Vec<u8>>, String> {
        // The API server writes `stringData` over `data`.
        if let Some(text) = string_data.as_ref().and_then(|data| data.get(key)) {
            return Ok(text.clone().map(String::into_bytes));
        }
        match data.as_ref().and_then(|data| data.get(key)) {
            Some(Some(text)) => {
                let compact: String = text.split_ascii_whitespace().collect();
                STANDARD.decode(compact).map(Some).map_err(|_| format!("has a `{key}` that is not base64"))
            }
            _ => Ok(None),
        }
    };
    let certificate = match (value("tls.crt"), value("tls.key")) {
        (Ok(certificate), Ok(key)) => {
            certificate_state(certificate.as_deref().unwrap_or_default(), key.as_deref().unwrap_or_default())
        }
        (Err(reason), _) | (_, Err(reason)) => CertificateState::Unusable { reason: reason.into() },
    };
    Ok(Secret { metadata: metadata.unwrap_or_default(), certificate })
}

/// What can be done with a certificate chain and a key in PEM.
#[must_use]
pub(super) fn certificate_state(certificate: &[u8], key: &[u8]) -> CertificateState {
    match dns_names(certificate, key) {
        Ok(dns_names) => CertificateState::Usable { dns_names },
        Err(reason) => CertificateState::Unusable { reason: reason.into() },
    }
}

fn dns_names(certificate: &[u8], key: &[u8]) -> Result<Vec<Box<str>>, &'static str> {
    if certificate.is_empty() {
        return Err("has no `tls.crt`");
    }
    if key.is_empty() {
        return Err("has no `tls.key`");
    }
    let der = rustls_pemfile::certs(&mut &*certificate).next();
    let der = der.and_then(Result::ok).ok_or("has a `tls.crt` that is not a PEM certificate")?;
    rustls_pemfile::private_key(&mut &*key).ok().flatten().ok_or("has a `tls.key` that is not a PEM private key")?;
    let certificate = Certificate::from_der(&der).map_err(|_| "has a `tls.crt` that is not an X.509 certificate")?;
    let names = certificate.tbs_certificate().get_extension::<SubjectAltName>();
    let names = names.map_err(|_| "has a certificate with malformed alternative names")?;
    let names = names.map(|(_, names)| names.0).unwrap_or_default();
    let dns = names.iter().filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(name.as_str().into()),
        _ => None,
    });
    Ok(dns.collect())
}
