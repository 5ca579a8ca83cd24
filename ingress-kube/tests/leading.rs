//! Which of several replicas leads, and the Events that it writes, on an API server in this process.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use ingress_kube::DutySettings;
use serde_json::{Value, json};
use support::cluster::shop;
use support::replica::{Replica, addresses, duties, fixed, pause, published, until, until_has, with_status, writes};
use support::{ApiServer, Fault, balancer, class, ingress};

#[tokio::test]
async fn one_of_two_replicas_leads() {
    let api = shop();
    let replica = |name: &str, address: &str| {
        let mut duties = duties(name, 2);
        duties.status = Some(fixed(&[address]));
        duties
    };
    let a = Replica::start(&api, replica("a", "192.0.2.1")).await;
    until("a leads", || a.leads()).await;
    let mut b = Replica::start(&api, replica("b", "192.0.2.2")).await;
    until_has(&api, "cafe", &["192.0.2.1"]).await;
    pause(3_000).await;
    assert!(a.leads() && !b.leads());
    assert_eq!(addresses(&api, "cafe"), ["192.0.2.1"]);
    let lease = api.object("Lease", "system", "leader").unwrap();
    assert!(lease["spec"]["holderIdentity"].as_str().unwrap().starts_with("a_"), "{lease}");
    assert_eq!((&lease["spec"]["leaseDurationSeconds"], &lease["spec"]["leaseTransitions"]), (&json!(2), &json!(0)));
    assert_eq!(b.said("` leads"), 1, "{:?}", b.lines());
    // It dies: nobody gives the lease back.
    drop(a);
    let died = Instant::now();
    until("b leads", || b.leads()).await;
    assert!(died.elapsed() >= Duration::from_millis(900), "before the lease has run out");
    assert_eq!(api.object("Lease", "system", "leader").unwrap()["spec"]["leaseTransitions"], 1);
    until_has(&api, "cafe", &["192.0.2.2"]).await;
    // It ends in order, and nobody has to wait.
    b.end().await;
    let lease = api.object("Lease", "system", "leader").unwrap();
    assert_eq!((&lease["spec"]["holderIdentity"], &lease["spec"]["leaseDurationSeconds"]), (&json!(""), &json!(1)));
    let c = Replica::start(&api, duties("c", 600)).await;
    assert!(c.leads.has_changed().is_err(), "nothing to do, so that nobody has to lead");
    let mut idle = duties("d", 600);
    idle.events = true;
    let d = Replica::start(&api, idle).await;
    until("d leads", || d.leads()).await;
}

#[tokio::test]
async fn a_leader_that_hears_nothing_writes_nothing() {
    let api = shop();
    let mut duties = duties("a", 2);
    duties.status = Some(published());
    api.apply(balancer("system", "lb", &["192.0.2.1"]));
    let replica = Replica::start(&api, duties).await;
    until_has(&api, "cafe", &["192.0.2.1"]).await;
    // Only the Lease cannot be written.
    api.fail(Fault { resource: "leases", verb: "", status: 500, retry_after: None, times: None });
    until("it leads no longer", || !replica.leads()).await;
    api.take_requests();
    api.apply(ingress("shop", "late", "late.example", "tea"));
    pause(1_000).await;
    assert!(addresses(&api, "late").is_empty());
    let requests = api.take_requests();
    assert!(writes(&requests).iter().all(|request| request.resource == "leases"), "{requests:?}");
    api.heal();
    until("it leads again", || replica.leads()).await;
    until_has(&api, "late", &["192.0.2.1"]).await;
}

#[tokio::test]
async fn without_an_election_each_replica_writes() {
    let api = shop();
    let mut duties = with_status(fixed(&["192.0.2.1"]));
    duties.election = None;
    let replica = Replica::start(&api, duties).await;
    until_has(&api, "cafe", &["192.0.2.1"]).await;
    assert!(replica.leads());
    assert!(api.take_requests().iter().all(|request| request.resource != "leases"));
}

/// The Events on an Ingress of the shop: type, reason, how often, and text.
fn events(api: &ApiServer, name: &str) -> Vec<String> {
    let events = api.objects("Event").into_iter().filter(|event| event["involvedObject"]["name"] == name);
    let text = |event: Value| {
        let text = |field: &str| event[field].as_str().unwrap().to_owned();
        format!("{} {} {}: {}", text("type"), text("reason"), event["count"], text("message"))
    };
    let mut events: Vec<String> = events.map(text).collect();
    events.sort();
    events
}

fn with_events() -> DutySettings {
    let mut duties = duties("a", 10);
    duties.events = true;
    duties
}

#[tokio::test]
async fn what_is_accepted_or_refused_is_told() {
    let api = shop();
    api.apply(class("other", "example.com/other"));
    let replica = Replica::start(&api, with_events()).await;
    until("a leads", || replica.leads()).await;
    pause(500).await;
    assert!(events(&api, "cafe").is_empty(), "it was there before, and whoever led has told");
    api.apply(ingress("shop", "good", "good.example", "tea"));
    until("told", || events(&api, "good") == ["Normal Sync 1: accepted"]).await;
    let event = api.objects("Event").into_iter().find(|event| event["involvedObject"]["name"] == "good").unwrap();
    let good = api.object("Ingress", "shop", "good").unwrap();
    assert_eq!(event["involvedObject"]["uid"], good["metadata"]["uid"]);
    assert_eq!(
        (&event["metadata"]["namespace"], &event["source"]["component"]),
        (&json!("shop"), &json!("ingress-proxy"))
    );
    let mut odd = ingress("shop", "odd", "odd.example", "nowhere");
    api.apply(odd.clone());
    let is_told = |name: &str| events(&api, name).iter().any(|event| event.starts_with("Warning ING"));
    until("told", || is_told("odd")).await;
    odd["metadata"]["name"] = "theirs".into();
    odd["spec"]["ingressClassName"] = "other".into();
    api.apply(odd);
    pause(1_500).await;
    assert!(events(&api, "theirs").is_empty(), "another controller's");
    api.take_requests();
    pause(2_000).await;
    let requests = api.take_requests();
    assert!(writes(&requests).iter().all(|request| request.resource == "leases"), "{requests:?}");
}

#[tokio::test]
async fn events_that_cannot_be_written_cost_nothing() {
    let api = shop();
    api.forbid("events", "");
    let mut duties = with_events();
    duties.status = Some(fixed(&["192.0.2.1"]));
    let replica = Replica::start(&api, duties).await;
    until_has(&api, "cafe", &["192.0.2.1"]).await;
    until("said", || replica.said("cannot write an Event on") == 1).await;
    api.apply_all((0..20).map(|n| ingress("shop", &format!("i{n}"), &format!("i{n}.example"), "tea")));
    until_has(&api, "i19", &["192.0.2.1"]).await;
    let tried = api.take_requests().iter().filter(|request| request.resource == "events").count();
    assert!(tried <= 4, "{tried}");
    assert_eq!(replica.said("Event"), 1);
}

#[tokio::test]
async fn what_nobody_has_seen_is_told_even_if_it_has_an_address_soon() {
    let api = shop();
    // It leads before it knows anything.
    api.forbid("ingresses", "list");
    let mut duties = with_events();
    duties.status = Some(fixed(&["192.0.2.1"]));
    let replica = Replica::start(&api, duties).await;
    until("a leads", || replica.leads()).await;
    pause(200).await;
    api.heal();
    until_has(&api, "cafe", &["192.0.2.1"]).await;
    until("told", || events(&api, "cafe") == ["Normal Sync 1: accepted"]).await;
}
