//! Everything that can be set, with its default.

use std::sync::Arc;
use std::time::Duration;

use ingress_core::policy::{AddressRange, BackendRef, Endpoint};

use crate::shadow::Shadow;

/// The settings of a proxy. A binary fills them from flags.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants; build it with `..Default::default()`")]
pub struct Config {
    /// What a client may send.
    pub downstream: Downstream,
    /// How endpoints are connected to.
    pub upstream: Upstream,
    /// Which forwarding headers are believed and sent.
    pub forwarding: Forwarding,
    /// What the answers are compared with, where the proxy is the shadow of another controller.
    pub shadow: Option<Arc<Shadow>>,
}

/// What a client may send, and for how long it may stay.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants; build it with `..Default::default()`")]
pub struct Downstream {
    /// The greatest head, start line and fields, in bytes.
    pub max_head: usize,
    /// The most fields of a head.
    pub max_fields: usize,
    /// The greatest request target in bytes.
    pub max_target: usize,
    /// Until the head is complete, from the first byte; and until the TLS handshake is done.
    pub header_timeout: Duration,
    /// Between two pieces of a request body. A body over HTTP/1 has to come at 1 kB/s besides, and may fall behind by so much.
    pub idle_timeout: Duration,
    /// For how long a client may take less than 1 KiB of a response that waits for it.
    pub stall_timeout: Duration,
    /// Between two requests of a connection.
    pub keep_alive: Duration,
    /// The most requests of a connection.
    pub keep_alive_requests: u64,
    /// The most streams of an HTTP/2 connection at one time.
    pub http2_max_streams: u32,
    /// Whether HTTP/2 is served without TLS to clients that know so beforehand.
    pub http2_cleartext: bool,
    /// Whether each connection begins with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// Whether header names with an underscore are kept rather than dropped.
    pub underscores_in_headers: bool,
    /// The most connections of one worker.
    pub max_connections: usize,
    /// The most TLS handshakes of one worker at one time; others wait, within the time that a handshake has.
    pub max_handshakes: usize,
}

impl Default for Downstream {
    fn default() -> Self {
        Self {
            max_head: 32 << 10,
            max_fields: 100,
            max_target: 8 << 10,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            keep_alive_requests: 100_000,
            http2_max_streams: 100,
            http2_cleartext: false,
            proxy_protocol: false,
            underscores_in_headers: false,
            max_connections: 16_384,
            max_handshakes: 2_048,
        }
    }
}

/// How endpoints are connected to.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants; build it with `..Default::default()`")]
pub struct Upstream {
    /// The most idle connections that one worker keeps to one endpoint.
    pub keep_alive_connections: usize,
    /// How long a connection may be idle.
    pub keep_alive_timeout: Duration,
    /// The most requests of a connection.
    pub keep_alive_requests: u64,
    /// How old a connection may become.
    pub keep_alive_age: Duration,
    /// The greatest head of a response in bytes.
    pub max_head: usize,
    /// Failures within [`fail_timeout`](Self::fail_timeout) after which an endpoint is left out; 0 for never.
    pub max_fails: u32,
    /// For how long failures count, and for how long an endpoint is left out.
    pub fail_timeout: Duration,
    /// How long a new endpoint takes to reach its full share; zero for at once.
    pub slow_start: Duration,
    /// How endpoints are chosen where no Ingress says so.
    pub balance: Balance,
    /// Addresses that may be dialled although a manifest must not name them.
    pub allowed_endpoints: Vec<AddressRange>,
    /// Endpoints that may be dialled for their Service, exactly these, wherever they lead.
    pub named_endpoints: Vec<NamedEndpoint>,
}

/// An endpoint that the operator, and not a manifest, has given a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct NamedEndpoint {
    /// The namespace of the Service.
    pub namespace: Arc<str>,
    /// The name of the Service, for all ports of which it counts.
    pub service: Arc<str>,
    /// What is dialled.
    pub endpoint: Endpoint,
}

impl Upstream {
    /// Whether the operator has given a backend this endpoint.
    pub(crate) fn is_named(&self, backend: &BackendRef, endpoint: &Endpoint) -> bool {
        let is_it = |named: &NamedEndpoint| {
            named.endpoint == *endpoint && (&named.namespace, &named.service) == (&backend.namespace, &backend.service)
        };
        self.named_endpoints.iter().any(is_it)
    }
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            keep_alive_connections: 320,
            keep_alive_timeout: Duration::from_secs(60),
            keep_alive_requests: 10_000,
            keep_alive_age: Duration::from_secs(3_600),
            max_head: 64 << 10,
            max_fails: 1,
            fail_timeout: Duration::from_secs(10),
            slow_start: Duration::ZERO,
            balance: Balance::RoundRobin,
            allowed_endpoints: Vec::new(),
            named_endpoints: Vec::new(),
        }
    }
}

/// How an endpoint is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Balance {
    /// In turn.
    #[default]
    RoundRobin,
    /// The one of two drawn at random that has fewer requests under way.
    LeastRequest,
    /// The one of two drawn at random that answers sooner (peak EWMA).
    Ewma,
}

/// Which forwarding headers are believed and sent.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants; build it with `..Default::default()`")]
pub struct Forwarding {
    /// Peers whose `X-Forwarded-*`, `X-Real-IP` and PROXY headers are believed.
    pub trusted: Vec<AddressRange>,
    /// Whether their `X-Forwarded-*` count (`use-forwarded-headers`).
    pub use_forwarded_headers: bool,
    /// Whether `Forwarded` (RFC 7239) is sent too.
    pub send_forwarded: bool,
}
