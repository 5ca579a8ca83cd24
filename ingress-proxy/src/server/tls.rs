//! TLS with clients: from the first byte of a handshake to a connection that HTTP can be read from.
//!
//! The ClientHello is read first, by rustls and not by a sniffer, because the name in it decides how to go on: whether the
//! connection is handed to the backend as it is, and whether the client must show a certificate. Which certificate is served
//! is asked of the snapshot and the store in each handshake, so neither has to tell anybody when it changes.
//!
//! There is no early data, no renegotiation and no session cache. Sessions are resumed by tickets, for the same server name
//! only, and never where client certificates are asked for, since a ticket would stand in for the certificate.
//!
//! How long a handshake may take is the caller's to say.

mod client_auth;
mod hello;
mod names;
mod resolver;
mod tickets;

use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use ingress_core::publish::Reader;
use ingress_core::request::TlsInfo;
use rustls::ServerConfig;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{Accepted, ClientHello, NoClientAuth, NoServerSessionStorage};
use tokio::net::TcpStream;
use tokio_rustls::StartHandshake;

pub use self::client_auth::Checked;
use self::client_auth::ClientAuth;
use self::resolver::Resolver;
pub use self::tickets::Tickets;
use super::passthrough::{self, Passthrough};
use crate::certs::{self, CertStore, Suites, Versions};
use crate::io::{Io, Tcp};

/// How TLS is spoken with clients.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants; build it with `..Default::default()`")]
pub struct Options {
    /// Which versions (`ssl-protocols`).
    pub versions: Versions,
    /// Which suites of TLS 1.2 (`ssl-ciphers`).
    pub suites: Suites,
    /// Whether HTTP/2 is offered (`use-http2`).
    pub http2: bool,
    /// Whether sessions are resumed (`ssl-session-tickets`).
    pub tickets: bool,
    /// Whether a handshake for a name that no host takes is refused (`ssl-reject-handshake`).
    pub reject_unknown: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            versions: Versions::default(),
            suites: Suites::default(),
            http2: true,
            tickets: true,
            reject_unknown: false,
        }
    }
}

/// Takes handshakes. Each worker has a clone of its own.
#[derive(Clone, Debug)]
pub struct TlsAcceptor {
    config: Arc<ServerConfig>,
    reader: Reader,
    client_auth: ClientAuth,
}

/// What became of a connection.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "an adapter that ignored a variant would hang up on clients")]
pub enum Established {
    /// TLS ends here.
    Session(Session),
    /// The backend ends TLS.
    Passthrough(Passthrough),
}

/// A TLS session after its handshake.
#[derive(Debug)]
#[non_exhaustive]
pub struct Session {
    /// The connection.
    pub io: Io,
    /// What routing wants to know of it.
    pub info: TlsInfo,
    /// What is spoken on it.
    pub alpn: Alpn,
    /// The version of TLS as nginx writes it, for logs.
    pub version: &'static str,
    /// The cipher suite as nginx writes it, for logs.
    pub cipher: &'static str,
    /// Whether it goes on from an earlier one.
    pub is_resumed: bool,
    /// What the client was asked for; none if for nothing. It is to be looked at with each request.
    pub checked: Option<Rc<Checked>>,
}

/// A protocol that TLS has agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "these are the protocols that are spoken")]
pub enum Alpn {
    /// HTTP/1.1, also if nothing was agreed on.
    Http1,
    /// HTTP/2.
    Http2,
}

impl Alpn {
    /// The protocol's name in the handshake.
    #[must_use]
    pub fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
        }
    }

    pub(crate) fn agreed(protocol: Option<&[u8]>) -> Self {
        if protocol == Some(b"h2") { Self::Http2 } else { Self::Http1 }
    }
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The connection failed, or closed in the middle.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What the client sent is not TLS, or what it offers does not suit. It was told so.
    #[error("{0}")]
    Tls(#[from] rustls::Error),
    /// The ClientHello is larger than any real one.
    #[error("the ClientHello is larger than {} bytes", hello::MAX_HELLO)]
    TooLarge,
}

