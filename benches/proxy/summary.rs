//! What the samples come to: medians, ratios, and how those stand to what is aimed at.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::machine::Machine;
use crate::peers::Kind;
use crate::scenario::Scenario;

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Requests in a second of the proxy's time on a core.
    pub(crate) per_cpu_second: f64,
    /// Requests in a second.
    pub(crate) per_second: f64,
    /// Microseconds of a request, in user space and in the kernel.
    pub(crate) user: f64,
    pub(crate) system: f64,
}

/// The middle of many ratios.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    /// Where the median of as many others would be, 95 times of 100. Few tell nothing.
    pub(crate) range: Option<[f64; 2]>,
}

/// All measurements, by scenario, proxy and round.
#[derive(Debug, Default)]
pub(crate) struct Results(BTreeMap<(Scenario, Kind), Cell>);

#[derive(Debug, Default)]
struct Cell {
    samples: BTreeMap<usize, Sample>,
    failures: Vec<String>,
}

/// What `ours` is compared with.
#[derive(Clone, Copy, Debug)]
enum Against {
    Peer(Kind),
    /// The best of all peers.
    Best,
    /// Ours, without what the scenario adds.
    Ourselves(Scenario),
}

/// What is aimed at: the least ratio of ours, in a scenario, to something.
const TARGETS: [(Scenario, Against, f64); 11] = [
    (Scenario::H1, Against::Peer(Kind::Nginx), 1.25),
    (Scenario::H1, Against::Peer(Kind::Haproxy), 1.35),
    (Scenario::H1, Against::Peer(Kind::Envoy), 2.5),
    (Scenario::Large, Against::Peer(Kind::Nginx), 1.1),
    (Scenario::Tls, Against::Peer(Kind::Nginx), 1.4),
    (Scenario::Handshake, Against::Peer(Kind::Nginx), 2.0),
    (Scenario::HandshakePq, Against::Peer(Kind::Nginx), 2.0),
    (Scenario::H2, Against::Best, 1.0),
    (Scenario::Log, Against::Ourselves(Scenario::H1), 0.9),
    (Scenario::Many, Against::Ourselves(Scenario::Paths), 0.97),
    (Scenario::Many, Against::Ourselves(Scenario::H1), 0.97),
];

impl Results {
    pub(crate) fn add(&mut self, scenario: Scenario, kind: Kind, round: usize, outcome: Result<Sample, String>) {
        let cell = self.0.entry((scenario, kind)).or_default();
        match outcome {
            Ok(sample) => drop(cell.samples.insert(round, sample)),
            Err(failure) => cell.failures.push(failure),
        }
    }

    /// Whether nothing could be measured.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.values().all(|cell| cell.samples.is_empty())
    }

    /// The median of the ratios within each round, which noise that lasts longer than a round leaves alone.
    pub(crate) fn ratio(&self, of: (Scenario, Kind), to: (Scenario, Kind)) -> Option<Ratio> {
        let (of, to) = (self.0.get(&of)?, self.0.get(&to)?);
        let ratios = of
            .samples
            .iter()
            .filter_map(|(round, sample)| Some(sample.per_cpu_second / to.samples.get(round)?.per_cpu_second));
        Ratio::new(ratios.collect())
    }

    fn against(&self, scenario: Scenario, against: Against) -> Option<Ratio> {
        let ours = (scenario, Kind::Ours);
        match against {
            Against::Peer(kind) => self.ratio(ours, (scenario, kind)),
            Against::Ourselves(other) => self.ratio(ours, (other, Kind::Ours)),
            Against::Best => {
                let peers = [Kind::Nginx, Kind::Haproxy, Kind::Envoy].into_iter();
                peers
                    .filter_map(|kind| self.ratio(ours, (scenario, kind)))
                    .min_by(|one, other| one.median.total_cmp(&other.median))
            }
        }
    }

    /// Markdown tables.
    pub(crate) fn print(&self) {
        println!("| scenario | proxy | requests per CPU-second | user µs | kernel µs | requests/s | ours to it |");
        println!("|---|---|--:|--:|--:|--:|--:|");
        for ((scenario, kind), cell) in &self.0 {
            if let Some(failure) = cell.failures.first() {
                println!(
                    "| {scenario} | {kind} | failed {} times: {} | | | | |",
                    cell.failures.len(),
                    one_line(failure)
                );
            }
            let Some([low, middle, high]) = cell.spread(|sample| sample.per_cpu_second) else { continue };
            let [_, user, _] = cell.spread(|sample| sample.user).unwrap_or_default();
            let [_, system, _] = cell.spread(|sample| sample.system).unwrap_or_default();
            let [_, rate, _] = cell.spread(|sample| sample.per_second).unwrap_or_default();
            let ratio = self.ratio((*scenario, Kind::Ours), (*scenario, *kind));
            let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.2}", ratio.median));
            println!(
                "| {scenario} | {kind} | {middle:.0} ({low:.0}–{high:.0}) | {user:.1} | {system:.1} | {rate:.0} | {ratio} |"
            );
        }
        println!("\n| aimed at | measured | 95 % of such medians | at least | met |\n|---|--:|--:|--:|---|");
        for (scenario, against, least) in TARGETS {
            if let Some(ratio) = self.against(scenario, against) {
                let Ratio { median, range } = ratio;
                let met = if median >= least { "yes" } else { "**no**" };
                let range = range.map_or_else(|| "-".to_owned(), |[low, high]| format!("{low:.3}–{high:.3}"));
                println!("| {} | {median:.2} | {range} | {least} | {met} |", name(scenario, against));
            }
        }
    }

    /// The same for programs.
    pub(crate) fn json(&self, machine: &Machine) -> Value {
        let cells: Vec<Value> = self
            .0
            .iter()
            .map(|((scenario, kind), cell)| {
                let samples: Vec<Value> = cell.samples.values().map(Sample::json).collect();
                json!({
                    "scenario": scenario.to_string(),
                    "proxy": kind.to_string(),
                    "median": cell.spread(|sample| sample.per_cpu_second).map(|[_, middle, _]| middle),
                    "ours_to_it": self.ratio((*scenario, Kind::Ours), (*scenario, *kind)).map(|ratio| ratio.median),
                    "samples": samples,
                    "failures": cell.failures,
                })
            })
            .collect();
        let targets = TARGETS.into_iter().filter_map(|(scenario, against, least)| {
            let Ratio { median, range } = self.against(scenario, against)?;
            let (name, met) = (name(scenario, against), median >= least);
            Some(json!({"name": name, "measured": median, "between": range, "at_least": least, "met": met}))
        });
        json!({"machine": machine.json(), "cells": cells, "targets": targets.collect::<Vec<Value>>()})
    }
}

