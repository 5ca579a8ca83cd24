//! What goes wrong between the controller and the API server: what is in force stays in force, and what changed meanwhile is
//! seen as soon as that is possible.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ingress_kube::{Reason, Resource, Scope, SecretAccess, View};
use serde_json::json;
use support::cluster::{Cluster, settings, shop};
use support::{Fault, class, config_map, endpoints, ingress, namespace, secret, service, slice, tls_ingress};

const TEA: [&str; 1] = ["10.0.0.1:8080"];

/// Why a resource cannot be read in the cluster.
fn failure(view: &View, resource: Resource) -> Option<Reason> {
    view.resources.get(&(resource, Scope::Cluster))?.failure.as_ref().map(|failure| failure.reason)
}

/// Looks all the time whether a host leads where it should.
struct Probe {
    is_over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<u64>,
}

impl Probe {
    fn start(cluster: &Cluster) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (reader, stop) = (cluster.reader.clone(), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            let mut misses = 0;
            while !stop.load(Ordering::Relaxed) {
                misses += u64::from(reader.load_full().locate("cafe.example", b"/").is_none());
                std::thread::sleep(Duration::from_micros(200));
            }
            misses
        });
        Self { is_over, thread }
    }

    /// How often it did not.
    fn misses(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

#[tokio::test]
async fn nothing_goes_missing_while_everything_is_listed_again() {
    let api = shop();
    api.apply_all((0..200).map(|n| ingress("shop", &format!("i{n}"), &format!("h{n}.example"), "tea")));
    let cluster = Cluster::ready(api, settings()).await;
    let probe = Probe::start(&cluster);
    for round in 0..10 {
        // Watches break off, and what they would resume from is forgotten.
        cluster.api.compact();
        cluster.api.reset();
        cluster.api.apply(ingress("shop", "new", &format!("new{round}.example"), "tea"));
        cluster.until_leads(&format!("new{round}.example"), &TEA).await;
    }
    assert_eq!(probe.misses(), 0);
    let requests = cluster.api.take_requests();
    let lists = requests.iter().filter(|request| request.verb == "list" && request.resource == "services").count();
    assert!(lists <= 11, "one for each time: {lists}");
}

#[tokio::test]
async fn a_watch_goes_on_where_it_was_broken_off() {
    let cluster = Cluster::ready(shop(), settings()).await;
    cluster.api.take_requests();
    for round in 0..5 {
        cluster.api.reset();
        let address = format!("10.0.1.{round}");
        cluster.api.apply(slice("shop", "tea", &[&address], 8080));
        cluster.until_leads("cafe.example", &[&format!("{address}:8080")]).await;
    }
    let lists = cluster.api.take_requests().into_iter().filter(|request| request.verb == "list").count();
    assert_eq!(lists, 0);
    assert_eq!(cluster.lines().len(), 1, "that is no news: {:?}", cluster.lines());
}

#[tokio::test]
async fn a_connection_that_is_silently_dead_is_noticed() {
    let mut settings = settings();
    (settings.timing.watch, settings.timing.tolerance) = (Duration::from_secs(1), Duration::from_secs(1));
    let cluster = Cluster::ready(shop(), settings).await;
    cluster.api.stall();
    cluster.api.take_requests();
    cluster.api.apply(slice("shop", "tea", &["10.0.0.2"], 8080));
    cluster.until_leads("cafe.example", &["10.0.0.2:8080"]).await;
    let requests = cluster.api.take_requests();
    assert!(requests.iter().all(|request| request.verb == "watch"), "nothing is listed again: {requests:?}");
    // Watches end in order too, every second, and nobody has to know.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    cluster.api.apply(slice("shop", "tea", &["10.0.0.3"], 8080));
    cluster.until_leads("cafe.example", &["10.0.0.3:8080"]).await;
    assert_eq!(cluster.lines().len(), 1, "{:?}", cluster.lines());
}

#[tokio::test]
async fn what_is_written_into_a_status_is_known_and_changes_nothing() {
    let mut cluster = Cluster::ready(shop(), settings()).await;
    let mut object = cluster.api.object("Ingress", "shop", "cafe").unwrap();
    object["status"] = json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}});
    cluster.api.apply(object);
    let address =
        |view: &View| view.ingresses.values().any(|record| record.addresses.iter().any(|a| &*a.ip == "192.0.2.1"));
    cluster.until("written", address).await;
    assert_eq!(cluster.snapshots(), 1);
}

