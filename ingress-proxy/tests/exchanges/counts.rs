//! What connections and endpoints are counted as, from connections that are there.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::support::client::Client;
use super::support::http2;
use super::support::ingress::Ingress;
use super::support::scripted::{Scripted, eventually};
use super::support::site::{Site, config, manifest};
use super::support::tls::trusting_anybody;
use super::{annotated, request, site};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The figure of a line that begins like this.
fn figure(site: &Site, name: &str) -> String {
    let text = site.metrics.expose();
    let line = text.lines().find(|line| line.starts_with(name)).expect(name);
    line.rsplit(' ').next().unwrap_or_default().to_owned()
}

/// Waits for connections to be counted as: new, of HTTP/1, of HTTP/2, tunnels; reading, writing, waiting; to endpoints.
fn wait_for(site: &Site, what: &str, wanted: [u8; 8]) {
    let open = |protocol| format!("ingress_proxy_open_connections{{protocol=\"{protocol}\"}}");
    let stage = |site: &Site, state: &str| {
        let text = site.metrics.expose();
        let is_it = |line: &&str| {
            line.starts_with("nginx_ingress_controller_nginx_process_connections{")
                && line.contains(&format!("state=\"{state}\""))
        };
        text.lines().find(is_it).and_then(|line| line.rsplit(' ').next()).map(str::to_owned).unwrap_or_default()
    };
    eventually(what, || {
        let protocols = ["new", "http1", "http2", "tunnel"].map(|protocol| figure(site, &open(protocol)));
        let stages = ["reading", "writing", "waiting"].map(|state| stage(site, state));
        let upstream = figure(site, "ingress_proxy_upstream_open_connections");
        let active: u32 = protocols.iter().map(|count| count.parse::<u32>().unwrap_or_default()).sum();
        stage(site, "active") == active.to_string()
            && protocols.into_iter().chain(stages).chain([upstream]).eq(wanted.iter().map(u8::to_string))
    });
}

#[test]
fn connections_are_counted_as_what_they_are() {
    let may_answer: Arc<AtomicBool> = Arc::default();
    let go = Arc::clone(&may_answer);
    let origin = Scripted::start(move |peer| {
        while let Some(request) = peer.request() {
            if request.target.starts_with(b"/socket") {
                let accept = derive_accept_key(KEY.as_bytes());
                peer.send(format!(
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Accept: {accept}\r\n\r\n"
                ));
                return peer.wait_for_end();
            }
            eventually("the answer", || go.load(Ordering::SeqCst));
            let answer = peer.tagged(&request);
            peer.send(answer);
        }
    });
    let mut config = config();
    config.downstream.http2_cleartext = true;
    let site = Site::start(&manifest("a.example", origin.address), config);
    wait_for(&site, "nobody", [0, 0, 0, 0, 0, 0, 0, 0]);
    let handshake = Client::new(site.https);
    wait_for(&site, "one that says nothing", [1, 0, 0, 0, 0, 0, 0, 0]);
    drop(handshake);
    let mut client = Client::new(site.http);
    client.send("GET /1 HTTP/1.1\r\nHost: a.");
    wait_for(&site, "half a head", [0, 1, 0, 0, 1, 0, 0, 0]);
    client.send("example\r\n\r\n");
    wait_for(&site, "a request", [0, 1, 0, 0, 0, 1, 0, 1]);
    may_answer.store(true, Ordering::SeqCst);
    assert_eq!(client.answer().expect("an answer").status, 200);
    wait_for(&site, "one that may ask again", [0, 1, 0, 0, 0, 0, 1, 1]);
    client.send("GET /2 HT");
    wait_for(&site, "half of the next head", [0, 1, 0, 0, 1, 0, 0, 1]);
    client.send("TP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(client.answer().expect("an answer").status, 200);

    let mut socket = Client::new(site.http);
    let fields =
        format!("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}");
    socket.send(format!("GET /socket HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n\r\n"));
    assert!(socket.head().expect("a head").starts_with("HTTP/1.1 101 "));
    // It has the endpoint's connection that was there.
    wait_for(&site, "a tunnel", [0, 1, 0, 1, 0, 1, 1, 1]);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    may_answer.store(false, Ordering::SeqCst);
    let other = runtime.block_on(http2::Client::plain(site.http));
    let asks = other.clone();
    let asked = runtime.spawn(async move { asks.get("a.example", "/3").await.status });
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(50)).await });
    wait_for(&site, "a stream", [0, 1, 1, 1, 0, 2, 1, 2]);
    may_answer.store(true, Ordering::SeqCst);
    assert_eq!(runtime.block_on(asked).expect("no panic"), 200);
    wait_for(&site, "a connection without streams", [0, 1, 1, 1, 0, 1, 2, 2]);
    drop((client, socket, other, runtime));
    // The endpoint's connection is kept, that of the tunnel is not.
    wait_for(&site, "nobody again", [0, 0, 0, 0, 0, 0, 0, 1]);
}

