//! Many objects: from cold, all gone at once, and some of them hostile.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::api::{service, slice};
use super::real::Server;
use super::site::{Proxy, Site, pair};
use super::support::backend::Backend;
use super::support::load::{Load, Way};
use super::support::program::Ports;
use super::support::size::{is_full, sized};

/// How often a snapshot was put in force.
fn publishes(proxy: &Proxy) -> f64 {
    proxy.figure("nginx_ingress_controller_success", "")
}

#[test]
fn a_cold_start_is_one_snapshot() {
    let Some(server) = Server::private() else { return };
    let Some(site) = Site::new(&server, "cold") else { return };
    let tea = site.endpoint("tea");
    let ingresses = sized(300, 10_000);
    let (services, secrets) = (ingresses / 5, ingresses / 20);
    let made = rcgen::generate_simple_self_signed(["*.cold.example".to_owned()]).expect("a certificate");
    let began = Instant::now();
    let admin = site.admin();
    admin.apply_all((0..services).flat_map(|n| {
        let name = format!("s{n}");
        // Four others, where nobody is asked, beside the one that answers.
        let others: Vec<String> = (1..5).map(|host| format!("198.18.{}.{host}", n % 256)).collect();
        let elsewhere: Vec<&str> = others.iter().map(String::as_str).collect();
        let here = site.slice(&name, tea.address);
        let mut there = slice(&site.name, &name, &elsewhere, 8080);
        there["metadata"]["name"] = json!(format!("{name}-2"));
        for endpoint in there["endpoints"].as_array_mut().expect("endpoints") {
            endpoint["conditions"]["ready"] = json!(false);
        }
        [service(&site.name, &name), here, there]
    }));
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    admin.apply_all((0..secrets).map(|n| pair(&site.name, &format!("c{n}"), &certificate, &key)));
    admin.apply_all((0..ingresses).map(|n| {
        let (name, host, service) = (format!("i{n}"), format!("h{n}.cold.example"), format!("s{}", n % services));
        if n % 20 == 0 {
            site.tls_ingress(&name, &host, &service, &format!("c{}", n / 20))
        } else {
            site.ingress(&name, &host, &service)
        }
    }));
    println!("{ingresses} Ingresses, {services} Services, {secrets} Secrets written in {:?}", began.elapsed());
    let ports = Ports::new();
    let began = Instant::now();
    let proxy = site.begin(ports, &[]);
    proxy.until("ready", Proxy::is_ready);
    let ready = began.elapsed();
    // Nothing was known before everything was.
    for n in (0..ingresses).step_by(ingresses / 50) {
        assert!(proxy.is_served(&format!("h{n}.cold.example"), "tea"), "h{n}");
    }
    for n in (0..secrets).step_by((secrets / 20).max(1)).map(|n| n * 20) {
        let served = proxy.certificate(&format!("h{n}.cold.example")).expect("a handshake");
        assert_eq!(served, *made.cert.der(), "h{n}");
    }
    println!("{ingresses} Ingresses from cold: ready after {ready:?}, {} MiB", proxy.program.memory() >> 20);
    assert!(publishes(&proxy) < 1.5, "{} snapshots", publishes(&proxy));
    assert!(ready < Duration::from_secs(if is_full() { 20 } else { 40 }), "{ready:?}");
}

#[test]
fn a_storm_of_deletions_spares_the_others() {
    let Some(server) = Server::private() else { return };
    let Some(site) = Site::new(&server, "storm") else { return };
    let (backends, ingresses, rounds) = (Backend::start_at(site.address, 1), sized(300, 5_000), sized(2, 5));
    site.open_shop(backends[0].address);
    let doomed: Vec<Value> = (0..ingresses)
        .map(|n| {
            let mut doomed = site.ingress(&format!("i{n}"), &format!("h{n}.example"), "tea");
            doomed["metadata"]["namespace"] = json!("doomed");
            doomed
        })
        .collect();
    let (last, first) = (format!("h{}.example", ingresses - 1), "h0.example");
    let proxy = site.start(&[]);
    let load = Load::start(&proxy.ports, &[Way::Http1, Way::Http2]);
    let mut memory = Vec::new();
    let (began, before) = (Instant::now(), publishes(&proxy));
    for _ in 0..rounds {
        site.admin().apply_all(doomed.clone());
        // There is no such Service there.
        proxy.until_status(first, 503);
        proxy.until_status(&last, 503);
        let deleted = Instant::now();
        site.admin().delete_all("Ingress", "doomed");
        let answered = deleted.elapsed();
        proxy.until_status(first, 404);
        proxy.until_status(&last, 404);
        memory.push(proxy.program.memory() >> 20);
        println!("{ingresses} deleted in {answered:?}, gone after {:?}", deleted.elapsed());
    }
    let (published, took) = (publishes(&proxy) - before, began.elapsed());
    println!("{published} snapshots in {took:?}; MiB after each round: {memory:?}");
    assert!(published <= took.as_secs_f64() * 10.0 + 3.0, "{published} in {took:?}");
    load.wait_for(20);
    let summary = load.end();
    println!("a storm: {summary}");
    summary.assert_clean();
}

