//! Secrets that are rotated to something bad: the last good pair is served until a good one comes.

use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::{Value, json};

use super::real::Server;
use super::site::{Proxy, Site, pair};
use super::support::size::sized;

const HOST: &str = "secret.example";

/// A pair for a name, and how long it is good.
fn made(name: &str, has_expired: bool) -> (rcgen::Certificate, String) {
    let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
    if has_expired {
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    }
    let key = KeyPair::generate().expect("a key");
    (params.self_signed(&key).expect("a certificate"), key.serialize_pem())
}

fn half(text: &str) -> &str {
    text.split_at(text.len() / 2).0
}

#[test]
fn what_is_bad_takes_the_place_of_nothing() {
    let Some(server) = Server::shared() else { return };
    let Some(site) = Site::new(server, "rotations") else { return };
    let tea = site.endpoint("tea");
    let secret = |certificate: &str, key: &str| pair(&site.name, "cert", certificate, key);
    let ((old, old_key), (new, new_key)) = (made(HOST, false), made(HOST, false));
    let (expired, expired_key) = made(HOST, true);
    let (other, other_key) = made("other.example", false);
    let without_key = json!({"kind": "Secret", "metadata": {"namespace": site.name, "name": "cert"}, "type": "Opaque",
                             "stringData": {"tls.crt": new.pem(), "tls.key": ""}});
    let of_nothing = json!({"kind": "Secret", "metadata": {"namespace": site.name, "name": "cert"}, "type": "Opaque",
                            "stringData": {"password": "hunter2", "tls.crt": "", "tls.key": ""}});
    let bad: [(&str, Value); 7] = [
        ("garbage", secret("\u{0}garbage\n", "-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n")),
        ("cut off", secret(half(&new.pem()), &new_key)),
        ("with the key of another", secret(&new.pem(), &old_key)),
        ("expired", secret(&expired.pem(), &expired_key)),
        ("empty", of_nothing),
        ("without its key", without_key),
        ("for another name", secret(&other.pem(), &other_key)),
    ];
    site.admin().apply_all([
        site.service("tea"),
        site.slice("tea", tea.address),
        site.tls_ingress("secret", HOST, "tea", "cert"),
        secret(&old.pem(), &old_key),
    ]);
    let proxy = site.start(&["--dialect", "ingress-nginx"]);
    let is_served = |proxy: &Proxy, certificate: &rcgen::Certificate| {
        proxy.certificate(HOST).expect("a handshake") == *certificate.der()
    };
    proxy.until("served", |proxy| is_served(proxy, &old));
    // Each is said once, and once that it is over.
    let says = |proxy: &Proxy, what: &str, since: usize| {
        let begin = format!("Secret {}/cert {what}", site.name);
        proxy.program.lines()[since..].iter().any(|line| line.contains(&begin))
    };
    for (what, bad) in bad {
        let said = proxy.program.lines().len();
        site.admin().apply(bad);
        proxy.until(&format!("said of one {what}"), |proxy| {
            assert!(is_served(proxy, &old), "{what}");
            says(proxy, "cannot be used", said)
        });
        println!("{what}: {}", proxy.program.lines().last().expect("a line"));
        let end = Instant::now() + Duration::from_millis(sized(300, 2_000));
        while Instant::now() < end {
            assert!(is_served(&proxy, &old), "{what}");
        }
        site.admin().apply(secret(&old.pem(), &old_key));
        proxy.until(&format!("mended after one {what}"), |proxy| says(proxy, "can be used again", said));
    }
    site.admin().apply(secret(&new.pem(), &new_key));
    proxy.until("new", |proxy| is_served(proxy, &new));
    site.admin().delete("Secret", &site.name, "cert");
    proxy.until("gone", |proxy| !is_served(proxy, &new));
}
