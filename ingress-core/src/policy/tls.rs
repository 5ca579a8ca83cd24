//! Certificates by name.

use std::fmt;
use std::sync::Arc;

use crate::object::Origin;

/// Names a certificate; whoever holds key bytes finds them by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "an adapter that ignored a variant would serve the wrong certificate")]
pub enum CertificateId {
    /// The controller's own certificate.
    Default,
    /// The certificate in a Secret.
    Secret {
        /// The namespace of the Secret, which is always that of the Ingress.
        namespace: Arc<str>,
        /// The name of the Secret.
        name: Arc<str>,
    },
}

impl fmt::Display for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Secret { namespace, name } => write!(f, "{namespace}/{name}"),
        }
    }
}

/// The certificate that a TLS entry gives one of its hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct CertificateEntry {
    /// The certificate to serve; the default one where the entry's own cannot be used.
    pub certificate: CertificateId,
    /// The TLS entry.
    pub origin: Origin,
}
