//! Endpoints that answer before they have read, answer twice, or leave, under clients that never send what they announced:
//! whoever gets an answer gets their own.

use std::collections::BTreeMap;

use super::support::client::Client;
use super::support::scripted::{Peer, Scripted};
use super::support::site::{Site, config, manifest};
use super::support::size::sized;

const CLIENTS: usize = 8;

/// Reads nothing but heads, and takes whatever follows for the next request unless told otherwise.
fn serve(peer: &mut Peer) {
    while let Some(head) = peer.head() {
        let mut words = head.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let own = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len());
        let kind = target.split('/').nth(1).unwrap_or_default();
        let sent = match kind {
            // Both at once, as if somebody else had asked.
            "extra" => peer.send(format!("{own}HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n/poison")),
            "interim" => peer.send(format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n{own}")),
            "whole" if method == "POST" => {
                while peer.pending.len() < 10 && peer.receive() {}
                peer.pending.drain(..peer.pending.len().min(10));
                peer.send(own)
            }
            "leaves" => {
                peer.send(own);
                false
            }
            "truncated" => {
                peer.send(&own.as_bytes()[..own.len() - 1]);
                false
            }
            _ => peer.send(own),
        };
        if !sent {
            return;
        }
    }
}

/// What a client asks for in a round, and whether it must get a whole answer.
fn request(kind: u64, tag: &str) -> (&'static str, String, bool) {
    let get =
        |kind: &'static str, is_sure| (kind, format!("GET /{kind}/{tag} HTTP/1.1\r\nHost: a.example\r\n\r\n"), is_sure);
    let post = |kind: &'static str, length: usize, body: &str, is_sure| {
        let head = format!("POST /{kind}/{tag} HTTP/1.1\r\nHost: a.example\r\nContent-Length: {length}\r\n\r\n");
        (kind, head + body, is_sure)
    };
    let smuggled = format!("GET /smuggled/{tag} HTTP/1.1\r\nHost: a.example\r\n\r\n");
    match kind {
        0 => get("plain", true),
        1 => get("extra", true),
        2 => get("interim", true),
        // With a stale connection it may be too late to try again.
        3 => post("whole", 10, "0123456789", false),
        4 => get("leaves", true),
        5 => get("truncated", false),
        6 => post("early", 1_000, &smuggled, false),
        7 => post("early", 1_000, "0123456789", false),
        8 => post("leaves", 1_000, &smuggled, false),
        _ => {
            let head = "Transfer-Encoding: chunked\r\n\r\n";
            let request = format!("POST /early/{tag} HTTP/1.1\r\nHost: a.example\r\n{head}400\r\n{smuggled}");
            ("early", request, false)
        }
    }
}

/// The rounds of one client; how often each kind was answered.
fn client(site: std::net::SocketAddr, number: usize, rounds: usize) -> BTreeMap<&'static str, usize> {
    let mut answered = BTreeMap::new();
    let mut draws = number as u64 + 1;
    let mut connection: Option<Client> = None;
    for round in 0..rounds {
        draws = draws.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (kind, bytes, is_sure) = request((draws >> 33) % 10, &format!("{number}-{round}"));
        let mut client = connection.take().unwrap_or_else(|| Client::new(site));
        client.send(&bytes);
        let own = format!("/{kind}/{number}-{round}");
        let answer = client.answer();
        match &answer {
            Some(answer) if answer.status == 200 && answer.is_complete => {
                assert_eq!(answer.text(), own, "somebody else's answer");
                *answered.entry(kind).or_insert(0) += 1;
            }
            Some(answer) if answer.status == 200 => assert!(own.starts_with(&answer.text()), "{own}: {answer:?}"),
            Some(answer) => assert!(!is_sure && answer.status == 502, "{own}: {answer:?}"),
            None => assert!(!is_sure, "{own}: no answer"),
        }
        // After what was not sent to its end there is nothing but the end.
        let has_more = bytes.starts_with("POST") && kind != "whole";
        if has_more || !answer.is_some_and(|answer| answer.is_complete) {
            client.finish();
            assert!(client.rest().is_empty(), "{own}: a second response");
        } else {
            connection = Some(client);
        }
    }
    answered
}

#[test]
fn nobody_gets_the_answer_of_somebody_else() {
    let rounds: usize = sized(500, 10_000);
    let origin = Scripted::start(serve);
    let mut config = config();
    config.upstream.max_fails = 0;
    let site = Site::start(&manifest("a.example", origin.address), config);
    let address = site.http;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| std::thread::spawn(move || client(address, number, rounds.div_ceil(CLIENTS))))
        .collect();
    let mut answered = BTreeMap::new();
    for client in clients {
        for (kind, count) in client.join().expect("a client") {
            *answered.entry(kind).or_insert(0) += count;
        }
    }
    // Each kind was there, and was answered, but for the one that never is.
    for kind in ["plain", "extra", "interim", "whole", "leaves", "early"] {
        assert!(answered.get(kind).is_some_and(|count| *count > 0), "{kind}: {answered:?}");
    }
    assert!(site.metrics.expose().contains("ingress_proxy_upstream_connects_total"));
}
