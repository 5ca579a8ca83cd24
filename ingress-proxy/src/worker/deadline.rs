//! Deadlines that most connections and streams never need, and so do not pay for, and what counts as progress before them.

use std::task::Context;
use std::time::Duration;

use super::clock::millis;
use super::{Clock, Timer};

/// A deadline that takes a timer when something has to be waited for, not before.
#[derive(Debug)]
pub(crate) struct Deadline {
    clock: Clock,
    /// None for no deadline.
    after: Option<Duration>,
    timer: Option<Timer>,
    is_running: bool,
}

impl Deadline {
    pub(crate) fn new(clock: &Clock, after: Option<Duration>) -> Self {
        Self { clock: clock.clone(), after, timer: None, is_running: false }
    }

    /// Takes another length, from now on.
    pub(crate) fn set_length(&mut self, after: Option<Duration>) {
        self.after = after;
        self.clear();
    }

    /// Begins, unless it has begun. Whether the time is over; if not, the task is woken when it is.
    pub(crate) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(after) = self.after else { return false };
        let timer = self.timer.get_or_insert_with(|| self.clock.timer());
        if !self.is_running {
            timer.set(after);
            self.is_running = true;
        }
        timer.is_due(cx)
    }

    /// Ends; the next question begins it anew.
    pub(crate) fn clear(&mut self) {
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
pub(crate) struct Stall {
    deadline: Deadline,
    taken: usize,
}

impl Stall {
    pub(crate) fn new(clock: &Clock, after: Option<Duration>) -> Self {
        Self { deadline: Deadline::new(clock, after), taken: 0 }
    }

    /// Takes another length, from now on.
    pub(crate) fn set_length(&mut self, after: Option<Duration>) {
        self.deadline.set_length(after);
    }

    /// Nothing can be sent now. Whether that has been so for too long.
    pub(crate) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        self.deadline.is_over(cx)
    }

    /// The peer took so many bytes; `all` if that was everything there was.
    pub(crate) fn progress(&mut self, amount: usize, all: bool) {
        self.taken = self.taken.saturating_add(amount);
        if all || self.taken >= STEP {
            self.taken = 0;
            self.deadline.clear();
        }
    }
}

/// The time that a peer may be waited for while it brings something. What comes gives it more time, a millisecond for a byte,
/// but never more than it had at first: it may fall silent for that long, and has to be as fast as 1 kB/s apart from that.
#[derive(Debug)]
pub(crate) struct Pace {
    clock: Clock,
    timer: Option<Timer>,
    /// Milliseconds at first, and those that are left.
    most: u64,
    left: u64,
    /// Since when something has been waited for.
    since: Option<u64>,
}

impl Pace {
    pub(crate) fn new(clock: &Clock, most: Duration) -> Self {
        let most = millis(most);
        Self { clock: clock.clone(), timer: None, most, left: most, since: None }
    }

    /// Takes another length, from now on.
    pub(crate) fn set_length(&mut self, most: Duration) {
        self.most = millis(most);
        self.start_over();
    }

    /// Nothing has come. Whether the time is over; if not, the task is woken when it is.
    pub(crate) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        if self.left == 0 {
            return true;
        }
        let timer = self.timer.get_or_insert_with(|| self.clock.timer());
        if self.since.is_none() {
            self.since = Some(self.clock.now());
            timer.set_millis(self.left);
        }
        timer.is_due(cx)
    }

    /// So many bytes have come.
    pub(crate) fn progress(&mut self, bytes: usize) {
        let waited = self.stop().map_or(0, |since| self.clock.now().saturating_sub(since));
        let earned = u64::try_from(bytes).unwrap_or(u64::MAX);
        // First what has come: a deadline is not kept to the millisecond, and nobody shall live on that.
        self.left = self.left.saturating_add(earned).saturating_sub(waited).min(self.most);
    }

    /// All time is there again, whatever has come.
    pub(crate) fn start_over(&mut self) {
        self.stop();
        self.left = self.most;
    }

    fn stop(&mut self) -> Option<u64> {
        let since = self.since.take()?;
        if let Some(timer) = &self.timer {
            timer.clear();
        }
        Some(since)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// So many milliseconds pass.
    fn pass(clock: &Clock, millis: u64) {
        for _ in 0..millis / 50 {
            clock.advance(50);
        }
    }

    #[test]
    fn a_body_keeps_its_pace_or_comes_to_its_end() {
        let clock = Clock::new();
        let mut cx = Context::from_waker(Waker::noop());
        // How many seconds somebody lives who brings so many bytes each.
        let mut lives = |bytes: usize, is_forgiven: bool| {
            let mut pace = Pace::new(&clock, Duration::from_secs(10));
            (0..100).find(|_| {
                let is_over = pace.is_over(&mut cx);
                pass(&clock, 1_000);
                if pace.is_over(&mut cx) || is_over {
                    return true;
                }
                if is_forgiven {
                    pace.start_over()
                } else {
                    pace.progress(bytes)
                }
                false
            })
        };
        assert_eq!(lives(1, false), Some(10), "single bytes are nothing");
        assert_eq!(lives(500, false), Some(19), "half of what is asked for is twice as long");
        assert_eq!(lives(1_000, false), None, "slow is good enough");
        assert_eq!(lives(0, true), None, "any byte may count for all");
    }

    #[test]
    fn silence_is_forgiven_once_it_is_made_up_for() {
        let clock = Clock::new();
        let mut cx = Context::from_waker(Waker::noop());
        let mut pace = Pace::new(&clock, Duration::from_secs(10));
        for silence in [9, 9, 8] {
            assert!(!pace.is_over(&mut cx));
            pass(&clock, silence * 1_000);
            assert!(!pace.is_over(&mut cx), "{silence}");
            pace.progress(1 << 20);
            // Nobody waits for the peer: the time is not its own.
            pass(&clock, 60_000);
        }
        // However much came, it is not saved up.
        assert!(!pace.is_over(&mut cx));
        pass(&clock, 11_000);
        assert!(pace.is_over(&mut cx));
    }

    #[test]
    fn single_bytes_do_not_move_the_deadline() {
        let clock = Clock::new();
        let mut cx = Context::from_waker(Waker::noop());
        let mut stall = Stall::new(&clock, Some(Duration::ZERO));
        let mut due = |stall: &mut Stall| {
            pass(&clock, 100);
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
