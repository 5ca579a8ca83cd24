//! The cookie that brings a client back to its endpoint: its keys, how it is read and how it is written.
//!
//! The value is `endpoint|backend` as ingress-nginx writes it, since the engine reads the second half to keep clients with
//! their canary. With the mode `persistent` the first half is ingress-nginx's too, so that clients that it served find their
//! endpoint again. Choosing the endpoint is not done here.

use std::fmt;
use std::io::Write as _;

use ingress_core::policy::{Affinity, BackendRef, Endpoint};

use super::balance::Draws;
use crate::message::ImfFixdate;

/// One half of the value of an affinity cookie: 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key([u8; 32]);

impl Key {
    /// The key of a backend.
    #[must_use]
    pub(super) fn of_backend(name: &str) -> Self {
        let inner = md5::compute(name);
        let mut outer = md5::Context::new();
        outer.consume(Self::hex(inner.0).as_bytes());
        outer.consume(name);
        Self::hex(outer.finalize().0)
    }

    /// The key of an endpoint of a backend, by which nobody learns its address without knowing the backend's name and trying
    /// all addresses.
    #[must_use]
    pub(super) fn of_endpoint(backend: &str, endpoint: &Endpoint) -> Self {
        Self::hex(md5::compute(format!("{backend}{endpoint}")).0)
    }

    /// A key that belongs to an endpoint by its hash.
    #[must_use]
    pub(super) fn random(draws: &mut Draws) -> Self {
        let bits = u128::from(draws.next()) << 64 | u128::from(draws.next());
        Self::hex(bits.to_be_bytes())
    }

    fn hex(bytes: [u8; 16]) -> Self {
        let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + (nibble - 10) };
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        Self(digits)
    }

    /// The digits.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

/// What ingress-nginx calls a backend.
pub(super) fn backend_name(reference: &BackendRef) -> Box<str> {
    format!("{}-{}-{}", reference.namespace, reference.service, reference.port).into()
}

/// The half of a cookie's value that leads to an endpoint.
pub(super) fn key_of(cookie: &[u8]) -> &[u8] {
    cookie.split(|byte| *byte == b'|').next().unwrap_or_default()
}

/// The value of a cookie out of the values of the `Cookie` fields: the first of that name, without quotes around it.
#[must_use]
pub fn cookie<'a>(mut fields: impl Iterator<Item = &'a [u8]>, name: &[u8]) -> Option<&'a [u8]> {
    fields.find_map(|field| {
        let mut pairs = field.split(|byte| *byte == b';');
        pairs.find_map(|pair| {
            let value = pair.trim_ascii_start().strip_prefix(name)?.strip_prefix(b"=")?.trim_ascii();
            Some(value.strip_prefix(b"\"").and_then(|it| it.strip_suffix(b"\"")).unwrap_or(value))
        })
    })
}

/// What a `Set-Cookie` field says.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "whoever sets a cookie has to say all of it")]
pub struct SetCookie<'a> {
    /// The settings.
    pub affinity: &'a Affinity,
    /// The key of the session.
    pub key: &'a Key,
    /// The key of the backend that serves it.
    pub backend: &'a Key,
    /// The path, as the decision has it: one that an attribute can have.
    pub path: &'a str,
    /// Whether the client came by TLS.
    pub is_https: bool,
    /// The `User-Agent` field, by which browsers are known that misread `SameSite=None`.
    pub user_agent: Option<&'a [u8]>,
    /// Seconds since 1970.
    pub unix_now: u64,
}

impl SetCookie<'_> {
    /// Appends the value of the field; nothing if the name is none that a cookie can have.
    pub fn write(&self, to: &mut Vec<u8>) {
        let Affinity { cookie, domain, expires, max_age, secure, .. } = self.affinity;
        if cookie.is_empty() || !cookie.bytes().all(|byte| is_attribute_byte(byte) && !b" =\",".contains(&byte)) {
            return;
        }
        let same_site = self.affinity.same_site_for(self.user_agent);
        // Browsers take no `SameSite=None` without `Secure`; where nothing is said, TLS ends in front of us.
        let is_secure = secure.unwrap_or(self.is_https || same_site == Some("None"));
        let domain = domain.as_deref().filter(|domain| domain.bytes().all(is_attribute_byte));

        let mut write = |text: fmt::Arguments<'_>| {
            // Writing to memory does not fail.
            let _: std::io::Result<()> = to.write_fmt(text);
        };
        write(format_args!("{cookie}={}|{}", self.key, self.backend));
        if let Some(seconds) = expires {
            write(format_args!("; Expires={}", ImfFixdate(self.unix_now.saturating_add_signed(*seconds))));
        }
        if let Some(seconds) = max_age {
            write(format_args!("; Max-Age={seconds}"));
        }
        if let Some(domain) = domain {
            write(format_args!("; Domain={domain}"));
        }
        write(format_args!("; Path={}", self.path));
        if is_secure {
            write(format_args!("; Secure"));
        }
        write(format_args!("; HttpOnly"));
        if let Some(word) = same_site {
            write(format_args!("; SameSite={word}"));
        }
    }
}

/// Whether a byte may stand in the value of an attribute (RFC 6265 4.1.1).
fn is_attribute_byte(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e) && byte != b';'
}

#[cfg(test)]
pub(super) mod tests;
