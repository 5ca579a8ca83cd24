//! One question, asked of the simulator and of the proxy.

use http::Version;
use ingress_cli::question::Question;
use ingress_cli::simulate::Simulation;
use ingress_core::decision::Decision;
use ingress_core::policy::HttpVersion;
use serde_json::Value;

use super::certificates::Certificates;
use super::client::{self, Answer, Proxy};
use super::endpoints::{Arrived, Endpoints};
use super::expected;

pub enum Verdict {
    Agrees,
    Differs(String),
    Skipped(&'static str),
}

/// Where the proxy is, and what surrounds it.
pub struct World<'w> {
    pub simulation: &'w Simulation,
    pub proxy: Proxy,
    pub endpoints: &'w Endpoints,
    pub certificates: &'w Certificates,
}

/// The address of clients of which a case says none.
const SOMEBODY: &str = "198.51.100.7";
/// How often a request is sent until the proxy has drawn what the case has: enough for one in a hundred.
const DRAWS: usize = 3_000;
/// Draws that lead wherever draws can lead, in the weights that cases have.
const ALL_DRAWS: [u64; 12] = [0, 1, 7, 29, 30, 49, 50, 99, 100, 150, 199, 999];

/// Asks both.
pub fn of(world: &World<'_>, question: &Question) -> Verdict {
    if let Some(reason) = cannot_be_sent(question) {
        return Verdict::Skipped(reason);
    }
    let answer = |question: &Question| {
        let report = world.simulation.answer(question, false).expect("both evaluators to agree");
        serde_json::to_value(&report).expect("JSON")
    };
    let question = &with(question, "remote_addr", SOMEBODY.into(), question.conn().remote_addr.is_none());
    let report = answer(question);
    if client::body_length(question) > client::MOST_BODY && text(&report, "decision") == "forward" {
        return Verdict::Skipped("bodies too large for a test");
    }
    let others: Vec<Value> = ALL_DRAWS
        .iter()
        .map(|draw| answer(&with(question, "draw", (*draw).into(), true)))
        .filter(|other| outcome(other) != outcome(&report))
        .collect();
    // What a draw decides is sent until the proxy has drawn the same; till then it does one of the other things.
    for _ in 0..DRAWS {
        let Some(differences) = once(world, question, &report) else { return Verdict::Agrees };
        let is_another = !others.is_empty() && others.iter().any(|other| differences.fits(world, question, other));
        if !is_another {
            return Verdict::Differs(differences.text);
        }
    }
    Verdict::Differs("never, however often it is drawn".to_owned())
}

/// The question with another value, if need be.
fn with(question: &Question, key: &str, value: Value, is_needed: bool) -> Question {
    let mut line = question.given.clone();
    if is_needed {
        line[key] = value;
    }
    Question::from_json(line).expect("a request")
}

/// A report without the request that it answers.
fn outcome(report: &Value) -> Value {
    let mut report = report.clone();
    report["request"] = Value::Null;
    report
}

/// An answer that is not the one of a report.
struct Difference {
    text: String,
    seen: Option<(Answer, Vec<Arrived>)>,
}

impl Difference {
    /// Whether it is that of another.
    fn fits(&self, world: &World<'_>, question: &Question, report: &Value) -> bool {
        self.seen
            .as_ref()
            .is_some_and(|(answer, arrived)| difference(world, question, report, answer, arrived).is_none())
    }
}

fn once(world: &World<'_>, question: &Question, report: &Value) -> Option<Difference> {
    let tls = report.get("upstream_tls");
    let name = tls.map(|tls| text(tls, "name")).filter(|name| !name.is_empty());
    let host = report.get("upstream").map(|upstream| text(upstream, "host")).unwrap_or_default();
    let host = host.split(':').next().filter(|host| !host.is_empty());
    world.certificates.name_endpoints(name.or(host).unwrap_or("endpoint.example"));
    world.endpoints.take();
    let answer = match client::ask(world.proxy, world.certificates, question) {
        Ok(answer) => answer,
        // A malformed message is answered with the end of its stream (RFC 9113 8.1.1).
        Err(error) if client::is_refused_stream(&error) && text(report, "decision") == "respond" => {
            let arrived = world.endpoints.take();
            let is_bad = report.get("status").and_then(Value::as_u64) == Some(400) && arrived.is_empty();
            let text = || format!("refused, after {arrived:?}; simulate says {report}");
            return (!is_bad).then(|| Difference { text: text(), seen: None });
        }
        // Who does not end TLS cannot say anything.
        Err(error) if is_end(&error) && is_handed_on(world, question) && text(report, "decision") != "forward" => {
            let arrived = world.endpoints.take();
            return (!arrived.is_empty()).then(|| Difference { text: format!("not closed: {arrived:?}"), seen: None });
        }
        Err(error) => {
            return Some(Difference { text: format!("no answer: {error}; simulate says {report}"), seen: None });
        }
    };
    let arrived = world.endpoints.take();
    let text = difference(world, question, report, &answer, &arrived)?;
    Some(Difference {
        text: format!("{text}; simulate says {report}; {answer:?}; {arrived:?}"),
        seen: Some((answer, arrived)),
    })
}

/// Whether the other side has hung up.
fn is_end(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    [BrokenPipe, ConnectionReset, UnexpectedEof].contains(&error.kind())
}

fn is_handed_on(world: &World<'_>, question: &Question) -> bool {
    let tls = question.conn().tls.as_ref();
    let host = tls.and_then(|tls| world.simulation.snapshot().host_of_handshake(tls.sni.as_deref()));
    host.and_then(|host| host.settings()).is_some_and(|settings| settings.passthrough.is_some())
}

