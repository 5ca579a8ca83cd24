//! Time, memory and allocations of a lookup, for each contender and size.

use benches::contenders::{ALL, DECIDE, LOCATE};
use benches::keys::{Distribution, KEYS, Keys};
use benches::matcher::{Contender, Error, Kind, Matcher, check};
use benches::measure::{in_turn, milliseconds, per_route, timed};
use benches::workload::Workload;

use crate::row::Row;
use crate::{allocations, kept_bytes};

/// The peers, and how much slower than them a lookup may be.
const PEERS: [(&str, Kind, f64); 4] = [
    ("to the flat table", Kind::Floor, 1.5),
    ("to the fastest router per host", Kind::Router, 1.0),
    ("to the fastest list per host", Kind::List, 1.0),
    ("to a linear scan", Kind::Scan, 1.0),
];

/// What was measured of one contender at one size.
pub(crate) struct Measured {
    name: &'static str,
    kind: Kind,
    routes: usize,
    /// Nanoseconds per lookup, in the order of [`Distribution::ALL`].
    times: Vec<f64>,
    allocations: usize,
}

/// Measures everything and prints a line for each contender and size.
pub(crate) fn measure(largest: usize) -> Result<Vec<Measured>, Error> {
    let mut measured = Vec::new();
    for routes in [10, 1_000, 100_000, 1_000_000].into_iter().filter(|routes| *routes <= largest) {
        measured.extend(at_size(routes)?);
    }
    Ok(measured)
}

fn at_size(routes: usize) -> Result<Vec<Measured>, Error> {
    let workload = Workload::new(routes);
    let control = Keys::control(&workload);
    let mut built: Vec<(Contender, Box<dyn Matcher>, String)> = Vec::new();
    for contender in ALL.into_iter().filter(|contender| routes <= contender.most_routes) {
        let ((matcher, time), bytes) = kept_bytes(|| timed(|| (contender.build)(&workload)));
        let matcher = matcher?;
        check(contender.name, &*matcher, &control)?;
        let size = format!("{:.0} | {:.1}", per_route(bytes, routes), milliseconds(time.core));
        built.push((contender, matcher, size));
    }
    let matchers: Vec<&dyn Matcher> = built.iter().map(|(_, matcher, _)| &**matcher).collect();
    let mut measured: Vec<Measured> = built
        .iter()
        .map(|(contender, ..)| Measured {
            name: contender.name,
            kind: contender.kind,
            routes,
            times: Vec::new(),
            allocations: 0,
        })
        .collect();
    for distribution in Distribution::ALL {
        let keys = Keys::timed(&workload, distribution, KEYS);
        let probes = keys.probes()?;
        let times = in_turn(&matchers, &probes);
        for ((one, time), matcher) in measured.iter_mut().zip(times).zip(&matchers) {
            one.times.push(time);
            one.allocations += allocations(|| probes.iter().for_each(|batch| matcher.sweep(batch)));
        }
    }
    let ours: Vec<f64> = measured.iter().find(|it| it.name == LOCATE.name).map_or(Vec::new(), |it| it.times.clone());
    for (one, (.., size)) in measured.iter().zip(&built) {
        let times: String =
            one.times.iter().zip(&ours).map(|(time, ours)| format!(" {time:.1} | {:.2} |", time / ours)).collect();
        println!("| {} | {routes} |{times} {size} | {} |", one.name, one.allocations);
    }
    Ok(measured)
}

/// What the lookups say about the targets.
pub(crate) fn targets(measured: &[Measured]) -> Vec<Row> {
    let mut rows = Vec::new();
    let with_targets = |it: &&Measured| [LOCATE.name, DECIDE.name].contains(&it.name) && it.routes >= 1_000;
    for one in measured.iter().filter(with_targets) {
        for (place, distribution) in Distribution::ALL.into_iter().enumerate() {
            let time = |it: &Measured| it.times.get(place).copied().unwrap_or(f64::NAN);
            let fastest = |kind: Kind| {
                let peers = measured.iter().filter(|it| it.routes == one.routes && it.kind == kind);
                peers.min_by(|a, b| time(a).total_cmp(&time(b)))
            };
            for (figure, kind, target) in PEERS {
                // The floor is for the index; no decision is made there.
                if kind == Kind::Floor && one.name != LOCATE.name {
                    continue;
                }
                let Some(peer) = fastest(kind) else { continue };
                let case = format!("{}, {} routes, {}: {}", one.name, one.routes, distribution.as_str(), peer.name);
                rows.push(Row { figure, case, measured: time(one) / time(peer), unit: "x", target: Some(target) });
            }
        }
    }
    for one in measured.iter().filter(|it| it.kind == Kind::Ours) {
        #[expect(clippy::cast_precision_loss, reason = "the count should be zero")]
        let count = one.allocations as f64 / (KEYS * Distribution::ALL.len()) as f64;
        rows.push(Row {
            figure: "allocations per lookup",
            case: format!("{}, {} routes", one.name, one.routes),
            measured: count,
            unit: "",
            target: Some(0.0),
        });
    }
    rows
}
