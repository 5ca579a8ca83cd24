//! What the access log says of requests that take more than one attempt, and of who asks.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::process::wait_for_line;
use super::support;
use super::support::ingress::Ingress;
use super::support::load::HOST;
use super::support::origin::Origin;
use super::support::program::{Folder, Port, Ports, Program};

#[test]
fn each_attempt_and_the_user_are_in_the_access_log() {
    let files = Folder::new("attempts");
    let ports = Ports::new();
    let alive = Origin::constant("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let dead = Port::new().address;
    let endpoints = [dead, alive.address];
    files.write("site.yaml", &Ingress { host: HOST, endpoints: &endpoints, ..Ingress::default() }.to_string());
    let log = files.join("log.txt");
    let _program = Program::start(&files, &ports, &["--access-log", &log.to_string_lossy(), "--workers", "1"]);
    for _ in 0..2 {
        // walter:secret
        let user = "Authorization: Basic d2FsdGVyOnNlY3JldA==";
        let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{user}\r\nConnection: close\r\n\r\n");
        let answer = support::ask(ports.http.address, request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    wait_for_line(&log, &format!(" {dead}, {} 0, ", alive.address));
    wait_for_line(&log, " 502, 200 ");
    wait_for_line(&log, "127.0.0.1 - walter [");
    assert!(!std::fs::read_to_string(&log).expect("a log").contains("secret"));
}

const PLAIN: &str = "
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: plain}
spec: {rules: [{host: plain.example, http: {paths: [
  {path: /, pathType: Prefix, backend: {service: {name: named, port: {number: 80}}}}]}}]}
";

/// Clients behind proxies that are believed, what was sent, and where a name has led.
#[test]
fn variables_that_others_have_a_say_in() {
    let files = Folder::new("variables");
    let ports = Ports::new();
    let alive = Origin::constant("HTTP/1.1 200 OK\r\nServer: origin\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok");
    let ingress = |name, host, annotations| Ingress { name, host, annotations, ..Ingress::default() }.to_string();
    files.write("named.yaml", &ingress("named", "named.example", &[("enable-cors", "true")]));
    files.write("moved.yaml", &ingress("moved", "moved.example", &[("permanent-redirect", "https://new.example/")]));
    files.write("plain.yaml", PLAIN);
    let log = files.join("log.txt");
    let format = "$host|$remote_addr|$remote_port|$realip_remote_addr|$upstream_addr|$sent_http_x_kept|\
                  $sent_http_access_control_allow_origin|$sent_http_content_length|$sent_http_location";
    let endpoint = format!("default/named:80=localhost:{}", alive.address.port());
    let path = log.to_string_lossy();
    let told = ["--access-log", &path, "--log-format", format, "--endpoint", &endpoint];
    let trusting = ["--use-forwarded-headers", "--trusted-cidr", "127.0.0.0/8"];
    let _program = Program::start(&files, &ports, &[&told[..], &trusting].concat());
    for (host, status) in [("named.example", 200), ("plain.example", 200), ("moved.example", 301)] {
        let chain = "X-Forwarded-For: 192.0.2.66, 203.0.113.9, 127.1.1.1";
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{chain}\r\nConnection: close\r\n\r\n");
        let answer = support::ask(ports.http.address, request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    let client = "203.0.113.9|-|127.0.0.1";
    wait_for_line(&log, &format!("named.example|{client}|{}|1|*|2|-", alive.address));
    wait_for_line(&log, &format!("plain.example|{client}|{}|1|-|2|-", alive.address));
    wait_for_line(&log, &format!("moved.example|{client}|-|-|-|22|https://new.example/"));
}

/// Requests that come together are as long as they are, an own answer has a length, and whoever is not waited for has no status.
#[test]
fn lengths_and_ends_are_those_of_each_request() {
    let files = Folder::new("lengths");
    let ports = Ports::new();
    let silent = Origin::start(|_| None);
    let ingress =
        Ingress { name: "silent", host: "silent.example", endpoints: &[silent.address], ..Ingress::default() };
    files.write("site.yaml", &ingress.to_string());
    let log = files.join("log.txt");
    let format = "$status $request_uri $request_length $sent_http_content_length us[$upstream_status] rl[$upstream_response_length] \
                  rt[$upstream_response_time]";
    let _program = Program::start(&files, &ports, &["--access-log", &log.to_string_lossy(), "--log-format", format]);
    let request = "GET /none HTTP/1.1\r\nHost: none.example\r\n\r\n";
    let last = request.replace("/none", "/last").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let mut client = TcpStream::connect(ports.http.address).expect("a connection");
    client.write_all(format!("{request}{request}{last}").as_bytes()).expect("to be heard");
    let mut answers = String::new();
    client.read_to_string(&mut answers).expect("answers");
    assert_eq!(answers.matches("HTTP/1.1 404 ").count(), 3, "{answers}");
    let length = request.len();
    wait_for_line(&log, &format!("404 /none {length} 14 us[-]"));
    wait_for_line(&log, &format!("404 /last {} 14 us[-]", last.len()));
    let lines = std::fs::read_to_string(&log).expect("a log");
    assert_eq!(lines.matches(&format!("404 /none {length} ")).count(), 2, "{lines}");
    let mut client = TcpStream::connect(ports.http.address).expect("a connection");
    client.write_all(request.replace("none", "silent").as_bytes()).expect("to be heard");
    std::thread::sleep(std::time::Duration::from_millis(500));
    drop(client);
    // A head that is too long is as long as what came of it.
    let refused = "GET /refused HTTP/1.1\r\nHost: a b\r\n\r\n";
    assert!(support::ask(ports.http.address, refused.as_bytes()).starts_with("HTTP/1.1 400 "));
    wait_for_line(&log, &format!("400 /refused {} ", refused.len()));
    wait_for_line(&log, "499 /silent 46 - us[-] rl[0] rt[");
}
