//! A shadow beside the controller in charge, which is another proxy here: what it serves, what it asks, and what it counts.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ingress_core::dialect::{Dialects, Nginx};
use ingress_core::lower::Options;
use ingress_proxy::observe::error_log::ErrorLog;
use ingress_proxy::observe::metrics::{self, Metrics};
use ingress_proxy::shadow::{self, Shadow};
use support::client::Client;
use support::http2;
use support::origin::Origin;
use support::site::{Site, config};
use support::tls::trusting_anybody;

const PATIENCE: Duration = Duration::from_secs(30);

/// The host leads to the endpoint; with TLS whoever comes without is sent there.
fn route(name: &str, host: &str, endpoint: &Origin, more: &str) -> String {
    let (ip, port) = (endpoint.address.ip(), endpoint.address.port());
    format!(
        r#"
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: {name}, annotations: {{{more}}}}}
spec:
  rules:
  - host: {host}
    http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: {name}, port: {{number: 80}}}}}}}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{ports: [{{port: 80}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{port: {port}}}]
endpoints: [{{addresses: ["{ip}"]}}]
---
"#
    )
}

/// A shadow, and the controller in charge.
struct Pair {
    shadow: Site,
    metrics: Arc<Metrics>,
    in_charge: Site,
    endpoint: Origin,
}

impl Pair {
    /// What the two are told, with the endpoint that all routes lead to; and how often the one asks the other.
    fn new(ours: &[(&str, &str)], theirs: &[(&str, &str)], rate: u32) -> Self {
        let endpoint = Origin::constant("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        let manifest = |routes: &[(&str, &str)]| -> String {
            let routes = routes.iter().enumerate();
            routes.map(|(number, (host, more))| route(&format!("r{number}"), host, &endpoint, more)).collect()
        };
        let options = || {
            let mut options = Options::default();
            options.dialects = Dialects::only(Arc::new(Nginx::new(true)));
            options
        };
        let in_charge = Site::with_options(&manifest(theirs), config(), options());
        let metrics = Metrics::new(1, metrics::Options::default());
        let asks = shadow::Options {
            http: Some(format!("http://{}", in_charge.http).parse().expect("a target")),
            https: Some(format!("https://{}", in_charge.https).parse().expect("a target")),
            rate,
        };
        let shadow = Shadow::start(asks, Arc::clone(&metrics), ErrorLog::new(Box::new(std::io::sink())));
        let mut config = config();
        config.shadow = Some(shadow.expect("a shadow"));
        Self { shadow: Site::with_options(&manifest(ours), config, options()), metrics, in_charge, endpoint }
    }

    /// The status of the shadow's answer.
    fn ask(&self, request: &str) -> u16 {
        Client::new(self.shadow.http).send(request).answer().expect("an answer").status
    }

    fn get(&self, host: &str) -> u16 {
        self.ask(&format!("GET /a?token=b HTTP/1.1\r\nHost: {host}\r\nCookie: c=d\r\n\r\n"))
    }

    fn compared(&self, result: &str) -> usize {
        let page = self.metrics.expose();
        let name = format!("ingress_proxy_shadow_comparisons_total{{result=\"{result}\"}} ");
        page.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or_default()
    }

    fn until(&self, result: &str, count: usize) {
        let began = Instant::now();
        while self.compared(result) < count {
            assert!(began.elapsed() < PATIENCE, "never {count} of {result}: {}", self.metrics.expose());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// How many requests of a method the endpoint has had.
    fn seen(&self, method: &str) -> usize {
        self.endpoint.text().matches(&format!("{method} /")).count()
    }
}

#[test]
fn answers_are_compared() {
    let temporal = "nginx.ingress.kubernetes.io/temporal-redirect";
    let (to_x, to_y) = (format!("{temporal}: 'https://x.example/'"), format!("{temporal}: 'https://y.example/'"));
    let pair = Pair::new(
        &[("same.example", ""), ("new.example", ""), ("moved.example", &to_x)],
        &[("same.example", ""), ("moved.example", &to_y)],
        1_000,
    );
    assert_eq!(pair.get("same.example"), 200);
    pair.until("same", 1);
    assert_eq!(pair.seen("GET"), 2, "once for each of them");
    let text = pair.endpoint.text();
    assert_eq!(text.matches("GET /a?token=b HTTP/1.1").count(), 2, "{text}");
    assert_eq!(text.to_lowercase().matches("cookie: c=d").count(), 2, "{text}");
    assert_eq!(text.to_lowercase().matches("x-ingress-shadow: 1").count(), 1, "{text}");
    assert_eq!(pair.get("new.example"), 200);
    pair.until("status", 1);
    assert_eq!(pair.get("moved.example"), 302);
    pair.until("location", 1);
    assert_eq!(pair.get("nowhere.example"), 404);
    pair.until("same", 2);
    assert_eq!((pair.compared("status"), pair.compared("location"), pair.compared("unanswered")), (1, 1, 0));
}

#[test]
fn over_tls_and_http2_too() {
    let pair = Pair::new(&[("same.example", ""), ("new.example", "")], &[("same.example", "")], 1_000);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for (host, result) in [("same.example", "same"), ("new.example", "status")] {
        let status = runtime.block_on(async {
            let client = http2::Client::tls(pair.shadow.https, trusting_anybody(), host).await;
            client.get(host, "/").await.status
        });
        assert_eq!(status, 200);
        pair.until(result, 1);
    }
}

#[test]
fn nothing_is_done_that_counts() {
    let pair = Pair::new(&[("same.example", "")], &[("same.example", "")], 1_000);
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let request = format!("{method} / HTTP/1.1\r\nHost: same.example\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(pair.ask(&request), 503, "{method}");
    }
    let body = "GET / HTTP/1.1\r\nHost: same.example\r\nContent-Length: 2\r\n\r\nhi";
    assert_eq!(pair.ask(body), 503);
    let own = "GET / HTTP/1.1\r\nHost: same.example\r\nx-ingress-shadow: 1\r\n\r\n";
    assert_eq!(pair.ask(own), 503, "a question is not asked again");
    assert_eq!(pair.get("same.example"), 200);
    pair.until("same", 1);
    assert_eq!(pair.endpoint.text().matches(" HTTP/1.1\r\n").count(), 2, "{}", pair.endpoint.text());
}

#[test]
fn it_asks_no_more_often_than_it_may() {
    let pair = Pair::new(&[("same.example", "")], &[("same.example", "")], 2);
    let began = Instant::now();
    let mut client = Client::new(pair.shadow.http);
    for _ in 0..200 {
        let request = "GET / HTTP/1.1\r\nHost: same.example\r\n\r\n";
        assert_eq!(client.send(request).answer().expect("an answer").status, 200);
    }
    let most = 2 * (usize::try_from(began.elapsed().as_secs()).expect("seconds") + 2);
    pair.until("same", 2);
    std::thread::sleep(Duration::from_millis(100));
    assert!(pair.compared("same") <= most, "{} and not {most}", pair.compared("same"));
    assert!(pair.seen("GET") <= 200 + most);
}

#[test]
fn a_controller_that_does_not_answer_costs_no_request() {
    let pair = Pair::new(&[("same.example", "")], &[("same.example", "")], 1_000);
    pair.in_charge.running.stop();
    // Until its listeners are gone it may answer still.
    let began = Instant::now();
    while pair.compared("unanswered") == 0 {
        assert_eq!(pair.get("same.example"), 200);
        assert!(began.elapsed() < PATIENCE, "it still answers");
        std::thread::sleep(Duration::from_millis(5));
    }
}
