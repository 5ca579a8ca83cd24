//! Clients that leave before they have their answer: the endpoint does not work for nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use std::time::Duration;

use super::support::client::Client;
use super::support::scripted::{Scripted, eventually};
use super::support::site::{Site, config, manifest};
use super::support::{http2, requests};
use super::{request, site};

fn has_status(site: &Site, status: u16) -> bool {
    let label = format!("status=\"{status}\"");
    site.metrics
        .expose()
        .lines()
        .any(|line| line.starts_with("nginx_ingress_controller_requests{") && line.contains(&label))
}

/// An endpoint that answers with the beginning of a response, if there is one, and then has nothing to say.
fn silent(beginning: &'static str) -> (Scripted, Arc<AtomicUsize>) {
    let waiting: Arc<AtomicUsize> = Arc::default();
    let count = Arc::clone(&waiting);
    let origin = Scripted::start(move |peer| {
        if peer.head().is_some() {
            peer.send(beginning);
            count.fetch_add(1, Ordering::SeqCst);
            peer.wait_for_end();
        }
    });
    (origin, waiting)
}

#[test]
fn before_the_response() {
    let (origin, waiting) = silent("");
    let site = site(origin.address);
    let mut client = Client::new(site.http);
    client.send(request("GET", "/"));
    eventually("the request is there", || waiting.load(Ordering::SeqCst) == 1);
    drop(client);
    origin.wait_for_end(0);
    eventually("it is counted", || has_status(&site, 499));
}

#[test]
fn during_the_response() {
    let (origin, _) = silent("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    let site = site(origin.address);
    let mut client = Client::new(site.http);
    client.send(request("GET", "/"));
    client.head().expect("a head");
    assert_eq!(client.chunk(), Some(Some(b"hello".to_vec())));
    drop(client);
    origin.wait_for_end(0);
}

#[test]
fn during_the_request() {
    let (origin, waiting) = silent("");
    let site = site(origin.address);
    for (number, framing) in ["Content-Length: 10", "Transfer-Encoding: chunked"].iter().enumerate() {
        let mut client = Client::new(site.http);
        client.send(format!("PUT / HTTP/1.1\r\nHost: a.example\r\n{framing}\r\n\r\n5\r\nhe"));
        eventually("the request is there", || waiting.load(Ordering::SeqCst) == number + 1);
        drop(client);
        origin.wait_for_end(number);
    }
    eventually("it is counted", || has_status(&site, 499));
    assert!(origin.requests().is_empty(), "half a request was completed");
    assert!(!site.metrics.expose().contains("response-incomplete"), "the endpoint is blamed");
}

/// The end of what a client sends is not the end of its interest, but nobody can tell it from the end of the client.
#[test]
fn what_is_malformed_later_is_no_end_of_a_body() {
    let (origin, waiting) = silent("");
    let site = site(origin.address);
    let mut client = Client::new(site.http);
    client.send("PUT / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    eventually("the request is there", || waiting.load(Ordering::SeqCst) == 1);
    client.send("x\r\n");
    let answer = client.answer().expect("an answer");
    assert_eq!((answer.status, answer.value("connection")), (400, Some("close")));
    origin.wait_for_end(0);
    assert!(client.rest().is_empty());
}

/// Who leaves and who falls silent are told apart, as nginx does.
#[test]
fn a_body_that_does_not_come_is_answered() {
    let (origin, _) = silent("");
    let mut config = config();
    config.downstream.idle_timeout = Duration::from_millis(300);
    config.downstream.http2_cleartext = true;
    let site = Site::start(&manifest("a.example", origin.address), config);
    for (number, framing) in ["Content-Length: 10", "Transfer-Encoding: chunked"].iter().enumerate() {
        let mut client = Client::new(site.http);
        client.send(format!("PUT / HTTP/1.1\r\nHost: a.example\r\n{framing}\r\n\r\n5\r\nhe"));
        let answer = client.answer().expect("an answer");
        assert_eq!((answer.status, answer.value("connection")), (408, Some("close")), "{framing}");
        assert!(client.rest().is_empty());
        origin.wait_for_end(number);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let client = http2::Client::plain(site.http).await;
        let (response, mut body) = client.begin(client.request("PUT", "a.example", "/"), false).await;
        http2::send(&mut body, &requests::pattern(5)).await.expect("a window");
        let answer = http2::whole(response.await.expect("a response")).await.expect("a body");
        assert_eq!(answer.status, 408);
        // The connection is as good as before.
        let (response, body) = client.begin(client.request("PUT", "a.example", "/"), false).await;
        assert_eq!(response.await.expect("a response").status(), 408);
        drop(body);
    });
    eventually("it is counted", || has_status(&site, 408));
    assert!(origin.requests().is_empty(), "half a request was completed");
    assert!(!has_status(&site, 499) && !has_status(&site, 502));
}
