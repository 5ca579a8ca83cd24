//! The two sides of an exchange, whatever version of HTTP they speak.

use std::io;
use std::task::{Context, Poll};

use crate::message::{EachField, OutgoingRequest, OutgoingResponse, Rejection, ResponseHead, Sink, Source};

/// The side of an exchange that faces the client: the request's body is read from it, the response is written to it.
pub trait Downstream: Source + Sink {
    /// Takes an interim response (100, 103), to be sent with or before what follows.
    ///
    /// # Errors
    ///
    /// When the client is gone.
    fn interim(&mut self, status: u16, fields: &dyn EachField) -> io::Result<()>;

    /// Takes the head of the response. The body follows through [`Sink`], which ends with
    /// [`poll_finish`](Sink::poll_finish) in any case.
    ///
    /// # Errors
    ///
    /// When the client is gone.
    fn start(&mut self, response: &OutgoingResponse<'_>) -> io::Result<()>;

    /// Agrees to a WebSocket with these fields (`Sec-WebSocket-Accept`, `Sec-WebSocket-Protocol`, ...): 101 in HTTP/1, 200 in
    /// HTTP/2. From then on the body in both directions is the bytes of the tunnel.
    ///
    /// # Errors
    ///
    /// When the client is gone.
    fn switch(&mut self, fields: &dyn EachField) -> io::Result<()>;

    /// Ready when the client has given up waiting for the response.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Lets no other exchange follow on this connection, if it takes one at a time.
    fn close_after(&mut self) {}

    /// Lets no other exchange begin on this connection, however many it takes at a time.
    fn leave(&mut self) {
        self.close_after();
    }

    /// Lets the client fall silent in the middle of its body for as long as it likes, as in calls of gRPC.
    fn may_be_silent(&mut self) {}

    /// Bytes received and sent for this exchange, for the log.
    fn traffic(&self) -> (u64, u64);
}

/// The side of an exchange that faces the endpoint: the request is written to it, the response is read from it.
pub trait Upstream: Source + Sink {
    /// Takes the head of a request.
    ///
    /// # Errors
    ///
    /// [`HeadError::Unsayable`] and [`HeadError::Refused`]; in both cases the endpoint has seen nothing of it.
    fn start(&mut self, request: &OutgoingRequest<'_>) -> Result<(), HeadError>;

    /// Reads the next head of the response, interim or final, and meanwhile sends what was taken. After a final head the
    /// body follows through [`Source`].
    ///
    /// # Errors
    ///
    /// [`HeadError`] if there will be none.
    fn poll_head(&mut self, cx: &mut Context<'_>, head: &mut ResponseHead) -> Poll<Result<(), HeadError>>;

    /// Turns the body in both directions into the bytes of a tunnel, after a 101.
    fn switch(&mut self);
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// The connection failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The endpoint closed the connection without a byte of a response.
    #[error("the endpoint closed the connection")]
    Closed,
    /// The response is malformed.
    #[error("the response is malformed: {0}")]
    Malformed(#[from] Rejection),
    /// The endpoint refused the stream before it did anything (HTTP/2 REFUSED_STREAM or GOAWAY).
    #[error("the endpoint refused the stream")]
    Refused,
    /// The request cannot be said in the version of HTTP that the endpoint speaks.
    #[error("the request cannot be said in this version of HTTP")]
    Unsayable,
    /// Nothing came for too long.
    #[error("nothing came for too long")]
    TimedOut,
}
