//! A TCP connection of which something may have been read already, and that knows how much it has taken.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::net::SendFlags;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// A TCP connection.
#[derive(Debug)]
pub struct Tcp {
    stream: TcpStream,
    /// What was read to find out what is spoken, and is to be read again.
    read: Box<[u8]>,
    taken: u64,
}

impl Tcp {
    /// A connection of which these bytes have been read; nothing, as a rule.
    #[must_use]
    pub fn new(stream: TcpStream, read: Vec<u8>) -> Self {
        Self { stream, read: read.into(), taken: 0 }
    }

    /// The connection itself.
    #[must_use]
    pub fn get_ref(&self) -> &TcpStream {
        &self.stream
    }

    /// How many bytes the system has taken. It is how TLS tells that the peer takes something: what it holds itself it does not
    /// say.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(amount)) = written {
            self.taken = self.taken.saturating_add(amount as u64);
        }
        written
    }

    /// Gives what was read before.
    #[cold]
    fn read_again(&mut self, buf: &mut ReadBuf<'_>) {
        let (given, rest) = self.read.split_at(self.read.len().min(buf.remaining()));
        buf.put_slice(given);
        self.read = rest.into();
    }
}

impl From<TcpStream> for Tcp {
    fn from(stream: TcpStream) -> Self {
        Self::new(stream, Vec::new())
    }
}

impl AsyncRead for Tcp {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.read.is_empty() {
            this.read_again(buf);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // There is nearly always room. Who has to wait says so in the usual way. The system is asked without the C library, whose
        // calls prepare for a thread being cancelled.
        let send = || Ok(rustix::net::send(&this.stream, data, SendFlags::NOSIGNAL)?);
        let written = match this.stream.try_io(Interest::WRITABLE, send) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Pin::new(&mut this.stream).poll_write(cx, data),
            done => Poll::Ready(done),
        };
        this.wrote(written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = match this.stream.try_write_vectored(bufs) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Pin::new(&mut this.stream).poll_write_vectored(cx, bufs)
            }
            done => Poll::Ready(done),
        };
        this.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
