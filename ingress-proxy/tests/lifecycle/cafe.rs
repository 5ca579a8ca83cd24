//! The command that a newcomer begins with, and what the program says of its requests: the example's routes, with one endpoint
//! that is there, as JSON in the log and as figures.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use serde_json::Value;

use super::support::load::ask;
use super::support::origin::Origin;
use super::support::program::{Folder, PATIENCE, Ports, Program};
use super::support::tls::trusting_anybody;

const HOST: &str = "cafe.example.com";

fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{more}\r\n")
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

/// The sum of a metric over all series that have these labels.
fn figure(page: &str, name: &str, labels: &[&str]) -> f64 {
    let is_it = |line: &&str| {
        let rest = line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        rest && labels.iter().all(|label| line.contains(label))
    };
    page.lines().filter(is_it).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

#[test]
fn the_example_is_served_logged_and_counted() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/manifests/cafe.yaml");
    let origin = Origin::constant("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ncoffee");
    let (folder, ports) = (Folder::new("cafe"), Ports::new());
    let (log, endpoint) = (folder.join("log.json"), format!("default/coffee:80={}", origin.address));
    let log_path = log.to_string_lossy();
    let more = ["--endpoint", &endpoint, "--access-log", &log_path, "--log-format", "json"];
    let program = Program::start(&manifest, &ports, &more);

    let mut plain = TcpStream::connect(ports.http.address).expect("a connection");
    let answer = ask(&mut plain, &get("/coffee?size=big", "")).expect("an answer");
    // The host has TLS, and is of a class that is read as ingress-nginx does.
    let location = "\r\nLocation: https://cafe.example.com/coffee?size=big\r\n";
    assert!(status(&answer) == "308" && answer.contains(location), "{answer}");
    let answer = ask(&mut plain, "GET / HTTP/1.1\r\nHost: nobody.example.org\r\n\r\n").expect("an answer");
    assert_eq!(status(&answer), "404", "{answer}");
    // The Secret of the example is not there, so this is the self-signed certificate.
    let name = ServerName::try_from(HOST).expect("a name");
    let tcp = TcpStream::connect(ports.https.address).expect("a connection");
    tcp.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut tls = StreamOwned::new(ClientConnection::new(Arc::new(trusting_anybody()), name).expect("a client"), tcp);
    let agent = "User-Agent: a \"quoted\" \\ one\r\n";
    let answer = ask(&mut tls, &get("/coffee?size=big", agent)).expect("an answer");
    assert!(status(&answer) == "200" && answer.ends_with("coffee"), "{answer}");
    tls.write_all(get("/coffee", "Connection: close\r\n").as_bytes()).expect("to be heard");
    let mut answer = String::new();
    tls.read_to_string(&mut answer).expect("an answer");
    assert!(status(&answer) == "200" && answer.ends_with("coffee"), "{answer}");

    let lines = logged(&log, 4);
    let line = |uri: &str, scheme: &str| {
        let is_it = |line: &&Value| line["uri"] == uri && line["scheme"] == scheme;
        lines.iter().find(is_it).unwrap_or_else(|| panic!("no {scheme} {uri}: {lines:#?}"))
    };
    let first = line("/coffee?size=big", "https");
    for (key, value) in [
        ("method", "GET"),
        ("host", HOST),
        ("protocol", "HTTP/1.1"),
        ("remote_addr", "127.0.0.1"),
        ("user_agent", "a \"quoted\" \\ one"),
        ("namespace", "default"),
        ("ingress", "cafe"),
        ("service", "coffee"),
        ("upstream_addr", &origin.address.to_string()),
    ] {
        assert_eq!(first[key], value, "{key}: {first:#}");
    }
    for (key, value) in [("status", 200), ("body_bytes_sent", 6), ("upstream_status", 200), ("connection_requests", 1)]
    {
        assert_eq!(first[key].as_u64().or_else(|| first[key].as_str()?.parse().ok()), Some(value), "{key}: {first:#}");
    }
    let sent_on = line("/coffee?size=big", "http");
    assert_eq!((sent_on["status"].as_u64(), sent_on.get("sni")), (Some(308), None), "{sent_on:#}");
    let unknown = line("/", "http");
    assert_eq!((unknown["status"].as_u64(), unknown.get("upstream_addr")), (Some(404), None), "{unknown:#}");
    let secure = line("/coffee", "https");
    assert_eq!((&secure["sni"], &secure["tls_protocol"]), (&HOST.into(), &"TLSv1.3".into()), "{secure:#}");

    let page = program.page("/metrics");
    let of_route = ["ingress=\"cafe\"", "service=\"coffee\"", "status=\"200\"", "host=\"cafe.example.com\""];
    for (name, labels, least) in [
        ("nginx_ingress_controller_requests", &of_route[..], 2.0),
        ("nginx_ingress_controller_request_duration_seconds_count", &of_route[..1], 2.0),
        ("nginx_ingress_controller_response_size_sum", &of_route[..1], 12.0),
        ("nginx_ingress_controller_connect_duration_seconds_count", &of_route[..1], 1.0),
        ("nginx_ingress_controller_nginx_process_requests_total", &[], 4.0),
        ("ingress_proxy_upstream_connects_total", &[], 1.0),
        ("ingress_proxy_tls_handshakes_total", &["version=\"TLSv1.3\""], 1.0),
        ("ingress_proxy_access_log_lines_total", &[], 4.0),
        ("ingress_proxy_snapshot_swaps_total", &[], 1.0),
        ("ingress_proxy_hosts", &[], 2.0),
        ("ingress_proxy_diagnostics", &["slug=\"duplicate-rule\""], 1.0),
    ] {
        let found = figure(&page, name, labels);
        assert!(found >= least, "{name} {labels:?} is {found}: {page}");
    }
    assert!(!page.contains("nobody.example.org"), "a client's host is a label: {page}");
    let explained = program.page("/debug/explain?url=https://cafe.example.com/coffee");
    assert!(explained.contains("\"decision\":\"forward\""), "{explained}");
}

/// The lines of the log when there are so many.
fn logged(log: &Path, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        if lines.len() >= count {
            return lines;
        }
        assert!(Instant::now() < deadline, "{text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
