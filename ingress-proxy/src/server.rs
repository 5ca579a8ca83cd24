//! Listeners and the client's side of connections.

mod closing;
pub mod h1;
mod h2;
mod listener;
pub mod passthrough;
pub mod proxy_protocol;
mod relay;
pub mod tls;

use std::cell::OnceCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use ingress_core::request::ConnInfo;
use ingress_core::snapshot::Snapshot;

pub(crate) use self::h2::Crew;
pub(crate) use self::listener::accept;
pub use self::listener::{Listener, bind};
use crate::config::Forwarding;
use crate::h1::encode;
use crate::worker::Worker;

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Client {
    /// What the engine is told.
    pub conn: ConnInfo,
    /// The peer of the TCP connection, or what a trusted PROXY header says in its place.
    pub peer: SocketAddr,
    /// The peer of the TCP connection.
    pub tcp_peer: SocketAddr,
    /// The address as headers and logs write it.
    pub address: Box<str>,
    /// What a PROXY header says, whether it is believed or not; for the log.
    pub proxied: Option<IpAddr>,
    /// The address that was connected to.
    pub local: SocketAddr,
    /// Whether the peer is one of those whose forwarding headers are believed.
    pub is_trusted: bool,
    /// The number of the connection, which no other of the process has.
    pub number: u64,
    /// Version and cipher suite of TLS, for the log.
    pub tls: Option<(&'static str, &'static str)>,
    /// What the client was asked for in the handshake.
    checked: Option<Rc<tls::Checked>>,
    /// See [`identity_lines`](Self::identity_lines).
    identity_lines: OnceCell<Box<[u8]>>,
}

/// What a peer that is believed has said of the client.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Identity<'a> {
    /// `X-Forwarded-For`.
    pub(crate) chain: Option<&'a [u8]>,
    /// The client in it.
    pub(crate) address: Option<&'a [u8]>,
    /// `X-Forwarded-Port`.
    pub(crate) port: Option<&'a [u8]>,
    /// `X-Forwarded-Proto`.
    pub(crate) scheme: Option<&'a [u8]>,
}

impl Client {
    /// Whether it may say who its own client is.
    #[must_use]
    pub fn is_believed(&self, forwarding: &Forwarding) -> bool {
        forwarding.use_forwarded_headers && self.is_trusted
    }

    /// The other end of a plain connection.
    #[must_use]
    pub fn new(worker: &Worker, peer: SocketAddr, local: SocketAddr, number: u64) -> Self {
        let trusted = &worker.config.forwarding.trusted;
        Self {
            conn: ConnInfo { remote_addr: Some(peer.ip()), ..ConnInfo::default() },
            peer,
            tcp_peer: peer,
            address: peer.ip().to_string().into(),
            proxied: None,
            local,
            is_trusted: trusted.iter().any(|range| range.contains(peer.ip())),
            number,
            tls: None,
            checked: None,
            identity_lines: OnceCell::new(),
        }
    }

    /// Whether the client has come by TLS, to here or to a proxy in front that is believed.
    pub(crate) fn is_https(&self) -> bool {
        self.conn.tls.is_some() || self.conn.tls_ended_in_front
    }

    /// Who the client is and how it came, but for the host that it asked for.
    pub(crate) fn identity(&self, said: &Identity<'_>, call: &mut (impl FnMut(&[u8], &[u8]) + ?Sized)) {
        let address = self.address.as_bytes();
        match said.chain {
            Some(chain) => call(b"X-Forwarded-For", &[chain, b", ", address].concat()),
            None => call(b"X-Forwarded-For", address),
        }
        call(b"X-Real-IP", said.address.unwrap_or(address));
        let (scheme, port): (&[u8], &[u8]) = if self.is_https() { (b"https", b"443") } else { (b"http", b"80") };
        let scheme = said.scheme.unwrap_or(scheme);
        call(b"X-Forwarded-Port", said.port.unwrap_or(port));
        call(b"X-Forwarded-Proto", scheme);
        call(b"X-Forwarded-Scheme", scheme);
        call(b"X-Scheme", scheme);
    }

    /// The same in lines of HTTP/1 if nobody has said anything: it is so for each request of the connection. Not before the
    /// handshake is done.
    pub(crate) fn identity_lines(&self) -> &[u8] {
        self.identity_lines.get_or_init(|| {
            let mut lines = Vec::new();
            self.identity(&Identity::default(), &mut |name, value| encode::field(&mut lines, name, value));
            lines.into()
        })
    }

    /// Takes over what a handshake has found out.
    fn with_session(mut self, session: &mut tls::Session) -> Self {
        self.conn.tls = Some(session.info.clone());
        self.tls = Some((session.version, session.cipher));
        self.checked = session.checked.take();
        self
    }

    /// Whether there was a handshake that asked for no certificate.
    pub(crate) fn was_asked_for_nothing(&self) -> bool {
        self.conn.tls.is_some() && self.checked.is_none()
    }

    /// Whether the client was asked for a certificate in another way than its host asks now.
    pub(crate) fn is_outdated(&self, snapshot: &Snapshot) -> bool {
        match (&self.checked, &self.conn.tls) {
            (Some(checked), Some(info)) => !checked.is_current(snapshot, info),
            _ => false,
        }
    }
}
