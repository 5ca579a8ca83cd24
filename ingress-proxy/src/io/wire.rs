//! One HTTP/1 connection, on whichever side: bytes in, bytes out, and the body that is being read and written.
//!
//! It knows bodies and tunnels. Heads are the business of `server::h1` and `upstream::h1`.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop::unconstrained;

use super::Io;
use crate::h1::encode::{self, Writing};
use crate::h1::{Decoder, Step};
use crate::message::{BodyError, Fill, Framing, Sink, Source, Trailers};
use crate::worker::{Buffer, Buffers, Clock, Pace, Stall};

/// Up to so many bytes are put together before they are sent.
const COALESCED: usize = 16 << 10;
/// A body of which so much is still to come is read into a large buffer.
const WORTH_A_LARGE_BUFFER: u64 = 32 << 10;

/// A connection that speaks HTTP/1.
#[derive(Debug)]
pub struct Wire {
    io: Io,
    buffers: Buffers,
    pub(crate) input: Buffer,
    pub(crate) out: Vec<u8>,
    sent: usize,
    reading: Reading,
    writing: Writing,
    /// Bytes of the body that have been read so far.
    body_read: u64,
    is_eof: bool,
    is_finished: bool,
    read: Pace,
    /// Whether what is read has to come fast enough; if not, any byte is good for the whole time again.
    is_paced: bool,
    /// Whether a body gets no large buffer, however long it is.
    keeps_small: bool,
    write: Stall,
    /// What the connection below had taken when last looked at.
    taken: u64,
    received: u64,
    transmitted: u64,
}

#[derive(Debug)]
enum Reading {
    Body(Decoder),
    Tunnel,
}

impl Wire {
    /// A connection on which nothing has been said yet. The timeouts are those between two pieces of a body.
    #[must_use]
    pub fn new(io: Io, buffers: &Buffers, clock: &Clock, read: Duration, write: Duration) -> Self {
        Self {
            io,
            buffers: buffers.clone(),
            input: buffers.buffer(),
            out: Vec::new(),
            sent: 0,
            reading: Reading::Body(Decoder::new(Framing::Empty)),
            writing: Writing::None,
            body_read: 0,
            is_eof: false,
            is_finished: true,
            read: Pace::new(clock, read),
            is_paced: false,
            keeps_small: false,
            write: Stall::new(clock, Some(write)),
            taken: 0,
            received: 0,
            transmitted: 0,
        }
    }

    /// The connection below.
    #[must_use]
    pub fn io(&self) -> &Io {
        &self.io
    }

    /// Other timeouts, from now on.
    pub fn set_timeouts(&mut self, read: Duration, write: Duration) {
        self.read.set_length(read);
        self.write.set_length(Some(write));
    }

    /// From now on a body has to come at some speed, and no longer one byte at a time.
    pub fn keep_pace(&mut self) {
        self.is_paced = true;
    }

    /// Bytes received and taken, and bytes sent, for the log. What has come and is not taken is another message's.
    #[must_use]
    pub fn traffic(&self) -> (u64, u64) {
        (self.received.saturating_sub(self.input.filled().len() as u64), self.transmitted)
    }

    /// A head has been read, and this is its body.
    pub fn begin_reading(&mut self, body: Decoder) {
        self.reading = Reading::Body(body);
        self.body_read = 0;
        self.read.start_over();
    }

    /// A head is in `out`, and so is its body written.
    pub fn begin_writing(&mut self, writing: Writing) {
        self.writing = writing;
        self.is_finished = false;
    }

    /// From now on bytes are bytes.
    pub fn tunnel(&mut self) {
        self.reading = Reading::Tunnel;
        self.is_paced = false;
        self.writing = Writing::Identity;
        self.is_finished = false;
    }

