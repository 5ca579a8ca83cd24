//! What is counted for each request of a route, on one worker.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use ingress_core::decision::{Decision, Matched, Via};
use ingress_core::policy::VirtualHost;

use super::histogram::{Sizes, Times};
use super::labels::{Method, Outcome, RouteLabels};
use super::number::Chain;
use super::worker::WorkerMetrics;

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
    pub(super) durations: Times,
    pub(super) connects: Times,
    pub(super) headers: Times,
    pub(super) upstream: Times,
    pub(super) requests: Sizes,
    pub(super) responses: Sizes,
}

impl RouteMetrics {
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
        self.durations.observe(sample.duration_us);
        if let Some(connect) = sample.connect_us {
            self.connects.observe(connect);
        }
        if let Some(header) = sample.header_us {
            self.headers.observe(header);
        }
        if let Some(upstream) = sample.upstream_us {
            self.upstream.observe(upstream);
        }
        self.requests.observe(sample.request_bytes);
        self.responses.observe(sample.response_bytes);
    }
}

/// The routes that a worker has met, by their place in memory. Each worker has one of its own.
#[derive(Debug)]
pub struct RouteCache {
    worker: Arc<WorkerMetrics>,
    unmatched: Arc<RouteMetrics>,
    known: HashMap<Key, Known, ahash::RandomState>,
    /// Misses until the hosts that are no longer in force are looked for.
    until_swept: usize,
}

/// The host, the place of the rule in it, and whether the rule's canary took the request.
type Key = (usize, usize, bool);

#[derive(Debug)]
struct Known {
    /// Keeps the host's address from being given to another, not the host.
    host: Weak<VirtualHost>,
    metrics: Arc<RouteMetrics>,
}

const SWEEP_AFTER: usize = 256;

impl RouteCache {
    /// An empty one.
    #[must_use]
    pub fn new(worker: Arc<WorkerMetrics>) -> Self {
        let unmatched = worker.route(&RouteLabels::unmatched());
        Self { worker, unmatched, known: HashMap::default(), until_swept: SWEEP_AFTER }
    }

    /// The figures of requests that no route took.
    #[must_use]
    pub fn unmatched(&self) -> &Arc<RouteMetrics> {
        &self.unmatched
    }

    /// The figures of what a decision matched.
    pub fn get(&mut self, decision: &Decision<'_>) -> Arc<RouteMetrics> {
        let (host, rule) = match decision.matched() {
            None => return Arc::clone(&self.unmatched),
            Some(Matched::Route { host, route }) => (host, std::ptr::from_ref(route).addr()),
            Some(Matched::Host { host, origin }) => (host, std::ptr::from_ref(origin).addr()),
            // Rare, and there is only one.
            Some(Matched::Default(_)) => return self.worker.route(&RouteLabels::new(decision)),
        };
        let is_canary = matches!(decision, Decision::Forward(forward) if matches!(forward.via, Via::Canary(..)));
        let key = (Arc::as_ptr(host).addr(), rule.wrapping_sub(host.routes().as_ptr().addr()), is_canary);
        if let Some(known) = self.known.get(&key)
            && !known.metrics.is_gone.load(Ordering::Relaxed)
        {
            return Arc::clone(&known.metrics);
        }
        self.meet(key, host, decision)
    }

    #[cold]
    fn meet(&mut self, key: Key, host: &Arc<VirtualHost>, decision: &Decision<'_>) -> Arc<RouteMetrics> {
        self.until_swept = self.until_swept.saturating_sub(1);
        if self.until_swept == 0 {
            self.known.retain(|_, known| known.host.strong_count() > 0);
            self.until_swept = SWEEP_AFTER.max(self.known.len());
        }
        let metrics = self.worker.route(&RouteLabels::new(decision));
        self.known.insert(key, Known { host: Arc::downgrade(host), metrics: Arc::clone(&metrics) });
        metrics
    }
}
