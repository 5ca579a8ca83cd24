//! Which addresses objects publish: what a Service says by its type, what a Node has, what a flag names.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::Deserialize;

use crate::convert::Address;

/// What a Service publishes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Published {
    /// These addresses.
    At(BTreeSet<Address>),
    /// None yet.
    NotYet,
    /// None, and there is nobody who would give it one.
    Never,
}

/// A Service, as far as its addresses go.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Service {
    spec: ServiceSpec,
    status: ServiceStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ServiceSpec {
    #[serde(rename = "type")]
    service_type: Box<str>,
    #[serde(rename = "clusterIP")]
    cluster_ip: Box<str>,
    #[serde(rename = "externalIPs")]
    external_ips: Vec<Box<str>>,
    external_name: Box<str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ServiceStatus {
    load_balancer: LoadBalancer,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LoadBalancer {
    ingress: Vec<Address>,
}

impl Service {
    /// As ingress-nginx reads each type.
    pub(crate) fn published(self) -> Published {
        let Self { spec: ServiceSpec { service_type, cluster_ip, external_ips, external_name }, status } = self;
        let external = external_ips.into_iter().map(ip);
        let own = (!matches!(&*cluster_ip, "" | "None")).then(|| ip(cluster_ip));
        let (addresses, none): (BTreeSet<Address>, _) = match &*service_type {
            "ExternalName" => (Address::parse(&external_name).into_iter().collect(), Published::Never),
            "LoadBalancer" => {
                let given = status.load_balancer.ingress.into_iter();
                (given.filter(|given| *given != Address::default()).chain(external).collect(), Published::NotYet)
            }
            "NodePort" => {
                let external: BTreeSet<Address> = external.collect();
                (if external.is_empty() { own.into_iter().collect() } else { external }, Published::Never)
            }
            _ => (own.into_iter().collect(), Published::Never),
        };
        if addresses.is_empty() { none } else { Published::At(addresses) }
    }
}

fn ip(ip: Box<str>) -> Address {
    Address { ip, hostname: Box::default() }
}

/// A Node, as far as its addresses go.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Node {
    status: NodeStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeStatus {
    addresses: Vec<NodeAddress>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeAddress {
    #[serde(rename = "type")]
    address_type: Box<str>,
    address: Box<str>,
}

impl Node {
    /// Those outside of the cluster, or those inside of it where there are none or those are asked for.
    pub(crate) fn published(&self, is_internal: bool) -> BTreeSet<Address> {
        let of = |address_type: &str| -> BTreeSet<Address> {
            let all = self.status.addresses.iter().filter(|address| &*address.address_type == address_type);
            all.filter_map(|address| Address::parse(&address.address).ok()).collect()
        };
        let external = if is_internal { BTreeSet::new() } else { of("ExternalIP") };
        if external.is_empty() { of("InternalIP") } else { external }
    }
}

impl Address {
    /// An IP address, or else a host name, in the form in which a status may have it.
    ///
    /// # Errors
    ///
    /// The text itself if it is neither.
    ///
    /// ```
    /// use ingress_kube::Address;
    ///
    /// assert_eq!(&*Address::parse("192.0.2.1").unwrap().ip, "192.0.2.1");
    /// assert_eq!(&*Address::parse("lb.example.com").unwrap().hostname, "lb.example.com");
    /// assert!(Address::parse("LB_1").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, &str> {
        let is_label = |label: &str| {
            let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            (1..=63).contains(&label.len())
                && label.bytes().all(is_inner)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if text.parse::<IpAddr>().is_ok() {
            Ok(ip(text.into()))
        } else if text.len() <= 253 && text.split('.').all(is_label) {
            Ok(Self { ip: Box::default(), hostname: text.into() })
        } else {
            Err(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn at(addresses: &[&str]) -> Published {
        Published::At(addresses.iter().map(|address| Address::parse(address).unwrap()).collect())
    }

    fn published(spec: &Value, given: &Value) -> Published {
        let service = json!({"metadata": {}, "spec": spec, "status": {"loadBalancer": {"ingress": given}}});
        serde_json::from_value::<Service>(service).unwrap().published()
    }

    #[test]
    fn by_the_type_of_the_service() {
        let none = json!([]);
        let is = |spec: Value, addresses: &[&str]| assert_eq!(published(&spec, &none), at(addresses), "{spec}");
        is(json!({"type": "ExternalName", "externalName": "lb.example"}), &["lb.example"]);
        is(json!({"type": "ClusterIP", "clusterIP": "10.0.0.1"}), &["10.0.0.1"]);
        is(json!({"type": "NodePort", "clusterIP": "10.0.0.1"}), &["10.0.0.1"]);
        let ips = ["192.0.2.2", "192.0.2.1"];
        is(json!({"type": "NodePort", "clusterIP": "10.0.0.1", "externalIPs": ips}), &ips);
        let balancer = json!({"type": "LoadBalancer", "clusterIP": "10.0.0.1", "externalIPs": ["192.0.2.2"]});
        is(balancer.clone(), &["192.0.2.2"]);
        let given = json!([{"hostname": "lb.example"}, {"ip": "192.0.2.2", "ipMode": "VIP"}, {"ip": "2001:db8::1"}]);
        assert_eq!(published(&balancer, &given), at(&["192.0.2.2", "2001:db8::1", "lb.example"]));
    }

    #[test]
    fn without_an_address() {
        let none = json!([]);
        let balancer = json!({"type": "LoadBalancer", "clusterIP": "10.0.0.1"});
        assert_eq!(published(&balancer, &json!([{}])), Published::NotYet);
        for headless in [json!({"type": "ClusterIP", "clusterIP": "None"}), json!({"clusterIP": "None"}), json!({})] {
            assert_eq!(published(&headless, &none), Published::Never);
        }
        assert_eq!(published(&json!({"type": "ExternalName", "externalName": "a b"}), &none), Published::Never);
    }

    #[test]
    fn of_a_node() {
        let addresses = json!([
            {"type": "Hostname", "address": "node-1"},
            {"type": "InternalIP", "address": "10.0.0.5"},
            {"type": "InternalIP", "address": "fd00::5"},
            {"type": "ExternalIP", "address": "192.0.2.5"},
        ]);
        let node: Node = serde_json::from_value(json!({"status": {"addresses": addresses}})).unwrap();
        assert_eq!(Published::At(node.published(false)), at(&["192.0.2.5"]));
        assert_eq!(Published::At(node.published(true)), at(&["10.0.0.5", "fd00::5"]));
        let addresses = json!([{"type": "InternalIP", "address": "10.0.0.5"}, {"type": "ExternalIP", "address": ""}]);
        let node: Node = serde_json::from_value(json!({"status": {"addresses": addresses}})).unwrap();
        assert_eq!(Published::At(node.published(false)), at(&["10.0.0.5"]));
    }

    #[test]
    fn names_and_addresses() {
        for bad in ["", ".", "a..b", "-a", "a-", "A.example", "a_b", "a.example.", "1.2.3.4:80", &"a".repeat(64)] {
            assert_eq!(Address::parse(bad), Err(bad));
        }
        assert_eq!(&*Address::parse("::1").unwrap().ip, "::1");
    }
}
