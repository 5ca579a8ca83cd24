//! gzip and Brotli.

use super::super::value::{Key, boolean, number, number_in, set, words};

/// Keys about compression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Compression {
    /// Whether responses are compressed with gzip (`use-gzip`).
    pub(crate) use_gzip: bool,
    /// 1 to 9 (`gzip-level`).
    pub(crate) gzip_level: u32,
    /// From how many bytes (`gzip-min-length`).
    pub(crate) gzip_min_length: u32,
    /// Of which types beside `text/html`; `*` is all (`gzip-types`).
    pub(crate) gzip_types: Box<[Box<str>]>,
    /// Whether responses are compressed with Brotli (`enable-brotli`).
    pub(crate) enable_brotli: bool,
    /// 0 to 11 (`brotli-level`).
    pub(crate) brotli_level: u32,
    /// From how many bytes (`brotli-min-length`).
    pub(crate) brotli_min_length: u32,
    /// Of which types (`brotli-types`).
    pub(crate) brotli_types: Box<[Box<str>]>,
}

/// The types that are compressed by default. The first is one that ingress-nginx gives to Brotli alone.
const TYPES: [&str; 18] = [
    "application/xml+rss",
    "application/atom+xml",
    "application/javascript",
    "application/x-javascript",
    "application/json",
    "application/rss+xml",
    "application/vnd.ms-fontobject",
    "application/x-font-ttf",
    "application/x-web-app-manifest+json",
    "application/xhtml+xml",
    "application/xml",
    "font/opentype",
    "image/svg+xml",
    "image/x-icon",
    "text/css",
    "text/javascript",
    "text/plain",
    "text/x-component",
];

impl Default for Compression {
    fn default() -> Self {
        Self {
            use_gzip: false,
            gzip_level: 1,
            gzip_min_length: 256,
            gzip_types: TYPES.iter().skip(1).copied().map(Box::from).collect(),
            enable_brotli: false,
            brotli_level: 4,
            brotli_min_length: 20,
            brotli_types: TYPES.map(Box::from).into(),
        }
    }
}

/// What each key does.
pub(super) const KEYS: &[Key<Compression>] = &[
    ("use-gzip", |to, value| set(&mut to.use_gzip, boolean(value))),
    ("gzip-level", |to, value| set(&mut to.gzip_level, number_in(value, 1..=9))),
    ("gzip-min-length", |to, value| set(&mut to.gzip_min_length, number(value))),
    ("gzip-types", |to, value| set(&mut to.gzip_types, words(value))),
    ("enable-brotli", |to, value| set(&mut to.enable_brotli, boolean(value))),
    ("brotli-level", |to, value| set(&mut to.brotli_level, number_in(value, 0..=11))),
    ("brotli-min-length", |to, value| set(&mut to.brotli_min_length, number(value))),
    ("brotli-types", |to, value| set(&mut to.brotli_types, words(value))),
];
