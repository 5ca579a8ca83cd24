//! `--endpoint`: where a Service port leads, whatever the manifests say.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use ingress_core::host::HostName;
use ingress_core::model::{
    EndpointConditions, EndpointPort, EndpointSlice, Metadata, Object, Service, ServicePort, SliceEndpoint,
};
use ingress_core::object::{Kind, ObjectRef};
use ingress_core::policy::{Endpoint, PortRef};
use ingress_proxy::config::NamedEndpoint;

/// The label by which a slice belongs to a Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// One endpoint of a Service port, by the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    service: ObjectRef,
    port: PortRef,
    /// Where the port leads.
    endpoint: Endpoint,
}

impl Pin {
    /// What may be dialled for it.
    pub(super) fn named(&self) -> NamedEndpoint {
        NamedEndpoint {
            namespace: Arc::clone(&self.service.namespace),
            service: Arc::clone(&self.service.name),
            endpoint: self.endpoint.clone(),
        }
    }
}

/// Reads `namespace/service:port=address:port`.
pub(super) fn parse(text: &str) -> Result<Pin, String> {
    let wrong = |why: &str| format!("`{text}` {why}; write namespace/service:port=address:port");
    let (service, endpoint) = text.split_once('=').ok_or_else(|| wrong("has no `=`"))?;
    let (service, port) = service.rsplit_once(':').ok_or_else(|| wrong("names no Service port"))?;
    let parts = service.split_once('/').filter(|(_, name)| !name.contains('/'));
    let (namespace, name) = parts
        .filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
        .ok_or_else(|| wrong("names no Service"))?;
    let port = match port.parse::<u16>() {
        Ok(number) if number > 0 => PortRef::Number(number),
        Err(_) if port.bytes().any(|b| b.is_ascii_alphabetic()) => PortRef::Name(port.into()),
        _ => return Err(wrong("has a Service port that is neither 1 to 65535 nor a name")),
    };
    let endpoint = self::endpoint(endpoint).ok_or_else(|| wrong("has no address and port to connect to"))?;
    Ok(Pin { service: ObjectRef::new(Kind::Service, namespace, name), port, endpoint })
}

fn endpoint(text: &str) -> Option<Endpoint> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(Endpoint::Address(address)).filter(|_| address.port() > 0);
    }
    let (name, port) = text.rsplit_once(':')?;
    let name = HostName::new(&name.to_ascii_lowercase()).ok()?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    Some(Endpoint::Name(name.as_str().into(), port))
}

/// All of them, by Service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pins {
    services: BTreeMap<ObjectRef, Vec<Pin>>,
}

impl FromIterator<Pin> for Pins {
    fn from_iter<T: IntoIterator<Item = Pin>>(pins: T) -> Self {
        let mut services: BTreeMap<ObjectRef, Vec<Pin>> = BTreeMap::new();
        for pin in pins {
            services.entry(pin.service.clone()).or_default().push(pin);
        }
        Self { services }
    }
}

impl Pins {
    /// The Services that have any.
    pub(crate) fn services(&self) -> impl Iterator<Item = &ObjectRef> {
        self.services.keys()
    }

    /// Whether a Service has any.
    pub(crate) fn has(&self, service: &ObjectRef) -> bool {
        self.services.contains_key(service)
    }

    /// The Service with pins that an object has to do with: itself, or the one that it has endpoints for.
    pub(crate) fn service_of(&self, object: &Object) -> Option<&ObjectRef> {
        let metadata = object.metadata();
        let name = match object {
            Object::Service(_) | Object::Endpoints(_) => &metadata.name,
            Object::EndpointSlice(_) => metadata.labels.get(SERVICE_NAME)?,
            _ => return None,
        };
        let service = ObjectRef::new(Kind::Service, &*metadata.namespace, &**name);
        self.services.get_key_value(&service).map(|(service, _)| service)
    }