impl TlsAcceptor {
    /// An acceptor that serves the certificates which the snapshot names and the store has.
    ///
    /// # Errors
    ///
    /// When the options leave nothing to speak.
    pub fn new(
        options: &Options,
        tickets: &Tickets,
        reader: Reader,
        store: Arc<CertStore>,
    ) -> Result<Self, rustls::Error> {
        let resolver = Resolver::new(reader.clone(), Arc::clone(&store), options.reject_unknown);
        let recipe = Recipe { options: options.clone(), resolver: Arc::new(resolver) };
        let mut config = recipe.config(Arc::new(NoClientAuth))?;
        if options.tickets {
            config.ticketer = tickets.producer();
            config.send_tls13_tickets = 2;
        }
        Ok(Self { config: Arc::new(config), reader, client_auth: ClientAuth::new(recipe, store) })
    }

    /// Makes a handshake. `read` is what was read of the connection before, nothing as a rule; `turn` is waited for when the client
    /// has said hello, which costs nothing, and held until the handshake is done.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`]; the client has been told by an alert where it could be.
    pub async fn accept<T>(
        &self,
        mut tcp: TcpStream,
        read: Vec<u8>,
        turn: impl Future<Output = T>,
    ) -> Result<Established, HandshakeError> {
        let (accepted, bytes) = hello::read(&mut tcp, read).await?;
        let sni = server_name(&accepted.client_hello());
        let wanted = {
            let snapshot = self.reader.load();
            let host = snapshot.host_of_handshake(sni.as_deref());
            if host.is_some_and(passthrough::is_for) {
                return Ok(Established::Passthrough(Passthrough::new(tcp, bytes, sni)));
            }
            host.and_then(|host| self.client_auth.wanted(host.settings()?))
        };
        drop(bytes);
        let _turn = turn.await;
        let info = TlsInfo { sni, client_certificate: None };
        let wanted = wanted.transpose()?;
        let config = wanted.as_ref().map_or(&self.config, |wanted| wanted.config());
        let mut session = finish(accepted, tcp, Arc::clone(config), info).await?;
        if let Some(wanted) = wanted {
            let (certificate, checked) = wanted.judge(&session.io);
            session.info.client_certificate = certificate.map(Box::new);
            session.checked = Some(Rc::new(checked));
        }
        Ok(Established::Session(session))
    }
}

/// The server name in the form that rules are compared with.
fn server_name(hello: &ClientHello<'_>) -> Option<Box<str>> {
    let name = hello.server_name()?;
    Some(name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase().into())
}

async fn finish(
    accepted: Accepted,
    tcp: TcpStream,
    config: Arc<ServerConfig>,
    info: TlsInfo,
) -> Result<Session, HandshakeError> {
    let stream = StartHandshake::from_parts(accepted, Tcp::from(tcp)).into_stream(config).await.map_err(tell_apart)?;
    let (_, connection) = stream.get_ref();
    Ok(Session {
        info,
        alpn: Alpn::agreed(connection.alpn_protocol()),
        version: certs::version_name(connection.protocol_version()),
        cipher: certs::suite_name(connection.negotiated_cipher_suite().map(|suite| suite.suite())),
        is_resumed: connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
        checked: None,
        io: Io::Tls(Box::new(stream.into())),
    })
}

/// Errors of TLS come wrapped in those of the connection.
fn tell_apart(error: io::Error) -> HandshakeError {
    match error.downcast::<rustls::Error>() {
        Ok(error) => HandshakeError::Tls(error),
        Err(error) => HandshakeError::Io(error),
    }
}

/// What all configurations have in common.
#[derive(Clone, Debug)]
struct Recipe {
    options: Options,
    resolver: Arc<Resolver>,
}

impl Recipe {
    /// A configuration without tickets.
    fn config(&self, clients: Arc<dyn ClientCertVerifier>) -> Result<ServerConfig, rustls::Error> {
        let Options { versions, suites, http2, .. } = &self.options;
        let mut config = ServerConfig::builder_with_provider(suites.provider())
            .with_protocol_versions(versions.list())?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::clone(&self.resolver) as _);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        let protocols: &[Alpn] = if *http2 { &[Alpn::Http2, Alpn::Http1] } else { &[Alpn::Http1] };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Ok(config)
    }
}

#[cfg(test)]
mod tests;