#[tokio::test]
async fn a_bookmark_is_where_to_go_on() {
    let cluster = Cluster::ready(shop(), settings()).await;
    // Ingresses have not changed for long, while the server has forgotten what was before.
    cluster.api.apply(slice("shop", "tea", &["10.0.0.2"], 8080));
    cluster.until_leads("cafe.example", &["10.0.0.2:8080"]).await;
    cluster.api.compact();
    cluster.api.bookmark();
    tokio::time::sleep(Duration::from_millis(200)).await;
    cluster.api.take_requests();
    cluster.api.reset();
    cluster.api.apply(ingress("shop", "cafe", "new.example", "tea"));
    cluster.until_leads("new.example", &["10.0.0.2:8080"]).await;
    let lists = cluster.api.take_requests().into_iter().filter(|request| request.verb == "list").count();
    assert_eq!(lists, 0);
}

#[tokio::test]
async fn a_server_that_is_away_at_the_start_is_waited_for() {
    let api = shop();
    api.go_down();
    let mut cluster = Cluster::start(api, settings()).await;
    cluster.until("without a server", |view| failure(view, Resource::Ingresses) == Some(Reason::Unreachable)).await;
    assert_eq!(cluster.endpoints("cafe.example"), ["503"], "not 404: nobody knows");
    assert!(!cluster.views.borrow().is_ready());
    tokio::time::sleep(Duration::from_millis(500)).await;
    cluster.api.come_back();
    cluster.until_leads("cafe.example", &TEA).await;
    assert_eq!(cluster.snapshots(), 1);
}

#[tokio::test]
async fn a_server_that_goes_away_and_comes_back_is_no_event() {
    let mut cluster = Cluster::ready(shop(), settings()).await;
    cluster.api.go_down();
    cluster.until("away", |view| failure(view, Resource::Services) == Some(Reason::Unreachable)).await;
    assert_eq!(cluster.endpoints("cafe.example"), TEA);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(cluster.endpoints("cafe.example"), TEA);
    cluster.api.apply_all([ingress("shop", "new", "new.example", "tea"), slice("shop", "tea", &["10.0.0.9"], 8080)]);
    cluster.api.come_back();
    cluster.until_leads("new.example", &["10.0.0.9:8080"]).await;
    cluster.until("well again", |view| view.resources.values().all(|status| status.failure.is_none())).await;
    let lines = cluster.lines();
    let count = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!((count("cannot read services of"), count("services of the cluster can be read again")), (1, 1));
}

#[tokio::test]
async fn a_server_that_is_busy_is_left_alone() {
    let mut cluster = Cluster::ready(shop(), settings()).await;
    let busy = Fault { resource: "", verb: "", status: 429, retry_after: Some(1), times: None };
    cluster.api.fail(busy);
    cluster.api.reset();
    cluster.until("busy", |view| failure(view, Resource::Ingresses) == Some(Reason::Busy)).await;
    cluster.api.take_requests();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let requests = cluster.api.take_requests().len();
    assert!(requests <= 4 * 3, "each of four watches once a second at most: {requests}");
    assert_eq!(cluster.endpoints("cafe.example"), TEA);
    cluster.api.heal();
    cluster.api.apply(ingress("shop", "new", "new.example", "tea"));
    cluster.until_leads("new.example", &TEA).await;
}

#[tokio::test]
async fn a_right_that_is_withdrawn_costs_its_resource_alone() {
    let mut cluster = Cluster::ready(shop(), settings()).await;
    cluster.api.forbid("endpointslices", "");
    cluster.api.reset();
    cluster.until("forbidden", |view| failure(view, Resource::EndpointSlices) == Some(Reason::Forbidden)).await;
    assert_eq!(failure(&cluster.views.borrow(), Resource::Ingresses), None);
    cluster.api.apply(ingress("shop", "new", "new.example", "tea"));
    cluster.until_leads("new.example", &TEA).await;
    assert!(cluster.lines().iter().any(|line| line.contains("cannot read endpointslices of the cluster: forbidden: ")));
    cluster.api.apply(slice("shop", "tea", &["10.0.0.7"], 8080));
    cluster.api.heal();
    cluster.until_leads("new.example", &["10.0.0.7:8080"]).await;
}

#[tokio::test]
async fn a_right_that_was_never_given_costs_its_resource_alone() {
    let api = shop();
    api.forbid("endpointslices", "");
    api.forbid("endpoints", "");
    let cluster = Cluster::ready(api, settings()).await;
    assert_eq!(cluster.endpoints("cafe.example"), ["endpoints not known"], "the route is there");
    cluster.api.heal();
    cluster.until_leads("cafe.example", &TEA).await;
}

#[tokio::test]
async fn without_ingresses_nothing_is_published() {
    let api = shop();
    api.forbid("ingresses", "");
    let mut cluster = Cluster::start(api, settings()).await;
    cluster.until("forbidden", |view| failure(view, Resource::Ingresses) == Some(Reason::Forbidden)).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(!cluster.views.borrow().is_ready());
    cluster.api.heal();
    cluster.until_leads("cafe.example", &TEA).await;
}

