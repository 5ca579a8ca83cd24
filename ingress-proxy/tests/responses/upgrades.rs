//! Endpoints that do not agree to a WebSocket, or agree to what nobody asked them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::support::client::Client;
use super::support::ingress::Ingress;
use super::support::scripted::{Peer, Scripted};
use super::support::site::{Site, config, manifest};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n";

fn upgrade(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\n{fields}\r\n")
}

fn websocket(path: &str) -> String {
    upgrade(path, &format!("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"))
}

fn site(origin: &Scripted) -> Site {
    let mut config = config();
    config.upstream.max_fails = 0;
    Site::start(&manifest("a.example", origin.address), config)
}

/// What came on a connection behind the request that was answered.
type Behind = Arc<Mutex<Vec<String>>>;

#[test]
fn nothing_follows_a_request_that_was_not_agreed_to() {
    let accept = derive_accept_key(KEY.as_bytes());
    let switching = |fields: &str| format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n{fields}\r\n");
    let ok = |fields: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{fields}\r\nok");
    let cases = [
        (502, switching("Upgrade: websocket\r\n")),
        (502, switching("Upgrade: websocket\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n")),
        (502, switching(&format!("Upgrade: websocket\r\nSec-WebSocket-Accept: {}\r\n", accept.to_lowercase()))),
        (502, switching(&format!("Upgrade: h2c\r\nSec-WebSocket-Accept: {accept}\r\n"))),
        (502, switching(&format!("Sec-WebSocket-Accept: {accept}\r\n"))),
        (502, switching(&format!("Upgrade: websocket, h2c\r\nSec-WebSocket-Accept: {accept}\r\n"))),
        (502, switching(&format!("Upgrade: websocket\r\n{}", format!("Sec-WebSocket-Accept: {accept}\r\n").repeat(2)))),
        (200, ok("")),
        (200, ok(&format!("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n"))),
        (403, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno".to_owned()),
        (426, "HTTP/1.1 426 Upgrade Required\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nno".to_owned()),
        (502, String::new()),
    ];
    let behind = Behind::default();
    let (seen, says) = (Arc::clone(&behind), cases.clone());
    let origin = Scripted::start(move |peer| serve(peer, &says, &seen));
    let site = site(&origin);
    let mut other = Client::new(site.http);
    for (number, (status, says)) in cases.iter().enumerate() {
        let path = format!("/case/{number}");
        let mut client = Client::new(site.http);
        let answer = client.send(websocket(&path) + SMUGGLED).answer().expect("an answer");
        assert_eq!(answer.status, *status, "{says:?}: {answer:?}");
        for hop in ["upgrade", "sec-websocket-accept"] {
            assert!(answer.status != 502 || answer.value(hop).is_none(), "{says:?}: {answer:?}");
        }
        let rest = client.rest();
        assert!(rest.is_empty(), "{says:?}: a second response {:?}", String::from_utf8_lossy(&rest));
        let next = other.get("/next");
        assert_eq!(next.text(), "/next");
        let (connection, _) = origin.find(&path).expect("the request");
        assert_ne!(next.value("x-connection"), Some(&*connection.to_string()), "{says:?}: used again");
        if !says.is_empty() {
            origin.wait_for_end(connection);
        }
    }
    let behind = behind.lock().expect("the record");
    assert!(behind.len() == cases.len() - 1 && behind.iter().all(String::is_empty), "{behind:?}");
    assert!(origin.find("/smuggled").is_none());
}

/// An endpoint that agrees to what nobody asked is at fault like one that says nothing, and others are asked for a while.
#[test]
fn a_bad_agreement_is_a_failure() {
    let bad = Scripted::start(|peer| {
        while peer.request().is_some() {
            peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        }
    });
    let good = Scripted::echo();
    let ingress =
        Ingress { host: "a.example", endpoints: &[bad.address, good.address], annotations: &[], ..Ingress::default() };
    let site = Site::start(&ingress.to_string(), config());
    let statuses: Vec<u16> =
        (0..6).map(|_| Client::new(site.http).send(websocket("/")).answer().expect("an answer").status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 502).count(), 1, "{statuses:?}");
    assert!(site.metrics.expose().contains("upstream-malformed"));
}

