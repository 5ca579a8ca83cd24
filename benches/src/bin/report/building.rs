//! From inputs to a snapshot: all of them, and one that changed.

use benches::matcher::Error;
use benches::measure::{Taken, median, milliseconds, timed};
use benches::objects::{Services, Shape, ingress, inputs};
use benches::workload::{PREFIXES_PER_HOST, Workload};
use ingress_core::compiler::Compiler;
use ingress_core::lower::Options;
use ingress_core::model::Object;
use ingress_core::publish::Publisher;

use crate::row::Row;

/// Builds that a median is taken of.
const BUILDS: usize = 3;
/// Changes that a median is taken of.
const CHANGES: usize = 301;
/// Milliseconds that a hundred thousand routes may take; a million may take twelve times as long.
const BUILD_100K: f64 = 500.0;
const BUILD_1M: f64 = 6_000.0;
/// Milliseconds that a change among so many hosts may take.
const CHANGE: f64 = 2.0;

/// The time from inputs to a snapshot, for each shape: on a core, which is all the time that passes on a quiet machine.
pub(crate) fn from_scratch(routes: usize, report: &dyn Fn(&Row)) -> Result<(), Error> {
    for shape in Shape::ALL {
        let inputs = inputs(routes, shape, Services::PerPath);
        let mut times: Vec<Taken> = Vec::new();
        for _ in 0..BUILDS {
            let mut compiler = Compiler::new(Options::default());
            let (compiled, time) = timed(|| compiler.compile(&inputs));
            if !compiled.diagnostics.is_empty() {
                return Err(format!("the workload has findings: {:?}", compiled.diagnostics).into());
            }
            times.push(time);
        }
        let time = median(&mut times);
        report(&Row {
            figure: "build",
            case: format!("{routes} routes, {} (passed: {:.0} ms)", shape.as_str(), milliseconds(time.wall)),
            measured: milliseconds(time.core),
            unit: " ms",
            target: Some(if routes <= 100_000 { BUILD_100K } else { BUILD_1M }),
        });
    }
    Ok(())
}

/// The time from one changed Ingress, with another path in place of its first one, to a published snapshot.
pub(crate) fn one_change(routes: usize, shape: Shape, report: &dyn Fn(&Row)) -> Result<(), Error> {
    let hosts = if shape == Shape::OnePath { routes } else { routes / PREFIXES_PER_HOST };
    let mut inputs = inputs(routes, shape, Services::PerPath);
    let workload = Workload::new(routes);
    let mut compiler = Compiler::new(Options::default());
    let mut publisher = Publisher::default();
    publisher.publish(compiler.compile(&inputs).snapshot);
    let mut times = Vec::new();
    for change in 0..CHANGES {
        let host = workload.host(change * 7_919 % hosts);
        let path = format!("/changed-{change}");
        let paths = if shape == Shape::OnePath { 1 } else { PREFIXES_PER_HOST };
        let replaced = |(place, (prefix, id))| (if place == 0 { path.as_str() } else { prefix }, id);
        let changed = host.routes().enumerate().map(replaced).take(paths);
        inputs.insert(Object::Ingress(ingress(host, "", changed, Services::PerPath).into()));
        let (changed, time) = timed(|| {
            let compiled = compiler.compile(&inputs);
            publisher.publish(compiled.snapshot);
            compiled.changed.len()
        });
        if changed != 1 {
            return Err(format!("{changed} hosts changed instead of one").into());
        }
        times.push(time.wall);
    }
    let middle = median(&mut times);
    let late = times.get(CHANGES * 99 / 100).copied().unwrap_or_default();
    let row = |figure, time, target| Row {
        figure,
        case: format!("{hosts} hosts, {routes} routes"),
        measured: milliseconds(time),
        unit: " ms",
        target,
    };
    report(&row("one change compiled and published, median", middle, Some(CHANGE)));
    report(&row("one change compiled and published, 99th percentile", late, None));
    Ok(())
}
