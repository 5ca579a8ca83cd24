//! One request of a client and its response.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, Response, StatusCode};

use crate::exchange::Downstream;
use crate::h2::error::io_error;
use crate::h2::fields::{WhiteSpace, write};
use crate::h2::incoming::Incoming;
use crate::h2::ledger::Piece;
use crate::h2::outgoing::{Outgoing, Shared};
use crate::message::{BodyError, BodyLength, EachField, Fill, NoFields, OutgoingResponse, Sink, Source, Trailers};

/// How many streams are in somebody's hands.
#[derive(Debug)]
pub(super) struct Live(Rc<Cell<u32>>);

impl Live {
    pub(super) fn new(count: &Rc<Cell<u32>>) -> Self {
        count.set(count.get().saturating_add(1));
        Self(Rc::clone(count))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// One stream of a client. If it is dropped before its response is complete it is reset with INTERNAL_ERROR; if the response
/// is complete and the request is not, with NO_ERROR (RFC 9113 8.1).
#[derive(Debug)]
pub struct ServerStream {
    incoming: Incoming,
    respond: SendResponse<Piece>,
    outgoing: Option<Outgoing>,
    shared: Shared,
    stall: Duration,
    is_reset: bool,
    /// The client waits for 100 before it sends the body.
    owes_continue: bool,
    /// Bytes of the body that were read, and that were written.
    traffic: (u64, u64),
    _live: Live,
}

impl ServerStream {
    pub(super) fn new(
        body: RecvStream,
        respond: SendResponse<Piece>,
        shared: &Shared,
        (idle, stall): (Option<Duration>, Duration),
        owes_continue: bool,
        live: Live,
    ) -> Self {
        let incoming = Incoming::new(body, WhiteSpace::Refuse, shared, idle);
        Self {
            incoming,
            respond,
            outgoing: None,
            shared: shared.clone(),
            stall,
            is_reset: false,
            owes_continue,
            traffic: (0, 0),
            _live: live,
        }
    }

    /// Gives the stream up, with or without a response.
    pub fn reset(&mut self, reason: Reason) {
        self.is_reset = true;
        match &mut self.outgoing {
            Some(outgoing) => outgoing.reset(reason),
            None => self.respond.send_reset(reason),
        }
    }

    fn respond(&mut self, status: u16, map: HeaderMap, length: Option<u64>, is_ended: bool) -> io::Result<()> {
        if self.outgoing.is_some() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let stream = self.respond.send_response(response(status, map)?, is_ended).map_err(io_error)?;
        self.outgoing = Some(Outgoing::new(stream, length, is_ended, &self.shared, Some(self.stall)));
        // An answered request is worth the frames that a client spends on it.
        self.shared.guard.earn(1);
        Ok(())
    }

    fn outgoing(&mut self) -> io::Result<&mut Outgoing> {
        self.outgoing.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

fn response(status: u16, map: HeaderMap) -> io::Result<Response<()>> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    *response.headers_mut() = map;
    Ok(response)
}

impl Downstream for ServerStream {
    fn interim(&mut self, status: u16, fields: &dyn EachField) -> io::Result<()> {
        // 101 does not exist in HTTP/2 (RFC 9113 8.6), and after the final head there is no other.
        if status == 101 || self.outgoing.is_some() {
            return Ok(());
        }
        let response = response(status, write(fields, None)?)?;
        self.respond.send_informational(response).map_err(io_error)
    }

    fn start(&mut self, response: &OutgoingResponse<'_>) -> io::Result<()> {
        let (said, length, is_ended) = match response.body {
            BodyLength::None => (None, None, true),
            BodyLength::Declared(length) => (Some(length), None, true),
            BodyLength::Exact(length) => (Some(length), Some(length), length == 0),
            BodyLength::Unknown => (None, None, false),
        };
        let map = write(response.fields, said)?;
        self.respond(response.status, map, length, is_ended)
    }

    fn switch(&mut self, fields: &dyn EachField) -> io::Result<()> {
        // A tunnel has times of its own.
        self.incoming.set_idle(None);
        self.respond(200, write(fields, None)?, None, false)
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.outgoing {
            Some(outgoing) => outgoing.poll_reset(cx),
            None => self.respond.poll_reset(cx).map(|_| ()),
        }
    }

    fn leave(&mut self) {
        // The answer that follows wakes whoever looks at it.
        self.shared.is_leaving.set(true);
    }

    fn may_be_silent(&mut self) {
        self.incoming.set_idle(None);
    }

    /// Bytes of bodies: what heads take depends on the table that all streams share.
    fn traffic(&self) -> (u64, u64) {
        self.traffic
    }
}

impl Source for ServerStream {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Fill<'_>, BodyError>> {
        if std::mem::take(&mut self.owes_continue) && !self.incoming.is_done() {
            // Whoever asks for the body wants it.
            self.interim(100, &NoFields)?;
        }
        self.incoming.poll_fill(cx)
    }

    fn consume(&mut self, amount: usize) {
        self.incoming.consume(amount);
        self.traffic.0 = self.traffic.0.saturating_add(amount as u64);
    }

    fn hoard(&mut self, cx: &mut Context<'_>) {
        self.incoming.hoard(cx);
    }

    fn trailers(&mut self) -> Option<Trailers> {
        self.incoming.trailers()
    }

    fn is_done(&self) -> bool {
        self.incoming.is_done()
    }

    fn wait_anew(&mut self) {
        self.incoming.wait_anew();
    }
}

impl Sink for ServerStream {
    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(self.outgoing()?.poll_write(cx, data))?;
        self.traffic.1 = self.traffic.1.saturating_add(written as u64);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.outgoing {
            Some(outgoing) => outgoing.poll_flush(cx),
            // Interim responses are written by the connection.
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_hand_over(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.outgoing {
            Some(outgoing) => outgoing.poll_hand_over(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: Option<&Trailers>) -> Poll<io::Result<()>> {
        self.outgoing()?.poll_finish(cx, trailers)
    }
}

impl Drop for ServerStream {
    fn drop(&mut self) {
        if !self.is_reset && !self.outgoing.as_ref().is_some_and(Outgoing::is_ended) {
            self.reset(Reason::INTERNAL_ERROR);
        }
    }
}
