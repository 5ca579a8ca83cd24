//! Reads and writes as whoever may do everything. Every call waits until it is answered; what they take and give are plain JSON
//! objects, whose version may be left out.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use http::{Method, Request};
use http_body_util::BodyExt;
use ingress_kube::{ClientOptions, connect};
use kube::Client;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::objects::complete;

/// How many requests are under way when there are many to send.
const AT_ONCE: usize = 32;

/// What the server takes to be the same in every write.
const MANAGER: &str = "fieldManager=test&force=true";

pub struct Admin {
    client: Client,
    kubeconfig: PathBuf,
    /// Of a thread of its own, so that tests may wait inside and outside of a runtime.
    runtime: Handle,
    _stop: oneshot::Sender<()>,
    namespaces: Mutex<BTreeSet<String>>,
}

/// An answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// 0 if there was no answer.
    pub status: u16,
    pub message: String,
}

impl Admin {
    /// As whom a kubeconfig says, who may have fewer rights.
    pub fn new(kubeconfig: PathBuf) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::spawn(move || runtime.block_on(stopped));
        let options = ClientOptions { kubeconfig: Some(kubeconfig.clone()), ..ClientOptions::default() };
        let client = on(&handle, async move { connect(&options).await }).expect("a client");
        Self { client, kubeconfig, runtime: handle, _stop: stop, namespaces: Mutex::default() }
    }

    /// Its credentials, as a file.
    pub fn kubeconfig(&self) -> &PathBuf {
        &self.kubeconfig
    }

    /// For what is not here.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Whether the server says that it is ready.
    pub fn is_ready(&self) -> bool {
        self.ask(Method::GET, "/readyz", "", None).is_ok()
    }

    /// Creates an object, or makes it what is given here.
    pub fn apply(&self, object: Value) -> Value {
        self.try_apply(object).expect("an object that is taken")
    }

    pub fn try_apply(&self, object: Value) -> Result<Value, Refused> {
        self.ensure_namespace(&object);
        on(&self.runtime, apply(self.client.clone(), complete(object)))
    }

    /// The same for many, some at a time, in no order.
    pub fn apply_all(&self, objects: impl IntoIterator<Item = Value>) {
        let refused = self.try_apply_all(objects).into_iter().find_map(Result::err);
        assert!(refused.is_none(), "{refused:?}");
    }

    /// What came of each, in their order.
    pub fn try_apply_all(&self, objects: impl IntoIterator<Item = Value>) -> Vec<Result<Value, Refused>> {
        let objects: Vec<Value> = objects.into_iter().map(complete).collect();
        objects.iter().for_each(|object| self.ensure_namespace(object));
        let client = self.client.clone();
        self.each(objects, move |object| apply(client.clone(), object))
    }

    /// Runs all of these, some at a time.
    fn each<T, F>(&self, all: Vec<T>, run: impl Fn(T) -> F + Send + 'static) -> Vec<Result<Value, Refused>>
    where
        T: Send + 'static,
        F: Future<Output = Result<Value, Refused>> + Send + 'static,
    {
        on(&self.runtime, async move {
            let mut under_way = JoinSet::new();
            let mut results = Vec::new();
            for (number, one) in all.into_iter().enumerate() {
                while under_way.len() >= AT_ONCE {
                    results.extend(under_way.join_next().await.map(|result| result.expect("a result")));
                }
                let one = run(one);
                under_way.spawn(async move { (number, one.await) });
            }
            results.extend(under_way.join_all().await);
            results.sort_by_key(|(number, _)| *number);
            results.into_iter().map(|(_, result)| result).collect()
        })
    }

    /// Changes a part of an object, as a merge patch says it. `subresource` may be `/status`.
    pub fn patch(&self, place: [&str; 3], subresource: &str, patch: Value) -> Value {
        let [kind, namespace, name] = place;
        let path = format!("{}/{name}{subresource}?fieldManager=test", collection(kind, version_of(kind), namespace));
        self.ask(Method::PATCH, &path, "application/merge-patch+json", Some(patch)).expect("a patch that is taken")
    }

    /// None if there is no such object.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let path = format!("{}/{name}", collection(kind, version_of(kind), namespace));
        match self.ask(Method::GET, &path, "", None) {
            Ok(object) => Some(object),
            Err(refused) if refused.status == 404 => None,
            Err(refused) => panic!("{refused:?}"),
        }
    }

    /// All of a kind in a namespace, or everywhere if that is empty.
    pub fn list(&self, kind: &str, namespace: &str) -> Vec<Value> {
        let mut list = self.ask(Method::GET, &collection(kind, version_of(kind), namespace), "", None).expect("a list");
        list["items"].as_array_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Nothing happens if there is no such object.
    pub fn delete(&self, kind: &str, namespace: &str, name: &str) {
        let path = format!("{}/{name}", collection(kind, version_of(kind), namespace));
        match self.ask(Method::DELETE, &path, "", None) {
            Err(refused) if refused.status != 404 => panic!("{refused:?}"),
            _ => {}
        }
    }

    /// Deletes all of a kind in a namespace with one request.
    pub fn delete_all(&self, kind: &str, namespace: &str) {
        self.ask(Method::DELETE, &collection(kind, version_of(kind), namespace), "", None).expect("to be deleted");
    }

    /// A token for a service account.
    pub fn token(&self, namespace: &str, account: &str, lifetime: Duration) -> String {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
        let spec = json!({"expirationSeconds": lifetime.as_secs()});
        let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
        let answer = self.ask(Method::POST, &path, "application/json", Some(request)).expect("a token");
        answer["status"]["token"].as_str().expect("a token").to_owned()
    }

    /// Any request.
    pub fn ask(&self, method: Method, path: &str, content_type: &str, body: Option<Value>) -> Result<Value, Refused> {
        on(&self.runtime, ask(self.client.clone(), method, path.to_owned(), content_type.to_owned(), body))
    }

    fn ensure_namespace(&self, object: &Value) {
        let Some(namespace) = object["metadata"]["namespace"].as_str().filter(|namespace| !namespace.is_empty()) else {
            return;
        };
        if !self.namespaces.lock().unwrap().insert(namespace.to_owned()) {
            return;
        }
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        match self.ask(Method::POST, "/api/v1/namespaces", "application/json", Some(object)) {
            Err(refused) if refused.status != 409 => panic!("{refused:?}"),
            _ => {}
        }
    }
}

