//! Sockets that connections are accepted from, and what becomes of a connection first.
//!
//! Every worker has a socket of its own for each address (`SO_REUSEPORT`): the system shares connections among them, and
//! a new process can bind the same addresses while the old one finishes.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

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
    loop {
        let accepted = if *phase.borrow() == Phase::Serving {
            tokio::select! {
                biased;
                accepted = socket.accept() => accepted,
                changed = phase.changed() => match changed {
                    Ok(()) => continue,
                    // Nobody is left who could say that it ends.
                    Err(_) => return Ok(()),
                },
            }
        } else {
            // What the system has taken by now is served; whoever comes later finds another process, or nobody.
            match poll_fn(|cx| Poll::Ready(socket.poll_accept(cx))).await {
                Poll::Ready(accepted) => accepted,
                Poll::Pending => return Ok(()),
            }
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
                    worker.errors.state("accepting", "fails", "works again", Some(&error));
                    tokio::time::sleep(OUT_OF_FILES).await;
                }
                continue;
            }
        };
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

/// Finds out who is there and what is spoken.
async fn begin(
    worker: Rc<Worker>,
    mut tcp: TcpStream,
    peer: SocketAddr,
    number: u64,
    acceptor: Option<Rc<TlsAcceptor>>,
) -> io::Result<()> {
    // What is read to find out who it is and what is spoken belongs to what follows.
    let mut read = Vec::new();
    tcp.set_nodelay(true)?;
    let local = tcp.local_addr()?;
    let mut client = Client::new(&worker, SocketAddr::new(peer.ip().to_canonical(), peer.port()), local, number);
    let config = &worker.config.downstream;
    if config.proxy_protocol {
        let header = tokio::time::timeout(config.header_timeout, proxied(&mut tcp, &mut read)).await??;
        if let proxy_protocol::Header::Handed { client: source, server } = header {
            if client.is_trusted {
                // The balancer is believed about the client, not the client about itself: it is trusted if it is one that is.
                client = Client::new(&worker, source, server, number);
            }
            client.proxied = Some(source.ip());
        }
    }
    let Some(acceptor) = acceptor else {
        let is_http2 = config.http2_cleartext
            && tokio::time::timeout(config.header_timeout, knows_http2(&mut tcp, &mut read)).await??;
        let io = Io::Plain(Tcp::new(tcp, read));
        if is_http2 {
            h2::serve(worker, io, client).await;
        } else {
            h1::serve(worker, io, client).await;
        }
        return Ok(());
    };
    let handshake = tokio::time::timeout(config.header_timeout, acceptor.accept(tcp, read)).await;
    let Ok(handshake) = handshake else {
        worker.metrics.tls_failures.count("timeout");
        return Ok(());
    };
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
