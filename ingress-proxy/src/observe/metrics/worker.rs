//! What one worker counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::labels::RouteLabels;
use super::number::{Counter, Gauge, Reasons};
use super::route::RouteMetrics;
use super::series::Totals;

/// The figures of one worker. Only the worker itself adds to them.
#[derive(Debug)]
#[repr(align(128))]
#[non_exhaustive]
pub struct WorkerMetrics {
    /// Connections that were accepted.
    pub accepted: Counter,
    /// Connections that were accepted and closed at once, because there were too many.
    pub rejected: Counter,
    /// Connections that are open and have not said which protocol they speak.
    pub open_new: Gauge,
    /// Open connections that speak HTTP/1.
    pub open_http1: Gauge,
    /// Open connections that speak HTTP/2.
    pub open_http2: Gauge,
    /// Tunnels: upgraded connections of HTTP/1 and those that are passed on as they are.
    pub open_tunnels: Gauge,
    /// Connections of HTTP/1 whose request is being read.
    pub reading: Gauge,
    /// Requests that are being answered.
    pub writing: Gauge,
    /// Connections that wait for their next request.
    pub waiting: Gauge,
    /// What came in place of requests and could not be read, so that no route has it.
    pub unread: Counter,
    /// Requests of routes that are forgotten.
    pub forgotten: Counter,
    /// Requests that ended when their routes were forgotten.
    pub late: Counter,
    /// Attempts to connect to endpoints.
    pub upstream_connects: Counter,
    /// Requests that went over a connection that was there.
    pub upstream_reuses: Counter,
    /// Connections to endpoints that are open.
    pub upstream_open: Gauge,
    /// Requests that were sent once more.
    pub upstream_retries: Counter,
    /// Endpoints that were left out for their failures.
    pub upstream_ejections: Counter,
    /// Why endpoints failed.
    pub upstream_failures: Reasons,
    /// Handshakes that were done with TLS 1.2.
    pub tls12: Counter,
    /// Handshakes that were done with TLS 1.3.
    pub tls13: Counter,
    /// Handshakes that resumed a session, whatever their version.
    pub tls_resumed: Counter,
    /// Why handshakes failed.
    pub tls_failures: Reasons,
    /// Why requests were refused: the reasons of decisions and of malformed messages.
    pub refused: Reasons,
    /// Restrictions that a rule asks for and that were not enforced.
    pub not_enforced: Reasons,
    /// Why HTTP/2 connections were closed.
    pub http2_floods: Reasons,
    /// Lines of the access log.
    pub access_log_lines: Counter,
    routes: Mutex<HashMap<Arc<RouteLabels>, Arc<RouteMetrics>, ahash::RandomState>>,
    /// How many of these there may be.
    most: usize,
}

impl WorkerMetrics {
    pub(super) fn new(most: usize) -> Self {
        Self {
            accepted: Counter::default(),
            rejected: Counter::default(),
            open_new: Gauge::default(),
            open_http1: Gauge::default(),
            open_http2: Gauge::default(),
            open_tunnels: Gauge::default(),
            reading: Gauge::default(),
            writing: Gauge::default(),
            waiting: Gauge::default(),
            unread: Counter::default(),
            forgotten: Counter::default(),
            late: Counter::default(),
            upstream_connects: Counter::default(),
            upstream_reuses: Counter::default(),
            upstream_open: Gauge::default(),
            upstream_retries: Counter::default(),
            upstream_ejections: Counter::default(),
            upstream_failures: Reasons::default(),
            tls12: Counter::default(),
            tls13: Counter::default(),
            tls_resumed: Counter::default(),
            tls_failures: Reasons::default(),
            refused: Reasons::default(),
            not_enforced: Reasons::default(),
            http2_floods: Reasons::default(),
            access_log_lines: Counter::default(),
            routes: Mutex::default(),
            most,
        }
    }

    /// The figures for these labels: those that there are, or new ones. Not for each request: whoever counts keeps them.
    #[must_use]
    pub fn route(&self, labels: RouteLabels) -> Arc<RouteMetrics> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(metrics) = routes.get(&labels) {
            return Arc::clone(metrics);
        }
        let is_room = routes.len() - usize::from(routes.contains_key(&RouteLabels::other())) < self.most;
        let labels = if is_room { labels } else { RouteLabels::other() };
        Arc::clone(routes.entry(Arc::new(labels)).or_default())
    }

    /// The figures of all routes that are more than may be told apart.
    pub(crate) fn rest(&self) -> Arc<RouteMetrics> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(routes.entry(Arc::new(RouteLabels::other())).or_default())
    }

    /// All routes that were met, in no order.
    pub(super) fn routes(&self) -> Vec<(Arc<RouteLabels>, Arc<RouteMetrics>)> {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.iter().map(|(labels, metrics)| (Arc::clone(labels), Arc::clone(metrics))).collect()
    }

    /// Forgets routes.
    pub(super) fn forget(&self, gone: &[Arc<RouteLabels>]) {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        for metrics in gone.iter().filter_map(|labels| routes.remove(labels)) {
            let mut totals = Totals::default();
            metrics.parts().for_each(|(_, part)| part.add_to(&mut totals));
            self.forgotten.add(totals.durations.count());
            metrics.retire();
        }
    }
}
