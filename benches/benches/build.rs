//! Criterion: from a hundred thousand paths of Ingress objects to a snapshot, and from one that changed.

use std::time::Duration;

use benches::objects::{Services, Shape, ingress, inputs};
use benches::workload::Workload;
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use ingress_core::compiler::Compiler;
use ingress_core::lower::Options;
use ingress_core::model::Object;
use ingress_core::publish::Publisher;

const ROUTES: usize = 100_000;

fn from_scratch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("build/100000");
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(3));
    for shape in Shape::ALL {
        let inputs = inputs(ROUTES, shape, Services::PerPath);
        group.bench_function(BenchmarkId::from_parameter(shape.as_str()), |bencher| {
            // What is returned is dropped outside of the time: also the compiler, which keeps as much as the snapshot.
            let build = |mut compiler: Compiler| (compiler.compile(&inputs), compiler);
            bencher.iter_batched(|| Compiler::new(Options::default()), build, BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn one_change(criterion: &mut Criterion) {
    let mut inputs = inputs(ROUTES, Shape::OnePath, Services::PerPath);
    let workload = Workload::new(ROUTES);
    let mut compiler = Compiler::new(Options::default());
    let mut publisher = Publisher::default();
    publisher.publish(compiler.compile(&inputs).snapshot);
    let mut change = 0;
    criterion.bench_function("change/one of 100000 hosts", |bencher| {
        bencher.iter(|| {
            change += 1;
            let host = workload.host(change * 7_919 % ROUTES);
            let path = format!("/changed-{change}");
            let changed = host.routes().skip(1).map(|(_, id)| (path.as_str(), id)).take(1);
            inputs.insert(Object::Ingress(ingress(host, "", changed, Services::PerPath).into()));
            publisher.publish(compiler.compile(&inputs).snapshot);
        });
    });
}

criterion_group!(benches, from_scratch, one_change);
criterion_main!(benches);