#[tokio::test]
async fn forty_objects_among_a_thousand_cannot_be_read() {
    let api = shop();
    let broken = |n: usize| match n % 5 {
        0 => json!({"rules": [{"host": 5}]}),
        1 => json!({"rules": {"host": "x"}}),
        2 => json!("spec"),
        3 => json!({"tls": [{"hosts": "x"}]}),
        _ => json!({"defaultBackend": 3}),
    };
    api.apply_all((0..1_000).map(|n| {
        let mut object = ingress("shop", &format!("i{n}"), &format!("h{n}.example"), "tea");
        if n % 25 == 0 {
            object["spec"] = broken(n / 25);
        }
        object
    }));
    let cluster = Cluster::ready(api, settings()).await;
    for n in 0..1_000 {
        let expected = if n % 25 == 0 { "404" } else { TEA[0] };
        assert_eq!(cluster.endpoints(&format!("h{n}.example")), [expected], "h{n}");
    }
    let view = Arc::clone(&cluster.views.borrow());
    assert_eq!(view.resources[&(Resource::Ingresses, Scope::Cluster)].undecodable, 40);
    let findings = view.findings.iter().filter(|finding| finding.code.id() == "ING0103").count();
    assert_eq!(findings, 40);
    // They are mended one by one, and another one breaks.
    cluster.api.apply(ingress("shop", "i0", "h0.example", "tea"));
    cluster.until_leads("h0.example", &TEA).await;
    let mut object = ingress("shop", "i1", "h1.example", "tea");
    object["spec"]["rules"] = json!(3);
    cluster.api.apply(object);
    cluster.until_leads("h1.example", &["404"]).await;
}

