//! Rights that the account has not, or not any more, one rule of its role at a time.

use std::time::Duration;

use serde_json::Value;

use super::api::config_map;
use super::real::{Audited, Server, rights};
use super::relay::Relay;
use super::site::{Proxy, Site, pair};
use super::support::program::Ports;

/// What a rule is about.
fn resource(rule: &Value) -> String {
    rule["resources"][0].as_str().expect("a resource").to_owned()
}

/// The rights but for those on one resource.
fn without(resource_: &str) -> Vec<Value> {
    rights().into_iter().filter(|rule| resource(rule) != resource_).collect()
}

struct Shop<'a> {
    site: Site<'a>,
    certificate: rcgen::CertifiedKey<rcgen::KeyPair>,
}

impl<'a> Shop<'a> {
    /// A host in plain text, one with a certificate, and settings.
    fn new(server: &'a Server, name: &str) -> Option<Self> {
        let site = Site::new(server, name)?;
        let tea = site.endpoint("tea");
        let certificate = rcgen::generate_simple_self_signed(["web.example".to_owned()]).expect("a certificate");
        site.admin().apply_all([
            site.service("tea"),
            site.slice("tea", tea.address),
            site.ingress("plain", "plain.example", "tea"),
            site.tls_ingress("web", "web.example", "tea", "cert"),
            pair(&site.name, "cert", &certificate.cert.pem(), &certificate.signing_key.serialize_pem()),
            config_map(&site.name, "settings", &[("http-redirect-code", "301")]),
        ]);
        Some(Self { site, certificate })
    }

    fn begin(&self, more: &[&str]) -> Proxy {
        let settings = format!("{}/settings", self.site.name);
        let own = ["--dialect", "ingress-nginx", "--configmap", &settings];
        self.site.begin(Ports::new(), &[&own[..], more].concat())
    }

    /// Whether everything is as it should be.
    fn is_whole(&self, proxy: &Proxy) -> bool {
        let is_certified = proxy.certificate("web.example").as_ref() == Some(self.certificate.cert.der());
        is_certified && proxy.is_served("plain.example", "tea") && proxy.ask("web.example").status == 301
    }
}

#[test]
fn what_is_missing_at_the_start_costs_what_needs_it() {
    let Some(server) = Server::shared() else { return };
    let resources: Vec<String> = rights().iter().map(resource).filter(|it| it != "namespaces").collect();
    // All at once, as each takes some seconds to be believed.
    std::thread::scope(|scope| {
        for missing in &resources {
            scope.spawn(move || {
                let Some(shop) = Shop::new(server, &format!("without-{missing}")) else { return };
                shop.site.account.may(without(missing));
                let proxy = shop.begin(&[]);
                proxy.until("says why", |proxy| refusals(proxy, missing) > 0);
                if missing == "ingresses" {
                    let cannot = "cannot read ingresses: forbidden";
                    proxy.until("says so", |proxy| proxy.program.page("/readyz").contains(cannot));
                    assert_eq!(proxy.ask("plain.example").status, 503);
                } else {
                    proxy.until("ready", Proxy::is_ready);
                }
                let is_default = || {
                    let served = proxy.certificate("web.example").expect("a handshake");
                    served != *shop.certificate.cert.der()
                };
                match &**missing {
                    "ingressclasses" => assert_eq!(proxy.ask("plain.example").status, 404, "whose it is, is not known"),
                    "services" => assert!(proxy.is_served("plain.example", "tea"), "its slice says enough"),
                    "endpointslices" => assert_eq!(proxy.ask("plain.example").status, 503),
                    "secrets" => assert!(is_default() && proxy.is_served("plain.example", "tea")),
                    "configmaps" => assert_eq!(proxy.ask("web.example").status, 308, "the default"),
                    _ => {}
                }
                shop.site.account.may(rights());
                proxy.until(&format!("whole with {missing}"), |proxy| shop.is_whole(proxy));
                proxy.until("fresh", |proxy| {
                    proxy.figure("nginx_ingress_controller_config_last_reload_successful", "") > 0.5
                });
                assert_no_haste(server, &shop.site.account.user());
            });
        }
    });
}

#[test]
fn what_is_taken_away_later_costs_nothing() {
    let Some(server) = Server::private() else { return };
    let Some(shop) = Shop::new(&server, "withdrawn") else { return };
    let relay = Relay::to(server.address());
    let proxy = shop.begin(&[&relay.flag()]);
    proxy.until("whole", |proxy| shop.is_whole(proxy));
    let resources: Vec<String> = rights().iter().map(resource).filter(|it| it != "namespaces").collect();
    for (number, missing) in resources.iter().enumerate() {
        shop.site.account.may(without(missing));
        // Watches that are open stay so.
        let before = refusals(&proxy, missing);
        proxy.until("refused", |proxy| {
            assert!(shop.is_whole(proxy), "without {missing}");
            relay.reset();
            std::thread::sleep(Duration::from_millis(200));
            refusals(proxy, missing) > before
        });
        // The others are followed.
        let host = format!("h{number}.example");
        shop.site.admin().apply(shop.site.ingress("more", &host, "tea"));
        if missing != "ingresses" {
            proxy.until_served(&host, "tea");
        }
        assert!(shop.is_whole(&proxy) && proxy.is_ready(), "without {missing}");
        shop.site.account.may(rights());
        proxy.until_served(&host, "tea");
        proxy.until("fresh", |proxy| proxy.figure("nginx_ingress_controller_config_last_reload_successful", "") > 0.5);
        assert!(shop.is_whole(&proxy), "with {missing} again");
    }
    assert_no_haste(&server, &shop.site.account.user());
}

/// How often the program has said that it may not read something.
fn refusals(proxy: &Proxy, resource: &str) -> usize {
    let begin = format!("warning: cannot read {resource} of ");
    proxy.program.lines().iter().filter(|line| line.starts_with(&begin) && line.contains(": forbidden: ")).count()
}

/// Whoever is refused does not ask again and again.
fn assert_no_haste(server: &Server, user: &str) {
    if !server.is_own() {
        return;
    }
    let is_refused = |asked: &Audited| asked.user == user && asked.status == 403;
    let refused = server.audit().into_iter().filter(is_refused).count();
    assert!(refused <= 60, "refused {refused} times");
}
