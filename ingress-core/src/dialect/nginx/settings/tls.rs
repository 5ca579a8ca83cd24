//! How TLS is spoken with clients.

use super::value::{Key, Outcome, boolean, set, size, text, time};

/// Keys about TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tls {
    /// The versions that are offered (`ssl-protocols`).
    pub(crate) versions: Versions,
    /// The cipher suites of TLS 1.2, by their OpenSSL names (`ssl-ciphers`).
    pub(crate) ciphers: Box<[Box<str>]>,
    /// The groups of the key exchange, in OpenSSL's words (`ssl-ecdh-curve`).
    pub(crate) ecdh_curve: Box<str>,
    /// Whether sessions are remembered (`ssl-session-cache`).
    pub(crate) session_cache: bool,
    /// In how many bytes (`ssl-session-cache-size`).
    pub(crate) session_cache_size: u64,
    /// For how many milliseconds (`ssl-session-timeout`).
    pub(crate) session_timeout: u64,
    /// Whether clients get tickets (`ssl-session-tickets`).
    pub(crate) session_tickets: bool,
    /// Whether a handshake for a name that no Ingress has is refused (`ssl-reject-handshake`).
    pub(crate) reject_handshake: bool,
}

/// The versions of TLS that are offered; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Versions {
    /// TLS 1.2 alone.
    Only12,
    /// TLS 1.3 alone.
    Only13,
    /// TLS 1.2 and 1.3.
    Both,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            versions: Versions::Both,
            ciphers: CIPHERS.map(Box::from).into(),
            ecdh_curve: "auto".into(),
            session_cache: true,
            session_cache_size: 10 << 20,
            session_timeout: 600_000,
            session_tickets: false,
            reject_handshake: false,
        }
    }
}

/// ingress-nginx's default.
const CIPHERS: [&str; 8] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "DHE-RSA-AES128-GCM-SHA256",
    "DHE-RSA-AES256-GCM-SHA384",
];

/// What each key does.
pub(super) const KEYS: &[Key<Tls>] = &[
    ("ssl-protocols", |to, value| versions(&mut to.versions, value)),
    ("ssl-ciphers", |to, value| set(&mut to.ciphers, ciphers(value))),
    ("ssl-ecdh-curve", |to, value| set(&mut to.ecdh_curve, text(value))),
    ("ssl-session-cache", |to, value| set(&mut to.session_cache, boolean(value))),
    ("ssl-session-cache-size", |to, value| set(&mut to.session_cache_size, size(value))),
    ("ssl-session-timeout", |to, value| set(&mut to.session_timeout, time(value))),
    ("ssl-session-tickets", |to, value| set(&mut to.session_tickets, boolean(value))),
    ("ssl-reject-handshake", |to, value| set(&mut to.reject_handshake, boolean(value))),
];

/// Takes over the versions that exist here; older ones are reported, as nobody should have to guess why a client fails.
fn versions(place: &mut Versions, value: &str) -> Outcome {
    let has = |version| value.split_ascii_whitespace().any(|word| word == version);
    *place = match (has("TLSv1.2"), has("TLSv1.3")) {
        (true, true) => Versions::Both,
        (true, false) => Versions::Only12,
        (false, true) => Versions::Only13,
        (false, false) => return Err("offers neither `TLSv1.2` nor `TLSv1.3`; the default is used".into()),
    };
    match value.split_ascii_whitespace().find(|word| !matches!(*word, "TLSv1.2" | "TLSv1.3")) {
        Some(word) => {
            let shown: String = word.chars().take(64).collect();
            Err(format!("has the entry `{shown}`, which is not offered").into())
        }
        None => Ok(()),
    }
}

fn ciphers(value: &str) -> Result<Box<[Box<str>]>, Box<str>> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'!' | b'@' | b'=');
    let ciphers: Box<[Box<str>]> =
        value.split([':', ',', ' ']).filter(|name| !name.is_empty()).map(Box::from).collect();
    if ciphers.is_empty() || !ciphers.iter().all(|name| name.bytes().all(is_allowed)) {
        return Err("is not a list of cipher suites".into());
    }
    Ok(ciphers)
}
