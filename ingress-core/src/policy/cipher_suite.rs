//! Cipher suites of TLS 1.2 by the names that OpenSSL, and so nginx, has for them.
//!
//! There are few, all of them good: a list can only make them fewer. What a list forbids is never offered, and a list that says
//! something which is not understood is refused, because nobody knows what it forbids.

use std::error::Error;
use std::fmt;

/// A cipher suite of TLS 1.2 with ephemeral keys and authenticated encryption (RFC 5289, RFC 7905); there are no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "an adapter that did not know a suite could not offer it")]
pub enum CipherSuite {
    /// `TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384`.
    EcdsaAes256,
    /// `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384`.
    RsaAes256,
    /// `TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256`.
    EcdsaChacha20,
    /// `TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256`.
    RsaChacha20,
    /// `TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256`.
    EcdsaAes128,
    /// `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`.
    RsaAes128,
}

/// Words that all of them belong to.
const COMMON: [&str; 9] = ["ALL", "DEFAULT", "HIGH", "ECDH", "ECDHE", "EECDH", "kECDHE", "kEECDH", "TLSv1.2"];

/// Words that none belongs to. `RSA` is among them: it means that RSA encrypts a key.
const FOREIGN: &str = " 3DES ADH AECDH AESCCM AESCCM8 ARIA ARIA128 ARIA256 ARIAGCM CAMELLIA CAMELLIA128 CAMELLIA256 CBC \
    COMPLEMENTOFALL COMPLEMENTOFDEFAULT DES DH DHE DSS EDH EXP EXPORT IDEA LOW MD5 MEDIUM NULL PSK RC2 RC4 RSA SEED SHA SHA1 \
    SHA256 SHA384 SRP SSLv2 SSLv3 TLSv1 TLSv1.0 aDH aDSS aECDH aNULL aPSK eNULL kDHE kECDH kEDH kPSK kRSA kSRP ";

/// Why a list of suites cannot be honoured.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidCiphers {
    /// A word after `!` or `-` whose meaning is unknown.
    Unknown(Box<str>),
    /// Nothing that can be spoken is left.
    Nothing,
}

impl fmt::Display for InvalidCiphers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(word) => write!(f, "nobody knows which cipher suites `{word}` forbids"),
            Self::Nothing => f.write_str("none of the cipher suites can be used"),
        }
    }
}

impl Error for InvalidCiphers {}

impl CipherSuite {
    /// All, the preferred ones first.
    pub const ALL: [Self; 6] = [
        Self::EcdsaAes256,
        Self::RsaAes256,
        Self::EcdsaChacha20,
        Self::RsaChacha20,
        Self::EcdsaAes128,
        Self::RsaAes128,
    ];

    /// Its name in OpenSSL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaAes256 => "ECDHE-ECDSA-AES256-GCM-SHA384",
            Self::RsaAes256 => "ECDHE-RSA-AES256-GCM-SHA384",
            Self::EcdsaChacha20 => "ECDHE-ECDSA-CHACHA20-POLY1305",
            Self::RsaChacha20 => "ECDHE-RSA-CHACHA20-POLY1305",
            Self::EcdsaAes128 => "ECDHE-ECDSA-AES128-GCM-SHA256",
            Self::RsaAes128 => "ECDHE-RSA-AES128-GCM-SHA256",
        }
    }

    /// Reads a list in the language of OpenSSL: those that may be used, the preferred ones first. It says nothing of TLS 1.3.
    ///
    /// ```
    /// use ingress_core::policy::CipherSuite;
    ///
    /// assert_eq!(CipherSuite::list("ECDHE+AES256:!aRSA")?, [CipherSuite::EcdsaAes256]);
    /// # Ok::<(), ingress_core::policy::InvalidCiphers>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidCiphers`] if it cannot be honoured.
    pub fn list(text: &str) -> Result<Vec<Self>, InvalidCiphers> {
        let (mut chosen, mut forbidden): (Vec<Self>, Vec<Self>) = (Vec::new(), Vec::new());
        for word in text.split([':', ' ', ',', ';']).filter(|word| !word.is_empty()) {
            let (operator, meaning) = match word.split_at_checked(1) {
                Some((operator @ ("!" | "-" | "+"), meaning)) => (operator, meaning),
                _ => ("", word),
            };
            let is_meant = |suite: &Self| meaning.split('+').all(|word| suite.is_in(word));
            match operator {
                "!" | "-" => {
                    if !meaning.split('+').all(is_known) {
                        return Err(InvalidCiphers::Unknown(meaning.into()));
                    }
                    chosen.retain(|suite| !is_meant(suite));
                    if operator == "!" {
                        forbidden.extend(Self::ALL.iter().filter(|suite| is_meant(suite)));
                    }
                }
                // To the end of the order.
                "+" => chosen.sort_by_key(is_meant),
                _ => {
                    for suite in Self::ALL.into_iter().filter(|suite| !forbidden.contains(suite) && is_meant(suite)) {
                        if !chosen.contains(&suite) {
                            chosen.push(suite);
                        }
                    }
                }
            }
        }
        if chosen.is_empty() { Err(InvalidCiphers::Nothing) } else { Ok(chosen) }
    }

    fn is_in(self, word: &str) -> bool {
        word == self.as_str() || COMMON.contains(&word) || self.words().contains(&word)
    }

    /// The words of OpenSSL that it belongs to beside those of [`COMMON`].
    const fn words(self) -> &'static [&'static str] {
        match self {
            Self::EcdsaAes256 => &["ECDSA", "aECDSA", "AES", "AES256", "AESGCM", "FIPS"],
            Self::RsaAes256 => &["aRSA", "AES", "AES256", "AESGCM", "FIPS"],
            Self::EcdsaChacha20 => &["ECDSA", "aECDSA", "CHACHA20"],
            Self::RsaChacha20 => &["aRSA", "CHACHA20"],
            Self::EcdsaAes128 => &["ECDSA", "aECDSA", "AES", "AES128", "AESGCM", "FIPS"],
            Self::RsaAes128 => &["aRSA", "AES", "AES128", "AESGCM", "FIPS"],
        }
    }
}

/// Whether it is known which suites a word means: names of single suites have a hyphen, and those not here mean others.
fn is_known(word: &str) -> bool {
    let is_foreign = || FOREIGN.split_ascii_whitespace().any(|it| it == word);
    CipherSuite::ALL.iter().any(|suite| suite.is_in(word))
        || is_foreign()
        || (word.contains('-') && !word.contains('_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_mean_what_they_mean_to_openssl() {
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
            let expected = expected.iter().filter_map(|place| CipherSuite::ALL.get(*place).copied()).collect();
            assert_eq!(CipherSuite::list(list), Ok(expected), "{list}");
        }
    }

    #[test]
    fn what_cannot_be_honoured_is_refused() {
        for list in ["", "RSA", "AES128-SHA", "TLS_AES_128_GCM_SHA256", "HIGH:!ECDHE", "nonsense"] {
            assert_eq!(CipherSuite::list(list), Err(InvalidCiphers::Nothing), "{list}");
        }
        for word in ["SUITEB128", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "aes128", "AES+nonsense"] {
            assert_eq!(CipherSuite::list(&format!("HIGH:!{word}")), Err(InvalidCiphers::Unknown(word.into())));
        }
    }
}
