//! A body that is written to a stream.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::{Reason, SendStream};

use super::budget::Guard;
use super::error::io_error;
use super::fields::write_trailers;
use super::ledger::{Account, Ledger, Piece};
use super::window::Window;
use crate::message::{Sink, Trailers};
use crate::worker::{Clock, Stall};

/// The most bytes of one piece: two frames of the usual size.
const MAX_PIECE: usize = 32 << 10;

/// What all streams of a connection share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) guard: Rc<Guard>,
    pub(super) ledger: Rc<Ledger>,
    pub(super) clock: Clock,
    pub(super) window: Rc<Window>,
    /// Whether the client shall open no more streams.
    pub(super) is_leaving: Rc<Cell<bool>>,
}

/// The sending half of a stream.
#[derive(Debug)]
pub(super) struct Outgoing {
    stream: SendStream<Piece>,
    account: Rc<Account>,
    guard: Rc<Guard>,
    /// The latest piece is kept back until the next or the end, for the end can be said with it and needs no frame of its own.
    last: Option<Piece>,
    /// What is left of the declared length.
    left: Option<u64>,
    /// Whether the end has been said.
    is_ended: bool,
    /// Whether there is a marker behind everything that was sent.
    is_marked: bool,
    stall: Stall,
    /// What was held when last looked at; what is less is what the peer took.
    held: usize,
}

impl Outgoing {
    /// A body of the declared length, if there is one. `is_ended` says that there is no body at all.
    pub(super) fn new(
        stream: SendStream<Piece>,
        length: Option<u64>,
        is_ended: bool,
        shared: &Shared,
        stall: Option<Duration>,
    ) -> Self {
        Self {
            stream,
            account: Account::new(&shared.ledger),
            guard: Rc::clone(&shared.guard),
            last: None,
            left: length,
            is_ended,
            is_marked: false,
            stall: Stall::new(&shared.clock, stall),
            held: 0,
        }
    }

    /// How long the peer may take nothing.
    pub(super) fn set_stall(&mut self, stall: Option<Duration>) {
        self.stall.set_length(stall);
    }

    /// Whether the end has been said.
    pub(super) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Gives the stream up.
    pub(super) fn reset(&mut self, reason: Reason) {
        self.is_ended = true;
        self.last = None;
        self.stream.send_reset(reason);
    }

    /// Ready when the peer has given the stream up or the connection is gone.
    pub(super) fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.stream.poll_reset(cx).map(|_| ())
    }

    fn send_last(&mut self) -> io::Result<()> {
        match self.last.take() {
            Some(piece) => self.stream.send_data(piece, false).map_err(io_error),
            None => Ok(()),
        }
    }

    /// How many of so many bytes can be sent now.
    fn poll_room(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<io::Result<usize>> {
        if self.account.is_full(cx) {
            return Poll::Pending;
        }
        self.stream.reserve_capacity(wanted);
        match self.stream.capacity() {
            0 => match self.stream.poll_capacity(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Some(room)) => Poll::Ready(room.map_err(io_error)),
                Poll::Ready(None) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            },
            room => Poll::Ready(Ok(room)),
        }
    }

    /// Waits for the peer, but not for ever.
    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let held = self.account.held();
        self.stall.progress(self.held.saturating_sub(held), false);
        self.held = held;
        if self.stall.is_over(cx) {
            self.reset(Reason::CANCEL);
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }

    /// Says the end.
    fn end(&mut self, trailers: Option<&Trailers>) -> io::Result<()> {
        if self.left.is_some_and(|left| left > 0) {
            // Less than declared: whoever reads it must not take it for all.
            self.reset(Reason::INTERNAL_ERROR);
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let trailers = trailers.map(write_trailers).transpose()?.filter(|map| !map.is_empty());
        match trailers {
            Some(map) => {
                self.send_last()?;
                self.stream.send_trailers(map).map_err(io_error)?;
            }
            None => {
                let piece = self.last.take().unwrap_or_else(Piece::empty);
                self.stream.send_data(piece, true).map_err(io_error)?;
            }
        }
        self.is_ended = true;
        Ok(())
    }
}

impl Sink for Outgoing {
    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        if self.left.is_some_and(|left| length > left) {
            self.reset(Reason::INTERNAL_ERROR);
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.send_last()?;
        let Poll::Ready(room) = self.poll_room(cx, data.len().min(MAX_PIECE)) else { return self.wait(cx) };
        let taken = room?.min(data.len()).min(MAX_PIECE);
        let piece = data.get(..taken).unwrap_or_default();
        self.last = Some(self.account.piece(Bytes::copy_from_slice(piece)));
        self.left = self.left.map(|left| left.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX)));
        self.held = self.account.held();
        self.guard.earn(taken);
        self.stall.progress(taken, taken == data.len().min(MAX_PIECE));
        Poll::Ready(Ok(taken))
    }

    /// The connection's driver writes to the socket, so there is nothing to wait for.
    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.send_last())
    }

    /// To give a stream up is to throw away what has not been written, the head included.
    fn poll_hand_over(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_ended {
            return Poll::Ready(Ok(()));
        }
        self.send_last()?;
        if !self.is_marked {
            self.is_marked = true;
            let marker = self.account.marker();
            self.stream.send_data(marker, false).map_err(io_error)?;
        }
        if self.account.is_clear(cx) { Poll::Ready(Ok(())) } else { self.wait(cx) }
    }

    /// Ready when the socket has taken all: until then somebody has to watch that the peer takes it.
    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: Option<&Trailers>) -> Poll<io::Result<()>> {
        if !self.is_ended {
            self.end(trailers)?;
        }
        if self.account.is_clear(cx) { Poll::Ready(Ok(())) } else { self.wait(cx) }
    }
}