    /// Whether nothing is left of the exchange, in either direction, and nothing has come that nobody asked for.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.is_finished && self.out.is_empty() && self.input.is_empty() && !self.is_eof && self.body_is_done()
    }

    /// Whether the body has been read to its end.
    #[must_use]
    pub fn body_is_done(&self) -> bool {
        matches!(&self.reading, Reading::Body(decoder) if decoder.is_done())
    }

    /// Whether the peer has said that it sends no more.
    #[must_use]
    pub fn is_eof(&self) -> bool {
        self.is_eof
    }

    /// Gives memory back while nothing is going on.
    pub fn rest(&mut self) {
        self.input.release();
        if self.out.is_empty() && self.out.capacity() > 0 {
            self.buffers.give_back_output(std::mem::take(&mut self.out));
        }
    }

    /// Memory to write heads and small bodies into.
    pub fn out(&mut self) -> &mut Vec<u8> {
        if self.out.capacity() == 0 {
            self.out = self.buffers.output();
        }
        &mut self.out
    }

    /// Reads some bytes into `input`; 0 at the end of the connection. It sets no deadline.
    ///
    /// # Errors
    ///
    /// Those of the connection.
    pub fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.is_eof {
            return Poll::Ready(Ok(0));
        }
        let mut buf = ReadBuf::new(self.input.space());
        match Pin::new(&mut self.io).poll_read(cx, &mut buf) {
            Poll::Ready(Ok(())) => {
                let amount = buf.filled().len();
                self.input.advance(amount);
                self.received = self.received.saturating_add(amount as u64);
                self.is_eof = amount == 0;
                Poll::Ready(Ok(amount))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.input.release();
                Poll::Pending
            }
        }
    }

    /// Whether nothing has come, not even the end. Unlike [`poll_receive`](Self::poll_receive) it looks in any case: the budget of
    /// the task makes a socket look silent that is not. Nobody is woken later.
    pub fn is_silent(&mut self) -> bool {
        match &self.io {
            Io::Plain(tcp) => {
                // No system call, unless there is something.
                let read = tcp.get_ref().try_read(&mut [0]);
                matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            }
            // Records that are no data may come at any time.
            Io::Tls(_) => {
                let receive = poll_fn(|cx| self.poll_receive(cx));
                pin!(unconstrained(receive)).poll(&mut Context::from_waker(Waker::noop())).is_pending()
            }
        }
    }

    /// Whether it takes too long until something comes, to be asked when nothing has.
    pub fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        self.read.is_over(cx)
    }

    /// Reads some bytes of a body or of a tunnel, under the timeout between two reads.
    fn poll_receive_in_time(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let received = self.poll_receive(cx);
        match received {
            Poll::Pending if self.is_late(cx) => return Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Ready(Ok(amount)) if self.is_paced => self.read.progress(amount),
            Poll::Ready(Ok(_)) => self.read.start_over(),
            _ => {}
        }
        received
    }

    /// Sends what is in `out`.
    ///
    /// # Errors
    ///
    /// Those of the connection, and [`io::ErrorKind::TimedOut`].
    pub fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send_with(cx, &[]))?;
        if self.io.is_tls() {
            return self.in_time(cx, |io, cx| io.poll_flush(cx));
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what is in `out`, then some of `data`, as few packets as can be.
    fn poll_send_with(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let waiting = self.out.get(self.sent..).unwrap_or_default();
            let waiting_length = waiting.len();
            let written = match (waiting.is_empty(), data.is_empty()) {
                (true, true) => return Poll::Ready(Ok(0)),
                (true, false) => Pin::new(&mut self.io).poll_write(cx, data),
                (false, true) => Pin::new(&mut self.io).poll_write(cx, waiting),
                (false, false) => {
                    let slices = [io::IoSlice::new(waiting), io::IoSlice::new(data)];
                    Pin::new(&mut self.io).poll_write_vectored(cx, &slices)
                }
            };
            let written = match written {
                Poll::Ready(written) => written?,
                Poll::Pending if self.is_stalled(cx) => return Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                Poll::Pending => return Poll::Pending,
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.transmitted = self.transmitted.saturating_add(written as u64);
            if written < waiting_length {
                self.sent = self.sent.saturating_add(written);
                continue;
            }
            self.out.clear();
            self.sent = 0;
            let of_data = written.saturating_sub(waiting_length);
            if of_data == data.len() && !self.io.is_tls() {
                self.write.progress(0, true);
            }
            if of_data > 0 || data.is_empty() {
                return Poll::Ready(Ok(of_data));
            }
        }
    }

    /// Nothing more can be sent now. Whether the peer has taken too little for too long.
    fn is_stalled(&mut self, cx: &mut Context<'_>) -> bool {
        let taken = self.io.taken();
        let more = taken.saturating_sub(self.taken);
        self.taken = taken;
        self.write.progress(usize::try_from(more).unwrap_or(usize::MAX), false);
        self.write.is_over(cx)
    }

    fn in_time<T>(
        &mut self,
        cx: &mut Context<'_>,
        step: impl FnOnce(Pin<&mut Io>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match step(Pin::new(&mut self.io), cx) {
            Poll::Pending if self.is_stalled(cx) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
            Poll::Ready(done) => {
                self.write.progress(0, true);
                Poll::Ready(done)
            }
        }
    }

    /// Says that nothing more is sent.
    ///
    /// # Errors
    ///
    /// Those of the connection, and [`io::ErrorKind::TimedOut`].
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        self.in_time(cx, |io, cx| io.poll_shutdown(cx))
    }

    /// Whether the next bodies get no large buffer: a client of HTTP/2 that takes nothing may have many of them.
    pub fn keep_small(&mut self, keeps_small: bool) {
        self.keeps_small = keeps_small;
    }

    /// Takes a large buffer for a body that is long, or that has become so.
    fn prepare_for_more(&mut self) {
        if !self.keeps_small
            && let Reading::Body(decoder) = &self.reading
            && decoder.remaining().unwrap_or(self.body_read) > WORTH_A_LARGE_BUFFER
        {
            self.input.enlarge();
        }
    }
}