async fn apply(client: Client, object: Value) -> Result<Value, Refused> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, version, metadata) = (text(&object["kind"]), text(&object["apiVersion"]), &object["metadata"]);
    let place = collection(&kind, &version, &text(&metadata["namespace"]));
    let path = format!("{place}/{}?{MANAGER}", text(&metadata["name"]));
    ask(client, Method::PATCH, path, "application/apply-patch+yaml".to_owned(), Some(object)).await
}

async fn ask(
    client: Client,
    method: Method,
    path: String,
    content_type: String,
    body: Option<Value>,
) -> Result<Value, Refused> {
    let unanswered = |error: &dyn std::fmt::Display| Refused { status: 0, message: error.to_string() };
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    let mut request = Request::builder().method(method).uri(path);
    if !content_type.is_empty() {
        request = request.header("Content-Type", content_type);
    }
    let request = request.body(body.into()).expect("a request");
    let answer = client.send(request).await.map_err(|error| unanswered(&error))?;
    let (parts, body) = answer.into_parts();
    let bytes = body.collect().await.map_err(|error| unanswered(&error))?.to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if !parts.status.is_success() {
        return Err(Refused { status: parts.status.as_u16(), message: text });
    }
    // Some answers are words.
    Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Runs something on the thread for it, and waits.
fn on<T: Send + 'static>(runtime: &Handle, future: impl Future<Output = T> + Send + 'static) -> T {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    runtime.spawn(async move {
        let _ = sender.send(future.await);
    });
    receiver.recv().expect("an answer")
}

/// Where the objects of a kind are.
fn collection(kind: &str, version: &str, namespace: &str) -> String {
    let root = if version.contains('/') { "/apis" } else { "/api" };
    let kind = kind.to_lowercase();
    let plural = match &*kind {
        "endpoints" => kind,
        _ if kind.ends_with('s') => format!("{kind}es"),
        _ => format!("{kind}s"),
    };
    if namespace.is_empty() {
        format!("{root}/{version}/{plural}")
    } else {
        format!("{root}/{version}/namespaces/{namespace}/{plural}")
    }
}

/// The version in which a kind is served.
pub(super) fn version_of(kind: &str) -> &'static str {
    match kind {
        "Ingress" | "IngressClass" => "networking.k8s.io/v1",
        "EndpointSlice" => "discovery.k8s.io/v1",
        "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding" => "rbac.authorization.k8s.io/v1",
        "Lease" => "coordination.k8s.io/v1",
        "FlowSchema" | "PriorityLevelConfiguration" => "flowcontrol.apiserver.k8s.io/v1",
        "ValidatingWebhookConfiguration" => "admissionregistration.k8s.io/v1",
        _ => "v1",
    }
}
