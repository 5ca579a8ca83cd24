//! An API server in this process: lists in pages, watches with bookmarks, reads, writes, and every way to fail that a test asks
//! for. What it keeps are plain JSON objects; it knows nothing of what they mean.

#![allow(
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "each test uses a part of it, and fails by panicking"
)]

mod objects;
mod serve;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

pub use self::objects::*;

/// Where an object is kept: its resource, namespace and name.
pub type Place = (String, String, String);

/// The server; it ends with this.
pub struct ApiServer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    cluster: Mutex<Cluster>,
    /// Changes with everything that a watch may have to send, or to end for.
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Cluster {
    version: u64,
    objects: BTreeMap<Place, Value>,
    events: Vec<Change>,
    /// Nobody may watch from an older version.
    oldest: u64,
    faults: Vec<Fault>,
    requests: Vec<Request>,
    is_down: bool,
    /// Connections and watches of an earlier epoch are broken off.
    epoch: u64,
    not_served: BTreeSet<String>,
    bookmarks: u64,
    /// Watches that began before as many changes of this say nothing any more.
    stalls: u64,
    delay: Duration,
}

/// A change that watches tell of.
#[derive(Clone)]
struct Change {
    version: u64,
    event: &'static str,
    resource: String,
    object: Value,
}

/// How a request is to fail.
#[derive(Clone, Debug)]
pub struct Fault {
    pub resource: &'static str,
    /// `list`, `watch`, `get`, or empty for any.
    pub verb: &'static str,
    pub status: u16,
    pub retry_after: Option<u32>,
    /// How often; none for ever.
    pub times: Option<u32>,
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    pub verb: String,
    pub resource: String,
    pub namespace: String,
    pub name: String,
    pub is_metadata: bool,
}

impl ApiServer {
    pub fn start() -> Self {
        let (changed, _) = watch::channel(0);
        let shared = Arc::new(Shared { cluster: Mutex::default(), changed });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve::accept(listener, served) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, shared, stop: Some(stop), thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.shared.cluster.lock().unwrap()
    }

    fn changed(&self) {
        self.shared.changed.send_modify(|changes| *changes += 1);
    }

    /// Creates or replaces an object, and gives it a version. Its resource follows from its kind.
    pub fn apply(&self, object: Value) {
        self.cluster().apply(object);
        self.changed();
    }

    /// The same for many at once.
    pub fn apply_all(&self, objects: impl IntoIterator<Item = Value>) {
        let mut cluster = self.cluster();
        for object in objects {
            cluster.apply(object);
        }
        drop(cluster);
        self.changed();
    }

    pub fn delete(&self, kind: &str, namespace: &str, name: &str) {
        self.cluster().delete(&(plural(kind), namespace.into(), name.into()));
        self.changed();
    }

    /// Deletes everything in a namespace.
    pub fn delete_namespace(&self, namespace: &str) {
        let mut cluster = self.cluster();
        let places: Vec<Place> = cluster.objects.keys().filter(|place| place.1 == namespace).cloned().collect();
        for place in &places {
            cluster.delete(place);
        }
        drop(cluster);
        self.changed();
    }

    pub fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.cluster().objects.get(&(plural(kind), namespace.into(), name.into())).cloned()
    }

    /// The states that an object has had, as far as they are not forgotten.
    pub fn history(&self, kind: &str, namespace: &str, name: &str) -> Vec<Value> {
        let place = (plural(kind), namespace.to_owned(), name.to_owned());
        let cluster = self.cluster();
        let states = cluster.events.iter().filter(|change| place_of(&change.object) == place);
        states.map(|change| change.object.clone()).collect()
    }

    /// All objects of a kind.
    pub fn objects(&self, kind: &str) -> Vec<Value> {
        let resource = plural(kind);
        let cluster = self.cluster();
        cluster.objects.iter().filter(|(place, _)| place.0 == resource).map(|(_, object)| object.clone()).collect()
    }

    /// Forgets all past changes: whoever watches from an older version, or pages through an older list, gets 410.
    pub fn compact(&self) {
        let mut cluster = self.cluster();
        cluster.version += 1;
        cluster.oldest = cluster.version;
        cluster.events.clear();
    }

    /// Breaks off all connections.
    pub fn reset(&self) {
        self.cluster().epoch += 1;
        self.changed();
    }

    /// Breaks off all connections, and each new one at once.
    pub fn go_down(&self) {
        let mut cluster = self.cluster();
        cluster.is_down = true;
        cluster.epoch += 1;
        drop(cluster);
        self.changed();
    }

    pub fn come_back(&self) {
        self.cluster().is_down = false;
    }

    /// Lets every watch that is open fall silent, with its connection open.
    pub fn stall(&self) {
        self.cluster().stalls += 1;
    }

    /// Sends a bookmark to every watch.
    pub fn bookmark(&self) {
        self.cluster().bookmarks += 1;
        self.changed();
    }

    pub fn fail(&self, fault: Fault) {
        self.cluster().faults.push(fault);
    }

    /// Takes away the right to do something with a resource; watches that are open stay so until they are broken off.
    pub fn forbid(&self, resource: &'static str, verb: &'static str) {
        self.fail(Fault { resource, verb, status: 403, retry_after: None, times: None });
    }

    pub fn heal(&self) {
        self.cluster().faults.clear();
    }

    /// Serves a group's version, such as `/apis/discovery.k8s.io/v1`, to nobody.
    pub fn do_not_serve(&self, prefix: &str) {
        self.cluster().not_served.insert(prefix.to_owned());
    }

    /// Takes so long for each answer.
    pub fn delay(&self, delay: Duration) {
        self.cluster().delay = delay;
    }

    /// The requests since the last call.
    pub fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.cluster().requests)
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Cluster {
    fn apply(&mut self, mut object: Value) {
        self.version += 1;
        let place = place_of(&object);
        let before = self.objects.get(&place);
        let uid =
            before.map_or_else(|| json!(format!("uid-{}", self.version)), |before| before["metadata"]["uid"].clone());
        let created = before
            .map_or_else(|| json!(timestamp(self.version)), |before| before["metadata"]["creationTimestamp"].clone());
        let event = if before.is_some() { "MODIFIED" } else { "ADDED" };
        if object["metadata"].is_object() {
            object["metadata"]["uid"] = uid;
            object["metadata"]["resourceVersion"] = json!(self.version.to_string());
            if object["metadata"]["creationTimestamp"].is_null() {
                object["metadata"]["creationTimestamp"] = created;
            }
        }
        self.events.push(Change { version: self.version, event, resource: place.0.clone(), object: object.clone() });
        self.objects.insert(place, object);
    }

    fn delete(&mut self, place: &Place) {
        let Some(mut object) = self.objects.remove(place) else { return };
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.events.push(Change { version: self.version, event: "DELETED", resource: place.0.clone(), object });
    }
}

/// A time in the order of versions.
fn timestamp(version: u64) -> String {
    let seconds = version % 86_400;
    format!("2026-01-01T{:02}:{:02}:{:02}Z", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}
