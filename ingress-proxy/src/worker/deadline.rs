//! Deadlines that most streams never need, and so do not pay for.

use std::task::Context;
use std::time::Duration;

use crate::worker::{Clock, Timer};

/// A deadline that takes a timer when something has to be waited for, not before.
#[derive(Debug)]
pub(super) struct Deadline {
    clock: Clock,
    /// None for no deadline.
    after: Option<Duration>,
    timer: Option<Timer>,
    is_running: bool,
}

impl Deadline {
    pub(super) fn new(clock: &Clock, after: Option<Duration>) -> Self {
        Self { clock: clock.clone(), after, timer: None, is_running: false }
    }

    /// Takes another length, from now on.
    pub(super) fn set_length(&mut self, after: Option<Duration>) {
        self.after = after;
        self.clear();
    }

    /// Begins, unless it has begun. Whether the time is over; if not, the task is woken when it is.
    pub(super) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(after) = self.after else { return false };
        let timer = self.timer.get_or_insert_with(|| self.clock.timer());
        if !self.is_running {
            timer.set(after);
            self.is_running = true;
        }
        timer.is_due(cx)
    }

    /// Ends; the next question begins it anew.
    pub(super) fn clear(&mut self) {
        if self.is_running {
            self.is_running = false;
            if let Some(timer) = &self.timer {
                timer.clear();
            }
        }
    }
}

/// How much must get through before a deadline for it begins anew, so that nobody can hold a stream with one byte at a time.
const STEP: usize = 1 << 10;

/// The deadline of a peer that has to take what is sent. What else the peer does is no reason to wait longer.
#[derive(Debug)]
pub(super) struct Stall {
    deadline: Deadline,
    taken: usize,
}

impl Stall {
    pub(super) fn new(clock: &Clock, after: Option<Duration>) -> Self {
        Self { deadline: Deadline::new(clock, after), taken: 0 }
    }

    /// Takes another length, from now on.
    pub(super) fn set_length(&mut self, after: Option<Duration>) {
        self.deadline.set_length(after);
    }

    /// Nothing can be sent now. Whether that has been so for too long.
    pub(super) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        self.deadline.is_over(cx)
    }

    /// The peer took so many bytes; `all` if that was everything there was.
    pub(super) fn progress(&mut self, amount: usize, all: bool) {
        self.taken = self.taken.saturating_add(amount);
        if all || self.taken >= STEP {
            self.taken = 0;
            self.deadline.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn single_bytes_do_not_move_the_deadline() {
        let clock = Clock::new();
        let mut cx = Context::from_waker(Waker::noop());
        let mut stall = Stall::new(&clock, Some(Duration::ZERO));
        let mut due = |stall: &mut Stall| {
            std::thread::sleep(Duration::from_millis(3));
            clock.tick();
            stall.is_over(&mut cx)
        };
        assert!(!due(&mut stall), "it only begins");
        stall.progress(1, false);
        assert!(due(&mut stall));
        stall.progress(STEP, false);
        assert!(!due(&mut stall), "so much is progress");
        assert!(due(&mut stall));
        stall.progress(1, true);
        assert!(!due(&mut stall), "it had no more than that");
    }

    #[test]
    fn without_a_length_there_is_no_timer() {
        let clock = Clock::new();
        let mut cx = Context::from_waker(Waker::noop());
        let mut deadline = Deadline::new(&clock, None);
        assert!(!deadline.is_over(&mut cx) && deadline.timer.is_none());
    }
}
