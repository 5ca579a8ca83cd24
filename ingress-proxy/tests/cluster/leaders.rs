//! Several replicas on a real API server: one leads and writes status and Events, and another one when it is gone.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::api::ingress;
use super::real::{Account, Audited, Server, class_of, leader_rights, rights, rule};
use super::relay::Relay;
use super::site::{PATIENCE, Proxy, Site, controller};
use super::support::backend::Backend;
use super::support::load::{Load, Way};
use super::support::origin::Origin;
use super::support::program::{Ports, Program};
use super::support::size::sized;

/// A replica with an account of its own, so that the audit log tells it from the others.
struct Replica<'a> {
    proxy: Proxy,
    account: Account<'a>,
}

impl<'a> Replica<'a> {
    /// It publishes the Service `balancer` of the site's namespace unless it is told otherwise.
    fn begin(site: &'a Site<'a>, name: &str, more: &[&str]) -> Self {
        Self::with_rights(site, name, more, [rights(), leader_rights()].concat())
    }

    fn with_rights(site: &'a Site<'a>, name: &str, more: &[&str], rights: Vec<Value>) -> Self {
        let account = Account::new(site.server, &site.name, name);
        account.may(rights);
        let (class, range) = (format!("--controller-class={}", controller(&site.name)), format!("{}/32", site.address));
        let service = format!("--publish-service={}/balancer", site.name);
        let own = [&*class, "--allow-endpoint-cidr", &range, &service, "--status-update-interval=500ms"];
        let ports = Ports::new();
        let program = Program::in_pod(account.kubeconfig(), &ports, &[&own[..], more].concat(), (&site.name, name));
        Self { proxy: Proxy { program, ports }, account }
    }

    /// The same, once it is ready.
    fn start(site: &'a Site<'a>, name: &str, more: &[&str]) -> Self {
        let replica = Self::begin(site, name, more);
        replica.proxy.until("ready", Proxy::is_ready);
        replica
    }

    fn leads(&self) -> bool {
        self.proxy.figure("nginx_ingress_controller_leader_election_status", "ingress-controller-leader") > 0.5
    }

    fn until_leads(&self) {
        self.proxy.until("leads", |_| self.leads());
    }

    /// What it has asked the server to write.
    fn writes(&self, site: &Site<'_>) -> Vec<Audited> {
        let is_write = |it: &Audited| it.user == self.account.user() && !matches!(&*it.verb, "get" | "list" | "watch");
        site.server.audit().into_iter().filter(is_write).collect()
    }
}

/// Gives the Service `balancer` these addresses, as a cloud does.
fn publish(site: &Site<'_>, ips: &[&str]) {
    let metadata = json!({"namespace": site.name, "name": "balancer"});
    let spec = json!({"type": "LoadBalancer", "ports": [{"name": "http", "port": 80}], "selector": {"app": "x"}});
    site.admin().apply(json!({"kind": "Service", "metadata": metadata, "spec": spec}));
    let ips: Vec<Value> = ips.iter().map(|ip| json!({"ip": ip})).collect();
    let status = json!({"status": {"loadBalancer": {"ingress": ips}}});
    site.admin().patch(["Service", &site.name, "balancer"], "/status", status);
}

/// The addresses of an Ingress, as `kubectl get ingress` shows them.
fn addresses(site: &Site<'_>, name: &str) -> Vec<String> {
    let ingress = site.admin().get("Ingress", &site.name, name).expect("an Ingress");
    let addresses = ingress["status"]["loadBalancer"]["ingress"].as_array().cloned().unwrap_or_default();
    addresses.iter().map(|address| address["ip"].as_str().expect("an address").to_owned()).collect()
}

