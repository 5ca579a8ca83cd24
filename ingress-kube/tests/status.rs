//! The status of Ingresses, on an API server in this process.

mod support;

use std::time::{Duration, Instant};

use ingress_kube::AddressSource;
use serde_json::json;
use support::cluster::shop;
use support::replica::{
    Replica, addresses, changes, fixed, pause, published, status, until, until_has, with_status, writes,
};
use support::{Fault, balancer, class, ingress, node, pod, service};

#[tokio::test]
async fn the_status_of_ours_and_of_no_other_is_written_once() {
    let api = shop();
    let mut theirs = ingress("shop", "theirs", "theirs.example", "tea");
    theirs["spec"]["ingressClassName"] = "other".into();
    theirs["status"] = json!({"loadBalancer": {"ingress": [{"ip": "198.51.100.1"}]}});
    let mut labelled = ingress("shop", "labelled", "labelled.example", "tea");
    labelled["metadata"]["labels"] = json!({"team": "tea"});
    api.apply_all([class("other", "example.com/other"), theirs.clone(), labelled]);
    let replica =
        Replica::start(&api, with_status(fixed(&["lb.example", "192.0.2.2", "192.0.2.1", "192.0.2.2"]))).await;
    let all = ["lb.example", "192.0.2.1", "192.0.2.2"];
    for name in ["cafe", "labelled"] {
        until_has(&api, name, &all).await;
    }
    let labelled = api.object("Ingress", "shop", "labelled").unwrap();
    assert_eq!(labelled["metadata"]["labels"]["team"], "tea", "nothing else is written");
    // One that comes later.
    api.apply(ingress("shop", "late", "late.example", "tea"));
    until_has(&api, "late", &all).await;
    pause(300).await;
    api.take_requests();
    pause(2_000).await;
    let requests = api.take_requests();
    let writes = writes(&requests);
    assert!(writes.iter().all(|request| request.resource == "leases"), "nothing has changed: {writes:?}");
    assert!(requests.iter().all(|request| request.resource == "leases"), "and nothing is to be known: {requests:?}");
    // Whoever writes something else is put right.
    let mut cafe = api.object("Ingress", "shop", "cafe").unwrap();
    cafe["status"]["loadBalancer"]["ingress"] = json!([]);
    api.apply(cafe);
    until_has(&api, "cafe", &all).await;
    assert_eq!(api.object("Ingress", "shop", "theirs").unwrap()["status"], theirs["status"]);
    assert_eq!(changes(&api, "theirs"), 0);
    assert_eq!(replica.said("the status of our Ingresses says lb.example, 192.0.2.1, 192.0.2.2"), 1);
}

#[tokio::test]
async fn an_ingress_that_goes_to_another_controller_is_not_touched() {
    let api = shop();
    api.apply(class("other", "example.com/other"));
    let _replica = Replica::start(&api, with_status(fixed(&["192.0.2.1"]))).await;
    until_has(&api, "cafe", &["192.0.2.1"]).await;
    for round in 0..30 {
        let name = format!("i{round}");
        api.apply(ingress("shop", &name, "x.example", "tea"));
        pause(round * 5).await;
        let mut theirs = api.object("Ingress", "shop", &name).unwrap();
        theirs["spec"]["ingressClassName"] = "other".into();
        api.apply(theirs);
    }
    pause(500).await;
    let mut written = 0;
    for round in 0..30 {
        let states = api.history("Ingress", "shop", &format!("i{round}"));
        for (before, after) in states.iter().zip(states.iter().skip(1)) {
            if before["status"] != after["status"] {
                written += 1;
                assert_eq!(before["spec"]["ingressClassName"], "nginx", "round {round}");
            }
        }
    }
    assert!(written > 0, "some have been ours for long enough");
}

