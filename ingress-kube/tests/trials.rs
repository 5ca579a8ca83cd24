//! What would come of an Ingress: asked of the controller, with nothing in force touched.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use ingress_core::compiler::Trial;
use ingress_core::decision::Decision;
use ingress_core::model::{Ingress, Object, WireKind, decode};
use ingress_core::request::{ConnInfo, RequestView};
use ingress_kube::NoTrial;
use serde_json::{Value, json};
use support::cluster::{Cluster, settings, shop};
use support::{ingress, tls_ingress};

fn record(object: &Value) -> Ingress {
    match decode(WireKind::Ingress, object).unwrap() {
        Object::Ingress(ingress) => Arc::unwrap_or_clone(ingress),
        other => unreachable!("{other:?}"),
    }
}

async fn trial(cluster: &Cluster, object: &Value) -> Trial {
    cluster.handle.try_ingress(record(object)).await.unwrap()
}

fn slugs(findings: &[ingress_core::diagnostic::Diagnostic]) -> Vec<&str> {
    findings.iter().map(|finding| finding.code.slug()).collect()
}

fn is_forwarded(trial: &Trial, host: &str) -> bool {
    let (parts, ()) = http::Request::get(format!("http://{host}/")).body(()).unwrap().into_parts();
    let conn = ConnInfo::default();
    matches!(trial.snapshot.decide(&RequestView::new(&parts, &conn, 0).unwrap()), Decision::Forward(_))
}

#[tokio::test]
async fn a_trial_leaves_no_trace() {
    let cluster = Cluster::ready(shop(), settings()).await;
    let before = cluster.reader.load_full();
    for _ in 0..3 {
        let new = trial(&cluster, &ingress("shop", "new", "new.example", "tea")).await;
        assert!(new.is_claimed && new.findings.is_empty() && new.others.is_empty());
        assert_eq!(new.changed.iter().map(ToString::to_string).collect::<Vec<_>>(), ["new.example"]);
        assert!(is_forwarded(&new, "new.example") && is_forwarded(&new, "cafe.example"));
        let moved = trial(&cluster, &ingress("shop", "cafe", "moved.example", "tea")).await;
        assert!(is_forwarded(&moved, "moved.example") && !is_forwarded(&moved, "cafe.example"));
    }
    assert!(Arc::ptr_eq(&before, &cluster.reader.load_full()));
    assert_eq!((cluster.endpoints("new.example"), cluster.snapshots()), (vec!["404".into()], 1));
    // What follows is compiled from what there is.
    cluster.api.apply(ingress("shop", "other", "other.example", "tea"));
    cluster.until_leads("other.example", &["10.0.0.1:8080"]).await;
    assert_eq!((cluster.endpoints("new.example"), cluster.endpoints("cafe.example").len()), (vec!["404".into()], 1));
    assert_eq!(cluster.snapshots(), 2);
}

#[tokio::test]
async fn a_trial_says_what_is_wrong_and_with_whom() {
    let cluster = Cluster::ready(shop(), settings()).await;
    let mut bad = ingress("shop", "bad", "bad.example", "nowhere");
    let found = trial(&cluster, &bad).await;
    assert_eq!(slugs(&found.findings), ["service-not-found"]);
    bad["spec"]["rules"][0]["host"] = json!("Not A Host");
    let found = trial(&cluster, &bad).await;
    assert!(!found.is_claimed && found.is_ours, "it is not valid");
    assert!(slugs(&found.findings).contains(&"invalid-host"), "{:?}", found.findings);
    bad["spec"]["ingressClassName"] = json!("theirs");
    bad["spec"]["rules"][0]["host"] = json!("a.example");
    let theirs = trial(&cluster, &bad).await;
    assert!(!theirs.is_claimed && !theirs.is_ours);

    // It is older, so that it takes the path from whoever has it.
    let mut rival = ingress("shop", "a-rival", "cafe.example", "tea");
    rival["metadata"]["creationTimestamp"] = json!("2001-01-01T00:00:00Z");
    let found = trial(&cluster, &rival).await;
    assert!(found.findings.is_empty(), "{:?}", found.findings);
    assert!(!found.others.is_empty());
    assert!(found.others.iter().all(|finding| finding.object.as_ref().is_some_and(|object| &*object.name == "cafe")));

    let secret = trial(&cluster, &tls_ingress("shop", "web", "web.example", "tea", "cert")).await;
    assert_eq!(secret.unread.iter().map(ToString::to_string).collect::<Vec<_>>(), ["Secret shop/cert"]);
    let requests = cluster.api.take_requests();
    assert!(requests.iter().all(|request| request.resource != "secrets"), "a trial reads no Secret");
}

#[tokio::test]
async fn nothing_can_be_tried_before_anything_is_known() {
    let api = shop();
    api.go_down();
    let cluster = Cluster::start(api, settings()).await;
    let answer = cluster.handle.try_ingress(record(&ingress("shop", "a", "a.example", "tea"))).await;
    assert_eq!(answer.err(), Some(NoTrial::NotReady));
}

#[tokio::test]
async fn a_trial_says_who_else_has_the_host() {
    let api = shop();
    api.apply(ingress("pub", "beer", "*.example", "beer"));
    let cluster = Cluster::ready(api, settings()).await;
    let rival = trial(&cluster, &ingress("pub", "coffee", "cafe.example", "beer")).await;
    let [host] = rival.hosts.as_slice() else { panic!("{:?}", rival.hosts) };
    assert!(host.is_new && rival.current.is_none());
    assert_eq!(host.others.iter().map(|other| &*other.metadata.name).collect::<Vec<_>>(), ["cafe"]);
    assert_eq!(host.wildcards.iter().map(|other| other.path()).collect::<Vec<_>>(), ["pub/beer"]);
    let same = trial(&cluster, &ingress("shop", "cafe", "cafe.example", "tea")).await;
    let [host] = same.hosts.as_slice() else { panic!("{:?}", same.hosts) };
    assert!(!host.is_new && host.others.is_empty() && same.current.is_some());
}
