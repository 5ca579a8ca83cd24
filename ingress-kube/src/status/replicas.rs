//! The pods of this controller: which nodes they run on, and whether this one is the last.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::api::{self, Failure, Reason, WHOLE};
use crate::resource::escaped;

/// How many pods are asked for at a time, and how often.
const PAGE: usize = 500;
const MOST_PAGES: usize = 20;

/// Labels that say which program of which installation a pod belongs to, and are the same in all its versions.
const IDENTITY: [&str; 3] = ["app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"];

/// Labels that pods of one controller do not share, or not with those of its next version.
const VOLATILE: [&str; 8] = [
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "app.kubernetes.io/version",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
];

/// The pod that this process runs in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "two names")]
pub struct Pod {
    /// Its namespace: `POD_NAMESPACE`.
    pub namespace: String,
    /// Its name: `POD_NAME`.
    pub name: String,
}

/// A pod of this controller.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Replica {
    pub(crate) name: Box<str>,
    /// Empty before it has been given to one.
    pub(crate) node: Box<str>,
    pub(crate) is_ready: bool,
    /// Whether it has ended, or is about to.
    pub(crate) is_leaving: bool,
}

/// Finds them.
pub(crate) struct Replicas {
    client: Client,
    pod: Pod,
    /// A selector of the labels that they share, once that is known.
    selector: Option<String>,
    limit: Duration,
}

#[derive(Deserialize)]
struct PodList {
    #[serde(default)]
    metadata: ListMetadata,
    #[serde(default)]
    items: Vec<WirePod>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ListMetadata {
    #[serde(rename = "continue")]
    token: Option<Box<str>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WirePod {
    metadata: PodMetadata,
    spec: PodSpec,
    status: PodStatus,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PodMetadata {
    name: Box<str>,
    labels: BTreeMap<Box<str>, Box<str>>,
    deletion_timestamp: Option<Box<str>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PodSpec {
    node_name: Box<str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PodStatus {
    phase: Box<str>,
    conditions: Vec<PodCondition>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PodCondition {
    #[serde(rename = "type")]
    condition: Box<str>,
    status: Box<str>,
}

impl Replicas {
    pub(crate) fn new(client: Client, pod: Pod, limit: Duration) -> Self {
        Self { client, pod, selector: None, limit }
    }

    /// All of them, this one too.
    pub(crate) async fn list(&mut self) -> Result<Vec<Replica>, Failure> {
        let selector = match self.selector.take() {
            Some(selector) => selector,
            None => self.find_selector().await?,
        };
        let pods = self.pods(&format!("labelSelector={}", escaped(&selector))).await;
        self.selector = Some(selector);
        Ok(pods?.into_iter().map(replica).collect())
    }

    /// Whether no other one is there, or about to be.
    pub(crate) async fn is_last(&mut self) -> Result<bool, Failure> {
        let replicas = self.list().await?;
        Ok(replicas.iter().all(|replica| replica.is_leaving || *replica.name == *self.pod.name))
    }

    async fn find_selector(&self) -> Result<String, Failure> {
        let Pod { namespace, name } = &self.pod;
        // The right to list them is needed anyway, so that none to read one is.
        let own = self.pods(&format!("fieldSelector={}", escaped(&format!("metadata.name={name}")))).await?;
        let missing = |what: &str| Failure::new(Reason::NotFound, &format!("pod {namespace}/{name} {what}"));
        let own = own.into_iter().next().ok_or_else(|| missing("is not there"))?;
        selector(&own.metadata.labels).ok_or_else(|| missing("has no labels by which to find the others"))
    }

    async fn pods(&self, query: &str) -> Result<Vec<WirePod>, Failure> {
        let collection = format!("/api/v1/namespaces/{}/pods?limit={PAGE}&{query}", escaped(&self.pod.namespace));
        let mut pods = Vec::new();
        let mut target = collection.clone();
        for _ in 0..MOST_PAGES {
            let PodList { metadata, items } = read(&self.client, &target, self.limit).await?;
            pods.extend(items);
            let Some(token) = metadata.token.filter(|token| !token.is_empty()) else { return Ok(pods) };
            target = format!("{collection}&continue={}", escaped(&token));
        }
        Err(Failure::new(Reason::Malformed, "there are too many pods"))
    }
}

/// Reads an object of which only some fields matter.
pub(crate) async fn read<T: DeserializeOwned>(client: &Client, target: &str, limit: Duration) -> Result<T, Failure> {
    let text = api::get(client, target, WHOLE, limit).await?;
    serde_json::from_str(&text).map_err(|error| Failure::new(Reason::Malformed, &error.to_string()))
}

fn replica(WirePod { metadata, spec, status }: WirePod) -> Replica {
    let is_over = matches!(&*status.phase, "Succeeded" | "Failed");
    let is_true = |condition: &PodCondition| &*condition.condition == "Ready" && &*condition.status == "True";
    Replica {
        name: metadata.name,
        node: spec.node_name,
        is_ready: &*status.phase == "Running" && status.conditions.iter().any(is_true),
        is_leaving: is_over || metadata.deletion_timestamp.is_some(),
    }
}

/// What the pods of one controller, in all its versions, and no others have in common.
fn selector(labels: &BTreeMap<Box<str>, Box<str>>) -> Option<String> {
    let is_identity = |label: &str| IDENTITY.contains(&label);
    let has_identity = labels.keys().any(|label| is_identity(label));
    let counts = |label: &str| if has_identity { is_identity(label) } else { !VOLATILE.contains(&label) };
    let terms = labels.iter().filter(|(label, _)| counts(label)).map(|(label, value)| format!("{label}={value}"));
    let terms: Vec<String> = terms.collect();
    (!terms.is_empty()).then(|| terms.join(","))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn selector_of(labels: Value) -> Option<String> {
        selector(&serde_json::from_value(labels).unwrap())
    }

    #[test]
    fn the_next_version_is_the_same_controller() {
        let labels = json!({
            "app.kubernetes.io/name": "ingress-nginx",
            "app.kubernetes.io/instance": "edge",
            "app.kubernetes.io/version": "1.0",
            "helm.sh/chart": "ingress-nginx-4.0",
            "pod-template-hash": "abc",
        });
        let identity = "app.kubernetes.io/instance=edge,app.kubernetes.io/name=ingress-nginx";
        assert_eq!(selector_of(labels).as_deref(), Some(identity));
        let labels = json!({"app": "ingress", "tier": "edge", "controller-revision-hash": "abc"});
        assert_eq!(selector_of(labels).as_deref(), Some("app=ingress,tier=edge"));
        assert_eq!(selector_of(json!({"pod-template-hash": "abc"})), None);
    }

    #[test]
    fn what_becomes_of_a_pod() {
        let pod = |phase: &str, ready: &str, deletion: Value| {
            let metadata = json!({"name": "a", "deletionTimestamp": deletion});
            let status = json!({"phase": phase, "conditions": [{"type": "Ready", "status": ready}]});
            let pod = json!({"metadata": metadata, "spec": {"nodeName": "n"}, "status": status});
            let replica = replica(serde_json::from_value(pod).unwrap());
            (replica.is_ready, replica.is_leaving)
        };
        assert_eq!(pod("Running", "True", Value::Null), (true, false));
        assert_eq!(pod("Running", "False", Value::Null), (false, false));
        assert_eq!(pod("Pending", "False", Value::Null), (false, false));
        assert_eq!(pod("Failed", "False", Value::Null), (false, true));
        assert_eq!(pod("Running", "True", json!("2026-11-28T10:00:00Z")), (true, true));
    }
}
