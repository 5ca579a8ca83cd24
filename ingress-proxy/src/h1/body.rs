//! Bodies: where they end, and which of the bytes are data (RFC 9112 6 and 7).

use memchr::memchr;

use super::chunk;
use super::field_lines::{self, Underscores};
use super::section::Section;
use crate::message::{BodyError, Fields, Framing, Known, Rejection, Trailers, must_not_trail};

/// The most bytes that all chunk extensions of a body may have; nobody needs any.
const MAX_EXTENSIONS: usize = 256;
/// The most bytes and fields of trailers.
const MAX_TRAILERS: usize = 8 << 10;
const MAX_TRAILER_FIELDS: usize = 32;

/// What to do next with the bytes that have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever reads a body has to know all of them")]
pub enum Step {
    /// So many bytes at the beginning are framing: drop them and ask again.
    Skip(usize),
    /// So many bytes at the beginning are data, at least one. What of it is used is to be told with [`Decoder::take`].
    Data(usize),
    /// More bytes are needed behind these.
    More,
    /// The body is complete. Bytes that are there belong to what follows.
    End,
}

/// Reads one body.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    /// How many bytes of chunk extensions may still come.
    extensions: usize,
    trailers: Option<Trailers>,
    /// Whether what no trailer may have is left out and the rest is as good; else it makes the body malformed.
    is_lenient: bool,
}

#[derive(Debug)]
enum State {
    /// So many bytes of a body with a length are still to come, at least one.
    Length(u64),
    UntilClose,
    /// Before the size of a chunk.
    Size,
    /// So many bytes of a chunk are still to come, at least one.
    Chunk(u64),
    /// Behind the data of a chunk.
    ChunkEnd,
    /// Behind the last chunk.
    Trailers(Section),
    Done,
}

impl Decoder {
    /// A body that is delimited in one of the ways of HTTP/1.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Length(length) => counted(length, State::Length, State::Done),
            Framing::Chunked => State::Size,
            Framing::UntilClose => State::UntilClose,
            // No head of HTTP/1 says `Stream`.
            Framing::Empty | Framing::Stream(_) => State::Done,
        };
        Self { state, extensions: MAX_EXTENSIONS, trailers: None, is_lenient: false }
    }

    /// The same of an endpoint, whose trailers are taken without those that no trailer may have (RFC 9110 6.5.1).
    #[must_use]
    pub fn of_endpoint(framing: Framing) -> Self {
        Self { is_lenient: true, ..Self::new(framing) }
    }

    /// What is at the beginning of `input`. Nothing is held back: the same bytes have to be there again with more behind them
    /// after [`Step::More`].
    ///
    /// # Errors
    ///
    /// [`BodyError::Malformed`]; where the body ends cannot be known then.
    pub fn step(&mut self, input: &[u8]) -> Result<Step, BodyError> {
        match &mut self.state {
            State::Done => Ok(Step::End),
            _ if input.is_empty() => Ok(Step::More),
            State::UntilClose => Ok(Step::Data(input.len())),
            State::Length(left) | State::Chunk(left) => {
                Ok(Step::Data(usize::try_from(*left).unwrap_or(usize::MAX).min(input.len())))
            }
            State::ChunkEnd => match input {
                b"\r" => Ok(Step::More),
                [b'\r', b'\n', ..] => {
                    self.state = State::Size;
                    Ok(Step::Skip(2))
                }
                _ => Err(BodyError::Malformed("a chunk is longer than its size")),
            },
            State::Size => self.size(input),
            State::Trailers(section) => match section.end(input, MAX_TRAILERS) {
                Ok(None) => Ok(Step::More),
                Ok(Some(length)) => {
                    self.trailers = trailers(input.get(..length).unwrap_or_default(), self.is_lenient)?;
                    self.state = State::Done;
                    Ok(Step::Skip(length))
                }
                Err(rejection) => Err(malformed(rejection)),
            },
        }
    }

    fn size(&mut self, input: &[u8]) -> Result<Step, BodyError> {
        let limit = chunk::MAX_DIGITS + self.extensions + 2;
        let window = input.get(..limit).unwrap_or(input);
        let Some(feed) = memchr(b'\n', window) else {
            return if input.len() < limit {
                Ok(Step::More)
            } else {
                Err(BodyError::Malformed("a chunk size line that is too long"))
            };
        };
        let Some([line @ .., b'\r']) = window.get(..feed) else {
            return Err(BodyError::Malformed("a chunk size line that does not end in CR LF"));
        };
        let (size, extensions) = chunk::size(line).map_err(BodyError::Malformed)?;
        self.extensions = self.extensions.checked_sub(extensions).ok_or(BodyError::Malformed("chunk extensions"))?;
        self.state = counted(size, State::Chunk, State::Trailers(Section::default()));
        Ok(Step::Skip(feed + 1))
    }

    /// Says that so many of the bytes of [`Step::Data`] were used.
    pub fn take(&mut self, amount: usize) {
        let amount = u64::try_from(amount).unwrap_or(u64::MAX);
        match self.state {
            State::Length(left) => self.state = counted(left.saturating_sub(amount), State::Length, State::Done),
            State::Chunk(left) => self.state = counted(left.saturating_sub(amount), State::Chunk, State::ChunkEnd),
            _ => {}
        }
    }

    /// Says that the peer has closed the connection and that all bytes have been used.
    ///
    /// # Errors
    ///
    /// [`BodyError::Truncated`] if the body was not complete.
    pub fn eof(&mut self) -> Result<(), BodyError> {
        match self.state {
            State::UntilClose => {
                self.state = State::Done;
                Ok(())
            }
            State::Done => Ok(()),
            _ => Err(BodyError::Truncated),
        }
    }

    /// How much is still to come, where that is known.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        match self.state {
            State::Length(left) => Some(left),
            State::Done => Some(0),
            _ => None,
        }
    }

    /// Whether the body is complete and nothing of it is left in the input.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// The trailers, after the end, if there were any.
    pub fn trailers(&mut self) -> Option<Trailers> {
        self.trailers.take()
    }
}

fn counted(left: u64, more: impl FnOnce(u64) -> State, end: State) -> State {
    if left == 0 { end } else { more(left) }
}

fn trailers(lines: &[u8], is_lenient: bool) -> Result<Option<Trailers>, BodyError> {
    if lines == b"\r\n" {
        return Ok(None);
    }
    let mut fields = Fields::default();
    field_lines::read(lines, MAX_TRAILER_FIELDS, Underscores::Keep, &mut fields, |_, _| Ok(())).map_err(malformed)?;
    if !is_lenient && fields.iter().any(|(_, name, _)| must_not_trail(name)) {
        return Err(BodyError::Malformed("a trailer field that no trailer may have"));
    }
    // The request has its identifier in the head.
    fields.remove_if(|_, name, _| must_not_trail(name) || Known::of_any_spelling(name) == Known::XRequestId);
    Ok((!fields.is_empty()).then_some(Trailers { fields }))
}

fn malformed(rejection: Rejection) -> BodyError {
    BodyError::Malformed(rejection.as_str())
}

#[cfg(test)]
mod tests;
