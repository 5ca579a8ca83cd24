//! Programs side by side: they decide alike, and one that ends loses nothing.

use std::time::Duration;

use serde_json::json;

use super::real::Server;
use super::site::{Proxy, Site};
use super::support::backend::Backend;
use super::support::load::{Load, Way};
use super::support::program::Ports;
use super::support::size::sized;

#[test]
fn two_replicas_decide_alike() {
    let Some(server) = Server::shared() else { return };
    let Some(site) = Site::new(server, "alike") else { return };
    let endpoints: Vec<_> = (0..4).map(|n| site.endpoint(&format!("e{n}"))).collect();
    let admin = site.admin();
    for (n, endpoint) in endpoints.iter().enumerate() {
        admin.apply_all([site.service(&format!("s{n}")), site.slice(&format!("s{n}"), endpoint.address)]);
    }
    let early = site.start(&[]);
    let (hosts, rounds) = (6, sized(60, 1_000));
    // Ingresses that claim the same hosts and paths; which wins depends on their age and names.
    for round in 0..rounds {
        let name = format!("i{}", round * 7 % 13);
        let (host, service) = (format!("h{}.example", round * 5 % hosts), format!("s{}", round * 11 % 4));
        let mut object = site.ingress(&name, &host, &service);
        object["spec"]["rules"][0]["http"]["paths"][0]["path"] = json!(["/", "/a", "/a/b"][round % 3]);
        match round % 4 {
            3 => admin.delete("Ingress", &site.name, &name),
            _ => drop(admin.apply(object)),
        }
    }
    // One has seen all of it happen, the other only how it ended.
    let late = site.start(&[]);
    let answers = |proxy: &Proxy| -> Vec<(u16, Vec<u8>)> {
        let mut client = proxy.client();
        let all = (0..hosts).flat_map(|host| ["/", "/a", "/a/b", "/x"].map(|path| (host, path)));
        all.map(|(host, path)| {
            let request = format!("GET {path} HTTP/1.1\r\nHost: h{host}.example\r\n\r\n");
            let answer = client.send(request).answer().expect("an answer");
            // What says which request it was is another one each time.
            let body = if answer.status == 200 { answer.body } else { Vec::new() };
            (answer.status, body)
        })
        .collect()
    };
    early.until("alike", |early| answers(early) == answers(&late));
    // And it stays so.
    std::thread::sleep(Duration::from_millis(500));
    let (a, b) = (answers(&early), answers(&late));
    assert_eq!(a, b);
    let served = a.iter().filter(|(status, _)| *status == 200).count();
    println!("{rounds} changes: {served} of {} requests are served, alike", a.len());
    assert!(served > 5 && served < a.len());
}

#[test]
fn one_that_ends_loses_nothing() {
    let Some(server) = Server::shared() else { return };
    let Some(site) = Site::new(server, "ends") else { return };
    let backends = Backend::start_at(site.address, 1);
    site.open_shop(backends[0].address);
    let grace = ["--shutdown-grace-period", "1s"];
    let mut old = site.start(&grace);
    let target = old.ports.target();
    let load = Load::towards(&target, &[Way::Http1, Way::Fresh, Way::Tls, Way::Http2]);
    for round in 0..sized(2, 20) {
        load.wait_for(sized(100, 2_000));
        // As in a rolling update: another one is ready before this one is told to end; meanwhile the cluster changes.
        let new = site.begin(Ports::new(), &grace);
        new.until("ready", Proxy::is_ready);
        site.admin().apply(site.ingress("more", &format!("h{round}.example"), "tea"));
        old.program.signal("TERM");
        old.until("not ready", |old| !old.is_ready());
        *target.lock().expect("the target") = (new.ports.http.address, new.ports.https.address);
        assert!(old.program.wait().success());
        new.until_served(&format!("h{round}.example"), "ok");
        old = new;
    }
    load.wait_for(sized(0, 100_000_usize).saturating_sub(load.good()));
    let summary = load.end();
    println!("programs that end: {summary}");
    summary.assert_clean();
    assert!(backends[0].requests() >= summary.good);
}
