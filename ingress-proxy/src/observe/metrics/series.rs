//! The figures of one route by method and status: those of most requests in 64 bytes, all others apart.

use std::sync::atomic::{AtomicU64, Ordering};

use super::histogram::{Sizes, Times, Total, is_lowest_time, slot_of_size, slot_of_time};
use super::labels::Outcome;
use super::number::Counter;
use super::route::Sample;

/// What requests have in common that are counted in the same places: method and status, the slot of each histogram, and whether an endpoint
/// was asked. In one number; none is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Likeness(u64);

impl Likeness {
    const IS_FORWARDED: u64 = 1 << 32;
    const IS_SOME: u64 = 1 << 33;

    /// None if a time is not of the lowest slot, or if only some of an endpoint's times are known.
    #[inline]
    pub(super) fn new(outcome: Outcome, sample: &Sample) -> Option<Self> {
        let (slowest, forwarded) = match (sample.connect_us, sample.header_us, sample.upstream_us) {
            (Some(connect), Some(header), Some(upstream)) => (connect.max(header).max(upstream), Self::IS_FORWARDED),
            (None, None, None) => (0, 0),
            _ => return None,
        };
        let slots = (slot_of_size(sample.request_bytes) << 8 | slot_of_size(sample.response_bytes)) as u64;
        is_lowest_time(slowest.max(sample.duration_us))
            .then_some(Self(Self::IS_SOME | forwarded | slots << 16 | u64::from(outcome.number())))
    }

    pub(super) fn outcome(self) -> Outcome {
        Outcome::of_number(self.0 as u16)
    }

    fn is_forwarded(self) -> bool {
        self.0 & Self::IS_FORWARDED != 0
    }

    /// The slots of the sizes of request and response.
    fn slots(self) -> [usize; 2] {
        [usize::from((self.0 >> 24) as u8), usize::from((self.0 >> 16) as u8)]
    }
}

/// How many requests there were that are like the first, and the sums of their histograms.
///
/// With many routes, what a request costs here is the lines and pages that it writes to. Most requests of a route are alike, and so one count
/// is that of all their buckets.
#[derive(Debug, Default)]
pub(super) struct Usual {
    likeness: AtomicU64,
    count: Counter,
    duration: Counter,
    connect: Counter,
    header: Counter,
    upstream: Counter,
    request: Counter,
    response: Counter,
}

impl Usual {
    /// What they have in common; none before the first.
    #[inline]
    pub(super) fn likeness(&self) -> Option<Likeness> {
        let number = self.likeness.load(Ordering::Acquire);
        (number != 0).then_some(Likeness(number))
    }

    /// Counts the first, which says what the others are like.
    pub(super) fn begin(&self, likeness: Likeness, sample: &Sample) {
        self.record(sample);
        // Whoever sees it sees what was counted.
        self.likeness.store(likeness.0, Ordering::Release);
    }

    /// Counts one that is like the first.
    #[inline]
    pub(super) fn record(&self, sample: &Sample) {
        self.count.increment();
        self.duration.add(sample.duration_us);
        self.connect.add(sample.connect_us.unwrap_or_default());
        self.header.add(sample.header_us.unwrap_or_default());
        self.upstream.add(sample.upstream_us.unwrap_or_default());
        self.request.add(sample.request_bytes);
        self.response.add(sample.response_bytes);
    }

    fn add_to(&self, likeness: Likeness, totals: &mut Totals) {
        let count = self.count.get();
        totals.durations.add_to_slot(0, count, self.duration.get());
        if likeness.is_forwarded() {
            totals.connects.add_to_slot(0, count, self.connect.get());
            totals.headers.add_to_slot(0, count, self.header.get());
            totals.upstream.add_to_slot(0, count, self.upstream.get());
        }
        let [request, response] = likeness.slots();
        totals.requests.add_to_slot(request, count, self.request.get());
        totals.responses.add_to_slot(response, count, self.response.get());
    }
}

/// All histograms of one method and status.
#[derive(Debug, Default)]
pub(super) struct Histograms {
    durations: Times,
    connects: Times,
    headers: Times,
    upstream: Times,
    requests: Sizes,
    responses: Sizes,
}

impl Histograms {
    pub(super) fn record(&self, sample: &Sample) {
        let time = |times: &Times, microseconds| times.observe(slot_of_time(microseconds), microseconds);
        time(&self.durations, sample.duration_us);
        for (times, microseconds) in [
            (&self.connects, sample.connect_us),
            (&self.headers, sample.header_us),
            (&self.upstream, sample.upstream_us),
        ] {
            if let Some(microseconds) = microseconds {
                time(times, microseconds);
            }
        }
        self.requests.observe(slot_of_size(sample.request_bytes), sample.request_bytes);
        self.responses.observe(slot_of_size(sample.response_bytes), sample.response_bytes);
    }

    fn add_to(&self, totals: &mut Totals) {
        totals.durations.add(&self.durations);
        totals.connects.add(&self.connects);
        totals.headers.add(&self.headers);
        totals.upstream.add(&self.upstream);
        totals.requests.add(&self.requests);
        totals.responses.add(&self.responses);
    }
}

/// A part of what is known of one method and status.
#[derive(Debug)]
pub(super) enum Part<'a> {
    /// Requests that have this in common.
    Usual(Likeness, &'a Usual),
    /// Any others.
    Other(&'a Histograms),
}

impl Part<'_> {
    /// Adds it to totals.
    pub(super) fn add_to(&self, totals: &mut Totals) {
        match self {
            Self::Usual(likeness, usual) => usual.add_to(*likeness, totals),
            Self::Other(histograms) => histograms.add_to(totals),
        }
    }
}

/// What all workers know of one method and status of one route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// From the first byte of the request to the last of the response.
    pub(super) durations: Total<{ Times::SLOTS }>,
    /// Until there was a connection to the endpoint.
    pub(super) connects: Total<{ Times::SLOTS }>,
    /// Until the head of the endpoint's response.
    pub(super) headers: Total<{ Times::SLOTS }>,
    /// Until the end of the endpoint's response.
    pub(super) upstream: Total<{ Times::SLOTS }>,
    /// Bytes of requests.
    pub(super) requests: Total<{ Sizes::SLOTS }>,
    /// Bytes of responses.
    pub(super) responses: Total<{ Sizes::SLOTS }>,
}
