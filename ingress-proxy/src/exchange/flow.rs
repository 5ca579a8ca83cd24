//! A body on its way from one side to the other.

use std::io;
use std::task::{Context, Poll, ready};

use ingress_core::policy::Filters;

use crate::message::{BodyError, Fields, Fill, Sink, Source, Trailers};

/// One body that is copied piece by piece; nothing is kept that the other side does not take.
#[derive(Debug, Default)]
pub(super) struct Flow {
    state: State,
    /// Bytes copied.
    pub(super) bytes: u64,
    /// Whether it is whoever sends the body who is waited for.
    pub(super) is_starved: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Copying,
    Finishing(Option<Trailers>),
    /// With the trailers, which can be had only once.
    Done(Option<Trailers>),
}

/// What does not get through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Terms<'a> {
    /// More than so many bytes.
    pub(super) limit: Option<u64>,
    /// Trailers of these names: recipients that merge trailers into the head would have them beside ours.
    pub(super) set: Option<&'a Fields>,
    /// Headers of the client that the endpoint does not get, be they trailers.
    pub(super) empties: Option<&'a Filters>,
    /// Headers of the endpoint that the client does not get.
    pub(super) hides: Option<&'a Filters>,
    /// Trailers with an underscore in their name, which would be taken for others.
    pub(super) drops_underscores: bool,
}

impl Terms<'_> {
    fn apply(&self, trailers: &mut Trailers) {
        let is_set =
            |name: &[u8]| self.set.is_some_and(|set| set.iter().any(|(_, own, _)| own.eq_ignore_ascii_case(name)));
        let is_hidden = |name: &[u8]| {
            let is_this = |hidden: &str| hidden.as_bytes().eq_ignore_ascii_case(name);
            self.hides.is_some_and(|filters| filters.response.hidden().any(is_this))
        };
        let is_dropped = |name: &[u8]| {
            self.drops_underscores && name.contains(&b'_')
                || self.empties.is_some_and(|filters| filters.upstream.empties(name))
        };
        trailers.fields.remove_if(|_, name, _| is_dropped(name) || is_set(name) || is_hidden(name));
    }
}

/// Why a body did not get through.
#[derive(Debug)]
pub(super) enum FlowError {
    /// It could not be read.
    Source(BodyError),
    /// It could not be written.
    Sink(io::Error),
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
        terms: &Terms<'_>,
    ) -> Poll<Result<(), FlowError>> {
        self.is_starved = false;
        loop {
            match &mut self.state {
                State::Copying => match from.poll_fill(cx) {
                    Poll::Ready(Ok(Fill::Data(data))) => {
                        if terms.limit.is_some_and(|limit| self.bytes.saturating_add(data.len() as u64) > limit) {
                            return Poll::Ready(Err(FlowError::TooLong));
                        }
                        let Poll::Ready(written) = to.poll_write(cx, data) else {
                            from.hoard(cx);
                            return Poll::Pending;
                        };
                        let amount = written.map_err(FlowError::Sink)?;
                        from.consume(amount);
                        self.bytes = self.bytes.saturating_add(amount as u64);
                    }
                    Poll::Ready(Ok(Fill::End)) => {
                        let mut trailers = from.trailers();
                        if let Some(trailers) = &mut trailers {
                            terms.apply(trailers);
                        }
                        self.state = State::Finishing(trailers);
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(FlowError::Source(error))),
                    Poll::Pending => {
                        // Whoever waits for the next piece should have seen this one.
                        if let Poll::Ready(Err(error)) = to.poll_flush(cx) {
                            return Poll::Ready(Err(FlowError::Sink(error)));
                        }
                        self.is_starved = true;
                        return Poll::Pending;
                    }
                },
                State::Finishing(trailers) => {
                    ready!(to.poll_finish(cx, trailers.as_ref())).map_err(FlowError::Sink)?;
                    self.state = State::Done(trailers.take());
                }
                State::Done(_) => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Whether it has got through.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done(_))
    }

    /// The same to somebody else; of a body of which nothing has been copied.
    pub(super) fn anew(&mut self) -> Self {
        let state = match std::mem::take(&mut self.state) {
            State::Copying => State::Copying,
            State::Finishing(trailers) | State::Done(trailers) => State::Finishing(trailers),
        };
        Self { state, ..Self::default() }
    }
}
