//! The figures as text.
//!
//! The format is Prometheus' own (0.0.4) and not OpenMetrics: that wants counters to be called `_total`, which
//! ingress-nginx's are not. So counters are declared as such and written like gauges, which adds nothing to their names.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::Metrics;
use super::histogram::{Times, Total};
use super::labels::{Outcome, RouteLabels};
use super::series::Totals;
use super::worker::WorkerMetrics;

/// Writes all figures in Prometheus' text format.
pub(super) fn write(metrics: &Metrics, to: &mut impl fmt::Write) -> fmt::Result {
    let options = &metrics.options;
    let constant = [
        ("controller_class", &options.class),
        ("controller_namespace", &options.namespace),
        ("controller_pod", &options.pod),
    ];
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Own::new(metrics)));
    let constant = constant.into_iter().map(|(name, value)| (name.into(), value.clone().into()));
    registry.sub_registry_with_labels(constant).register_collector(Box::new(Nginx::new(metrics)));
    encode_registry(to, &registry)
}

/// What ingress-nginx has under the same names.
#[derive(Debug)]
struct Nginx {
    routes: BTreeMap<(Arc<RouteLabels>, Outcome), Totals>,
    connections: [(&'static str, u64); 4],
    accepted: u64,
    handled: u64,
    /// Requests that no route has, or that one had which is forgotten.
    beside: u64,
    hash: u64,
    is_complete: bool,
    last_good: u64,
    swaps: u64,
    failures: u64,
    leading: Option<(Box<str>, bool)>,
}

impl Nginx {
    fn new(metrics: &Metrics) -> Self {
        let mut routes: BTreeMap<_, Totals> = BTreeMap::new();
        for (labels, route) in metrics.workers.iter().flat_map(|worker| worker.routes()) {
            for (outcome, part) in route.parts() {
                part.add_to(routes.entry((Arc::clone(&labels), outcome)).or_default());
            }
        }
        let sum = |of: fn(&WorkerMetrics) -> u64| sum(metrics, of);
        let control = metrics.control();
        Self {
            routes,
            connections: [
                ("active", sum(open)),
                ("reading", sum(|worker| worker.reading.get())),
                ("waiting", sum(|worker| worker.waiting.get())),
                ("writing", sum(|worker| worker.writing.get())),
            ],
            accepted: sum(|worker| worker.accepted.get()),
            handled: sum(|worker| worker.accepted.get().wrapping_sub(worker.rejected.get())),
            beside: sum(|worker| {
                [&worker.unread, &worker.forgotten, &worker.late].iter().fold(0, |sum, it| it.get().wrapping_add(sum))
            }),
            hash: control.hash,
            is_complete: control.is_complete,
            last_good: control.last_good,
            swaps: control.swaps,
            failures: control.failures,
            leading: control.leading.clone(),
        }
    }

    /// Writes a histogram of each route that has it.
    fn histogram(
        &self,
        to: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        of: impl Fn(&Totals) -> (f64, u64, Vec<(f64, u64)>),
    ) -> fmt::Result {
        let mut metric = to.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for ((labels, outcome), totals) in &self.routes {
            let (sum, count, buckets) = of(totals);
            if count > 0 {
                let status = outcome.status();
                let labels = request_labels(labels, *outcome, &status);
                metric.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
            }
        }
        Ok(())
    }
}

impl Collector for Nginx {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let to = &mut to;
        let time = |total: &Total<{ Times::SLOTS }>| (total.sum as f64 / 1e6, total.count(), total.times());
        let name = "nginx_ingress_controller_requests";
        let mut requests =
            to.encode_descriptor(name, "The total number of client requests", None, MetricType::Counter)?;
        let mut all = self.beside;
        for ((labels, outcome), totals) in &self.routes {
            let status = outcome.status();
            let count = totals.durations.count();
            all = all.wrapping_add(count);
            requests.encode_family(&request_labels(labels, *outcome, &status))?.encode_gauge(&count)?;
        }
        let name = "nginx_ingress_controller_request_duration_seconds";
        self.histogram(to, name, "From the first byte of a request to the last of its response", |it| {
            time(&it.durations)
        })?;
        let name = "nginx_ingress_controller_response_duration_seconds";
        self.histogram(to, name, "From asking the endpoint to the end of its response", |it| time(&it.upstream))?;
        let name = "nginx_ingress_controller_header_duration_seconds";
        self.histogram(to, name, "From asking the endpoint to the head of its response", |it| time(&it.headers))?;
        let name = "nginx_ingress_controller_connect_duration_seconds";
        self.histogram(to, name, "Until there was a connection to the endpoint", |it| time(&it.connects))?;
        let name = "nginx_ingress_controller_request_size";
        self.histogram(to, name, "Bytes of requests with their heads", |Totals { requests, .. }| {
            (requests.sum as f64, requests.count(), requests.lengths())
        })?;
        let name = "nginx_ingress_controller_response_size";
        self.histogram(to, name, "Bytes of responses with their heads", |Totals { responses, .. }| {
            (responses.sum as f64, responses.count(), responses.lengths())
        })?;
        let name = "nginx_ingress_controller_bytes_sent";
        self.histogram(
            to,
            name,
            "Bytes of responses with their heads, by powers of ten",
            |Totals { responses, .. }| (responses.sum as f64, responses.count(), responses.powers()),
        )?;

        let name = "nginx_ingress_controller_nginx_process_connections";
        labelled(to, name, "Client connections by state", MetricType::Gauge, "state", self.connections)?;
        let name = "nginx_ingress_controller_nginx_process_connections_total";
        let states = [("accepted", self.accepted), ("handled", self.handled)];
        labelled(to, name, "Client connections since the start", MetricType::Counter, "state", states)?;
        let name = "nginx_ingress_controller_nginx_process_requests_total";
        single(to, name, "Client requests since the start", MetricType::Counter, all)?;
        let name = "nginx_ingress_controller_config_hash";
        single(to, name, "A number that differs when the configuration does", MetricType::Gauge, self.hash)?;
        let name = "nginx_ingress_controller_config_last_reload_successful";
        single(
            to,
            name,
            "Whether all of the configuration could be read and is in force",
            MetricType::Gauge,
            u64::from(self.is_complete),
        )?;
        let name = "nginx_ingress_controller_config_last_reload_successful_timestamp_seconds";
        single(to, name, "When a configuration was last put in force", MetricType::Gauge, self.last_good)?;
        if let Some((lease, leads)) = &self.leading {
            let name = "nginx_ingress_controller_leader_election_status";
            let leads = [(&**lease, u64::from(*leads))];
            labelled(to, name, "Whether this replica leads", MetricType::Gauge, "name", leads)?;
        }
        let name = "nginx_ingress_controller_success";
        single(to, name, "Configurations that were put in force", MetricType::Counter, self.swaps)?;
        let name = "nginx_ingress_controller_errors";
        single(to, name, "Parts of a configuration that could not be read", MetricType::Counter, self.failures)
    }
}

/// What ingress-nginx has not, and what has other labels there than the rest.
#[derive(Debug)]
struct Own {
    counters: Vec<(&'static str, &'static str, MetricType, u64)>,
    open: [(&'static str, u64); 4],
    handshakes: [(&'static str, u64); 2],
    /// By reason: name, help, what the label is called, counts.
    reasons: Vec<(&'static str, &'static str, BTreeMap<&'static str, u64>)>,
    diagnostics: Vec<([(&'static str, &'static str); 3], u64)>,
    class: String,
    namespace: String,
    certificates: Vec<(Box<str>, i64)>,
    reviews: Vec<(&'static str, Total<{ Times::SLOTS }>)>,
    comparisons: BTreeMap<&'static str, u64>,
}

impl Own {
    fn new(metrics: &Metrics) -> Self {
        let sum = |of: fn(&WorkerMetrics) -> u64| sum(metrics, of);
        let reasons = |of: fn(&WorkerMetrics) -> &super::Reasons| {
            let mut counts = BTreeMap::new();
            for (reason, count) in metrics.workers.iter().flat_map(|worker| of(worker).iter()) {
                *counts.entry(reason).or_insert(0_u64) += count;
            }
            counts
        };
        let control = metrics.control();
        let (count, gauge) = (|| MetricType::Counter, || MetricType::Gauge);
        let dropped = metrics.access_log_dropped.load(Ordering::Relaxed);
        let panics = metrics.panics.load(Ordering::Relaxed);
        let counters = vec![
            ("connections_rejected_total", "Connections closed because there were too many", count(), {
                sum(|worker| worker.rejected.get())
            }),
            ("upstream_connects_total", "Attempts to connect to endpoints", count(), {
                sum(|worker| worker.upstream_connects.get())
            }),
            ("upstream_reuses_total", "Requests sent over a connection that was there", count(), {
                sum(|worker| worker.upstream_reuses.get())
            }),
            ("upstream_open_connections", "Open connections to endpoints", gauge(), {
                sum(|worker| worker.upstream_open.get())
            }),
            ("upstream_retries_total", "Requests sent once more", count(), sum(|worker| worker.upstream_retries.get())),
            ("upstream_ejections_total", "Endpoints left out for their failures", count(), {
                sum(|worker| worker.upstream_ejections.get())
            }),
            ("tls_resumptions_total", "Handshakes that resumed a session", count(), {
                sum(|worker| worker.tls_resumed.get())
            }),
            ("access_log_lines_total", "Lines of the access log", count(), sum(|worker| worker.access_log_lines.get())),
            ("access_log_dropped_total", "Lines of the access log that were lost", count(), dropped),
            ("panics_total", "Tasks that panicked", count(), panics),
            ("snapshot_swaps_total", "Snapshots put in force", count(), control.swaps),
            ("hosts", "Hosts of the snapshot in force", gauge(), control.hosts as u64),
        ];
        Self {
            counters,
            open: [
                ("http1", sum(|worker| worker.open_http1.get())),
                ("http2", sum(|worker| worker.open_http2.get())),
                ("new", sum(|worker| worker.open_new.get())),
                ("tunnel", sum(|worker| worker.open_tunnels.get())),
            ],
            handshakes: [("TLSv1.2", sum(|worker| worker.tls12.get())), ("TLSv1.3", sum(|worker| worker.tls13.get()))],
            reasons: vec![
                ("upstream_failures_total", "Failures of endpoints", reasons(|worker| &worker.upstream_failures)),
                ("tls_handshake_failures_total", "Handshakes that failed", reasons(|worker| &worker.tls_failures)),
                ("refused_requests_total", "Requests that were refused", reasons(|worker| &worker.refused)),
                ("restrictions_not_enforced_total", "Requests refused because a restriction cannot be enforced", {
                    reasons(|worker| &worker.not_enforced)
                }),
                ("http2_floods_total", "HTTP/2 connections closed for abuse", reasons(|worker| &worker.http2_floods)),
            ],
            diagnostics: control
                .diagnostics
                .iter()
                .map(|((code, severity), count)| {
                    ([("code", code.id()), ("slug", code.slug()), ("severity", severity.as_str())], *count)
                })
                .collect(),
            class: metrics.options.class.clone(),
            namespace: metrics.options.namespace.clone(),
            certificates: control.certificates.clone(),
            comparisons: control.comparisons.clone(),
            reviews: control
                .reviews
                .iter()
                .map(|(result, times)| {
                    let mut total = Total::default();
                    total.add(times);
                    (*result, total)
                })
                .collect(),
        }
    }
}

impl Collector for Own {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let to = &mut to;
        for (name, help, kind, value) in &self.counters {
            let kind = match kind {
                MetricType::Gauge => MetricType::Gauge,
                _ => MetricType::Counter,
            };
            single(to, &format!("ingress_proxy_{name}"), help, kind, *value)?;
        }
        let name = "ingress_proxy_open_connections";
        labelled(to, name, "Client connections by protocol", MetricType::Gauge, "protocol", self.open)?;
        let name = "ingress_proxy_tls_handshakes_total";
        labelled(to, name, "Handshakes that were done", MetricType::Counter, "version", self.handshakes)?;
        for (name, help, counts) in &self.reasons {
            let counts = counts.iter().map(|(reason, count)| (*reason, *count));
            labelled(to, &format!("ingress_proxy_{name}"), help, MetricType::Counter, "reason", counts)?;
        }
        let name = "ingress_proxy_diagnostics";
        let mut metric =
            to.encode_descriptor(name, "Findings in the configuration in force", None, MetricType::Gauge)?;
        for (labels, count) in &self.diagnostics {
            metric.encode_family(labels)?.encode_gauge(count)?;
        }
        if !self.reviews.is_empty() {
            let name = "ingress_proxy_admission_review_duration_seconds";
            let help = "From the head of a question to the validating webhook's answer";
            let mut metric = to.encode_descriptor(name, help, None, MetricType::Histogram)?;
            for (result, total) in &self.reviews {
                let (sum, times) = (total.sum as f64 / 1e6, total.times());
                let label = [("result", *result)];
                metric.encode_family(&label)?.encode_histogram::<NoLabelSet>(sum, total.count(), &times, None)?;
            }
        }
        if !self.comparisons.is_empty() {
            let name = "ingress_proxy_shadow_comparisons_total";
            let help = "Answers compared with those of the controller that this one is the shadow of";
            let mut metric = to.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (result, count) in &self.comparisons {
                metric.encode_family(&[("result", *result)])?.encode_gauge(count)?;
            }
        }
        let name = "nginx_ingress_controller_ssl_expire_time_seconds";
        let mut metric = to.encode_descriptor(name, "When certificates expire", None, MetricType::Gauge)?;
        for (host, expires) in &self.certificates {
            let labels = [("class", &*self.class), ("host", host), ("namespace", &*self.namespace)];
            metric.encode_family(&labels)?.encode_gauge(expires)?;
        }
        Ok(())
    }
}

fn sum(metrics: &Metrics, of: fn(&WorkerMetrics) -> u64) -> u64 {
    metrics.workers.iter().map(|worker| of(worker)).fold(0, u64::wrapping_add)
}

fn open(worker: &WorkerMetrics) -> u64 {
    let open = [&worker.open_new, &worker.open_http1, &worker.open_http2, &worker.open_tunnels];
    open.iter().map(|gauge| gauge.get()).fold(0, u64::wrapping_add)
}

fn request_labels<'l>(labels: &'l RouteLabels, outcome: Outcome, status: &'l str) -> [(&'static str, Cow<'l, str>); 8] {
    [
        ("status", status.into()),
        ("method", outcome.method().into()),
        ("path", labels.path().into()),
        ("namespace", labels.namespace().into()),
        ("ingress", labels.ingress().into()),
        ("service", labels.service().into()),
        ("canary", labels.canary().into()),
        ("host", labels.host()),
    ]
}

fn single(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, kind: MetricType, value: u64) -> fmt::Result {
    to.encode_descriptor(name, help, None, kind)?.encode_gauge(&value)
}

fn labelled<'v>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    kind: MetricType,
    label: &str,
    values: impl IntoIterator<Item = (&'v str, u64)>,
) -> fmt::Result {
    let mut metric = to.encode_descriptor(name, help, None, kind)?;
    for (text, value) in values {
        metric.encode_family(&[(label, text)])?.encode_gauge(&value)?;
    }
    Ok(())
}