#[tokio::test]
async fn a_service_that_flaps_is_not_seen() {
    let api = shop();
    let replica = Replica::start(&api, with_status(published())).await;
    until("said", || replica.said("Service system/lb is not there; it is left alone") == 1).await;
    assert!(addresses(&api, "cafe").is_empty());
    api.apply(balancer("system", "lb", &[]));
    until("said", || replica.said("Service system/lb has no address yet") == 1).await;
    api.apply(balancer("system", "lb", &["192.0.2.1"]));
    until_has(&api, "cafe", &["192.0.2.1"]).await;
    for round in 0..30 {
        match round % 3 {
            0 => api.apply(balancer("system", "lb", &[])),
            1 => api.delete("Service", "system", "lb"),
            _ => api.apply(balancer("system", "lb", &["192.0.2.1"])),
        }
        pause(100).await;
        assert_eq!(addresses(&api, "cafe"), ["192.0.2.1"], "round {round}");
    }
    assert_eq!(changes(&api, "cafe"), 1);
    // Two addresses that take turns are both there.
    for round in 0..20 {
        api.apply(balancer("system", "lb", &[if round % 2 == 0 { "192.0.2.2" } else { "192.0.2.1" }]));
        pause(100).await;
    }
    assert_eq!(addresses(&api, "cafe"), ["192.0.2.1", "192.0.2.2"]);
    assert_eq!(changes(&api, "cafe"), 2);
    // And one that is gone for good goes.
    api.apply(balancer("system", "lb", &["192.0.2.3"]));
    until_has(&api, "cafe", &["192.0.2.3"]).await;
    api.delete("Service", "system", "lb");
    pause(1_500).await;
    assert_eq!(addresses(&api, "cafe"), ["192.0.2.3"], "the last one stays");
    let lines = replica.lines();
    assert!(lines.len() <= 8, "what comes and goes is not said each time: {lines:#?}");
}

#[tokio::test]
async fn a_service_that_can_have_no_address_gives_way_to_nodes() {
    let api = shop();
    let mut headless = service("system", "lb");
    headless["spec"]["clusterIP"] = "None".into();
    api.apply_all([headless, pod("system", "a", "node-1", true), node("node-1", &[("InternalIP", "10.0.0.1")])]);
    let _replica = Replica::start(&api, with_status(published())).await;
    until_has(&api, "cafe", &["10.0.0.1"]).await;
}

#[tokio::test]
async fn without_a_service_it_is_the_nodes_that_run_a_replica_which_is_ready() {
    let api = shop();
    let mut other = pod("system", "other", "node-4", true);
    other["metadata"]["labels"] = json!({"app.kubernetes.io/name": "other"});
    let both = |external: &str, internal: &str| {
        node(
            if internal.ends_with('1') { "node-1" } else { "node-2" },
            &[("InternalIP", internal), ("ExternalIP", external)],
        )
    };
    api.apply_all([
        other,
        pod("system", "a", "node-1", true),
        pod("system", "b", "node-2", true),
        pod("system", "c", "node-3", false),
        both("192.0.2.1", "10.0.0.1"),
        both("192.0.2.2", "10.0.0.2"),
        node("node-3", &[("InternalIP", "10.0.0.3")]),
        node("node-4", &[("InternalIP", "10.0.0.4")]),
    ]);
    let mut replica = Replica::start(&api, with_status(status(AddressSource::Nodes))).await;
    until_has(&api, "cafe", &["192.0.2.1", "192.0.2.2"]).await;
    // A node without an address outside of the cluster has one inside.
    api.apply(pod("system", "c", "node-3", true));
    until_has(&api, "cafe", &["10.0.0.3", "192.0.2.1", "192.0.2.2"]).await;
    // One that is not ready for a moment is no event.
    api.apply(pod("system", "b", "node-2", false));
    pause(300).await;
    api.apply(pod("system", "b", "node-2", true));
    pause(1_200).await;
    assert_eq!(changes(&api, "cafe"), 2);
    api.delete("Pod", "system", "b");
    until_has(&api, "cafe", &["10.0.0.3", "192.0.2.1"]).await;
    let read = api.take_requests();
    let nodes: Vec<&str> = read.iter().filter(|it| it.resource == "nodes").map(|it| &*it.name).collect();
    assert_eq!(nodes, ["node-1", "node-2", "node-3", "node-2"], "once, and again after it was away");
    replica.end().await;
    let mut internal = status(AddressSource::Nodes);
    internal.internal_addresses = true;
    let _replica = Replica::start(&api, with_status(internal)).await;
    until_has(&api, "cafe", &["10.0.0.1", "10.0.0.3"]).await;
}