/// What the API server lets in and nobody should.
fn hostile(site: &Site<'_>, n: usize) -> Value {
    let host = format!("bad{n}.example");
    let mut object = site.ingress(&format!("bad{n}"), &host, "tea");
    let annotation = |name: &str| format!("nginx.ingress.kubernetes.io/{name}");
    let mut annotate = |name: &str, value: &str| {
        object["metadata"]["annotations"][annotation(name)] = value.into();
    };
    match n % 20 {
        0 => annotate("server-snippet", "} server { listen 80; location / { return 200; } }"),
        1 => annotate("configuration-snippet", "lua_code_cache off; content_by_lua_block { os.exit() }"),
        2 => annotate("rewrite-target", "/$99999999999999999999\n\r\u{1}"),
        3 => annotate("whitelist-source-range", "0.0.0.0/-1, ::/999, \u{202e}"),
        4 => annotate("auth-url", "http://127.0.0.1:1/\r\nX-Injected: yes"),
        5 => annotate("proxy-body-size", "99999999999999999999999g"),
        6 => annotate("limit-rps", "-1e309"),
        7 => {
            annotate("auth-type", "basic");
            annotate("auth-secret", "../../etc/passwd");
        }
        8 => annotate("server-alias", &"*.".repeat(2_000)),
        9 => annotate("cors-allow-origin", &"https://*.a.example,".repeat(4_000)),
        10 => annotate("canary-by-header-pattern", "(((((a+)+)+)+)+)+$"),
        11 => annotate("upstream-vhost", "$host$uri\";}"),
        12 => annotate("proxy-read-timeout", "999999999999999999"),
        13 => annotate("custom-http-errors", "0,99,600,-1,404404404"),
        _ => {
            annotate("use-regex", "true");
            let path = match n % 20 {
                14 => format!("/{}", "(a{1,999}){1,999}"),
                15 => format!("/{}{}", "(".repeat(3_000), ")".repeat(3_000)),
                16 => "/(?R)(?=x)\\1".to_owned(),
                17 => format!("/{}", "(x+x+)+y".repeat(200)),
                18 => "/[[:alpha:".to_owned(),
                _ => format!("/{}", "[\\w\\p{L}]{500}".repeat(20)),
            };
            let path_ = &mut object["spec"]["rules"][0]["http"]["paths"][0];
            path_["path"] = path.into();
            path_["pathType"] = "ImplementationSpecific".into();
        }
    }
    object
}

#[test]
fn the_hostile_hide_no_others() {
    let Some(server) = Server::private() else { return };
    let Some(site) = Site::new(&server, "hostile") else { return };
    let (tea, good) = (site.endpoint("tea"), sized(200, 960));
    site.admin().apply_all([site.service("tea"), site.slice("tea", tea.address)]);
    site.admin().apply_all((0..good).map(|n| site.ingress(&format!("i{n}"), &format!("h{n}.example"), "tea")));
    let results = site.admin().try_apply_all((0..40).map(|n| hostile(&site, n)));
    let refused: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    for refused in &refused {
        println!("the API server refuses: {}", refused.message);
    }
    println!("{} of 40 let in by the API server", 40 - refused.len());
    assert!(refused.len() < 10, "there is little to see");
    let began = Instant::now();
    let proxy = site.start(&["--dialect", "ingress-nginx"]);
    println!("ready after {:?}, {} MiB", began.elapsed(), proxy.program.memory() >> 20);
    for n in 0..good {
        assert!(proxy.is_served(&format!("h{n}.example"), "tea"), "h{n}");
    }
    // What protects a route and cannot be understood closes it.
    for n in [3, 7] {
        let answer = proxy.ask(&format!("bad{n}.example"));
        assert!(answer.status >= 400, "bad{n}: {}", answer.status);
    }
    for n in 0..40 {
        let answer = proxy.ask(&format!("bad{n}.example"));
        assert!(!answer.head.contains("X-Injected"), "bad{n}");
    }
    // They come and go while it runs.
    for n in 0..40 {
        let _ = site.admin().try_apply(hostile(&site, n + 1));
    }
    site.admin().apply(site.ingress("late", "late.example", "tea"));
    proxy.until_served("late.example", "tea");
    for n in 0..40 {
        site.admin().delete("Ingress", &site.name, &format!("bad{n}"));
    }
    proxy.until_status("bad11.example", 404);
    assert!(proxy.is_served("h0.example", "tea"));
    assert!(proxy.figure("ingress_proxy_panics_total", "") < 1.0);
}
