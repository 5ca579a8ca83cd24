//! What a request costs, counted instead of timed: instructions and allocations under callgrind, system calls under strace.
//!
//! Each proxy is run twice, for few requests and for many, on as many connections: the difference leaves starting, connecting
//! and warming up out.

mod callgrind;
mod strace;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use benches::matcher::Error;
use serde_json::{Value, json};

use crate::cores::Cores;
use crate::load::{Generator, Plan};
use crate::machine::Machine;
use crate::options::Options;
use crate::peers::{Kind, Peer, find_program};
use crate::process::Launch;
use crate::serve::serve;
use crate::site::{Mode, Site};

/// How many parts are shown.
const PARTS: usize = 20;
/// How long one run may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A way to count.
struct Tool {
    name: &'static str,
    connections: usize,
    /// Requests of the two runs.
    requests: (u32, u32),
    /// The tool's command line, given the file for what it finds.
    command: fn(&Path, &Path) -> Launch,
    /// Whether the proxy is a child of the tool, rather than the tool itself.
    is_parent: bool,
    read: fn(&str) -> Result<Tally, Error>,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Count {
    /// In user space, by the function that they are in.
    Instructions,
    /// By the function that asks.
    Allocations,
    /// By name.
    Calls,
}

impl Count {
    /// The most that ours may need per request.
    const fn most(self) -> f64 {
        match self {
            // The aim of the design; what there is is a little less.
            Self::Instructions => 15_000.0,
            // None; a table that grows once in the longer run is not an allocation per request.
            Self::Allocations => 0.01,
            // Two to receive and two to send, and a share of waiting for 64 connections at a time (0.03 to 0.06 here, more
            // on a machine that wakes it for each). One call more per request is over it.
            Self::Calls => 4.5,
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Instructions => "instructions",
            Self::Allocations => "allocations",
            Self::Calls => "system calls",
        })
    }
}

/// Counts of one run.
type Tally = BTreeMap<(Count, String), u64>;

/// What a request needs, and the greatest parts of that.
struct Figure {
    kind: Kind,
    count: Count,
    value: f64,
    parts: Vec<(String, f64)>,
}

impl Figure {
    fn new(kind: Kind, count: Count, per_request: &BTreeMap<(Count, String), f64>) -> Self {
        let mut parts: Vec<(String, f64)> = per_request
            .iter()
            .filter(|((counted, _), _)| *counted == count)
            .map(|((_, name), value)| (name.clone(), *value))
            .collect();
        let value = parts.iter().map(|(_, part)| part).sum();
        parts.sort_by(|(_, left), (_, right)| right.total_cmp(left));
        parts.retain(|(_, part)| *part >= value / 200.0 && *part >= 0.005);
        parts.truncate(PARTS);
        Self { kind, count, value, parts }
    }

    fn is_met(&self) -> bool {
        self.value <= self.count.most()
    }
}

pub(crate) fn run(options: &Options, peers: &[Peer], cores: Cores) -> Result<ExitCode, Error> {
    if options.check && !peers.iter().any(|peer| peer.kind == Kind::Ours) {
        return Err("there is nothing to check: ours is missing".into());
    }
    // Envoy is too large for valgrind.
    let counted = peers.iter().filter(|peer| matches!(peer.kind, Kind::Ours | Kind::Nginx | Kind::Haproxy));
    let mut figures = Vec::new();
    for peer in counted.filter(|peer| !options.check || peer.kind == Kind::Ours) {
        for tool in [callgrind::TOOL, strace::TOOL] {
            match tool.measure(peer, cores) {
                Ok(per_request) => {
                    let counts: BTreeSet<Count> = per_request.keys().map(|(count, _)| *count).collect();
                    figures.extend(counts.into_iter().map(|count| Figure::new(peer.kind, count, &per_request)));
                }
                Err(error) if is_missing(&*error) => eprintln!("skipped: {}: {error}", tool.name),
                Err(error) => return Err(format!("{} under {}: {error}", peer.kind, tool.name).into()),
            }
        }
    }
    let machine = Machine::here(peers);
    if options.json {
        let figures: Vec<Value> = figures.iter().map(Figure::json).collect();
        println!("{:#}", json!({"machine": machine.json(), "figures": figures}));
    } else {
        machine.print();
        print(&figures);
    }
    let within = figures.iter().all(|figure| figure.kind != Kind::Ours || figure.is_met());
    Ok(if within || !options.check { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(figures: &[Figure]) {
    println!("| proxy | per request | counted | of ours at most | met |\n|---|---|--:|--:|---|");
    for figure in figures {
        let Figure { kind, count, value, parts: _ } = figure;
        let met = match kind {
            Kind::Ours if figure.is_met() => "yes",
            Kind::Ours => "**no**",
            _ => "",
        };
        println!("| {kind} | {count} | {value:.2} | {} | {met} |", count.most());
    }
    for Figure { kind, count, value: _, parts } in figures {
        println!("\n{kind}, {count}:\n");
        for (name, part) in parts {
            println!("* {part:.2} {name}");
        }
    }
}

impl Figure {
    fn json(&self) -> Value {
        let Self { kind, count, value, parts } = self;
        let parts: Vec<Value> = parts.iter().map(|(name, part)| json!({"name": name, "value": part})).collect();
        json!({
            "proxy": kind.to_string(), "figure": count.to_string(), "value": value, "limit_of_ours": count.most(),
            "parts": parts,
        })
    }
}

impl Tool {
    /// What a request adds to each count.
    fn measure(&self, peer: &Peer, cores: Cores) -> Result<BTreeMap<(Count, String), f64>, Error> {
        let program = find_program(self.name).ok_or(NOT_INSTALLED)?;
        let (few, many) = self.requests;
        let before = self.once(&program, peer, few, cores)?;
        let after = self.once(&program, peer, many, cores)?;
        let per_request = |(name, count): ((Count, String), u64)| {
            let before = before.get(&name).copied().unwrap_or_default();
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            let (count, before) = (count as f64, before as f64);
            (name, (count - before) / f64::from(many - few))
        };
        Ok(after.into_iter().map(per_request).collect())
    }

    fn once(&self, program: &Path, peer: &Peer, requests: u32, cores: Cores) -> Result<Tally, Error> {
        let mut generator = Generator::new(true)?;
        let site = Site::new(1, 1, generator.origins(), Mode::OneProcess)?;
        let found = site.file("found");
        let tool = (self.command)(program, &found);
        let mut served = serve(peer, site, Some(tool), &mut generator, cores)?;
        let limit = Some(requests.into());
        generator.load(Plan { limit, ..Plan::new(served.site.http, self.connections) });
        generator.run_to(requests.into(), PATIENCE)?;
        generator.rest();
        let root = served.process.id();
        let proxy = served.process.family().into_iter().find(|pid| !self.is_parent || *pid != root);
        served.process.stop(proxy.ok_or("the proxy has ended")?)?;
        (self.read)(&std::fs::read_to_string(found)?)
    }
}

const NOT_INSTALLED: &str = "not installed";

/// Whether the tool is not there, or not allowed to do its work.
fn is_missing(error: &(dyn std::error::Error + Send + Sync)) -> bool {
    let message = error.to_string();
    message == NOT_INSTALLED || message.contains("PTRACE") && message.contains("not permitted")
}
