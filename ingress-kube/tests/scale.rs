//! Many objects: how long it takes until they are served, and until a change is. `OBJECTS=10000 cargo test --release -p
//! ingress-kube --test scale -- --nocapture` prints the figures of the full size.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ingress_core::model::{Object, WireKind, decode};

use support::cluster::{Cluster, settings};
use support::{ApiServer, class, ingress, secret, service, slice, tls_ingress};

fn number_of_objects() -> usize {
    std::env::var("OBJECTS").map_or(500, |text| text.parse().unwrap())
}

/// As many Ingresses, a Service for five of them, five endpoints for each, and a certificate for every twentieth Ingress.
fn fill(api: &ApiServer, objects: usize) {
    let services = (objects / 5).max(1);
    api.apply(class("nginx", "k8s.io/ingress-nginx"));
    for n in 0..services {
        let name = format!("s{n}");
        let addresses: Vec<String> = (1..=5).map(|host| format!("10.{}.{}.{host}", n / 256 % 256, n % 256)).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        api.apply_all([service("shop", &name), slice("shop", &name, &addresses, 8080)]);
    }
    api.apply_all((0..objects).map(|n| {
        let (name, host, service) = (format!("i{n}"), format!("h{n}.example"), format!("s{}", n % services));
        if n % 20 == 0 {
            tls_ingress("shop", &name, &host, &service, &format!("c{n}"))
        } else {
            ingress("shop", &name, &host, &service)
        }
    }));
    // `*.example`
    let data = [("tls.crt", "Ki5leGFtcGxl"), ("tls.key", "a2V5")];
    api.apply_all((0..objects).step_by(20).map(|n| secret("shop", &format!("c{n}"), &data)));
}

#[tokio::test]
async fn a_cold_start_is_one_snapshot_and_a_change_is_quick() {
    let objects = number_of_objects();
    let api = ApiServer::start();
    fill(&api, objects);
    let mut settings = settings();
    settings.timing.page = 500;
    let began = Instant::now();
    let cluster = Cluster::ready(api, settings).await;
    let ready = began.elapsed();
    assert_eq!(cluster.snapshots(), 1);
    assert_eq!(cluster.secrets().len(), objects.div_ceil(20));
    assert_eq!(cluster.reader.load_full().host_count(), objects);

    let mut changes = Vec::new();
    for n in 0..50 {
        let host = format!("change{n}.example");
        let began = Instant::now();
        cluster.api.apply(ingress("shop", "i1", &host, "s1"));
        cluster.until_true("changed", || cluster.reader.load_full().locate(&host, b"/").is_some()).await;
        changes.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    changes.sort();
    let mut trials = Vec::new();
    for n in 0..100 {
        let object = ingress("shop", &format!("t{n}"), &format!("h{n}.example"), "s1");
        let Ok(Object::Ingress(object)) = decode(WireKind::Ingress, object) else { unreachable!() };
        let began = Instant::now();
        let trial = cluster.handle.try_ingress(Arc::unwrap_or_clone(object)).await.unwrap();
        trials.push(began.elapsed());
        assert!(trial.is_claimed && trial.changed.len() == 1);
    }
    trials.sort();
    println!("{objects} Ingresses: a trial takes {:?} in the median, {:?} at most", trials[50], trials[99]);
    println!(
        "{objects} Ingresses: ready after {ready:?}; changes: median {:?}, slowest {:?}",
        changes[25], changes[49]
    );
}