fn until(what: &str, replicas: &[&Replica<'_>], mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_true() {
        let lines = || replicas.iter().map(|replica| replica.proxy.program.lines()).collect::<Vec<_>>();
        assert!(Instant::now() < deadline, "never {what}; they said {:#?}", lines());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn until_has(site: &Site<'_>, replicas: &[&Replica<'_>], name: &str, ips: &[&str]) {
    until(&format!("{name} has {ips:?}"), replicas, || addresses(site, name) == ips);
}

/// One Ingress whose requests are answered.
fn serve_first(site: &Site<'_>) -> Origin {
    let tea = site.endpoint("tea");
    site.admin().apply_all([
        site.service("tea"),
        site.slice("tea", tea.address),
        site.ingress("first", "first.example", "tea"),
    ]);
    tea
}

fn pause(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

#[test]
fn status_and_events_are_seen_by_people() {
    let Some(server) = Server::private() else { return };
    let Some(site) = Site::new(&server, "seen") else { return };
    let tea = site.endpoint("tea");
    let mut theirs = class_of(ingress(&site.name, "theirs", "theirs.example", "tea"), "other");
    theirs["metadata"]["labels"] = json!({"of": "another"});
    site.admin().apply_all([
        site.service("tea"),
        site.slice("tea", tea.address),
        site.ingress("first", "first.example", "tea"),
        theirs,
    ]);
    let replica = Replica::start(&site, "a", &[]);
    publish(&site, &["192.0.2.2", "192.0.2.1"]);
    until_has(&site, &[&replica], "first", &["192.0.2.1", "192.0.2.2"]);
    let events = |name: &str| -> Vec<String> {
        let events = site.admin().list("Event", &site.name).into_iter();
        let events = events.filter(|event| event["involvedObject"]["name"] == name);
        let text = |event: &Value, field: &str| event[field].as_str().expect("a text").to_owned();
        let mut events: Vec<String> = events
            .map(|event| format!("{} {}: {}", text(&event, "type"), text(&event, "reason"), text(&event, "message")))
            .collect();
        events.sort();
        events
    };
    // Nobody has led before.
    until("told", &[&replica], || events("first") == ["Normal Sync: accepted"]);
    site.admin().apply(site.ingress("second", "second.example", "nowhere"));
    until_has(&site, &[&replica], "second", &["192.0.2.1", "192.0.2.2"]);
    until("told", &[&replica], || events("second").iter().any(|event| event.starts_with("Warning ING")));
    println!("{:#?}", events("second"));
    // A Service that flaps.
    let version = |name: &str| site.admin().get("Ingress", &site.name, name).expect("it")["metadata"].clone();
    let versions = ["first", "second", "theirs"].map(|name| version(name)["resourceVersion"].clone());
    for round in 0..20 {
        match round % 3 {
            0 => publish(&site, &[]),
            1 => site.admin().delete("Service", &site.name, "balancer"),
            _ => publish(&site, &["192.0.2.1", "192.0.2.2"]),
        }
        pause(200);
    }
    publish(&site, &["192.0.2.1", "192.0.2.2"]);
    pause(1_500);
    assert_eq!(["first", "second", "theirs"].map(|name| version(name)["resourceVersion"].clone()), versions);
    assert!(addresses(&site, "theirs").is_empty() && events("theirs").is_empty());
    // While nothing changes nothing is written.
    let before = replica.writes(&site).len();
    pause(6_000);
    let writes = replica.writes(&site).split_off(before);
    assert!(writes.iter().all(|it| it.resource == "leases"), "{writes:?}");
    assert!((1..=5).contains(&writes.len()), "{writes:?}");
    // It has asked for nothing that it has no right to.
    let user = replica.account.user();
    let refused: Vec<Audited> = server.audit().into_iter().filter(|it| it.user == user && it.status == 403).collect();
    assert!(refused.is_empty(), "{refused:?}");
    // Nothing else of it has changed.
    assert_eq!(version("first")["generation"], 1);
}

#[test]
fn a_leader_that_is_gone_is_followed() {
    let Some(server) = Server::shared() else { return };
    let Some(site) = Site::new(server, "gone") else { return };
    let _tea = serve_first(&site);
    publish(&site, &["192.0.2.1"]);
    let mut a = Replica::start(&site, "a", &[]);
    a.until_leads();
    let mut b = Replica::start(&site, "b", &[]);
    let c = Replica::start(&site, "c", &[]);
    pause(3_000);
    assert!(a.leads() && !b.leads() && !c.leads());
    a.proxy.program.signal("KILL");
    let killed = Instant::now();
    a.proxy.program.wait();
    until("followed", &[&b, &c], || b.leads() || c.leads());
    println!("killed: followed after {:?}", killed.elapsed());
    assert!(killed.elapsed() <= Duration::from_secs(15));
    assert!(b.leads() != c.leads());
    publish(&site, &["192.0.2.1", "192.0.2.2"]);
    until_has(&site, &[&b, &c], "first", &["192.0.2.1", "192.0.2.2"]);
    for proxy in [&b.proxy, &c.proxy] {
        assert!(proxy.is_served("first.example", "tea"), "all of them serve");
    }
    // One that ends in order gives the lease back.
    if c.leads() {
        let mut c = c;
        follow_in_order(&site, &mut c, &b);
    } else {
        follow_in_order(&site, &mut b, &c);
    }
}

fn follow_in_order(site: &Site<'_>, leader: &mut Replica<'_>, follower: &Replica<'_>) {
    leader.proxy.program.signal("TERM");
    let told = Instant::now();
    follower.until_leads();
    println!("told to end: followed after {:?}", told.elapsed());
    assert!(told.elapsed() <= Duration::from_secs(8));
    assert!(leader.proxy.program.wait().success());
    // Nobody has pods here, so nobody knows whether it was the last one.
    assert_eq!(addresses(site, "first"), ["192.0.2.1", "192.0.2.2"]);
}

/// Lets the leader be out of the world while another one takes over, and then come back: it writes nothing any more.
fn nothing_stale(name: &str, leave: impl Fn(&Replica<'_>, &Relay), come_back: impl Fn(&Replica<'_>, &Relay)) {
    let Some(server) = Server::private() else { return };
    let Some(site) = Site::new(&server, name) else { return };
    let tea = site.endpoint("tea");
    let ingresses: Vec<String> = (0..40).map(|n| format!("i{n}")).collect();
    site.admin().apply_all([site.service("tea"), site.slice("tea", tea.address)]);
    site.admin().apply_all(ingresses.iter().map(|name| site.ingress(name, &format!("{name}.example"), "tea")));
    publish(&site, &["192.0.2.1"]);
    let relay = Relay::to(server.address());
    let ttl = ["--election-ttl=3s"];
    let a = Replica::start(&site, "a", &[&ttl[..], &[&relay.flag()]].concat());
    a.until_leads();
    let b = Replica::start(&site, "b", &ttl);
    // In the middle of writing.
    until("some", &[&a], || addresses(&site, "i20") == ["192.0.2.1"]);
    leave(&a, &relay);
    b.until_leads();
    let since = server.audit().into_iter().filter(|it| it.user == b.account.user() && it.verb == "update");
    let since =
        since.filter(|it| it.resource == "leases" && it.status == 200).map(|it| it.time).min().expect("its lease");
    // Another address, so that there is something to be told.
    publish(&site, &["192.0.2.1", "192.0.2.2"]);
    for name in &ingresses {
        until_has(&site, &[&b], name, &["192.0.2.1", "192.0.2.2"]);
    }
    publish(&site, &["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    come_back(&a, &relay);
    for name in &ingresses {
        until_has(&site, &[&b], name, &["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    }
    until("it leads no longer", &[&a, &b], || !a.leads() && b.leads());
    let stale = |it: &Audited| it.time > since && !matches!(&*it.resource, "leases");
    let written: Vec<Audited> = a.writes(&site).into_iter().filter(stale).collect();
    assert!(written.is_empty(), "since {since}: {written:?}");
    let taken = |it: &Audited| it.time > since && it.resource == "leases" && it.status == 200;
    assert!(!a.writes(&site).iter().any(taken), "{:?}", a.writes(&site));
    for proxy in [&a.proxy, &b.proxy] {
        proxy.until_served("i20.example", "tea");
    }
}

#[test]
fn a_leader_that_was_stopped_writes_nothing_when_it_goes_on() {
    nothing_stale("stopped", |a, _| a.proxy.program.signal("STOP"), |a, _| a.proxy.program.signal("CONT"));
}

#[test]
fn a_leader_that_is_cut_off_writes_nothing_when_it_is_back() {
    nothing_stale("cut-off", |_, relay| relay.go_down(), |_, relay| relay.come_back());
}

#[test]
fn a_leader_whose_connections_fall_silent_leads_on() {
    let Some(server) = Server::private() else { return };
    let Some(site) = Site::new(&server, "silent") else { return };
    site.admin().apply(site.ingress("first", "first.example", "tea"));
    publish(&site, &["192.0.2.1"]);
    let relay = Relay::to(server.address());
    let a = Replica::start(&site, "a", &[&relay.flag()]);
    a.until_leads();
    let b = Replica::start(&site, "b", &[]);
    until_has(&site, &[&a], "first", &["192.0.2.1"]);
    pause(500);
    relay.stall();
    publish(&site, &["192.0.2.1", "192.0.2.2"]);
    until_has(&site, &[&a], "first", &["192.0.2.1", "192.0.2.2"]);
    pause(10_000);
    assert!(a.leads() && !b.leads(), "it has asked again on another connection");
    assert!(b.writes(&site).is_empty());
}

/// Renews the lease in the name of a replica that is not there, at a time of its own.
fn renew(site: &Site<'_>, renewed: &str) {
    let metadata = json!({"namespace": site.name, "name": "ingress-controller-leader"});
    let spec = json!({"holderIdentity": "another", "leaseDurationSeconds": 5, "renewTime": renewed});
    site.admin().apply(json!({"kind": "Lease", "metadata": metadata, "spec": spec}));
}

#[test]
fn a_leader_whose_clock_is_wrong_leads_as_long_as_it_renews() {
    let Some(server) = Server::private() else { return };
    let Some(site) = Site::new(&server, "skewed") else { return };
    let _tea = serve_first(&site);
    publish(&site, &["192.0.2.1"]);
    renew(&site, "2001-01-01T00:00:00.000000Z");
    let replica = Replica::start(&site, "a", &["--election-ttl=3s"]);
    // By our clock it has run out for decades, and yet it is there.
    for second in 1..=8 {
        pause(1_000);
        renew(&site, &format!("2001-01-01T00:00:{second:02}.000000Z"));
        assert!(!replica.leads());
    }
    replica.proxy.until_served("first.example", "tea");
    assert!(replica.writes(&site).is_empty() && addresses(&site, "first").is_empty());
    // By our clock it will not run out for decades, and yet it is gone.
    renew(&site, "2099-01-01T00:00:00.000000Z");
    let gone = Instant::now();
    replica.until_leads();
    println!("renewed in another century for the last time: followed after {:?}", gone.elapsed());
    assert!(gone.elapsed() >= Duration::from_secs(4) && gone.elapsed() <= Duration::from_secs(15));
    until_has(&site, &[&replica], "first", &["192.0.2.1"]);
}

/// What ingress-nginx's manifests before 1.0 give: no right to Leases, and one to a ConfigMap.
fn old_rights() -> Vec<Value> {
    let others = [rights(), leader_rights()].concat().into_iter().filter(|rule| rule["resources"] != json!(["leases"]));
    let mut lock = rule("", &["configmaps"], &["get", "update"]);
    lock["resourceNames"] = json!(["ingress-controller-leader-nginx"]);
    others.chain([lock, rule("", &["configmaps"], &["create"])]).collect()
}

#[test]
fn without_a_right_to_leases_one_leads_by_a_config_map() {
    let Some(server) = Server::private() else { return };
    let Some(site) = Site::new(&server, "old-rights") else { return };
    site.admin().apply(site.ingress("first", "first.example", "tea"));
    publish(&site, &["192.0.2.1"]);
    let ttl = ["--election-ttl=3s"];
    let a = Replica::with_rights(&site, "a", &ttl, old_rights());
    a.until_leads();
    until_has(&site, &[&a], "first", &["192.0.2.1"]);
    let mut b = Replica::with_rights(&site, "b", &ttl, old_rights());
    let is_waiting = |replica: &Replica<'_>| replica.proxy.program.lines().iter().any(|line| line.contains("` leads"));
    until("it waits", &[&a, &b], || is_waiting(&b));
    a.proxy.program.signal("KILL");
    b.until_leads();
    publish(&site, &["192.0.2.2"]);
    until_has(&site, &[&b], "first", &["192.0.2.1", "192.0.2.2"]);
    // The right is given, and a rollout follows: the new one takes the Lease, and waits for the ConfigMap.
    let c = Replica::start(&site, "c", &ttl);
    b.account.may([old_rights(), leader_rights()].concat());
    until("it waits", &[&b, &c], || is_waiting(&c));
    pause(4_000);
    assert!(b.leads() && !c.leads());
    assert!(c.writes(&site).iter().all(|it| it.resource == "leases"), "{:?}", c.writes(&site));
    b.proxy.program.signal("TERM");
    c.until_leads();
    assert!(b.proxy.program.wait().success());
    for replica in [&a, &b, &c] {
        let user = replica.account.user();
        let refused = server.audit().into_iter().filter(|it| it.user == user && it.status == 403);
        let refused: Vec<Audited> = refused.collect();
        let is_expected = |it: &Audited| (&*it.verb, &*it.resource) == ("get", "leases");
        assert!(refused.iter().all(is_expected) && refused.len() <= 20, "{refused:?}");
    }
}

/// A pod of the controller that is ready.
fn pod(site: &Site<'_>, name: &str, node: &str) {
    let labels = json!({"app.kubernetes.io/name": site.name});
    let metadata = json!({"namespace": site.name, "name": name, "labels": labels});
    let spec = json!({"nodeName": node, "containers": [{"name": "controller", "image": "controller"}]});
    site.admin().apply(json!({"kind": "ServiceAccount", "metadata": {"namespace": site.name, "name": "default"}}));
    site.admin().apply(json!({"kind": "Pod", "metadata": metadata, "spec": spec}));
    let ready = json!({"type": "Ready", "status": "True"});
    let status = json!({"status": {"phase": "Running", "conditions": [ready]}});
    site.admin().patch(["Pod", &site.name, name], "/status", status);
}

fn node(site: &Site<'_>, name: &str, address: &str) {
    site.admin().apply(json!({"kind": "Node", "metadata": {"name": name}}));
    let addresses = json!([{"type": "InternalIP", "address": address}]);
    site.admin().patch(["Node", "", name], "/status", json!({"status": {"addresses": addresses}}));
}

#[test]
fn the_last_replica_clears_the_status_while_it_serves_what_is_under_way() {
    let Some(server) = Server::shared() else { return };
    let Some(site) = Site::new(server, "last") else { return };
    let backends = Backend::start_at(site.address, 1);
    site.open_shop(backends[0].address);
    let nodes = ["1", "2"].map(|number| format!("{}-node-{number}", site.name));
    node(&site, &nodes[0], "10.0.0.1");
    node(&site, &nodes[1], "10.0.0.2");
    pod(&site, "a", &nodes[0]);
    pod(&site, "b", &nodes[1]);
    let more = ["--publish-service=", "--report-node-internal-ip-address", "--shutdown-grace-period=5s"];
    let mut a = Replica::start(&site, "a", &more);
    a.until_leads();
    let mut b = Replica::start(&site, "b", &more);
    until_has(&site, &[&a], "shop", &["10.0.0.1", "10.0.0.2"]);
    let load = Load::start(&a.proxy.ports, &[Way::Http1, Way::Http2]);
    load.wait_for(200);
    a.proxy.program.signal("TERM");
    load.wait_for(200);
    // As long as new connections are taken.
    load.end().assert_clean();
    b.until_leads();
    assert_eq!(addresses(&site, "shop"), ["10.0.0.1", "10.0.0.2"], "another one stays");
    assert!(a.proxy.program.wait().success());
    let a = format!("/api/v1/namespaces/{}/pods/a?gracePeriodSeconds=0", site.name);
    site.admin().ask(http::Method::DELETE, &a, "", None).expect("to be deleted");
    let load = Load::start(&b.proxy.ports, &[Way::Http1, Way::Http2]);
    load.wait_for(200);
    b.proxy.program.signal("TERM");
    until("cleared", &[&b], || addresses(&site, "shop").is_empty());
    load.wait_for(200);
    load.end().assert_clean();
    assert!(b.proxy.program.wait().success());
    let lease = site.admin().get("Lease", &site.name, "ingress-controller-leader").expect("the Lease");
    assert!(lease["spec"]["holderIdentity"].as_str().unwrap_or_default().is_empty(), "{lease}");
}

#[test]
fn a_storm_of_statuses_is_no_storm_of_writes() {
    let Some(server) = Server::private() else { return };
    let Some(site) = Site::new(&server, "storm") else { return };
    let (count, time) = (sized(300, 10_000), Duration::from_secs(sized(5, 60)));
    let tea = site.endpoint("tea");
    site.admin().apply_all([site.service("tea"), site.slice("tea", tea.address)]);
    let name = |n: u64| format!("i{n:05}");
    site.admin().apply_all((0..count).map(|n| site.ingress(&name(n), &format!("h{n}.example"), "tea")));
    let replica = Replica::start(&site, "a", &["--publish-status-address=192.0.2.1"]);
    until("the first", &[&replica], || !addresses(&site, &name(0)).is_empty());
    let (began, cpu) = (Instant::now(), replica.proxy.program.cpu());
    let written = || replica.writes(&site).into_iter().filter(|it| it.resource == "ingresses/status").count();
    let before = written();
    let mut longest = Duration::ZERO;
    for n in 0.. {
        let host = format!("new{n}.example");
        let asked = Instant::now();
        site.admin().apply(site.ingress(&format!("new{n}"), &host, "tea"));
        replica.proxy.until_served(&host, "tea");
        longest = longest.max(asked.elapsed());
        if began.elapsed() > time {
            break;
        }
        pause(100);
    }
    let (took, cpu) = (began.elapsed(), replica.proxy.program.cpu().saturating_sub(cpu));
    let rate = (written() - before) as f64 / took.as_secs_f64();
    println!(
        "{count} Ingresses: {rate:.1} statuses a second, {cpu:?} of CPU in {took:?}, a change took {longest:?} at most"
    );
    assert!((2.0..=20.5).contains(&rate), "{rate}");
    assert!(server.audit().iter().all(|it| it.status != 429), "nobody was turned away");
}
