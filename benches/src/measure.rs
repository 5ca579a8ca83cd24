//! Time, and the numbers made of it.
//!
//! The machine may be busy with other things, so lookups are timed in batches that are shorter than a time slice, and long
//! work by the time that the thread was given a core.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::keys::Probes;
use crate::matcher::Matcher;

/// Passes that a median is taken of.
pub const PASSES: usize = 9;

/// The time on a core is counted in ticks of some milliseconds, so it says nothing of shorter work.
const TICKS: Duration = Duration::from_millis(50);

/// How long something takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Taken {
    /// The time that this thread spent on a core; that which passed where the system does not say, or not exactly enough.
    pub core: Duration,
    /// The time that passed.
    pub wall: Duration,
}

/// How long something takes, and what it gives.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Taken) {
    let (before, start) = (core_time(), Instant::now());
    let value = black_box(work());
    let wall = start.elapsed();
    let core = before.zip(core_time()).map(|(before, after)| after.saturating_sub(before));
    let core = core.filter(|_| wall > TICKS).unwrap_or(wall);
    (value, Taken { core, wall })
}

/// The time that this thread has spent on a core, on Linux.
fn core_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?))
}

/// The value in the middle; nothing took no time.
pub fn median<T: Ord + Copy + Default>(values: &mut [T]) -> T {
    values.sort();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Nanoseconds per lookup of each matcher. The matchers take turns, so that noise meets all of them alike; a pass that is not
/// timed goes before each of the [`PASSES`] that are. Of each batch the median of the passes counts.
#[must_use]
pub fn in_turn(matchers: &[&dyn Matcher], probes: &[Probes<'_>]) -> Vec<f64> {
    let mut times = vec![vec![Vec::with_capacity(PASSES); probes.len()]; matchers.len()];
    for _ in 0..PASSES {
        for (matcher, times) in matchers.iter().zip(&mut times) {
            for batch in probes {
                matcher.sweep(batch);
            }
            for (batch, times) in probes.iter().zip(times) {
                let start = Instant::now();
                matcher.sweep(batch);
                times.push(start.elapsed());
            }
        }
    }
    let lookups = probes.iter().map(|batch| batch.pairs.len()).sum();
    let total = |mut batches: Vec<Vec<Duration>>| batches.iter_mut().map(|times| median(times)).sum();
    times.into_iter().map(|batches| per_lookup(total(batches), lookups)).collect()
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
