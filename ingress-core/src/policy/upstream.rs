//! What belongs to a backend and not to the routes that lead there: how its endpoints share the requests, which of them a
//! client comes back to, and who else gets some.

use std::sync::Arc;

use super::{BackendRef, Template};
use crate::object::Origin;
use crate::path::Search;

/// What belongs to a backend whoever routes there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct UpstreamPolicy {
    /// How requests are shared among endpoints.
    pub settings: Arc<UpstreamSettings>,
    /// Another backend that gets a part of the requests.
    pub canary: Option<Canary>,
}

/// How requests are shared among the endpoints of a backend. Affinity comes before hashing, hashing before balancing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct UpstreamSettings {
    /// The algorithm.
    pub load_balance: LoadBalance,
    /// The text whose hash chooses the endpoint.
    pub hash: Option<HashBy>,
    /// The cookie that brings a client back to its endpoint.
    pub affinity: Option<Arc<Affinity>>,
}

/// An algorithm that chooses an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an adapter that cannot do one of these must say so")]
pub enum LoadBalance {
    /// In turn.
    #[default]
    RoundRobin,
    /// By the exponentially weighted moving average of response times.
    Ewma,
}

impl LoadBalance {
    /// The name that the annotation has for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::Ewma => "ewma",
        }
    }
}

/// Consistent hashing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct HashBy {
    /// The text that is hashed.
    pub key: Template,
    /// Endpoints of a subset, one of which is taken at random; none hashes to a single endpoint.
    pub subset: Option<u32>,
}

/// A cookie that brings a client back to the endpoint that served it before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct Affinity {
    /// The cookie's name.
    pub cookie: Box<str>,
    /// Whether clients stay where they are when endpoints come and go.
    pub persistent: bool,
    /// The cookie's path; none is the path of the rule, `/` for a regex.
    pub path: Option<Box<str>>,
    /// The cookie's domain.
    pub domain: Option<Box<str>>,
    /// Seconds for `Expires`.
    pub expires: Option<i64>,
    /// Seconds for `Max-Age`.
    pub max_age: Option<i64>,
    /// `SameSite`.
    pub same_site: Option<Box<str>>,
    /// Whether `SameSite=None` is left away for browsers that misread it.
    pub conditional_same_site_none: bool,
    /// `Secure`; none follows the connection.
    pub secure: Option<bool>,
    /// Whether a client gets a new cookie when its endpoint fails.
    pub change_on_failure: bool,
}

impl Affinity {
    /// The `SameSite` that a browser is sent: `None`, `Lax` or `Strict`.
    #[must_use]
    pub fn same_site_for(&self, user_agent: Option<&[u8]>) -> Option<&'static str> {
        let is_misread = self.conditional_same_site_none && user_agent.is_some_and(super::same_site::misreads_none);
        let given = self.same_site.as_deref()?;
        let known = ["None", "Lax", "Strict"].into_iter().find(|word| given.eq_ignore_ascii_case(word))?;
        (known != "None" || !is_misread).then_some(known)
    }
}

/// Another backend that gets a part of the requests.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct Canary {
    /// The backend.
    pub backend: Arc<BackendRef>,
    /// Which part.
    pub rule: Arc<CanaryRule>,
    /// The cookie that brings a client back, that of the backend that requests are taken from: what is given to some clients by the
    /// one and to others by the other. Where the rule has affinity of its own, it is that of the canary's backend instead.
    pub affinity: Option<Arc<Affinity>>,
    /// The path that says so.
    pub origin: Origin,
}

/// Which requests go to a canary. Header, cookie and weight are looked at in this order; the first that decides does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct CanaryRule {
    /// The header.
    pub header: Option<Box<str>>,
    /// What its value must be; `always` and `never` decide where neither this nor a pattern is given.
    pub header_value: Option<Box<str>>,
    /// What its value must match.
    pub header_pattern: Option<HeaderPattern>,
    /// The cookie whose value `always` or `never` decides.
    pub cookie: Option<Box<str>>,
    /// How many of [`weight_total`](Self::weight_total) requests.
    pub weight: u64,
    /// The whole that the weight is a part of; at least 100.
    pub weight_total: u64,
    /// Whether the clients of the canary come back to it by its own backend's cookie, and not by that of the backend that it takes
    /// requests from (`affinity-canary-behavior: legacy`).
    pub has_own_affinity: bool,
}

/// An expression for the value of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an expression is good or it is not")]
pub enum HeaderPattern {
    /// Searched for anywhere in the value.
    Search(Search),
    /// It cannot be used; requests with the header stay with the primary backend.
    Unusable(Box<str>),
}
