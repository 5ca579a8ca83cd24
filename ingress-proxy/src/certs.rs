//! Certificates and keys: read from PEM, found by name, swapped while connections come and go.
//!
//! What TLS means for a connection is the business of `server` and `upstream`; what both need stands here.

mod authorities;
mod pair;
mod pem;
mod store;
mod suites;
#[cfg(test)]
pub(crate) mod testing;

use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};

pub use self::authorities::Authorities;
pub(crate) use self::authorities::Purpose;
pub use self::pair::{BadPair, Pair};
pub use self::pem::BadPem;
pub(crate) use self::pem::of_certificate as pem_of;
pub use self::store::{CertStore, Material, Refused, SecretPem};
pub use self::suites::{Suites, Versions};
pub(crate) use self::suites::{suite_name, version_name};

/// The cryptography of all connections. It is always named: a default of the process would depend on who sets it first.
pub(crate) fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
    &PROVIDER
}
