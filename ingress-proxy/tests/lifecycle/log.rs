//! What the access log says of requests that take more than one attempt, and of who asks.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::process::wait_for_line;
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
        let mut client = TcpStream::connect(ports.http.address).expect("a connection");
        // walter:secret
        let user = "Authorization: Basic d2FsdGVyOnNlY3JldA==";
        let asked = write!(client, "GET / HTTP/1.1\r\nHost: {HOST}\r\n{user}\r\nConnection: close\r\n\r\n");
        asked.expect("to be heard");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    wait_for_line(&log, &format!(" {dead}, {} 0, ", alive.address));
    wait_for_line(&log, " 502, 200 ");
    wait_for_line(&log, "127.0.0.1 - walter [");
    assert!(!std::fs::read_to_string(&log).expect("a log").contains("secret"));
}
