//! How often something may be done: some times at once, then with a gap between them. The clock is the caller's.

use std::time::{Duration, Instant};

/// Says when something may be done next.
#[derive(Clone, Debug)]
pub(crate) struct Rate {
    gap: Duration,
    /// By how much what is done may be ahead of its time.
    ahead: Duration,
    /// When it would be time if nothing were ever done ahead.
    due: Option<Instant>,
}

impl Rate {
    /// Once in each `gap`, or up to `burst` times at once after some quiet.
    pub(crate) fn new(gap: Duration, burst: u32) -> Self {
        Self { gap, ahead: gap * burst.saturating_sub(1), due: None }
    }

    /// When it may be done; it may be now if that is past or none.
    pub(crate) fn ready(&self) -> Option<Instant> {
        self.due.and_then(|due| due.checked_sub(self.ahead))
    }

    /// It has been done.
    pub(crate) fn done(&mut self, now: Instant) {
        self.due = Some(self.due.map_or(now, |due| due.max(now)) + self.gap);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done_within(rate: &mut Rate, time: Duration) -> usize {
        let start = Instant::now();
        let ticks = (0..time.as_millis() as u64).map(|millisecond| start + Duration::from_millis(millisecond));
        let mut done = 0;
        for now in ticks {
            while rate.ready().is_none_or(|ready| ready <= now) {
                rate.done(now);
                done += 1;
            }
        }
        done
    }

    #[test]
    fn a_storm_is_thinned_out() {
        let second = Duration::from_secs(1);
        assert_eq!(done_within(&mut Rate::new(second / 20, 1), second * 10), 200);
        assert_eq!(done_within(&mut Rate::new(second / 5, 20), second * 10), 69);
    }
}
