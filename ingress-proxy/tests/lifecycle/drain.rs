//! What becomes of connections when the program ends.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::manifest;
use super::support::backend::{Backend, WEBSOCKET_KEY};
use super::support::client::Client;
use super::support::http2;
use super::support::load::HOST;
use super::support::origin::Origin;
use super::support::program::{Folder, Ports, Program};
use super::support::tls::trusting_anybody;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A response that goes on for as long as it may.
fn endless(address: SocketAddr) -> Client {
    let mut client = Client::new(address);
    client.send(format!("GET /endless HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    assert!(client.head().expect("a head").starts_with("HTTP/1.1 200 "));
    goes_on(&mut client);
    client
}

fn goes_on(client: &mut Client) {
    for _ in 0..10 {
        assert_eq!(client.chunk(), Some(Some(b"hello".to_vec())));
    }
}

/// A tunnel that gives back what it is given.
fn tunnel(address: SocketAddr) -> Client {
    let mut client = Client::new(address);
    let fields = format!("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {WEBSOCKET_KEY}");
    client.send(format!(
        "GET / HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: upgrade\r\n{fields}\r\n\r\n"
    ));
    assert!(client.head().expect("a head").starts_with("HTTP/1.1 101 "));
    echoes(&mut client);
    client
}

fn echoes(client: &mut Client) {
    assert_eq!(client.send("over").exactly(4).as_deref(), Some(&b"over"[..]));
}

/// A connection that was used and is idle.
fn idle(address: SocketAddr) -> Client {
    let mut client = Client::new(address);
    assert_eq!(client.get("/").status, 200);
    client
}

#[test]
fn idle_connections_are_closed_and_others_go_on_until_a_second_signal() {
    let backend = Backend::one();
    let files = Folder::with("idle", &manifest(backend.address));
    let ports = Ports::new();
    let mut program = Program::start(&files, &ports, &[]);
    let http = ports.http.address;
    let mut going_on = endless(http);
    let mut tunnel = tunnel(http);
    let (mut used, mut unused) = (idle(http), Client::new(http));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let http2 = runtime.block_on(async {
        let client = http2::Client::tls(ports.https.address, trusting_anybody(), HOST).await;
        assert_eq!(client.get(HOST, "/").await.status, 200);
        client
    });
    program.signal("TERM");
    program.wait_for("/readyz", "503");
    // Without being asked. These would hang otherwise: the times of their own are longer than anybody waits here.
    for (what, client) in [("used", &mut used), ("unused", &mut unused)] {
        assert!(client.rest().is_empty(), "{what}");
    }
    runtime.block_on(http2.wait_for_end());
    // All the while others go on.
    goes_on(&mut going_on);
    echoes(&mut tunnel);
    assert!(TcpStream::connect(http).is_err(), "it accepts connections");
    assert!(program.is_alive());
    program.signal("TERM");
    assert!(program.wait().success());
    assert!(!going_on.rest().ends_with(b"0\r\n\r\n"), "it ended as if it were complete");
    assert!(tunnel.rest().is_empty());
}

#[test]
fn the_deadline_ends_what_goes_on() {
    let backend = Backend::one();
    let files = Folder::with("deadline", &manifest(backend.address));
    let ports = Ports::new();
    let mut program = Program::start(&files, &ports, &["--worker-shutdown-timeout", "2s"]);
    let (mut going_on, mut tunnel) = (endless(ports.http.address), tunnel(ports.http.address));
    let began = Instant::now();
    program.signal("TERM");
    let seen = going_on.rest();
    assert!(began.elapsed() >= Duration::from_secs(2), "it was cut off before");
    assert!(!seen.ends_with(b"0\r\n\r\n"), "it ended as if it were complete");
    assert!(tunnel.rest().is_empty());
    assert!(program.wait().success());
}

/// Whoever counts lines knows how many there are not.
#[test]
fn lines_of_what_is_cut_off_are_counted() {
    let backend = Backend::one();
    let files = Folder::with("cut", &manifest(backend.address));
    let ports = Ports::new();
    let log = files.join("log.txt");
    let timeouts = ["--worker-shutdown-timeout", "1s", "--post-shutdown-grace-period", "20s"];
    let log = log.to_string_lossy();
    let args = [&["--access-log", &*log][..], &timeouts].concat();
    let mut program = Program::start(&files, &ports, &args);
    let (_going_on, _tunnel) = (endless(ports.http.address), tunnel(ports.http.address));
    program.signal("TERM");
    program.wait_for("/metrics", "ingress_proxy_access_log_dropped_total 2");
    program.signal("TERM");
    assert!(program.wait().success());
}

#[test]
fn a_request_under_way_is_finished_and_a_second_signal_does_not_wait_for_it() {
    // Answers only when the gate is open, so that the request stays under way.
    let gate = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&gate);
    let origin = Origin::start(move |seen| {
        while seen.ends_with(b"\r\n\r\n") && !opened.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        seen.ends_with(b"\r\n\r\n").then(|| OK.as_bytes().to_vec())
    });
    let files = Folder::with("under-way", &manifest(origin.address));
    for is_patient in [true, false] {
        gate.store(false, Ordering::Relaxed);
        let ports = Ports::new();
        let mut program = Program::start(&files, &ports, &[]);
        let mut client = Client::new(ports.http.address);
        client.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
        program.wait_for("/metrics", "ingress_proxy_upstream_connects_total 1");
        program.signal("TERM");
        program.wait_for("/readyz", "503");
        if is_patient {
            // By then every worker knows.
            while TcpStream::connect(ports.http.address).is_ok() {
                std::thread::sleep(Duration::from_millis(10));
            }
            gate.store(true, Ordering::Relaxed);
            let answer = client.answer().expect("an answer");
            assert_eq!((answer.status, answer.value("connection")), (200, Some("close")));
        } else {
            program.signal("TERM");
            assert!(client.answer().is_none());
        }
        assert!(program.wait().success());
    }
}
