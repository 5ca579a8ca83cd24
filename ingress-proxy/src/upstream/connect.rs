//! A connection for a request: one that is idle, or a new one.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ingress_core::policy::{self, Timeouts};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::forbidden::{self, Forbidden};
use super::pool::Key;
use super::{Connection, Endpoint, h1};
use crate::h1::Limits;
use crate::io::{Io, Wire};
use crate::worker::Worker;

/// TLS towards an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
    /// Which connections were made with the same settings.
    pub(crate) key: Key,
}

/// What a connection is wanted for.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) endpoint: &'a Rc<Endpoint>,
    pub(crate) tls: Option<&'a Tls>,
    pub(crate) http2: bool,
    pub(crate) timeouts: Timeouts,
    /// Whether it must be a new one.
    pub(crate) fresh: bool,
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
    #[error("{0}")]
    Http2(#[from] h2::Error),
}

/// Finds an idle connection or makes one.
pub(crate) async fn get(worker: &Worker, request: &Request<'_>) -> Result<Connection, ConnectError> {
    let key = request.tls.map_or(0, |tls| tls.key);
    if request.http2 {
        return multiplexed(worker, request, key).await;
    }
    let (read, write) = (seconds(request.timeouts.read), seconds(request.timeouts.send));
    if !request.fresh
        && let Some(mut found) = request.endpoint.pool.take(key, &worker.config.upstream, worker.clock.now())
    {
        found.wire().set_timeouts(read, write);
        worker.metrics.upstream_reuses.increment();
        return Ok(Connection::h1(found, key));
    }
    let io = dial(worker, request).await?;
    let limits = Limits { head: worker.config.upstream.max_head, fields: 256, target: 0, underscores: true };
    let wire = Wire::new(io, &worker.buffers, &worker.clock, read, write);
    Ok(Connection::h1(Box::new(h1::Connection::new(wire, limits, worker.clock.now())), key))
}

async fn multiplexed(worker: &Worker, request: &Request<'_>, key: Key) -> Result<Connection, ConnectError> {
    let multiplexer = request.endpoint.pool.multiplexer(key);
    let stream = match multiplexer.stream(request.timeouts).await {
        Some(stream) => {
            worker.metrics.upstream_reuses.increment();
            stream
        }
        None => {
            let io = dial(worker, request).await?;
            multiplexer.connect(io, worker, request.timeouts).await?
        }
    };
    Ok(Connection::H2(Box::new(stream)))
}

/// Makes a new connection.
async fn dial(worker: &Worker, request: &Request<'_>) -> Result<Io, ConnectError> {
    worker.metrics.upstream_connects.increment();
    let dialled = timeout(seconds(request.timeouts.connect), async {
        let tcp = match &request.endpoint.target {
            policy::Endpoint::Address(address) => tcp(worker, *address).await?,
            policy::Endpoint::Name(name, port) => by_name(worker, name, *port).await?,
        };
        tcp.set_nodelay(true)?;
        Ok(match request.tls {
            None => Io::Plain(tcp),
            Some(tls) => {
                let connector = TlsConnector::from(Arc::clone(&tls.config));
                Io::Tls(Box::new(connector.connect(tls.name.clone(), tcp).await?.into()))
            }
        })
    });
    dialled.await.unwrap_or(Err(ConnectError::TimedOut))
}

async fn tcp(worker: &Worker, address: SocketAddr) -> Result<TcpStream, ConnectError> {
    forbidden::check(address, &worker.config.upstream.allowed_endpoints, &worker.own)?;
    Ok(TcpStream::connect(address).await?)
}

/// Each address that a name has is tried; all of them have to be allowed, since the name's owner chooses them.
async fn by_name(worker: &Worker, name: &str, port: u16) -> Result<TcpStream, ConnectError> {
    let mut last = ConnectError::NoAddress;
    // An address in the form of a name needs no resolver.
    let literal: Option<IpAddr> = name.parse().ok();
    let found: Vec<SocketAddr> = match literal {
        Some(address) => vec![SocketAddr::new(address, port)],
        None => tokio::net::lookup_host((name, port)).await?.collect(),
    };
    for address in found {
        match tcp(worker, address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds))
}
