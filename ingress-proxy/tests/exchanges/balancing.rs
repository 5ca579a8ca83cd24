//! Which endpoint a request goes to, as the annotations and settings say, seen from the endpoints.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use ingress_proxy::config::Balance;

use super::annotated;
use super::support::client::{Client, values};
use super::support::ingress::Ingress;
use super::support::scripted::Scripted;
use super::support::site::{Site, config, manifest};

fn addresses(endpoints: &[Scripted]) -> Vec<SocketAddr> {
    endpoints.iter().map(|endpoint| endpoint.address).collect()
}

fn counts(endpoints: &[Scripted]) -> Vec<usize> {
    endpoints.iter().map(|endpoint| endpoint.requests().len()).collect()
}

/// The endpoint that has seen a target.
fn whom(endpoints: &[Scripted], target: &str) -> usize {
    let mut seen = endpoints.iter().enumerate().filter(|(_, endpoint)| endpoint.find(target).is_some());
    let (first, others) = (seen.next().expect("an endpoint").0, seen.count());
    assert_eq!(others, 0, "{target} came to several");
    first
}

#[test]
fn in_turn() {
    let endpoints: Vec<Scripted> = (0..3).map(|_| Scripted::echo()).collect();
    let site = annotated(&addresses(&endpoints), &[]);
    let mut client = Client::new(site.http);
    (0..30).for_each(|number| assert_eq!(client.get(&format!("/{number}")).status, 200));
    assert_eq!(counts(&endpoints), [10, 10, 10]);
}

#[test]
fn a_slow_endpoint_gets_less_where_that_counts() {
    let slow = || {
        Scripted::start(|peer| {
            while let Some(request) = peer.request() {
                std::thread::sleep(Duration::from_millis(300));
                let answer = peer.tagged(&request);
                peer.send(answer);
            }
        })
    };
    let run = |balance: Balance, annotations: &[(&str, &str)]| {
        let endpoints = [slow(), Scripted::echo()];
        let mut config = config();
        config.upstream.balance = balance;
        let all = addresses(&endpoints);
        let ingress = Ingress { host: "a.example", endpoints: &all, annotations, ..Ingress::default() };
        let site = Site::start(&ingress.to_string(), config);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut client = Client::new(site.http);
                    (0..6).for_each(|number| assert_eq!(client.get(&format!("/{number}")).status, 200));
                });
            }
        });
        counts(&endpoints)[0]
    };
    assert_eq!(run(Balance::RoundRobin, &[]), 12);
    for (balance, annotations) in
        [(Balance::LeastRequest, &[][..]), (Balance::Ewma, &[]), (Balance::RoundRobin, &[("load-balance", "ewma")])]
    {
        let seen = run(balance, annotations);
        assert!(seen < 10, "{balance:?} {annotations:?}: {seen} of 24 to the slow one");
    }
}

#[test]
fn a_key_has_its_endpoint() {
    let endpoints: Vec<Scripted> = (0..4).map(|_| Scripted::echo()).collect();
    let site = annotated(&addresses(&endpoints), &[("upstream-hash-by", "$http_x_user")]);
    let mut of_users = Vec::new();
    for user in 0..24 {
        let mut seen = BTreeSet::new();
        for round in 0..3 {
            let target = format!("/{user}/{round}");
            let mut client = Client::new(site.http);
            client.send(format!("GET {target} HTTP/1.1\r\nHost: a.example\r\nX-User: u{user}\r\n\r\n"));
            assert_eq!(client.answer().expect("an answer").status, 200);
            seen.insert(whom(&endpoints, &target));
        }
        assert_eq!(seen.len(), 1, "user {user}");
        of_users.extend(seen);
    }
    let used: BTreeSet<_> = of_users.into_iter().collect();
    assert!(used.len() >= 3, "keys go to {used:?} only");
}

#[test]
fn a_client_with_a_cookie_stays() {
    let endpoints: Vec<Scripted> = (0..4).map(|_| Scripted::echo()).collect();
    for (name, mode) in [("balanced", "balanced"), ("persistent", "persistent")] {
        let annotations = [("affinity", "cookie"), ("affinity-mode", mode), ("session-cookie-name", "route")];
        let site = annotated(&addresses(&endpoints), &annotations);
        let mut used = BTreeSet::new();
        for user in 0..16 {
            let first = format!("/{name}/{user}");
            let answer = Client::new(site.http).get(&first);
            let cookie = values(&answer.head, "set-cookie").next().expect("a cookie").to_owned();
            let cookie = cookie.split(';').next().expect("its pair").to_owned();
            assert!(cookie.starts_with("route="), "{cookie}");
            let home = whom(&endpoints, &first);
            for round in 0..3 {
                let target = format!("{first}/{round}");
                let mut client = Client::new(site.http);
                client.send(format!("GET {target} HTTP/1.1\r\nHost: a.example\r\nCookie: a=b; {cookie}\r\n\r\n"));
                let answer = client.answer().expect("an answer");
                assert_eq!((answer.status, answer.value("set-cookie")), (200, None), "{target}");
                assert_eq!(whom(&endpoints, &target), home, "{target}");
            }
            used.insert(home);
        }
        assert!(used.len() >= 3, "{mode}: clients go to {used:?} only");
    }
}

#[test]
fn an_external_name_is_asked_for_its_address() {
    let endpoint = Scripted::echo();
    let port = endpoint.address.port();
    let service = format!("spec: {{type: ExternalName, externalName: localhost, ports: [{{port: {port}}}]}}");
    let text = manifest("a.example", endpoint.address);
    let (rules, _) = text.split_once("---\napiVersion: discovery").expect("a slice");
    let (rules, _) = rules.split_once("spec: {ports").expect("a Service");
    let text = format!("{}{service}\n", rules.replace("port: {number: 80}", &format!("port: {{number: {port}}}")));
    let mut config = config();
    let loopback = "::1/128";
    config.upstream.allowed_endpoints.push(ingress_core::policy::AddressRange::parse(loopback).expect("a range"));
    let site = Site::start(&text, config);
    let answer = Client::new(site.http).get("/by-name");
    assert_eq!((answer.status, answer.text().as_str()), (200, "/by-name"), "{text}");
    assert!(endpoint.find("/by-name").is_some());
}

/// Although all of loopback may be dialled here: it would be a loop.
#[test]
fn the_proxy_is_no_endpoint_of_its_own() {
    let mut site = Site::start(&manifest("a.example", ([127, 0, 0, 1], 9).into()), config());
    for own in [site.http, site.https] {
        site.apply(&manifest("a.example", own).replace("name: site", "name: own").replace("a.example", "own.example"));
        let mut client = Client::new(site.http);
        client.send("GET / HTTP/1.1\r\nHost: own.example\r\n\r\n");
        assert_eq!(client.answer().expect("an answer").status, 503, "{own}");
    }
}