fn is_http2(question: &Question) -> bool {
    question.with_raw(|raw, _| raw.version == Version::HTTP_2)
}

/// A text in an object.
pub fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn cannot_be_sent(question: &Question) -> Option<&'static str> {
    let line_break = |bytes: &[u8]| bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
    if is_http2(question) {
        if !client::is_expressible(question) {
            return Some("no client of HTTP/2 sends that");
        }
    } else if question.with_raw(|raw, headers| {
        line_break(raw.target) || raw.target.contains(&b' ') || headers.iter().any(|(_, value)| line_break(value))
    }) {
        return Some("not a message of HTTP/1");
    }
    let sni = question.conn().tls.as_ref().and_then(|tls| tls.sni.as_deref());
    let is_name = |sni: &str| rustls::pki_types::DnsName::try_from(sni.to_owned()).is_ok();
    if sni.is_some_and(|sni| !is_name(sni)) {
        return Some("a server name that no client of TLS sends");
    }
    None
}

fn difference(
    world: &World<'_>,
    question: &Question,
    report: &Value,
    answer: &Answer,
    arrived: &[Arrived],
) -> Option<String> {
    if text(report, "protocol") == "TLS_PASSTHROUGH" && question.conn().tls.is_some() {
        return passed_through(world, question, report, answer, arrived);
    }
    let shown = answer.certificate.as_deref().map(|der| world.certificates.name(der));
    let wanted = report.get("certificate").and_then(Value::as_str);
    if shown.as_deref() != wanted {
        return Some(format!("certificate {shown:?}, not {wanted:?}"));
    }
    if is_not_enforced(report) {
        let is_closed = answer.status == 503 && arrived.is_empty();
        return (!is_closed).then(|| format!("not closed: {}", answer.status));
    }
    if text(report, "decision") != "forward" {
        let status = report.get("status").and_then(Value::as_u64).unwrap_or(0);
        if u64::from(answer.status) != status {
            return Some(format!("status {}, not {status}", answer.status));
        }
        if !arrived.is_empty() {
            return Some("an endpoint saw it".to_owned());
        }
        return expected::of_own_answer(report, answer.status, &answer.fields);
    }
    let request = match arrival(report, arrived) {
        Ok(request) => request,
        Err(difference) => return Some(difference),
    };
    let is_head = request.method == "HEAD";
    if answer.status != 200 || answer.body != *if is_head { &b""[..] } else { b"origin" } {
        return Some(format!("not the endpoint's answer: {}", answer.status));
    }
    let (version, is_tls) = spoken(world.simulation, question, report);
    if (request.version, request.is_tls) != (version, is_tls) {
        let tls = if request.is_tls { "over TLS" } else { "without TLS" };
        return Some(format!("HTTP/{} was spoken {tls}", request.version));
    }
    let method = question.with_raw(|raw, _| raw.method.to_owned());
    let target = text(&report["upstream"], "target");
    if (&*request.method, &*request.target) != (&*method, target) {
        return Some(format!("the endpoint got `{} {}`", request.method, request.target));
    }
    let length = if client::is_chunked(question) { 5 } else { client::body_length(question) };
    if request.body_bytes != length {
        return Some(format!("{} bytes of the body, not {length}", request.body_bytes));
    }
    expected::of_request(question, report, request)
        .or_else(|| expected::of_response(report, &request.endpoint, &answer.fields))
}

/// The one request at one of the right endpoints.
fn arrival<'a>(report: &Value, arrived: &'a [Arrived]) -> Result<&'a Arrived, String> {
    let [request] = arrived else { return Err(format!("{} requests at endpoints", arrived.len())) };
    let is_right = match report.get("endpoints").and_then(Value::as_array) {
        Some(endpoints) => endpoints.iter().any(|endpoint| endpoint.as_str() == Some(&request.endpoint)),
        None => request.endpoint == backend(report),
    };
    if is_right { Ok(request) } else { Err(format!("endpoint {}", request.endpoint)) }
}

/// The endpoint ends TLS, and gets what the client sends.
fn passed_through(
    world: &World<'_>,
    question: &Question,
    report: &Value,
    answer: &Answer,
    arrived: &[Arrived],
) -> Option<String> {
    let request = match arrival(report, arrived) {
        Ok(request) => request,
        Err(difference) => return Some(difference),
    };
    if !answer.certificate.as_deref().is_some_and(|der| world.certificates.is_of_endpoint(der)) {
        return Some("the endpoint's certificate was not shown".to_owned());
    }
    let target = question.with_raw(|raw, _| String::from_utf8_lossy(raw.target).into_owned());
    (!request.is_tls || request.target != target || answer.status != 200).then(|| "not passed through".to_owned())
}

/// What is spoken with the endpoint.
fn spoken(simulation: &Simulation, question: &Question, report: &Value) -> (&'static str, bool) {
    // Reports do not say which version a policy asks for; a request for no host can have no other.
    let is_old = question.with_view(|view| match view.map(|view| simulation.snapshot().decide(&view)) {
        Ok(Decision::Forward(forward)) => {
            forward.filters().is_some_and(|filters| filters.upstream.http_version == HttpVersion::Http10)
        }
        _ => false,
    });
    let http1 = if is_old || text(&report["upstream"], "host").is_empty() { "1.0" } else { "1.1" };
    match text(report, "protocol") {
        "HTTPS" => (http1, true),
        "AUTO_HTTP" => (http1, question.conn().tls.is_some()),
        "GRPC" => ("2", false),
        "GRPCS" => ("2", true),
        _ => (http1, false),
    }
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
    let auth = report.get("auth");
    auth.is_some_and(|auth| auth.get("basic").is_some() || auth.get("external").is_some())
        || is_limited
        || text(report, "protocol") == "FCGI"
}
