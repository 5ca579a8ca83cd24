//! Versions and cipher suites of TLS by the names that OpenSSL, and so nginx, has for them.
//!
//! There are few suites, all of them good: a list can only make them fewer. What a list forbids is never offered, and a list
//! that says something which is not understood is refused, because nobody knows what it forbids.

use std::sync::Arc;

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
        Some(suite) => TLS12.iter().find(|it| it.suite == suite).map_or("", |it| it.name),
        None => "",
    }
}

/// A suite of TLS 1.2, and the words of OpenSSL that it belongs to beside those of [`COMMON`].
struct Tls12 {
    suite: CipherSuite,
    name: &'static str,
    words: &'static [&'static str],
}

const TLS12: [Tls12; 6] = [
    Tls12 {
        suite: CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        name: "ECDHE-ECDSA-AES256-GCM-SHA384",
        words: &["ECDSA", "aECDSA", "AES", "AES256", "AESGCM", "FIPS"],
    },
    Tls12 {
        suite: CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        name: "ECDHE-RSA-AES256-GCM-SHA384",
        words: &["aRSA", "AES", "AES256", "AESGCM", "FIPS"],
    },
    Tls12 {
        suite: CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        name: "ECDHE-ECDSA-CHACHA20-POLY1305",
        words: &["ECDSA", "aECDSA", "CHACHA20"],
    },
    Tls12 {
        suite: CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        name: "ECDHE-RSA-CHACHA20-POLY1305",
        words: &["aRSA", "CHACHA20"],
    },
    Tls12 {
        suite: CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        name: "ECDHE-ECDSA-AES128-GCM-SHA256",
        words: &["ECDSA", "aECDSA", "AES", "AES128", "AESGCM", "FIPS"],
    },
    Tls12 {
        suite: CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        name: "ECDHE-RSA-AES128-GCM-SHA256",
        words: &["aRSA", "AES", "AES128", "AESGCM", "FIPS"],
    },
];

/// Words that all of them belong to.
const COMMON: [&str; 9] = ["ALL", "DEFAULT", "HIGH", "ECDH", "ECDHE", "EECDH", "kECDHE", "kEECDH", "TLSv1.2"];

/// Words that none belongs to. `RSA` is among them: it means that RSA encrypts a key.
const FOREIGN: &str = " 3DES ADH AECDH AESCCM AESCCM8 ARIA ARIA128 ARIA256 ARIAGCM CAMELLIA CAMELLIA128 CAMELLIA256 CBC \
    COMPLEMENTOFALL COMPLEMENTOFDEFAULT DES DH DHE DSS EDH EXP EXPORT IDEA LOW MD5 MEDIUM NULL PSK RC2 RC4 RSA SEED SHA SHA1 \
    SHA256 SHA384 SRP SSLv2 SSLv3 TLSv1 TLSv1.0 aDH aDSS aECDH aNULL aPSK eNULL kDHE kECDH kEDH kPSK kRSA kSRP ";

/// Why a list of suites cannot be honoured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadSuites {
    /// A word after `!` or `-` whose meaning is unknown.
    #[error("nobody knows which cipher suites `{0}` forbids")]
    Unknown(Box<str>),
    /// Nothing that can be spoken is left.
    #[error("none of the cipher suites can be used")]
    Nothing,
}

/// Which suites of TLS 1.2 may be used, the preferred ones first. Those of 1.3 always may, as with OpenSSL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suites(Box<[CipherSuite]>);

impl Default for Suites {
    fn default() -> Self {
        Self(TLS12.iter().map(|it| it.suite).collect())
    }
}

impl Suites {
    /// Reads a list in the language of OpenSSL.
    ///
    /// # Errors
    ///
    /// [`BadSuites`] if it cannot be honoured.
    pub fn read(list: &str) -> Result<Self, BadSuites> {
        let (mut chosen, mut forbidden): (Vec<&Tls12>, Vec<CipherSuite>) = (Vec::new(), Vec::new());
        for word in list.split([':', ' ', ',', ';']).filter(|word| !word.is_empty()) {
            let (operator, meaning) = match word.split_at_checked(1) {
                Some((operator @ ("!" | "-" | "+"), meaning)) => (operator, meaning),
                _ => ("", word),
            };
            let is_meant = |suite: &Tls12| meaning.split('+').all(|word| suite.is_in(word));
            match operator {
                "!" | "-" => {
                    if !meaning.split('+').all(is_known) {
                        return Err(BadSuites::Unknown(meaning.into()));
                    }
                    chosen.retain(|suite| !is_meant(suite));
                    if operator == "!" {
                        forbidden.extend(TLS12.iter().filter(|suite| is_meant(suite)).map(|it| it.suite));
                    }
                }
                // To the end of the order.
                "+" => chosen.sort_by_key(|suite| is_meant(suite)),
                _ => {
                    let is_new = |it: &&Tls12| !forbidden.contains(&it.suite) && is_meant(it);
                    for suite in TLS12.iter().filter(is_new) {
                        if !chosen.iter().any(|it| it.suite == suite.suite) {
                            chosen.push(suite);
                        }
                    }
                }
            }
        }
        if chosen.is_empty() {
            return Err(BadSuites::Nothing);
        }
        Ok(Self(chosen.into_iter().map(|it| it.suite).collect()))
    }

