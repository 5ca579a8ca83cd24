//! Cross-origin resource sharing (Fetch standard, "CORS protocol").

use std::fmt;

/// What scripts of other origins may do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct Cors {
    /// The origins.
    pub origins: Box<[OriginPattern]>,
    /// Whether credentials may be sent.
    pub credentials: bool,
    /// `Access-Control-Allow-Methods`.
    pub methods: Box<str>,
    /// `Access-Control-Allow-Headers`.
    pub headers: Box<str>,
    /// `Access-Control-Expose-Headers`; empty for none.
    pub expose_headers: Box<str>,
    /// `Access-Control-Max-Age` in seconds.
    pub max_age: i64,
}

/// An origin or a family of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the forms that the setting has")]
pub enum OriginPattern {
    /// `*`.
    Any,
    /// `null`, or `scheme://host[:port]`.
    Exact(Box<str>),
    /// `scheme://*.host[:port]`: one or more characters other than `/` in front of the host, split at the `*`.
    Subdomain(Box<str>, Box<str>),
}

impl OriginPattern {
    /// Whether an origin is meant, without regard to case; both ends are compared.
    #[must_use]
    pub fn matches(&self, origin: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(text) => origin.eq_ignore_ascii_case(text.as_bytes()),
            Self::Subdomain(before, after) => {
                let (before, after) = (before.as_bytes(), after.as_bytes());
                let Some(labels) = origin.len().checked_sub(before.len() + after.len()) else { return false };
                let (Some(head), Some(middle), Some(tail)) = (
                    origin.get(..before.len()),
                    origin.get(before.len()..before.len() + labels),
                    origin.get(before.len() + labels..),
                ) else {
                    return false;
                };
                // One label, as `[A-Za-z0-9-]+` in ingress-nginx's pattern.
                let is_label = !middle.is_empty() && middle.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
                is_label && head.eq_ignore_ascii_case(before) && tail.eq_ignore_ascii_case(after)
            }
        }
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Exact(text) => f.write_str(text),
            Self::Subdomain(before, after) => write!(f, "{before}*{after}"),
        }
    }
}
