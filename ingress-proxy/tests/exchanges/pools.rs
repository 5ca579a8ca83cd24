//! Connections to endpoints that wait for the next request: how many, for how long, and how often.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ingress_proxy::config::Config;

use super::support::client::Client;
use super::support::scripted::{Scripted, eventually};
use super::support::site::{Site, config, manifest};

fn site_with(endpoint: &Scripted, change: impl FnOnce(&mut Config)) -> Site {
    let mut config = config();
    change(&mut config);
    Site::start(&manifest("a.example", endpoint.address), config)
}

/// How many requests each connection of the endpoint has had, in the order of the connections.
fn requests_by_connection(endpoint: &Scripted) -> Vec<usize> {
    let mut counts = BTreeMap::new();
    endpoint.requests().iter().for_each(|(number, _)| *counts.entry(*number).or_insert(0) += 1);
    counts.into_values().collect()
}

#[test]
fn no_more_wait_than_may() {
    // All are answered together, so that each has a connection of its own.
    let asked: Arc<AtomicUsize> = Arc::default();
    let count = Arc::clone(&asked);
    let (open, closed): (Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
    let (opened, ended) = (Arc::clone(&open), Arc::clone(&closed));
    let endpoint = Scripted::start(move |peer| {
        opened.fetch_add(1, Ordering::SeqCst);
        while let Some(request) = peer.request() {
            count.fetch_add(1, Ordering::SeqCst);
            eventually("all have asked", || count.load(Ordering::SeqCst) >= 12);
            let answer = peer.tagged(&request);
            peer.send(answer);
        }
        ended.fetch_add(1, Ordering::SeqCst);
    });
    let site = site_with(&endpoint, |config| config.upstream.keep_alive_connections = 5);
    let mut clients: Vec<Client> = (0..12).map(|_| Client::new(site.http)).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    }
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().expect("an answer").status, 200));
    eventually("seven of twelve are closed", || closed.load(Ordering::SeqCst) == 7);
    // The five that wait are good for as many requests.
    for client in clients.iter_mut().take(5) {
        assert_eq!(client.get("/again").status, 200);
    }
    assert_eq!((open.load(Ordering::SeqCst), closed.load(Ordering::SeqCst)), (12, 7));
}

#[test]
fn a_connection_serves_as_many_requests_as_it_may() {
    let endpoint = Scripted::echo();
    let site = site_with(&endpoint, |config| config.upstream.keep_alive_requests = 3);
    let mut client = Client::new(site.http);
    for number in 0..10 {
        let path = format!("/{number}");
        assert_eq!(client.get(&path).text(), path);
    }
    assert_eq!(requests_by_connection(&endpoint), [3, 3, 3, 1]);
}

#[test]
fn old_connections_and_idle_ones_are_not_used_again() {
    type Change = fn(&mut Config);
    let changes: [Change; 2] = [
        |config| config.upstream.keep_alive_age = Duration::from_secs(2),
        |config| config.upstream.keep_alive_timeout = Duration::from_secs(2),
    ];
    for change in changes {
        let endpoint = Scripted::echo();
        let site = site_with(&endpoint, change);
        let mut client = Client::new(site.http);
        assert_eq!((client.get("/1").status, client.get("/2").status), (200, 200));
        std::thread::sleep(Duration::from_millis(2_500));
        assert_eq!(client.get("/3").status, 200);
        assert_eq!(requests_by_connection(&endpoint), [2, 1]);
        endpoint.wait_for_end(0);
    }
}

#[test]
fn backends_that_lead_to_one_endpoint_share_its_connections() {
    let endpoint = Scripted::echo();
    let mut site = site_with(&endpoint, |_| ());
    let other = manifest("b.example", endpoint.address).replace("name: site", "name: other");
    // The label of the slice is among what is replaced.
    site.apply(&other);
    let mut client = Client::new(site.http);
    for number in 0..10 {
        let host = if number % 2 == 0 { "a.example" } else { "b.example" };
        client.send(format!("GET /{number} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(client.answer().expect("an answer").text(), format!("/{number}"));
    }
    assert_eq!(requests_by_connection(&endpoint), [10]);
    // When one of them goes elsewhere the other keeps them.
    let elsewhere = Scripted::echo();
    site.apply(&manifest("b.example", elsewhere.address).replace("name: site", "name: other"));
    client.send("GET /other HTTP/1.1\r\nHost: b.example\r\n\r\n");
    assert_eq!(client.answer().expect("an answer").text(), "/other");
    assert_eq!(client.get("/here").text(), "/here");
    assert_eq!((requests_by_connection(&endpoint), requests_by_connection(&elsewhere)), (vec![11], vec![1]));
}
