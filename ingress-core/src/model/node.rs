//! Node: where a machine of the cluster can be reached, and whether it works.

use serde::{Deserialize, Serialize};

use super::Metadata;
use super::metadata::{null_default, null_list};

/// A core/v1 Node. `spec` is left unread: a Node that takes no new pods still takes traffic.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "Wire", into = "Wire")]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Node {
    /// `metadata`.
    pub metadata: Metadata,
    /// The `status.addresses` of type `InternalIP`, in their order.
    pub addresses: Vec<Box<str>>,
    /// Whether the condition `Ready` holds; a Node that has no such condition counts as ready.
    pub ready: bool,
}

impl Default for Node {
    fn default() -> Self {
        Self { metadata: Metadata::default(), addresses: Vec::new(), ready: true }
    }
}

/// What the API server writes.
#[derive(Default, Deserialize, Serialize)]
struct Wire {
    #[serde(default, deserialize_with = "null_default")]
    metadata: Metadata,
    #[serde(default, deserialize_with = "null_default")]
    status: Status,
}

#[derive(Default, Deserialize, Serialize)]
struct Status {
    #[serde(default, deserialize_with = "null_list", skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<Address>,
    #[serde(default, deserialize_with = "null_list", skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<Condition>,
}

#[derive(Default, Deserialize, Serialize)]
struct Address {
    #[serde(default, rename = "type", deserialize_with = "null_default")]
    address_type: Box<str>,
    #[serde(default, deserialize_with = "null_default")]
    address: Box<str>,
}

#[derive(Default, Deserialize, Serialize)]
struct Condition {
    #[serde(default, rename = "type", deserialize_with = "null_default")]
    condition_type: Box<str>,
    #[serde(default, deserialize_with = "null_default")]
    status: Box<str>,
}

impl From<Wire> for Node {
    fn from(Wire { metadata, status }: Wire) -> Self {
        let internal = status.addresses.into_iter().filter(|it| &*it.address_type == "InternalIP");
        Self {
            metadata,
            addresses: internal.map(|it| it.address).collect(),
            // `Unknown`, for a Node that no longer reports, is not `True` either.
            ready: status.conditions.iter().all(|it| &*it.condition_type != "Ready" || &*it.status == "True"),
        }
    }
}

impl From<Node> for Wire {
    fn from(Node { metadata, addresses, ready }: Node) -> Self {
        let addresses = addresses.into_iter().map(|address| Address { address_type: "InternalIP".into(), address });
        let ready = if ready { "True" } else { "False" };
        let status = Status {
            addresses: addresses.collect(),
            conditions: vec![Condition { condition_type: "Ready".into(), status: ready.into() }],
        };
        Self { metadata, status }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Node {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn internal_addresses_are_kept_in_order() {
        let node = node(
            r#"{"metadata": {"name": "n"}, "spec": {"unschedulable": true}, "status": {"addresses": [
                {"type": "Hostname", "address": "n"}, {"type": "InternalIP", "address": "10.0.0.9"},
                {"type": "ExternalIP", "address": "203.0.113.1"}, {"type": "InternalIP", "address": "fd00::1"}]}}"#,
        );
        assert_eq!(&*node.metadata.name, "n");
        assert_eq!(node.addresses, ["10.0.0.9".into(), "fd00::1".into()]);
        assert!(node.ready);
    }

    #[test]
    fn a_node_is_ready_unless_it_says_otherwise() {
        let table = [
            (r#"[]"#, true),
            (r#"null"#, true),
            (r#"[{"type": "DiskPressure", "status": "False"}]"#, true),
            (r#"[{"type": "DiskPressure", "status": "True"}, {"type": "Ready", "status": "True"}]"#, true),
            (r#"[{"type": "Ready", "status": "False"}]"#, false),
            (r#"[{"type": "Ready", "status": "Unknown"}]"#, false),
            (r#"[{"type": "Ready"}]"#, false),
        ];
        for (conditions, ready) in table {
            let node = node(&format!(r#"{{"status": {{"conditions": {conditions}}}}}"#));
            assert_eq!(node.ready, ready, "{conditions}");
        }
        assert_eq!(node(r#"{"metadata": null, "status": null}"#), Node::default());
    }
}