fn serve(peer: &mut Peer, says: &[(u16, String)], behind: &Behind) {
    while let Some(request) = peer.request() {
        let target = String::from_utf8_lossy(&request.target).into_owned();
        let Some(number) = target.strip_prefix("/case/") else {
            peer.send(peer.tagged(&request));
            continue;
        };
        let says = &says[number.parse::<usize>().expect("a number")].1;
        if says.is_empty() {
            return;
        }
        peer.send(says);
        peer.wait_for_end();
        behind.lock().expect("the record").push(String::from_utf8_lossy(&peer.pending).into_owned());
        return;
    }
}

#[test]
fn bytes_of_a_tunnel_wait_until_it_is_there() {
    let origin = Scripted::start(|peer| {
        if peer.request().is_none() {
            return;
        }
        // They have had all the time to come.
        peer.stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        let came_early = peer.receive();
        peer.stream.set_read_timeout(None).expect("no timeout");
        let accept = derive_accept_key(KEY.as_bytes());
        peer.send(format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: \
             {accept}\r\n\r\n{}",
            if came_early { "early" } else { "ready" }
        ));
        while peer.pending.len() < SMUGGLED.len() && peer.receive() {}
        let echoed = std::mem::take(&mut peer.pending);
        peer.send(echoed);
    });
    let site = site(&origin);
    let mut client = Client::new(site.http);
    let answer = client.send(websocket("/") + SMUGGLED).answer().expect("an answer");
    assert_eq!(answer.status, 101, "{answer:?}");
    assert_eq!(String::from_utf8_lossy(&client.rest()), format!("ready{SMUGGLED}"));
}

#[test]
fn other_protocols_are_not_offered() {
    let origin = Scripted::echo();
    let site = site(&origin);
    let key = format!("Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n");
    let offers = [
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nConnection: HTTP2-Settings\r\n".to_owned(),
        "Upgrade: TLS/1.2\r\n".to_owned(),
        format!("Upgrade: websocket, h2c\r\n{key}"),
        format!("Upgrade: h2c\r\nUpgrade: websocket\r\n{key}"),
        "Upgrade: websocket\r\n".to_owned(),
        format!("Upgrade: websocket\r\nSec-WebSocket-Version: 12\r\nSec-WebSocket-Key: {KEY}\r\n"),
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n".to_owned(),
    ];
    for (number, offer) in offers.iter().enumerate() {
        let path = format!("/{number}");
        let mut client = Client::new(site.http);
        let answer = client.send(upgrade(&path, offer)).answer().expect("an answer");
        assert_eq!((answer.status, answer.text()), (200, path.clone()), "{offer:?}");
        // It is a connection of HTTP/1.1 as before.
        assert_eq!(client.get("/again").text(), "/again", "{offer:?}");
        let (_, request) = origin.find(&path).expect("the request");
        for name in ["upgrade", "http2-settings", "connection"] {
            let found: Vec<_> = request.values(name).collect();
            assert!(found.is_empty(), "{offer:?}: {name} {found:?}");
        }
    }
    // A WebSocket is asked for with GET in HTTP/1.1.
    for start in ["POST / HTTP/1.1", "GET / HTTP/1.0"] {
        let request = websocket("/").replacen("GET / HTTP/1.1", start, 1);
        let answer = Client::new(site.http).send(request).answer().expect("an answer");
        assert_eq!((answer.status, answer.text().as_str()), (200, "/"), "{start}");
    }
    assert!(origin.requests().iter().all(|(_, request)| request.values("upgrade").next().is_none()));
}

#[test]
fn nobody_connects_through() {
    let origin = Scripted::echo();
    let site = site(&origin);
    for target in ["a.example:80", "a.example", "/", "http://a.example/", "127.0.0.1:22"] {
        let mut client = Client::new(site.http);
        client.send(format!("CONNECT {target} HTTP/1.1\r\nHost: a.example\r\n\r\n{SMUGGLED}"));
        let answer = client.answer().expect("an answer");
        assert!((400..500).contains(&answer.status), "{target}: {answer:?}");
        assert!(client.rest().is_empty(), "{target}: a second response");
    }
    assert_eq!(origin.requests().len(), 0);
}
