//! Redirects to HTTPS, and the header that keeps browsers there.

use super::value::{Key, boolean, number, set, texts};

/// Keys about redirects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirects {
    /// Whether a host with a certificate is reached by HTTPS only (`ssl-redirect`).
    pub(crate) ssl_redirect: bool,
    /// The same for hosts without a certificate (`force-ssl-redirect`).
    pub(crate) force_ssl_redirect: bool,
    /// The status of these redirects: 301, 302, 307 or 308 (`http-redirect-code`).
    pub(crate) http_redirect_code: u16,
    /// The beginnings of rule paths that are exempt (`no-tls-redirect-locations`).
    pub(crate) no_tls_redirect_locations: Box<[Box<str>]>,
    /// Whether a last slash survives the redirect (`preserve-trailing-slash`).
    pub(crate) preserve_trailing_slash: bool,
    /// Whether the port is written into redirects (`use-port-in-redirects`).
    pub(crate) use_port_in_redirects: bool,
    /// Whether redirects to a path stay without scheme and host (`relative-redirects`).
    pub(crate) relative_redirects: bool,
    /// `Strict-Transport-Security`.
    pub(crate) hsts: Hsts,
}

/// What goes into `Strict-Transport-Security` on answers by HTTPS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hsts {
    /// Whether it is sent (`hsts`).
    pub(crate) is_on: bool,
    /// For how many seconds it holds (`hsts-max-age`).
    pub(crate) max_age: u32,
    /// Whether it holds for subdomains (`hsts-include-subdomains`).
    pub(crate) include_subdomains: bool,
    /// Whether browsers may be shipped with it (`hsts-preload`).
    pub(crate) preload: bool,
}

impl Default for Redirects {
    fn default() -> Self {
        Self {
            ssl_redirect: true,
            force_ssl_redirect: false,
            http_redirect_code: 308,
            no_tls_redirect_locations: Box::new(["/.well-known/acme-challenge".into()]),
            preserve_trailing_slash: false,
            use_port_in_redirects: false,
            relative_redirects: false,
            hsts: Hsts { is_on: true, max_age: 31_536_000, include_subdomains: true, preload: false },
        }
    }
}

/// What each key does.
pub(super) const KEYS: &[Key<Redirects>] = &[
    ("ssl-redirect", |to, value| set(&mut to.ssl_redirect, boolean(value))),
    ("force-ssl-redirect", |to, value| set(&mut to.force_ssl_redirect, boolean(value))),
    ("http-redirect-code", |to, value| set(&mut to.http_redirect_code, redirect_code(value))),
    ("no-tls-redirect-locations", |to, value| set(&mut to.no_tls_redirect_locations, texts(value))),
    ("preserve-trailing-slash", |to, value| set(&mut to.preserve_trailing_slash, boolean(value))),
    ("use-port-in-redirects", |to, value| set(&mut to.use_port_in_redirects, boolean(value))),
    ("relative-redirects", |to, value| set(&mut to.relative_redirects, boolean(value))),
    ("hsts", |to, value| set(&mut to.hsts.is_on, boolean(value))),
    ("hsts-max-age", |to, value| set(&mut to.hsts.max_age, number(value))),
    ("hsts-include-subdomains", |to, value| set(&mut to.hsts.include_subdomains, boolean(value))),
    ("hsts-preload", |to, value| set(&mut to.hsts.preload, boolean(value))),
];

fn redirect_code(text: &str) -> Result<u16, Box<str>> {
    super::value::one_of(text, &[("301", 301), ("302", 302), ("307", 307), ("308", 308)])
}
