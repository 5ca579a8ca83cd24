//! From the name of a Service port to endpoints.
//!
//! Services are consulted only if the input has any, endpoints likewise: a file with Ingresses alone is a complete
//! question, not a broken cluster.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic};
use crate::host::check_subdomain;
use crate::model::{EndpointPort, Inputs, Service, ServicePort, TargetPort};
use crate::object::{FieldPath, Kind, ObjectRef, Origin};
use crate::policy::{Availability, Backend, BackendRef, Endpoint, PortRef, Reach};

/// The Service of a backend.
pub(super) fn service_of(reference: &BackendRef) -> ObjectRef {
    ObjectRef::new(Kind::Service, Arc::clone(&reference.namespace), Arc::clone(&reference.service))
}

/// Finds out what is known of a backend. `out` takes findings about the endpoints' own objects.
pub(super) fn resolve(reference: &Arc<BackendRef>, inputs: &Inputs, out: &mut Vec<Diagnostic>) -> Backend {
    let name = service_of(reference);
    let mut backend = Backend::assumed(Arc::clone(reference));
    if !inputs.has_services() {
        if inputs.has_endpoints() {
            backend.availability = endpoints(&name, None, reference, inputs, out);
        }
        return backend;
    }
    let Some(service) = inputs.service(&name) else {
        backend.availability = Availability::NoService;
        return backend;
    };
    let Some((number, declared)) = service_port(service, reference) else {
        backend.availability = Availability::NoPort;
        return backend;
    };
    backend.port = PortRef::Number(number);
    let port_name = declared.map_or("", |port| &*port.name);
    if reference.reach == Reach::ClusterIp && service.spec.cluster_ip.parse::<IpAddr>().is_ok() {
        backend.availability = Availability::Endpoints([endpoint(&service.spec.cluster_ip, number)].into());
    } else if reference.reach == Reach::NodePort
        && inputs.has_nodes()
        && let Some(port) = declared.and_then(|port| port.node_port).and_then(|port| u16::try_from(port).ok())
    {
        backend.availability = nodes(inputs, port);
    } else if service.is_external_name() {
        let name = service.spec.external_name.trim_end_matches('.');
        backend.availability = if check_subdomain(&name.to_ascii_lowercase()).is_ok() {
            Availability::Endpoints([endpoint(name, number)].into())
        } else {
            Availability::NoEndpoints
        };
    } else if inputs.has_endpoints() {
        backend.availability = endpoints(&name, Some(port_name), reference, inputs, out);
    }
    backend
}

/// The Service port that a rule means, with its number. An ExternalName Service need not declare its ports.
fn service_port<'s>(service: &'s Service, reference: &BackendRef) -> Option<(u16, Option<&'s ServicePort>)> {
    let wanted = &reference.port;
    let is_named = |port: &&ServicePort| match wanted {
        PortRef::Number(number) => port.port == i32::from(*number),
        PortRef::Name(name) => *port.name == **name,
        PortRef::First => true,
    };
    let is_target = |port: &&ServicePort| match (wanted, &port.target_port) {
        (PortRef::Number(wanted), Some(TargetPort::Number(number))) => i32::from(*wanted) == *number,
        (PortRef::Name(wanted), Some(TargetPort::Name(name))) => **wanted == **name,
        _ => false,
    };
    let ports = || service.spec.ports.iter().filter(|port| port.is_tcp());
    let by_target = || ports().find(is_target).filter(|_| reference.reach == Reach::EndpointsByTargetPort);
    match (ports().find(is_named).or_else(by_target), wanted) {
        (Some(port), _) => {
            u16::try_from(port.port).ok().filter(|number| *number > 0).map(|number| (number, Some(port)))
        }
        (None, PortRef::Number(number)) if service.is_external_name() && service.spec.ports.is_empty() => {
            Some((*number, None))
        }
        _ => None,
    }
}

/// The ready nodes, which all serve a `nodePort`.
fn nodes(inputs: &Inputs, port: u16) -> Availability {
    let addresses = inputs.nodes().filter(|(_, node)| node.ready).flat_map(|(_, node)| node.addresses.iter().take(1));
    let found: BTreeSet<Endpoint> = addresses.map(|address| endpoint(address, port)).collect();
    if found.is_empty() { Availability::NoEndpoints } else { Availability::Endpoints(found.into_iter().collect()) }
}

