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
use crate::policy::{AddressRange, Availability, Backend, BackendRef, Endpoint, ForbiddenAddress, PortRef, Reach};

/// The Service of a backend.
pub(super) fn service_of(reference: &BackendRef) -> ObjectRef {
    ObjectRef::new(Kind::Service, Arc::clone(&reference.namespace), Arc::clone(&reference.service))
}

/// Finds out what is known of a backend. `out` takes findings about the endpoints' own objects.
pub(super) fn resolve(
    reference: &Arc<BackendRef>,
    inputs: &Inputs,
    allowed: &[AddressRange],
    out: &mut Vec<Diagnostic>,
) -> Backend {
    let name = service_of(reference);
    let mut out = Findings { allowed, out };
    let mut backend = Backend::assumed(Arc::clone(reference));
    if !inputs.has_services() {
        if inputs.has_endpoints() {
            backend.availability = endpoints(&name, None, reference, inputs, &mut out);
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
        let address = &service.spec.cluster_ip;
        let is_good = out.is_good(address, || (Arc::new(name.clone()), FieldPath::named(&"spec.clusterIP")));
        backend.availability = available(is_good.then(|| endpoint(address, number)).into_iter().collect());
    } else if reference.reach == Reach::NodePort
        && inputs.has_nodes()
        && let Some(port) = declared.and_then(|port| port.node_port).and_then(|port| u16::try_from(port).ok())
    {
        backend.availability = nodes(inputs, port, &mut out);
    } else if service.is_external_name() {
        let external = service.spec.external_name.trim_end_matches('.');
        let lower = external.to_ascii_lowercase();
        let of = || (Arc::new(name.clone()), FieldPath::named(&"spec.externalName"));
        let is_good = check_subdomain(&lower).is_ok() && out.is_good(&lower, of);
        backend.availability = available(is_good.then(|| endpoint(external, number)).into_iter().collect());
    } else if inputs.has_endpoints() {
        backend.availability = endpoints(&name, Some(port_name), reference, inputs, &mut out);
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
fn nodes(inputs: &Inputs, port: u16, out: &mut Findings<'_>) -> Availability {
    let ready = inputs.nodes().filter(|(_, node)| node.ready);
    let addresses = ready.filter_map(|(object, node)| Some((object, node.addresses.first()?)));
    let mut is_good = |object: &Arc<ObjectRef>, address| {
        out.is_good(address, || (Arc::clone(object), FieldPath::named(&"status.addresses")))
    };
    let good = addresses.filter(|(object, address)| is_good(object, address));
    available(good.map(|(_, address)| endpoint(address, port)).collect())
}

/// The ready addresses of all slices of the Service. `port_name` is the name of the Service port; where the Service is not
/// known, a rule's port is compared with the endpoints' own ports.
fn endpoints(
    service: &ObjectRef,
    port_name: Option<&str>,
    reference: &BackendRef,
    inputs: &Inputs,
    out: &mut Findings<'_>,
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
    for (object, slice) in inputs.slices_of(service) {
        let ports = numbers(&slice.ports);
        for (i, endpoint) in slice.endpoints.iter().enumerate() {
            if !endpoint.conditions.ready.unwrap_or(true) {
                continue;
            }
            for (j, address) in endpoint.addresses.iter().enumerate() {
                let of = || (Arc::clone(object), FieldPath::text(format!("endpoints[{i}].addresses[{j}]")));
                let is_good = slice.is_named_by_operator || out.is_good(address, of);
                found.extend(ports.iter().filter(|_| is_good).map(|port| self::endpoint(address, *port)));
            }
        }
    }
    if let Some((object, endpoints)) = inputs.endpoints_of(service) {
        for (i, subset) in endpoints.subsets.iter().enumerate() {
            let ports = numbers(&subset.ports);
            for (j, address) in subset.addresses.iter().enumerate() {
                let of = || (Arc::clone(object), FieldPath::text(format!("subsets[{i}].addresses[{j}].ip")));
                let is_good = out.is_good(&address.ip, of);
                found.extend(ports.iter().filter(|_| is_good).map(|port| endpoint(&address.ip, *port)));
            }
        }
    }
    available(found)
}

fn available(endpoints: BTreeSet<Endpoint>) -> Availability {
    if endpoints.is_empty() {
        Availability::NoEndpoints
    } else {
        Availability::Endpoints(endpoints.into_iter().collect())
    }
}

fn endpoint(address: &str, port: u16) -> Endpoint {
    match address.parse::<IpAddr>() {
        Ok(ip) => Endpoint::Address(SocketAddr::new(ip, port)),
        Err(_) => Endpoint::Name(address.into(), port),
    }
}

/// What is found about addresses, and which of them are used although a manifest must not name them.
struct Findings<'a> {
    allowed: &'a [AddressRange],
    out: &'a mut Vec<Diagnostic>,
}

impl Findings<'_> {
    /// Whether an address may be an endpoint's; if not, its owner is told. Where a name leads is not known here.
    fn is_good(&mut self, address: &str, of: impl FnOnce() -> (Arc<ObjectRef>, FieldPath)) -> bool {
        let (code, message) = match address.parse::<IpAddr>().map(|ip| ForbiddenAddress::of(ip, self.allowed)) {
            Ok(None) => return true,
            Ok(Some(reason)) => {
                let message = format!(
                    "endpoint address `{address}` is left out: {reason}; only --allow-endpoint-cidr makes it an endpoint"
                );
                (Code::ForbiddenEndpointAddress, message)
            }
            Err(_) if check_subdomain(address).is_ok() => return true,
            Err(_) => {
                let message = format!("endpoint address `{address}` is neither an IP address nor a DNS name");
                (Code::InvalidEndpointAddress, message)
            }
        };
        let (object, field) = of();
        self.out.push(Diagnostic::new(code, Some(object), field, message));
        false
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
