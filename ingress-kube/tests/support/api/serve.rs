//! The API over HTTP.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use super::{Change, Cluster, Fault, Place, Request, Shared, place_of};

type Body = BoxBody<Bytes, std::io::Error>;

pub(super) async fn accept(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let (epoch, is_down) = {
            let cluster = shared.cluster.lock().unwrap();
            (cluster.epoch, cluster.is_down)
        };
        if is_down {
            continue;
        }
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let served = Arc::clone(&shared);
            let service = service_fn(move |request| answer(request, Arc::clone(&served)));
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service);
            let mut changed = shared.changed.subscribe();
            tokio::select! {
                _ = connection => {}
                // A connection that is dropped is reset or closed, wherever it was.
                _ = changed.wait_for(|_| shared.cluster.lock().unwrap().epoch != epoch) => {}
            }
        });
    }
}

/// What is asked for.
struct Question {
    method: Method,
    prefix: String,
    resource: String,
    namespace: String,
    name: String,
    is_status: bool,
    query: BTreeMap<String, String>,
    is_metadata: bool,
}

impl Question {
    fn of(request: &hyper::Request<Incoming>) -> Option<Self> {
        let segments: Vec<String> = request.uri().path().split('/').skip(1).map(decoded).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (prefix, rest) = match segments.as_slice() {
            ["api", version, rest @ ..] => (format!("/api/{version}"), rest),
            ["apis", group, version, rest @ ..] => (format!("/apis/{group}/{version}"), rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let (resource, name, is_status) = match rest {
            [resource] => (*resource, "", false),
            [resource, name] => (*resource, *name, false),
            [resource, name, "status"] => (*resource, *name, true),
            _ => return None,
        };
        let query = request.uri().query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        let accept = request.headers().get("accept").and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        Some(Self {
            method: request.method().clone(),
            prefix,
            resource: resource.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            is_status,
            query: query.map(|(key, value)| (key.to_owned(), decoded(value))).collect(),
            is_metadata: accept.contains("as=PartialObjectMetadata"),
        })
    }

    fn verb(&self) -> &'static str {
        match (&self.method, self.name.is_empty()) {
            (&Method::GET, true) if self.query.contains_key("watch") => "watch",
            (&Method::GET, true) => "list",
            (&Method::GET, false) => "get",
            (&Method::POST, _) => "create",
            (&Method::PUT, _) => "update",
            (&Method::PATCH, _) => "patch",
            _ => "delete",
        }
    }

    /// As rights name it.
    fn full_resource(&self) -> String {
        if self.is_status { format!("{}/status", self.resource) } else { self.resource.clone() }
    }

    fn place(&self) -> Place {
        (self.resource.clone(), self.namespace.clone(), self.name.clone())
    }

    /// Whether an object is asked for: of this resource, this namespace, and with these labels.
    fn wants(&self, resource: &str, object: &Value) -> bool {
        let metadata = &object["metadata"];
        let has_labels = self.query.get("labelSelector").is_none_or(|selector| {
            selector.split(',').all(|term| match term.split_once('=') {
                Some((key, value)) => metadata["labels"][key] == value,
                None => !metadata["labels"][term].is_null(),
            })
        });
        let is_named = self.query.get("fieldSelector").is_none_or(|selector| {
            selector.strip_prefix("metadata.name=").is_some_and(|name| metadata["name"] == name)
        });
        let is_inside = self.namespace.is_empty() || metadata["namespace"] == self.namespace.as_str();
        resource == self.resource && is_inside && has_labels && is_named
    }

    fn shown(&self, object: &Value) -> Value {
        if !self.is_metadata {
            return object.clone();
        }
        json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"]})
    }
}

async fn answer(request: hyper::Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Body>, Infallible> {
    let Some(question) = Question::of(&request) else { return Ok(status(404, "no such path", None)) };
    let delay = {
        let mut cluster = shared.cluster.lock().unwrap();
        cluster.requests.push(Request {
            verb: question.verb().to_owned(),
            resource: question.full_resource(),
            namespace: question.namespace.clone(),
            name: question.name.clone(),
            is_metadata: question.is_metadata,
        });
        if let Some(fault) = cluster.fault(&question) {
            let message = format!("{} of {} is not possible", question.verb(), question.resource);
            return Ok(status(fault.status, &message, fault.retry_after));
        }
        if cluster.not_served.contains(&question.prefix) {
            return Ok(status(404, "the server could not find the requested resource", None));
        }
        cluster.delay
    };
    tokio::time::sleep(delay).await;
    Ok(match question.verb() {
        "list" => list(&shared.cluster.lock().unwrap(), &question),
        "watch" => return Ok(watch(shared, question)),
        "get" => {
            let cluster = shared.cluster.lock().unwrap();
            match cluster.objects.get(&question.place()) {
                Some(object) => json_body(200, &question.shown(object)),
                None => status(404, &format!("{} \"{}\" not found", question.resource, question.name), None),
            }
        }
        _ => {
            let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            let answer = write(&mut shared.cluster.lock().unwrap(), &question, &body);
            shared.changed.send_modify(|changes| *changes += 1);
            answer
        }
    })
}

impl Cluster {
    fn fault(&mut self, question: &Question) -> Option<Fault> {
        let is_meant = |fault: &Fault| {
            (fault.resource.is_empty() || fault.resource == question.full_resource())
                && (fault.verb.is_empty() || fault.verb == question.verb())
                && fault.times != Some(0)
        };
        let fault = self.faults.iter_mut().find(|fault| is_meant(fault))?;
        fault.times = fault.times.map(|times| times - 1);
        Some(fault.clone())
    }
}

/// A page. The token says from which version the pages are, and which object comes next.
fn list(cluster: &Cluster, question: &Question) -> Response<Body> {
    let limit = question.query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
    let (version, from) = match question.query.get("continue") {
        None => (cluster.version, 0),
        Some(token) => {
            let (version, from) = token.split_once('/').unwrap();
            (version.parse().unwrap(), from.parse().unwrap())
        }
    };
    if version < cluster.oldest {
        return status(410, "The provided continue parameter is too old", None);
    }
    let wanted: Vec<&Value> =
        cluster.objects.iter().filter(|(place, object)| question.wants(&place.0, object)).map(|(_, o)| o).collect();
    let items: Vec<Value> = wanted.iter().skip(from).take(limit).map(|object| question.shown(object)).collect();
    let next = from.saturating_add(limit);
    let token = (next < wanted.len()).then(|| format!("{version}/{next}"));
    let metadata = json!({"resourceVersion": version.max(1).to_string(), "continue": token});
    json_body(200, &json!({"kind": "List", "metadata": metadata, "items": items}))
}

fn write(cluster: &mut Cluster, question: &Question, body: &[u8]) -> Response<Body> {
    let place = question.place();
    if question.verb() == "delete" {
        cluster.delete(&place);
        return status(200, "deleted", None);
    }
    let Ok(mut object) = serde_json::from_slice::<Value>(body) else { return status(400, "not JSON", None) };
    let before = if question.verb() == "create" { None } else { cluster.objects.get(&place).cloned() };
    if question.verb() == "create" && cluster.objects.contains_key(&place_of(&object)) {
        return status(409, "it already exists", None);
    }
    if question.verb() != "create" {
        let Some(before) = before else { return status(404, "not found", None) };
        let expected = &object["metadata"]["resourceVersion"];
        if !expected.is_null() && *expected != before["metadata"]["resourceVersion"] {
            return status(409, "the object has been modified", None);
        }
        if question.verb() == "patch" {
            object = merged(before.clone(), &object);
        }
        if question.is_status {
            let status = object["status"].take();
            object = before.clone();
            object["status"] = status;
        }
        object["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
        if object == before {
            return json_body(200, &before);
        }
    }
    let place = place_of(&object);
    cluster.apply(object);
    json_body(if question.verb() == "create" { 201 } else { 200 }, &cluster.objects[&place])
}

/// RFC 7396.
fn merged(mut object: Value, patch: &Value) -> Value {
    let Value::Object(fields) = patch else { return patch.clone() };
    if !object.is_object() {
        object = json!({});
    }
    for (key, value) in fields {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(key);
        } else {
            object[key] = merged(object[key].take(), value);
        }
    }
    object
}

fn watch(shared: Arc<Shared>, question: Question) -> Response<Body> {
    let (sender, body) = Channel::<Bytes, std::io::Error>::new(64);
    tokio::spawn(stream(sender, shared, question));
    Response::new(body.boxed())
}

async fn stream(mut sender: Sender<Bytes, std::io::Error>, shared: Arc<Shared>, question: Question) -> Option<()> {
    let mut from: u64 = question.query.get("resourceVersion").and_then(|version| version.parse().ok()).unwrap_or(0);
    let seconds = question.query.get("timeoutSeconds").and_then(|seconds| seconds.parse().ok()).unwrap_or(300);
    let mut is_open = false;
    let end = tokio::time::Instant::now() + Duration::from_secs(seconds);
    let mut changed = shared.changed.subscribe();
    let (mut bookmarks, stalls) = {
        let cluster = shared.cluster.lock().unwrap();
        (cluster.bookmarks, cluster.stalls)
    };
    loop {
        let mut lines = Vec::new();
        let mut is_over = false;
        if shared.cluster.lock().unwrap().stalls != stalls {
            std::future::pending::<()>().await;
        }
        {
            let cluster = shared.cluster.lock().unwrap();
            // A watch that is open loses nothing when the past is forgotten.
            if !std::mem::replace(&mut is_open, true) && from < cluster.oldest {
                let object =
                    json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"});
                lines.push(json!({"type": "ERROR", "object": object}));
                is_over = true;
            } else {
                for Change { version, event, resource, object } in &cluster.events {
                    if *version > from && question.wants(resource, object) {
                        lines.push(json!({"type": event, "object": question.shown(object)}));
                    }
                }
                from = cluster.version;
                if cluster.bookmarks != bookmarks {
                    bookmarks = cluster.bookmarks;
                    let metadata = json!({"resourceVersion": from.to_string(), "creationTimestamp": null});
                    lines.push(json!({"type": "BOOKMARK", "object": {"metadata": metadata}}));
                }
            }
        }
        for line in lines {
            sender.send(Frame::data(Bytes::from(format!("{line}\n")))).await.ok()?;
        }
        if is_over {
            return None;
        }
        tokio::time::timeout_at(end, changed.changed()).await.ok()?.ok()?;
    }
}

fn status(code: u16, message: &str, retry_after: Option<u32>) -> Response<Body> {
    let mut response = json_body(code, &json!({"kind": "Status", "code": code, "message": message}));
    if let Some(seconds) = retry_after {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    response
}

fn json_body(code: u16, value: &Value) -> Response<Body> {
    let body = Full::new(Bytes::from(value.to_string())).map_err(|never| match never {});
    let mut response = Response::new(body.boxed());
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response.headers_mut().insert("content-type", "application/json".parse().unwrap());
    response
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}
