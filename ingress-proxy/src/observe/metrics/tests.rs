//! The text is well-formed, the number of series has a bound, and routes that are gone are not in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ingress_core::diagnostic::{Code, Diagnostic, Diagnostics};
use ingress_core::object::FieldPath;
use ingress_core::publish::Publisher;

use super::*;
use crate::observe::fixture::{snapshot, with_decision};

/// Reads the text as Prometheus does, and refuses what it would refuse. Returned are the samples by name and labels.
fn read(text: &str) -> BTreeMap<String, f64> {
    let (mut samples, mut types) = (BTreeMap::new(), BTreeMap::new());
    let mut family = String::new();
    let is_name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && !name.as_bytes()[0].is_ascii_digit()
    };
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(is_name(name) && !help.is_empty(), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} twice");
            name.clone_into(&mut family);
        } else {
            let (name, labels, value) = sample(line);
            let base = match types[&family].as_str() {
                "histogram" => ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap(),
                _ => &name,
            };
            assert_eq!(base, family, "{line}");
            assert!(labels.keys().all(|label| is_name(label)), "{line}");
            let key = format!("{name} {labels:?}");
            assert!(samples.insert(key, value).is_none(), "twice: {line}");
        }
    }
    assert!(text.ends_with('\n'));
    samples
}

/// Name, labels and value of a line.
fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let mut labels = BTreeMap::new();
    let Some((name, mut rest)) = line.split_once('{') else {
        let (name, value) = line.split_once(' ').unwrap();
        return (name.to_owned(), labels, value.parse().unwrap());
    };
    loop {
        let (label, after) = rest.split_once("=\"").unwrap();
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().unwrap() {
                (place, '"') => break place,
                (_, '\\') => value.push(match chars.next().unwrap().1 {
                    'n' => '\n',
                    other => {
                        assert!(matches!(other, '\\' | '"'), "{line}");
                        other
                    }
                }),
                (_, other) => value.push(other),
            }
        };
        assert!(labels.insert(label.to_owned(), value).is_none(), "label twice: {line}");
        rest = after.split_at(end + 1).1;
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => break,
        }
    }
    (name.to_owned(), labels, rest.strip_prefix("} ").unwrap().parse().unwrap())
}

fn one(samples: &BTreeMap<String, f64>, name: &str, parts: &[&str]) -> f64 {
    let found: Vec<_> = samples
        .iter()
        .filter(|(key, _)| key.split(' ').next() == Some(name) && parts.iter().all(|part| key.contains(part)))
        .collect();
    assert_eq!(found.len(), 1, "{name} {parts:?}: {found:?}");
    *found[0].1
}

fn options() -> Options {
    Options { class: "k8s.io/x".into(), namespace: "sys".into(), pod: "po\"d\\\n".into(), ..Options::default() }
}

