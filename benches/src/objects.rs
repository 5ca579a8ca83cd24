//! The workload as the engine's own input: a table made by hand, or Ingress objects.

use std::collections::BTreeMap;
use std::sync::Arc;

use ingress_core::host::HostPattern;
use ingress_core::model::{
    HttpIngressPath, HttpIngressRule, Ingress, IngressBackend, IngressRule, IngressServiceBackend, IngressSpec, Inputs,
    Metadata, Object, ServiceBackendPort,
};
use ingress_core::object::{FieldPath, Kind, ObjectRef, Origin};
use ingress_core::path::{PathPattern, PathPolicy};
use ingress_core::policy::{BackendRef, PortRef, Route, RouteTable, Target, VirtualHost};

use crate::matcher::Error;
use crate::workload::{Host, PREFIXES_PER_HOST, RouteId, Workload};

/// How many Services the routes lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Services {
    /// One per path, named after the number of the route.
    PerPath,
    /// One per host.
    PerHost,
}

impl Services {
    /// The choice in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PerPath => "a Service per path",
            Self::PerHost => "a Service per host",
        }
    }

    fn name(self, host: Host<'_>, route: RouteId) -> String {
        match self {
            Self::PerPath => format!("app-{route}"),
            Self::PerHost => format!("app-of-{}", host.number),
        }
    }
}

/// How routes are spread over Ingress objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// One path per Ingress, each for a host of its own.
    OnePath,
    /// One path per Ingress, ten Ingresses per host, which have to be merged.
    OnePathMerged,
    /// Ten paths per Ingress, each for a host of its own.
    TenPaths,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::OnePath, Self::OnePathMerged, Self::TenPaths];

    /// The shape in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnePath => "one path per Ingress and host",
            Self::OnePathMerged => "one path per Ingress, ten Ingresses per host",
            Self::TenPaths => "ten paths per Ingress and host",
        }
    }
}

/// The table of a workload.
///
/// # Errors
///
/// The workload has a name that is not valid.
pub fn table(workload: &Workload, services: Services) -> Result<RouteTable, Error> {
    let mut hosts = BTreeMap::new();
    for host in workload.hosts() {
        let pattern = HostPattern::new(&host.name())?;
        let namespace: Arc<str> = host.team().into();
        let object = Arc::new(ObjectRef::new(Kind::Ingress, Arc::clone(&namespace), format!("svc-{}", host.number)));
        let route = |(place, (prefix, id)): (usize, (&str, RouteId))| {
            let service = services.name(host, id).into();
            let backend = BackendRef::new(Arc::clone(&namespace), service, PortRef::Number(80));
            let origin = Origin { object: Arc::clone(&object), field: FieldPath::rule_path(0, place) };
            Route::new(PathPattern::Prefix(prefix.into()), Target::Backend(Arc::new(backend)), origin)
        };
        let routes = host.routes().enumerate().map(route).collect();
        hosts.insert(pattern.clone(), Arc::new(VirtualHost::new(pattern, PathPolicy::Rfc3986, routes, Vec::new())));
    }
    Ok(RouteTable { hosts, ..RouteTable::default() })
}

/// A host of these prefixes and route numbers, all of one Ingress.
pub fn host_of(pattern: HostPattern, prefixes: impl Iterator<Item = (RouteId, String)>) -> VirtualHost {
    let namespace: Arc<str> = "team".into();
    let object = Arc::new(ObjectRef::new(Kind::Ingress, Arc::clone(&namespace), "host"));
    let route = |(id, prefix): (RouteId, String)| {
        let backend = BackendRef::new(Arc::clone(&namespace), format!("app-{id}").into(), PortRef::Number(80));
        let origin = Origin { object: Arc::clone(&object), field: FieldPath::rule_path(0, id as usize) };
        Route::new(PathPattern::Prefix(prefix.into()), Target::Backend(Arc::new(backend)), origin)
    };
    VirtualHost::new(pattern, PathPolicy::Rfc3986, prefixes.map(route).collect(), Vec::new())
}

/// Ingress objects with so many paths.
#[must_use]
pub fn inputs(routes: usize, shape: Shape, services: Services) -> Inputs {
    let hosts = if shape == Shape::OnePath { routes } else { routes / PREFIXES_PER_HOST };
    // Only the names of hosts and their sets of prefixes are asked for, and those do not depend on how many there are.
    let workload = Workload::new(routes);
    let mut inputs = Inputs::default();
    for number in 0..hosts {
        let host = workload.host(number);
        match shape {
            Shape::OnePath => {
                let one = host.routes().skip(number % PREFIXES_PER_HOST).take(1);
                inputs.insert(Object::Ingress(ingress(host, "", one, services).into()));
            }
            Shape::OnePathMerged => {
                for (place, route) in host.routes().enumerate() {
                    let one = std::iter::once(route);
                    inputs.insert(Object::Ingress(ingress(host, &format!("-{place}"), one, services).into()));
                }
            }
            Shape::TenPaths => {
                inputs.insert(Object::Ingress(ingress(host, "", host.routes(), services).into()));
            }
        }
    }
    inputs
}

/// An Ingress of one rule, named after its host.
pub fn ingress<'w>(
    host: Host<'_>,
    suffix: &str,
    routes: impl Iterator<Item = (&'w str, RouteId)>,
    services: Services,
) -> Ingress {
    let path = |(prefix, id): (&str, RouteId)| HttpIngressPath {
        path: prefix.into(),
        path_type: Some("Prefix".into()),
        backend: IngressBackend {
            service: Some(IngressServiceBackend {
                name: services.name(host, id).into(),
                port: ServiceBackendPort { name: "".into(), number: 80 },
            }),
            resource: None,
        },
    };
    let http = Some(HttpIngressRule { paths: routes.map(path).collect() });
    Ingress {
        metadata: Metadata {
            name: format!("svc-{}{suffix}", host.number).into(),
            namespace: host.team().into(),
            ..Metadata::default()
        },
        spec: IngressSpec { rules: vec![IngressRule { host: host.name().into(), http }], ..IngressSpec::default() },
    }
}