impl Ratio {
    fn new(mut ratios: Vec<f64>) -> Option<Self> {
        ratios.sort_by(f64::total_cmp);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small"
        )]
        let below = {
            // How many of so many lie below their median is distributed as heads of coins are, which is almost normal.
            let count = ratios.len() as f64;
            ((count - 1.96 * count.sqrt()) / 2.0).floor().max(0.0) as usize
        };
        let range = match (below.checked_sub(1), ratios.len() - below) {
            (Some(low), high) => ratios.get(low).zip(ratios.get(high)).map(|(low, high)| [*low, *high]),
            (None, _) => None,
        };
        Some(Self { median: median(ratios)?, range })
    }
}

impl Cell {
    /// Least, median, greatest.
    fn spread(&self, of: impl Fn(&Sample) -> f64) -> Option<[f64; 3]> {
        let values = || self.samples.values().map(&of);
        Some([values().min_by(f64::total_cmp)?, median(values().collect())?, values().max_by(f64::total_cmp)?])
    }
}

impl Sample {
    fn json(&self) -> Value {
        let Self { per_cpu_second, per_second, user, system } = self;
        json!({"per_cpu_second": per_cpu_second, "per_second": per_second, "user_us": user, "kernel_us": system})
    }
}

fn name(scenario: Scenario, against: Against) -> String {
    match against {
        Against::Peer(kind) => format!("{scenario}: ours to {kind}"),
        Against::Best => format!("{scenario}: ours to the best of the others"),
        Against::Ourselves(other) => format!("ours: {scenario} to {other}"),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<&str>>().join(" ").replace('|', "/").chars().take(200).collect()
}

/// The value in the middle, or between the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get(values.len().div_ceil(2) - 1)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
    }

    #[test]
    fn medians_of_many_are_between_bounds() {
        let bounds = |count: u32| Ratio::new((1..=count).map(f64::from).collect()).and_then(|ratio| ratio.range);
        assert_eq!(bounds(5), None);
        // Tables of the sign test have the ranks 2 and 9 of 10, and these of 100 and 1,000.
        assert_eq!(bounds(10), Some([1.0, 10.0]));
        assert_eq!(bounds(100), Some([40.0, 61.0]));
        assert_eq!(bounds(1_000), Some([469.0, 532.0]));
    }

    #[test]
    fn ratios_are_those_of_rounds() {
        let mut results = Results::default();
        let sample = |per_cpu_second| Ok(Sample { per_cpu_second, per_second: 1.0, user: 1.0, system: 1.0 });
        for (round, noise) in [1.0, 0.2, 5.0].into_iter().enumerate() {
            results.add(Scenario::H1, Kind::Ours, round, sample(30.0 * noise));
            results.add(Scenario::H1, Kind::Nginx, round, sample(20.0 * noise));
            results.add(Scenario::H1, Kind::Envoy, round, Err("down".into()));
        }
        let middle = |against| results.against(Scenario::H1, against).map(|ratio| ratio.median);
        assert_eq!(middle(Against::Peer(Kind::Nginx)), Some(1.5));
        assert_eq!(middle(Against::Peer(Kind::Envoy)), None);
        assert_eq!(middle(Against::Best), Some(1.5));
    }
}
