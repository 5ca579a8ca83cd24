//! Figures: counted by the workers without locks, read by whoever asks.
//!
//! Names and labels are those of ingress-nginx where it has the figure, so that its dashboards go on working; what it has not
//! is called `ingress_proxy_*`. The number of series has an upper bound that no client can move: labels come from the
//! configuration and from fixed sets. What is not here: rates and quantiles, which Prometheus makes of these.

mod control;
mod expose;
mod held;
mod histogram;
mod labels;
mod number;
mod route;
mod series;
mod worker;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ingress_core::diagnostic::Diagnostics;
use ingress_core::publish::Reader;
use ingress_core::snapshot::Snapshot;

use self::control::Control;
pub use self::control::Reload;
pub use self::held::Held;
pub use self::labels::{Method, RouteLabels};
pub use self::number::{Counter, Gauge, Reasons};
pub use self::route::{RouteMetrics, Sample};
pub use self::worker::WorkerMetrics;

/// What the figures are labelled with, and how many there may be.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants; build it with `..Default::default()`")]
pub struct Options {
    /// `controller_class`.
    pub class: String,
    /// `controller_namespace`.
    pub namespace: String,
    /// `controller_pod`.
    pub pod: String,
    /// The most routes that are told apart; the others are counted together, with host `_other`. Which they are is the snapshot's to say
    /// ([`counted_routes`](ingress_core::lower::Options)), so that workers agree. A worker has at most twice as many sets of labels, whatever that says.
    pub max_routes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { class: String::new(), namespace: String::new(), pod: String::new(), max_routes: 10_000 }
    }
}

/// All figures of the proxy.
#[derive(Debug)]
pub struct Metrics {
    options: Options,
    workers: Box<[Arc<WorkerMetrics>]>,
    control: Mutex<Control>,
    panics: AtomicU64,
    access_log_dropped: AtomicU64,
    /// The snapshot whose routes were last compared with those that are counted, and how many of these were left.
    pruned: Mutex<Option<(Arc<Snapshot>, usize)>>,
}

impl Metrics {
    /// Figures for so many workers.
    #[must_use]
    pub fn new(workers: usize, options: Options) -> Arc<Self> {
        // Beside routes there are canaries, what hosts answer by themselves, and for a while what has gone.
        let most = options.max_routes.saturating_mul(2);
        let workers = (0..workers.max(1)).map(|_| Arc::new(WorkerMetrics::new(most))).collect();
        Arc::new(Self {
            options,
            workers,
            control: Mutex::default(),
            panics: AtomicU64::new(0),
            access_log_dropped: AtomicU64::new(0),
            pruned: Mutex::default(),
        })
    }

    /// The figures of a worker, by its number from 0; none if there are not so many.
    #[must_use]
    pub fn worker(&self, index: usize) -> Option<Arc<WorkerMetrics>> {
        self.workers.get(index).cloned()
    }

    /// A task panicked.
    pub fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// Lines of the access log were lost.
    pub fn access_log_dropped(&self, lines: u64) {
        self.access_log_dropped.fetch_add(lines, Ordering::Relaxed);
    }

    /// A snapshot was put in force.
    pub fn reloaded(&self, reload: &Reload) {
        self.control().reloaded(reload);
    }

    /// A part of a new configuration could not be read.
    pub fn reload_failed(&self) {
        self.control().failures += 1;
    }

    /// The validating webhook has answered a question, one way or another.
    pub fn reviewed(&self, result: &'static str, took: Duration) {
        self.control().reviewed(result, took);
    }

    /// A shadow's answer has been compared with that of the other controller.
    pub fn compared(&self, result: &'static str) {
        *self.control().comparisons.entry(result).or_default() += 1;
    }

    /// Whether all that there is to read is in force.
    pub fn set_complete(&self, is_complete: bool) {
        self.control().is_complete = is_complete;
    }

    /// Whether this replica leads, by the name of the Lease that says so.
    pub fn set_leading(&self, lease: &str, leads: bool) {
        self.control().leading = Some((lease.into(), leads));
    }

    /// What is wrong with the configuration.
    pub fn found(&self, diagnostics: &Diagnostics) {
        self.control().found(diagnostics);
    }

    /// The names that have certificates, each once, and when those expire in seconds since 1970.
    pub fn set_certificates(&self, certificates: impl IntoIterator<Item = (Box<str>, i64)>) {
        let certificates = certificates.into_iter().collect();
        self.control().certificates = certificates;
    }

    /// Forgets the routes that the snapshot in force no longer has. Cheap if nothing has changed since the last time.
    pub fn prune(&self, reader: &Reader) {
        let mut pruned = self.pruned.lock().unwrap_or_else(PoisonError::into_inner);
        // What was met before this load is of this snapshot or of an older one, so what is missing here is gone.
        let met: Vec<_> = self.workers.iter().map(|worker| (worker, worker.routes())).collect();
        let mut count = met.iter().map(|(_, routes)| routes.len()).sum();
        let snapshot = reader.load_full();
        if pruned.as_ref().is_some_and(|(before, left)| Arc::ptr_eq(before, &snapshot) && *left == count) {
            return;
        }
        let table = snapshot.table();
        for (worker, routes) in met {
            let gone: Vec<_> =
                routes.into_iter().map(|(labels, _)| labels).filter(|labels| !labels.is_in(&table)).collect();
            count -= gone.len();
            worker.forget(&gone);
        }
        *pruned = Some((snapshot, count));
    }

    /// All figures in Prometheus' text format.
    #[must_use]
    pub fn expose(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _written = self.write(&mut text);
        text
    }

    /// Writes all figures, of which there may be hundreds of megabytes, in Prometheus' text format.
    ///
    /// # Errors
    ///
    /// Those of `to`.
    pub fn write(&self, to: &mut impl fmt::Write) -> fmt::Result {
        expose::write(self, to)
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
