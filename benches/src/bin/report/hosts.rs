//! Hosts that are not like the others: wildcards, and hosts with very many prefixes.

use std::sync::Arc;

use benches::keys::{Distribution, KEYS, Key, Keys};
use benches::matcher::{Error, check};
use benches::measure::in_turn;
use benches::objects::{Services, host_of, table};
use benches::ours::Locate;
use benches::random::Random;
use benches::workload::{RouteId, Workload};
use ingress_core::host::HostPattern;
use ingress_core::policy::{RouteTable, VirtualHost};
use ingress_core::snapshot::Snapshot;

use crate::row::Row;

/// A wildcard is found after a miss in the exact table; both tables hold ten thousand hosts.
pub(crate) fn wildcards(report: &dyn Fn(&Row)) -> Result<(), Error> {
    let workload = Workload::new(100_000);
    let mut table = table(&workload, Services::PerPath)?;
    for host in table.hosts.values().cloned().collect::<Vec<_>>() {
        let pattern = HostPattern::new(&format!("*.{}", host.pattern()))?;
        let wildcard = VirtualHost::new(pattern.clone(), host.path_policy(), host.routes().to_vec(), Vec::new());
        table.hosts.insert(pattern, Arc::new(wildcard));
    }
    let matcher = Locate::over(Snapshot::new(table));
    let exact = Keys::timed(&workload, Distribution::Uniform, KEYS);
    let wildcard = exact.under_label("www");
    let times = compare(&matcher, &exact, &wildcard)?;
    report(&row("locate of an exact host", "10,000 exact and 10,000 wildcard hosts", times.0, " ns", None));
    report(&row("locate of a wildcard host", "to an exact one", times.1 / times.0, "x", Some(3.0)));
    Ok(())
}

/// A host with many prefixes beside one with few.
pub(crate) fn many_prefixes(report: &dyn Fn(&Row)) -> Result<(), Error> {
    let (few, many) = ("few.example.com", "many.example.com");
    let mut table = RouteTable::default();
    for (name, count) in [(few, 10), (many, 2_000)] {
        let pattern = HostPattern::new(name)?;
        let prefixes = (0..).zip((0..count).map(prefix));
        table.hosts.insert(pattern.clone(), Arc::new(host_of(pattern, prefixes)));
    }
    let matcher = Locate::over(Snapshot::new(table));
    let times = compare(&matcher, &prefix_keys(few, 10), &prefix_keys(many, 2_000))?;
    report(&row("locate on a host with 10 prefixes", "", times.0, " ns", None));
    report(&row("locate on a host with 2,000 prefixes", "to one with 10", times.1 / times.0, "x", Some(3.0)));
    Ok(())
}

fn row(figure: &'static str, case: &str, measured: f64, unit: &'static str, target: Option<f64>) -> Row {
    Row { figure, case: case.to_owned(), measured, unit, target }
}

/// Nanoseconds per lookup of two sets of keys, which are checked first.
fn compare(matcher: &Locate, a: &Keys, b: &Keys) -> Result<(f64, f64), Error> {
    check("locate", matcher, a)?;
    check("locate", matcher, b)?;
    let time = |keys: &Keys| Ok::<f64, Error>(in_turn(&[matcher], &keys.probes()?).into_iter().sum());
    Ok((time(a)?, time(b)?))
}

/// Prefixes of one to four elements.
fn prefix(number: RouteId) -> String {
    match number % 4 {
        0 => format!("/tenant-{number}"),
        1 => format!("/tenant-{number}/app"),
        2 => format!("/api/v1/tenant-{number}"),
        _ => format!("/api/v1/tenant-{number}/orders"),
    }
}

fn prefix_keys(host: &str, count: usize) -> Keys {
    let mut random = Random::new(3);
    let key = |_| {
        let number = RouteId::try_from(random.below(count)).unwrap_or(0);
        Key { host: host.to_owned(), path: format!("{}/item/1234", prefix(number)), route: Some(number) }
    };
    (0..KEYS).map(key).collect()
}
