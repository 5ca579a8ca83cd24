//! The rights that ingress-nginx's manifests give are enough: Endpoints and no slices, and Secrets that may be listed and not
//! read by name.

mod support;

use std::time::Duration;

use ingress_kube::Timing;
use support::cluster::{Cluster, settings, shop};
use support::{endpoints, ingress, secret, slice, tls_ingress};

#[tokio::test]
async fn endpoints_are_read_where_slices_are_refused() {
    let api = shop();
    api.forbid("endpointslices", "");
    api.apply(endpoints("shop", "tea", &["10.0.0.8"], 8080));
    let mut settings = settings();
    settings.timing = Timing { watch: Duration::from_secs(1), ..settings.timing };
    let cluster = Cluster::ready(api, settings).await;
    assert_eq!(cluster.endpoints("cafe.example"), ["10.0.0.8:8080"]);
    let lines = cluster.lines().into_iter().filter(|line| line.contains("endpoint"));
    let lines: Vec<String> = lines.collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("cannot read endpointslices of the cluster: forbidden: "), "{lines:?}");
    assert!(lines[0].ends_with("; `endpoints` are read in their place"), "{lines:?}");
    cluster.api.apply(endpoints("shop", "tea", &["10.0.0.9"], 8080));
    cluster.until_leads("cafe.example", &["10.0.0.9:8080"]).await;
    // The right is given: the watch that is open ends some time.
    cluster.api.heal();
    cluster.until_leads("cafe.example", &["10.0.0.1:8080"]).await;
}

#[tokio::test]
async fn slices_that_were_read_are_not_given_up_for_endpoints() {
    let cluster = Cluster::ready(shop(), settings()).await;
    cluster.api.forbid("endpointslices", "");
    cluster.api.apply(endpoints("shop", "tea", &["10.0.0.8"], 8080));
    cluster.api.compact();
    cluster.api.reset();
    cluster.api.apply(ingress("shop", "new", "new.example", "tea"));
    cluster.until_leads("new.example", &["10.0.0.1:8080"]).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(cluster.endpoints("new.example"), ["10.0.0.1:8080"]);
    cluster.api.heal();
    cluster.api.apply(slice("shop", "tea", &["10.0.0.2"], 8080));
    cluster.until_leads("new.example", &["10.0.0.2:8080"]).await;
}

#[tokio::test]
async fn a_secret_that_may_only_be_listed_is_read_from_a_list_of_its_own() {
    let api = shop();
    api.forbid("secrets", "get");
    api.apply_all([
        secret("shop", "cert", &[("tls.crt", "d2ViLmV4YW1wbGU="), ("tls.key", "azE=")]),
        secret("shop", "other", &[("tls.crt", "d2ViLmV4YW1wbGU="), ("tls.key", "azE=")]),
        tls_ingress("shop", "web", "web.example", "tea", "cert"),
        tls_ingress("shop", "none", "none.example", "tea", "absent"),
    ]);
    let cluster = Cluster::ready(api, settings()).await;
    cluster.until_true("a certificate", || cluster.certificate("web.example") == "shop/cert").await;
    assert_eq!(cluster.secrets(), ["shop/cert"]);
    assert!(!cluster.lines().iter().any(|line| line.contains("cannot be read")), "{:?}", cluster.lines());
    let requests = cluster.api.take_requests();
    let whole = requests.iter().filter(|request| request.resource == "secrets" && !request.is_metadata);
    assert!(whole.clone().all(|request| request.namespace == "shop"), "{requests:?}");
    assert!(whole.clone().any(|request| request.verb == "list"), "{requests:?}");
    cluster.api.apply(secret("shop", "cert", &[("tls.crt", "d2ViLmV4YW1wbGU="), ("tls.key", "azI=")]));
    let key = || cluster.told.lock().unwrap().secrets.get("shop/cert").and_then(|data| data.get("tls.key").cloned());
    cluster.until_true("the new key", || key().as_deref() == Some(b"k2")).await;
}
