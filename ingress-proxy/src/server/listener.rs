//! Sockets that connections are accepted from, and what becomes of a connection first.
//!
//! Every worker has a socket of its own for each address (`SO_REUSEPORT`): the system shares connections among them, and
//! a new process can bind the same addresses while the old one finishes.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

use super::closing::Closing;
use super::tls::{Alpn, Established, HandshakeError, TlsAcceptor};
use super::{Client, h1, h2, proxy_protocol, relay};
use crate::io::{Io, Tcp};
use crate::run::Phase;
use crate::worker::Worker;

/// How many connections the system keeps until they are accepted.
const BACKLOG: i32 = 4_096;
/// How long nothing is accepted when the process has no file descriptors left.
const OUT_OF_FILES: Duration = Duration::from_millis(50);
/// Room for what a connection begins with, if that has to be known first.
const USUAL_BEGINNING: usize = 512;

/// The number of the next connection, on whichever worker: a log is read by this.
static CONNECTIONS: AtomicU64 = AtomicU64::new(1);

/// How much the system holds for a client beyond what is on its way, which clients inherit from their listener: without a bound
/// it would be megabytes for each client that asks for much and reads nothing.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 << 10;

/// A socket of one worker.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Listener {
    /// The socket, bound.
    pub socket: std::net::TcpListener,
    /// Whether clients speak TLS.
    pub tls: bool,
}

/// Binds a socket that others may bind too.
///
/// # Errors
///
/// What the system says, above all that the address is in use by a program that does not share it.
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(UNSENT)?;
    if address.is_ipv6() {
        // The IPv4 side has a socket of its own.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts connections until the worker is to accept no more.
pub(crate) async fn accept(
    worker: Rc<Worker>,
    listener: Listener,
    tls: Rc<TlsAcceptor>,
    mut phase: watch::Receiver<Phase>,
) -> io::Result<()> {
    let socket = TcpListener::from_std(listener.socket)?;
    let name = format!("listener {}", socket.local_addr()?);
    let mut has_failed = false;
    let mut closing = None;
    loop {
        let now = *phase.borrow();
        let accepted = match now {
            Phase::Serving => tokio::select! {
                biased;
                accepted = socket.accept() => accepted,
                changed = phase.changed() => match changed {
                    Ok(()) => continue,
                    // Nobody is left who could say that it ends.
                    Err(_) => return Ok(()),
                },
            },
            Phase::Draining(until) if Instant::now() < until => {
                let closing = closing.get_or_insert_with(|| Closing::begin(&socket));
                // However many come now, those that are there are served too.
                tokio::task::yield_now().await;
                match accepted_already(&socket).transpose() {
                    Some(accepted) => accepted,
                    None if closing.wait().await => continue,
                    None => return Ok(()),
                }
            }
            Phase::Draining(_) | Phase::Stopped => return Ok(()),
        };
        let (tcp, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Errors of one connection concern nobody else; without file descriptors the next try fails as well.
                let is_of_connection = matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
                );
                if !is_of_connection {
                    has_failed = true;
                    worker.errors.state(&name, "accepts nothing", "accepts again", Some(&error));
                    tokio::time::sleep(OUT_OF_FILES).await;
                }
                continue;
            }
        };
        if std::mem::take(&mut has_failed) {
            worker.errors.state(&name, "accepts nothing", "accepts again", None);
        }
        worker.metrics.accepted.increment();
        if worker.connections() >= worker.config.downstream.max_connections {
            worker.metrics.rejected.increment();
            continue;
        }
        let number = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
        let acceptor = listener.tls.then(|| Rc::clone(&tls));
        let admitted = worker.admit();
        let worker = Rc::clone(&worker);
        tokio::task::spawn_local(async move {
            let _admitted = admitted;
            // A client that cannot finish is nobody's error but its own.
            let _ended = begin(worker, tcp, peer, number, acceptor).await;
        });
    }
}

