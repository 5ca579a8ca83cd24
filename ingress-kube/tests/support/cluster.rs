//! A controller on an API server, and what a data plane would see of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ingress_core::decision::Decision;
use ingress_core::lower::{ClassSelection, ControllerClass};
use ingress_core::model::{CertificateState, SecretState};
use ingress_core::object::ObjectRef;
use ingress_core::publish::Reader;
use ingress_core::request::{ConnInfo, RequestView};
use ingress_kube::{ClientOptions, Controller, Handle, SecretData, Settings, Sink, State, Timing, View, connect};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::api::{ApiServer, class, ingress, service, slice};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a controller told its sink.
#[derive(Debug, Default)]
pub struct Told {
    /// The keys and values of the Secrets that there are.
    pub secrets: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    pub lines: Vec<String>,
    /// How often a snapshot that differs was put in force.
    pub snapshots: usize,
    /// How often it was told what is in force.
    pub states: usize,
    last: usize,
}

struct Recorder(Arc<Mutex<Told>>);

impl Sink for Recorder {
    fn secret(&mut self, name: &ObjectRef, data: &SecretData) -> SecretState {
        let bytes = data.iter().map(|(key, value)| (key.to_owned(), value.to_vec())).collect();
        self.0.lock().unwrap().secrets.insert(name.path(), bytes);
        // In these tests a certificate is the list of its names.
        let certificate = match data.get("tls.crt").map(|names| String::from_utf8_lossy(names).into_owned()) {
            Some(names) if data.get("tls.key").is_some() => {
                CertificateState::Usable { dns_names: names.split(',').map(Into::into).collect() }
            }
            _ => CertificateState::Unusable { reason: "has no pair".into() },
        };
        SecretState { certificate, ..SecretState::default() }
    }

    fn secret_gone(&mut self, name: &ObjectRef) {
        self.0.lock().unwrap().secrets.remove(&name.path());
    }

    fn in_force(&mut self, state: State<'_>) {
        let mut told = self.0.lock().unwrap();
        told.states += 1;
        let snapshot = state.snapshot.map_or(0, |snapshot| Arc::as_ptr(snapshot) as usize);
        if snapshot != told.last {
            told.last = snapshot;
            told.snapshots += 1;
        }
    }

    fn say(&mut self, line: &str) {
        self.0.lock().unwrap().lines.push(line.to_owned());
    }
}

pub struct Cluster<A = ApiServer> {
    pub api: A,
    pub told: Arc<Mutex<Told>>,
    pub reader: Reader,
    pub handle: Handle,
    pub views: watch::Receiver<Arc<View>>,
    task: JoinHandle<()>,
}

impl<A> Drop for Cluster<A> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Settings of a controller for class `nginx`, that hurries.
pub fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.engine.classes = ClassSelection::Controller(ControllerClass::default());
    settings.timing = Timing {
        page: 50,
        answer: Duration::from_secs(5),
        watch: Duration::from_secs(20),
        tolerance: Duration::from_secs(1),
        first_pause: Duration::from_millis(20),
        longest_pause_unreachable: Duration::from_millis(200),
        longest_pause: Duration::from_millis(400),
    };
    settings
}

/// A server with a class, and a Service `tea` in `shop` with one endpoint that an Ingress for `cafe.example` leads to.
pub fn shop() -> ApiServer {
    let api = ApiServer::start();
    api.apply_all([
        class("nginx", "k8s.io/ingress-nginx"),
        ingress("shop", "cafe", "cafe.example", "tea"),
        service("shop", "tea"),
        slice("shop", "tea", &["10.0.0.1"], 8080),
    ]);
    api
}

impl Cluster {
    pub async fn start(api: ApiServer, settings: Settings) -> Self {
        let options = ClientOptions { apiserver_host: Some(api.url()), ..ClientOptions::default() };
        Self::with(api, &options, settings).await
    }

    /// The same, once it is ready.
    pub async fn ready(api: ApiServer, settings: Settings) -> Self {
        let mut cluster = Self::start(api, settings).await;
        cluster.until("ready", View::is_ready).await;
        cluster
    }
}

impl<A> Cluster<A> {
    pub async fn with(api: A, options: &ClientOptions, settings: Settings) -> Self {
        let client = connect(options).await.unwrap();
        let told = Arc::new(Mutex::new(Told::default()));
        let controller = Controller::new(client, settings, Recorder(Arc::clone(&told)));
        let (reader, handle) = (controller.reader(), controller.handle());
        let views = handle.views();
        Self { api, told, reader, handle, views, task: tokio::spawn(controller.run()) }
    }

    /// Waits until the controller knows something.
    pub async fn until(&mut self, what: &str, is_true: impl FnMut(&View) -> bool) {
        let mut is_true = is_true;
        let waited = tokio::time::timeout(PATIENCE, self.views.wait_for(|view| is_true(view))).await;
        let is_known = waited.is_ok_and(|view| view.is_ok());
        assert!(is_known, "never {what}; the log: {:#?}", self.told.lock().unwrap().lines);
    }

    /// Waits until a host leads to these endpoints, or nowhere.
    pub async fn until_leads(&self, host: &str, to: &[&str]) {
        let mut seen = Vec::new();
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                seen = self.endpoints(host);
                if seen == to {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let waited = waited.await;
        assert!(waited.is_ok(), "{host} leads to {seen:?} and never to {to:?}; the log: {:#?}", self.lines());
    }

    pub async fn until_true(&self, what: &str, mut is_true: impl FnMut() -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !is_true() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(waited.await.is_ok(), "never {what}; the log: {:#?}", self.told.lock().unwrap().lines);
    }

    /// The endpoints of a request for a host; `404` and such if it leads nowhere.
    pub fn endpoints(&self, host: &str) -> Vec<String> {
        let (parts, ()) = http::Request::get(format!("http://{host}/")).body(()).unwrap().into_parts();
        let conn = ConnInfo::default();
        let request = RequestView::new(&parts, &conn, 0).unwrap();
        let snapshot = self.reader.load_full();
        match snapshot.decide(&request) {
            Decision::Forward(forward) => match forward.endpoints() {
                Some(endpoints) => endpoints.iter().map(ToString::to_string).collect(),
                None => vec![forward.backend.availability.to_string()],
            },
            other => vec![other.status().map_or_else(String::new, |status| status.to_string())],
        }
    }

    /// The certificate for a server name.
    pub fn certificate(&self, name: &str) -> String {
        self.reader.load_full().certificate(Some(name)).to_string()
    }

    pub fn secrets(&self) -> Vec<String> {
        self.told.lock().unwrap().secrets.keys().cloned().collect()
    }

    pub fn lines(&self) -> Vec<String> {
        self.told.lock().unwrap().lines.clone()
    }

    pub fn snapshots(&self) -> usize {
        self.told.lock().unwrap().snapshots
    }
}
