//! The endpoint's side of HTTP/1: one connection that serves one request at a time.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use crate::exchange::{HeadError, Upstream};
use crate::h1::encode::{self, Writing};
use crate::h1::{Decoder, HeadParser, Limits};
use crate::io::Wire;
use crate::message::{
    BodyError, BodyLength, Fill, Framing, OutgoingRequest, ResponseHead, Sink, Source, Trailers, Version,
};
use crate::observe::metrics::Held;

/// A connection to an endpoint.
#[derive(Debug)]
pub struct Connection {
    wire: Wire,
    parser: HeadParser,
    limits: Limits,
    version: Version,
    is_head_request: bool,
    asks_websocket: bool,
    /// Whether it was told that this is the last request, after which there must be none (RFC 9112 9.6).
    asks_close: bool,
    /// Whether the endpoint keeps the connection open after this exchange.
    keep_alive: bool,
    /// Requests that it has served.
    pub(crate) served: u64,
    /// When it was made, by the worker's clock.
    pub(crate) since: u64,
    /// Whether a byte of a response has come.
    has_answered: bool,
    /// Counts it.
    _open: Held,
}

impl Connection {
    /// A connection that has just been made, and is counted as open until it goes.
    #[must_use]
    pub fn new(wire: Wire, limits: Limits, since: u64, open: Held) -> Self {
        Self {
            wire,
            parser: HeadParser::default(),
            limits,
            version: Version::Http11,
            is_head_request: false,
            asks_websocket: false,
            asks_close: false,
            keep_alive: false,
            served: 0,
            since,
            has_answered: false,
            _open: open,
        }
    }

    /// The address of the other end.
    pub(super) fn peer_addr(&self) -> Option<SocketAddr> {
        self.wire.io().tcp().peer_addr().ok()
    }

    /// The connection below.
    #[must_use]
    pub fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    /// Whether it may serve another request: nothing is left of the last one in either direction.
    #[must_use]
    pub fn is_reusable(&self) -> bool {
        self.keep_alive && self.version == Version::Http11 && self.wire.is_clean()
    }

    /// Whether an idle connection is still good: nothing has come, not even its end.
    pub fn is_alive(&mut self) -> bool {
        self.wire.is_silent()
    }

    /// Whether a byte of the response to the last request has come.
    #[must_use]
    pub fn has_answered(&self) -> bool {
        self.has_answered
    }
}

impl Source for Connection {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Fill<'_>, BodyError>> {
        self.wire.poll_fill(cx)
    }

    fn consume(&mut self, amount: usize) {
        self.wire.consume(amount);
    }

    fn trailers(&mut self) -> Option<Trailers> {
        self.wire.trailers()
    }

    fn is_done(&self) -> bool {
        self.wire.is_done()
    }

    fn wait_anew(&mut self) {
        self.wire.wait_anew();
    }
}

impl Sink for Connection {
    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.wire.poll_write(cx, data)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.poll_flush(cx)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: Option<&Trailers>) -> Poll<io::Result<()>> {
        self.wire.poll_finish(cx, trailers)
    }
}

impl Upstream for Connection {
    fn start(&mut self, request: &OutgoingRequest<'_>) -> Result<(), HeadError> {
        self.served = self.served.saturating_add(1);
        self.has_answered = false;
        self.keep_alive = false;
        self.is_head_request = request.method == b"HEAD";
        self.asks_websocket = request.websocket;
        self.asks_close = request.connection.is_some_and(says_close);
        self.version = request.version;
        encode::request(self.wire.out(), request);
        self.wire.begin_writing(match request.body {
            BodyLength::None | BodyLength::Exact(0) | BodyLength::Declared(_) => Writing::None,
            BodyLength::Exact(_) => Writing::Identity,
            BodyLength::Unknown => Writing::Chunked,
        });
        // Until there is a head there is no body.
        self.wire.begin_reading(Decoder::new(Framing::Empty));
        Ok(())
    }

    fn poll_head(&mut self, cx: &mut Context<'_>, head: &mut ResponseHead) -> Poll<Result<(), HeadError>> {
        // The endpoint may answer before it has read everything.
        let sending = self.wire.poll_send(cx);
        loop {
            if !self.wire.input.is_empty() {
                if !self.has_answered {
                    self.has_answered = true;
                    // From its first byte on a head has the same time once more, and not for each byte.
                    self.wire.wait_anew();
                }
                if let Some(consumed) =
                    self.parser.response(self.wire.input.filled(), &self.limits, self.is_head_request, head)?
                {
                    self.wire.input.consume(consumed);
                    break;
                }
            }
            match self.wire.poll_receive(cx) {
                Poll::Ready(Ok(0)) if self.has_answered => {
                    return Poll::Ready(Err(HeadError::Io(io::ErrorKind::UnexpectedEof.into())));
                }
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(HeadError::Closed)),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending if self.wire.is_late(cx) => return Poll::Ready(Err(HeadError::TimedOut)),
                // An endpoint that stopped reading may have answered before: what came is still to be read, and the end of the
                // connection is news of its own, if not yet.
                Poll::Pending => {
                    return match sending {
                        Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::TimedOut => {
                            Poll::Ready(Err(HeadError::TimedOut))
                        }
                        _ => Poll::Pending,
                    };
                }
            }
        }
        let is_interim = head.status < 200;
        if !is_interim {
            self.keep_alive = head.keep_alive && !self.asks_websocket && !self.asks_close;
            self.wire.begin_reading(Decoder::of_endpoint(head.framing));
        } else {
            self.wire.wait_anew();
        }
        Poll::Ready(Ok(()))
    }

    fn switch(&mut self) {
        self.wire.tunnel();
    }
}

/// Whether a `Connection` field says that there are no more requests.
fn says_close(value: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|word| word.trim_ascii().eq_ignore_ascii_case(b"close"))
}
