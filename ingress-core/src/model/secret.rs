//! Secret, reduced to what routing needs: which keys it has and what its certificate is for. Key bytes never enter the engine.
//!
//! An adapter reads the data and says here what it found.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Metadata;

/// A Secret as routing sees it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Secret {
    /// `metadata`.
    pub metadata: Metadata,
    /// What the adapter found in it.
    #[serde(flatten)]
    pub state: SecretState,
    /// The names of the keys in `data` and `stringData`, never their values.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub keys: BTreeSet<Box<str>>,
    /// The certificate as a cloud knows it, if the Secret has a key for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud: Option<CloudCertificate>,
}

/// What a Secret can be used for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct SecretState {
    /// What there is in `tls.crt` and `tls.key`.
    #[serde(default)]
    pub certificate: CertificateState,
    /// What there is in `ca.crt`.
    #[serde(default)]
    pub authorities: AuthoritiesState,
}

/// Identifiers of certificates that a cloud keeps. They are not secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct CloudCertificate {
    /// The certificates to serve, such as one for each algorithm; none if the Secret does not say it legibly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Box<str>>,
    /// The certificate authority that clients' certificates must come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<Box<str>>,
}

/// Whether a Secret can serve TLS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum CertificateState {
    /// There is a certificate and a key; the certificate covers these DNS names (subject alternative names).
    Usable {
        /// Names and one-label wildcards, as the certificate writes them.
        dns_names: Vec<Box<str>>,
    },
    /// It cannot be used, and why, such as ``has no `tls.key` ``.
    Unusable {
        /// The reason, fit to follow the Secret's name in a sentence.
        reason: Box<str>,
    },
}

impl Default for CertificateState {
    fn default() -> Self {
        Self::Unusable { reason: "has no `tls.crt`".into() }
    }
}

/// Whether somebody else's certificate can be verified with a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum AuthoritiesState {
    /// There are certificates of authorities.
    Usable,
    /// There are none, or not all of them can be used, and why.
    Unusable {
        /// The reason, fit to follow the Secret's name in a sentence.
        reason: Box<str>,
    },
}

impl Default for AuthoritiesState {
    fn default() -> Self {
        Self::Unusable { reason: "has no `ca.crt`".into() }
    }
}

impl AuthoritiesState {
    /// Why nobody can be verified, fit to follow the Secret's name in a sentence.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        match self {
            Self::Usable => None,
            Self::Unusable { reason } => Some(reason),
        }
    }
}