#[tokio::test]
async fn the_last_replica_clears_the_status() {
    for (others, is_cleared) in [("none", true), ("leaving", true), ("failed", true), ("starting", false)] {
        let api = shop();
        let mut other = pod("system", "b", "node-1", false);
        match others {
            "leaving" => other["metadata"]["deletionTimestamp"] = "2026-11-28T10:00:00Z".into(),
            "failed" => other["status"]["phase"] = "Failed".into(),
            _ => other["status"]["phase"] = "Pending".into(),
        }
        // The next version of a Deployment has other labels of its version.
        other["metadata"]["labels"]["app.kubernetes.io/version"] = "2".into();
        api.apply(pod("system", "a", "node-1", true));
        if others != "none" {
            api.apply(other);
        }
        api.apply_all((0..20).map(|n| ingress("shop", &format!("i{n}"), &format!("i{n}.example"), "tea")));
        let mut replica = Replica::start(&api, with_status(fixed(&["192.0.2.1"]))).await;
        until_has(&api, "i9", &["192.0.2.1"]).await;
        until_has(&api, "i19", &["192.0.2.1"]).await;
        replica.end().await;
        assert_eq!(addresses(&api, "cafe").is_empty(), is_cleared, "{others}: {:?}", replica.lines());
        assert_eq!(addresses(&api, "i19").is_empty(), is_cleared, "{others}");
        let lease = api.object("Lease", "system", "leader").unwrap();
        assert_eq!(lease["spec"]["holderIdentity"], "", "after that");
    }
}

#[tokio::test]
async fn the_last_replica_leaves_the_status_if_it_is_to() {
    let api = shop();
    api.apply(pod("system", "a", "node-1", true));
    let mut status = fixed(&["192.0.2.1"]);
    status.clear_at_end = false;
    let mut replica = Replica::start(&api, with_status(status)).await;
    until_has(&api, "cafe", &["192.0.2.1"]).await;
    replica.end().await;
    assert_eq!(addresses(&api, "cafe"), ["192.0.2.1"]);
    assert!(api.take_requests().iter().all(|request| request.resource != "pods"));
}

#[tokio::test]
async fn a_storm_of_statuses_is_thinned_out_and_gives_way() {
    let api = shop();
    let count = 100;
    api.apply_all((0..count).map(|n| ingress("shop", &format!("i{n:03}"), &format!("i{n}.example"), "tea")));
    let began = Instant::now();
    let replica = Replica::start(&api, with_status(fixed(&["192.0.2.1"]))).await;
    until_has(&api, "i020", &["192.0.2.1"]).await;
    // A server that has no time gets some.
    api.fail(Fault { resource: "ingresses/status", verb: "", status: 429, retry_after: Some(2), times: Some(1) });
    until("busy", || replica.said("cannot write the status of") == 1).await;
    api.take_requests();
    pause(1_500).await;
    let requests = api.take_requests();
    assert!(requests.iter().all(|request| !request.resource.starts_with("ingresses")), "{requests:?}");
    api.apply(ingress("shop", "zz", "zz.example", "tea"));
    replica.cluster.until_leads("zz.example", &["10.0.0.1:8080"]).await;
    until_has(&api, "zz", &["192.0.2.1"]).await;
    assert!(began.elapsed() >= Duration::from_millis(count * 50 + 1_500), "{:?}", began.elapsed());
    for n in 0..count {
        assert_eq!(changes(&api, &format!("i{n:03}")), 1);
    }
    assert_eq!(replica.said("can be written again"), 1);
}

#[tokio::test]
async fn an_older_server_has_its_own_version_of_ingresses() {
    let api = shop();
    api.do_not_serve("/apis/networking.k8s.io/v1");
    let mut old = ingress("shop", "cafe", "cafe.example", "tea");
    old["spec"]["rules"][0]["http"]["paths"][0]["backend"] = json!({"serviceName": "tea", "servicePort": 80});
    api.apply(old);
    let _replica = Replica::start(&api, with_status(fixed(&["192.0.2.1"]))).await;
    until_has(&api, "cafe", &["192.0.2.1"]).await;
}