#[tokio::test]
async fn a_storm_of_deletions_is_some_snapshots() {
    let api = shop();
    api.apply_all((0..2_000).map(|n| ingress("storm", &format!("i{n}"), &format!("h{n}.example"), "tea")));
    let cluster = Cluster::ready(api, settings()).await;
    let began = std::time::Instant::now();
    for _ in 0..20 {
        cluster.api.delete_namespace("storm");
        cluster.api.apply_all((0..200).map(|n| ingress("storm", &format!("i{n}"), &format!("h{n}.example"), "tea")));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cluster.api.delete_namespace("storm");
    cluster.until_true("gone", || cluster.views.borrow().ingresses.len() == 1).await;
    cluster.until_true("out of force", || cluster.reader.load_full().host_count() == 1).await;
    let most = began.elapsed().as_millis() / 100 + 2;
    assert!(cluster.snapshots() as u128 <= most + 1, "{} in {most} tenths of a second", cluster.snapshots());
    assert_eq!(cluster.endpoints("cafe.example"), TEA);
}

#[tokio::test]
async fn an_older_server_has_endpoints_and_no_slices() {
    let api = shop();
    api.do_not_serve("/apis/discovery.k8s.io/v1");
    api.do_not_serve("/apis/discovery.k8s.io/v1beta1");
    api.apply(endpoints("shop", "tea", &["10.0.0.5"], 8080));
    let cluster = Cluster::ready(api, settings()).await;
    assert_eq!(cluster.endpoints("cafe.example"), ["10.0.0.5:8080"]);
    cluster.api.apply(endpoints("shop", "tea", &["10.0.0.6"], 8080));
    cluster.until_leads("cafe.example", &["10.0.0.6:8080"]).await;
}

#[tokio::test]
async fn labels_choose_namespaces() {
    let api = shop();
    api.apply_all([namespace("shop", &[("public", "yes")]), namespace("lab", &[]), service("lab", "tea")]);
    api.apply_all([ingress("lab", "lab", "lab.example", "tea"), slice("lab", "tea", &["10.0.9.9"], 8080)]);
    let mut settings = settings();
    settings.namespace_selector = Some("public=yes".into());
    let cluster = Cluster::ready(api, settings).await;
    assert_eq!(
        (cluster.endpoints("cafe.example"), cluster.endpoints("lab.example")),
        (TEA.map(Into::into).into(), vec!["404".into()])
    );
    cluster.api.apply(namespace("lab", &[("public", "yes")]));
    // The watch has this selector too; the server tells it of what enters the selection as of something new.
    cluster.until_leads("lab.example", &["10.0.9.9:8080"]).await;
    cluster.api.delete("Namespace", "", "shop");
    cluster.until_leads("cafe.example", &["404"]).await;
}

#[tokio::test]
async fn one_namespace_is_all_that_is_asked_for() {
    let api = shop();
    api.apply_all([ingress("lab", "lab", "lab.example", "tea")]);
    let mut settings = settings();
    settings.scope = Scope::Namespace("shop".into());
    let cluster = Cluster::ready(api, settings).await;
    assert_eq!((cluster.endpoints("cafe.example").len(), cluster.endpoints("lab.example")), (1, vec!["404".into()]));
    let requests = cluster.api.take_requests();
    let is_allowed = |request: &support::Request| request.namespace == "shop" || request.resource == "ingressclasses";
    assert!(requests.iter().all(is_allowed), "{requests:?}");
}

#[tokio::test]
async fn two_controllers_share_a_cluster() {
    let api = shop();
    api.apply(class("internal", "example.com/internal"));
    let mut theirs = ingress("shop", "internal", "internal.example", "tea");
    theirs["spec"]["ingressClassName"] = json!("internal");
    api.apply(theirs);
    let cluster = Cluster::ready(api, settings()).await;
    assert_eq!(cluster.endpoints("internal.example"), ["404"]);
    let view = cluster.views.borrow();
    assert_eq!((view.ingresses.len(), view.claimed.len()), (2, 1));
}

#[tokio::test]
async fn a_role_in_one_namespace_gives_its_secrets_alone() {
    let api = shop();
    let pair = |host: &str| {
        let names = if host == "a.example" { "YS5leGFtcGxl" } else { "Yi5leGFtcGxl" };
        [("tls.crt", names), ("tls.key", "a2V5")]
    };
    api.apply_all([
        tls_ingress("shop", "a", "a.example", "tea", "cert"),
        tls_ingress("lab", "b", "b.example", "tea", "cert"),
        secret("shop", "cert", &pair("a.example")),
        secret("lab", "cert", &pair("b.example")),
        secret("none", "cert", &pair("b.example")),
    ]);
    let mut settings = settings();
    settings.secrets = SecretAccess::Namespaces;
    let cluster = Cluster::ready(api, settings).await;
    assert_eq!(
        (cluster.certificate("a.example"), cluster.certificate("b.example")),
        ("shop/cert".into(), "lab/cert".into())
    );
    let requests = cluster.api.take_requests().into_iter().filter(|request| request.resource == "secrets");
    let namespaces: std::collections::BTreeSet<String> = requests.map(|request| request.namespace).collect();
    assert_eq!(namespaces, ["lab", "shop"].map(String::from).into());
}

#[tokio::test]
async fn a_secret_that_may_not_be_read_costs_its_certificate_alone() {
    let api = shop();
    api.apply_all([
        tls_ingress("shop", "web", "web.example", "tea", "cert"),
        secret("shop", "cert", &[("tls.crt", "d2ViLmV4YW1wbGU="), ("tls.key", "a2V5")]),
    ]);
    api.forbid("secrets", "");
    let cluster = Cluster::ready(api, settings()).await;
    assert_eq!(cluster.certificate("web.example"), "default");
    assert_eq!(cluster.endpoints("cafe.example"), TEA);
    let view = Arc::clone(&cluster.views.borrow());
    let is_said = view.findings.iter().any(|finding| finding.message.contains("cannot be read: forbidden"));
    assert!(is_said, "{:?}", view.findings);
    cluster.api.heal();
    cluster.until_true("served", || cluster.certificate("web.example") == "shop/cert").await;
    // Without the right to watch, what changed is still found by looking.
    cluster.api.forbid("secrets", "list");
    cluster.api.forbid("secrets", "watch");
    cluster.api.reset();
    cluster.api.apply(secret("shop", "cert", &[("tls.crt", "d2ViLmV4YW1wbGU=")]));
    cluster.until_true("found", || cluster.certificate("web.example") == "default").await;
}

#[tokio::test]
async fn the_settings_of_the_controller_are_followed() {
    let api = shop();
    let mut settings = settings();
    let name = ingress_core::object::ObjectRef::new(ingress_core::object::Kind::ConfigMap, "system", "controller");
    settings.engine.config_map = Some(name.clone());
    settings.always = vec![name];
    let mut cluster = Cluster::ready(api, settings).await;
    let has = |view: &View, slug: &str| view.findings.iter().any(|finding| finding.code.slug() == slug);
    cluster.until("missed", |view| has(view, "configmap-not-found")).await;
    cluster.api.apply(config_map("system", "controller", &[("hsts", "false")]));
    cluster.until("found", |view| !has(view, "configmap-not-found")).await;
    cluster.api.delete("ConfigMap", "system", "controller");
    cluster.until("missed again", |view| has(view, "configmap-not-found")).await;
}
