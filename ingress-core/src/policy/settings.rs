//! What a host has beside its routes.

use std::sync::Arc;

use super::Redirect;
use crate::host::HostPattern;
use crate::object::Origin;

/// What a host has beside its routes. It is looked at before they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a new setting must break an adapter that would ignore it")]
pub struct HostSettings {
    /// The answer to a request for exactly `/`.
    pub app_root: Option<AppRoot>,
    /// The certificate that clients must have.
    pub client_certificate: Option<ClientCertificate>,
    /// Why all paths of the host are expressions: the place that makes them so.
    pub regex: Option<Origin>,
    /// The host whose routes these are; this one is another name for it.
    pub alias_of: Option<HostPattern>,
    /// The place that has TLS connections handed to the backend of `/` as they are.
    pub passthrough: Option<Origin>,
}

impl HostSettings {
    /// What is asked of clients' certificates, if they are asked for one or kept out for want of a way to ask.
    #[must_use]
    pub fn asked_certificate(&self) -> Option<&ClientCertificate> {
        self.client_certificate.as_ref().filter(|wanted| wanted.unusable || wanted.verify != VerifyClient::Off)
    }

    /// Whether a TLS handshake for the host is another than for most.
    #[must_use]
    pub fn has_own_handshake(&self) -> bool {
        self.passthrough.is_some() || self.asked_certificate().is_some()
    }
}

/// A redirect for the path `/` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct AppRoot {
    /// Status and Location.
    pub redirect: Redirect,
    /// Who asks for it.
    pub origin: Origin,
}

/// What is asked of a client's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a new restriction must break an adapter that would ignore it")]
pub struct ClientCertificate {
    /// The namespace of the Secret with the authorities, under `ca.crt`.
    pub namespace: Arc<str>,
    /// The name of the Secret.
    pub secret: Box<str>,
    /// When a request is refused.
    pub verify: VerifyClient,
    /// How many certificates the chain may have between the client's and the authority's.
    pub depth: u32,
    /// Where a client without a good certificate is sent, instead of an error.
    pub error_page: Option<Box<Redirect>>,
    /// Whether the certificate is sent to the backend.
    pub pass_to_upstream: bool,
    /// What the subject must match.
    pub match_cn: Option<crate::path::Search>,
    /// Whether the setting cannot be honoured, so that every request is refused.
    pub unusable: bool,
    /// Who asks for it.
    pub origin: Origin,
}

impl ClientCertificate {
    /// Whether a certificate that was checked for one is as good for the other.
    #[must_use]
    pub fn asks_the_same(&self, other: &Self) -> bool {
        let authorities = (&self.namespace, &self.secret) == (&other.namespace, &other.secret);
        authorities && (self.verify, self.depth, self.unusable) == (other.verify, other.depth, other.unusable)
    }
}

/// When a request is refused for its certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an adapter that ignored a variant would let anybody in")]
pub enum VerifyClient {
    /// Never; no certificate is asked for.
    Off,
    /// Without a certificate, or with one that is not good.
    #[default]
    On,
    /// With one that is not good.
    Optional,
    /// Never; whether it is good is for the backend to judge.
    OptionalNoCa,
}

impl VerifyClient {
    /// The value of the annotation.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Optional => "optional",
            Self::OptionalNoCa => "optional_no_ca",
        }
    }
}
