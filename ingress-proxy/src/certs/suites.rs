//! Versions and cipher suites of TLS as rustls knows them, by the names that OpenSSL, and so nginx, has for them.

use std::sync::Arc;

use ingress_core::policy::{CipherSuite as Tls12, InvalidCiphers};
use rustls::crypto::CryptoProvider;
use rustls::{CipherSuite, ProtocolVersion, SupportedCipherSuite, SupportedProtocolVersion, version};

use super::provider;

/// Which versions of TLS are spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there are two versions that are safe")]
pub enum Versions {
    /// 1.2 alone.
    Only12,
    /// 1.3 alone.
    Only13,
    /// Both.
    #[default]
    Both,
}

impl Versions {
    /// Reads a list such as `TLSv1.2 TLSv1.3`. Older versions are passed over, as they cannot be spoken; none if nothing is
    /// left.
    #[must_use]
    pub fn read(list: &str) -> Option<Self> {
        let has = |version: &str| list.split_ascii_whitespace().any(|word| word == version);
        match (has("TLSv1.2"), has("TLSv1.3")) {
            (true, true) => Some(Self::Both),
            (true, false) => Some(Self::Only12),
            (false, true) => Some(Self::Only13),
            (false, false) => None,
        }
    }

    pub(crate) fn list(self) -> &'static [&'static SupportedProtocolVersion] {
        static ALL: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
        let [tls13, tls12] = ALL.each_ref().map(std::slice::from_ref);
        match self {
            Self::Only12 => tls12,
            Self::Only13 => tls13,
            Self::Both => &ALL,
        }
    }
}

/// The name of a version, for logs.
pub(crate) fn version_name(version: Option<ProtocolVersion>) -> &'static str {
    match version {
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "",
    }
}

/// The name of a suite, for logs.
pub(crate) fn suite_name(suite: Option<CipherSuite>) -> &'static str {
    match suite {
        Some(CipherSuite::TLS13_AES_128_GCM_SHA256) => "TLS_AES_128_GCM_SHA256",
        Some(CipherSuite::TLS13_AES_256_GCM_SHA384) => "TLS_AES_256_GCM_SHA384",
        Some(CipherSuite::TLS13_CHACHA20_POLY1305_SHA256) => "TLS_CHACHA20_POLY1305_SHA256",
        Some(suite) => Tls12::ALL.into_iter().find(|it| known_as(*it) == suite).map_or("", Tls12::as_str),
        None => "",
    }
}

/// Which suites of TLS 1.2 may be used, the preferred ones first. Those of 1.3 always may, as with OpenSSL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suites(Box<[Tls12]>);

impl Default for Suites {
    fn default() -> Self {
        Self(Tls12::ALL.into())
    }
}

impl Suites {
    /// Reads a list in the language of OpenSSL.
    ///
    /// # Errors
    ///
    /// [`InvalidCiphers`] if it cannot be honoured.
    pub fn read(list: &str) -> Result<Self, InvalidCiphers> {
        Ok(Self(Tls12::list(list)?.into()))
    }

    /// The cryptography with these suites only.
    pub(crate) fn provider(&self) -> Arc<CryptoProvider> {
        let all = provider();
        let find = |wanted: &Tls12| all.cipher_suites.iter().find(|it| it.suite() == known_as(*wanted)).copied();
        let tls13 = all.cipher_suites.iter().filter(|it| it.tls13().is_some()).copied();
        let cipher_suites: Vec<SupportedCipherSuite> = tls13.chain(self.0.iter().filter_map(find)).collect();
        Arc::new(CryptoProvider { cipher_suites, ..CryptoProvider::clone(all) })
    }
}

/// What rustls calls a suite.
const fn known_as(suite: Tls12) -> CipherSuite {
    match suite {
        Tls12::EcdsaAes256 => CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        Tls12::RsaAes256 => CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        Tls12::EcdsaChacha20 => CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        Tls12::RsaChacha20 => CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        Tls12::EcdsaAes128 => CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        Tls12::RsaAes128 => CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_have_the_suites_of_1_3_too() {
        let provider = Suites::read("ECDHE-RSA-AES128-GCM-SHA256").unwrap().provider();
        let names: Vec<_> = provider.cipher_suites.iter().map(|it| suite_name(Some(it.suite()))).collect();
        assert_eq!(names.len(), 4);
        assert!(names.iter().all(|name| name.starts_with("TLS_") || *name == "ECDHE-RSA-AES128-GCM-SHA256"));
        assert_eq!(Suites::default().provider().cipher_suites.len(), super::provider().cipher_suites.len());
    }

    #[test]
    fn versions() {
        assert_eq!(Versions::read("TLSv1 TLSv1.2"), Some(Versions::Only12));
        assert_eq!(Versions::read("TLSv1.3 TLSv1.2"), Some(Versions::Both));
        assert_eq!(Versions::read("TLSv1.3"), Some(Versions::Only13));
        assert_eq!(Versions::read("SSLv3 TLSv1.1"), None);
    }
}
