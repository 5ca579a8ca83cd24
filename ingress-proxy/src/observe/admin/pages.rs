//! What each page says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use ingress_cli::simulate::Simulation;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::gate::{is_local, is_own_host};
use super::pieces::{Pieces, pieces};
use super::{Options, SCRAPES, Sources, explain};
use crate::message::{Framing, Known, RequestHead};

/// Everything that a page is made of.
#[derive(Debug)]
pub(super) struct Pages {
    sources: Sources,
    options: Options,
    is_loopback: bool,
    started: Instant,
    /// Turns to make the page of figures.
    scrapes: Arc<Semaphore>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: Body,
}

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Body {
    Whole(Vec<u8>),
    /// A text that is still being made.
    Pieces(Pieces),
    /// The table, which may be large and is written piece by piece.
    Table(Box<Simulation>),
}

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
/// Prometheus' text format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Page {
    fn text(status: u16, text: &str) -> Self {
        Self { status, content_type: TEXT, body: Body::Whole(format!("{text}\n").into_bytes()) }
    }

    fn json(status: u16, value: &Value) -> Self {
        Self { status, content_type: JSON, body: Body::Whole(format!("{value}\n").into_bytes()) }
    }

    /// The answer to a request that is refused for its form.
    pub(super) fn refused(status: u16, reason: &str) -> Self {
        Self::text(status, reason)
    }
}

impl Pages {
    pub(super) fn new(sources: Sources, options: Options, is_loopback: bool) -> Self {
        Self { sources, options, is_loopback, started: Instant::now(), scrapes: Arc::new(Semaphore::new(SCRAPES)) }
    }

    /// The page that a request asks for.
    pub(super) async fn page(&self, head: &RequestHead, peer: SocketAddr) -> Page {
        if !matches!(head.method(), "GET" | "HEAD") {
            return Page::refused(405, "only GET and HEAD");
        }
        if !matches!(head.framing, Framing::Empty | Framing::Length(0)) {
            return Page::refused(400, "a body is not taken");
        }
        let Some(target) = std::str::from_utf8(&head.target).ok().filter(|target| target.starts_with('/')) else {
            return Page::refused(400, "the target is not a path");
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let is_debug = path.starts_with("/debug/");
        if (is_debug || self.is_loopback) && !self.is_own_host(head) {
            return Page::refused(403, "the Host is not one of mine");
        }
        if is_debug && !is_local(peer.ip()) {
            return Page::refused(403, "only from the same machine or pod");
        }
        match path {
            "/healthz" => self.health(),
            "/readyz" => self.readiness(),
            "/metrics" if self.options.metrics => self.metrics().await,
            "/debug/routes" => {
                let snapshot = self.sources.reader.load_full();
                let made = tokio::task::spawn_blocking(move || Box::new(Simulation::of(snapshot))).await;
                made.map_or_else(failed, |table| Page { status: 200, content_type: JSON, body: Body::Table(table) })
            }
            "/debug/explain" => {
                let (snapshot, query) = (self.sources.reader.load_full(), query.to_owned());
                let underscores = self.options.underscores_in_headers;
                let answered = tokio::task::spawn_blocking(move || explain::answer(snapshot, &query, underscores));
                let answered = answered.await;
                answered.map_or_else(failed, |answer| match answer {
                    Ok(report) => Page::json(200, &report),
                    Err(error) => Page::json(400, &json!({"error": error})),
                })
            }
            "/debug/version" => {
                Page::json(200, &json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")}))
            }
            other if other == self.options.health_check_path => self.health(),
            _ => Page::text(404, "no such page"),
        }
    }

    /// Whether requests may be sent here.
    fn readiness(&self) -> Page {
        match self.sources.health.obstacle() {
            None => Page::text(200, "ok"),
            Some(reason) => Page::text(503, &reason),
        }
    }

    /// Whether the process is alive; and for a while whether it is ready, where probes ask for both here.
    fn health(&self) -> Page {
        let within = self.options.ready_within;
        if !within.is_zero() && (self.sources.health.is_draining() || self.started.elapsed() < within) {
            return self.readiness();
        }
        Page::text(200, "ok")
    }

    fn is_own_host(&self, head: &RequestHead) -> bool {
        head.fields.first(Known::Host).is_some_and(|host| is_own_host(host, &self.options.hosts))
    }

    async fn metrics(&self) -> Page {
        let (metrics, reader) = (Arc::clone(&self.sources.metrics), self.sources.reader.clone());
        // It is never closed.
        let turn = Arc::clone(&self.scrapes).acquire_owned().await;
        let (mut writer, mut pieces) = pieces();
        let made = tokio::task::spawn_blocking(move || {
            metrics.prune(&reader);
            // If it cannot be written, whoever asked has left.
            let _written = metrics.write(&mut writer).and_then(|()| writer.finish());
            drop(turn);
        });
        if pieces.begin().await {
            return Page { status: 200, content_type: METRICS, body: Body::Pieces(pieces) };
        }
        made.await.map_or_else(failed, |()| Page::text(500, "nothing was made"))
    }
}

/// The answer where making the page panicked or was cut off.
#[expect(clippy::needless_pass_by_value, reason = "it is called with what `map_or_else` has")]
fn failed(error: tokio::task::JoinError) -> Page {
    Page::text(500, if error.is_panic() { "making the page panicked" } else { "stopping" })
}
