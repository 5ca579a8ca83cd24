//! The process itself: its descriptors, what it says to whom, and how it begins and ends.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::manifest;
use super::support::http2;
use super::support::load::{HOST, ask};
use super::support::origin::Origin;
use super::support::program::{Folder, PATIENCE, PROGRAM, Port, Ports, Program};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

#[test]
fn the_end_does_not_wait_for_descriptors() {
    let files = Folder::new("descriptors");
    let ports = Ports::new();
    files.write("site.yaml", &manifest(Port::new().address));
    for (timeout, has_second_signal) in [("1s", false), ("240s", true)] {
        let line = "ulimit -n 60 && exec \"$0\" \"$@\"";
        let more = ["--max-worker-connections", "1000", "--client-header-timeout", "1h", "--workers", "1"];
        let more = [&more[..], &["--worker-shutdown-timeout", timeout]].concat();
        let mut program = Program::from_shell(line, &files, &ports, &more);
        // More than it has descriptors for, and none of them comes to an end.
        let clients: Vec<TcpStream> = (0..100)
            .map(|_| {
                let mut client = TcpStream::connect(ports.http.address).expect("a connection");
                client.write_all(b"GET / HTTP/1.1\r\n").expect("to be heard");
                client
            })
            .collect();
        std::thread::sleep(Duration::from_millis(300));
        program.signal("TERM");
        if has_second_signal {
            std::thread::sleep(Duration::from_millis(300));
            program.signal("TERM");
        }
        assert!(program.wait().success());
        drop(clients);
    }
}

#[test]
fn more_connections_than_descriptors_are_turned_away() {
    let files = Folder::new("limit");
    let ports = Ports::new();
    files.write("site.yaml", &manifest(Port::new().address));
    // The soft limit is raised to the hard one: 164 allow for 46 connections of one worker.
    let line = "ulimit -Sn 64 && ulimit -Hn 164 && exec \"$0\" \"$@\"";
    let program = Program::from_shell(line, &files, &ports, &["--workers", "1"]);
    let clients: Vec<TcpStream> =
        (0..60).map(|_| TcpStream::connect(ports.http.address).expect("a connection")).collect();
    program.wait_for_figure("ingress_proxy_connections_rejected_total", "14");
    drop(clients);
}

#[test]
fn whoever_is_connected_at_the_end_is_served() {
    let origin = Origin::constant(OK);
    let files = Folder::new("backlog");
    let ports = Ports::new();
    files.write("site.yaml", &manifest(origin.address));
    let mut program = Program::start(&files, &ports, &["--workers", "1"]);
    // The system takes connections while the program stands still.
    program.signal("STOP");
    let clients: Vec<TcpStream> = (0..400)
        .map(|_| {
            let mut client = TcpStream::connect(ports.http.address).expect("a connection");
            client.write_all(REQUEST.as_bytes()).expect("to be heard");
            client
        })
        .collect();
    program.signal("TERM");
    program.signal("CONT");
    for (number, mut client) in clients.into_iter().enumerate() {
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap_or_else(|error| panic!("client {number}: {error}"));
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "client {number}: {answer}");
    }
    assert!(program.wait().success());
}

#[test]
fn probes_and_signals_are_heard_while_manifests_are_read() {
    let files = Folder::new("slow");
    let ports = Ports::new();
    let service = |number| {
        format!("apiVersion: v1\nkind: Service\nmetadata: {{name: s{number}}}\nspec: {{ports: [{{port: 80}}]}}\n")
    };
    let services: Vec<String> = (0..20_000).map(service).collect();
    for (number, services) in services.chunks(200).enumerate() {
        files.write(&format!("{number}.yaml"), &services.join("---\n"));
    }
    let program = Program::begin(&files, &ports, &[]);
    program.wait_for("/healthz", "200");
    let ready = program.page("/readyz");
    assert!(ready.contains("503") && ready.contains("starting"), "{ready}");
    program.wait_for("/readyz", "200");
    drop(program);
    let mut program = Program::begin(&files, &ports, &[]);
    program.wait_for("/healthz", "200");
    // It would have been killed by one that it did not wait for.
    program.signal("TERM");
    assert!(program.wait().success());
}

