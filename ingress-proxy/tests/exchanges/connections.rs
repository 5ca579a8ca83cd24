//! What becomes of the client's connection, and what may come before a response.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::support::client::{Answer, Client};
use super::support::scripted::{Scripted, eventually};
use super::{annotated, request, site};

fn expecting(path: &str, version: &str) -> String {
    format!("PUT {path} HTTP/{version}\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
}

#[test]
fn a_body_is_asked_for() {
    let origin = Scripted::echo();
    let site = site(origin.address);
    let mut client = Client::new(site.http);
    for path in ["/1", "/2"] {
        client.send(expecting(path, "1.1"));
        let interim = client.head().expect("an interim response");
        assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n");
        let answer = client.send("hello").answer().expect("an answer");
        assert_eq!((answer.status, answer.text().as_str(), answer.interim.len()), (200, path, 0));
        let (_, request) = origin.find(path).expect("the request");
        assert_eq!((request.values("expect").count(), &*request.body), (0, &b"hello"[..]));
    }
    // Some do not wait.
    let answer = client.send(expecting("/3", "1.1") + "hello").answer().expect("an answer");
    assert_eq!((answer.status, answer.text().as_str()), (200, "/3"));
    assert_eq!(client.get("/4").text(), "/4");
}

#[test]
fn a_body_is_not_asked_for_where_nobody_wants_it() {
    let origin = Scripted::start(|peer| {
        if peer.head().is_some() {
            peer.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno");
            peer.wait_for_end();
        }
    });
    let site = site(origin.address);
    // HTTP/1.0 knows nothing of it (RFC 9110 10.1.1).
    let answer = Client::new(site.http).send(expecting("/", "1.0") + "hello").answer().expect("an answer");
    assert_eq!((answer.status, answer.interim.len()), (417, 0));
    // No route.
    let mut client = Client::new(site.http);
    client.send(expecting("/", "1.1").replace("a.example", "b.example"));
    let answer = client.answer().expect("an answer");
    assert_eq!((answer.status, answer.interim.len(), answer.value("connection")), (404, 0, Some("close")));
    assert!(client.rest().is_empty());
    // An expectation that nobody can meet.
    let mut client = Client::new(site.http);
    client.send(expecting("/", "1.1").replace("100-continue", "wonders"));
    assert_eq!(client.answer().expect("an answer").status, 417);
    assert!(client.rest().is_empty());
}

#[test]
fn early_hints_come_at_once() {
    const HINTS: &str =
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n";
    let is_seen: Arc<AtomicBool> = Arc::default();
    let seen = Arc::clone(&is_seen);
    let origin = Scripted::start(move |peer| {
        while let Some(request) = peer.request() {
            peer.send(HINTS);
            if request.target.starts_with(b"/wait") {
                // The response comes once the hints have arrived.
                eventually("the hints", || seen.load(Ordering::SeqCst));
            }
            let answer = peer.tagged(&request);
            peer.send(answer);
        }
    });
    let site = site(origin.address);
    let mut client = Client::new(site.http);
    client.send(request("GET", "/wait"));
    let hints = client.head().expect("hints");
    assert_eq!(hints, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
    is_seen.store(true, Ordering::SeqCst);
    assert_eq!(client.answer().expect("an answer").text(), "/wait");
    // HTTP/1.0 knows none.
    let answer =
        Client::new(site.http).send("GET /old HTTP/1.0\r\nHost: a.example\r\n\r\n").answer().expect("an answer");
    assert_eq!((answer.text().as_str(), answer.interim.len()), ("/old", 0));
}

#[test]
fn head_is_a_response_without_its_body() {
    let origin = Scripted::start(|peer| {
        while let Some(request) = peer.request() {
            let framing = match &*request.target {
                b"/length" => "Content-Length: 1234\r\n",
                b"/chunked" => "Transfer-Encoding: chunked\r\n",
                b"/none" => "",
                _ => {
                    peer.send(peer.tagged(&request));
                    continue;
                }
            };
            peer.send(format!("HTTP/1.1 200 OK\r\nETag: \"x\"\r\n{framing}\r\n"));
        }
    });
    let site = site(origin.address);
    let mut client = Client::new(site.http);
    for (path, length) in [("/length", Some("1234")), ("/chunked", None), ("/none", None)] {
        let answer = client.send(request("HEAD", path)).answer_to("HEAD").expect("an answer");
        assert_eq!((answer.status, answer.value("content-length")), (200, length), "{path}");
        assert_eq!(answer.value("etag"), Some("\"x\""));
        // What follows is the next answer.
        assert_eq!(client.get("/next").text(), "/next", "{path}");
    }
    let answer = client.send(request("HEAD", "/").replace("a.example", "b.example")).answer_to("HEAD");
    assert_eq!(answer.expect("an answer").status, 404);
    assert_eq!(client.get("/next").text(), "/next");
    // A response that has no body has one connection, whoever it was for.
    let connections = origin.requests().iter().map(|(connection, _)| *connection).max();
    assert_eq!(connections, Some(0));
}

#[test]
fn old_clients() {
    let origin = Scripted::start(|peer| {
        while let Some(request) = peer.request() {
            if request.target == b"/chunked" {
                peer.send(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\n",
                );
            } else {
                peer.send(peer.tagged(&request));
            }
        }
    });
    let site = site(origin.address);
    let old = |path: &str, connection: &str| format!("GET {path} HTTP/1.0\r\nHost: a.example\r\n{connection}\r\n");
    let ends = |client: &mut Client, answer: &Answer| {
        assert_eq!(answer.value("connection"), Some("close"));
        assert!(client.rest().is_empty());
    };
    // A connection for a request.
    let mut client = Client::new(site.http);
    let answer = client.send(old("/1", "")).answer().expect("an answer");
    assert_eq!(answer.text(), "/1");
    ends(&mut client, &answer);
    // Or for several, if it says so.
    let mut client = Client::new(site.http);
    for path in ["/2", "/3"] {
        let answer = client.send(old(path, "Connection: keep-alive\r\n")).answer().expect("an answer");
        assert_eq!((answer.text().as_str(), answer.value("connection")), (path, Some("keep-alive")));
    }
    // It knows no chunks, so that a body of unknown length ends with the connection.
    let answer = client.send(old("/chunked", "Connection: keep-alive\r\n")).answer().expect("an answer");
    assert_eq!((answer.text().as_str(), answer.value("transfer-encoding")), ("abc", None));
    ends(&mut client, &answer);
    // A client of HTTP/1.1 gets chunks, and says when it is enough.
    let mut client = Client::new(site.http);
    let answer = client.get("/chunked");
    assert_eq!(
        (answer.text().as_str(), answer.trailers.as_str(), answer.value("connection")),
        ("abc", "X: y\r\n", None)
    );
    let last = request("GET", "/4").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let answer = client.send(last).answer().expect("an answer");
    assert_eq!(answer.text(), "/4");
    ends(&mut client, &answer);
}

#[test]
fn requests_that_do_not_wait_for_one_another() {
    const COUNT: usize = 300;
    let origin = Scripted::start(|peer| {
        while let Some(request) = peer.request() {
            let body = [&*request.target, b"|", &*request.body].concat();
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
            peer.send(body);
        }
    });
    let site = site(origin.address);
    let mut client = Client::new(site.http);
    let mut all = Vec::new();
    for number in 0..COUNT {
        let body = "x".repeat(number);
        all.extend(match number % 3 {
            0 => request("GET", &format!("/{number}")).into_bytes(),
            1 => format!("POST /{number} HTTP/1.1\r\nHost: a.example\r\nContent-Length: {number}\r\n\r\n{body}").into(),
            _ => {
                let head = format!("PUT /{number} HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n");
                format!("{head}{number:x}\r\n{body}\r\n0\r\n\r\n").into_bytes()
            }
        });
    }
    let mut stream = client.stream.try_clone().expect("another handle");
    let sending = std::thread::spawn(move || std::io::Write::write_all(&mut stream, &all).expect("to send"));
    for number in 0..COUNT {
        let body = if number % 3 == 0 { String::new() } else { "x".repeat(number) };
        assert_eq!(client.answer().expect("an answer").text(), format!("/{number}|{body}"));
    }
    sending.join().expect("to send");
    assert!(origin.faults().is_empty(), "{:?}", origin.faults());
    let targets: Vec<_> = origin.requests().into_iter().map(|(_, request)| request.target).collect();
    assert_eq!(targets, (0..COUNT).map(|number| format!("/{number}").into_bytes()).collect::<Vec<_>>());
}

/// What was authenticated is the connection, so that it must not serve anybody else.
#[test]
fn connections_of_somebody() {
    let origin = Scripted::start(|peer| {
        while let Some(request) = peer.request() {
            if request.target == b"/challenge" {
                peer.send("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a\"\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n");
            } else {
                peer.send(peer.tagged(&request));
            }
        }
    });
    let site = site(origin.address);
    let mut client = Client::new(site.http);
    let with = |credentials: &str| {
        request("GET", "/with").replace("\r\n\r\n", &format!("\r\nAuthorization: {credentials}\r\n\r\n"))
    };
    let mut connections = Vec::new();
    for (text, is_kept) in [
        (request("GET", "/"), true),
        (with("Basic YTpi"), true),
        (with("NTLM TlRMTVNTUAABAAAA"), false),
        (with("negotiate YII="), false),
        (request("GET", "/challenge"), false),
        (request("GET", "/"), true),
    ] {
        let answer = client.send(text).answer().expect("an answer");
        assert!(answer.is_complete);
        connections.push((origin.requests().last().expect("a request").0, is_kept));
    }
    for pair in connections.windows(2) {
        let ((before, is_kept), (after, _)) = (pair[0], pair[1]);
        assert_eq!(before == after, is_kept, "{connections:?}");
    }
}

/// After it has said so, the proxy sends nothing more on a connection (RFC 9112 9.6), whether the endpoint repeats it or not.
#[test]
fn a_last_request_is_the_last() {
    let origin = Scripted::echo();
    for (value, is_kept) in [("close", false), ("keep-alive", true)] {
        let site = annotated(&[origin.address], &[("connection-proxy-header", value)]);
        let mut client = Client::new(site.http);
        let mut connection = || {
            assert_eq!(client.get("/").status, 200);
            origin.requests().last().expect("a request").0
        };
        assert_eq!(connection() == connection(), is_kept, "{value}");
    }
}