    /// The cryptography with these suites only.
    pub(crate) fn provider(&self) -> Arc<CryptoProvider> {
        let all = provider();
        let find = |wanted: &CipherSuite| all.cipher_suites.iter().find(|it| it.suite() == *wanted).copied();
        let tls13 = all.cipher_suites.iter().filter(|it| it.tls13().is_some()).copied();
        let cipher_suites: Vec<SupportedCipherSuite> = tls13.chain(self.0.iter().filter_map(find)).collect();
        Arc::new(CryptoProvider { cipher_suites, ..CryptoProvider::clone(all) })
    }
}

impl Tls12 {
    fn is_in(&self, word: &str) -> bool {
        word == self.name || COMMON.contains(&word) || self.words.contains(&word)
    }
}

/// Whether it is known which suites a word means: names of single suites have a hyphen, and those not here mean others.
fn is_known(word: &str) -> bool {
    let is_foreign = || FOREIGN.split_ascii_whitespace().any(|it| it == word);
    TLS12.iter().any(|suite| suite.is_in(word)) || is_foreign() || (word.contains('-') && !word.contains('_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Result<Vec<&'static str>, BadSuites> {
        let names = |suites: Suites| suites.0.iter().map(|it| suite_name(Some(*it)).split_at(6).1).collect();
        Suites::read(list).map(names)
    }

    #[test]
    fn lists_mean_what_they_mean_to_openssl() {
        const ALL: [&str; 6] = [
            "ECDSA-AES256-GCM-SHA384",
            "RSA-AES256-GCM-SHA384",
            "ECDSA-CHACHA20-POLY1305",
            "RSA-CHACHA20-POLY1305",
            "ECDSA-AES128-GCM-SHA256",
            "RSA-AES128-GCM-SHA256",
        ];
        let table: [(&str, &[usize]); 13] = [
            ("DEFAULT", &[0, 1, 2, 3, 4, 5]),
            ("HIGH:!aNULL:!MD5:!RC4", &[0, 1, 2, 3, 4, 5]),
            ("ALL:!RSA", &[0, 1, 2, 3, 4, 5]),
            ("HIGH:!aRSA", &[0, 2, 4]),
            ("ECDHE+AESGCM:!AES128", &[0, 1]),
            ("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305", &[5, 2]),
            ("ECDHE-RSA-AES128-GCM-SHA256,AES128-SHA,DHE-RSA-AES256-GCM-SHA384", &[5]),
            ("!CHACHA20:ALL:CHACHA20", &[0, 1, 4, 5]),
            ("-CHACHA20:ALL", &[0, 1, 2, 3, 4, 5]),
            ("ALL:-AES:AES256", &[2, 3, 0, 1]),
            ("ALL:+AES256", &[2, 3, 4, 5, 0, 1]),
            ("HIGH:!ECDHE-RSA-AES256-SHA384:!AES+aECDSA", &[1, 2, 3, 5]),
            ("FIPS", &[0, 1, 4, 5]),
        ];
        for (list, expected) in table {
            let expected: Vec<&str> = expected.iter().map(|place| ALL[*place]).collect();
            assert_eq!(names(list), Ok(expected), "{list}");
        }
        assert_eq!(Suites::read("DEFAULT"), Ok(Suites::default()));
    }

    #[test]
    fn what_cannot_be_honoured_is_refused() {
        for list in ["", "RSA", "AES128-SHA", "TLS_AES_128_GCM_SHA256", "HIGH:!ECDHE", "nonsense"] {
            assert_eq!(names(list), Err(BadSuites::Nothing), "{list}");
        }
        for word in ["SUITEB128", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "aes128", "AES+nonsense"] {
            assert_eq!(names(&format!("HIGH:!{word}")), Err(BadSuites::Unknown(word.into())));
        }
    }

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
