//! One question, asked of the simulator and of the proxy.

use http::Version;
use ingress_cli::question::Question;
use ingress_cli::simulate::Simulation;
use ingress_core::decision::Decision;
use ingress_core::policy::HostSettings;
use serde_json::Value;

use super::certificates::Certificates;
use super::client::{self, Answer};
use super::endpoints::{Arrived, Endpoints, header};
use super::support::site::Site;

pub(crate) enum Verdict {
    Agrees,
    Differs(String),
    Skipped(&'static str),
}

/// Asks both.
pub(crate) fn of(
    site: &Site,
    endpoints: &Endpoints,
    certificates: &Certificates,
    simulation: &Simulation,
    question: &Question,
) -> Verdict {
    let report = simulation.answer(question, false).expect("both evaluators to agree");
    let report = serde_json::to_value(&report).expect("JSON");
    if let Some(reason) = cannot_be_seen(simulation, question, &report) {
        return Verdict::Skipped(reason);
    }
    endpoints.take();
    let answer = match client::ask(site.http, site.https, question) {
        Ok(answer) => answer,
        Err(error) => return Verdict::Differs(format!("no answer: {error}; simulate says {report}")),
    };
    let arrived = endpoints.take();
    let shown = answer.certificate.as_deref().map(|der| certificates.name(der));
    let wanted = report.get("certificate").and_then(Value::as_str);
    if shown.as_deref() != wanted {
        return Verdict::Differs(format!("certificate {shown:?}, not {wanted:?}"));
    }
    match difference(&report, &answer, &arrived) {
        None => Verdict::Agrees,
        Some(difference) => Verdict::Differs(format!("{difference}; simulate says {report}; {answer:?}; {arrived:?}")),
    }
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn cannot_be_seen(simulation: &Simulation, question: &Question, report: &Value) -> Option<&'static str> {
    let is_http1 = question.with_raw(|raw, _| raw.version <= Version::HTTP_11);
    if !is_http1 {
        return Some("HTTP/2");
    }
    let line_break = |bytes: &[u8]| bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
    if question.with_raw(|raw, headers| {
        line_break(raw.target) || raw.target.contains(&b' ') || headers.iter().any(|(_, value)| line_break(value))
    }) {
        return Some("not a message of HTTP/1");
    }
    let conn = question.conn();
    let asks_certificates =
        |settings: Option<&HostSettings>| settings.is_some_and(|it| it.client_certificate.is_some());
    let sni = conn.tls.as_ref().map(|tls| tls.sni.as_deref());
    if sni
        .is_some_and(|sni| asks_certificates(simulation.snapshot().host_of_handshake(sni).and_then(|it| it.settings())))
        || conn.tls.as_ref().is_some_and(|tls| tls.client_certificate.is_some())
    {
        return Some("client certificates, which have tests of their own");
    }
    if conn.remote_addr.is_none() && text(report, "reason").starts_with("address-") {
        return Some("a client without an address");
    }
    if client::body_length(question) > client::MOST_BODY && text(report, "decision") == "forward" {
        return Some("bodies too large for a test");
    }
    if depends_on_the_draw(simulation, question) {
        return Some("weights");
    }
    match text(report, "protocol") {
        "" | "HTTP" => {}
        "AUTO_HTTP" if conn.tls.is_none() => {}
        "TLS_PASSTHROUGH" => return Some("TLS passthrough, which has tests of its own"),
        "FCGI" => {}
        _ => return Some("endpoints with TLS or HTTP/2, which have tests of their own"),
    }
    None
}

/// Whether another random number leads elsewhere.
fn depends_on_the_draw(simulation: &Simulation, question: &Question) -> bool {
    let backends = [0, 1, 7, 49, 50, 99, 100, 150, 199, 999].map(|draw| {
        let mut line = question.given.clone();
        line["draw"] = draw.into();
        let question = Question::from_json(line).expect("a request");
        question.with_view(|view| match view.map(|view| simulation.snapshot().decide(&view)) {
            Ok(Decision::Forward(forward)) => forward.backend.to_string(),
            _ => String::new(),
        })
    });
    backends.iter().any(|backend| *backend != backends[0])
}

fn difference(report: &Value, answer: &Answer, arrived: &[Arrived]) -> Option<String> {
    if text(report, "decision") != "forward" {
        let status = report.get("status").and_then(Value::as_u64).unwrap_or(0);
        if u64::from(answer.status) != status {
            return Some(format!("status {}, not {status}", answer.status));
        }
        if !arrived.is_empty() {
            return Some("an endpoint saw it".to_owned());
        }
        let location = report.get("location").and_then(Value::as_str);
        if header(&answer.head, "location") != location {
            return Some(format!("location {:?}, not {location:?}", header(&answer.head, "location")));
        }
        return response_headers(report, answer);
    }
    if is_not_enforced(report) {
        let is_closed = answer.status == 503 && arrived.is_empty();
        return (!is_closed).then(|| format!("not closed: {}", answer.status));
    }
    let [request] = arrived else { return Some(format!("{} requests at endpoints", arrived.len())) };
    if answer.status != 200 || header(&answer.head, "x-origin").is_none() {
        return Some(format!("not the endpoint's answer: {}", answer.status));
    }
    let is_right = match report.get("endpoints").and_then(Value::as_array) {
        Some(endpoints) => endpoints.iter().any(|endpoint| endpoint.as_str() == Some(&request.endpoint)),
        None => request.endpoint == backend(report),
    };
    if !is_right {
        return Some(format!("endpoint {}", request.endpoint));
    }
    let upstream = &report["upstream"];
    let line = request.head.lines().next().unwrap_or_default();
    if line.split(' ').nth(1) != Some(text(upstream, "target")) {
        return Some(format!("sent `{line}`"));
    }
    if header(&request.head, "host").unwrap_or_default() != text(upstream, "host") {
        return Some(format!("Host {:?}", header(&request.head, "host")));
    }
    let set = upstream.get("headers").and_then(Value::as_object);
    for (name, value) in set.into_iter().flatten() {
        if header(&request.head, name) != value.as_str().map(str::trim) {
            return Some(format!("header {name} is {:?}", header(&request.head, name)));
        }
    }
    response_headers(report, answer)
}

/// The backend as it is written in short.
fn backend(report: &Value) -> String {
    let backend = &report["backend"];
    let port = &backend["port"];
    let port =
        port.as_str().map_or_else(|| if port.is_null() { "first".to_owned() } else { port.to_string() }, Into::into);
    format!("{}/{}:{port}", text(backend, "namespace"), text(backend, "service"))
}

/// What the proxy does not enforce yet closes the route.
fn is_not_enforced(report: &Value) -> bool {
    let limit = |key| report.get("limits").and_then(|limits| limits.get(key)).and_then(Value::as_u64).unwrap_or(0);
    let is_limited = limit("connections") + limit("rps") + limit("rpm") > 0;
    report.get("auth").is_some_and(|auth| auth.get("basic").is_some() || auth.get("external").is_some())
        || is_limited
        || text(report, "protocol") == "FCGI"
}

fn response_headers(report: &Value, answer: &Answer) -> Option<String> {
    let wanted = report.get("response_headers").and_then(Value::as_object);
    wanted.into_iter().flatten().find_map(|(name, value)| {
        let found = header(&answer.head, name);
        (found != value.as_str().map(str::trim)).then(|| format!("response header {name} is {found:?}"))
    })
}
