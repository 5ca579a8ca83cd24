//! An API server that says 429, by its own priority and fairness: at the start and later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use http::Method;
use serde_json::json;

use super::real::{Account, Admin, Server, rights};
use super::relay::Relay;
use super::site::{PATIENCE, Proxy, Site};
use super::support::backend::Backend;
use super::support::load::{HOST, Load, Way};
use super::support::program::Ports;
use super::support::size::sized;

/// One request at a time may be carried out for the accounts of this namespace; all others are refused at once.
fn narrow(site: &Site<'_>) {
    let limited = json!({"nominalConcurrencyShares": 0, "lendablePercent": 0, "borrowingLimitPercent": 0,
                         "limitResponse": {"type": "Reject"}});
    let level = json!({"kind": "PriorityLevelConfiguration", "metadata": {"name": site.name},
                       "spec": {"type": "Limited", "limited": limited}});
    let everything = json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": true,
                             "namespaces": ["*"]}]);
    let accounts = json!({"name": "*", "namespace": site.name});
    let rules = json!([{"subjects": [{"kind": "ServiceAccount", "serviceAccount": accounts}],
                        "resourceRules": everything}]);
    let schema = json!({"kind": "FlowSchema", "metadata": {"name": site.name}, "spec": {
        "priorityLevelConfiguration": {"name": site.name}, "matchingPrecedence": 2, "rules": rules}});
    site.admin().apply_all([level, schema]);
}

/// Somebody who takes the only place there is, all the time.
struct Crowd {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    fn start(account: &Account<'_>) -> Self {
        let is_over: Arc<AtomicBool> = Arc::default();
        let threads = (0..8).map(|_| {
            let (is_over, kubeconfig) = (Arc::clone(&is_over), account.kubeconfig().to_owned());
            std::thread::spawn(move || {
                let one = Admin::new(kubeconfig);
                while !is_over.load(Ordering::Relaxed) {
                    // Most are refused.
                    let _ = one.ask(Method::GET, "/apis/networking.k8s.io/v1/ingresses", "", None);
                }
            })
        });
        let threads = threads.collect();
        Self { is_over, threads }
    }

    fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("one of them"));
    }
}

fn requests(site: &Site<'_>, status: u64) -> usize {
    let user = site.account.user();
    site.server.audit().iter().filter(|asked| asked.user == user && asked.status == status).count()
}

#[test]
fn a_busy_server_is_left_alone() {
    let Some(server) = Server::private() else { return };
    let Some(site) = Site::new(&server, "busy") else { return };
    let backends = Backend::start_at(site.address, 1);
    let busy_for = Duration::from_secs(sized(6, 60));
    site.open_shop(backends[0].address);
    site.admin().apply_all((0..1_000).map(|n| site.ingress(&format!("i{n}"), &format!("h{n}.example"), "tea")));
    let others = Account::new(&server, &site.name, "others");
    others.may(rights());
    narrow(&site);
    let crowd = Crowd::start(&others);
    let relay = Relay::to(server.address());
    let proxy = site.begin(Ports::new(), &[&relay.flag()]);
    proxy.until("refused", |_| requests(&site, 429) > 0);
    crowd.end();
    proxy.until("ready", Proxy::is_ready);
    proxy.until_served(HOST, "ok");

    let load = Load::start(&proxy.ports, &[Way::Http1, Way::Fresh]);
    let crowd = Crowd::start(&others);
    let (before, began) = (requests(&site, 429), Instant::now());
    let mut next_reset = began;
    while requests(&site, 429) == before || began.elapsed() < busy_for {
        assert!(began.elapsed() < busy_for + PATIENCE, "the server is not busy");
        assert!(proxy.is_ready(), "what is in force can be served");
        if Instant::now() >= next_reset {
            // So that it has something to ask for.
            relay.reset();
            next_reset += busy_for / 3;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    site.admin().apply(site.ingress("more", "more.example", "tea"));
    let (refused, took) = (requests(&site, 429) - before, began.elapsed());
    crowd.end();
    let healed = Instant::now();
    proxy.until_served("more.example", "ok");
    println!("busy for {took:?}: refused {refused} times; a change counted {:?} after that", healed.elapsed());
    // Each of five resources three times, less and less often.
    let most = 15 * (4 + took.as_secs() / 8);
    assert!(refused as u64 <= most, "{refused} requests, of {most} at most");
    load.wait_for(20);
    let summary = load.end();
    println!("a busy server: {summary}");
    summary.assert_clean();
    let said = proxy.program.lines();
    assert!(said.len() < 50, "{said:#?}");
}
