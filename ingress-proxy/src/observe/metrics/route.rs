//! What is counted for each request of a route, on one worker.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use super::histogram::{Sizes, Times, Total, slot_of_size, slot_of_time};
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
/// With many routes, what a request costs here is the cache lines and pages that it writes to. Most requests of a route are alike: so the bucket
/// that a histogram met first is here, and there is memory for the others when one is needed.
#[derive(Debug, Default)]
pub(super) struct Series {
    firsts: [Bucket; Self::HISTOGRAMS],
    /// Which buckets these are, counted from 1; 0 where nothing was observed yet.
    slots: [AtomicU8; Self::HISTOGRAMS],
    others: OnceLock<Box<Others>>,
}

/// Values of one slot, and their sum.
#[derive(Debug, Default)]
struct Bucket {
    count: Counter,
    sum: Counter,
}

/// What is in other slots than the first.
#[derive(Debug, Default)]
struct Others {
    times: [Times; Series::REQUEST],
    sizes: [Sizes; Series::HISTOGRAMS - Series::REQUEST],
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
    // The histograms by number: times, and behind them sizes.
    pub(super) const DURATION: usize = 0;
    pub(super) const CONNECT: usize = 1;
    pub(super) const HEADER: usize = 2;
    pub(super) const UPSTREAM: usize = 3;
    pub(super) const REQUEST: usize = 4;
    pub(super) const RESPONSE: usize = 5;
    const HISTOGRAMS: usize = 6;

    #[inline]
    fn record(&self, sample: &Sample) {
        self.observe_time(Self::DURATION, sample.duration_us);
        if let Some(connect) = sample.connect_us {
            self.observe_time(Self::CONNECT, connect);
        }
        if let Some(header) = sample.header_us {
            self.observe_time(Self::HEADER, header);
        }
        if let Some(upstream) = sample.upstream_us {
            self.observe_time(Self::UPSTREAM, upstream);
        }
        self.observe(Self::REQUEST, slot_of_size(sample.request_bytes), sample.request_bytes);
        self.observe(Self::RESPONSE, slot_of_size(sample.response_bytes), sample.response_bytes);
    }

    #[inline]
    fn observe_time(&self, which: usize, microseconds: u64) {
        self.observe(which, slot_of_time(microseconds), microseconds);
    }

    #[inline]
    fn observe(&self, which: usize, slot: usize, value: u64) {
        match (self.firsts.get(which), self.slot_of_first(which)) {
            (Some(first), Some(of_first)) if of_first == slot => first.observe(value),
            _ => self.observe_other(which, slot, value),
        }
    }

    /// The slot whose values are here.
    #[inline]
    fn slot_of_first(&self, which: usize) -> Option<usize> {
        usize::from(self.slots.get(which)?.load(Ordering::Acquire)).checked_sub(1)
    }

    #[inline(never)]
    fn observe_other(&self, which: usize, slot: usize, value: u64) {
        if self.slot_of_first(which).is_none()
            && let (Some(first), Some(of_first)) = (self.firsts.get(which), self.slots.get(which))
            && let Ok(number) = u8::try_from(slot + 1)
        {
            first.observe(value);
            // Whoever sees the number sees the value.
            of_first.store(number, Ordering::Release);
            return;
        }
        let others = self.others.get_or_init(Box::default);
        match which.checked_sub(Self::REQUEST) {
            None => others.times.get(which).map(|times| times.observe(slot, value)),
            Some(which) => others.sizes.get(which).map(|sizes| sizes.observe(slot, value)),
        };
    }

    /// Adds one of the times to a total.
    pub(super) fn add_time(&self, which: usize, total: &mut Total<{ Times::SLOTS }>) {
        self.add_first(which, total);
        if let Some(others) = self.others.get().and_then(|others| others.times.get(which)) {
            total.add(others);
        }
    }

    /// Adds one of the sizes to a total.
    pub(super) fn add_size(&self, which: usize, total: &mut Total<{ Sizes::SLOTS }>) {
        self.add_first(which, total);
        if let Some(others) = self.others.get().and_then(|others| others.sizes.get(which - Self::REQUEST)) {
            total.add(others);
        }
    }

    fn add_first<const SLOTS: usize>(&self, which: usize, total: &mut Total<SLOTS>) {
        if let (Some(first), Some(slot)) = (self.firsts.get(which), self.slot_of_first(which)) {
            total.add_to_slot(slot, first.count.get(), first.sum.get());
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
