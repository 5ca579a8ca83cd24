//! The fields of a request as the endpoint sees them.
//!
//! What concerns one connection goes first, then whatever only a proxy may say, in whoever's words; ours come last.

use std::borrow::Cow;

use ingress_core::decision::client_behind;
use ingress_core::policy::ClientAddress;

use super::Scratch;
use super::plan::Forwarding;
use crate::h1::encode;
use crate::message::{EachField, Fields, Known, RequestHead, is_about_handshake};
use crate::server::{Client, Identity};
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
        for (known, name, value) in self.head.fields.iter() {
            if !self.is_left_out(known, name) {
                call(name, value);
            }
        }
        self.hop(call);
        if self.plan.has_policy {
            for (known, name, value) in self.scratch.request_headers.iter() {
                if !has_own_place(known) {
                    call(name, value);
                }
            }
        } else {
            self.identity(call);
        }
        self.chain(call);
    }

    fn append_lines(&self, out: &mut Vec<u8>) {
        self.head.fields.append_lines(out, |known, name| self.is_left_out(known, name));
        self.hop(&mut |name, value| encode::field(out, name, value));
        if self.plan.has_policy {
            self.scratch.request_headers.append_lines(out, |known, _| has_own_place(known));
        } else if self.is_believed() {
            self.identity(&mut |name, value| encode::field(out, name, value));
        } else {
            if !self.scratch.asked.is_empty() {
                encode::field(out, b"X-Forwarded-Host", &self.scratch.asked);
            }
            out.extend_from_slice(self.client.identity_lines());
        }
        self.chain(&mut |name, value| encode::field(out, name, value));
    }
}

/// Whether a field has a place of its own in a message.
fn has_own_place(known: Known) -> bool {
    matches!(known, Known::Connection | Known::Host | Known::XRequestId)
}

impl RequestFields<'_> {
    /// Whether a field of the client is not passed on, or said by us.
    fn is_left_out(&self, known: Known, name: &[u8]) -> bool {
        known.is_hop_by_hop()
            || known.is_identity() && !(known == Known::XForwarded && self.is_family_believed())
            || matches!(known, Known::Host | Known::Expect | Known::XRequestId | Known::Proxy)
            || self.head.websocket && known == Known::SecWebSocketKey
            || self.plan.has_policy
                && (is_set(&self.scratch.request_headers, known, name) || self.is_removed(known, name))
    }

    /// What the next hop has to know, and the request's identifier.
    fn hop(&self, call: &mut (impl FnMut(&[u8], &[u8]) + ?Sized)) {
        if self.head.websocket {
            call(b"Sec-WebSocket-Key", &self.scratch.websocket_key);
            if self.head.fields.first(Known::SecWebSocketVersion).is_none() {
                call(b"Sec-WebSocket-Version", b"13");
            }
        }
        call(b"X-Request-ID", &self.scratch.request_id);
    }

    /// `Forwarded`, where it is asked for.
    fn chain(&self, call: &mut (impl FnMut(&[u8], &[u8]) + ?Sized)) {
        if self.worker.config.forwarding.send_forwarded {
            call(b"Forwarded", &self.forwarded());
        }
    }

    /// Who the client is and how it came, for routes of a dialect that does not say so itself.
    fn identity(&self, call: &mut (impl FnMut(&[u8], &[u8]) + ?Sized)) {
        let client = self.client;
        let is_believed = self.is_believed();
        let believed = |known| self.head.fields.first(known).filter(|_| is_believed);
        let host = believed(Known::XForwardedHost).unwrap_or(&self.scratch.asked);
        if !host.is_empty() {
            call(b"X-Forwarded-Host", host);
        }
        let chain = if is_believed { self.chain_before() } else { Cow::default() };
        let chain = Some(&*chain).filter(|chain| !chain.is_empty());
        // Not `X-Real-IP` as it came: who only appends to the chain passes on what its client says there.
        let behind = chain
            .map(|chain| client_behind(&self.worker.config.forwarding.trusted, client.peer.ip(), [chain]).to_string());
        let said = Identity {
            chain,
            address: behind.as_deref().map(str::as_bytes),
            port: believed(Known::XForwardedPort),
            scheme: believed(Known::XForwardedProto),
        };
        client.identity(&said, call);
    }

    /// `X-Forwarded-For` as it came, in one line: a proxy may add a line of its own where others add an element.
    fn chain_before(&self) -> Cow<'_, [u8]> {
        let mut lines = self.head.fields.all(Known::XForwardedFor).filter(|line| !line.is_empty());
        let mut chain = Cow::Borrowed(lines.next().unwrap_or_default());
        for line in lines {
            let chain = chain.to_mut();
            chain.extend_from_slice(b", ");
            chain.extend_from_slice(line);
        }
        chain
    }

    /// Whether the peer's fields beside those that are ours count: to a dialect as far as the addresses that it believes. It is
    /// kept out of what is done for each field.
    #[cold]
    #[inline(never)]
    fn is_family_believed(&self) -> bool {
        match self.plan.route.filters.as_deref().map(|filters| &*filters.access.client) {
            Some(ClientAddress::Header(header)) => {
                let peer = self.client.peer.ip();
                header.forwarded && header.trusted.iter().any(|range| range.contains(peer))
            }
            Some(ClientAddress::Peer) => false,
            None => self.is_believed(),
        }
    }

    /// Whether the peer may say who the client is.
    fn is_believed(&self) -> bool {
        self.client.is_believed(&self.worker.config.forwarding)
    }

    /// `Forwarded` (RFC 7239): the last hop only, since nobody vouches for others.
    fn forwarded(&self) -> Vec<u8> {
        let client = self.client;
        let fields = if self.plan.has_policy { &self.scratch.request_headers } else { &self.head.fields };
        // What the dialect says, or a peer that is believed; it is what the endpoint is told by `X-Forwarded-Proto` too.
        let said = fields.first(Known::XForwardedProto).filter(|_| self.plan.has_policy || self.is_believed());
        let scheme = match said {
            Some(said) if said.eq_ignore_ascii_case(b"https") => "https",
            Some(said) if said.eq_ignore_ascii_case(b"http") => "http",
            _ if client.is_https() => "https",
            _ => "http",
        };
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
        used || is_about_handshake(name) || filters.is_some_and(|filters| filters.upstream.empties(name))
    }
}

fn is_set(headers: &Fields, known: Known, name: &[u8]) -> bool {
    headers.iter().any(|(its, other, _)| its == known && other.eq_ignore_ascii_case(name))
}
