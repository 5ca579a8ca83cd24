//! When to compile: at once after some quiet, then at most so often. The clock is the caller's.

use std::time::{Duration, Instant};

/// Says when something that was asked for is due.
///
/// ```
/// use std::time::{Duration, Instant};
/// use ingress_kube::debounce::Debounce;
///
/// let (mut debounce, now) = (Debounce::new(Duration::from_millis(100)), Instant::now());
/// assert_eq!(debounce.due(), None);
/// debounce.ask(now);
/// assert_eq!(debounce.due(), Some(now), "the first change counts at once");
/// debounce.done(now);
/// debounce.ask(now);
/// assert_eq!(debounce.due(), Some(now + Duration::from_millis(100)), "those that follow wait together");
/// ```
#[derive(Clone, Debug)]
pub struct Debounce {
    gap: Duration,
    last: Option<Instant>,
    asked: Option<Instant>,
}

impl Debounce {
    /// At most once in each `gap`.
    #[must_use]
    pub fn new(gap: Duration) -> Self {
        Self { gap, last: None, asked: None }
    }

    /// Something changed.
    pub fn ask(&mut self, now: Instant) {
        self.asked.get_or_insert(now);
    }

    /// When it is to be done, if there is anything to do.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let asked = self.asked?;
        Some(self.last.map_or(asked, |last| asked.max(last + self.gap)))
    }

    /// It has been done, with everything that had changed by `now`.
    pub fn done(&mut self, now: Instant) {
        self.asked = None;
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_done_ten_times_a_second() {
        let start = Instant::now();
        let mut debounce = Debounce::new(Duration::from_millis(100));
        let mut done = 0;
        for millisecond in 0..60_000 {
            let now = start + Duration::from_millis(millisecond);
            debounce.ask(now);
            if debounce.due().is_some_and(|due| due <= now) {
                debounce.done(now);
                done += 1;
            }
        }
        assert_eq!(done, 600);
    }

    #[test]
    fn nothing_waits_longer_than_the_gap() {
        let start = Instant::now();
        let mut debounce = Debounce::new(Duration::from_millis(100));
        debounce.done(start);
        for wait in [1, 50, 99, 100, 5_000] {
            let now = start + Duration::from_millis(wait);
            debounce.asked = None;
            debounce.ask(now);
            let due = debounce.due().unwrap();
            assert!(due >= now && due <= now.max(start + Duration::from_millis(100)), "{wait}");
        }
    }
}
