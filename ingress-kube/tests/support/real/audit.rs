//! Who has asked for what, as the server has logged it.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Every request, and nothing of what it carries.
pub const POLICY: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\n\
                          rules: [{level: Metadata, omitManagedFields: true}]\n";

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Audited {
    /// Such as `system:serviceaccount:ingress:controller`.
    pub user: String,
    pub verb: String,
    /// Empty if it is not about one. With its subresource, such as `ingresses/status`.
    pub resource: String,
    pub group: String,
    pub namespace: String,
    pub name: String,
    pub uri: String,
    pub status: u64,
    /// Of its arrival, as RFC 3339 writes it in UTC.
    pub time: String,
    /// `ResponseStarted` of what goes on for long, such as watches; then `ResponseComplete`.
    pub stage: String,
}

pub fn read(path: &Path) -> Vec<Audited> {
    let text = fs::read_to_string(path).unwrap_or_default();
    // The last line may be half written.
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).map(|event: Value| audited(&event)).collect()
}

fn audited(event: &Value) -> Audited {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let object = &event["objectRef"];
    let (resource, subresource) = (text(&object["resource"]), text(&object["subresource"]));
    Audited {
        user: text(&event["user"]["username"]),
        verb: text(&event["verb"]),
        resource: if subresource.is_empty() { resource } else { format!("{resource}/{subresource}") },
        group: text(&object["apiGroup"]),
        namespace: text(&object["namespace"]),
        name: text(&object["name"]),
        uri: text(&event["requestURI"]),
        status: event["responseStatus"]["code"].as_u64().unwrap_or_default(),
        time: text(&event["requestReceivedTimestamp"]),
        stage: text(&event["stage"]),
    }
}
