//! How long to wait before something is tried again: longer each time, and never as long as everybody else.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::reach::Reach;
use super::{Failure, Reason, Timing};

/// The pauses of one watch.
#[derive(Debug)]
pub(crate) struct Pause {
    timing: Timing,
    next: Duration,
    /// Two watches that fail at once must not go on at once.
    random: RandomState,
    turn: u64,
}

impl Pause {
    pub(crate) fn new(timing: Timing) -> Self {
        Self { timing, next: timing.first_pause, random: RandomState::new(), turn: 0 }
    }

    /// Begins with short pauses again.
    pub(crate) fn reset(&mut self) {
        self.next = self.timing.first_pause;
    }

    /// Waits before the next attempt.
    pub(crate) async fn wait(&mut self, failure: Option<&Failure>, reach: &mut Reach) {
        let pause = self.take(failure);
        match failure {
            Some(Failure { reason: Reason::Unreachable, .. }) => {
                // Whether somebody else gets through in the meantime is all that matters.
                let _ = tokio::time::timeout(pause, reach.wait()).await;
            }
            _ => tokio::time::sleep(pause).await,
        }
    }

    /// How long to wait before the next attempt.
    pub(crate) fn take(&mut self, failure: Option<&Failure>) -> Duration {
        let longest = match failure.map(|failure| failure.reason) {
            Some(Reason::Unreachable) => self.timing.longest_pause_unreachable,
            // It says itself how long it wants to be left alone, and is there for others: several attempts may be needed.
            Some(Reason::Busy) => self.timing.longest_pause_unreachable / 2,
            _ => self.timing.longest_pause,
        };
        let pause = self.next.min(longest);
        self.next = (pause * 2).min(self.timing.longest_pause);
        self.turn += 1;
        // Between three quarters and the whole of it.
        let random = u32::try_from(self.random.hash_one(self.turn) % 1_000).unwrap_or_default();
        let pause = pause * 3 / 4 + pause / 4 * random / 1_000;
        let asked = failure.and_then(|failure| failure.retry_after).unwrap_or_default();
        pause.max(asked.min(self.timing.longest_pause * 4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(reason: Reason) -> Failure {
        Failure::new(reason, "x")
    }

    #[test]
    fn pauses_grow_up_to_a_limit_and_differ() {
        let mut pause = Pause::new(Timing::default());
        let forbidden = failure(Reason::Forbidden);
        let seconds: Vec<f32> = (0..10).map(|_| pause.take(Some(&forbidden)).as_secs_f32()).collect();
        assert!((0.375..=0.5).contains(&seconds[0]), "{seconds:?}");
        assert!((22.5..=30.0).contains(&seconds[9]), "{seconds:?}");
        assert_ne!(seconds[8], seconds[9]);
        pause.reset();
        assert!(pause.take(None).as_secs_f32() <= 0.5);
    }

    #[test]
    fn a_server_that_is_away_or_busy_is_tried_more_often() {
        for reason in [Reason::Unreachable, Reason::Busy] {
            let mut pause = Pause::new(Timing::default());
            let longest = (0..10).map(|_| pause.take(Some(&failure(reason)))).max().unwrap();
            assert!(longest <= Duration::from_secs(8), "{reason}");
        }
    }

    #[test]
    fn a_server_that_says_when_is_believed_within_reason() {
        let mut pause = Pause::new(Timing::default());
        let busy = |seconds| Failure { retry_after: Some(Duration::from_secs(seconds)), ..failure(Reason::Busy) };
        assert_eq!(pause.take(Some(&busy(7))), Duration::from_secs(7));
        assert_eq!(pause.take(Some(&busy(1_000_000))), Duration::from_secs(120));
    }
}
