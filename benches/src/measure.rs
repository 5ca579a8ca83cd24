//! Time, and the numbers made of it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::keys::Probes;
use crate::matcher::Matcher;

/// Passes that a median is taken of.
pub const PASSES: usize = 9;

/// How long something takes, and what it gives.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = black_box(work());
    (value, start.elapsed())
}

/// The value in the middle; zero of no values.
#[must_use]
pub fn median(mut values: Vec<Duration>) -> Duration {
    values.sort();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Nanoseconds per lookup of each matcher: the median of [`PASSES`] passes, which the matchers take in turn so that noise
/// meets all of them alike. A pass that is not timed goes before each that is.
#[must_use]
pub fn in_turn(matchers: &[&dyn Matcher], probes: &Probes<'_>) -> Vec<f64> {
    let mut passes = vec![Vec::with_capacity(PASSES); matchers.len()];
    for _ in 0..PASSES {
        for (matcher, times) in matchers.iter().zip(&mut passes) {
            matcher.sweep(probes);
            times.push(timed(|| matcher.sweep(probes)).1);
        }
    }
    passes.into_iter().map(|times| per_lookup(median(times), probes.pairs.len())).collect()
}

/// Nanoseconds per lookup.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a count of lookups is far below 2^53")]
pub fn per_lookup(time: Duration, lookups: usize) -> f64 {
    time.as_secs_f64() * 1e9 / lookups as f64
}

/// Milliseconds.
#[must_use]
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Bytes per route.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
pub fn per_route(bytes: usize, routes: usize) -> f64 {
    bytes as f64 / routes as f64
}
