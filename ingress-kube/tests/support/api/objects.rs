//! Objects for tests.

use serde_json::{Value, json};

use super::Place;

/// The resource of a kind.
pub fn plural(kind: &str) -> String {
    match kind {
        "IngressClass" => "ingressclasses".into(),
        "Ingress" => "ingresses".into(),
        "Endpoints" => "endpoints".into(),
        kind => format!("{}s", kind.to_lowercase()),
    }
}

/// Where an object is kept.
pub fn place_of(object: &Value) -> Place {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    (plural(&text(&object["kind"])), text(&metadata["namespace"]), text(&metadata["name"]))
}

pub fn class(name: &str, controller: &str) -> Value {
    json!({"kind": "IngressClass", "metadata": {"name": name}, "spec": {"controller": controller}})
}

/// An Ingress of class `nginx` that sends a host to port 80 of a Service of its own namespace.
pub fn ingress(namespace: &str, name: &str, host: &str, service: &str) -> Value {
    let backend = json!({"service": {"name": service, "port": {"number": 80}}});
    let path = json!({"path": "/", "pathType": "Prefix", "backend": backend});
    json!({
        "kind": "Ingress",
        "metadata": {"namespace": namespace, "name": name, "annotations": {}},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": host, "http": {"paths": [path]}}]},
    })
}

/// The same with a certificate for its host.
pub fn tls_ingress(namespace: &str, name: &str, host: &str, service: &str, secret: &str) -> Value {
    let mut ingress = ingress(namespace, name, host, service);
    ingress["spec"]["tls"] = json!([{"hosts": [host], "secretName": secret}]);
    ingress
}

pub fn service(namespace: &str, name: &str) -> Value {
    json!({
        "kind": "Service",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"clusterIP": "10.96.0.10", "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    })
}

/// The endpoints of port `http` of a Service.
pub fn slice(namespace: &str, service: &str, addresses: &[&str], port: u16) -> Value {
    let endpoints: Vec<Value> =
        addresses.iter().map(|address| json!({"addresses": [address], "conditions": {"ready": true}})).collect();
    json!({
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": namespace,
            "name": format!("{service}-1"),
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
    })
}

/// The same in the older form.
pub fn endpoints(namespace: &str, service: &str, addresses: &[&str], port: u16) -> Value {
    let addresses: Vec<Value> = addresses.iter().map(|address| json!({"ip": address})).collect();
    json!({
        "kind": "Endpoints",
        "metadata": {"namespace": namespace, "name": service},
        "subsets": [{"addresses": addresses, "ports": [{"name": "http", "port": port}]}],
    })
}

/// A Secret; the values are base64 already.
pub fn secret(namespace: &str, name: &str, data: &[(&str, &str)]) -> Value {
    let data: serde_json::Map<String, Value> =
        data.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    json!({"kind": "Secret", "metadata": {"namespace": namespace, "name": name}, "data": data})
}

pub fn config_map(namespace: &str, name: &str, data: &[(&str, &str)]) -> Value {
    let data: serde_json::Map<String, Value> =
        data.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    json!({"kind": "ConfigMap", "metadata": {"namespace": namespace, "name": name}, "data": data})
}

/// A Service with an address of a load balancer, or none yet.
pub fn balancer(namespace: &str, name: &str, ips: &[&str]) -> Value {
    let ips: Vec<Value> = ips.iter().map(|ip| json!({"ip": ip})).collect();
    let mut service = service(namespace, name);
    service["spec"]["type"] = "LoadBalancer".into();
    service["status"] = json!({"loadBalancer": {"ingress": ips}});
    service
}

/// A pod of the controller.
pub fn pod(namespace: &str, name: &str, node: &str, is_ready: bool) -> Value {
    let ready = json!({"type": "Ready", "status": if is_ready { "True" } else { "False" }});
    json!({
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "labels": {"app.kubernetes.io/name": "ingress"}},
        "spec": {"nodeName": node, "containers": [{"name": "controller", "image": "controller"}]},
        "status": {"phase": "Running", "conditions": [ready]},
    })
}

/// A node by the types and values of its addresses.
pub fn node(name: &str, addresses: &[(&str, &str)]) -> Value {
    let address = |(address_type, address): &(&str, &str)| json!({"type": address_type, "address": address});
    let addresses: Vec<Value> = addresses.iter().map(address).collect();
    json!({"kind": "Node", "metadata": {"name": name}, "status": {"addresses": addresses}})
}

pub fn namespace(name: &str, labels: &[(&str, &str)]) -> Value {
    let labels: serde_json::Map<String, Value> =
        labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    json!({"kind": "Namespace", "metadata": {"name": name, "labels": labels}})
}
