//! The controller on an API server in this process: what it watches becomes what is decided.

mod support;

use support::cluster::{Cluster, settings, shop};
use support::{class, ingress, secret, slice, tls_ingress};

#[tokio::test]
async fn what_is_there_at_the_start_is_one_snapshot() {
    let api = shop();
    api.apply_all((0..120).map(|n| ingress("shop", &format!("i{n}"), &format!("h{n}.example"), "tea")));
    let cluster = Cluster::ready(api, settings()).await;
    assert_eq!(cluster.endpoints("cafe.example"), ["10.0.0.1:8080"]);
    assert_eq!(cluster.endpoints("h119.example"), ["10.0.0.1:8080"]);
    assert_eq!(cluster.snapshots(), 1);
    let lists = cluster.api.take_requests().into_iter().filter(|request| request.verb == "list");
    assert_eq!(lists.filter(|request| request.resource == "ingresses").count(), 3, "121 objects in pages of 50");
    let view = cluster.views.borrow();
    assert_eq!((view.ingresses.len(), view.claimed.len()), (121, 121));
}

#[tokio::test]
async fn changes_are_seen() {
    let cluster = Cluster::ready(shop(), settings()).await;
    let api = &cluster.api;
    api.apply(slice("shop", "tea", &["10.0.0.2", "10.0.0.3"], 9000));
    cluster.until_leads("cafe.example", &["10.0.0.2:9000", "10.0.0.3:9000"]).await;
    api.apply(ingress("shop", "cafe", "tea.example", "tea"));
    cluster.until_leads("tea.example", &["10.0.0.2:9000", "10.0.0.3:9000"]).await;
    assert_eq!(cluster.endpoints("cafe.example"), ["404"]);
    api.apply(class("nginx", "example.com/other"));
    cluster.until_leads("tea.example", &["404"]).await;
    api.apply(class("nginx", "k8s.io/ingress-nginx"));
    cluster.until_leads("tea.example", &["10.0.0.2:9000", "10.0.0.3:9000"]).await;
    api.delete("EndpointSlice", "shop", "tea-1");
    cluster.until_leads("tea.example", &["503"]).await;
    api.apply(slice("shop", "tea", &["10.0.0.4"], 9000));
    cluster.until_leads("tea.example", &["10.0.0.4:9000"]).await;
    api.delete("Service", "shop", "tea");
    cluster.until_leads("tea.example", &["503"]).await;
    api.delete("Ingress", "shop", "cafe");
    cluster.until_leads("tea.example", &["404"]).await;
}

#[tokio::test]
async fn only_the_secrets_of_accepted_objects_are_read() {
    let api = shop();
    let mut theirs = tls_ingress("shop", "theirs", "theirs.example", "tea", "theirs");
    theirs["spec"]["ingressClassName"] = "other".into();
    api.apply_all([
        tls_ingress("shop", "web", "web.example", "tea", "web-cert"),
        theirs,
        class("other", "example.com/other"),
        secret("shop", "web-cert", &[("tls.crt", "d2ViLmV4YW1wbGU="), ("tls.key", "a2V5")]),
        secret("shop", "theirs", &[("tls.crt", "dGhlaXJzLmV4YW1wbGU="), ("tls.key", "a2V5")]),
        secret("shop", "unrelated", &[("password", "aHVudGVyMg==")]),
    ]);
    let cluster = Cluster::ready(api, settings()).await;
    assert_eq!(cluster.snapshots(), 1, "it waits for the Secret");
    assert_eq!(cluster.certificate("web.example"), "shop/web-cert");
    assert_eq!(cluster.secrets(), ["shop/web-cert"]);
    let requests = cluster.api.take_requests().into_iter().filter(|request| request.resource == "secrets");
    let (whole, metadata): (Vec<_>, Vec<_>) = requests.partition(|request| !request.is_metadata);
    assert_eq!(whole.iter().map(|request| &*request.name).collect::<Vec<_>>(), ["web-cert"]);
    assert!(!metadata.is_empty() && metadata.iter().all(|request| request.name.is_empty()));

    // Another state of it, and then nobody refers to it.
    let states = |cluster: &Cluster| cluster.told.lock().unwrap().states;
    let before = states(&cluster);
    cluster.api.apply(secret("shop", "web-cert", &[("tls.crt", "d2ViLmV4YW1wbGU="), ("tls.key", "bmV3")]));
    let key = |cluster: &Cluster| {
        let told = cluster.told.lock().unwrap();
        told.secrets.get("shop/web-cert").map(|data| String::from_utf8_lossy(&data["tls.key"]).into_owned())
    };
    cluster.until_true("the new key is there", || key(&cluster).as_deref() == Some("new")).await;
    cluster.until_true("that is told", || states(&cluster) > before).await;
    assert_eq!(cluster.snapshots(), 1, "no route is different");
    cluster.api.apply(ingress("shop", "web", "web.example", "tea"));
    cluster.until_true("the Secret is forgotten", || cluster.secrets().is_empty()).await;
}
