//! One endpoint as one worker sees it.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::time::Duration;

use ingress_core::policy;

use super::balance::{FULL, Latency, weight};
use super::health::{Health, Peers};
use super::maglev;
use super::pool::Pool;

/// One endpoint as one worker sees it. It lives as long as its group or a request holds it.
#[derive(Debug)]
pub struct Endpoint {
    /// What is dialled.
    pub target: policy::Endpoint,
    /// Whether it may be dialled because the operator has given it to this backend, wherever it leads.
    pub is_named: bool,
    /// Connections to it, which it may share with endpoints of other backends.
    pub pool: Rc<Pool>,
    peers: Rc<Peers>,
    is_gone: Cell<bool>,
    in_flight: Cell<u32>,
    pub(super) health: Health,
    pub(super) latency: Latency,
    /// When the slow start ends.
    full_at: Cell<u64>,
    /// What it is owed while it is on its slow start, in parts of [`FULL`].
    credit: Cell<u32>,
    hash: OnceCell<u64>,
}

/// How a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an endpoint did its work, or it did not, or nobody knows")]
pub enum Outcome {
    /// The endpoint served it.
    Success,
    /// The endpoint refused the connection, broke it, or took too long.
    Failure,
    /// The client left before there was a response.
    Abandoned,
}

impl Endpoint {
    pub(super) fn new(target: policy::Endpoint, is_named: bool, peers: Rc<Peers>, pool: Rc<Pool>) -> Self {
        Self {
            target,
            is_named,
            pool,
            peers,
            is_gone: Cell::new(false),
            in_flight: Cell::new(0),
            health: Health::default(),
            latency: Latency::default(),
            full_at: Cell::new(0),
            credit: Cell::new(0),
            hash: OnceCell::new(),
        }
    }

    /// Says that a request goes to the endpoint now.
    pub fn begin(self: Rc<Self>, now: u64) -> InFlight {
        self.in_flight.set(self.in_flight.get().saturating_add(1));
        self.health.begin(&self.peers, now);
        InFlight { endpoint: self, started: now }
    }

    /// The requests under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight.get()
    }

    /// Whether the backend has this endpoint no longer, so that no connection to it is worth keeping.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.is_gone.get()
    }

    /// Whether it is not left out for its failures.
    #[must_use]
    pub fn is_open(&self, now: u64) -> bool {
        self.health.is_open(now)
    }

    /// Whether it has been left out and has not served a request since.
    pub(super) fn is_suspected(&self) -> bool {
        self.health.is_suspected()
    }

    pub(super) fn leave(&self) {
        self.is_gone.set(true);
    }

    pub(super) fn start_slowly(&self, now: u64) {
        let full_at = now.saturating_add(self.peers.slow_start());
        self.full_at.set(full_at);
        self.peers.slow_until(full_at);
    }

    /// Its share of the requests, of [`FULL`].
    pub(super) fn weight(&self, now: u64) -> u32 {
        weight(self.full_at.get(), self.peers.slow_start(), now)
    }

    /// Whether it takes its turn: always but on its slow start, when it saves up for it.
    pub(super) fn takes_turn(&self, now: u64) -> bool {
        let weight = self.weight(now);
        if weight >= FULL {
            return true;
        }
        let credit = self.credit.get().saturating_add(weight);
        let takes = credit >= FULL;
        self.credit.set(if takes { credit - FULL } else { credit });
        takes
    }

    /// The requests under way, with one more.
    pub(super) fn load(&self) -> f64 {
        f64::from(self.in_flight.get()) + 1.0
    }

    /// Seconds until all requests under way and one more are likely to be served. Where nothing is known of it, one request shall find out and
    /// others follow when it has.
    pub(super) fn cost(&self, now: u64) -> f64 {
        const UNKNOWN: f64 = 1.0;
        match self.latency.average(now) {
            Some(average) => average * self.load(),
            None => UNKNOWN * f64::from(self.in_flight.get()),
        }
    }

    /// The hash of the target.
    pub(super) fn hash(&self) -> u64 {
        *self.hash.get_or_init(|| maglev::hash(self.target.to_string().as_bytes()))
    }
}

/// A request that is under way, until it is dropped.
#[derive(Debug)]
#[must_use = "the request is over when this is dropped"]
pub struct InFlight {
    endpoint: Rc<Endpoint>,
    started: u64,
}

impl InFlight {
    /// Where it went.
    #[must_use]
    pub fn endpoint(&self) -> &Rc<Endpoint> {
        &self.endpoint
    }

    /// Says how it went, and how long the endpoint took until the head of the response or until the failure, if that is known: the
    /// time that a client took for its body is not the endpoint's. A request of which nothing is said has no influence on later
    /// choices. Returned is whether the endpoint is left out for it.
    pub fn report(&self, outcome: Outcome, latency: impl Into<Option<Duration>>, now: u64) -> bool {
        let latency = latency.into();
        let Endpoint { health, latency: latencies, peers, is_gone, .. } = &*self.endpoint;
        if is_gone.get() {
            return false;
        }
        match outcome {
            Outcome::Success => {
                if let Some(latency) = latency {
                    latencies.observe(latency, now);
                }
                health.succeeded(peers, self.started);
            }
            Outcome::Failure => {
                latencies.observe_failure(latency.unwrap_or_default(), now);
                return health.failed(peers, self.started, now);
            }
            Outcome::Abandoned => {
                if let Some(latency) = latency {
                    latencies.observe_abandoned(latency, now);
                }
            }
        }
        false
    }

    /// Says that the endpoint did its work, where nobody can tell how long that took.
    pub fn served(&self) {
        if !self.endpoint.is_gone.get() {
            self.endpoint.health.succeeded(&self.endpoint.peers, self.started);
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.endpoint.in_flight.set(self.endpoint.in_flight.get().saturating_sub(1));
    }
}
