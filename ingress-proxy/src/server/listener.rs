//! Sockets that connections are accepted from, and what becomes of a connection first.
//!
//! Every worker has a socket of its own for each address (`SO_REUSEPORT`): the system shares connections among them, and
//! a new process can bind the same addresses while the old one finishes.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ingress_core::request::ConnInfo;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use super::{Client, h1, passthrough, proxy_protocol, tls};
use crate::io::Io;
use crate::worker::Worker;

/// How many connections the system keeps until they are accepted.
const BACKLOG: i32 = 4_096;
/// How long nothing is accepted when the process has no file descriptors left.
const OUT_OF_FILES: Duration = Duration::from_millis(50);

/// A socket of one worker.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Listener {
    /// The socket, bound.
    pub socket: std::net::TcpListener,
    /// Whether clients speak TLS.
    pub tls: bool,
}

/// The sockets of one worker.
pub type Listeners = Vec<Listener>;

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

/// Accepts connections until it is cancelled.
pub(crate) async fn accept(worker: Rc<Worker>, listener: Listener, tls: Arc<tls::Acceptor>) -> io::Result<()> {
    let socket = TcpListener::from_std(listener.socket)?;
    let mut number = 0_u64;
    loop {
        let (tcp, peer) = match socket.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Errors of one connection concern nobody else; without file descriptors the next try fails as well.
                worker.metrics.accept_errors.increment();
                let is_of_connection = matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
                );
                if !is_of_connection {
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
        number = number.wrapping_add(1);
        let acceptor = listener.tls.then(|| Arc::clone(&tls));
        let admitted = worker.admit();
        let worker = Rc::clone(&worker);
        tokio::task::spawn_local(async move {
            let _admitted = admitted;
            // A client that cannot finish is nobody's error but its own.
            let _ = begin(worker, tcp, peer, number, acceptor).await;
        });
    }
}

/// Finds out who is there and what is spoken.
async fn begin(
    worker: Rc<Worker>,
    tcp: TcpStream,
    peer: SocketAddr,
    number: u64,
    acceptor: Option<Arc<tls::Acceptor>>,
) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let mut local = tcp.local_addr()?;
    let mut peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let trusts = |address: SocketAddr| {
        worker.config.forwarding.trusted.iter().any(|range| range.contains(address.ip()))
    };
    let is_trusted = trusts(peer);
    let config = &worker.config.downstream;
    let mut prefix = Vec::new();
    if config.proxy_protocol {
        let read = tokio::time::timeout(config.header_timeout, proxy_protocol::read(&tcp, &mut prefix)).await??;
        if let Some(addresses) = read.filter(|_| is_trusted) {
            peer = addresses.source;
            local = addresses.destination;
        }
    }
    let mut client = Client {
        conn: ConnInfo { remote_addr: Some(peer.ip()), tls: None },
        peer,
        address: peer.ip().to_string().into(),
        local_port: local.port(),
        is_trusted,
        number,
        tls: None,
    };
    let Some(acceptor) = acceptor else {
        return plain(worker, tcp, prefix, client).await;
    };
    let deadline = tokio::time::timeout(config.header_timeout, passthrough::accept(&worker, &acceptor, tcp, prefix, &client));
    match deadline.await?? {
        passthrough::Accepted::Tls(accepted) => {
            client.conn.tls = Some(accepted.info);
            client.tls = Some((accepted.version, accepted.cipher));
            let io = Io::Tls(Box::new(accepted.stream));
            if accepted.is_http2 {
                super::h2::serve(worker, io, client).await;
            } else {
                h1::serve(worker, io, client).await;
            }
            Ok(())
        }
        passthrough::Accepted::Handed(handed) => handed.relay(&worker).await,
    }
}
