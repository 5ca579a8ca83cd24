//! Connections whose TLS the backend ends: what has been read of them, and where they go.
//!
//! Relaying the bytes is the caller's.

use std::sync::Arc;

use ingress_core::decision::{Decision, Forward, Via};
use ingress_core::policy::VirtualHost;
use ingress_core::request::{ConnInfo, Headers, RawRequest, RequestView, TlsInfo};
use ingress_core::snapshot::Snapshot;
use tokio::net::TcpStream;

/// A connection that is to be handed on with all that the client has sent.
#[derive(Debug)]
#[non_exhaustive]
pub struct Passthrough {
    /// The connection, which nothing was written to.
    pub tcp: TcpStream,
    /// What was read of it and the backend must get first: the ClientHello, and what followed it.
    pub read: Vec<u8>,
    /// The server name.
    pub sni: Option<Box<str>>,
}

impl Passthrough {
    pub(super) fn new(tcp: TcpStream, read: Vec<u8>, sni: Option<Box<str>>) -> Self {
        Self { tcp, read, sni }
    }

    /// The backend that it goes to; none if there is none that is up, or if the host ends TLS here by now. Such a connection
    /// is closed.
    #[must_use]
    pub fn forward<'s>(&self, snapshot: &'s Snapshot) -> Option<Forward<'s>> {
        forward(snapshot, self.sni.as_deref()?)
    }
}

/// Whether connections to a host are handed on as they are: it says so, and there is a path `/` that leads somewhere.
pub(super) fn is_for(host: &Arc<VirtualHost>) -> bool {
    let is_asked_for = host.settings().is_some_and(|settings| settings.passthrough.is_some());
    is_asked_for && host.routes().iter().any(|route| route.path.as_str() == "/")
}

/// Where connections for a server name are handed to as they are. Nothing of their requests is seen, so the engine is asked
/// about a request that could be any.
fn forward<'s>(snapshot: &'s Snapshot, sni: &str) -> Option<Forward<'s>> {
    let conn =
        ConnInfo { tls: Some(TlsInfo { sni: Some(sni.into()), client_certificate: None }), ..ConnInfo::default() };
    let raw = RawRequest {
        method: "GET",
        target: b"/",
        version: http::Version::HTTP_11,
        authority: None,
        headers: Headers::List(&[("host", sni.as_bytes())]),
    };
    match snapshot.decide(&RequestView::from_raw(&raw, &conn, 0).ok()?) {
        Decision::Forward(forward) if forward.via == Via::Passthrough => Some(forward),
        _ => None,
    }
}
