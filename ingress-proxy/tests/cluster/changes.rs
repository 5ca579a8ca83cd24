//! From a change in the cluster to the first answer that shows it.

use std::time::{Duration, Instant};

use serde_json::json;

use super::api::{class, config_map};
use super::real::Server;
use super::site::{PATIENCE, Proxy, Site, ask, controller, pair};
use super::support::size::{is_full, sized};

/// How long changes took.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    /// Makes a change and waits until it is seen.
    fn measure(&mut self, proxy: &Proxy, what: &str, change: impl FnOnce(), mut is_seen: impl FnMut() -> bool) {
        let began = Instant::now();
        change();
        while !is_seen() {
            assert!(began.elapsed() < PATIENCE, "{what} is never seen; it said {:#?}", proxy.program.lines());
            std::thread::sleep(Duration::from_millis(1));
        }
        self.0.push(began.elapsed());
    }

    fn at(&self, of_thousand: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort();
        sorted[(sorted.len() * of_thousand / 1_000).min(sorted.len() - 1)]
    }
}

#[test]
fn a_change_takes_effect_at_once() {
    let Some(server) = Server::private() else { return };
    let Some(site) = Site::new(&server, "changes") else { return };
    let (others, rounds) = (sized(100, 1_000), sized(6_usize, 100));
    let admin = site.admin();
    let (green, black) = (site.endpoint("green"), site.endpoint("black"));
    for (service, endpoint) in [("green", &green), ("black", &black), ("tea", &green)] {
        admin.apply_all([site.service(service), site.slice(service, endpoint.address)]);
    }
    admin.apply_all((0..others).map(|n| site.ingress(&format!("i{n}"), &format!("h{n}.example"), "green")));
    let pairs: Vec<_> = (0..2)
        .map(|_| rcgen::generate_simple_self_signed(["secret.example".to_owned()]).expect("a certificate"))
        .collect();
    let put_pair = |n: usize| {
        let made = &pairs[n % 2];
        admin.apply(pair(&site.name, "cert", &made.cert.pem(), &made.signing_key.serialize_pem()));
    };
    let put_settings = |n: usize| {
        let status = if n.is_multiple_of(2) { "308" } else { "301" };
        admin.apply(config_map(&site.name, "settings", &[("http-redirect-code", status)]));
    };
    put_pair(0);
    put_settings(0);
    admin.apply_all([
        site.ingress("route", "route.example", "green"),
        site.ingress("endpoint", "endpoint.example", "tea"),
        site.tls_ingress("secret", "secret.example", "green", "cert"),
        class("changes-other", &controller("another")),
    ]);
    let mut moving = site.ingress("class", "class.example", "green");
    moving["spec"]["ingressClassName"] = json!("changes-other");
    admin.apply(moving);
    let settings = format!("{}/settings", site.name);
    let proxy = site.start(&["--dialect", "ingress-nginx", "--configmap", &settings]);
    proxy.until_served(&format!("h{}.example", others - 1), "green");

    let mut times: [Times; 5] = Default::default();
    let mut client = proxy.client();
    for n in 1..=rounds {
        let (name, endpoint) = if n.is_multiple_of(2) { ("green", &green) } else { ("black", &black) };
        let is_by = |client: &mut _, host: &str| ask(client, host).body == name.as_bytes();
        let [route, endpoints, secret, classes, settings] = &mut times;
        let change = || drop(admin.apply(site.ingress("route", "route.example", name)));
        route.measure(&proxy, "a route", change, || is_by(&mut client, "route.example"));
        let change = || drop(admin.apply(site.slice("tea", endpoint.address)));
        endpoints.measure(&proxy, "an endpoint", change, || is_by(&mut client, "endpoint.example"));
        let is_new = || proxy.certificate("secret.example").as_ref() == Some(pairs[n % 2].cert.der());
        secret.measure(&proxy, "a Secret", || put_pair(n), is_new);
        let (owner, status) = if n.is_multiple_of(2) { ("another", 404) } else { (&*site.name, 200) };
        // Whose a class is never changes; there can only be another one of its name.
        let change = || {
            admin.delete("IngressClass", "", "changes-other");
            admin.apply(class("changes-other", &controller(owner)));
        };
        classes.measure(&proxy, "a class", change, || ask(&mut client, "class.example").status == status);
        let status = if n.is_multiple_of(2) { 308 } else { 301 };
        settings.measure(
            &proxy,
            "a ConfigMap",
            || put_settings(n),
            || ask(&mut client, "secret.example").status == status,
        );
    }
    for (what, times) in ["route", "endpoint", "Secret", "class", "ConfigMap"].into_iter().zip(&times) {
        let (half, most, last) = (times.at(500), times.at(990), times.at(1_000));
        println!("{others} Ingresses, {rounds} changes of a {what}: p50 {half:?}, p99 {most:?}, longest {last:?}");
        // The machine may be busy with other things; the figure that counts is what is printed.
        let bound = Duration::from_millis(if is_full() { 1_000 } else { 5_000 });
        assert!(half < bound, "{what}: {half:?} in the median");
    }
    // Nothing was refused, so the rights that the documentation names are enough.
    let refused: Vec<_> =
        server.audit().into_iter().filter(|asked| asked.user == site.account.user() && asked.status >= 400).collect();
    assert!(refused.is_empty(), "{refused:?}");
}
