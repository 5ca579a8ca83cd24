//! Secret, reduced to what certificate selection needs. Key bytes never enter the engine.
//!
//! An adapter reads the PEM data and says here what it found.

use serde::{Deserialize, Serialize};

use super::Metadata;

/// A Secret as certificate selection sees it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Secret {
    /// `metadata`.
    pub metadata: Metadata,
    /// What the adapter found in `tls.crt` and `tls.key`.
    pub certificate: CertificateState,
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
