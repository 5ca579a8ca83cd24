//! A connection for a request: one that is idle, or a new one.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ingress_core::policy::{self, Timeouts};
use rustix::io::Errno;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::forbidden::{self, Forbidden};
use super::pool::Key;
use super::{Connection, Endpoint, h1};
use crate::h1::Limits;
use crate::h2::client::{self, Multiplexer, Next};
use crate::io::{Io, Tcp, Wire};
use crate::server::tls::Alpn;
use crate::worker::Worker;

/// What a connection is wanted for.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) endpoint: &'a Rc<Endpoint>,
    /// With or without TLS.
    pub(crate) key: Key,
    pub(crate) http2: bool,
    pub(crate) timeouts: Timeouts,
    /// Whether it must be a new one.
    pub(crate) fresh: bool,
    /// Whether there is nobody else to ask, so that a place on a connection is worth waiting for.
    pub(crate) is_last: bool,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("connecting took too long")]
    TimedOut,
    #[error("{0}")]
    Forbidden(#[from] Forbidden),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the name has no address")]
    NoAddress,
    #[error("the endpoint does not speak HTTP/2")]
    NotHttp2,
    #[error("another request could not connect either")]
    Failed,
    #[error("all connections are full")]
    Full,
}

impl ConnectError {
    /// Whether no connection could even be begun for want of descriptors, ports or memory, whoever was to be called.
    pub(crate) fn is_own_shortage(&self) -> bool {
        let own = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::ADDRNOTAVAIL];
        matches!(self, Self::Io(error)
            if error.raw_os_error().is_some_and(|code| own.contains(&Errno::from_raw_os_error(code))))
    }
}

/// Finds an idle connection or makes one.
pub(crate) async fn get(worker: &Worker, request: Request<'_>) -> Result<Connection, ConnectError> {
    if request.http2 {
        let multiplexer = request.endpoint.pool.multiplexer(&request.key);
        let waited = timeout(seconds(request.timeouts.connect), multiplexed(worker, &request, &multiplexer)).await;
        // A limit of ours is not the endpoint's slowness.
        let late = || if multiplexer.is_full() { ConnectError::Full } else { ConnectError::TimedOut };
        return waited.unwrap_or_else(|_| Err(late()));
    }
    let (read, write) = (seconds(request.timeouts.read), seconds(request.timeouts.send));
    let pool = &request.endpoint.pool;
    if !request.fresh
        && let Some(mut found) = pool.take(&request.key, &worker.config.upstream, worker.clock.now())
    {
        found.wire().set_timeouts(read, write);
        worker.metrics.upstream_reuses.increment();
        return Ok(Connection::h1(found, request.key));
    }
    let dialled = timeout(seconds(request.timeouts.connect), dial(worker, &request));
    let io = dialled.await.unwrap_or(Err(ConnectError::TimedOut))?;
    let limits =
        Limits { head: worker.config.upstream.max_head, fields: MAX_RESPONSE_FIELDS, target: 0, underscores: true };
    let wire = Wire::new(io, &worker.buffers, &worker.clock, read, write);
    let open = worker.metrics.hold(|it| &it.upstream_open);
    Ok(Connection::h1(Box::new(h1::Connection::new(wire, limits, worker.clock.now(), open)), request.key))
}

async fn multiplexed(
    worker: &Worker,
    request: &Request<'_>,
    multiplexer: &Multiplexer,
) -> Result<Connection, ConnectError> {
    let mut stream = loop {
        match multiplexer.next(request.is_last).await {
            Next::Stream(stream) => {
                worker.metrics.upstream_reuses.increment();
                break stream;
            }
            Next::Dial(task) => {
                let connection = match dial_http2(worker, request).await {
                    Ok(connection) => connection,
                    Err(error) => {
                        task.fail();
                        return Err(error);
                    }
                };
                if let Some(stream) = task.bring(connection) {
                    break stream;
                }
            }
            Next::Failed => return Err(ConnectError::Failed),
            Next::Full => return Err(ConnectError::Full),
        }
    };
    stream.set_timeouts(Some(seconds(request.timeouts.send)), Some(seconds(request.timeouts.read)));
    Ok(Connection::H2(Box::new(stream)))
}

async fn dial_http2(worker: &Worker, request: &Request<'_>) -> Result<client::Connection, ConnectError> {
    let io = dial(worker, request).await?;
    let settings = worker.http2_settings(io.is_tls());
    let open = worker.metrics.hold(|it| &it.upstream_open);
    Ok(client::connect(io, settings, &worker.clock, |_| drop(open)).await?)
}

/// The most fields of a response; more come from something that does not end.
const MAX_RESPONSE_FIELDS: usize = 1_000;

/// A new connection on which nothing has been said, within so many seconds.
pub(crate) async fn plain(worker: &Worker, endpoint: &Endpoint, within: u32) -> Result<TcpStream, ConnectError> {
    let within = seconds(within);
    timeout(within, open(worker, endpoint, within)).await.unwrap_or(Err(ConnectError::TimedOut))
}

async fn open(worker: &Worker, endpoint: &Endpoint, within: Duration) -> Result<TcpStream, ConnectError> {
    let tcp = match &endpoint.target {
        policy::Endpoint::Address(address) => tcp(worker, *address, endpoint.is_named).await?,
        policy::Endpoint::Name(name, port) => by_name(worker, name, *port, endpoint.is_named, within).await?,
    };
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

/// Makes a new connection.
async fn dial(worker: &Worker, request: &Request<'_>) -> Result<Io, ConnectError> {
    let tcp = open(worker, request.endpoint, seconds(request.timeouts.connect)).await?;
    let Some(terms) = &request.key.0 else { return Ok(Io::Plain(tcp.into())) };
    let connector = TlsConnector::from(Arc::clone(&terms.config));
    let stream = connector.connect(terms.name.clone(), Tcp::from(tcp)).await?;
    if request.http2 && stream.get_ref().1.alpn_protocol() != Some(Alpn::Http2.as_bytes()) {
        return Err(ConnectError::NotHttp2);
    }
    Ok(Io::Tls(Box::new(stream.into())))
}

async fn tcp(worker: &Worker, address: SocketAddr, is_named: bool) -> Result<TcpStream, ConnectError> {
    if is_named {
        forbidden::check_named(address, &worker.own)?;
    } else {
        forbidden::check(address, &worker.config.upstream.allowed_endpoints, &worker.own)?;
    }
    worker.metrics.upstream_connects.increment();
    Ok(TcpStream::connect(address).await?)
}

/// The addresses of a name are tried from any of them on, each for its part of the time; one that is not allowed is not dialled.
async fn by_name(
    worker: &Worker,
    name: &str,
    port: u16,
    is_named: bool,
    within: Duration,
) -> Result<TcpStream, ConnectError> {
    let mut last = ConnectError::NoAddress;
    // An address in the form of a name needs no resolver.
    let literal: Option<IpAddr> = name.parse().ok();
    let mut found: Vec<SocketAddr> = match literal {
        Some(address) => vec![SocketAddr::new(address, port)],
        None => tokio::net::lookup_host((name, port)).await?.collect(),
    };
    let count = found.len().max(1);
    found.rotate_left(usize::try_from(worker.random.next()).unwrap_or_default() % count);
    let part = within / u32::try_from(count).unwrap_or(u32::MAX);
    for address in found {
        match timeout(part, tcp(worker, address, is_named)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = ConnectError::TimedOut,
        }
    }
    Err(last)
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds))
}
