//! Endpoints that fail for a while, come back, and are replaced.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ingress_core::lower::Options;
use ingress_core::policy::Endpoint;
use ingress_proxy::config::{Config, NamedEndpoint};

use super::support::client::Client;
use super::support::ingress::Ingress;
use super::support::scripted::{Scripted, eventually};
use super::support::site::{Site, config, manifest};
use super::{request, site};

/// While it is down it closes every connection.
fn flapping() -> (Scripted, Arc<AtomicBool>, Arc<AtomicUsize>) {
    let (is_down, refused): (Arc<AtomicBool>, Arc<AtomicUsize>) = Default::default();
    let (down, count) = (Arc::clone(&is_down), Arc::clone(&refused));
    let origin = Scripted::start(move |peer| {
        while let Some(request) = peer.request() {
            if down.load(Ordering::SeqCst) {
                count.fetch_add(1, Ordering::SeqCst);
                return;
            }
            let answer = peer.tagged(&request);
            peer.send(answer);
        }
    });
    (origin, is_down, refused)
}

#[test]
fn who_fails_is_left_out_for_a_while() {
    let ((flapping, is_down, refused), steady) = (flapping(), Scripted::echo());
    let mut config = config();
    config.upstream.max_fails = 1;
    config.upstream.fail_timeout = Duration::from_secs(2);
    let endpoints = [flapping.address, steady.address];
    let ingress = Ingress { host: "a.example", endpoints: &endpoints, ..Ingress::default() };
    let site = Site::start(&ingress.to_string(), config);
    let mut client = Client::new(site.http);
    let mut ask = |count: usize| {
        for number in 0..count {
            let path = format!("/{number}");
            assert_eq!(client.get(&path).text(), path);
        }
    };
    ask(10);
    assert!(!flapping.requests().is_empty() && !steady.requests().is_empty());
    is_down.store(true, Ordering::SeqCst);
    ask(50);
    // One failure may have been that of an idle connection, which is nobody's fault, and every new time brings a trial.
    let failed = refused.load(Ordering::SeqCst);
    assert!((1..=5).contains(&failed), "{failed} requests failed at an endpoint that was down");
    is_down.store(false, Ordering::SeqCst);
    let before = flapping.requests().len();
    let others = Client::new(site.http);
    let others = std::sync::Mutex::new(others);
    eventually("it comes back", || {
        assert_eq!(others.lock().unwrap().get("/back").text(), "/back");
        flapping.requests().len() > before
    });
    // And takes its share again.
    let before = flapping.requests().len();
    ask(20);
    assert_eq!(flapping.requests().len() - before, 10);
}

#[test]
fn all_of_them_fail_and_come_back() {
    let (flapping, is_down, _) = flapping();
    let mut config = config();
    config.upstream.max_fails = 1;
    config.upstream.fail_timeout = Duration::from_secs(600);
    let endpoints = [flapping.address];
    let ingress = Ingress { host: "a.example", endpoints: &endpoints, ..Ingress::default() };
    let site = Site::start(&ingress.to_string(), config);
    let mut client = Client::new(site.http);
    is_down.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        let answer = client.get("/down");
        assert!(matches!(answer.status, 502 | 503), "{answer:?}");
    }
    is_down.store(false, Ordering::SeqCst);
    // Who is the last is asked though it has failed.
    eventually("it is asked again", || Client::new(site.http).get("/up").status == 200);
}

#[test]
fn endpoints_change_and_connections_stay() {
    let is_open: Arc<AtomicBool> = Arc::default();
    let opened = Arc::clone(&is_open);
    let old = Scripted::start(move |peer| {
        while let Some(request) = peer.request() {
            if request.target == b"/slow" {
                eventually("the gate opens", || opened.load(Ordering::SeqCst));
            }
            let answer = peer.tagged(&request);
            peer.send(answer);
        }
    });
    let new = Scripted::echo();
    let mut site = site(old.address);
    let (mut slow, mut client) = (Client::new(site.http), Client::new(site.http));
    assert_eq!(client.get("/before").text(), "/before");
    slow.send(request("GET", "/slow"));
    eventually("the request is there", || old.find("/slow").is_some());
    site.apply(&manifest("a.example", new.address));
    // The same connection, another endpoint, while the old one still has something to do.
    for number in 0..10 {
        let path = format!("/after/{number}");
        assert_eq!(client.get(&path).text(), path);
        assert!(new.find(&path).is_some());
    }
    is_open.store(true, Ordering::SeqCst);
    assert_eq!(slow.answer().expect("an answer").text(), "/slow");
    // Nobody is kept waiting for a request that never comes.
    old.wait_for_end(old.find("/slow").expect("the request").0);
    assert_eq!(slow.get("/then").text(), "/then");
    assert!(new.find("/then").is_some() && old.requests().len() == 2);
}

