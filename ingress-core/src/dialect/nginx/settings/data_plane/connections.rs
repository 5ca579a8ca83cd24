//! Listeners, connections and their limits.

use std::net::IpAddr;

use super::super::value::{Key, boolean, number, set, set_each, size, time};

/// Keys about connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connections {
    /// Seconds that an idle client connection stays open; 0 closes at once (`keep-alive`).
    pub(crate) keep_alive: u32,
    /// Requests on one client connection (`keep-alive-requests`).
    pub(crate) keep_alive_requests: u32,
    /// Idle connections to backends (`upstream-keepalive-connections`).
    pub(crate) upstream_keepalive_connections: u32,
    /// Seconds that one stays idle (`upstream-keepalive-timeout`).
    pub(crate) upstream_keepalive_timeout: u32,
    /// Requests on one (`upstream-keepalive-requests`).
    pub(crate) upstream_keepalive_requests: u32,
    /// Milliseconds that one is used (`upstream-keepalive-time`).
    pub(crate) upstream_keepalive_time: u64,
    /// Milliseconds that open connections have at the end (`worker-shutdown-timeout`).
    pub(crate) worker_shutdown_timeout: u64,
    /// Whether HTTP/2 is offered (`use-http2`).
    pub(crate) use_http2: bool,
    /// Streams of one HTTP/2 connection at a time (`http2-max-concurrent-streams`).
    pub(crate) http2_max_concurrent_streams: u32,
    /// Requests on one HTTP/2 connection; 0 leaves it to `keep-alive-requests` (`http2-max-requests`).
    pub(crate) http2_max_requests: u32,
    /// Bytes for the head of a request of usual size (`client-header-buffer-size`).
    pub(crate) client_header_buffer_size: u64,
    /// Number and bytes of the buffers for a larger one (`large-client-header-buffers`).
    pub(crate) large_client_header_buffers: (u32, u64),
    /// Seconds for the head of a request (`client-header-timeout`).
    pub(crate) client_header_timeout: u32,
    /// Bytes of a request's body that are kept in memory (`client-body-buffer-size`).
    pub(crate) client_body_buffer_size: u64,
    /// Seconds between two reads of it (`client-body-timeout`).
    pub(crate) client_body_timeout: u32,
    /// The addresses to listen on; empty is all (`bind-address`).
    pub(crate) bind_address: Box<[IpAddr]>,
    /// Whether there are no IPv6 listeners (`disable-ipv6`).
    pub(crate) disable_ipv6: bool,
    /// Threads; none is one for each processor (`worker-processes`).
    pub(crate) worker_processes: Option<u32>,
    /// Connections of one thread (`max-worker-connections`).
    pub(crate) max_worker_connections: u32,
    /// Files of one thread; 0 is what the system allows (`max-worker-open-files`).
    pub(crate) max_worker_open_files: u32,
    /// Whether each thread has a listener of its own (`reuse-port`).
    pub(crate) reuse_port: bool,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            keep_alive: 75,
            keep_alive_requests: 1000,
            upstream_keepalive_connections: 320,
            upstream_keepalive_timeout: 60,
            upstream_keepalive_requests: 10_000,
            upstream_keepalive_time: 3_600_000,
            worker_shutdown_timeout: 240_000,
            use_http2: true,
            http2_max_concurrent_streams: 128,
            http2_max_requests: 0,
            client_header_buffer_size: 1 << 10,
            large_client_header_buffers: (4, 8 << 10),
            client_header_timeout: 60,
            client_body_buffer_size: 8 << 10,
            client_body_timeout: 60,
            bind_address: Box::default(),
            disable_ipv6: false,
            worker_processes: None,
            max_worker_connections: 16_384,
            max_worker_open_files: 0,
            reuse_port: true,
        }
    }
}

/// What each key does.
pub(super) const KEYS: &[Key<Connections>] = &[
    ("keep-alive", |to, value| set(&mut to.keep_alive, number(value))),
    ("keep-alive-requests", |to, value| set(&mut to.keep_alive_requests, number(value))),
    ("upstream-keepalive-connections", |to, value| set(&mut to.upstream_keepalive_connections, number(value))),
    ("upstream-keepalive-timeout", |to, value| set(&mut to.upstream_keepalive_timeout, number(value))),
    ("upstream-keepalive-requests", |to, value| set(&mut to.upstream_keepalive_requests, number(value))),
    ("upstream-keepalive-time", |to, value| set(&mut to.upstream_keepalive_time, time(value))),
    ("worker-shutdown-timeout", |to, value| set(&mut to.worker_shutdown_timeout, time(value))),
    ("use-http2", |to, value| set(&mut to.use_http2, boolean(value))),
    ("http2-max-concurrent-streams", |to, value| set(&mut to.http2_max_concurrent_streams, number(value))),
    ("http2-max-requests", |to, value| set(&mut to.http2_max_requests, number(value))),
    ("client-header-buffer-size", |to, value| set(&mut to.client_header_buffer_size, size(value))),
    ("large-client-header-buffers", |to, value| set(&mut to.large_client_header_buffers, buffers(value))),
    ("client-header-timeout", |to, value| set(&mut to.client_header_timeout, number(value))),
    ("client-body-buffer-size", |to, value| set(&mut to.client_body_buffer_size, size(value))),
    ("client-body-timeout", |to, value| set(&mut to.client_body_timeout, number(value))),
    ("bind-address", |to, value| set_each(&mut to.bind_address, value, "an address", |entry| entry.parse().ok())),
    ("disable-ipv6", |to, value| set(&mut to.disable_ipv6, boolean(value))),
    ("worker-processes", |to, value| set(&mut to.worker_processes, workers(value))),
    ("max-worker-connections", |to, value| set(&mut to.max_worker_connections, number(value))),
    ("max-worker-open-files", |to, value| set(&mut to.max_worker_open_files, number(value))),
    ("reuse-port", |to, value| set(&mut to.reuse_port, boolean(value))),
];

/// `4 8k`.
fn buffers(value: &str) -> Result<(u32, u64), Box<str>> {
    let mut words = value.split_ascii_whitespace();
    let (Some(count), Some(bytes), None) = (words.next(), words.next(), words.next()) else {
        return Err("is not a number and a size such as `4 8k`".into());
    };
    Ok((number(count)?, size(bytes)?))
}

fn workers(value: &str) -> Result<Option<u32>, Box<str>> {
    match value {
        "auto" => Ok(None),
        _ => match number(value)? {
            0 => Err("is not `auto` or a number above zero".into()),
            count => Ok(Some(count)),
        },
    }
}
