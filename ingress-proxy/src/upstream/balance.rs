//! What balancing reckons with: draws, the share of an endpoint on its slow start, the moving average of its latency.

use std::cell::Cell;
use std::time::Duration;

/// The weight of an endpoint that takes its full share.
pub(super) const FULL: u32 = 256;
/// The least weight, with which a slow start begins: a tenth. Without any request there is nothing to warm up by.
const LEAST: u64 = 26;
/// How fast the past is forgotten, in seconds.
const DECAY: f64 = 10.0;
/// The latency that a failure counts for at least, or an endpoint that refuses everybody at once would look fast. In seconds.
const FAILURE: f64 = 1.0;

/// Many draws out of one (SplitMix64).
#[derive(Clone, Copy, Debug)]
pub(super) struct Draws(u64);

impl Draws {
    pub(super) fn new(draw: u64) -> Self {
        Self(draw)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// One of the numbers below `count`; 0 if there is none.
    pub(super) fn below(&mut self, count: usize) -> usize {
        scale(self.next(), count)
    }
}

/// Spreads a change of any bit over all bits, one to one.
pub(super) fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Maps 64 bits to the numbers below `count`, without a division.
pub(super) fn scale(bits: u64, count: usize) -> usize {
    let product = u128::from(bits).wrapping_mul(count as u128);
    // The high half of the product is less than `count`.
    (product >> 64) as usize
}

/// The weight of an endpoint whose slow start ends at `full_at`.
pub(super) fn weight(full_at: u64, slow_start: u64, now: u64) -> u32 {
    if now >= full_at {
        return FULL;
    }
    let elapsed = slow_start.saturating_sub(full_at.saturating_sub(now));
    let share = elapsed.saturating_mul(u64::from(FULL)).checked_div(slow_start).unwrap_or(0);
    u32::try_from(share.max(LEAST)).unwrap_or(FULL).min(FULL)
}

/// The moving average of latencies, which rises at once and falls slowly (peak EWMA). None before the first.
#[derive(Debug, Default)]
pub(super) struct Latency {
    /// In seconds.
    average: Cell<Option<f64>>,
    /// When it was true, in milliseconds.
    touched: Cell<u64>,
}

impl Latency {
    /// Begins with what others have.
    pub(super) fn assume(&self, average: f64, now: u64) {
        self.average.set(Some(average));
        self.touched.set(now);
    }

    /// A request was served.
    pub(super) fn observe(&self, latency: Duration, now: u64) {
        let latency = latency.as_secs_f64();
        match self.average.get() {
            Some(average) if latency < average => {
                let elapsed = now.saturating_sub(self.touched.get());
                // The clock ticks seldom: of all requests within one tick the first and the slowest count.
                if elapsed > 0 {
                    self.set(latency + (average - latency) * decay(elapsed), now);
                }
            }
            _ => self.set(latency, now),
        }
    }

    /// A request failed.
    pub(super) fn observe_failure(&self, latency: Duration, now: u64) {
        let least = self.average.get().unwrap_or(0.0).max(FAILURE);
        self.set(latency.as_secs_f64().max(least), now);
    }

    /// Somebody did not want to wait any longer, which says only that it would have taken at least so long.
    pub(super) fn observe_abandoned(&self, latency: Duration, now: u64) {
        let latency = latency.as_secs_f64();
        if self.average.get().is_some_and(|average| latency > average) {
            self.set(latency, now);
        }
    }

    fn set(&self, average: f64, now: u64) {
        self.average.set(Some(average));
        self.touched.set(now);
    }

    /// The average, with the time since the last request counted as if nothing had taken any time: who was slow gets another
    /// chance.
    pub(super) fn average(&self, now: u64) -> Option<f64> {
        let average = self.average.get()?;
        let elapsed = now.saturating_sub(self.touched.get());
        Some(if elapsed == 0 { average } else { average * decay(elapsed) })
    }
}

/// The share of itself that something has left after so many milliseconds.
fn decay(elapsed: u64) -> f64 {
    // `exp` would be all that is used of the C library's mathematics, whose pages are 0.3 of the 12 MiB that an idle proxy may take.
    const STEPS: i32 = 1 << 20;
    let step = elapsed as f64 / (DECAY * 1_000.0) / f64::from(STEPS);
    (1.0 + step).powi(-STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_below_the_count_and_reach_everything() {
        let mut draws = Draws::new(7);
        let mut seen = [0_u32; 5];
        (0..5_000).for_each(|_| seen[draws.below(5)] += 1);
        assert!(seen.iter().all(|count| (850..1_150).contains(count)), "{seen:?}");
        assert_eq!((draws.below(1), draws.below(0)), (0, 0));
        assert_eq!((scale(0, 9), scale(u64::MAX, 9)), (0, 8));
    }

    #[test]
    fn a_slow_start_is_linear_from_a_tenth() {
        let at = |now| weight(11_000, 10_000, now);
        assert_eq!([1_000, 3_500, 6_000, 8_500, 10_990].map(at), [26, 64, 128, 192, 255]);
        assert_eq!([11_000, 99_000].map(at), [FULL, FULL]);
        // The setting became shorter, or was taken away, while it was under way.
        assert_eq!((weight(11_000, 500, 1_000), weight(11_000, 0, 1_000)), (26, 26));
    }

    #[test]
    fn the_average_rises_at_once_and_falls_slowly() {
        let latency = Latency::default();
        assert_eq!(latency.average(0), None);
        let ms = Duration::from_millis;
        latency.observe_abandoned(ms(900), 0);
        assert_eq!(latency.average(0), None);
        latency.observe(ms(100), 1_000);
        latency.observe(ms(500), 1_000);
        latency.observe(ms(100), 1_000);
        assert_eq!(latency.average(1_000), Some(0.5));
        latency.observe(ms(100), 11_000);
        let after = latency.average(11_000).unwrap();
        assert!((after - (0.1 + 0.4 / std::f64::consts::E)).abs() < 1e-6, "{after}");
        assert!(latency.average(31_000).unwrap() < after / 7.0);
        latency.observe_abandoned(ms(100), 31_000);
        assert_eq!(latency.average(11_000), Some(after));
        latency.observe_abandoned(ms(700), 31_000);
        assert_eq!(latency.average(31_000), Some(0.7));
    }

    #[test]
    fn the_past_fades_exponentially() {
        for elapsed in [0, 1, 7, 100, 5_000, 10_000, 60_000, 3_600_000] {
            let (ours, exact) = (decay(elapsed), (-(elapsed as f64) / 10_000.0).exp());
            assert!((ours - exact).abs() < 1e-6, "{elapsed} ms: {ours}, {exact}");
        }
        assert_eq!((decay(0), decay(u64::MAX)), (1.0, 0.0));
    }

    #[test]
    fn a_failure_never_looks_fast() {
        let latency = Latency::default();
        latency.observe_failure(Duration::ZERO, 0);
        assert_eq!(latency.average(0), Some(1.0));
        latency.observe(Duration::from_secs(3), 0);
        latency.observe_failure(Duration::ZERO, 0);
        assert_eq!(latency.average(0), Some(3.0));
    }
}
