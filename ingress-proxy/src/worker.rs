//! One thread, one runtime, and what the connections on it share.

mod buffers;
mod clock;
mod current;
mod deadline;
mod random;
mod routes;
mod troubles;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ingress_core::policy::BackendRef;
use ingress_core::publish::CachedReader;
use tokio::sync::Semaphore;

pub use self::buffers::{Buffer, Buffers};
pub(crate) use self::clock::TICK_MILLIS;
pub use self::clock::{Clock, Timer};
pub use self::current::Current;
pub(crate) use self::deadline::{Deadline, Pace, Stall};
pub use self::random::Random;
use self::routes::Routes;
pub use self::routes::{RouteNames, RouteState};
pub(crate) use self::troubles::Trouble;
use self::troubles::Troubles;
use crate::config::Config;
use crate::h2::client::ClientSettings;
use crate::message::Today;
use crate::observe::access_log::Logger;
use crate::observe::error_log::ErrorLog;
use crate::observe::metrics::{Metrics, WorkerMetrics};
use crate::server::Crew;
use crate::upstream::{Endpoint, Group, InFlight, Outcome, Own, Pools};

/// What the connections of one thread share.
pub struct Worker {
    /// The settings.
    pub config: Arc<Config>,
    /// Coarse time.
    pub clock: Clock,
    /// Memory to read and write with.
    pub buffers: Buffers,
    /// Request ids, draws.
    pub random: Random,
    /// This worker's counters.
    pub metrics: Arc<WorkerMetrics>,
    /// Where it says what is wrong.
    pub errors: ErrorLog,
    /// The access log, if there is one.
    pub log: Option<RefCell<Logger>>,
    /// Certificates for endpoints.
    pub upstream_tls: crate::upstream::tls::ClientConfigs,
    /// Addresses that the proxy listens on.
    pub own: Arc<Own>,
    /// What it says of the time.
    pub(crate) today: Today,
    /// Tasks that answer requests of HTTP/2.
    pub(crate) crew: Crew,
    /// A turn for each TLS handshake that may be under way.
    pub(crate) handshakes: Semaphore,
    http2_plain: Rc<ClientSettings>,
    http2_tls: Rc<ClientSettings>,
    reader: RefCell<CachedReader>,
    current: RefCell<Rc<Current>>,
    routes: Routes,
    groups: RefCell<HashMap<Arc<BackendRef>, Held, ahash::RandomState>>,
    pools: Rc<Pools>,
    troubles: Troubles,
    all_metrics: Arc<Metrics>,
    is_draining: Cell<bool>,
    /// When a connection last began without the PROXY protocol that it should have begun with, until that is told to be over.
    unproxied: Cell<Option<u64>>,
    connections: Cell<usize>,
}

/// After how many sweeps a backend is forgotten that no snapshot in use has: its health and its connections outlive a swap.
const SWEEPS_UNUSED: u8 = 12;

struct Held {
    group: Rc<Group>,
    unused: u8,
}

/// What a worker is made of.
#[expect(clippy::exhaustive_structs, reason = "whoever makes a worker has to give everything")]
pub struct Parts {
    /// The settings.
    pub config: Arc<Config>,
    /// The snapshots.
    pub reader: CachedReader,
    /// The counters of this worker.
    pub metrics: Arc<WorkerMetrics>,
    /// The counters of all.
    pub all_metrics: Arc<Metrics>,
    /// Where it says what is wrong.
    pub errors: ErrorLog,
    /// The access log, if there is one.
    pub log: Option<Logger>,
    /// Certificates for endpoints.
    pub upstream_tls: crate::upstream::tls::ClientConfigs,
    /// Addresses that the proxy listens on.
    pub own: Arc<Own>,
}

