//! What is written to a connection, put together.
//!
//! `h2` writes and flushes after every piece of a body, each of which would be a TLS record and a system call of its own. Here
//! they wait until whoever drives the connection has nothing more for now, and leave together.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::ledger::Ledger;

/// The most that waits: two records of the greatest size, and the heads of their frames.
const MOST: usize = 33 << 10;
/// What memory is taken at first; most of what leaves together is no more.
const USUAL: usize = 16 << 10;

/// A connection that is written to when [`poll_send`](Outbox::poll_send) says so, or too much waits. Clones are the same one.
#[derive(Debug)]
pub(super) struct Outbox<I>(Rc<RefCell<Inner<I>>>);

#[derive(Debug)]
struct Inner<I> {
    io: I,
    waiting: Vec<u8>,
    /// How much of it has been sent.
    sent: usize,
    /// Whether the connection may hold some of what was sent, as TLS does when the socket is full.
    is_held: bool,
    ledger: Rc<Ledger>,
}

impl<I> Clone for Outbox<I> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Outbox<I> {
    /// An empty one, of which a ledger is told.
    pub(super) fn new(io: I, ledger: &Rc<Ledger>) -> Self {
        Self(Rc::new(RefCell::new(Inner {
            io,
            waiting: Vec::new(),
            sent: 0,
            is_held: false,
            ledger: Rc::clone(ledger),
        })))
    }

    /// Sends what waits, to the last byte.
    pub(super) fn poll_send(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let inner = &mut *self.0.borrow_mut();
        if inner.waiting.is_empty() && !inner.is_held { Poll::Ready(Ok(())) } else { inner.poll_send(cx) }
    }
}

impl<I: AsyncWrite + Unpin> Inner<I> {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_held = true;
        while let Some(rest) = self.waiting.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.io).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                amount => self.sent = self.sent.saturating_add(amount),
            }
        }
        // An idle connection holds nothing.
        self.waiting = Vec::new();
        self.sent = 0;
        self.ledger.sent();
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.is_held = false;
        Poll::Ready(Ok(()))
    }

    /// Makes room for so much.
    fn poll_room(&mut self, cx: &mut Context<'_>, amount: usize) -> Poll<io::Result<()>> {
        if self.waiting.len().saturating_add(amount) > MOST && !self.waiting.is_empty() {
            ready!(self.poll_send(cx))?;
        }
        if self.waiting.capacity() == 0 {
            self.waiting.reserve(amount.max(USUAL));
            self.ledger.unsent();
        }
        Poll::Ready(Ok(()))
    }
}

impl<I> Drop for Inner<I> {
    /// Nobody shall wait for a socket that is gone.
    fn drop(&mut self) {
        self.ledger.sent();
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Outbox<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().io).poll_read(cx, buf)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Outbox<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(data)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let inner = &mut *self.0.borrow_mut();
        let amount = bufs.iter().map(|buf| buf.len()).fold(0, usize::saturating_add);
        ready!(inner.poll_room(cx, amount))?;
        for buf in bufs {
            inner.waiting.extend_from_slice(buf);
        }
        Poll::Ready(Ok(amount))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Later, and with what else there is until then.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let inner = &mut *self.0.borrow_mut();
        ready!(inner.poll_send(cx))?;
        Pin::new(&mut inner.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_is_written_leaves_together_and_in_order() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let mut outbox = Outbox::new(ours, &Ledger::new(0));
        outbox.write_all(b"one ").await.unwrap();
        outbox.write_all(b"two").await.unwrap();
        outbox.flush().await.unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        let mut seen = [0; 16];
        assert!(Pin::new(&mut theirs).poll_read(&mut cx, &mut ReadBuf::new(&mut seen)).is_pending());
        assert!(outbox.poll_send(&mut cx).is_ready());
        assert_eq!(theirs.read(&mut seen).await.unwrap(), 7);
        assert_eq!(&seen[..7], b"one two");
        outbox.write_all(b"three").await.unwrap();
        outbox.shutdown().await.unwrap();
        let mut rest = String::new();
        theirs.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "three", "the end does not overtake it");
    }

    /// Takes everything, and has to be asked twice before it is gone.
    #[derive(Default)]
    struct Holding {
        is_asked: bool,
        sent: Rc<std::cell::Cell<u32>>,
    }

    impl AsyncRead for Holding {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Holding {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(data.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            if !std::mem::replace(&mut self.is_asked, true) {
                return Poll::Pending;
            }
            self.is_asked = false;
            self.sent.set(self.sent.get() + 1);
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// The end of a body stayed in the TLS session when the socket was full, and the client waited for it.
    #[tokio::test]
    async fn what_the_connection_holds_is_sent_too() {
        let io = Holding::default();
        let sent = Rc::clone(&io.sent);
        let mut outbox = Outbox::new(io, &Ledger::new(0));
        let mut cx = Context::from_waker(Waker::noop());
        for round in 1..3 {
            outbox.write_all(b"the end").await.unwrap();
            assert!(outbox.poll_send(&mut cx).is_pending());
            assert!(outbox.poll_send(&mut cx).is_ready());
            assert_eq!(sent.get(), round);
            assert!(outbox.poll_send(&mut cx).is_ready(), "there is nothing left");
            assert_eq!(sent.get(), round);
        }
    }

    #[tokio::test]
    async fn no_more_waits_than_may() {
        let (ours, mut theirs) = tokio::io::duplex(10);
        let mut outbox = Outbox::new(ours, &Ledger::new(0));
        let mut cx = Context::from_waker(Waker::noop());
        let piece = [7; 1 << 10];
        let mut taken = 0;
        while Pin::new(&mut outbox).poll_write(&mut cx, &piece).is_ready() {
            taken += piece.len();
            assert!(taken <= MOST, "the connection takes ten bytes");
        }
        assert!(taken > MOST - 2 * piece.len() && outbox.poll_send(&mut cx).is_pending());
        let sending = async {
            std::future::poll_fn(|cx| outbox.poll_send(cx)).await.unwrap();
            outbox.shutdown().await.unwrap();
        };
        let mut seen = Vec::new();
        let reading = theirs.read_to_end(&mut seen);
        let ((), read) = tokio::join!(sending, reading);
        assert_eq!(read.unwrap(), taken);
        assert!(seen.iter().all(|byte| *byte == 7));
    }
}