    /// The Service as it is with its pins: those ports are there, and lead to endpoints and nowhere else. Returned are the
    /// slices with these endpoints too, and the names of the ports.
    pub(crate) fn apply(&self, service: &ObjectRef, written: Option<&Service>) -> Pinned {
        let pins = self.services.get(service).map(Vec::as_slice).unwrap_or_default();
        let mut pinned = Pinned { service: written.cloned().unwrap_or_default(), ..Pinned::default() };
        pinned.service.metadata.namespace = (*service.namespace).into();
        pinned.service.metadata.name = (*service.name).into();
        let spec = &mut pinned.service.spec;
        // What these say would count for more than endpoints.
        spec.service_type = Box::default();
        spec.external_name = Box::default();
        spec.cluster_ip = Box::default();
        for (number, pin) in pins.iter().enumerate() {
            let is_meant = |port: &&mut ServicePort| match &pin.port {
                PortRef::Number(number) => port.port == i32::from(*number),
                PortRef::Name(name) => *port.name == **name,
                PortRef::First => true,
            };
            let (address, port) = match &pin.endpoint {
                Endpoint::Address(address) => (address.ip().to_string().into(), address.port()),
                Endpoint::Name(name, port) => (name.clone(), *port),
            };
            let name = match spec.ports.iter_mut().filter(|port| port.is_tcp()).find(is_meant) {
                Some(known) => {
                    known.node_port = None;
                    known.name.clone()
                }
                None => {
                    let added = match &pin.port {
                        PortRef::Number(number) => (number.to_string().into(), *number),
                        PortRef::Name(name) => ((&**name).into(), port),
                        PortRef::First => (Box::default(), port),
                    };
                    let (name, number): (Box<str>, u16) = added;
                    spec.ports.push(ServicePort { name: name.clone(), port: number.into(), ..ServicePort::default() });
                    name
                }
            };
            pinned.slices.push(slice(service, number, &name, address, port));
            pinned.ports.push(name);
        }
        pinned
    }
}

/// A Service with its pins.
#[derive(Debug, Default)]
pub(crate) struct Pinned {
    /// The Service.
    pub(crate) service: Service,
    /// Its pinned endpoints.
    pub(crate) slices: Vec<EndpointSlice>,
    ports: Vec<Box<str>>,
}

impl Pinned {
    /// Takes the endpoints of pinned ports out of what a manifest says.
    pub(crate) fn strip(&self, mut object: Object) -> Object {
        let keep = |port: &EndpointPort| !self.ports.contains(&port.name);
        match &mut object {
            Object::EndpointSlice(slice) => Arc::make_mut(slice).ports.retain(keep),
            Object::Endpoints(endpoints) => {
                Arc::make_mut(endpoints).subsets.iter_mut().for_each(|subset| subset.ports.retain(keep))
            }
            _ => {}
        }
        object
    }
}

/// A slice with one endpoint, under a name that no manifest can have.
fn slice(service: &ObjectRef, number: usize, port_name: &str, address: Box<str>, port: u16) -> EndpointSlice {
    let metadata = Metadata {
        name: format!("{} --endpoint {number}", service.name).into(),
        namespace: (*service.namespace).into(),
        labels: BTreeMap::from([(SERVICE_NAME.into(), (*service.name).into())]),
        ..Metadata::default()
    };
    EndpointSlice {
        metadata,
        endpoints: vec![SliceEndpoint { addresses: vec![address], conditions: EndpointConditions::default() }],
        ports: vec![EndpointPort { name: port_name.into(), port: Some(port.into()), protocol: Box::default() }],
        is_named_by_operator: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_written_like_this() {
        let table = [
            ("default/coffee:80=127.0.0.1:9001", Some("127.0.0.1:9001")),
            ("shop/tea:http=[::1]:9001", Some("[::1]:9001")),
            ("shop/tea:80=Tea.local:9001", Some("tea.local:9001")),
            ("shop/tea:80", None),
            ("shop/tea=127.0.0.1:9001", None),
            ("tea:80=127.0.0.1:9001", None),
            ("/tea:80=127.0.0.1:9001", None),
            ("a/b/c:80=127.0.0.1:9001", None),
            ("shop/tea:0=127.0.0.1:9001", None),
            ("shop/tea:65536=127.0.0.1:9001", None),
            ("shop/tea:80=127.0.0.1", None),
            ("shop/tea:80=127.0.0.1:0", None),
            ("shop/tea:80=a_b:1", None),
            ("", None),
        ];
        for (text, endpoint) in table {
            let found = parse(text).ok().map(|pin| pin.endpoint.to_string());
            assert_eq!(found.as_deref(), endpoint, "{text}");
        }
    }
}
