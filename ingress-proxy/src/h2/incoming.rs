//! A body that is read from a stream.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use h2::RecvStream;

use super::error::body_error;
use super::fields::{WhiteSpace, read_trailers};
use super::hoard::Hoard;
use super::outgoing::Shared;
use super::window::Held;
use crate::message::{BodyError, Fill, Source, Trailers};
use crate::worker::{Clock, Pace};

/// How often in a row a peer gets its time again because it could not send. Those who are in the way are not there for ever, or it is its
/// own doing.
const MOST_FORGIVEN: u8 = 10;

/// The receiving half of a stream. The peer may send on only when what it sent has been consumed, so that no more is held
/// than the window.
#[derive(Debug)]
pub(super) struct Incoming {
    stream: RecvStream,
    current: Bytes,
    /// What comes behind it.
    hoard: Hoard,
    held: Held,
    /// How often in a row it was forgiven that nothing came.
    forgiven: u8,
    trailers: Option<Trailers>,
    is_done: bool,
    clock: Clock,
    idle: Option<Pace>,
    space: WhiteSpace,
}

impl Incoming {
    pub(super) fn new(stream: RecvStream, space: WhiteSpace, shared: &Shared, idle: Option<Duration>) -> Self {
        let is_done = stream.is_end_stream();
        let idle = idle.map(|idle| Pace::new(&shared.clock, idle));
        Self {
            stream,
            current: Bytes::new(),
            hoard: Hoard::default(),
            held: Held::new(&shared.window),
            forgiven: 0,
            trailers: None,
            is_done,
            clock: shared.clock.clone(),
            idle,
            space,
        }
    }

    /// How long the peer may send nothing.
    pub(super) fn set_idle(&mut self, idle: Option<Duration>) {
        self.idle = idle.map(|idle| Pace::new(&self.clock, idle));
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        if let Some(map) = ready!(self.stream.poll_trailers(cx)).map_err(body_error)? {
            self.trailers = read_trailers(&map, self.space).map_err(|_| BodyError::Malformed("length or trailers"))?;
        }
        self.is_done = true;
        Poll::Ready(Ok(()))
    }

    /// Waits, but not for ever. While the peer could not send, its time does not run.
    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, BodyError>> {
        let Some(idle) = &mut self.idle else {
            return Poll::Pending;
        };
        if !idle.is_over(cx) {
            return Poll::Pending;
        }
        if !self.held.was_in_the_way() || self.forgiven >= MOST_FORGIVEN {
            return Poll::Ready(Err(BodyError::TimedOut));
        }
        self.forgiven += 1;
        idle.start_over();
        // It has just begun.
        idle.is_over(cx);
        Poll::Pending
    }

    /// So many bytes have come. Of a client that is worth as much time as it is bytes; an endpoint may take its time again.
    fn progress(&mut self, bytes: usize) {
        self.forgiven = 0;
        let was_in_the_way = self.held.was_in_the_way();
        self.held.take(bytes);
        match (&mut self.idle, self.space) {
            (Some(idle), WhiteSpace::Refuse) if !was_in_the_way => idle.progress(bytes),
            (Some(idle), _) => idle.start_over(),
            (None, _) => {}
        }
    }
}

impl Source for Incoming {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Fill<'_>, BodyError>> {
        while self.current.is_empty() {
            if self.is_done {
                return Poll::Ready(Ok(Fill::End));
            }
            if let Some(piece) = self.hoard.pop() {
                self.current = piece;
                break;
            }
            match self.stream.poll_data(cx) {
                Poll::Pending => return self.wait(cx),
                Poll::Ready(Some(data)) => self.current = data.map_err(body_error)?,
                Poll::Ready(None) => match self.poll_end(cx) {
                    Poll::Pending => return self.wait(cx),
                    Poll::Ready(result) => result?,
                },
            }
            self.progress(self.current.len());
        }
        Poll::Ready(Ok(Fill::Data(&self.current)))
    }

    fn consume(&mut self, amount: usize) {
        let amount = amount.min(self.current.len());
        self.current.advance(amount);
        self.held.release(amount);
        // It fails only for more than was received.
        let _ = self.stream.flow_control().release_capacity(amount);
    }

    fn hoard(&mut self, cx: &mut Context<'_>) {
        // The end, and whatever is wrong, comes again when the rest is wanted.
        while let Poll::Ready(Some(Ok(piece))) = self.stream.poll_data(cx) {
            self.progress(piece.len());
            self.hoard.push(piece);
        }
    }

    fn trailers(&mut self) -> Option<Trailers> {
        self.trailers.take()
    }

    fn is_done(&self) -> bool {
        self.is_done && self.current.is_empty()
    }

    fn wait_anew(&mut self) {
        if let Some(idle) = &mut self.idle {
            idle.start_over();
        }
    }
}
