//! TCP and UDP services.

use super::super::value::{Key, boolean, number, set, time};

/// Keys about TCP and UDP services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Streams {
    /// Milliseconds between two reads or writes (`proxy-stream-timeout`).
    pub(crate) timeout: u64,
    /// Whether another endpoint is tried when one cannot be reached (`proxy-stream-next-upstream`).
    pub(crate) next_upstream: bool,
    /// For how many milliseconds; 0 is unlimited (`proxy-stream-next-upstream-timeout`).
    pub(crate) next_upstream_timeout: u64,
    /// How often; 0 is unlimited (`proxy-stream-next-upstream-tries`).
    pub(crate) next_upstream_tries: u32,
    /// How many datagrams answer one (`proxy-stream-responses`).
    pub(crate) responses: u32,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            timeout: 600_000,
            next_upstream: true,
            next_upstream_timeout: 600_000,
            next_upstream_tries: 3,
            responses: 1,
        }
    }
}

/// What each key does.
pub(super) const KEYS: &[Key<Streams>] = &[
    ("proxy-stream-timeout", |to, value| set(&mut to.timeout, time(value))),
    ("proxy-stream-next-upstream", |to, value| set(&mut to.next_upstream, boolean(value))),
    ("proxy-stream-next-upstream-timeout", |to, value| set(&mut to.next_upstream_timeout, time(value))),
    ("proxy-stream-next-upstream-tries", |to, value| set(&mut to.next_upstream_tries, number(value))),
    ("proxy-stream-responses", |to, value| set(&mut to.responses, number(value))),
];
