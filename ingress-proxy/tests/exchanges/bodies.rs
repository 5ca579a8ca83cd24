//! Bodies come through as they are, however long, in whatever pieces, and at the pace of the slower side.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use ingress_core::dialect::{Dialects, Nginx};
use ingress_core::lower::Options;
use ingress_core::object::{Kind, ObjectRef};

use super::support::client::Client;
use super::support::scripted::{Scripted, eventually};
use super::support::site::{Site, config, manifest};
use super::{annotated, request, site};

const LARGE: usize = 10 << 20;

/// Bytes that nobody could guess.
fn random(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// As chunks of all sizes.
fn chunked(body: &[u8]) -> Vec<u8> {
    let (mut rest, mut size, mut out) = (body, 1, Vec::new());
    while !rest.is_empty() {
        let chunk = &rest[..size.min(rest.len())];
        out.extend(format!("{:x}\r\n", chunk.len()).bytes());
        out.extend_from_slice(chunk);
        out.extend(b"\r\n");
        rest = &rest[chunk.len()..];
        size = if size > 500_000 { 1 } else { size * 3 + 1 };
    }
    out.extend(b"0\r\n\r\n");
    out
}

#[test]
fn large_bodies_to_the_client() {
    let body = Arc::new(random(LARGE));
    let sent = Arc::clone(&body);
    let origin = Scripted::start(move |peer| {
        while let Some(request) = peer.request() {
            let _ = match &*request.target {
                b"/length" => {
                    peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n")) && peer.send(&*sent)
                }
                b"/chunked" => {
                    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") && peer.send(chunked(&sent))
                }
                _ => {
                    peer.send("HTTP/1.1 200 OK\r\n\r\n");
                    peer.send(&*sent);
                    return;
                }
            };
        }
    });
    let site = site(origin.address);
    let mut client = Client::new(site.http);
    for path in ["/length", "/chunked", "/close", "/length"] {
        let answer = client.get(path);
        assert!(answer.is_complete && answer.body == *body, "{path}: {}", answer.body.len());
    }
    let answer = Client::new(site.http).send("GET /chunked HTTP/1.0\r\nHost: a.example\r\n\r\n").answer().unwrap();
    assert!(answer.body == *body);
}

#[test]
fn large_bodies_to_the_endpoint() {
    let body = Arc::new(random(LARGE));
    let expected = Arc::clone(&body);
    let origin = Scripted::start(move |peer| {
        while let Some(head) = peer.head() {
            // An independent reader, without reading the same bytes again and again.
            let is_chunked = head.contains("\r\nTransfer-Encoding: chunked\r\n");
            let is_end = |seen: &[u8]| if is_chunked { seen.ends_with(b"\r\n0\r\n\r\n") } else { seen.len() >= LARGE };
            while !is_end(&peer.pending) && peer.receive() {}
            let seen = [head.as_bytes(), &std::mem::take(&mut peer.pending)].concat();
            let (request, length) = super::support::strict::request(&seen).expect("a request");
            let is_same = length == seen.len() && request.body == *expected;
            peer.send(format!("HTTP/1.1 {} X\r\nContent-Length: 0\r\n\r\n", if is_same { 200 } else { 500 }));
        }
    });
    let site = site(origin.address);
    let mut client = Client::new(site.http);
    for _ in 0..2 {
        client.send(format!("PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {LARGE}\r\n\r\n")).send(&*body);
        assert_eq!(client.answer().expect("an answer").status, 200);
        client.send("PUT / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n").send(chunked(&body));
        assert_eq!(client.answer().expect("an answer").status, 200);
    }
}

/// Both ways at one time: neither side has to have everything before the other begins.
#[test]
fn large_bodies_both_ways_at_once() {
    let body = random(LARGE);
    let origin = Scripted::start(|peer| {
        if peer.head().is_none() {
            return;
        }
        peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
        let mut echoed = 0;
        while echoed < LARGE && (!peer.pending.is_empty() || peer.receive()) {
            let bytes = std::mem::take(&mut peer.pending);
            echoed += bytes.len();
            peer.send(bytes);
        }
    });
    let site = site(origin.address);
    let mut client = Client::new(site.http);
    client.send(format!("PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {LARGE}\r\n\r\n"));
    let (mut stream, sent) = (client.stream.try_clone().expect("another handle"), body.clone());
    let sending = std::thread::spawn(move || stream.write_all(&sent).expect("to send"));
    let answer = client.answer().expect("an answer");
    assert!(answer.is_complete && answer.body == body);
    sending.join().expect("to send");
}

/// What the client does not take is not taken from the endpoint: memory is for what is on its way.
#[test]
fn a_slow_reader_slows_the_endpoint_down() {
    const HUGE: usize = 256 << 20;
    let written: Arc<AtomicUsize> = Arc::default();
    let count = Arc::clone(&written);
    let origin = Scripted::start(move |peer| {
        if peer.request().is_some() {
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {HUGE}\r\n\r\n"));
            let piece = [b'x'; 64 << 10];
            while count.load(Ordering::SeqCst) < HUGE && peer.send(piece) {
                count.fetch_add(piece.len(), Ordering::SeqCst);
            }
        }
    });
    let site = site(origin.address);
    let mut client = Client::new(site.http);
    client.send(request("GET", "/"));
    client.head().expect("a head");
    let (mut before, mut since) = (0, Instant::now());
    while since.elapsed() < Duration::from_millis(300) {
        std::thread::sleep(Duration::from_millis(10));
        let now = written.load(Ordering::SeqCst);
        if now != before {
            (before, since) = (now, Instant::now());
        }
    }
    // That much the system itself keeps for two connections.
    assert!(before < 64 << 20, "{before} bytes were taken from the endpoint");
    let mut rest = HUGE - client.pending.len();
    let mut buffer = vec![0; 1 << 20];
    while rest > 0 {
        let amount = client.stream.read(&mut buffer).expect("more");
        assert!(amount > 0 && buffer[..amount].iter().all(|byte| *byte == b'x'));
        rest -= amount;
    }
}

/// Each piece of an upload is with the endpoint before the client sends the next one.
#[test]
fn a_slow_writer_is_not_waited_for() {
    let (to_client, from_origin) = mpsc::channel();
    let to_client = std::sync::Mutex::new(to_client);
    let origin = Scripted::start(move |peer| {
        while peer.head().is_some() {
            let mut seen = Vec::new();
            while !seen.ends_with(b"end") && !seen.ends_with(b"0\r\n\r\n") {
                if peer.pending.is_empty() && !peer.receive() {
                    return;
                }
                seen.append(&mut peer.pending);
                to_client.lock().unwrap().send(seen.len()).unwrap();
            }
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let site = site(origin.address);
    let mut client = Client::new(site.http);
    let wait = |least: usize| while from_origin.recv_timeout(Duration::from_secs(30)).expect("a piece") < least {};
    client.send("PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 23\r\n\r\n");
    for number in 1..=20 {
        client.send("x");
        wait(number);
    }
    assert_eq!(client.send("end").answer().expect("an answer").status, 200);
    while from_origin.try_recv().is_ok() {}
    client.send("PUT / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n");
    for number in 1..=20 {
        client.send("1\r\nx\r\n");
        wait(number * 6);
    }
    assert_eq!(client.send("0\r\n\r\n").answer().expect("an answer").status, 200);
}

/// A body that takes longer than the endpoint may be silent: it is the client's turn, and the endpoint waits as well.
#[test]
fn an_upload_may_take_longer_than_an_answer() {
    let origin = Scripted::echo();
    let site = annotated(&[origin.address], &[("proxy-read-timeout", "1")]);
    let mut client = Client::new(site.http);
    client.send("PUT /slow HTTP/1.1\r\nHost: a.example\r\nContent-Length: 12\r\n\r\n");
    for _ in 0..12 {
        // Twelve pieces in two and a half seconds.
        std::thread::sleep(Duration::from_millis(210));
        client.send("x");
    }
    let answer = client.answer().expect("an answer");
    assert_eq!((answer.status, answer.text().as_str()), (200, "/slow"));
}

/// Every event is with the client before the endpoint sends the next one.
#[test]
fn events_are_not_held_back() {
    let received: Arc<AtomicUsize> = Arc::default();
    let seen = Arc::clone(&received);
    let origin = Scripted::start(move |peer| {
        let Some(request) = peer.request() else { return };
        let is_chunked = request.target == b"/chunked";
        let framing = if is_chunked { "Transfer-Encoding: chunked\r\n" } else { "" };
        peer.send(format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{framing}\r\n"));
        for number in 0..50 {
            eventually("the events so far", || seen.load(Ordering::SeqCst) == number);
            let event = format!("data: {number:02}\n\n");
            peer.send(if is_chunked { format!("{:x}\r\n{event}\r\n", event.len()) } else { event });
        }
        if is_chunked {
            peer.send("0\r\n\r\n");
        }
    });
    for site in [site(origin.address), annotated(&[origin.address], &[])] {
        for path in ["/chunked", "/close"] {
            received.store(0, Ordering::SeqCst);
            let mut client = Client::new(site.http);
            client.send(request("GET", path));
            client.head().expect("a head");
            for number in 0..50 {
                let event = client.chunk().expect("an event").expect("an event");
                assert_eq!(String::from_utf8_lossy(&event), format!("data: {number:02}\n\n"));
                received.fetch_add(1, Ordering::SeqCst);
            }
            assert_eq!(client.chunk(), Some(None));
        }
    }
}

fn sizes(site: &Site, origin: &Scripted) {
    let upload = |framing: &str, body: &str| {
        let mut client = Client::new(site.http);
        client.send(format!("PUT /upload HTTP/1.1\r\nHost: a.example\r\n{framing}\r\n\r\n{body}"));
        let answer = client.answer().expect("an answer");
        if answer.status == 413 {
            assert!(client.rest().is_empty());
        }
        answer.status
    };
    let chunks = |count: usize| "100\r\n".to_owned() + &("x".repeat(256) + "\r\n100\r\n").repeat(count - 1);
    let end = "x".repeat(256) + "\r\n0\r\n\r\n";
    assert_eq!(upload("Content-Length: 1024", &"x".repeat(1_024)), 200);
    assert_eq!(upload("Transfer-Encoding: chunked", &(chunks(4) + &end)), 200);
    assert_eq!(origin.requests().len(), 2);
    assert_eq!(upload("Content-Length: 1025", &"x".repeat(1_025)), 413);
    assert_eq!(upload("Content-Length: 99999999999", ""), 413);
    assert_eq!(upload("Transfer-Encoding: chunked", &(chunks(5) + &end)), 413);
    // It is known before the end that it is too much, and whether there is an end.
    assert_eq!(upload("Transfer-Encoding: chunked", &chunks(6)), 413);
    assert_eq!(upload("Transfer-Encoding: chunked", &format!("10000\r\n{}", "x".repeat(0x10000))), 413);
    assert_eq!(origin.requests().len(), 2, "a request that was too long was completed");
}

#[test]
fn bodies_that_are_too_long() {
    let origin = Scripted::echo();
    sizes(&annotated(&[origin.address], &[("proxy-body-size", "1k")]), &origin);
}

/// Trailers are not a way around what a route sets, nor for names that are taken for others.
#[test]
fn trailers_say_nothing_of_ours() {
    let origin = Scripted::start(|peer| {
        if peer.head().is_some() {
            while !peer.pending.windows(4).any(|it| it == b"\r\n\r\n") && peer.receive() {}
            let seen = String::from_utf8_lossy(&peer.pending).replace("\r\n", "|");
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{seen}", seen.len()));
        }
    });
    let mut options = Options::default();
    options.dialects = Dialects::only(Arc::new(Nginx::default()));
    options.config_map = Some(ObjectRef::new(Kind::ConfigMap, "default", "config"));
    let map = |name: &str, data: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{{data}}}\n---\n")
    };
    let settings = [map("config", "proxy-set-headers: default/set"), map("set", "X-Set: ours, X-Empty: ''")].concat();
    let site = Site::with_options(&format!("{settings}{}", manifest("a.example", origin.address)), config(), options);
    let body = "2\r\nab\r\n0\r\nX-Sum: 1\r\nX_Sum: 2\r\nX-Set: theirs\r\nX-Empty: theirs\r\n\r\n";
    let head = "PUT / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = Client::new(site.http).send(format!("{head}{body}")).answer().expect("an answer");
    assert!(answer.text().contains("X-Sum: 1"), "{}", answer.text());
    assert!(!["X_Sum", "X-Set", "X-Empty"].iter().any(|name| answer.text().contains(name)), "{}", answer.text());
}

/// What no trailer may have is left out, and so is what clients do not get as a header; the response is as good as without it.
#[test]
fn trailers_of_an_endpoint_without_what_none_may_have() {
    let origin = Scripted::start(|peer| {
        while peer.request().is_some() {
            let trailers = "Content-Length: 9\r\nX-Sum: 1\r\nAuthorization: x\r\nServer: secret\r\n";
            peer.send(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n{trailers}\r\n"));
        }
    });
    let site = annotated(&[origin.address], &[]);
    let mut client = Client::new(site.http);
    for _ in 0..2 {
        let answer = client.get("/");
        assert_eq!((answer.text(), &*answer.trailers), ("ab".to_owned(), "X-Sum: 1\r\n"));
    }
}
