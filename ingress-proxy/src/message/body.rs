//! Bodies that are read and written piece by piece, whatever the version of HTTP.

use std::io;
use std::task::{Context, Poll};

use super::Trailers;

/// What is there of a body.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a body goes on or it ends")]
pub enum Fill<'a> {
    /// The next bytes, at least one.
    Data(&'a [u8]),
    /// The body is complete.
    End,
}

/// Why a body cannot be read to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The connection failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The peer closed the connection before the end of the body.
    #[error("the connection ended before the body")]
    Truncated,
    /// Nothing came for too long.
    #[error("nothing came for too long")]
    TimedOut,
    /// Chunks or lengths that are malformed.
    #[error("the framing is malformed: {0}")]
    Malformed(&'static str),
    /// The peer gave the stream up (HTTP/2).
    #[error("the stream was reset")]
    Reset,
}

/// A body that is read.
pub trait Source {
    /// The next bytes. The same are given again until they are consumed.
    ///
    /// # Errors
    ///
    /// [`BodyError`] if the body cannot be read to its end; nothing more can be read then.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Fill<'_>, BodyError>>;

    /// Takes so many of the bytes that [`poll_fill`](Self::poll_fill) gave.
    fn consume(&mut self, amount: usize);

    /// Takes in what has come although nobody wants it yet, if it is cheaper here than where it is.
    fn hoard(&mut self, _: &mut Context<'_>) {}

    /// The trailers that came after the end, if any.
    fn trailers(&mut self) -> Option<Trailers>;

    /// Whether the body has been read to its end.
    fn is_done(&self) -> bool;

    /// Begins anew to wait for the peer, be it for a head or for more of a body: so far it was not its turn. The time runs again
    /// from the next question on.
    fn wait_anew(&mut self);
}

/// A body that is written.
pub trait Sink {
    /// Takes some bytes of the body; at least one unless it is pending. The peer may see them at once or after
    /// [`poll_flush`](Self::poll_flush).
    ///
    /// # Errors
    ///
    /// When the connection failed or the peer gave the stream up.
    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>>;

    /// Sends everything that was taken.
    ///
    /// # Errors
    ///
    /// As [`poll_write`](Self::poll_write).
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Waits until what was taken is out of reach of a body that is given up. Whoever waits has to bound it.
    ///
    /// # Errors
    ///
    /// As [`poll_write`](Self::poll_write).
    fn poll_hand_over(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }

    /// Ends the body and sends everything that was taken. Called until it is ready; `trailers` are those of the first call.
    ///
    /// # Errors
    ///
    /// As [`poll_write`](Self::poll_write).
    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: Option<&Trailers>) -> Poll<io::Result<()>>;
}
