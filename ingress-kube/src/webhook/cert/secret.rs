//! The Secret that a webhook's certificate is kept in. Its keys are those of kube-webhook-certgen, so that it can be mounted where
//! ingress-nginx's manifests mount theirs; a Secret of cert-manager is read too.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::Client;
use serde_json::{Value, json};

use super::issue::Issued;
use crate::api::{self, Failure, Reason, WHOLE, Write};
use crate::resource::escaped;

/// Says whose Secret it is: ours are renewed here, others are only read.
const OWNER_LABEL: &str = "app.kubernetes.io/managed-by";
const OWNER: &str = "ingress-proxy";

const COMPONENT_LABEL: &str = "app.kubernetes.io/component";

/// What a pair that takes over later is kept under.
const NEXT_CERTIFICATE: &str = "next-cert";
const NEXT_KEY: &str = "next-key";

/// Where a Secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) namespace: String,
    pub(super) name: String,
}

/// A Secret as it is stored.
#[derive(Clone)]
pub(super) struct Stored(Value);

/// A certificate and its key, in PEM.
pub(super) struct PemPair {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
}

impl Place {
    fn path(&self) -> String {
        format!("{}/{}", self.collection(), escaped(&self.name))
    }

    fn collection(&self) -> String {
        format!("/api/v1/namespaces/{}/secrets", escaped(&self.namespace))
    }

    /// The Secret; none if there is none.
    pub(super) async fn get(&self, client: &Client, limit: Duration) -> Result<Option<Stored>, Failure> {
        match api::get(client, &self.path(), WHOLE, limit).await {
            Ok(text) => stored(&text).map(Some),
            Err(Failure { reason: Reason::NotFound, .. }) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Creates the Secret; [`Reason::Conflict`] if somebody else was faster.
    pub(super) async fn create(&self, client: &Client, issued: &Issued, limit: Duration) -> Result<Stored, Failure> {
        let object = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": {
                "namespace": self.namespace,
                "name": self.name,
                "labels": {OWNER_LABEL: OWNER, COMPONENT_LABEL: "admission-webhook"},
            },
            "data": {
                "ca": STANDARD.encode(&issued.authority),
                "cert": STANDARD.encode(&issued.certificate),
                "key": STANDARD.encode(&issued.key),
            },
        });
        stored(&api::write(client, Write::Create, &self.collection(), &object, limit).await?)
    }

    /// Replaces the Secret; [`Reason::Conflict`] if it is another one by now.
    pub(super) async fn replace(&self, client: &Client, secret: &Stored, limit: Duration) -> Result<Stored, Failure> {
        stored(&api::write(client, Write::Update, &self.path(), &secret.0, limit).await?)
    }
}

/// Nothing of what was sent gets into a message: it has a key in it.
fn stored(text: &str) -> Result<Stored, Failure> {
    let value = serde_json::from_str(text).ok().filter(Value::is_object);
    value.map(Stored).ok_or_else(|| Failure::new(Reason::Malformed, "the Secret cannot be decoded"))
}

impl Stored {
    /// Whether it was made here.
    pub(super) fn is_ours(&self) -> bool {
        self.0.pointer("/metadata/labels").and_then(|labels| labels.get(OWNER_LABEL)).is_some_and(|it| it == OWNER)
    }

    fn get(&self, keys: &[&str]) -> Option<Vec<u8>> {
        let data = self.0.get("data")?;
        let value = keys.iter().find_map(|key| data.get(*key)?.as_str())?;
        STANDARD.decode(value).ok()
    }

    /// The authorities that vouch for the pair, and for the one that takes over.
    pub(super) fn authorities(&self) -> Option<String> {
        self.get(&["ca", "ca.crt"]).and_then(|pem| String::from_utf8(pem).ok()).filter(|pem| !pem.trim().is_empty())
    }

    /// The pair in use.
    pub(super) fn pair(&self) -> Option<PemPair> {
        let (certificate, key) = (self.get(&["cert", "tls.crt"])?, self.get(&["key", "tls.key"])?);
        Some(PemPair { certificate, key })
    }

    /// The pair that takes over.
    pub(super) fn next(&self) -> Option<PemPair> {
        Some(PemPair { certificate: self.get(&[NEXT_CERTIFICATE])?, key: self.get(&[NEXT_KEY])? })
    }

    fn with(mut self, changes: &[(&str, Option<&[u8]>)]) -> Self {
        if let Some(data) = self.0.get_mut("data").and_then(Value::as_object_mut) {
            for (key, value) in changes {
                match value {
                    Some(value) => data.insert((*key).to_owned(), STANDARD.encode(value).into()),
                    None => data.shift_remove(*key),
                };
            }
        } else if let Some(secret) = self.0.as_object_mut() {
            secret.insert("data".to_owned(), json!({}));
            return self.with(changes);
        }
        self
    }

    /// The Secret with a pair that takes over later, and with the authorities of both.
    pub(super) fn with_next(self, authorities: &str, next: &Issued) -> Self {
        self.with(&[
            ("ca", Some(authorities.as_bytes())),
            (NEXT_CERTIFICATE, Some(next.certificate.as_bytes())),
            (NEXT_KEY, Some(next.key.as_bytes())),
        ])
    }

    /// The Secret with another pair in use, and with these authorities.
    pub(super) fn with_pair(self, authorities: &str, pair: &PemPair) -> Self {
        self.with(&[
            ("ca", Some(authorities.as_bytes())),
            ("cert", Some(&pair.certificate)),
            ("key", Some(&pair.key)),
            (NEXT_CERTIFICATE, None),
            (NEXT_KEY, None),
        ])
    }
}
