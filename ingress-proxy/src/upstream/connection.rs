//! A connection to an endpoint, whatever version of HTTP it speaks.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::{Endpoint, Key, h1};
use crate::exchange::{HeadError, Upstream};
use crate::h2::client::ClientStream;
use crate::message::{BodyError, Fill, OutgoingRequest, ResponseHead, Sink, Source, Trailers};
use crate::worker::Worker;

/// A connection that serves one request.
#[derive(Debug)]
pub(crate) enum Connection {
    /// HTTP/1, for this request alone.
    H1 { connection: Box<h1::Connection>, key: Key, is_reused: bool },
    /// A stream of an HTTP/2 connection.
    H2(Box<ClientStream>),
}

impl Connection {
    pub(super) fn h1(connection: Box<h1::Connection>, key: Key) -> Self {
        let is_reused = connection.served > 0;
        Self::H1 { connection, key, is_reused }
    }

    /// Whether it has served another request before.
    pub(crate) fn is_reused(&self) -> bool {
        matches!(self, Self::H1 { is_reused: true, .. })
    }

    /// Whether what is read is held in small buffers only.
    pub(crate) fn keep_small(&mut self, keeps_small: bool) {
        if let Self::H1 { connection, .. } = self {
            connection.wire().keep_small(keeps_small);
        }
    }

    /// The address of the other end; none where requests share a connection.
    pub(crate) fn peer_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::H1 { connection, .. } => connection.peer_addr(),
            Self::H2(_) => None,
        }
    }

    /// Whether it was idle before this request, so that the endpoint may have closed it at any time, and nothing has come since.
    pub(crate) fn may_be_stale(&self) -> bool {
        match self {
            Self::H1 { connection, is_reused, .. } => *is_reused && !connection.has_answered(),
            Self::H2(stream) => stream.may_be_stale(),
        }
    }

    /// Keeps the connection for the next request, if nothing is left of this one.
    pub(crate) fn give_back(self, worker: &Worker, endpoint: &Rc<Endpoint>) {
        if let Self::H1 { mut connection, key, .. } = self
            && connection.is_reusable()
            && !endpoint.is_gone()
        {
            connection.wire().rest();
            endpoint.pool.put(connection, key, &worker.config.upstream, worker.clock.now());
        }
    }
}

impl Source for Connection {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Fill<'_>, BodyError>> {
        match self {
            Self::H1 { connection, .. } => connection.poll_fill(cx),
            Self::H2(stream) => stream.poll_fill(cx),
        }
    }

    fn consume(&mut self, amount: usize) {
        match self {
            Self::H1 { connection, .. } => connection.consume(amount),
            Self::H2(stream) => stream.consume(amount),
        }
    }

    fn hoard(&mut self, cx: &mut Context<'_>) {
        match self {
            Self::H1 { connection, .. } => connection.hoard(cx),
            Self::H2(stream) => stream.hoard(cx),
        }
    }

    fn trailers(&mut self) -> Option<Trailers> {
        match self {
            Self::H1 { connection, .. } => connection.trailers(),
            Self::H2(stream) => stream.trailers(),
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::H1 { connection, .. } => connection.is_done(),
            Self::H2(stream) => stream.is_done(),
        }
    }

    fn wait_anew(&mut self) {
        match self {
            Self::H1 { connection, .. } => connection.wait_anew(),
            Self::H2(stream) => stream.wait_anew(),
        }
    }
}

impl Sink for Connection {
    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::H1 { connection, .. } => connection.poll_write(cx, data),
            Self::H2(stream) => stream.poll_write(cx, data),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::H1 { connection, .. } => connection.poll_flush(cx),
            Self::H2(stream) => stream.poll_flush(cx),
        }
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: Option<&Trailers>) -> Poll<io::Result<()>> {
        match self {
            Self::H1 { connection, .. } => connection.poll_finish(cx, trailers),
            Self::H2(stream) => stream.poll_finish(cx, trailers),
        }
    }
}

impl Upstream for Connection {
    fn start(&mut self, request: &OutgoingRequest<'_>) -> Result<(), HeadError> {
        match self {
            Self::H1 { connection, .. } => connection.start(request),
            Self::H2(stream) => stream.start(request),
        }
    }

    fn poll_head(&mut self, cx: &mut Context<'_>, head: &mut ResponseHead) -> Poll<Result<(), HeadError>> {
        match self {
            Self::H1 { connection, .. } => connection.poll_head(cx, head),
            Self::H2(stream) => stream.poll_head(cx, head),
        }
    }

    fn switch(&mut self) {
        match self {
            Self::H1 { connection, .. } => connection.switch(),
            Self::H2(stream) => stream.switch(),
        }
    }
}
