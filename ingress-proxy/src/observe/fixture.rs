//! Small configurations and requests to ask them about.

use std::sync::Arc;

use ingress_core::compiler::Compiler;
use ingress_core::decision::Decision;
use ingress_core::lower::Options;
use ingress_core::model::{Inputs, WireKind, decode};
use ingress_core::request::{ConnInfo, RequestView};
use ingress_core::snapshot::Snapshot;

/// A snapshot in which each host has the path `/tea`, which goes to Service `tea`.
pub(crate) fn snapshot(hosts: &[&str]) -> Arc<Snapshot> {
    snapshot_with(hosts, usize::MAX)
}

/// The same with so many routes that are counted.
pub(crate) fn snapshot_with(hosts: &[&str], counted_routes: usize) -> Arc<Snapshot> {
    let mut options = Options::default();
    options.counted_routes = counted_routes;
    let rules: Vec<_> = hosts.iter().map(|host| rule(host)).collect();
    let ingress = serde_json::json!({
        "metadata": {"name": "cafe", "namespace": "shop"},
        "spec": {"rules": rules},
    });
    let mut inputs = Inputs::default();
    inputs.insert(decode(WireKind::Ingress, &ingress).unwrap());
    Compiler::new(options).compile(&inputs).snapshot
}

fn rule(host: &str) -> serde_json::Value {
    let backend = serde_json::json!({"service": {"name": "tea", "port": {"number": 80}}});
    let path = |path: &str| serde_json::json!({"path": path, "pathType": "Prefix", "backend": backend});
    serde_json::json!({"host": host, "http": {"paths": [path("/tea"), path("/coffee")]}})
}

/// Decides a GET.
pub(crate) fn with_decision<T>(snapshot: &Snapshot, url: &str, ask: impl FnOnce(&Decision<'_>) -> T) -> T {
    let (parts, ()) = http::Request::get(url).body(()).unwrap().into_parts();
    let conn = ConnInfo::default();
    ask(&snapshot.decide(&RequestView::new(&parts, &conn, 0).unwrap()))
}
