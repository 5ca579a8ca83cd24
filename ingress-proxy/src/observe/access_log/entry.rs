//! What is known of a request when it is done.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ingress_core::policy::BackendRef;

use crate::message::{EachField, Fields, Version};

/// A request that is done. Everything is borrowed from whoever served it.
#[derive(Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants; build it with `..Default::default()`")]
pub struct Entry<'a> {
    /// When it was done, in milliseconds since 1970.
    pub unix_millis: u64,
    /// The client: the other end of the connection, or whom that may speak for.
    pub remote_addr: Option<IpAddr>,
    /// Its port; none if only its address is known.
    pub remote_port: Option<u16>,
    /// The other end of the connection itself.
    pub peer: Option<SocketAddr>,
    /// The client, as the PROXY protocol says.
    pub proxy_protocol_addr: Option<IpAddr>,
    /// Who the client says it is (Basic authentication).
    pub remote_user: Option<&'a [u8]>,
    /// Whether it came by TLS, to here or to a proxy in front that is believed.
    pub is_https: bool,
    /// The method; nothing where the request line could not be read.
    pub method: &'a [u8],
    /// The request target as it was received; all of the request line where that could not be read.
    pub target: &'a [u8],
    /// The version.
    pub version: Version,
    /// The host that was routed.
    pub host: &'a [u8],
    /// The fields of the request.
    pub fields: Option<&'a Fields>,
    /// The fields of the response.
    pub response_fields: Option<&'a dyn EachField>,
    /// The status that the client got.
    pub status: u16,
    /// Why the proxy itself answered.
    pub reason: Option<&'static str>,
    /// Bytes of the request, with its head.
    pub request_length: u64,
    /// Bytes of the response, with its head.
    pub bytes_sent: u64,
    /// Bytes of the response's body.
    pub body_bytes_sent: u64,
    /// From the first byte of the request to the last of the response, in microseconds.
    pub duration_us: u64,
    /// The identifier of the request.
    pub request_id: &'a [u8],
    /// The namespace of the Ingress.
    pub namespace: &'a str,
    /// The Ingress.
    pub ingress: &'a str,
    /// The path of the rule.
    pub rule_path: &'a str,
    /// The backend of the rule.
    pub backend: Option<&'a BackendRef>,
    /// The backend of the canary that took the request.
    pub canary: Option<&'a BackendRef>,
    /// The endpoints that were asked, in turn.
    pub attempts: &'a [Attempt],
    /// The handshake, if there was one.
    pub tls: Option<Tls<'a>>,
    /// The address that the client connected to.
    pub server_addr: Option<SocketAddr>,
    /// The number of the connection.
    pub connection: u64,
    /// Which of the connection's requests it is.
    pub connection_requests: u64,
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Fields may hold secrets.
        f.debug_struct("Entry").field("status", &self.status).finish_non_exhaustive()
    }
}

/// An endpoint that was asked.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants; build it with `..Default::default()`")]
pub struct Attempt {
    /// Where it is; none if its name could not be resolved, or is that of a connection that is shared.
    pub addr: Option<SocketAddr>,
    /// What it answered, or what stands for its failure; none if it was not waited for.
    pub status: Option<u16>,
    /// Until there was a connection, in microseconds.
    pub connect_us: Option<u64>,
    /// Until the head of the response.
    pub header_us: Option<u64>,
    /// Until the end of the response.
    pub response_us: Option<u64>,
    /// Bytes of the response's body.
    pub response_bytes: u64,
}

/// A handshake.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Tls<'a> {
    /// `TLSv1.3`.
    pub protocol: &'static str,
    /// `TLS_AES_128_GCM_SHA256`.
    pub cipher: &'a str,
    /// What the client asked for.
    pub server_name: Option<&'a str>,
}