#[test]
fn nobody_to_talk_to_is_no_reason_to_end() {
    let files = Folder::new("stderr");
    let ports = Ports::new();
    files.write("site.yaml", &manifest(Port::new().address));
    // Nothing can be written there.
    let line = "exec \"$0\" \"$@\" 2>/dev/full";
    let mut program = Program::from_shell(line, &files, &ports, &["--kubeconfig", "x"]);
    files.write("site.yaml", "kind: [");
    program.wait_for_figure("nginx_ingress_controller_errors{", "1");
    program.signal("TERM");
    assert!(program.wait().success());
}

#[test]
fn the_end_does_not_wait_for_whoever_reads_what_is_said() {
    let files = Folder::new("fifo");
    let ports = Ports::new();
    files.write("site.yaml", &manifest(Port::new().address));
    let fifo = files.join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());
    // O_NONBLOCK of Linux, for this end alone.
    let nonblocking = 0o4000;
    // Open at both ends, and as full as it gets.
    let held = OpenOptions::new().read(true).write(true).custom_flags(nonblocking).open(&fifo);
    let mut held = held.expect("a fifo");
    while held.write(&[b'x'; 4096]).is_ok_and(|amount| amount > 0) {}
    let line = format!("exec \"$0\" \"$@\" 2>{}", fifo.display());
    let mut program = Program::from_shell(&line, &files, &ports, &["--shutdown-grace-period", "1h"]);
    program.signal("TERM");
    program.wait_for("/readyz", "503");
    program.signal("TERM");
    assert!(program.wait().success());
}

#[test]
fn what_cannot_be_opened_is_named_with_its_flag() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let files = Folder::new("taken");
    files.write("site.yaml", "kind: [");
    let log = files.join("missing/log.txt").to_string_lossy().into_owned();
    let (http, https, healthz) = ("--http-port", "--https-port", "--healthz-port");
    let busy = |flag| format!("`{flag}`: cannot listen on `127.0.0.1:{port}`");
    let free = [Port::new(), Port::new(), Port::new()];
    let [one, two, three] = free.each_ref().map(|port| port.address.port().to_string());
    // The files are read before requests are accepted, and what is wrong with them is not lost with the rest.
    for (arguments, expected, has_read) in [
        ([http, &port, https, &two, healthz, &three, "--workers", "1"], busy(http), true),
        ([http, &one, https, &port, healthz, &three, "--workers", "1"], busy(https), true),
        ([http, &one, https, &two, healthz, &port, "--workers", "1"], busy(healthz), false),
        ([http, &one, https, &two, healthz, &three, "--access-log", &log], format!("`--access-log {log}`: "), false),
    ] {
        let mut program = Command::new(PROGRAM);
        let output = program.arg("--file").arg(&*files).args(["--bind-address", "127.0.0.1"]).args(arguments).output();
        let output = output.expect("the program");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(&expected), "{arguments:?}: {said}");
        assert_eq!(said.contains("site.yaml"), has_read, "{said}");
    }
}

#[test]
fn an_endpoint_that_comes_back_and_is_still_down_is_told_of_again() {
    let (dead, origin) = (Port::new().address, Origin::constant(OK));
    let files = Folder::with("gone", &manifest(dead));
    let ports = Ports::new();
    let program = Program::start(&files, &ports, &["--workers", "1"]);
    let ask_for = |status: &str| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut client = TcpStream::connect(ports.http.address).expect("a connection");
            if ask(&mut client, REQUEST).expect("an answer").starts_with(&format!("HTTP/1.1 {status}")) {
                return;
            }
            assert!(Instant::now() < deadline, "never {status}");
        }
    };
    let told = format!("warning endpoint {dead} is down");
    let times = || program.lines().iter().filter(|line| line.starts_with(&told)).count();
    ask_for("502");
    ask_for("502");
    // What is told is written by a thread of its own.
    let deadline = Instant::now() + PATIENCE;
    while times() == 0 {
        assert!(Instant::now() < deadline, "{:?}", program.lines());
        std::thread::sleep(Duration::from_millis(10));
    }
    files.write("site.yaml", &manifest(origin.address));
    ask_for("200");
    assert_eq!(times(), 1);
    // It is forgotten when a worker looks around, which it does every five seconds.
    std::thread::sleep(Duration::from_secs(7));
    files.write("site.yaml", &manifest(dead));
    let deadline = Instant::now() + PATIENCE;
    while times() < 2 {
        assert!(Instant::now() < deadline, "{:?}", program.lines());
        ask_for("502");
    }
}

