//! What a snapshot keeps once everything that it was made from is gone.

use benches::keys::{Distribution, KEYS, Keys};
use benches::matcher::{Error, check};
use benches::measure::per_route;
use benches::objects::{Services, Shape, inputs};
use benches::ours::Locate;
use benches::workload::Workload;
use ingress_core::compiler::Compiler;
use ingress_core::lower::{Options, lower};
use ingress_core::snapshot::Snapshot;

use crate::kept_bytes;
use crate::row::Row;

/// The most bytes that an index may take per route.
const INDEX: f64 = 48.0;
/// The most bytes that a snapshot may take per route.
const SNAPSHOT: f64 = 400.0;

/// Bytes per route of snapshots of so many routes.
pub(crate) fn snapshots(routes: usize, report: &dyn Fn(&Row)) -> Result<(), Error> {
    for shape in Shape::ALL {
        // One path per host makes no difference between the two.
        let both = [Services::PerPath, Services::PerHost];
        for services in both.into_iter().take(if shape == Shape::OnePath { 1 } else { 2 }) {
            let case = format!("{routes} routes, {}, {}", shape.as_str(), services.as_str());
            let (snapshot, bytes) = kept_bytes(|| {
                let inputs = inputs(routes, shape, services);
                let (table, _) = lower(&inputs, &Options::default());
                drop(inputs);
                Snapshot::new(table)
            });
            let row = |figure, bytes, target| Row {
                figure,
                case: case.clone(),
                measured: per_route(bytes, routes),
                unit: " bytes/route",
                target,
            };
            report(&row("index", snapshot.index_bytes(), Some(INDEX)));
            report(&row("snapshot", bytes, Some(SNAPSHOT)));
            if shape == Shape::TenPaths && services == Services::PerPath {
                let workload = Workload::new(routes);
                check("compiled", &Locate::over(snapshot), &Keys::timed(&workload, Distribution::Uniform, KEYS))?;
                let (inputs, bytes) = kept_bytes(|| inputs(routes, shape, services));
                report(&row("inputs, to be compiled again", bytes, None));
                let (compiler, bytes) = kept_bytes(|| {
                    let mut compiler = Compiler::new(Options::default());
                    compiler.compile(&inputs);
                    compiler
                });
                report(&row("compiler and snapshot, to be compiled again", bytes, None));
                drop((compiler, inputs));
            }
        }
    }
    Ok(())
}