#[test]
fn what_is_no_request_is_counted_as_one() {
    let origin = Scripted::echo();
    let site = site(origin.address);
    let all = "nginx_ingress_controller_nginx_process_requests_total";
    assert_eq!(figure(&site, all), "0");
    for request in ["GET / HTTP/1.1\nHost: a.example\n\n", "GET / HTTP/1.1\r\n\r\n"] {
        assert_eq!(Client::new(site.http).send(request).answer().expect("an answer").status, 400, "{request:?}");
    }
    assert_eq!(Client::new(site.http).get("/").status, 200);
    // Counted when the answer is on its way.
    eventually("all three", || figure(&site, all) == "3");
}

#[test]
fn handshakes_are_counted() {
    let origin = Scripted::echo();
    let site = site(origin.address);
    let config = Arc::new(trusting_anybody());
    for _ in 0..2 {
        let name = "a.example".try_into().expect("a name");
        let session = ClientConnection::new(Arc::clone(&config), name).expect("a session");
        let mut stream = StreamOwned::new(session, TcpStream::connect(site.https).expect("a connection"));
        write!(stream, "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").expect("to be heard");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    assert_eq!(figure(&site, "ingress_proxy_tls_handshakes_total{version=\"TLSv1.3\"}"), "2");
    assert_eq!(figure(&site, "ingress_proxy_tls_resumptions_total"), "1");
    assert!(Client::new(site.https).send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").rest().len() < 16);
    let failures = "ingress_proxy_tls_handshake_failures_total{reason=";
    eventually("the failure", || site.metrics.expose().lines().any(|line| line.starts_with(failures)));
    assert_eq!(figure(&site, failures), "1");
}

#[test]
fn floods_are_counted() {
    let mut config = config();
    config.downstream.http2_cleartext = true;
    let site = Site::start(&manifest("a.example", Scripted::echo().address), config);
    let mut client = Client::new(site.http);
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").send([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    let ping: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    client.send(ping.repeat(3_000));
    let flood = "ingress_proxy_http2_floods_total{reason=";
    eventually("the flood", || site.metrics.expose().lines().any(|line| line.starts_with(flood)));
    assert_eq!(figure(&site, flood), "1");
}

#[test]
fn restrictions_that_cannot_be_enforced_are_counted() {
    let origin = Scripted::echo();
    let site = annotated(&[origin.address], &[("auth-url", "http://auth.example/")]);
    assert_eq!(Client::new(site.http).get("/").status, 503);
    let counted = "ingress_proxy_restrictions_not_enforced_total{reason=";
    assert_eq!(figure(&site, counted), "1");
    assert!(origin.requests().is_empty());
}

#[test]
fn endpoints_that_are_left_out_are_counted() {
    let alive = Scripted::echo();
    let dead = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("an address");
    let endpoints = [dead, alive.address];
    let mut config = config();
    config.upstream.max_fails = 1;
    let ingress = Ingress { host: "a.example", endpoints: &endpoints, ..Ingress::default() };
    let site = Site::start(&ingress.to_string(), config);
    assert_eq!(figure(&site, "ingress_proxy_upstream_ejections_total"), "0");
    let mut client = Client::new(site.http);
    for _ in 0..4 {
        assert_eq!(client.send(request("GET", "/")).answer().expect("an answer").status, 200);
    }
    for (name, wanted) in
        [("ejections_total", "1"), ("retries_total", "1"), ("reuses_total", "3"), ("connects_total", "2")]
    {
        assert_eq!(figure(&site, &format!("ingress_proxy_upstream_{name}")), wanted, "{name}");
    }
}

/// Requests that were under way when their route went, and its figures were forgotten, were in no sum.
#[test]
fn requests_whose_routes_are_gone_when_they_end_are_counted() {
    let may_answer: Arc<AtomicBool> = Arc::default();
    let go = Arc::clone(&may_answer);
    let origin = Scripted::start(move |peer| {
        while peer.request().is_some() {
            eventually("it may answer", || go.load(Ordering::SeqCst));
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let mut site = site(origin.address);
    let mut client = Client::new(site.http);
    client.send(request("GET", "/"));
    eventually("it is asked", || !origin.requests().is_empty());
    site.apply(&manifest("b.example", origin.address));
    site.metrics.prune(&site.publisher.reader());
    may_answer.store(true, Ordering::SeqCst);
    assert_eq!(client.answer().expect("an answer").status, 200);
    eventually("it is counted", || figure(&site, "nginx_ingress_controller_nginx_process_requests_total") == "1");
}

/// Nothing else would explain why nobody is served behind a balancer that does not speak it.
#[test]
fn connections_without_the_proxy_protocol_are_counted() {
    let mut config = config();
    config.downstream.proxy_protocol = true;
    let site = Site::start(&manifest("a.example", "127.0.0.1:9".parse().expect("an address")), config);
    let answer = Client::new(site.http).send(request("GET", "/")).rest();
    assert!(answer.is_empty(), "{answer:?}");
    let wanted = "ingress_proxy_refused_requests_total{reason=\"proxy-protocol\"} 1";
    eventually("it is counted", || site.metrics.expose().contains(wanted));
}