#[test]
fn requests_of_all_workers_are_summed() {
    let metrics = Metrics::new(2, options());
    let snapshot = snapshot(&["a.example", "*.b.example"]);
    for index in 0..2 {
        let worker = metrics.worker(index).unwrap();
        for url in ["http://a.example/tea", "http://a.example/tea/1", "http://x.b.example/tea", "http://no.example/"] {
            let route = with_decision(&snapshot, url, |decision| worker.route(RouteLabels::new(decision)));
            route.record(&Sample {
                status: 200,
                duration_us: 30_000,
                upstream_us: Some(7_000),
                request_bytes: 95,
                response_bytes: 2_000,
                ..Sample::default()
            });
        }
    }
    assert!(metrics.worker(2).is_none());
    let samples = read(&metrics.expose());
    let requests = "nginx_ingress_controller_requests";
    let labels = [r#""host": "a.example""#, r#""path": "/tea""#, r#""service": "tea""#, r#""ingress": "cafe""#];
    assert_eq!(one(&samples, requests, &labels), 4.0);
    assert_eq!(one(&samples, requests, &[r#""host": "*.b.example""#, r#""status": "200""#, "GET", "shop"]), 2.0);
    assert_eq!(one(&samples, requests, &["_unmatched"]), 2.0);
    let duration = "nginx_ingress_controller_request_duration_seconds";
    let bucket = |name: &str, bound: &str| {
        one(&samples, &format!("{name}_bucket"), &["a.example", &format!(r#""le": "{bound}""#)])
    };
    assert_eq!((bucket(duration, "0.025"), bucket(duration, "0.05"), bucket(duration, "+Inf")), (0.0, 4.0, 4.0));
    assert_eq!(one(&samples, &format!("{duration}_sum"), &["a.example"]), 0.12);
    assert_eq!(one(&samples, "nginx_ingress_controller_response_duration_seconds_count", &["a.example"]), 4.0);
    let size = "nginx_ingress_controller_request_size";
    assert_eq!((bucket(size, "90.0"), bucket(size, "100.0")), (0.0, 4.0));
    let sent = "nginx_ingress_controller_bytes_sent";
    assert_eq!((bucket(sent, "1000.0"), bucket(sent, "10000.0")), (0.0, 4.0));
    assert!(!samples.keys().any(|key| key.starts_with("nginx_ingress_controller_connect_duration_seconds_")));
    assert!(
        samples.keys().all(|key| key.starts_with("nginx_ingress_controller_") || key.starts_with("ingress_proxy_"))
    );
}

#[test]
fn the_configuration_and_the_workers_own_counts_are_told() {
    let metrics = Metrics::new(1, options());
    let worker = metrics.worker(0).unwrap();
    worker.accepted.add(3);
    worker.rejected.increment();
    worker.open_http2.increment();
    worker.open_http1.increment();
    worker.open_http1.decrement();
    worker.refused.count("no-host");
    worker.refused.count("head-too-large");
    worker.refused.count("no-host");
    metrics.panicked();
    metrics.access_log_dropped(5);
    let finding = Diagnostic::new(Code::InvalidHost, None, FieldPath::named(&"spec"), "`x`");
    let diagnostics: Diagnostics = [finding].into_iter().collect();
    metrics.reloaded(&Reload { hash: 77, unix_seconds: 1_800_000_000, hosts: 2 });
    metrics.found(&diagnostics);
    metrics.reload_failed();
    metrics.set_certificates([("a.example".into(), 1_900_000_000)]);
    assert!(!metrics.expose().contains("leader"), "nobody is elected");
    metrics.set_leading("ingress-leader", true);
    let samples = read(&metrics.expose());
    let is = |name: &str, parts: &[&str], value: f64| assert_eq!(one(&samples, name, parts), value, "{name}");
    is("nginx_ingress_controller_nginx_process_connections", &["active"], 1.0);
    is("nginx_ingress_controller_nginx_process_connections_total", &["accepted"], 3.0);
    is("nginx_ingress_controller_nginx_process_connections_total", &["handled"], 2.0);
    is("nginx_ingress_controller_config_last_reload_successful", &["sys", "k8s.io/x"], 0.0);
    is("nginx_ingress_controller_config_hash", &[], 77.0);
    is("nginx_ingress_controller_success", &[], 1.0);
    is("nginx_ingress_controller_leader_election_status", &["ingress-leader", "sys"], 1.0);
    is("nginx_ingress_controller_errors", &[], 1.0);
    is("nginx_ingress_controller_ssl_expire_time_seconds", &["a.example", "sys"], 1.9e9);
    is("ingress_proxy_refused_requests_total", &["no-host"], 2.0);
    is("ingress_proxy_refused_requests_total", &["head-too-large"], 1.0);
    is("ingress_proxy_diagnostics", &["ING0305", "invalid-host", "error"], 1.0);
    is("ingress_proxy_panics_total", &[], 1.0);
    is("ingress_proxy_access_log_dropped_total", &[], 5.0);
    is("ingress_proxy_open_connections", &["http2"], 1.0);
    is("ingress_proxy_open_connections", &["http1"], 0.0);
}

#[test]
fn clients_cannot_make_series() {
    let metrics = Metrics::new(1, Options::default());
    let snapshot = snapshot(&["a.example", "*.b.example"]);
    let worker = metrics.worker(0).unwrap();
    let ask = |rounds: std::ops::Range<u64>| {
        for round in rounds {
            let random = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
            let host = match round % 4 {
                0 => "a.example".to_owned(),
                1 => format!("h{random}.b.example"),
                _ => format!("h{random}.example"),
            };
            let url =
                format!("http://{host}/{}", if round % 3 == 0 { format!("tea/{random}") } else { random.to_string() });
            let route = with_decision(&snapshot, &url, |decision| worker.route(RouteLabels::new(decision)));
            let method = format!("M{random}");
            let method = if round % 2 == 0 { "GET" } else { &method };
            route.record(&Sample { method: Method::of(method.as_bytes()), status: 404, ..Sample::default() });
        }
    };
    ask(0..1_000);
    let names = |text: String| read(&text).into_keys().collect::<BTreeSet<_>>();
    let before = names(metrics.expose());
    ask(1_000..100_000);
    assert_eq!(names(metrics.expose()), before);
    let total: f64 = one(&read(&metrics.expose()), "nginx_ingress_controller_nginx_process_requests_total", &[]);
    assert_eq!(total, 100_000.0);
}

#[test]
fn routes_that_are_gone_have_no_series() {
    let metrics = Metrics::new(1, Options::default());
    let mut publisher = Publisher::default();
    let reader = publisher.reader();
    let worker = metrics.worker(0).unwrap();
    let ask = |url: &str| {
        let snapshot = reader.load_full();
        with_decision(&snapshot, url, |decision| worker.route(RouteLabels::new(decision)))
            .record(&Sample { status: 200, ..Sample::default() });
    };
    let count = |host: &str| {
        let samples = read(&metrics.expose());
        samples
            .iter()
            .filter(|(key, _)| key.starts_with("nginx_ingress_controller_requests ") && key.contains(host))
            .count()
    };
    let both = snapshot(&["a.example", "b.example"]);
    publisher.publish(Arc::clone(&both));
    ask("http://a.example/tea");
    ask("http://b.example/tea");
    metrics.prune(&reader);
    assert_eq!((count("a.example"), count("b.example")), (1, 1));
    publisher.publish(snapshot(&["a.example"]));
    metrics.prune(&reader);
    assert_eq!((count("a.example"), count("b.example")), (1, 0));
    // A route that comes back at its old place in memory is counted anew, and the other goes on.
    publisher.publish(both);
    ask("http://a.example/tea");
    ask("http://b.example/tea");
    metrics.prune(&reader);
    let samples = read(&metrics.expose());
    let requests = |host: &str| one(&samples, "nginx_ingress_controller_requests", &[host]);
    assert_eq!((requests("a.example"), requests("b.example")), (2.0, 1.0));
}

#[test]
fn more_routes_than_allowed_are_counted_together() {
    let metrics = Metrics::new(1, Options { max_routes: 3, ..Options::default() });
    let hosts: Vec<String> = (0..50).map(|index| format!("h{index}.example")).collect();
    let snapshot = snapshot(&hosts.iter().map(String::as_str).collect::<Vec<_>>());
    let worker = metrics.worker(0).unwrap();
    for host in &hosts {
        let route = with_decision(&snapshot, &format!("http://{host}/tea"), |decision| {
            worker.route(RouteLabels::new(decision))
        });
        route.record(&Sample { status: 200, ..Sample::default() });
    }
    let samples = read(&metrics.expose());
    assert_eq!(one(&samples, "nginx_ingress_controller_requests", &["_other"]), 44.0);
    let series = samples.keys().filter(|key| key.starts_with("nginx_ingress_controller_requests ")).count();
    assert_eq!(series, 7, "twice three, whoever asks, and the others");
}
