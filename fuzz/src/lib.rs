//! What the fuzz targets do, as functions, so that the corpora also run as ordinary tests.
//!
//! A function panics when something is wrong and returns otherwise. How to run the targets is in the README beside this.

mod annotations;
mod http1;
mod http2;
mod proxy_header;
mod requests;
mod review;
pub mod world;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Version;
use ingress_cli::input::Manifests;
use ingress_core::compiler::Compiler;
use ingress_core::host::HostPattern;
use ingress_core::lower::{Options, lower};
use ingress_core::model::CertificateState;
use ingress_core::object::{Kind, ObjectRef};
use ingress_core::policy::RouteTable;
use ingress_core::request::{Headers, RawRequest};
use ingress_core::snapshot::Snapshot;
pub use proxy_header::proxy_header;
pub use review::review;

/// A table and requests: the compiled matcher decides as the reference does.
pub fn decide(world: world::World) {
    let (table, requests) = world.build();
    let snapshot = Snapshot::new(table.clone());
    assert_eq!(snapshot.table(), table);
    for request in requests {
        requests::agree(&table, &snapshot, &request.raw(&[("Host", request.host.as_bytes())]));
    }
}

/// Lines: method and target, then `name: value`. The first byte of the method says which version it is.
pub fn host_and_path(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let (method, target) = split(first, b' ');
    let version = match method.first() {
        Some(b'0') => Version::HTTP_10,
        Some(b'2') => Version::HTTP_2,
        _ => Version::HTTP_11,
    };
    let Ok(method) = std::str::from_utf8(method) else { return };
    let mut authority = None;
    let mut headers = Vec::new();
    for (name, value) in lines.map(|line| split(line, b':')) {
        if name.is_empty() {
            authority = Some(value);
        } else if let Ok(name) = std::str::from_utf8(name) {
            headers.push((name, value));
        }
    }
    let raw = RawRequest { method, target, version, authority, headers: Headers::List(&headers) };
    requests::understood(&raw);
    requests::canonical(target);
}

/// Manifests: they are read, compiled and decided on; compiling them again changes nothing.
pub fn yaml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut manifests = Manifests::default();
    manifests.read("fuzz.yaml", text.to_owned(), "default");
    let options = Options::default();
    let (table, diagnostics) = lower(&manifests.inputs, &options);
    for finding in diagnostics.iter() {
        if let Some(place) = finding.object.as_ref().and_then(|it| manifests.place(it, &finding.field.to_string())) {
            in_text(text, place.span.start, place.span.end);
        }
        let _ = finding.to_string();
    }
    for finding in &manifests.findings {
        in_text(text, finding.place.span.start, finding.place.span.end);
    }
    let mut compiler = Compiler::new(options);
    let compiled = compiler.compile(&manifests.inputs);
    assert_eq!(compiled.snapshot.table(), table);
    assert_eq!(compiled.diagnostics, diagnostics);
    assert!(!compiler.compile(&manifests.inputs.clone()).is_new);
    let _ = table.to_string();
    for (host, path) in questions(&table) {
        let headers = [("Host", host.as_bytes())];
        let raw = RawRequest {
            method: "GET",
            target: path.as_bytes(),
            version: Version::HTTP_11,
            authority: None,
            headers: Headers::List(&headers),
        };
        requests::agree(&table, &compiled.snapshot, &raw);
    }
}

/// Lines: annotations, settings, paths, requests. Every dialect makes something of them, and nothing with a line break.
pub fn annotations(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    annotations::Script::read(text).run();
}

/// A certificate and a key, separated by a zero byte; without one the same text is both.
pub fn secret_pem(bytes: &[u8]) {
    let (certificate, key) = if bytes.contains(&0) { split(bytes, 0) } else { (bytes, bytes) };
    let (certificate, key) = (STANDARD.encode(certificate), STANDARD.encode(key));
    let text = format!(
        r#"{{"apiVersion": "v1", "kind": "Secret", "metadata": {{"name": "t", "namespace": "n"}},
            "data": {{"tls.crt": "{certificate}", "tls.key": "{key}", "ca.crt": "{certificate}"}}}}"#
    );
    let mut manifests = Manifests::default();
    manifests.read("secret.json", text, "n");
    let secret = manifests.inputs.secret(&ObjectRef::new(Kind::Secret, "n", "t")).expect("the Secret is well-formed");
    match &secret.state.certificate {
        CertificateState::Usable { dns_names } => assert!(dns_names.len() <= bytes.len()),
        CertificateState::Unusable { reason } => assert!(!reason.is_empty()),
        _ => {}
    }
    assert!(secret.state.authorities.fault().is_none_or(|reason| !reason.is_empty()));
}

/// Bytes of a client, or of an endpoint.
pub fn http1_head(bytes: &[u8]) {
    http1::connection(bytes);
    http1::response(bytes);
}

/// A request of HTTP/2: a block of HPACK, or its fields in lines.
pub fn http2_head(bytes: &[u8]) {
    http2::head(bytes);
}

/// A body in chunks, and what follows it.
pub fn http1_chunked(bytes: &[u8]) {
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    http1::connection(&[head, bytes].concat());
}

/// Splits at the first such byte; without one the second part is empty.
fn split(bytes: &[u8], at: u8) -> (&[u8], &[u8]) {
    let place = bytes.iter().position(|byte| *byte == at);
    place.map_or((bytes, &[]), |place| (&bytes[..place], &bytes[place + 1..]))
}

fn in_text(text: &str, start: usize, end: usize) {
    assert!(start <= end, "a span ends before it begins");
    assert!(text.get(start..end).is_some(), "a span leaves the text or cuts a character");
}

/// Requests that rules of the table are about, and one that none is.
fn questions(table: &RouteTable) -> Vec<(String, String)> {
    let mut questions = vec![("elsewhere".to_owned(), "/".to_owned())];
    for (pattern, route) in table.routes().take(8) {
        let host = match pattern {
            HostPattern::Any => "any".to_owned(),
            HostPattern::Exact(name) => name.to_string(),
            HostPattern::Wildcard(name) | HostPattern::Suffix(name) | HostPattern::Deep(name) => format!("w.{name}"),
            HostPattern::Regex(regex) => regex.as_str().to_owned(),
            HostPattern::Stem(name) => format!("{name}.w"),
        };
        for end in ["", "/", "/a", "a"] {
            questions.push((host.clone(), format!("{}{end}", route.path.as_str())));
        }
    }
    questions
}