#[test]
fn many_changes_under_load() {
    let origins = [Scripted::echo(), Scripted::echo()];
    let mut site = site(origins[0].address);
    let (is_over, count): (Arc<AtomicBool>, Arc<AtomicUsize>) = Default::default();
    let clients: Vec<_> = (0..4)
        .map(|number| {
            let (is_over, count, address) = (Arc::clone(&is_over), Arc::clone(&count), site.http);
            std::thread::spawn(move || {
                // One connection for all requests: it must not be dropped.
                let mut client = Client::new(address);
                while !is_over.load(Ordering::SeqCst) {
                    let path = format!("/{number}/{}", count.fetch_add(1, Ordering::SeqCst));
                    let answer = client.get(&path);
                    assert_eq!((answer.status, answer.text()), (200, path));
                    assert_eq!(answer.value("connection"), None);
                }
            })
        })
        .collect();
    for change in 1..=100 {
        site.apply(&manifest("a.example", origins[change % 2].address));
        let before = count.load(Ordering::SeqCst);
        eventually("requests", || {
            count.load(Ordering::SeqCst) > before + 8 || clients.iter().any(|it| it.is_finished())
        });
    }
    is_over.store(true, Ordering::SeqCst);
    for client in clients {
        client.join().expect("a client whose requests were all answered");
    }
    assert!(origins.iter().all(|origin| origin.requests().len() > 100));
}

#[test]
fn what_the_operator_names_is_dialled_and_nothing_beside_it() {
    let (named, other) = (Scripted::echo(), Scripted::echo());
    let by_name =
        |port: u16| manifest("a.example", ([127, 0, 0, 1], port).into()).replace("[127.0.0.1]", "[localhost]");
    for (endpoint, manifest, is_dialled) in [
        (Endpoint::Address(named.address), manifest("a.example", named.address), true),
        (Endpoint::Address(named.address), manifest("a.example", other.address), false),
        (Endpoint::Name("localhost".into(), named.address.port()), by_name(named.address.port()), true),
        (Endpoint::Name("localhost".into(), named.address.port()), by_name(other.address.port()), false),
    ] {
        let site = naming(endpoint.clone(), &manifest);
        let status = Client::new(site.http).get("/").status;
        assert_eq!(status, if is_dialled { 200 } else { 503 }, "{endpoint}: {manifest}");
    }
}

/// A proxy that may dial nothing on loopback but one endpoint of the Service `site`, and whose engine does not mind.
fn naming(endpoint: Endpoint, manifest: &str) -> Site {
    let mut options = Options::default();
    options.allowed_endpoints = config().upstream.allowed_endpoints;
    let mut config = Config::default();
    config.upstream.named_endpoints =
        vec![NamedEndpoint { namespace: "default".into(), service: "site".into(), endpoint }];
    Site::with_options(manifest, config, options)
}

#[test]
fn what_the_operator_names_for_one_service_is_not_dialled_for_another() {
    let origin = Scripted::echo();
    let endpoints = [origin.address];
    let of = |name, host| Ingress { name, host, endpoints: &endpoints, ..Ingress::default() };
    let manifests = format!("{}{}", of("site", "a.example"), of("other", "b.example"));
    let site = naming(Endpoint::Address(origin.address), &manifests);
    let mut client = Client::new(site.http);
    // The second time there is an idle connection to that address.
    for _ in 0..2 {
        for (host, status) in [("a.example", 200), ("b.example", 503)] {
            client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            assert_eq!(client.answer().expect("an answer").status, status, "{host}");
        }
    }
    assert!(origin.requests().iter().all(|(connection, _)| *connection == 0));
}
