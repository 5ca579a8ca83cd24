//! Hosts whose paths are expressions, as an Ingress with `use-regex` and `rewrite-target` makes them.

use std::sync::Arc;

use benches::keys::{KEYS, Key, Keys};
use benches::matcher::{Error, check};
use benches::measure::in_turn;
use benches::ours::Decide;
use benches::random::Random;
use benches::workload::RouteId;
use ingress_core::compiler::Compiler;
use ingress_core::dialect::{Dialects, Nginx};
use ingress_core::lower::Options;
use ingress_core::model::{
    HttpIngressPath, HttpIngressRule, Ingress, IngressBackend, IngressRule, IngressServiceBackend, IngressSpec, Inputs,
    Metadata, Object, ServiceBackendPort,
};

use crate::row::Row;

const FEW: usize = 10;
const MANY: usize = 1_000;

/// A host with many expressions beside one with few.
pub(crate) fn many(report: &dyn Fn(&Row)) -> Result<(), Error> {
    let (few, many) = ("few.example.com", "many.example.com");
    let mut inputs = Inputs::default();
    inputs.insert(Object::Ingress(ingress("few", few, FEW).into()));
    inputs.insert(Object::Ingress(ingress("many", many, MANY).into()));
    let mut options = Options::default();
    options.dialects = Dialects::only(Arc::new(Nginx::default()));
    let snapshot = Compiler::new(options).compile(&inputs).snapshot;
    let matcher = Decide::over((*snapshot).clone());
    let (a, b) = (keys(few, FEW), keys(many, MANY));
    check("decide", &matcher, &a)?;
    check("decide", &matcher, &b)?;
    let time = |keys: &Keys| Ok::<f64, Error>(in_turn(&[&matcher], &keys.probes()?).into_iter().sum());
    let times = (time(&a)?, time(&b)?);
    let row =
        |figure, case: &str, measured, unit, target| Row { figure, case: case.to_owned(), measured, unit, target };
    report(&row("decide on a host with 10 regex paths", "ingress-nginx", times.0, " ns", None));
    report(&row("decide on a host with 1,000 regex paths", "to one with 10", times.1 / times.0, "x", Some(3.0)));
    Ok(())
}

fn path(number: RouteId) -> String {
    match number % 3 {
        0 => format!("/tenant-{number}(/|$)(.*)"),
        1 => format!("/api/v[0-9]+/tenant-{number}/(.*)"),
        _ => format!("/files/tenant-{number}/[a-z]+\\.(png|jpg)"),
    }
}

fn ingress(name: &str, host: &str, count: usize) -> Ingress {
    let path = |number: RouteId| HttpIngressPath {
        path: path(number).into(),
        path_type: Some("ImplementationSpecific".into()),
        backend: IngressBackend {
            service: Some(IngressServiceBackend {
                name: format!("app-{number}").into(),
                port: ServiceBackendPort { name: "".into(), number: 80 },
            }),
            resource: None,
        },
    };
    let http = Some(HttpIngressRule { paths: (0..).take(count).map(path).collect() });
    let annotations = [("use-regex", "true"), ("rewrite-target", "/$2")]
        .map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}").into(), value.into()));
    Ingress {
        metadata: Metadata {
            name: name.into(),
            namespace: "team".into(),
            annotations: annotations.into(),
            ..Metadata::default()
        },
        spec: IngressSpec { rules: vec![IngressRule { host: host.into(), http }], ..IngressSpec::default() },
    }
}

fn keys(host: &str, count: usize) -> Keys {
    let mut random = Random::new(3);
    let key = |_| {
        let number = RouteId::try_from(random.below(count)).unwrap_or(0);
        let path = match number % 3 {
            0 => format!("/tenant-{number}/item/1234"),
            1 => format!("/api/v2/tenant-{number}/orders"),
            _ => format!("/files/tenant-{number}/picture.png"),
        };
        Key { host: host.to_owned(), path, route: Some(number) }
    };
    (0..KEYS).map(key).collect()
}
