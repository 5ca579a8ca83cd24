//! The fields of a request as the endpoint sees them.
//!
//! What concerns one connection goes first, then whatever only a proxy may say, in whoever's words; ours come last.

use super::Scratch;
use super::plan::Forwarding;
use crate::message::{EachField, Fields, Known, RequestHead};
use crate::server::Client;
use crate::worker::Worker;

/// The fields that are sent with a request.
pub(super) struct RequestFields<'a> {
    pub(super) worker: &'a Worker,
    pub(super) client: &'a Client,
    pub(super) head: &'a RequestHead,
    pub(super) scratch: &'a Scratch,
    pub(super) plan: &'a Forwarding,
}

impl EachField for RequestFields<'_> {
    fn each(&self, call: &mut dyn FnMut(&[u8], &[u8])) {
        let headers = &self.scratch.request_headers;
        for (known, name, value) in self.head.fields.iter() {
            let is_ours = known.is_hop_by_hop()
                || known.is_identity()
                || matches!(known, Known::Host | Known::Expect | Known::XRequestId | Known::Proxy)
                || self.head.websocket && known == Known::SecWebSocketKey;
            if is_ours || self.plan.has_policy && (is_set(headers, name) || self.is_removed(known, name)) {
                continue;
            }
            call(name, value);
        }
        if self.head.websocket {
            call(b"Sec-WebSocket-Key", &self.scratch.websocket_key);
            if self.head.fields.first(Known::SecWebSocketVersion).is_none() {
                call(b"Sec-WebSocket-Version", b"13");
            }
        }
        call(b"X-Request-ID", &self.scratch.request_id);
        if self.plan.has_policy {
            for (known, name, value) in headers.iter() {
                // These have a place of their own in a message.
                if !matches!(known, Known::Connection | Known::Host | Known::XRequestId) {
                    call(name, value);
                }
            }
        } else {
            self.identity(call);
        }
        if self.worker.config.forwarding.send_forwarded {
            call(b"Forwarded", &self.forwarded());
        }
    }
}

impl RequestFields<'_> {
    /// Who the client is and how it came, for routes of a dialect that does not say so itself.
    fn identity(&self, call: &mut dyn FnMut(&[u8], &[u8])) {
        let client = self.client;
        let is_believed = self.is_believed();
        let believed = |known| self.head.fields.first(known).filter(|_| is_believed);
        match believed(Known::XForwardedFor) {
            Some(chain) => {
                call(b"X-Forwarded-For", &[chain, b", ", client.address.as_bytes()].concat());
                call(b"X-Real-IP", believed(Known::XRealIp).unwrap_or(client.address.as_bytes()));
            }
            None => {
                call(b"X-Forwarded-For", client.address.as_bytes());
                call(b"X-Real-IP", client.address.as_bytes());
            }
        }
        let (scheme, port): (&[u8], &[u8]) =
            if client.conn.tls.is_some() { (b"https", b"443") } else { (b"http", b"80") };
        let scheme = believed(Known::XForwardedProto).unwrap_or(scheme);
        let host = believed(Known::XForwardedHost).unwrap_or(&self.scratch.asked);
        if !host.is_empty() {
            call(b"X-Forwarded-Host", host);
        }
        call(b"X-Forwarded-Port", believed(Known::XForwardedPort).unwrap_or(port));
        call(b"X-Forwarded-Proto", scheme);
        call(b"X-Forwarded-Scheme", scheme);
        call(b"X-Scheme", scheme);
    }

    /// Whether the peer may say who the client is.
    fn is_believed(&self) -> bool {
        let forwarding = &self.worker.config.forwarding;
        forwarding.use_forwarded_headers && self.client.is_trusted
    }

    /// `Forwarded` (RFC 7239): the last hop only, since nobody vouches for others.
    fn forwarded(&self) -> Vec<u8> {
        let client = self.client;
        let scheme = if client.conn.tls.is_some() { "https" } else { "http" };
        let address =
            if client.address.contains(':') { format!("\"[{}]\"", client.address) } else { client.address.to_string() };
        let host = String::from_utf8_lossy(&self.scratch.asked).into_owned();
        format!("for={address};host=\"{host}\";proto={scheme}").into_bytes()
    }

    /// What a policy takes away: credentials that the proxy has used.
    fn is_removed(&self, known: Known, name: &[u8]) -> bool {
        let filters = self.plan.route.filters.as_deref();
        let used = known == Known::Authorization && filters.is_some_and(|filters| filters.access.basic.is_some());
        // Only the proxy knows what the handshake has shown.
        used || name.len() > 11 && name.get(..11).is_some_and(|start| start.eq_ignore_ascii_case(b"ssl-client-"))
    }
}

fn is_set(headers: &Fields, name: &[u8]) -> bool {
    headers.iter().any(|(_, other, _)| other.eq_ignore_ascii_case(name))
}
