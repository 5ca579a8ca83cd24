//! Where a route leads, and what is known of that place.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::UpstreamPolicy;

/// A Service port as a rule names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "an identity is complete by definition")]
pub struct BackendRef {
    /// The namespace of the Service, which is always that of the Ingress.
    pub namespace: Arc<str>,
    /// The name of the Service.
    pub service: Arc<str>,
    /// The port as written.
    pub port: PortRef,
    /// What of the Service is dialled.
    pub reach: Reach,
}

impl BackendRef {
    /// A Service port whose ready endpoints are dialled.
    #[must_use]
    pub fn new(namespace: Arc<str>, service: Arc<str>, port: PortRef) -> Self {
        Self { namespace, service, port, reach: Reach::Endpoints }
    }
}

/// What of a Service is dialled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "an adapter that ignored a variant would dial the wrong place")]
pub enum Reach {
    /// The ready endpoints behind the Service port.
    #[default]
    Endpoints,
    /// The same, and the port may be written as the Service's `targetPort` too.
    EndpointsByTargetPort,
    /// The Service's own address.
    ClusterIp,
    /// The Service's `nodePort` on the ready nodes; the endpoints where no Node is known.
    NodePort,
}

impl fmt::Display for BackendRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.namespace, self.service, self.port)
    }
}

/// A port by number or by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "Kubernetes has these two")]
pub enum PortRef {
    /// 1 to 65535.
    Number(u16),
    /// The name of a port of the Service.
    Name(PortName),
    /// The first port of the Service: what a controller flag means when it names only the Service.
    First,
}

/// The name of a Service port.
// Behind one pointer: few ports are named, and each route and each backend has a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortName(Arc<Box<str>>);

impl From<&str> for PortName {
    fn from(name: &str) -> Self {
        Self(Arc::new(name.into()))
    }
}

impl std::ops::Deref for PortName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Display for PortRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
            Self::First => f.write_str("first"),
        }
    }
}

/// What is known of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Backend {
    /// The backend as its rules name it.
    pub reference: Arc<BackendRef>,
    /// The port with the number that the Service gives it, where the Service is known.
    pub port: PortRef,
    /// Whether requests can go there.
    pub availability: Availability,
    /// What the Ingresses that route there say for all of its requests.
    pub policy: Option<Arc<UpstreamPolicy>>,
}

impl Backend {
    /// A backend of which nothing is known but its name; it counts as up.
    #[must_use]
    pub fn assumed(reference: Arc<BackendRef>) -> Self {
        Self { port: reference.port.clone(), reference, availability: Availability::Assumed, policy: None }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.reference.namespace, self.reference.service, self.port)
    }
}

/// Whether requests can go to a backend. Only the first two mean yes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an adapter must say what it does in each case")]
pub enum Availability {
    /// The input has no endpoints at all, so the backend is taken as it is written.
    Assumed,
    /// The ready endpoints, sorted, without repetitions, never empty.
    Endpoints(Box<[Endpoint]>),
    /// No such Service.
    NoService,
    /// The Service has no such port.
    NoPort,
    /// No ready endpoint.
    NoEndpoints,
}

impl Availability {
    /// Whether a request can be forwarded.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Assumed | Self::Endpoints(_))
    }

    /// The endpoints, where they are known.
    #[must_use]
    pub fn endpoints(&self) -> Option<&[Endpoint]> {
        match self {
            Self::Endpoints(endpoints) => Some(endpoints),
            _ => None,
        }
    }
}

impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assumed => f.write_str("endpoints not known"),
            Self::NoService => f.write_str("no such Service"),
            Self::NoPort => f.write_str("no such Service port"),
            Self::NoEndpoints => f.write_str("no ready endpoints"),
            Self::Endpoints(endpoints) => {
                let mut separator = "";
                for endpoint in endpoints {
                    write!(f, "{separator}{endpoint}")?;
                    separator = " ";
                }
                Ok(())
            }
        }
    }
}

/// A place that a connection can be made to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "an adapter that cannot dial one of these must say so")]
pub enum Endpoint {
    /// An address and a port.
    Address(SocketAddr),
    /// A DNS name and a port: an ExternalName Service, or a slice of type FQDN.
    Name(Box<str>, u16),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}
