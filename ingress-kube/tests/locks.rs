//! Who leads where there is no right to Leases, and while rights change, on an API server in this process.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use ingress_kube::DutySettings;
use serde_json::{Value, json};
use support::ApiServer;
use support::cluster::shop;
use support::replica::{Replica, duties, fixed, pause, until, until_has, writes};

const ANNOTATION: &str = "control-plane.alpha.kubernetes.io/leader";

/// Writes one address, and waits so many seconds for a leader that says nothing.
fn writer(name: &str, ttl: u64) -> DutySettings {
    let mut duties = duties(name, ttl);
    duties.status = Some(fixed(&["192.0.2.1"]));
    duties
}

/// What the ConfigMap says of who leads.
fn record(api: &ApiServer) -> Value {
    let config_map = api.object("ConfigMap", "system", "leader-nginx").unwrap();
    serde_json::from_str(config_map["metadata"]["annotations"][ANNOTATION].as_str().unwrap()).unwrap()
}

/// Writes it as a controller of another kind does.
fn hold(api: &ApiServer, holder: &str, seconds: u64, renewed: &str) {
    let record = json!({
        "holderIdentity": holder, "leaseDurationSeconds": seconds, "acquireTime": "2021-06-01T08:00:00Z",
        "renewTime": renewed, "leaderTransitions": 3,
    });
    api.apply(json!({
        "kind": "ConfigMap",
        "metadata": {"namespace": "system", "name": "leader-nginx", "annotations": {ANNOTATION: record.to_string()}},
    }));
}

fn holder(record: &Value) -> &str {
    record["holderIdentity"].as_str().unwrap()
}

#[tokio::test]
async fn without_a_right_to_leases_one_of_two_leads_by_the_config_map() {
    let api = shop();
    api.forbid("leases", "");
    let started = Instant::now();
    let a = Replica::start(&api, writer("a", 2)).await;
    until("a leads", || a.leads()).await;
    assert!(started.elapsed() >= Duration::from_secs(2), "somebody with the right could still have led");
    until_has(&api, "cafe", &["192.0.2.1"]).await;
    let mut b = Replica::start(&api, writer("b", 2)).await;
    until("b waits", || b.said("` leads") == 1).await;
    let config_map = record(&api);
    assert!(holder(&config_map).starts_with("a_"), "{config_map}");
    assert_eq!((&config_map["leaseDurationSeconds"], &config_map["leaderTransitions"]), (&json!(2), &json!(0)));
    for replica in [&a, &b] {
        let said = "cannot use Lease system/leader: forbidden: get of leases is not possible; \
                    ConfigMap system/leader-nginx says who leads in its place";
        assert_eq!(replica.said(said), 1, "{:?}", replica.lines());
    }
    // It is quiet: what is refused is not asked for any more.
    api.take_requests();
    pause(3_000).await;
    assert!(a.leads() && !b.leads());
    let requests = api.take_requests();
    assert!(requests.iter().all(|request| request.resource != "leases"), "{requests:?}");
    assert!(writes(&requests).iter().all(|request| request.name == "leader-nginx"), "{requests:?}");
    // It dies: nobody gives anything back.
    drop(a);
    until("b leads", || b.leads()).await;
    assert_eq!(record(&api)["leaderTransitions"], 1);
    b.end().await;
    assert_eq!((holder(&record(&api)), &record(&api)["leaseDurationSeconds"]), ("", &json!(1)));
    assert_eq!(b.said("no status is written"), 0, "{:?}", b.lines());
}