#[test]
fn the_access_log_is_opened_anew_while_the_proxy_ends() {
    let origin = Origin::constant(OK);
    let files = Folder::new("reopen");
    let ports = Ports::new();
    files.write("site.yaml", &manifest(origin.address));
    let log = files.join("log.txt");
    let more = ["--access-log", &log.to_string_lossy(), "--shutdown-grace-period", "1h"];
    let mut program = Program::start(&files, &ports, &more);
    program.signal("TERM");
    program.wait_for("/readyz", "503");
    std::fs::rename(&log, files.join("old.txt")).expect("a log");
    program.signal("USR1");
    let deadline = Instant::now() + PATIENCE;
    while !std::fs::read_to_string(&log).is_ok_and(|text| text.contains("\"GET / HTTP/1.1\" 200")) {
        assert!(Instant::now() < deadline, "nothing is written");
        let mut client = TcpStream::connect(ports.http.address).expect("a connection");
        assert!(ask(&mut client, REQUEST).expect("an answer").starts_with("HTTP/1.1 200"));
        std::thread::sleep(Duration::from_millis(50));
    }
    program.signal("TERM");
    assert!(program.wait().success());
}

#[test]
fn what_is_no_request_is_in_the_access_log() {
    let files = Folder::new("refused");
    let ports = Ports::new();
    files.write("site.yaml", &manifest(Port::new().address));
    let log = files.join("log.txt");
    let more = ["--access-log", &log.to_string_lossy(), "--client-header-timeout", "1s", "--max-header-size", "1k"];
    let more = [&more[..], &["--max-target-size", "100", "--http2-cleartext"]].concat();
    let _program = Program::start(&files, &ports, &more);
    let long = format!("GET /long HTTP/1.1\r\nHost: a.example\r\nX: {}\r\n\r\n", "x".repeat(2_000));
    for (sent, status, request) in [
        ("\x16\x03\x01 x\r\n\r\n", 400, "\\x16\\x03\\x01 x"),
        ("GET /slow HTTP/1.1\r\nHost: a.", 408, "GET /slow HTTP/1.1"),
        ("GET /sl", 408, "GET /sl"),
        ("GET /a b HTTP/1.1\r\n\r\n", 400, "GET /a b HTTP/1.1"),
        ("GET /old HTTP/3.0\r\n\r\n", 505, "GET /old HTTP/3.0"),
        ("GET /nohost HTTP/1.1\r\n\r\n", 400, "GET /nohost HTTP/1.1"),
        (&*long, 431, "GET /long HTTP/1.1"),
    ] {
        let mut client = TcpStream::connect(ports.http.address).expect("a connection");
        client.write_all(sent.as_bytes()).expect("to be heard");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{sent}: {answer}");
        wait_for_line(&log, &format!(" \"{request}\" {status} "));
    }
    let path = format!("/{}", "x".repeat(200));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let client = async { http2::Client::plain(ports.http.address).await.get(HOST, &path).await };
    assert_eq!(runtime.block_on(client).status, 414);
    wait_for_line(&log, &format!(" \"GET {path} HTTP/2.0\" 414 "));
}

pub(super) fn wait_for_line(log: &Path, part: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !std::fs::read_to_string(log).is_ok_and(|text| text.contains(part)) {
        assert!(Instant::now() < deadline, "no {part} in {:?}", std::fs::read_to_string(log));
        std::thread::sleep(Duration::from_millis(20));
    }
}
