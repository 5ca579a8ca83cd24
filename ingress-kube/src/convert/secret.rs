//! A Secret: its bytes for whoever serves with them, and a record without them for the engine.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ingress_core::model::{CloudCertificate, Metadata, Secret, SecretState};
use ingress_core::object::ObjectRef;
use serde::Deserialize;

use super::Revision;

/// The identifiers of certificates that Tencent Cloud keeps, separated by commas.
const CERTIFICATE_IDS: &str = "qcloud_cert_id";

/// The identifier of the certificate authority for clients.
const CA_ID: &str = "qcloud_ca_cert_id";

/// The bytes in a Secret, by key. They are not printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretData(BTreeMap<Box<str>, Vec<u8>>);

impl SecretData {
    /// The bytes under a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.0.get(key).map(Vec::as_slice)
    }

    /// Every key with its bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(key, bytes)| (&**key, bytes.as_slice()))
    }
}

impl<K: Into<Box<str>>> FromIterator<(K, Vec<u8>)> for SecretData {
    fn from_iter<I: IntoIterator<Item = (K, Vec<u8>)>>(entries: I) -> Self {
        Self(entries.into_iter().map(|(key, bytes)| (key.into(), bytes)).collect())
    }
}

impl fmt::Debug for SecretData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A Secret as it was sent.
#[derive(Debug)]
pub(crate) struct WireSecret {
    pub(crate) revision: Revision,
    metadata: Metadata,
    pub(crate) data: SecretData,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    data: Option<BTreeMap<Box<str>, Option<Box<str>>>>,
}

impl WireSecret {
    /// Reads the Secret that was asked for. What is not base64 is left out: the server stores no such thing.
    ///
    /// # Errors
    ///
    /// The decoder's; its message may quote a value, so it is for nobody to see.
    pub(crate) fn read(name: &ObjectRef, text: &str) -> Result<Self, serde_json::Error> {
        let Wire { data } = serde_json::from_str(text)?;
        let raw: &serde_json::value::RawValue = serde_json::from_str(text)?;
        let revision = super::item(crate::resource::Form::Metadata, raw).revision;
        let bytes = data.unwrap_or_default().into_iter();
        let bytes = bytes.filter_map(|(key, text)| Some((key, STANDARD.decode(&*text.unwrap_or_default()).ok()?)));
        // Annotations may have a copy of the data, and routing asks for none of them.
        let (namespace, name) = ((*name.namespace).into(), (*name.name).into());
        let metadata = Metadata { name, namespace, uid: revision.uid.clone(), ..Metadata::default() };
        Ok(Self { revision, metadata, data: bytes.collect() })
    }

    /// What the engine gets to see; the bytes end here.
    pub(crate) fn into_record(self, state: SecretState) -> Secret {
        let Self { metadata, data, .. } = self;
        let keys = data.0.keys().cloned().collect();
        Secret { metadata, state, cloud: cloud(&data), keys }
    }
}

/// The certificate as a cloud knows it. What is no text names nothing; the key is there nevertheless, and whoever needs the
/// name will miss it.
fn cloud(data: &SecretData) -> Option<CloudCertificate> {
    let text = |key| data.get(key).map(|bytes| std::str::from_utf8(bytes).unwrap_or_default().trim());
    let (certificates, ca) = (text(CERTIFICATE_IDS), text(CA_ID));
    (certificates.is_some() || ca.is_some()).then(|| CloudCertificate {
        certificates: certificates
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|id| !id.is_empty())
            .map(Into::into)
            .collect(),
        ca: ca.filter(|id| !id.is_empty()).map(Into::into),
    })
}