impl Source for Wire {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Fill<'_>, BodyError>> {
        loop {
            let length = match &mut self.reading {
                Reading::Tunnel if !self.input.is_empty() => Some(self.input.filled().len()),
                Reading::Tunnel if self.is_eof => return Poll::Ready(Ok(Fill::End)),
                Reading::Tunnel => None,
                Reading::Body(decoder) => match decoder.step(self.input.filled())? {
                    Step::Skip(amount) => {
                        self.input.consume(amount);
                        continue;
                    }
                    Step::Data(amount) => Some(amount),
                    Step::End => return Poll::Ready(Ok(Fill::End)),
                    Step::More if self.is_eof => {
                        decoder.eof()?;
                        return Poll::Ready(Ok(Fill::End));
                    }
                    Step::More => None,
                },
            };
            if let Some(length) = length {
                return Poll::Ready(Ok(Fill::Data(self.input.filled().get(..length).unwrap_or_default())));
            }
            self.prepare_for_more();
            match ready!(self.poll_receive_in_time(cx)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Poll::Ready(Err(BodyError::TimedOut)),
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    fn consume(&mut self, amount: usize) {
        if let Reading::Body(decoder) = &mut self.reading {
            decoder.take(amount);
        }
        self.input.consume(amount);
        self.body_read = self.body_read.saturating_add(amount as u64);
    }

    fn trailers(&mut self) -> Option<Trailers> {
        match &mut self.reading {
            Reading::Body(decoder) => decoder.trailers(),
            Reading::Tunnel => None,
        }
    }

    fn is_done(&self) -> bool {
        match &self.reading {
            Reading::Body(decoder) => decoder.is_done(),
            Reading::Tunnel => self.is_eof && self.input.is_empty(),
        }
    }

    fn wait_anew(&mut self) {
        self.read.start_over();
    }
}

impl Sink for Wire {
    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.writing {
            // A body that nothing was said of is not sent: it would be read as the next message.
            Writing::None => Poll::Ready(Ok(data.len())),
            Writing::Chunked => {
                if self.out.len() >= COALESCED {
                    ready!(self.poll_send(cx))?;
                }
                let amount = data.len().min(4 * COALESCED);
                encode::chunk(self.out(), data.get(..amount).unwrap_or_default());
                Poll::Ready(Ok(amount))
            }
            Writing::Identity if self.out.len().saturating_add(data.len()) <= COALESCED => {
                self.out().extend_from_slice(data);
                Poll::Ready(Ok(data.len()))
            }
            Writing::Identity => self.poll_send_with(cx, data),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(cx)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: Option<&Trailers>) -> Poll<io::Result<()>> {
        if !self.is_finished {
            self.is_finished = true;
            if self.writing == Writing::Chunked {
                encode::last_chunk(self.out(), trailers);
            }
        }
        match self.reading {
            // The end of a tunnel is the end of what is sent.
            Reading::Tunnel => self.poll_shutdown(cx),
            Reading::Body(_) => self.poll_send(cx),
        }
    }
}

#[cfg(test)]
mod tests;
