//! A body on its way from one side to the other.

use std::task::{Context, Poll, ready};

use crate::message::{BodyError, Fill, Sink, Source, Trailers};

/// One body that is copied piece by piece; nothing is kept that the other side does not take.
#[derive(Debug, Default)]
pub(super) struct Flow {
    state: State,
    /// Bytes copied.
    pub(super) bytes: u64,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Copying,
    Finishing(Option<Trailers>),
    Done,
}

/// Why a body did not get through.
#[derive(Debug)]
pub(super) enum FlowError {
    /// It could not be read.
    Source(BodyError),
    /// It could not be written.
    Sink,
    /// It is longer than allowed.
    TooLong,
}

impl Flow {
    /// Copies as much as can be. Ready when everything has been taken, the end included.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut impl Source,
        to: &mut impl Sink,
        limit: Option<u64>,
    ) -> Poll<Result<(), FlowError>> {
        loop {
            match &self.state {
                State::Copying => match from.poll_fill(cx) {
                    Poll::Ready(Ok(Fill::Data(data))) => {
                        if limit.is_some_and(|limit| self.bytes.saturating_add(data.len() as u64) > limit) {
                            return Poll::Ready(Err(FlowError::TooLong));
                        }
                        let amount = ready!(to.poll_write(cx, data)).map_err(|_| FlowError::Sink)?;
                        from.consume(amount);
                        self.bytes = self.bytes.saturating_add(amount as u64);
                    }
                    Poll::Ready(Ok(Fill::End)) => self.state = State::Finishing(from.trailers()),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(FlowError::Source(error))),
                    Poll::Pending => {
                        // Whoever waits for the next piece should have seen this one.
                        if let Poll::Ready(Err(_)) = to.poll_flush(cx) {
                            return Poll::Ready(Err(FlowError::Sink));
                        }
                        return Poll::Pending;
                    }
                },
                State::Finishing(trailers) => {
                    ready!(to.poll_finish(cx, trailers.as_ref())).map_err(|_| FlowError::Sink)?;
                    self.state = State::Done;
                }
                State::Done => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Whether it has got through.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }
}
