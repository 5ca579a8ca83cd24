//! Service: the names and numbers of its ports, its own address, and where an ExternalName points.

use serde::{Deserialize, Serialize};

use super::Metadata;
use super::int_or_string::IntOrString;
use super::metadata::{null_default, null_list};

/// A core/v1 Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Service {
    /// `metadata`.
    #[serde(default, deserialize_with = "null_default")]
    pub metadata: Metadata,
    /// `spec`.
    #[serde(default, deserialize_with = "null_default")]
    pub spec: ServiceSpec,
}

/// `spec` of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct ServiceSpec {
    /// `spec.type`; empty means `ClusterIP`.
    #[serde(default, rename = "type", deserialize_with = "null_default", skip_serializing_if = "str::is_empty")]
    pub service_type: Box<str>,
    /// `spec.externalName`.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "str::is_empty")]
    pub external_name: Box<str>,
    /// `spec.clusterIP`; `None` (the word) for a Service without an address of its own.
    #[serde(default, rename = "clusterIP", deserialize_with = "null_default", skip_serializing_if = "str::is_empty")]
    pub cluster_ip: Box<str>,
    /// `spec.ports`.
    #[serde(default, deserialize_with = "null_list", skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ServicePort>,
}

/// `spec.ports[]` of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct ServicePort {
    /// `name`; may be empty when the Service has one port.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "str::is_empty")]
    pub name: Box<str>,
    /// `port`.
    #[serde(default, deserialize_with = "null_default")]
    pub port: i32,
    /// `protocol`; empty means `TCP`. HTTP has no use for any other.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "str::is_empty")]
    pub protocol: Box<str>,
    /// `targetPort`: the port of the pods; absent means the same as `port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_port: Option<TargetPort>,
    /// `nodePort`: the port of every Node that leads here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_port: Option<i32>,
}

/// `spec.ports[].targetPort` of a Service. The type of the scalar decides, so `80` and `"80"` are two things.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged, from = "IntOrString")]
#[expect(clippy::exhaustive_enums, reason = "the API knows these two")]
pub enum TargetPort {
    /// A number.
    Number(i32),
    /// The name of a container's port.
    Name(Box<str>),
}

impl From<IntOrString> for TargetPort {
    fn from(port: IntOrString) -> Self {
        match port {
            IntOrString::Int(number) => Self::Number(number),
            IntOrString::String(name) => Self::Name(name),
        }
    }
}

impl ServicePort {
    /// Whether the port can carry HTTP.
    #[must_use]
    pub fn is_tcp(&self) -> bool {
        matches!(&*self.protocol, "" | "TCP")
    }
}

impl Service {
    /// Whether the Service is an alias of a DNS name outside the cluster.
    #[must_use]
    pub fn is_external_name(&self) -> bool {
        &*self.spec.service_type == "ExternalName"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_lead_to_numbers_or_names() {
        let text = r#"{"spec": {"clusterIP": "10.96.0.1", "type": "NodePort", "ports": [
            {"port": 80, "targetPort": 8080, "nodePort": 30080}, {"port": 81, "targetPort": "web", "nodePort": null},
            {"port": 82, "targetPort": "82"}, {"port": 83, "targetPort": null}]}}"#;
        let service: Service = serde_json::from_str(text).unwrap();
        assert_eq!(&*service.spec.cluster_ip, "10.96.0.1");
        let targets: Vec<_> = service.spec.ports.iter().map(|port| port.target_port.clone()).collect();
        let name = |name: &str| Some(TargetPort::Name(name.into()));
        assert_eq!(targets, [Some(TargetPort::Number(8080)), name("web"), name("82"), None]);
        let nodes: Vec<_> = service.spec.ports.iter().map(|port| port.node_port).collect();
        assert_eq!(nodes, [Some(30_080), None, None, None]);
    }

    #[test]
    fn a_target_port_is_a_32_bit_integer_or_a_string() {
        for value in ["80.5", "2147483648", "true", "[]"] {
            let text = format!(r#"{{"port": 80, "targetPort": {value}}}"#);
            assert!(serde_json::from_str::<ServicePort>(&text).is_err(), "{value}");
        }
    }
}
