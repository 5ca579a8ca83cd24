//! What many hosts cost: until a proxy is ready, in memory, in throughput, and until the change of one of them has effect while
//! requests go on.

mod change;

use std::process::ExitCode;

use benches::matcher::Error;
use serde_json::{Value, json};

use crate::cores::Cores;
use crate::load::Generator;
use crate::machine::Machine;
use crate::options::Options;
use crate::peers::{Kind, Peer};
use crate::scenario::Scenario;
use crate::serve::serve;
use crate::site::{Mode, PATHS, Site};
use crate::summary::median;
use crate::turns;
use crate::usage::{Memory, memory};

use self::change::Changes;

/// What a proxy comes to.
struct Outcome {
    kind: Kind,
    /// With one route, before any load.
    idle: Memory,
    /// With all routes, before any load.
    full: Memory,
    /// After load and changes.
    used: Memory,
    /// Seconds until the last of all routes answers.
    ready: f64,
    /// Throughput with many hosts to that with one.
    throughput: Option<f64>,
    changes: Changes,
}

/// A figure of ours and the most that it may be.
struct Target {
    name: &'static str,
    most: f64,
    of: fn(&Outcome) -> Option<f64>,
}

const TARGETS: [Target; 6] = [
    Target { name: "seconds until ready", most: 2.0, of: |outcome| Some(outcome.ready) },
    Target { name: "MiB with one route", most: 12.0, of: |outcome| Some(outcome.idle.resident) },
    Target { name: "MiB more with all", most: 60.0, of: |outcome| Some(outcome.full.resident - outcome.idle.resident) },
    Target { name: "percent of throughput lost", most: 3.0, of: |outcome| Some(100.0 * (1.0 - outcome.throughput?)) },
    Target {
        name: "ms until a change has effect under load",
        most: 10.0,
        of: |outcome| median(outcome.changes.under_load.clone()),
    },
    Target { name: "requests failed or misrouted meanwhile", most: 0.0, of: |outcome| Some(outcome.changes.failed()) },
];

pub(crate) fn run(options: &Options, peers: &[Peer], cores: Cores) -> Result<ExitCode, Error> {
    let mut outcomes = Vec::new();
    for peer in peers.iter().filter(|peer| peer.kind != Kind::Relay) {
        match one(peer, options, cores) {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => {
                crate::interrupt::check()?;
                eprintln!("failed: {}: {error}", peer.kind);
            }
        }
    }
    let machine = Machine::here(peers);
    if options.json {
        let outcomes: Vec<Value> = outcomes.iter().map(Outcome::json).collect();
        println!(
            "{:#}",
            json!({"machine": machine.json(), "hosts": options.hosts, "paths": PATHS, "proxies": outcomes})
        );
    } else {
        machine.print();
        print(options, &outcomes);
    }
    Ok(if outcomes.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn one(peer: &Peer, options: &Options, cores: Cores) -> Result<Outcome, Error> {
    let kind = peer.kind;
    eprintln!("{kind}: one route");
    let mut generator = Generator::new(true)?;
    let site = Site::new(1, 1, generator.origins(), Mode::Plain)?;
    let served = serve(peer, site, None, &mut generator, cores)?;
    let idle = memory(&served.process.family())?;
    drop(served);

    eprintln!("{kind}: {} hosts", options.hosts);
    let site = Site::new(usize::try_from(options.hosts)?, PATHS, generator.origins(), Mode::Reload)?;
    let served = serve(peer, site, None, &mut generator, cores)?;
    let (ready, full) = (served.ready.as_secs_f64(), memory(&served.process.family())?);
    eprintln!("{kind}: changes");
    let changes = change::measure(peer, &served, &mut generator)
        .map_err(|error| format!("{error}: {}", served.process.last_words()))?;
    let used = memory(&served.process.family())?;
    drop(served);

    eprintln!("{kind}: throughput");
    let scenarios = [Scenario::H1, Scenario::Many];
    let results = turns::run(&scenarios, std::slice::from_ref(peer), options, cores)?;
    let throughput = results.ratio((Scenario::Many, kind), (Scenario::H1, kind)).map(|ratio| ratio.median);
    Ok(Outcome { kind, idle, full, used, ready, throughput, changes })
}

fn print(options: &Options, outcomes: &[Outcome]) {
    println!(
        "{} hosts with {PATHS} paths each; memory is resident, in brackets with shared pages divided\n",
        options.hosts
    );
    println!(
        "| proxy | ready s | MiB, one route | MiB, all | MiB after changes | throughput to that of one | \
         ms until a change has effect | ms under load | failed or misrouted requests |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    );
    for outcome in outcomes {
        let Outcome { kind, idle, full, used, ready, throughput, changes } = outcome;
        let [idle, full, used] =
            [idle, full, used].map(|memory| format!("{:.1} ({:.1})", memory.resident, memory.proportional));
        let throughput = throughput.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        println!("| {kind} | {ready:.2} | {idle} | {full} | {used} | {throughput} | {changes} |");
    }
    for outcome in outcomes {
        if let Some(failure) = &outcome.changes.first_failure {
            println!("\n{}: first failure: {failure}", outcome.kind);
        }
    }
    let Some(ours) = outcomes.iter().find(|outcome| outcome.kind == Kind::Ours) else { return };
    println!("\n| ours | measured | at most | met |\n|---|--:|--:|---|");
    for Target { name, most, of } in TARGETS {
        match of(ours) {
            Some(value) => {
                println!("| {name} | {value:.2} | {most} | {} |", if value <= most { "yes" } else { "**no**" });
            }
            None => println!("| {name} | - | {most} | **no** |"),
        }
    }
}

impl Outcome {
    fn json(&self) -> Value {
        let Self { kind, idle, full, used, ready, throughput, changes } = self;
        let mebibytes = |memory: &Memory| json!({"resident": memory.resident, "proportional": memory.proportional});
        json!({
            "proxy": kind.to_string(),
            "ready_s": ready,
            "mib": {"one_route": mebibytes(idle), "all": mebibytes(full), "after_changes": mebibytes(used)},
            "throughput_to_one_route": throughput,
            "changes": changes.json(),
        })
    }
}