#[tokio::test]
async fn another_controller_that_holds_the_config_map_is_waited_for() {
    for forbidden in [None, Some("leases")] {
        let api = shop();
        if let Some(resource) = forbidden {
            api.forbid(resource, "");
        }
        hold(&api, "ingress-nginx-controller-7f", 2, "0");
        let replica = Replica::start(&api, writer("a", 1)).await;
        until("said", || replica.said("`ingress-nginx-controller-7f` leads") == 1).await;
        for renewed in 1..8 {
            hold(&api, "ingress-nginx-controller-7f", 2, &renewed.to_string());
            pause(700).await;
            assert!(!replica.leads(), "{:?}", replica.lines());
            assert_eq!(holder(&record(&api)), "ingress-nginx-controller-7f");
        }
        let renewed = Instant::now();
        until("it has run out", || replica.leads()).await;
        assert!(renewed.elapsed() >= Duration::from_millis(1_200), "after {:?}", renewed.elapsed());
    }
}

#[tokio::test]
async fn a_right_to_leases_that_is_given_later_makes_no_second_leader() {
    let api = shop();
    api.forbid("leases", "");
    let mut old = Replica::start(&api, writer("old", 1)).await;
    until("it leads", || old.leads()).await;
    let waiting = Replica::start(&api, writer("waiting", 1)).await;
    until("the other one waits", || waiting.said("` leads") == 1).await;
    // A rollout follows the new rights.
    api.heal();
    let new = Replica::start(&api, writer("new", 1)).await;
    until("it has the Lease", || api.object("Lease", "system", "leader").is_some()).await;
    until("it waits", || new.said("` leads") == 1).await;
    for _ in 0..40 {
        pause(50).await;
        assert!(old.leads() && !new.leads() && !waiting.leads());
    }
    old.end().await;
    let leaders = || usize::from(new.leads()) + usize::from(waiting.leads());
    until("one leads by the Lease", || leaders() == 1).await;
    until("nobody is left at the ConfigMap", || holder(&record(&api)).is_empty()).await;
    for _ in 0..40 {
        pause(50).await;
        assert_eq!(leaders(), 1);
    }
    assert!(new.leads(), "it has had the Lease since it came");
}

#[tokio::test]
async fn a_right_to_leases_that_is_taken_away_makes_no_second_leader() {
    let api = shop();
    let a = Replica::start(&api, writer("a", 2)).await;
    until("a leads", || a.leads()).await;
    let b = Replica::start(&api, writer("b", 2)).await;
    until("b waits", || b.said("` leads") == 1).await;
    api.forbid("leases", "");
    let taken = Instant::now();
    until("a leads no longer", || !a.leads()).await;
    until("one leads by the ConfigMap", || a.leads() || b.leads()).await;
    assert!(taken.elapsed() >= Duration::from_millis(1_900), "after {:?}", taken.elapsed());
    for _ in 0..40 {
        pause(50).await;
        assert!(a.leads() != b.leads());
    }
}

#[tokio::test]
async fn without_any_right_nobody_leads_and_hardly_anything_is_asked() {
    let api = shop();
    api.forbid("leases", "");
    api.forbid("configmaps", "");
    let replica = Replica::start(&api, writer("a", 1)).await;
    until("said", || replica.said("no status is written meanwhile") == 1).await;
    pause(2_000).await;
    api.take_requests();
    pause(4_000).await;
    let requests = api.take_requests();
    let locks = requests.iter().filter(|request| request.namespace == "system").count();
    assert!(locks <= 8 && writes(&requests).is_empty(), "{requests:?}");
    assert!(!replica.leads());
    assert_eq!(replica.said("cannot use "), 2, "{:?}", replica.lines());
}

#[tokio::test]
async fn a_server_that_refuses_everybody_at_first_makes_nobody_keep_the_config_map() {
    let api = shop();
    api.forbid("leases", "");
    let replica = Replica::start(&api, writer("a", 6)).await;
    until("it takes the ConfigMap", || api.object("ConfigMap", "system", "leader-nginx").is_some()).await;
    api.heal();
    until("it leads", || replica.leads()).await;
    assert_eq!(replica.said("Lease system/leader can be used, and says who leads"), 1, "{:?}", replica.lines());
    let lease = api.object("Lease", "system", "leader").unwrap();
    assert!(lease["spec"]["holderIdentity"].as_str().unwrap().starts_with("a_"), "{lease}");
    assert_eq!(holder(&record(&api)), "");
}