impl Worker {
    /// A worker on this thread.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { config, mut reader, metrics, all_metrics, errors, log, upstream_tls, own } = parts;
        let current = Rc::new(Current::new(Arc::clone(reader.load())));
        let http2 = ClientSettings::from(&config.upstream);
        Self {
            http2_plain: Rc::new(http2.clone()),
            http2_tls: Rc::new(ClientSettings { is_tls: true, ..http2 }),
            handshakes: Semaphore::new(config.downstream.max_handshakes.clamp(1, Semaphore::MAX_PERMITS)),
            config,
            clock: Clock::new(),
            buffers: Buffers::default(),
            random: Random::default(),
            metrics,
            routes: Routes::new(log.is_some()),
            log: log.map(RefCell::new),
            upstream_tls,
            own,
            today: Today::default(),
            crew: Crew::default(),
            reader: RefCell::new(reader),
            current: RefCell::new(current),
            groups: RefCell::default(),
            pools: Rc::default(),
            troubles: Troubles::default(),
            errors,
            all_metrics,
            is_draining: Cell::new(false),
            unproxied: Cell::new(None),
            connections: Cell::new(0),
        }
    }

    /// The snapshot in force, with what this worker has found out about it.
    #[must_use]
    pub fn current(&self) -> Rc<Current> {
        let mut reader = self.reader.borrow_mut();
        let snapshot = reader.load();
        let mut current = self.current.borrow_mut();
        if !Arc::ptr_eq(snapshot, &current.snapshot) {
            *current = Rc::new(Current::new(Arc::clone(snapshot)));
            self.routes.outdate();
        }
        Rc::clone(&current)
    }

    /// How HTTP/2 connections to endpoints are used.
    pub(crate) fn http2_settings(&self, is_tls: bool) -> &Rc<ClientSettings> {
        if is_tls { &self.http2_tls } else { &self.http2_plain }
    }

    /// Waits until the worker is on its way out.
    pub(crate) async fn drained(&self) {
        let timer = self.clock.timer();
        // Never due; it is there to be woken.
        timer.set(std::time::Duration::MAX);
        std::future::poll_fn(|cx| {
            if self.is_draining() || timer.is_due(cx) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }

    /// The endpoints of a backend, whatever snapshot names it.
    pub(crate) fn group(&self, reference: &Arc<BackendRef>) -> Rc<Group> {
        let mut groups = self.groups.borrow_mut();
        if let Some(held) = groups.get_mut(reference) {
            held.unused = 0;
            return Rc::clone(&held.group);
        }
        let group = Rc::new(Group::new(reference, &self.pools));
        groups.insert(Arc::clone(reference), Held { group: Rc::clone(&group), unused: 0 });
        group
    }

    /// Forgets routes that no snapshot has and backends that none in use has asked for lately, and closes idle connections that
    /// are over.
    pub fn sweep(&self) {
        // A snapshot that is no longer in force goes with its last request.
        drop(self.current());
        self.routes.sweep();
        self.crew.shrink();
        let now = self.clock.now();
        self.groups.borrow_mut().retain(|_, held| {
            held.unused = if Rc::strong_count(&held.group) > 1 { 0 } else { held.unused.saturating_add(1) };
            held.unused < SWEEPS_UNUSED
        });
        // With the groups go endpoints.
        self.pools.sweep(&self.config.upstream, now);
        self.troubles.sweep(&self.errors);
    }

    /// Says how a request went, as [`InFlight::report`] does.
    pub(crate) fn report(&self, in_flight: &InFlight, outcome: Outcome, latency: Option<Duration>) {
        if in_flight.report(outcome, latency, self.clock.now()) {
            self.metrics.upstream_ejections.increment();
        }
    }

    /// Says that something is wrong with an endpoint, the first time.
    pub(crate) fn trouble(&self, trouble: Trouble, endpoint: &Rc<Endpoint>, reason: &dyn std::fmt::Display) {
        self.troubles.begin(&self.errors, trouble, endpoint, reason, self.clock.now());
    }

    /// Says that an endpoint answers again, if it had been told that it is down.
    pub(crate) fn up_again(&self, endpoint: &Rc<Endpoint>) {
        self.troubles.up_again(&self.errors, endpoint);
    }

    /// Notes whether a connection began with the PROXY protocol, as all shall. If none does, that is an outage which nothing else would
    /// explain. It is told no more often than once a minute, as whoever connects may do either.
    pub(crate) fn proxy_header(&self, peer: &impl std::fmt::Display, error: Option<&std::io::Error>) {
        const WHAT: &str = "the PROXY protocol";
        const WORDS: (&str, &str) = ("is not spoken by a peer that connects", "is spoken again");
        const CALM: u64 = 60_000;
        let now = self.clock.now();
        if let Some(error) = error {
            self.metrics.refused.count("proxy-protocol");
            if self.unproxied.replace(Some(now)).is_none() {
                self.errors.state(WHAT, WORDS.0, WORDS.1, Some(&format_args!("{peer}: {error}")));
            }
        } else if self.unproxied.get().is_some_and(|last| now.saturating_sub(last) >= CALM) {
            self.unproxied.set(None);
            self.errors.state(WHAT, WORDS.0, WORDS.1, None);
        }
    }

    /// Hands on what the access log has of this worker.
    pub fn flush_log(&self) {
        if let Some(log) = &self.log {
            log.borrow_mut().flush_if_older(self.clock.now());
        }
    }

    /// Says that what is under way is not waited for: it gets no line any more.
    pub(crate) fn abandon(&self) {
        if self.log.is_some() {
            self.all_metrics.access_log_dropped(self.metrics.writing.get());
        }
    }

    /// Whether the worker is on its way out.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.is_draining.get()
    }

    /// Takes no more requests on connections that are idle, and closes the others after their exchange.
    pub fn drain(&self) {
        self.is_draining.set(true);
        self.clock.wake_all();
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.get()
    }

    /// Counts a connection for as long as the guard lives.
    #[must_use]
    pub fn admit(self: &Rc<Self>) -> Admitted {
        self.connections.set(self.connections.get().saturating_add(1));
        Admitted(Rc::clone(self))
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// A connection that is counted.
#[derive(Debug)]
pub struct Admitted(Rc<Worker>);

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get().saturating_sub(1));
        if std::thread::panicking() {
            self.0.all_metrics.panicked();
        }
    }
}
