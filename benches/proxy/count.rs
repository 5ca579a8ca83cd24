//! What a request costs, counted instead of timed: instructions and allocations under callgrind, system calls under strace.
//!
//! Each proxy is run twice, for few requests and for many, on as many connections: the difference leaves starting, connecting
//! and warming up out.

mod callgrind;
mod strace;

use std::collections::BTreeMap;
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

/// The most that ours may need per request.
const MOST_INSTRUCTIONS: f64 = 15_000.0;
/// Two to receive and two to send, and a share of waiting for 64 connections at a time.
const MOST_CALLS: f64 = 4.1;
/// None; a table that grows once in the longer run is not an allocation per request.
const MOST_ALLOCATIONS: f64 = 0.01;
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

/// Counts of one run by name.
type Tally = BTreeMap<String, u64>;

/// A figure with its limit, and what it consists of.
struct Figure {
    what: &'static str,
    value: f64,
    most: f64,
    parts: Vec<(String, f64)>,
}

pub(crate) fn run(options: &Options, peers: &[Peer], cores: Cores) -> Result<ExitCode, Error> {
    if options.check && !peers.iter().any(|peer| peer.kind == Kind::Ours) {
        return Err("there is nothing to check: ours is missing".into());
    }
    // Envoy is too large for valgrind.
    let counted = peers.iter().filter(|peer| matches!(peer.kind, Kind::Ours | Kind::Nginx | Kind::Haproxy));
    let (mut within, mut rows) = (true, Vec::new());
    for peer in counted.filter(|peer| !options.check || peer.kind == Kind::Ours) {
        for tool in [callgrind::TOOL, strace::TOOL] {
            match tool.measure(peer, cores) {
                Ok(tally) => {
                    for figure in (if tool.is_parent { strace::figures } else { callgrind::figures })(&tally) {
                        within &= peer.kind != Kind::Ours || figure.value <= figure.most;
                        rows.push((peer.kind, figure));
                    }
                }
                Err(error) if is_missing(&*error) => eprintln!("skipped: {}: {error}", tool.name),
                Err(error) => return Err(format!("{} under {}: {error}", peer.kind, tool.name).into()),
            }
        }
    }
    print(&rows, options, peers);
    Ok(if within || !options.check { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(rows: &[(Kind, Figure)], options: &Options, peers: &[Peer]) {
    let machine = Machine::here(peers);
    if options.json {
        let figures: Vec<Value> = rows
            .iter()
            .map(|(kind, Figure { what, value, most, parts })| {
                let parts: serde_json::Map<String, Value> = parts.iter().map(|(name, part)| (name.clone(), json!(part))).collect();
                json!({"proxy": kind.to_string(), "figure": what, "value": value, "limit_of_ours": most, "parts": parts})
            })
            .collect();
        println!("{:#}", json!({"machine": machine.json(), "figures": figures}));
        return;
    }
    machine.print();
    println!("| proxy | per request | counted | of ours at most | met | consisting of |\n|---|---|--:|--:|---|---|");
    for (kind, Figure { what, value, most, parts }) in rows {
        let met = match kind {
            Kind::Ours if value <= most => "yes",
            Kind::Ours => "**no**",
            _ => "",
        };
        let parts: Vec<String> = parts.iter().map(|(name, part)| format!("{name} {part:.2}")).collect();
        println!("| {kind} | {what} | {value:.2} | {most} | {met} | {} |", parts.join(", "));
    }
}

impl Tool {
    /// What a request adds to each count.
    fn measure(&self, peer: &Peer, cores: Cores) -> Result<BTreeMap<String, f64>, Error> {
        let program = find_program(self.name).ok_or(NOT_INSTALLED)?;
        let (few, many) = self.requests;
        let before = self.once(&program, peer, few, cores)?;
        let after = self.once(&program, peer, many, cores)?;
        let per_request = |(name, count): (String, u64)| {
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
