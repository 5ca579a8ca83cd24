//! A Secret, read as far as routing needs it. The bytes themselves are handed on as [`SecretData`], for whoever serves with
//! them or wants to know whether that could be done; the engine's record has none.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ingress_core::model::{AuthoritiesState, CertificateState, CloudCertificate, Metadata, Secret, SecretState};
use serde::{Deserialize, Deserializer};

use super::certificate;

/// The identifiers of certificates that Tencent Cloud keeps, separated by commas.
const CERTIFICATE_IDS: &str = "qcloud_cert_id";

/// The identifier of the certificate authority for clients.
const CA_ID: &str = "qcloud_ca_cert_id";

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

    /// What the Secret can be used for: whether rustls would serve with `tls.crt` and `tls.key`, and whether it would verify
    /// anybody with `ca.crt` and `ca.crl`.
    ///
    /// ```
    /// use ingress_cli::input::SecretData;
    ///
    /// let data: SecretData = [("ca.crt", b"not PEM".to_vec())].into_iter().collect();
    /// assert_eq!(data.state().authorities.fault(), Some("has a `ca.crt` that is not PEM certificates"));
    /// ```
    #[must_use]
    pub fn state(&self) -> SecretState {
        let bytes = |key| match self.0.get(key) {
            Some(None) => Err(format!("has a `{key}` that is not base64")),
            Some(Some(bytes)) => Ok(bytes.as_slice()),
            None => Ok(&[][..]),
        };
        let pair =
            || -> Result<Vec<Box<str>>, String> { Ok(certificate::dns_names(bytes("tls.crt")?, bytes("tls.key")?)?) };
        let authorities =
            || -> Result<(), String> { Ok(certificate::authorities(bytes("ca.crt")?, bytes("ca.crl")?)?) };
        SecretState {
            certificate: match pair() {
                Ok(dns_names) => CertificateState::Usable { dns_names },
                Err(reason) => CertificateState::Unusable { reason: reason.into() },
            },
            authorities: match authorities() {
                Ok(()) => AuthoritiesState::Usable,
                Err(reason) => AuthoritiesState::Unusable { reason: reason.into() },
            },
        }
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

/// Decodes a Secret. Its state is left open: to find it out takes longer than all else here.
pub(super) fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(Secret, SecretData), D::Error> {
    let Wire { metadata, data, string_data } = Wire::deserialize(deserializer)?;
    let value = |key: &str| -> Result<Option<Vec<u8>>, base64::DecodeError> {
        // The API server writes `stringData` over `data`.
        if let Some(text) = string_data.as_ref().and_then(|data| data.get(key)) {
            return Ok(text.clone().map(String::into_bytes));
        }
        match data.as_ref().and_then(|data| data.get(key)) {
            Some(Some(text)) => {
                let compact: String = text.split_ascii_whitespace().collect();
                STANDARD.decode(compact).map(Some)
            }
            _ => Ok(None),
        }
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
    let state = SecretState::default();
    Ok((Secret { metadata: metadata.unwrap_or_default(), state, keys, cloud }, bytes))
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
