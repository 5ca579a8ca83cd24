//! The errors of `h2` in the terms of this crate.

use std::io;

use h2::Reason;

use super::budget::Excess;
use crate::exchange::HeadError;
use crate::message::{BodyError, Rejection};

/// Why a connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ended {
    /// The peer closed it.
    Closed,
    /// There was no stream for too long.
    Idle,
    /// It was told to shut down, or was too old, or had brought enough requests.
    ShutDown,
    /// The client did not begin in time.
    NoPreface,
    /// The endpoint did not answer a PING.
    NoPong,
    /// The peer overstepped a limit of ours.
    Excess(Excess),
    /// One of the two broke the protocol, or a limit of `h2`: then the reason is ENHANCE_YOUR_CALM.
    Protocol(Reason),
    /// The socket failed.
    Io(io::Error),
}

impl From<h2::Error> for Ended {
    fn from(error: h2::Error) -> Self {
        match error.reason() {
            Some(reason) => Self::Protocol(reason),
            None => error.into_io().map_or(Self::Closed, Self::Io),
        }
    }
}

/// For whoever writes.
pub(super) fn io_error(error: h2::Error) -> io::Error {
    if error.reason().is_some() {
        return io::ErrorKind::ConnectionReset.into();
    }
    // What is left is writing to a stream that has ended meanwhile.
    error.into_io().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into())
}

/// For whoever reads a body.
pub(super) fn body_error(error: h2::Error) -> BodyError {
    if error.is_reset() && error.is_library() {
        // What `h2` finds wrong in a stream: a body that is not as long as declared, a field that must not be.
        return BodyError::Malformed(if error.reason() == Some(Reason::FLOW_CONTROL_ERROR) {
            "more than the window"
        } else {
            "length or trailers"
        });
    }
    if error.is_reset() {
        return BodyError::Reset;
    }
    if error.is_io() {
        return BodyError::Io(io_error(error));
    }
    BodyError::Truncated
}

/// For whoever waits for a response.
pub(super) fn head_error(error: h2::Error) -> HeadError {
    // `h2` fails only streams beyond the last that the peer says it looked at, so nothing was done there (RFC 9113 6.8).
    if error.is_remote() && (error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM)) {
        return HeadError::Refused;
    }
    if error.is_reset() && error.is_library() {
        return HeadError::Malformed(Rejection::StartLine);
    }
    HeadError::Io(io_error(error))
}