/// A connection that the system has taken already; whoever comes later finds another process, or nobody. The runtime may not
/// have heard of it, or find that the task has had its share, so that it is not asked.
fn accepted_already(socket: &TcpListener) -> io::Result<Option<(TcpStream, SocketAddr)>> {
    match SockRef::from(socket).accept() {
        Ok((tcp, peer)) => {
            tcp.set_nonblocking(true)?;
            let peer = peer.as_socket().ok_or(io::ErrorKind::ConnectionAborted)?;
            Ok(Some((TcpStream::from_std(tcp.into())?, peer)))
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// The port to which clients connect for TLS.
const HTTPS: u16 = 443;

/// Finds out who is there and what is spoken.
async fn begin(
    worker: Rc<Worker>,
    mut tcp: TcpStream,
    peer: SocketAddr,
    number: u64,
    acceptor: Option<Rc<TlsAcceptor>>,
) -> io::Result<()> {
    let beginning = worker.metrics.hold(|it| &it.open_new);
    // What is read to find out who it is and what is spoken belongs to what follows.
    let mut read = Vec::new();
    tcp.set_nodelay(true)?;
    let local = tcp.local_addr()?;
    let mut client = Client::new(&worker, SocketAddr::new(peer.ip().to_canonical(), peer.port()), local, number);
    let config = &worker.config.downstream;
    if config.proxy_protocol {
        let header = tokio::time::timeout(config.header_timeout, proxied(&mut tcp, &mut read)).await;
        let header = header.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        // Whoever says nothing only looks whether somebody is there.
        if header.is_ok() || !read.is_empty() {
            worker.proxy_header(&client.tcp_peer, header.as_ref().err());
        }
        let header = header?;
        if let proxy_protocol::Header::Handed { client: source, server } = header {
            if client.is_trusted {
                // The balancer is believed about the client, not the client about itself: it is trusted if it is one that is.
                let tcp_peer = client.tcp_peer;
                client = Client { tcp_peer, ..Client::new(&worker, source, server, number) };
                client.conn.tls_ended_in_front = acceptor.is_none() && server.port() == HTTPS;
            }
            client.proxied = Some(source.ip());
        }
    }
    let Some(acceptor) = acceptor else {
        let is_http2 = config.http2_cleartext
            && tokio::time::timeout(config.header_timeout, knows_http2(&mut tcp, &mut read)).await??;
        let io = Io::Plain(Tcp::new(tcp, read));
        drop(beginning);
        if is_http2 {
            h2::serve(worker, io, client).await;
        } else {
            h1::serve(worker, io, client).await;
        }
        return Ok(());
    };
    let is_waiting = Cell::new(false);
    let turn = async {
        is_waiting.set(true);
        // It is never closed.
        let turn = worker.handshakes.acquire().await;
        is_waiting.set(false);
        turn
    };
    let handshake = tokio::time::timeout(config.header_timeout, acceptor.accept(tcp, read, turn));
    let Ok(handshake) = handshake.await else {
        worker.metrics.tls_failures.count(if is_waiting.get() { "too-many" } else { "timeout" });
        return Ok(());
    };
    drop(beginning);
    match handshake {
        Ok(Established::Session(mut session)) => {
            let metrics = &worker.metrics;
            if session.is_resumed {
                metrics.tls_resumed.increment();
            }
            if session.version == "TLSv1.3" {
                metrics.tls13.increment()
            } else {
                metrics.tls12.increment()
            }
            let client = client.with_session(&mut session);
            match session.alpn {
                Alpn::Http1 => h1::serve(worker, session.io, client).await,
                Alpn::Http2 => h2::serve(worker, session.io, client).await,
            }
        }
        Ok(Established::Passthrough(passthrough)) => relay::run(&worker, passthrough).await,
        Err(error) => worker.metrics.tls_failures.count(match error {
            HandshakeError::Tls(_) => "tls",
            HandshakeError::TooLarge => "hello-too-large",
            _ => "connection",
        }),
    }
    Ok(())
}

/// Whether a client begins with the preface of HTTP/2 (RFC 9113 3.4), which is left where it is.
async fn knows_http2(tcp: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<bool> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    while PREFACE.starts_with(read) && read.len() < PREFACE.len() {
        read_more(tcp, read).await?;
    }
    Ok(read.starts_with(PREFACE))
}

/// Reads the PROXY header. What has been read behind it is left.
async fn proxied(tcp: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<proxy_protocol::Header> {
    loop {
        if let Some((header, size)) = proxy_protocol::parse(read).map_err(io::Error::other)? {
            read.drain(..size);
            return Ok(header);
        }
        read_more(tcp, read).await?;
    }
}

/// Waits for more bytes.
async fn read_more(tcp: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<()> {
    read.reserve(USUAL_BEGINNING);
    match tcp.read_buf(read).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn clients_inherit_how_much_is_held_for_them() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let accepted = SockRef::from(&listener).accept().unwrap().0;
        assert_eq!(accepted.tcp_notsent_lowat().unwrap(), UNSENT);
    }
}
