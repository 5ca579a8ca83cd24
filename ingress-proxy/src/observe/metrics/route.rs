//! What is counted for each request of a route, on one worker.

use std::sync::atomic::{AtomicBool, Ordering};

use super::histogram::{Sizes, Times};
use super::labels::{Method, Outcome};
use super::number::Chain;

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

/// The figures of one method and status; on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Series {
    pub(super) times: Times<4>,
    pub(super) sizes: Sizes<2>,
}

/// Which of the times, and which of the sizes.
impl Series {
    pub(super) const DURATION: usize = 0;
    pub(super) const CONNECT: usize = 1;
    pub(super) const HEADER: usize = 2;
    pub(super) const UPSTREAM: usize = 3;
    pub(super) const REQUEST: usize = 0;
    pub(super) const RESPONSE: usize = 1;
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
    #[inline]
    fn record(&self, sample: &Sample) {
        self.times.observe(Self::DURATION, sample.duration_us);
        if let Some(connect) = sample.connect_us {
            self.times.observe(Self::CONNECT, connect);
        }
        if let Some(header) = sample.header_us {
            self.times.observe(Self::HEADER, header);
        }
        if let Some(upstream) = sample.upstream_us {
            self.times.observe(Self::UPSTREAM, upstream);
        }
        self.sizes.observe(Self::REQUEST, sample.request_bytes);
        self.sizes.observe(Self::RESPONSE, sample.response_bytes);
    }
}
