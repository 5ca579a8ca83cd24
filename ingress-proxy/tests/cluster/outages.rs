//! The API server is away, breaks off, falls silent or has forgotten: what is in force is served all the while, and what changed
//! meanwhile counts soon after.

use std::time::{Duration, Instant};

use super::real::Server;
use super::relay::Relay;
use super::site::{Proxy, Site};
use super::support::backend::Backend;
use super::support::load::{Load, Way};
use super::support::size::sized;

const WAYS: [Way; 4] = [Way::Http1, Way::Fresh, Way::Tls, Way::Http2];

/// A program that is under load from when it is ready.
struct Loaded {
    proxy: Proxy,
    load: Load,
    /// What it had said by then.
    lines: usize,
}

impl Loaded {
    fn start(site: &Site<'_>, more: &[&str]) -> Self {
        let proxy = site.start(more);
        let lines = proxy.program.lines().len();
        let load = Load::start(&proxy.ports, &WAYS);
        Self { proxy, load, lines }
    }

    /// No request failed, and the process said only so many lines since it was ready.
    fn assert_calm(self, what: &str, lines: usize) {
        self.load.wait_for(20);
        let summary = self.load.end();
        let said = self.proxy.program.lines();
        println!("{what}: {summary}; {} lines", said.len());
        summary.assert_clean();
        assert!(said.len() <= self.lines + lines, "{said:#?}");
    }
}

/// Opens the site's shop, and a way to the API server that can be cut.
fn open_shop(site: &Site<'_>) -> (Vec<Backend>, Relay) {
    let backends = Backend::start_at(site.address, 1);
    site.open_shop(backends[0].address);
    (backends, Relay::to(site.server.address()))
}

#[test]
fn a_server_that_is_killed_and_started_again_costs_no_request() {
    let Some(server) = Server::private() else { return };
    let Some(site) = Site::new(&server, "killed") else { return };
    let (backends, away) = (Backend::start_at(site.address, 2), Duration::from_secs(sized(4, 60)));
    let changes = sized(20, 100);
    site.open_shop(backends[0].address);
    let loaded = Loaded::start(&site, &[]);
    let proxy = &loaded.proxy;
    loaded.load.wait_for(100);
    server.kill();
    let end = Instant::now() + away;
    while Instant::now() < end {
        assert!(proxy.is_ready(), "what is in force can be served");
        std::thread::sleep(Duration::from_millis(50));
    }
    proxy.until("stale", |proxy| proxy.figure("nginx_ingress_controller_config_last_reload_successful", "") < 0.5);
    server.start();
    let began = Instant::now();
    site.admin().apply_all((0..changes).map(|n| site.ingress(&format!("i{n}"), &format!("h{n}.example"), "tea")));
    site.admin().apply(site.slice("tea", backends[1].address));
    for n in 0..changes {
        proxy.until_served(&format!("h{n}.example"), "ok");
    }
    println!("away for {away:?}; {changes} changes counted {:?} after it was back", began.elapsed());
    proxy.until("fresh", |proxy| proxy.figure("nginx_ingress_controller_config_last_reload_successful", "") > 0.5);
    let before = backends[1].requests();
    proxy.until("moved", |_| backends[1].requests() > before);
    // A line for each of five resources that cannot be read, one for each that can be again, and some findings.
    loaded.assert_calm("an API server that was killed", 15);
}

#[test]
fn watches_that_break_off_miss_nothing() {
    let Some(server) = Server::private() else { return };
    let Some(site) = Site::new(&server, "resets") else { return };
    let (_backends, relay) = open_shop(&site);
    let loaded = Loaded::start(&site, &[&relay.flag()]);
    let proxy = &loaded.proxy;
    let (resets, mut slowest) = (sized(10, 100), Duration::ZERO);
    for n in 0..resets {
        relay.reset();
        let host = format!("h{n}.example");
        site.admin().apply(site.ingress("more", &host, "tea"));
        let began = Instant::now();
        proxy.until_served(&host, "ok");
        slowest = slowest.max(began.elapsed());
    }
    println!("a change while connections are reset: {slowest:?} at most");
    let user = site.account.user();
    let is_list = |asked: &super::real::Audited| asked.user == user && asked.verb == "list";
    let lists = server.audit().into_iter().filter(|asked| is_list(asked) && asked.resource == "ingresses").count();
    assert_eq!(lists, 1, "what breaks off is resumed, and not listed again");
    // Five resources, each of which may say that it is gone and that it is back; most are resumed at once and say nothing.
    loaded.assert_calm("watches that break off", 10 * resets);
}

/// Takes a minute: that is how long a connection may be silent.
#[test]
fn a_connection_that_falls_silent_is_given_up() {
    if sized(true, false) {
        return;
    }
    let Some(server) = Server::private() else { return };
    let Some(site) = Site::new(&server, "silent") else { return };
    let (_backends, relay) = open_shop(&site);
    let loaded = Loaded::start(&site, &[&relay.flag()]);
    let proxy = &loaded.proxy;
    relay.stall();
    site.admin().apply(site.ingress("more", "more.example", "tea"));
    let began = Instant::now();
    while !proxy.is_served("more.example", "ok") {
        assert!(began.elapsed() < Duration::from_secs(90), "{:#?}", proxy.program.lines());
        std::thread::sleep(Duration::from_millis(50));
    }
    println!("a change while connections are silent: {:?}", began.elapsed());
    loaded.assert_calm("connections that fall silent", 10);
}

#[test]
fn a_server_that_has_forgotten_is_asked_for_everything_once() {
    let Some(server) = Server::private() else { return };
    let Some(site) = Site::new(&server, "forgotten") else { return };
    let (_backends, relay) = open_shop(&site);
    site.admin().apply_all((0..700).map(|n| site.ingress(&format!("i{n}"), &format!("h{n}.example"), "tea")));
    let loaded = Loaded::start(&site, &[&relay.flag()]);
    let proxy = &loaded.proxy;
    let user = site.account.user();
    let (rounds, mut slowest) = (sized(2, 20), Duration::ZERO);
    for round in 0..rounds {
        let lists = || {
            let is_list =
                |it: &super::real::Audited| it.user == user && it.verb == "list" && it.resource == "ingresses";
            server.audit().into_iter().filter(is_list).count()
        };
        let before = lists();
        relay.go_down();
        let (old, new) = (format!("h{round}.example"), format!("new{round}.example"));
        site.admin().delete("Ingress", &site.name, &format!("i{round}"));
        site.admin().apply(site.ingress(&format!("new{round}"), &new, "tea"));
        // Neither etcd nor what the server has in memory reaches back to where the program has read to.
        server.kill();
        server.compact();
        server.start();
        relay.come_back();
        let began = Instant::now();
        while !proxy.is_served(&new, "ok") {
            // What has not changed is there all the time.
            assert!(proxy.is_served("h699.example", "ok"));
        }
        proxy.until_status(&old, 404);
        slowest = slowest.max(began.elapsed());
        // It is told in the stream that its place is too old, which the audit log does not show.
        assert_eq!(lists(), before + 2, "701 objects are two pages, read once");
    }
    println!("a change before the server forgot: {slowest:?} after it was back, at most");
    loaded.assert_calm("a server that forgets", rounds * 15);
}
