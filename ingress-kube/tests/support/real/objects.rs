//! What a real server wants to be different, or there in addition.

use std::net::{IpAddr, UdpSocket};

use serde_json::{Value, json};

use super::admin::version_of;

/// A rule of a role: these verbs on these resources of a group.
pub fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": resources, "verbs": verbs})
}

/// The rights that docs/kubernetes.md names.
pub fn rights() -> Vec<Value> {
    let read = ["list", "watch"];
    vec![
        rule("networking.k8s.io", &["ingresses"], &read),
        rule("networking.k8s.io", &["ingressclasses"], &read),
        rule("", &["services"], &read),
        rule("discovery.k8s.io", &["endpointslices"], &read),
        rule("", &["secrets"], &["get", "list", "watch"]),
        rule("", &["configmaps"], &["get", "list", "watch"]),
        rule("", &["namespaces"], &read),
    ]
}

/// The rights that it names for whoever leads.
pub fn leader_rights() -> Vec<Value> {
    vec![
        rule("coordination.k8s.io", &["leases"], &["get", "create", "update"]),
        rule("networking.k8s.io", &["ingresses"], &["get"]),
        rule("networking.k8s.io", &["ingresses/status"], &["update"]),
        rule("", &["services"], &["get"]),
        rule("", &["pods"], &["list"]),
        rule("", &["nodes"], &["get"]),
        rule("", &["events"], &["create", "patch"]),
    ]
}

/// An Ingress of another class.
pub fn class_of(mut ingress: Value, class: &str) -> Value {
    ingress["spec"]["ingressClassName"] = class.into();
    ingress
}

/// An address of this machine that an EndpointSlice may have: the server takes none of loopback. What is sent there stays
/// inside all the same. None on a machine that is alone.
pub fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // This chooses a route, and sends nothing.
    socket.connect("198.51.100.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

/// An object as a real server takes it: with its version, and without an address that is the server's to give.
pub fn complete(mut object: Value) -> Value {
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    if object["apiVersion"].is_null() {
        object["apiVersion"] = version_of(&kind).into();
    }
    if kind == "Service"
        && object["spec"]["clusterIP"] != "None"
        && let Some(spec) = object["spec"].as_object_mut()
    {
        spec.remove("clusterIP");
    }
    object
}
