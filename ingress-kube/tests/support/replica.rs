//! A replica of its own: a controller, and what falls to it to do for all.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ingress_kube::{
    Address, AddressSource, ClientOptions, Duties, DutySettings, Election, Pod, Say, StatusSettings, connect,
};
use serde_json::Value;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::api::{ApiServer, Request};
use super::cluster::{Cluster, settings};

pub const PATIENCE: Duration = Duration::from_secs(30);

/// A replica of its own: its controller and its duties.
pub struct Replica {
    pub cluster: Cluster<()>,
    pub leads: watch::Receiver<bool>,
    pub lines: Arc<Mutex<Vec<String>>>,
    end: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Drop for Replica {
    /// As if it were killed.
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn status(source: AddressSource) -> StatusSettings {
    let mut status = StatusSettings::new(source);
    status.interval = Duration::from_millis(50);
    status.hold = Duration::from_secs(1);
    status
}

pub fn fixed(addresses: &[&str]) -> StatusSettings {
    status(AddressSource::Fixed(addresses.iter().map(|address| Address::parse(address).unwrap()).collect()))
}

pub fn published() -> StatusSettings {
    status(AddressSource::Service { namespace: "system".into(), name: "lb".into() })
}

pub fn duties(name: &str, ttl: u64) -> DutySettings {
    let mut duties = DutySettings::default();
    duties.pod = Some(Pod { namespace: "system".into(), name: name.into() });
    duties.name = name.into();
    let ttl = Duration::from_secs(ttl);
    let config_map = Some("leader-nginx".into());
    duties.election = Some(Election { namespace: "system".into(), name: "leader".into(), config_map, ttl });
    duties
}

pub fn with_status(status: StatusSettings) -> DutySettings {
    let mut duties = duties("a", 10);
    duties.status = Some(status);
    duties
}

impl Replica {
    pub async fn start(api: &ApiServer, duties: DutySettings) -> Self {
        let options = ClientOptions { apiserver_host: Some(api.url()), ..ClientOptions::default() };
        let cluster = Cluster::with((), &options, settings()).await;
        let client = connect(&options).await.unwrap();
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let said = Arc::clone(&lines);
        let say: Say = Arc::new(move |line: &str| said.lock().unwrap().push(line.to_owned()));
        let duties = Duties::new(&client, &cluster.handle, duties, &say);
        let leads = duties.leads();
        let (end, ends) = oneshot::channel();
        Self { cluster, leads, lines, end: Some(end), task: tokio::spawn(duties.run(ends)) }
    }

    pub fn leads(&self) -> bool {
        *self.leads.borrow()
    }

    /// Ends in order.
    pub async fn end(&mut self) {
        drop(self.end.take());
        tokio::time::timeout(PATIENCE, &mut self.task).await.unwrap().unwrap();
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    pub fn said(&self, what: &str) -> usize {
        self.lines().iter().filter(|line| line.contains(what)).count()
    }
}

pub async fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_true() {
        assert!(Instant::now() < deadline, "never {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// The addresses in the status of an Ingress of the shop.
pub fn addresses(api: &ApiServer, name: &str) -> Vec<String> {
    let ingress = api.object("Ingress", "shop", name).unwrap();
    addresses_of(&ingress)
}

pub fn addresses_of(ingress: &Value) -> Vec<String> {
    let addresses = ingress["status"]["loadBalancer"]["ingress"].as_array().cloned().unwrap_or_default();
    let text = |address: &Value| address["ip"].as_str().or_else(|| address["hostname"].as_str()).unwrap().to_owned();
    addresses.iter().map(text).collect()
}

pub async fn until_has(api: &ApiServer, name: &str, ips: &[&str]) {
    let deadline = Instant::now() + PATIENCE;
    while addresses(api, name) != ips {
        assert!(Instant::now() < deadline, "{name} never has {ips:?}, only {:?}", addresses(api, name));
        pause(5).await;
    }
}

/// How often an Ingress of the shop has got another status.
pub fn changes(api: &ApiServer, name: &str) -> usize {
    let states: Vec<Value> = api.history("Ingress", "shop", name).iter().map(|state| state["status"].clone()).collect();
    states.iter().zip(states.iter().skip(1)).filter(|(before, after)| before != after).count()
}

pub fn writes(requests: &[Request]) -> Vec<&Request> {
    let is_write = |request: &&Request| !matches!(&*request.verb, "get" | "list" | "watch");
    requests.iter().filter(is_write).collect()
}
