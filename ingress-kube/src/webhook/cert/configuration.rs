//! The object that tells the API server of a webhook, and of the authorities that its certificate comes from.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use kube::Client;
use serde_json::Value;

use crate::api::{self, Failure, Reason, WHOLE, Write};
use crate::resource::escaped;

/// An annotation that begins like this asks cert-manager to write the authorities.
const INJECTED: &str = "cert-manager.io/inject-";

/// How long the server keeps a watch open.
const WATCH: Duration = Duration::from_secs(300);

/// The kinds of webhook configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the API has these two")]
pub enum Kind {
    /// A ValidatingWebhookConfiguration.
    Validating,
    /// A MutatingWebhookConfiguration.
    Mutating,
}

impl Kind {
    /// The kind as the API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Validating => "ValidatingWebhookConfiguration",
            Self::Mutating => "MutatingWebhookConfiguration",
        }
    }

    fn collection(self) -> &'static str {
        match self {
            Self::Validating => "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
            Self::Mutating => "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
        }
    }

    fn path(self, name: &str) -> String {
        format!("{}/{}", self.collection(), escaped(name))
    }
}

/// A configuration as it is stored.
pub(super) struct Configuration {
    kind: Kind,
    name: String,
    object: Value,
}

impl Configuration {
    /// The configuration of this name; none if there is none.
    pub(super) async fn get(client: &Client, kind: Kind, name: &str, limit: Duration) -> Result<Option<Self>, Failure> {
        match api::get(client, &kind.path(name), WHOLE, limit).await {
            Ok(text) => Self::read(kind, name, &text).map(Some),
            Err(Failure { reason: Reason::NotFound, .. }) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    fn read(kind: Kind, name: &str, text: &str) -> Result<Self, Failure> {
        let object = serde_json::from_str(text).map_err(|error| Failure::new(Reason::Malformed, &error.to_string()))?;
        Ok(Self { kind, name: name.to_owned(), object })
    }

    pub(super) fn resource_version(&self) -> Option<&str> {
        self.object.pointer("/metadata/resourceVersion")?.as_str()
    }

    /// Whether cert-manager writes the authorities: two that write would never come to an end.
    pub(super) fn is_injected(&self) -> bool {
        let annotations = self.object.pointer("/metadata/annotations").and_then(Value::as_object);
        annotations.is_some_and(|annotations| annotations.keys().any(|key| key.starts_with(INJECTED)))
    }

    /// Writes the authorities, and a failure policy if there is one, into the webhooks that `is_meant` chooses by their
    /// `clientConfig`. Returned is whether anything differs.
    pub(super) fn set(
        &mut self,
        authorities: &str,
        failure_policy: Option<&str>,
        is_meant: impl Fn(&Value) -> bool,
    ) -> bool {
        let authorities = Value::from(STANDARD.encode(authorities));
        let mut differs = false;
        let webhooks = self.object.get_mut("webhooks").and_then(Value::as_array_mut);
        for webhook in webhooks.into_iter().flatten().filter_map(Value::as_object_mut) {
            let Some(client) = webhook.get_mut("clientConfig").filter(|client| is_meant(client)) else { continue };
            let Some(client) = client.as_object_mut() else { continue };
            differs |= client.insert("caBundle".to_owned(), authorities.clone()).as_ref() != Some(&authorities);
            if let Some(policy) = failure_policy {
                differs |=
                    webhook.insert("failurePolicy".to_owned(), policy.into()).is_none_or(|before| before != policy);
            }
        }
        differs
    }

    /// Stores it; [`Reason::Conflict`] if it is another one by now.
    pub(super) async fn replace(self, client: &Client, limit: Duration) -> Result<Self, Failure> {
        let text = api::write(client, Write::Update, &self.kind.path(&self.name), &self.object, limit).await?;
        Self::read(self.kind, &self.name, &text)
    }
}

/// Waits until the configuration is another one than that of a version, or is there, as far as the server tells.
///
/// # Errors
///
/// When it does not.
pub(super) async fn changed(
    client: &Client,
    kind: Kind,
    name: &str,
    version: Option<&str>,
    limit: Duration,
) -> Result<(), Failure> {
    let since = version.map(|version| format!("&resourceVersion={}", escaped(version))).unwrap_or_default();
    let target = format!(
        "{}?watch=1&fieldSelector=metadata.name%3D{}&timeoutSeconds={}{since}",
        kind.collection(),
        escaped(name),
        WATCH.as_secs(),
    );
    let mut body = api::open(client, &target, WHOLE, limit).await?.into_body();
    loop {
        match body.frame().await {
            Some(Ok(frame)) if frame.data_ref().is_some_and(|data| !data.is_empty()) => return Ok(()),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(Failure::unreachable(&error)),
            // A watch ends now and then; to look again is what there is to do.
            None => return Ok(()),
        }
    }
}
