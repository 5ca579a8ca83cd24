//! The program from its first to its last request: files that change under load, endpoints that come and go, the end, and a
//! new process on the same ports. `SWAPS=600 cargo test -p ingress-proxy --test lifecycle` is the full size.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use support::origin::Origin;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ingress-proxy");
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

/// The program, ended when it is dropped.
struct Program {
    child: Child,
    http: SocketAddr,
    admin: SocketAddr,
}

/// A port for programs of this test alone: it stays bound, so that the system gives it to nobody else, and listeners of the
/// program share it.
fn free_port() -> SocketAddr {
    static BOUND: Mutex<Vec<Socket>> = Mutex::new(Vec::new());
    let bind = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        // Not before it is bound: with this the system may choose a port that is shared already.
        socket.set_reuse_port(true)?;
        let address = socket.local_addr()?.as_socket();
        BOUND.lock().expect("the sockets").push(socket);
        address.ok_or_else(|| std::io::Error::other("no address"))
    };
    bind().expect("a port")
}

impl Program {
    fn start(files: &Path, http: SocketAddr, more: &[&str]) -> Self {
        Self::start_as(Command::new(PROGRAM), files, http, more)
    }

    fn start_as(command: Command, files: &Path, http: SocketAddr, more: &[&str]) -> Self {
        let program = Self::spawn(command, files, http, more);
        program.wait_for("/readyz", "200");
        program
    }

    fn spawn(mut command: Command, files: &Path, http: SocketAddr, more: &[&str]) -> Self {
        let admin = free_port();
        let child = command
            .arg("--file")
            .arg(files)
            .args(["--bind-address", "127.0.0.1", "--access-log", "off", "--workers", "2"])
            .args(["--http-port", &http.port().to_string(), "--https-port", &free_port().port().to_string()])
            .args(["--healthz-port", &admin.port().to_string(), "--allow-endpoint-cidr", "127.0.0.0/8"])
            .args(more)
            .stderr(Stdio::null())
            .spawn()
            .expect("the program");
        Self { child, http, admin }
    }

    fn page(&self, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let Ok(mut stream) = TcpStream::connect(self.admin) else { return String::new() };
        let mut answer = String::new();
        let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
        answer
    }

    fn wait_for(&self, path: &str, what: &str) {
        self.wait_until(path, what, |page| page.contains(what));
    }

