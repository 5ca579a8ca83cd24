//! What is known of an exchange when it is over: for counters and the log.

use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ingress_core::policy::{Backend, BackendRef};

use super::flow::FlowError;
use super::{Outcome, Scratch};
use crate::message::RequestHead;
use crate::observe::metrics::{Method, Sample};
use crate::server::Client;
use crate::upstream::Endpoint;
use crate::worker::{RouteState, Worker};

/// An exchange as it is recorded.
#[derive(Debug)]
pub(super) struct Record {
    started: Instant,
    pub(super) route: Option<Rc<RouteState>>,
    pub(super) status: u16,
    /// Why the proxy answered itself.
    pub(super) reason: Option<&'static str>,
    /// Bytes of the response's body.
    pub(super) body_bytes: u64,
    /// The backend that was chosen.
    backend: Option<std::sync::Arc<BackendRef>>,
    endpoint: Option<Rc<Endpoint>>,
    upstream_started: Option<Instant>,
    connect: Option<Duration>,
    header: Option<Duration>,
    upstream_status: Option<u16>,
    upstream_end: Option<Duration>,
}

impl Record {
    pub(super) fn new(started: Instant) -> Self {
        Self {
            started,
            route: None,
            status: 0,
            reason: None,
            body_bytes: 0,
            backend: None,
            endpoint: None,
            upstream_started: None,
            connect: None,
            header: None,
            upstream_status: None,
            upstream_end: None,
        }
    }

    pub(super) fn backend(&mut self, backend: &Backend) {
        self.backend = Some(std::sync::Arc::clone(&backend.reference));
    }

    /// The request goes to this endpoint now.
    pub(super) fn upstream(&mut self, endpoint: &Rc<Endpoint>) {
        self.endpoint = Some(Rc::clone(endpoint));
        let is_first = self.upstream_started.is_none();
        self.upstream_started = Some(if is_first { self.started } else { Instant::now() });
        self.connect = None;
    }

    /// There is a connection now.
    pub(super) fn connected(&mut self, is_reused: bool) {
        self.connect = Some(if is_reused { Duration::ZERO } else { self.upstream_time() });
    }

    /// The head of the response has come.
    pub(super) fn answered(&mut self, status: u16) {
        self.upstream_status = Some(status);
        self.header = Some(self.upstream_time());
    }

    /// The response has come to its end.
    pub(super) fn responded(&mut self, body_bytes: u64) {
        self.body_bytes = body_bytes;
        self.upstream_end = Some(self.upstream_time());
    }

    /// How long ago the endpoint was asked.
    pub(super) fn upstream_time(&self) -> Duration {
        self.upstream_started.map(|started| started.elapsed()).unwrap_or_default()
    }

    /// How long the head of the response took.
    pub(super) fn header_time(&self) -> Duration {
        self.header.unwrap_or_default()
    }

    /// The response did not get through.
    pub(super) fn broken(&mut self, worker: &Worker, error: &FlowError) {
        match error {
            FlowError::Sink(_) => {
                worker.metrics.refused.count("client-gone");
                self.reason = Some("client-gone");
            }
            FlowError::Source(_) => {
                worker.metrics.upstream_failures.count("response-incomplete");
                self.reason = Some("response-incomplete");
            }
            FlowError::TooLong => self.reason = Some("body-too-large"),
        }
    }

    /// Counts the exchange and writes its line.
    pub(super) fn finish(
        &mut self,
        worker: &Worker,
        client: &Client,
        head: &RequestHead,
        scratch: &Scratch,
        traffic: (u64, u64),
        outcome: Outcome,
    ) {
        let _ = (client, scratch, outcome);
        let Some(route) = &self.route else { return };
        let duration = self.started.elapsed();
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        route.metrics.record(&Sample {
            method: Method::of(&head.method),
            status: self.status,
            duration_us: micros(duration),
            connect_us: self.connect.map(micros),
            header_us: self.header.map(micros),
            upstream_us: self.upstream_end.map(micros),
            request_bytes: traffic.0,
            response_bytes: traffic.1,
        });
        let _ = worker;
    }
}

/// Seconds since 1970.
pub(super) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default()
}
