//! Over real sockets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use ingress_core::publish::Publisher;
use serde_json::Value;

use super::*;
use crate::observe::fixture::snapshot;
use crate::observe::metrics;

struct Fixture {
    admin: Admin,
    health: Arc<Health>,
    publisher: Publisher,
}

fn fixture() -> Fixture {
    fixture_that_is_ready_within(Duration::ZERO)
}

fn fixture_that_is_ready_within(ready_within: Duration) -> Fixture {
    let mut publisher = Publisher::default();
    publisher.publish(snapshot(&["cafe.example", "*.shop.example"]));
    let health = Arc::new(Health::default());
    let sources = Sources {
        reader: publisher.reader(),
        metrics: metrics::Metrics::new(2, metrics::Options::default()),
        health: Arc::clone(&health),
    };
    let options = Options {
        health_check_path: "/alive".to_owned(),
        ready_within,
        hosts: vec!["admin.internal".to_owned()],
        metrics: true,
        underscores_in_headers: true,
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = Admin::start(listener, options, sources, ErrorLog::new(Box::new(io::sink()))).unwrap();
    Fixture { admin, health, publisher }
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Fixture {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.admin.local_addr()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends bytes and reads until the connection is closed.
    fn exchange(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }

    fn ask(&self, request: &str) -> Answer {
        answer(&self.exchange(request))
    }

    fn get(&self, target: &str) -> Answer {
        self.ask(&format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    }
}

fn answer(text: &str) -> Answer {
    let (head, mut rest) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut body = String::new();
    if head.contains("Transfer-Encoding: chunked") {
        while let Some((length, after)) = rest.split_once("\r\n") {
            let length = usize::from_str_radix(length, 16).unwrap();
            let (piece, after) = after.split_at(length);
            body.push_str(piece);
            rest = after.strip_prefix("\r\n").unwrap();
            if length == 0 {
                break;
            }
        }
        assert!(rest.is_empty());
    } else {
        rest.clone_into(&mut body);
    }
    Answer { status, head: head.to_owned(), body }
}

#[test]
fn probes() {
    let it = fixture();
    for path in ["/healthz", "/alive", "/alive?x=1"] {
        let answer = it.get(path);
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
    }
    assert_eq!((it.get("/readyz").status, it.get("/readyz").body.as_str()), (503, "starting\n"));
    it.health.ready();
    assert_eq!(it.get("/readyz").status, 200);
    it.health.drain();
    assert_eq!((it.get("/readyz").status, it.get("/readyz").body.as_str()), (503, "draining\n"));
    assert_eq!(it.get("/healthz").status, 200);
    assert_eq!(it.get("/").status, 404);
}

#[test]
fn one_page_for_both_probes() {
    let it = fixture_that_is_ready_within(Duration::from_secs(3_600));
    let status = |it: &Fixture| ["/healthz", "/alive", "/readyz"].map(|path| it.get(path).status);
    assert_eq!(status(&it), [503; 3]);
    it.health.ready();
    assert_eq!(status(&it), [200; 3]);
    it.health.drain();
    assert_eq!(status(&it), [503; 3]);
    // Whoever is alive must not be killed for want of an API server.
    let it = fixture_that_is_ready_within(Duration::from_nanos(1));
    assert_eq!(status(&it), [200, 200, 503]);
    it.health.drain();
    assert_eq!(status(&it), [503; 3]);
}

#[test]
fn figures() {
    let it = fixture();
    let answer = it.get("/metrics");
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert!(answer.body.contains("\n# TYPE nginx_ingress_controller_requests counter\n"));
}

#[test]
fn the_table_and_explanations_are_those_of_the_snapshot_in_force() {
    let mut it = fixture();
    let routes = |it: &Fixture| {
        let answer = it.get("/debug/routes");
        assert_eq!(answer.status, 200);
        assert!(answer.head.contains("Content-Type: application/json"));
        serde_json::from_str::<Value>(&answer.body).unwrap()
    };
    let table = routes(&it);
    let row = &table["routes"][3];
    assert_eq!(
        (&row["host"], &row["path"], &row["path_type"]),
        (&"cafe.example".into(), &"/tea".into(), &"Prefix".into())
    );
    assert_eq!((&row["backend"]["service"], &row["ingress"]), (&"tea".into(), &"shop/cafe".into()));
    assert_eq!((&table["default_backend"], &table["certificates"]), (&Value::Null, &Value::Array(Vec::new())));
    let explain = |it: &Fixture| {
        let answer = it.get("/debug/explain?url=http://cafe.example/tea&header=X-A:%201");
        serde_json::from_str::<Value>(&answer.body).unwrap()
    };
    assert_eq!(explain(&it)["decision"], "forward");
    // More than one piece.
    let hosts: Vec<String> = (0..3_000).map(|index| format!("h{index}.example")).collect();
    it.publisher.publish(snapshot(&hosts.iter().map(String::as_str).collect::<Vec<_>>()));
    assert_eq!(routes(&it)["routes"].as_array().unwrap().len(), 6_000);
    assert_eq!(explain(&it)["reason"], "no-host");
    let bad = it.get("/debug/explain?url=http://cafe.example/tea&nope=1");
    assert_eq!((bad.status, bad.body.as_str()), (400, "{\"error\":\"unknown parameter `nope`\"}\n"));
    let version: Value = serde_json::from_str(&it.get("/debug/version").body).unwrap();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    let old = it.ask("GET /debug/routes HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n");
    assert!(!old.head.contains("chunked") && serde_json::from_str::<Value>(&old.body).is_ok());
}

#[test]
fn what_is_refused() {
    let it = fixture();
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "QUERY"] {
        let request = format!("{method} /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi");
        let answer = it.ask(&request);
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.head.contains("Allow: GET, HEAD"));
    }
    for path in ["/healthz", "/metrics", "/debug/routes"] {
        for (host, status) in [("evil.example", 403), ("127.0.0.1:1", 200), ("[::1]", 200), ("admin.internal", 200)] {
            let answer = it.ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
            assert_eq!(answer.status, status, "{path} {host}");
        }
    }
    let status = |request: &str| it.ask(request).status;
    assert_eq!(status("GET http://evil/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400);
    assert_eq!(status("GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx"), 400);
    assert_eq!(status("GET /healthz HTTP/1.1\nHost: localhost\n\n"), 400);
    assert_eq!(status("GET /healthz HTTP/1.0\r\n\r\n"), 403);
    let long = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(8 << 10));
    assert_eq!(status(&long), 431);
}

#[test]
fn a_connection_serves_more_than_one_request() {
    let it = fixture();
    let two = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nHEAD /debug/routes HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let third = "GET /nope HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let text = it.exchange(&format!("{two}{third}"));
    assert_eq!(text.matches("HTTP/1.1 ").count(), 3);
    assert!(text.contains("\r\n\r\nok\nHTTP/1.1 200 OK\r\n"));
    assert!(text.ends_with("no such page\n"));
}

#[test]
fn half_a_head_is_not_waited_for_and_the_others_are_served_meanwhile() {
    let it = fixture();
    let started = Instant::now();
    let mut slow: Vec<_> = (0..8).map(|_| it.connect()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHo").unwrap();
    }
    assert_eq!(it.get("/healthz").status, 200);
    for mut stream in slow {
        assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0);
    }
    assert!(started.elapsed() >= Duration::from_secs(2));
}

#[test]
fn more_connections_than_allowed_are_closed() {
    let it = fixture();
    // They are accepted in turn, and none of them has asked for anything yet.
    let open: Vec<_> = (0..MAX_CONNECTIONS).map(|_| it.connect()).collect();
    let began = Instant::now();
    assert_eq!(it.connect().read(&mut [0; 16]).unwrap_or(0), 0);
    assert!(began.elapsed() < Duration::from_secs(1), "it was waited for");
    drop(open);
    // Places become free again.
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    loop {
        let mut stream = it.connect();
        if stream.write_all(request).is_ok() && stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {
            break;
        }
    }
}

#[test]
fn idle_connections_keep_nobody_out() {
    let it = fixture();
    let mut open = Vec::new();
    let mut kept = 0;
    for _ in 0..2 * MAX_CONNECTIONS {
        let mut stream = it.connect();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = [0; 1024];
        let read = stream.read(&mut answer).unwrap();
        let head = String::from_utf8_lossy(&answer[..read]).into_owned();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        kept += usize::from(!head.contains("Connection: close"));
        open.push(stream);
    }
    assert_eq!(kept, SPARE_CONNECTIONS);
}

#[test]
fn it_answers_while_all_cores_are_busy() {
    let it = fixture();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 * std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let statuses: Vec<u16> = (0..5).map(|_| it.get("/healthz").status).collect();
        stop.store(true, Ordering::Relaxed);
        assert_eq!(statuses, [200; 5]);
    });
}

#[test]
fn the_thread_ends_with_its_handle() {
    let it = fixture();
    let address = it.admin.local_addr();
    let mut idle = it.connect();
    drop(it);
    assert_eq!(idle.read(&mut [0; 16]).unwrap_or(0), 0);
    while TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
}
