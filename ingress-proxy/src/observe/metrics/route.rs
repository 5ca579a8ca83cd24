//! What is counted for each request of a route, on one worker.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use super::histogram::{Sizes, Times, Total, is_lowest_time, slot_of_size, slot_of_time};
use super::labels::{Method, Outcome};
use super::number::{Chain, Counter};

/// One request that is done.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants; build it with `..Default::default()`")]
pub struct Sample {
    /// The method.
    pub method: Method,
    /// The status that the client got; 499 if it left before.
    pub status: u16,
    /// From the first byte of the request to the last of the response.
    pub duration_us: u64,
    /// Until there was a connection to the endpoint; 0 if there was one before; none if none was needed.
    pub connect_us: Option<u64>,
    /// From asking the endpoint to the head of its response.
    pub header_us: Option<u64>,
    /// From asking the endpoint to the end of its response.
    pub upstream_us: Option<u64>,
    /// The request with its head.
    pub request_bytes: u64,
    /// The response with its head.
    pub response_bytes: u64,
}

/// The figures of one route on one worker.
#[derive(Debug, Default)]
pub struct RouteMetrics {
    pub(super) series: Chain<Outcome, Series>,
    /// Whether nobody reads these figures any more, because no table has the route.
    is_gone: AtomicBool,
}

/// The figures of one method and status.
///
/// With many routes, what a request costs here is the cache lines and pages that it writes to. Most requests of a route are alike: so of each
/// histogram one bucket is here, and there is memory for the others when one is needed.
#[derive(Debug, Default)]
pub(super) struct Series {
    /// The lowest bucket of times.
    times: [Bucket; Self::TIMES],
    /// The bucket of sizes that was met first.
    sizes: [Bucket; Self::SIZES],
    /// Which these are, counted from 1; 0 where nothing was observed yet.
    slots: [AtomicU8; Self::SIZES],
    others: OnceLock<Box<Others>>,
}

/// Values of one slot, and their sum.
#[derive(Debug, Default)]
struct Bucket {
    count: Counter,
    sum: Counter,
}

/// What is in other buckets.
#[derive(Debug, Default)]
struct Others {
    times: [Times; Series::TIMES],
    sizes: [Sizes; Series::SIZES],
}

impl RouteMetrics {
    /// Whether nobody reads these figures any more, because no table has had the route for a while.
    #[inline]
    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    /// Says that these figures are not read any more.
    pub(super) fn retire(&self) {
        self.is_gone.store(true, Ordering::Relaxed);
    }

    /// Counts a request.
    #[inline]
    pub fn record(&self, sample: &Sample) {
        let outcome = Outcome::new(sample.method, sample.status);
        match self.series.first(outcome) {
            Some(series) => series.record(sample),
            None => self.record_other(outcome, sample),
        }
    }

    #[cold]
    #[inline(never)]
    fn record_other(&self, outcome: Outcome, sample: &Sample) {
        self.series.get(outcome).record(sample);
    }
}

impl Series {
    pub(super) const DURATION: usize = 0;
    pub(super) const CONNECT: usize = 1;
    pub(super) const HEADER: usize = 2;
    pub(super) const UPSTREAM: usize = 3;
    const TIMES: usize = 4;
    pub(super) const REQUEST: usize = 0;
    pub(super) const RESPONSE: usize = 1;
    const SIZES: usize = 2;

    #[inline]
    fn record(&self, sample: &Sample) {
        self.time(Self::DURATION, sample.duration_us);
        if let Some(connect) = sample.connect_us {
            self.time(Self::CONNECT, connect);
        }
        if let Some(header) = sample.header_us {
            self.time(Self::HEADER, header);
        }
        if let Some(upstream) = sample.upstream_us {
            self.time(Self::UPSTREAM, upstream);
        }
        self.size(Self::REQUEST, sample.request_bytes);
        self.size(Self::RESPONSE, sample.response_bytes);
    }