    fn wait_for_figure(&self, name: &str, value: &str) {
        let is_it = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.ends_with(&format!(" {value}")));
        self.wait_until("/metrics", name, |page| page.lines().any(is_it));
    }

    fn wait_until(&self, path: &str, what: &str, is_so: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !is_so(&self.page(path)) {
            assert!(Instant::now() < deadline, "{path} never said {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal(&self, name: &str) {
        let killed = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(killed.expect("kill").success());
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait().expect("the program") {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder of its own for a test.
fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("ingress-proxy-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

/// Puts a file in place at once, as editors and kubelets do.
fn write(folder: &Path, name: &str, text: &str) {
    let other = folder.join("new");
    std::fs::write(&other, text).and_then(|()| std::fs::rename(&other, folder.join(name))).expect("a file");
}

/// One answer on a connection that stays open.
fn ask(stream: &mut TcpStream) -> std::io::Result<String> {
    stream.write_all(REQUEST)?;
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let amount = stream.read(&mut buffer)?;
        if amount == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        seen.extend_from_slice(&buffer[..amount]);
        let text = String::from_utf8_lossy(&seen);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok());
            if body.len() >= length.unwrap_or(0) {
                return Ok(text.into_owned());
            }
        }
    }
}

/// Clients that ask all the time.
struct Load {
    stop: Arc<AtomicBool>,
    good: Arc<AtomicUsize>,
    threads: Vec<std::thread::JoinHandle<Vec<String>>>,
}

impl Load {
    /// A client comes again when it was told that the connection closes.
    fn start(address: SocketAddr, clients: usize) -> Self {
        let (stop, good) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let client = |_| {
            let (stop, good) = (Arc::clone(&stop), Arc::clone(&good));
            std::thread::spawn(move || {
                let mut failures = Vec::new();
                let mut connection: Option<TcpStream> = None;
                while !stop.load(Ordering::Relaxed) {
                    let mut stream = match connection.take().map_or_else(|| TcpStream::connect(address), Ok) {
                        Ok(stream) => stream,
                        Err(error) => {
                            failures.push(format!("connect: {error}"));
                            continue;
                        }
                    };
                    match ask(&mut stream) {
                        Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => {
                            good.fetch_add(1, Ordering::Relaxed);
                            connection = (!answer.contains("Connection: close")).then_some(stream);
                        }
                        Ok(answer) => failures.push(answer),
                        Err(error) => failures.push(error.to_string()),
                    }
                }
                failures
            })
        };
        let threads = (0..clients).map(client).collect();
        Self { stop, good, threads }
    }

    fn wait_for(&self, more: usize) {
        let (before, deadline) = (self.good.load(Ordering::Relaxed), Instant::now() + Duration::from_secs(30));
        while self.good.load(Ordering::Relaxed) < before + more {
            assert!(Instant::now() < deadline, "no progress");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().flat_map(|thread| thread.join().expect("a client")).collect()
    }
}

#[test]
fn files_change_under_load_and_no_request_fails() {
    let swaps: usize = std::env::var("SWAPS").ok().and_then(|swaps| swaps.parse().ok()).unwrap_or(30);
    let (first, second) = (Origin::constant(OK), Origin::constant(OK));
    let files = folder("swaps");
    write(&files, "site.yaml", &support::site::manifest("a.example", first.address));
    let program = Program::start(&files, free_port(), &[]);
    let load = Load::start(program.http, 4);
    for swap in 0..swaps {
        let origin = if swap % 2 == 0 { &second } else { &first };
        write(&files, "site.yaml", &support::site::manifest("a.example", origin.address));
        let other =
            support::site::manifest(&format!("h{swap}.example"), first.address).replace("name: site", "name: other");
        write(&files, "other.yaml", &other);
        load.wait_for(20);
        // A file that is being written changes nothing.
        std::fs::write(files.join("site.yaml"), "apiVersion: networking.k8s.io/v1\nspec: {rules: [").expect("a file");
        load.wait_for(20);
    }
    let failures = load.end();
    assert!(failures.is_empty(), "{} failed: {:?}", failures.len(), failures.first());
    let (first, second) = (first.text().len(), second.text().len());
    assert!(first > 0 && second > 0, "the changes were not seen: {first}, {second}");
    std::fs::remove_dir_all(&files).expect("to clean up");
}

#[test]
fn the_end_is_orderly_under_load() {
    let origin = Origin::constant(OK);
    let files = folder("end");
    write(&files, "site.yaml", &support::site::manifest("a.example", origin.address));
    let mut old = Program::start(&files, free_port(), &["--shutdown-grace-period", "1s"]);
    let load = Load::start(old.http, 4);
    load.wait_for(100);
    // A new process on the same ports, and then the old one is told to end: nobody notices.
    let new = Program::start(&files, old.http, &[]);
    load.wait_for(100);
    old.signal("TERM");
    old.wait_for("/readyz", "503");
    assert!(old.page("/healthz").contains("200"));
    assert!(old.wait().success());
    load.wait_for(100);
    let failures = load.end();
    assert!(failures.is_empty(), "{} failed: {:?}", failures.len(), failures.first());
    drop(new);
    std::fs::remove_dir_all(&files).expect("to clean up");
}

#[test]
fn a_request_under_way_is_finished_and_a_second_signal_does_not_wait_for_it() {
    // Answers only what is asked twice, so that the first request stays under way.
    let gate = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&gate);
    let origin = Origin::start(move |seen| {
        while seen.ends_with(b"\r\n\r\n") && !opened.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        seen.ends_with(b"\r\n\r\n").then(|| OK.as_bytes().to_vec())
    });
    let files = folder("under-way");
    write(&files, "site.yaml", &support::site::manifest("a.example", origin.address));
    for is_patient in [true, false] {
        gate.store(false, Ordering::Relaxed);
        let mut program = Program::start(&files, free_port(), &[]);
        let http = program.http;
        let client = std::thread::spawn(move || ask(&mut TcpStream::connect(http)?));
        program.wait_for("/metrics", "ingress_proxy_upstream_connects_total 1");
        program.signal("TERM");
        program.wait_for("/readyz", "503");
        if is_patient {
            gate.store(true, Ordering::Relaxed);
            let answer = client.join().expect("a client").expect("an answer");
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        } else {
            program.signal("TERM");
            assert!(client.join().expect("a client").is_err());
        }
        assert!(program.wait().success());
    }
    std::fs::remove_dir_all(&files).expect("to clean up");
}

#[test]
fn the_end_does_not_wait_for_descriptors() {
    let files = folder("descriptors");
    write(&files, "site.yaml", &support::site::manifest("a.example", free_port()));
    for (timeout, has_second_signal) in [("1s", false), ("240s", true)] {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -n 60 && exec \"$0\" \"$@\"", PROGRAM]);
        let more = ["--max-worker-connections", "1000", "--client-header-timeout", "1h", "--workers", "1"];
        let more = [&more[..], &["--worker-shutdown-timeout", timeout]].concat();
        let mut program = Program::start_as(command, &files, free_port(), &more);
        // More than it has descriptors for, and none of them comes to an end.
        let clients: Vec<TcpStream> = (0..100)
            .map(|_| {
                let mut client = TcpStream::connect(program.http).expect("a connection");
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
    std::fs::remove_dir_all(&files).expect("to clean up");
}

#[test]
fn more_connections_than_descriptors_are_turned_away() {
    let files = folder("limit");
    write(&files, "site.yaml", &support::site::manifest("a.example", free_port()));
    let mut command = Command::new("sh");
    // The soft limit is raised to the hard one: 164 allow for 46 connections of one worker.
    command.args(["-c", "ulimit -Sn 64 && ulimit -Hn 164 && exec \"$0\" \"$@\"", PROGRAM]);
    let program = Program::start_as(command, &files, free_port(), &["--workers", "1"]);
    let clients: Vec<TcpStream> = (0..60).map(|_| TcpStream::connect(program.http).expect("a connection")).collect();
    program.wait_for_figure("ingress_proxy_connections_rejected_total", "14");
    drop(clients);
    std::fs::remove_dir_all(&files).expect("to clean up");
}

#[test]
fn whoever_is_connected_at_the_end_is_served() {
    let origin = Origin::constant(OK);
    let files = folder("backlog");
    write(&files, "site.yaml", &support::site::manifest("a.example", origin.address));
    let mut program = Program::start(&files, free_port(), &["--workers", "1"]);
    // The system takes connections while the program stands still.
    program.signal("STOP");
    let clients: Vec<TcpStream> = (0..400)
        .map(|_| {
            let mut client = TcpStream::connect(program.http).expect("a connection");
            client.write_all(REQUEST).expect("to be heard");
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
    std::fs::remove_dir_all(&files).expect("to clean up");
}

#[test]
fn probes_are_answered_while_manifests_are_read() {
    let files = folder("slow");
    let service = |number| {
        format!("apiVersion: v1\nkind: Service\nmetadata: {{name: s{number}}}\nspec: {{ports: [{{port: 80}}]}}\n")
    };
    let services: Vec<String> = (0..20_000).map(service).collect();
    for (number, services) in services.chunks(200).enumerate() {
        write(&files, &format!("{number}.yaml"), &services.join("---\n"));
    }
    let program = Program::spawn(Command::new(PROGRAM), &files, free_port(), &[]);
    program.wait_for("/healthz", "200");
    let ready = program.page("/readyz");
    assert!(ready.contains("503") && ready.contains("starting"), "{ready}");
    program.wait_for("/readyz", "200");
    std::fs::remove_dir_all(&files).expect("to clean up");
}

#[test]
fn nobody_to_talk_to_is_no_reason_to_end() {
    let files = folder("stderr");
    write(&files, "site.yaml", &support::site::manifest("a.example", free_port()));
    let mut command = Command::new("sh");
    // Nothing can be written there.
    command.args(["-c", "exec \"$0\" \"$@\" 2>/dev/full", PROGRAM]);
    let mut program = Program::start_as(command, &files, free_port(), &["--kubeconfig", "x"]);
    write(&files, "site.yaml", "kind: [");
    program.wait_for_figure("nginx_ingress_controller_errors{", "1");
    program.signal("TERM");
    assert!(program.wait().success());
    std::fs::remove_dir_all(&files).expect("to clean up");
}

#[test]
fn the_access_log_is_opened_anew_while_the_proxy_ends() {
    let origin = Origin::constant(OK);
    let files = folder("reopen");
    write(&files, "site.yaml", &support::site::manifest("a.example", origin.address));
    let log = files.join("log.txt");
    let more = ["--access-log", &log.to_string_lossy(), "--shutdown-grace-period", "1h"];
    let mut program = Program::start(&files, free_port(), &more);
    program.signal("TERM");
    program.wait_for("/readyz", "503");
    std::fs::rename(&log, files.join("old.txt")).expect("a log");
    program.signal("USR1");
    let deadline = Instant::now() + Duration::from_secs(30);
    while !std::fs::read_to_string(&log).is_ok_and(|text| text.contains("\"GET / HTTP/1.1\" 200")) {
        assert!(Instant::now() < deadline, "nothing is written");
        let mut client = TcpStream::connect(program.http).expect("a connection");
        assert!(ask(&mut client).expect("an answer").starts_with("HTTP/1.1 200"));
        std::thread::sleep(Duration::from_millis(50));
    }
    program.signal("TERM");
    assert!(program.wait().success());
    std::fs::remove_dir_all(&files).expect("to clean up");
}

#[test]
fn what_is_no_request_is_in_the_access_log() {
    let files = folder("refused");
    write(&files, "site.yaml", &support::site::manifest("a.example", free_port()));
    let log = files.join("log.txt");
    let more = ["--access-log", &log.to_string_lossy(), "--client-header-timeout", "1s", "--max-header-size", "1k"];
    let more = [&more[..], &["--max-target-size", "100", "--http2-cleartext"]].concat();
    let program = Program::start(&files, free_port(), &more);
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
        let mut client = TcpStream::connect(program.http).expect("a connection");
        client.write_all(sent.as_bytes()).expect("to be heard");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{sent}: {answer}");
        wait_for_line(&log, &format!(" \"{request}\" {status} "));
    }
    let path = format!("/{}", "x".repeat(200));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let answer =
        runtime.block_on(async { support::http2::Client::plain(program.http).await.get("a.example", &path).await });
    assert_eq!(answer.status, 414);
    wait_for_line(&log, &format!(" \"GET {path} HTTP/2.0\" 414 "));
    std::fs::remove_dir_all(&files).expect("to clean up");
}

fn wait_for_line(log: &Path, part: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !std::fs::read_to_string(log).is_ok_and(|text| text.contains(part)) {
        assert!(Instant::now() < deadline, "no {part} in {:?}", std::fs::read_to_string(log));
        std::thread::sleep(Duration::from_millis(20));
    }
}
