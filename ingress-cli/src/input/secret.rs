//! A Secret, read as far as routing needs it. This is the only file that sees PEM. The bytes themselves are handed on as
//! [`SecretData`], for whoever serves with them; the engine's record has none.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ingress_core::model::{CertificateState, CloudCertificate, Metadata, Secret};
use serde::{Deserialize, Deserializer};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// The identifiers of certificates that Tencent Cloud keeps, separated by commas.
const CERTIFICATE_IDS: &str = "qcloud_cert_id";

/// The identifier of the certificate authority for clients.
const CA_ID: &str = "qcloud_ca_cert_id";

/// The most certificates that a server shows.
const LONGEST_CHAIN: usize = 32;

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

/// The bytes in a Secret, by key; none for what is not base64. They are not printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretData(BTreeMap<Box<str>, Option<Vec<u8>>>);

impl SecretData {
    /// The bytes under a key, unless it is absent or not base64.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.0.get(key)?.as_deref()
    }

    /// Whether there is a value under a key, be it base64 or not.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }
}

impl<K: Into<Box<str>>> FromIterator<(K, Vec<u8>)> for SecretData {
    fn from_iter<I: IntoIterator<Item = (K, Vec<u8>)>>(values: I) -> Self {
        Self(values.into_iter().map(|(key, bytes)| (key.into(), Some(bytes))).collect())
    }
}

impl fmt::Debug for SecretData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Decodes a Secret.
pub(super) fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(Secret, SecretData), D::Error> {
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
    let keys: BTreeSet<Box<str>> =
        [&data, &string_data].into_iter().flatten().flat_map(BTreeMap::keys).map(|key| key.as_str().into()).collect();
    let cloud = (keys.contains(CERTIFICATE_IDS) || keys.contains(CA_ID)).then(|| {
        // What is no text names nothing; the key is there nevertheless, and whoever needs the name will miss it.
        let text = |key| value(key).ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let (certificates, ca) = (text(CERTIFICATE_IDS), text(CA_ID));
        let certificates = certificates.split(',').map(str::trim).filter(|id| !id.is_empty()).map(Into::into).collect();
        let ca = Some(ca.trim()).filter(|id| !id.is_empty()).map(Into::into);
        CloudCertificate { certificates, ca }
    });
    let bytes = keys.iter().filter_map(|key| match value(key) {
        Ok(Some(bytes)) => Some((key.clone(), Some(bytes))),
        Ok(None) => None,
        Err(_) => Some((key.clone(), None)),
    });
    let bytes = SecretData(bytes.collect());
    Ok((Secret { metadata: metadata.unwrap_or_default(), certificate, keys, cloud }, bytes))
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
    const NOT_PEM: &str = "has a `tls.crt` that is not a PEM certificate";
    const NOT_X509: &str = "has a `tls.crt` that is not an X.509 certificate";
    let chain: Vec<_> = rustls_pemfile::certs(&mut &*certificate).collect::<Result<_, _>>().map_err(|_| NOT_PEM)?;
    let (der, others) = chain.split_first().ok_or(NOT_PEM)?;
    if others.len() >= LONGEST_CHAIN {
        return Err("has a `tls.crt` of more than 32 certificates");
    }
    if others.iter().any(|der| Certificate::from_der(der).is_err()) {
        return Err(NOT_X509);
    }
    let key = rustls_pemfile::private_key(&mut &*key).ok().flatten();
    let key = key.ok_or("has a `tls.key` that is not a PEM private key")?;
    let certificate = Certificate::from_der(der).map_err(|_| NOT_X509)?;
    super::key::check(&key, certificate.tbs_certificate().subject_public_key_info())?;
    let names = certificate.tbs_certificate().get_extension::<SubjectAltName>();
    let names = names.map_err(|_| "has a certificate with malformed alternative names")?;
    let names = names.map(|(_, names)| names.0).unwrap_or_default();
    let dns = names.iter().filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(name.as_str().into()),
        _ => None,
    });
    Ok(dns.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        decode(&mut serde_json::Deserializer::from_str(text)).expect("a Secret").0
    }

    #[test]
    fn bytes_are_handed_on_and_not_printed() {
        let text = r#"{"data": {"a": "eHk=", "b": "***", "c": "eHk="}, "stringData": {"c": "over"}}"#;
        let (_, data) = decode(&mut serde_json::Deserializer::from_str(text)).expect("a Secret");
        assert_eq!(data.get("a"), Some(&b"xy"[..]));
        assert_eq!((data.get("b"), data.get("c"), data.get("d")), (None, Some(&b"over"[..]), None));
        assert_eq!((data.has("a"), data.has("b"), data.has("d")), (true, true, false));
        assert_eq!(format!("{data:?}"), r#"{"a", "b", "c"}"#);
    }

    fn texts(ids: &[&str]) -> Vec<Box<str>> {
        ids.iter().map(|id| (*id).into()).collect()
    }

    #[test]
    fn keys_are_named_and_not_read() {
        let secret =
            secret(r#"{"data": {"auth": "not base64", "ca.crt": null}, "stringData": {"auth": "x", "tls.key": "y"}}"#);
        assert_eq!(secret.keys, texts(&["auth", "ca.crt", "tls.key"]).into_iter().collect());
        assert_eq!(secret.cloud, None);
    }

    #[test]
    fn certificates_of_the_cloud_are_listed() {
        // `rsa1, ecc2,` and `ca3` with a line break
        let encoded = secret(r#"{"data": {"qcloud_cert_id": "cnNhMSwgZWNjMiw=", "qcloud_ca_cert_id": "Y2EzCg=="}}"#);
        let expected = CloudCertificate { certificates: texts(&["rsa1", "ecc2"]), ca: Some("ca3".into()) };
        assert_eq!(encoded.cloud, Some(expected));
        assert_eq!(encoded.certificate, CertificateState::Unusable { reason: "has no `tls.crt`".into() });
        let over =
            secret(r#"{"data": {"qcloud_cert_id": "cnNhMSwgZWNjMiw="}, "stringData": {"qcloud_cert_id": "new"}}"#);
        assert_eq!(over.cloud, Some(CloudCertificate { certificates: texts(&["new"]), ca: None }));
    }

    #[test]
    fn what_cannot_be_read_names_no_certificate() {
        // not base64, not UTF-8, nothing, only commas
        for value in [r#""***""#, r#""/w==""#, "null", r#""""#, r#""LCAs""#] {
            let secret = secret(&format!(r#"{{"data": {{"qcloud_cert_id": {value}}}}}"#));
            assert_eq!(secret.cloud, Some(CloudCertificate::default()), "{value}");
        }
    }
}