    #[inline]
    fn time(&self, which: usize, microseconds: u64) {
        match self.times.get(which) {
            Some(bucket) if is_lowest_time(microseconds) => bucket.observe(microseconds),
            _ => self.other_time(which, microseconds),
        }
    }

    #[inline(never)]
    fn other_time(&self, which: usize, microseconds: u64) {
        if let Some(times) = self.others.get_or_init(Box::default).times.get(which) {
            times.observe(slot_of_time(microseconds), microseconds);
        }
    }

    #[inline]
    fn size(&self, which: usize, bytes: u64) {
        let slot = slot_of_size(bytes);
        match self.sizes.get(which) {
            Some(bucket) if self.slot_met_first(which) == Some(slot) => bucket.observe(bytes),
            _ => self.other_size(which, slot, bytes),
        }
    }

    #[inline(never)]
    fn other_size(&self, which: usize, slot: usize, bytes: u64) {
        if self.slot_met_first(which).is_none()
            && let (Some(bucket), Some(met_first)) = (self.sizes.get(which), self.slots.get(which))
            && let Ok(number) = u8::try_from(slot + 1)
        {
            bucket.observe(bytes);
            // Whoever sees the number sees what was observed.
            met_first.store(number, Ordering::Release);
        } else if let Some(sizes) = self.others.get_or_init(Box::default).sizes.get(which) {
            sizes.observe(slot, bytes);
        }
    }

    #[inline]
    fn slot_met_first(&self, which: usize) -> Option<usize> {
        usize::from(self.slots.get(which)?.load(Ordering::Acquire)).checked_sub(1)
    }

    /// Adds one of the times to a total.
    pub(super) fn add_time(&self, which: usize, total: &mut Total<{ Times::SLOTS }>) {
        if let Some(Bucket { count, sum }) = self.times.get(which) {
            total.add_to_slot(0, count.get(), sum.get());
        }
        if let Some(others) = self.others.get().and_then(|others| others.times.get(which)) {
            total.add(others);
        }
    }

    /// Adds one of the sizes to a total.
    pub(super) fn add_size(&self, which: usize, total: &mut Total<{ Sizes::SLOTS }>) {
        if let (Some(Bucket { count, sum }), Some(slot)) = (self.sizes.get(which), self.slot_met_first(which)) {
            total.add_to_slot(slot, count.get(), sum.get());
        }
        if let Some(others) = self.others.get().and_then(|others| others.sizes.get(which)) {
            total.add(others);
        }
    }
}

impl Bucket {
    #[inline]
    fn observe(&self, value: u64) {
        self.count.increment();
        self.sum.add(value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Wherever a value is kept, a total has it.
        #[test]
        fn totals_are_of_all_that_was_observed(values in proptest::collection::vec((0_u64..20_000, 0_u64..20_000), 0..50)) {
            let series = Series::default();
            let (times, sizes) = (Times::default(), Sizes::default());
            for (time, size) in values {
                series.record(&Sample { duration_us: time, response_bytes: size, ..Sample::default() });
                times.observe(slot_of_time(time), time);
                sizes.observe(slot_of_size(size), size);
            }
            let (mut time, mut size) = (Total::default(), Total::default());
            time.add(&times);
            size.add(&sizes);
            let (mut its_time, mut its_size) = (Total::default(), Total::default());
            series.add_time(Series::DURATION, &mut its_time);
            series.add_size(Series::RESPONSE, &mut its_size);
            prop_assert_eq!((its_time.times(), its_time.sum), (time.times(), time.sum));
            prop_assert_eq!((its_size.powers(), its_size.lengths(), its_size.sum), (size.powers(), size.lengths(), size.sum));
            let mut connect = Total::default();
            series.add_time(Series::CONNECT, &mut connect);
            prop_assert_eq!(connect.count(), 0, "others are not touched");
        }
    }
}
