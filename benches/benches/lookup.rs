//! Criterion: a sweep over 65,536 keys by each contender, at four sizes.

use std::time::Duration;

use benches::contenders::ALL;
use benches::keys::{Distribution, KEYS, Keys};
use benches::matcher::{Contender, Error, check};
use benches::workload::Workload;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const SIZES: [usize; 4] = [10, 1_000, 100_000, 1_000_000];

fn lookups(criterion: &mut Criterion) {
    for routes in SIZES {
        let workload = Workload::new(routes);
        for contender in ALL.into_iter().filter(|contender| routes <= contender.most_routes) {
            if let Err(error) = lookup(criterion, &workload, contender) {
                eprintln!("{}: {error}", contender.name);
                std::process::exit(1);
            }
        }
    }
}

fn lookup(criterion: &mut Criterion, workload: &Workload, contender: Contender) -> Result<(), Error> {
    let matcher = (contender.build)(workload)?;
    check(contender.name, &*matcher, &Keys::control(workload))?;
    for distribution in Distribution::ALL {
        let keys = Keys::timed(workload, distribution, KEYS);
        let probes = keys.probes()?;
        let mut group = criterion.benchmark_group(format!("lookup/{}/{}", workload.routes(), distribution.as_str()));
        group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
        group.throughput(Throughput::Elements(KEYS as u64));
        group.bench_function(BenchmarkId::from_parameter(contender.name), |bencher| {
            bencher.iter(|| probes.iter().for_each(|batch| matcher.sweep(batch)));
        });
        group.finish();
    }
    Ok(())
}

criterion_group!(benches, lookups);
criterion_main!(benches);