/// The ready addresses of all slices of the Service. `port_name` is the name of the Service port; where the Service is not
/// known, a rule's port is compared with the endpoints' own ports.
fn endpoints(
    service: &ObjectRef,
    port_name: Option<&str>,
    reference: &BackendRef,
    inputs: &Inputs,
    out: &mut Vec<Diagnostic>,
) -> Availability {
    let numbers = |ports: &[EndpointPort]| -> Vec<u16> {
        let ports: Vec<&EndpointPort> = ports.iter().filter(|port| port.is_tcp()).collect();
        let matches = |port: &EndpointPort| match (port_name, &reference.port) {
            (Some(name), _) => *port.name == *name,
            (None, PortRef::Name(name)) => *port.name == **name,
            // Only the Service knows which of its numbers stands for which of these; a single one leaves no choice.
            (None, PortRef::Number(number)) => port.port == Some(i32::from(*number)) || ports.len() == 1,
            (None, PortRef::First) => true,
        };
        let numbers = ports.iter().filter(|port| matches(port)).filter_map(|port| u16::try_from(port.port?).ok());
        numbers.filter(|number| *number > 0).collect()
    };
    let mut found = BTreeSet::new();
    let mut add = |object: &Arc<ObjectRef>, field: String, address: &str, ports: &[u16]| {
        let name = || check_subdomain(address).is_ok().then_some(());
        if address.parse::<IpAddr>().is_ok() || name().is_some() {
            found.extend(ports.iter().map(|port| endpoint(address, *port)));
        } else {
            let message = format!("endpoint address `{address}` is neither an IP address nor a DNS name");
            out.push(Diagnostic::new(
                Code::InvalidEndpointAddress,
                Some(Arc::clone(object)),
                FieldPath::text(field),
                message,
            ));
        }
    };
    for (object, slice) in inputs.slices_of(service) {
        let ports = numbers(&slice.ports);
        for (i, endpoint) in slice.endpoints.iter().enumerate() {
            if !endpoint.conditions.ready.unwrap_or(true) {
                continue;
            }
            for (j, address) in endpoint.addresses.iter().enumerate() {
                add(object, format!("endpoints[{i}].addresses[{j}]"), address, &ports);
            }
        }
    }
    if let Some((object, endpoints)) = inputs.endpoints_of(service) {
        for (i, subset) in endpoints.subsets.iter().enumerate() {
            let ports = numbers(&subset.ports);
            for (j, address) in subset.addresses.iter().enumerate() {
                add(object, format!("subsets[{i}].addresses[{j}].ip"), &address.ip, &ports);
            }
        }
    }
    if found.is_empty() { Availability::NoEndpoints } else { Availability::Endpoints(found.into_iter().collect()) }
}

fn endpoint(address: &str, port: u16) -> Endpoint {
    match address.parse::<IpAddr>() {
        Ok(ip) => Endpoint::Address(SocketAddr::new(ip, port)),
        Err(_) => Endpoint::Name(address.into(), port),
    }
}

/// What to tell the owner of a rule whose backend is down.
pub(super) fn finding(backend: &Backend, origin: Option<&Origin>) -> Option<Diagnostic> {
    let reference = &backend.reference;
    let service = format!("{}/{}", reference.namespace, reference.service);
    let (code, field, message) = match &backend.availability {
        Availability::Assumed | Availability::Endpoints(_) => return None,
        Availability::NoService => {
            (Code::ServiceNotFound, "service.name", format!("Service `{service}` is not in the input"))
        }
        Availability::NoPort => {
            let port = &reference.port;
            (Code::ServicePortNotFound, "service.port", format!("Service `{service}` has no port `{port}`"))
        }
        Availability::NoEndpoints => {
            (Code::NoReadyEndpoints, "service.name", format!("Service `{service}` has no ready endpoint"))
        }
    };
    let (object, field) = match origin {
        Some(Origin { object, field: parent }) => {
            let parent_is_backend = *parent == FieldPath::named(&"spec.defaultBackend");
            let suffix = if parent_is_backend { field.to_owned() } else { format!("backend.{field}") };
            (Some(Arc::clone(object)), parent.join(&suffix))
        }
        None => (None, FieldPath::named(&"--default-backend-service")),
    };
    Some(Diagnostic::new(code, object, field, format!("{message}; requests get 503")))
}
