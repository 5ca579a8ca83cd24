//! What the TLS handshake has settled before a request is looked at.
//!
//! A connection was made for one host: with its rules about client certificates, or to be handed on to its backend as it is.
//! A request on it may name another (RFC 9110 7.4).

use std::borrow::Cow;
use std::sync::Arc;

use super::{Decision, Matched, World, reason};
use crate::policy::{ClientCertificate, VirtualHost};
use crate::request::RequestView;

/// What a handshake for another name than the request's has settled.
pub(crate) enum Handshake<'s> {
    /// The connection is handed on to the backend of this host, whatever its requests say.
    HandedOn(&'s Arc<VirtualHost>),
    /// The request is for a host with other rules.
    Misdirected(Option<Matched<'s>>),
}

impl<'s> Handshake<'s> {
    /// What there is to say of a request; none if handshake and request are for the same host, or hosts with the same rules.
    pub(crate) fn of(world: &impl World<'s>, request: &RequestView<'_>) -> Option<Self> {
        let name = server_name(request)?;
        if name == request.host() {
            return None;
        }
        let (theirs, ours) = (world.handshake_host(&name), world.handshake_host(request.host()));
        if let Some(host) = theirs.filter(|host| passes_through(host)) {
            return Some(Self::HandedOn(host));
        }
        let (asked, wanted) = (theirs.and_then(asks), ours.and_then(asks));
        let is_same = match (asked, wanted) {
            (None, None) => true,
            (Some(asked), Some(wanted)) => asked.asks_the_same(wanted),
            _ => false,
        };
        let passed = ours.and_then(|host| host.settings()?.passthrough.as_ref());
        if is_same && passed.is_none() {
            return None;
        }
        let origin = passed.or_else(|| wanted.map(|wanted| &wanted.origin));
        Some(Self::Misdirected(ours.zip(origin).map(|(host, origin)| Matched::Host { host, origin })))
    }

    /// The answer to a request that is for somebody else.
    pub(crate) fn misdirected(matched: Option<Matched<'s>>) -> Decision<'s> {
        Decision::respond(421, reason::MISDIRECTED, matched)
    }
}

/// The name that the handshake was for, in lower case without its final dot, and empty if there was none; none without TLS.
pub(crate) fn server_name<'r>(request: &RequestView<'r>) -> Option<Cow<'r, str>> {
    let sni = request.conn().tls.as_ref()?.sni.as_deref().unwrap_or_default();
    let name = sni.strip_suffix('.').unwrap_or(sni);
    let has_capitals = name.bytes().any(|byte| byte.is_ascii_uppercase());
    Some(if has_capitals { name.to_ascii_lowercase().into() } else { name.into() })
}

fn passes_through(host: &VirtualHost) -> bool {
    host.settings().is_some_and(|settings| settings.passthrough.is_some())
}

fn asks(host: &Arc<VirtualHost>) -> Option<&ClientCertificate> {
    host.settings()?.asked_certificate()
}
