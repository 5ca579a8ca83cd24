//! Instructions per lookup and per trial of an Ingress, which no other program on the machine can disturb.
//!
//! `instructions --measure [ROUTES]` runs itself under callgrind, once with few and once with many lookups, and divides the
//! difference by the difference in lookups, so that building counts for nothing. `--check [ROUTES]` does so for our own two
//! contenders and fails when a limit is exceeded or a lookup allocates, or when a trial costs more where there is more. Both do nothing where valgrind is missing. The
//! default is ten thousand routes: the count hardly depends on it, and building under valgrind takes long.

mod callgrind;
mod trials;

use std::alloc::System;
use std::process::ExitCode;

use benches::contenders::{ALL, DECIDE, LOCATE};
use benches::keys::{Distribution, Keys};
use benches::matcher::{Contender, Error, check};
use benches::workload::Workload;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Keys of one sweep.
const KEYS: usize = 4_096;
/// Sweeps of the short run and of the long one.
const SWEEPS: (usize, usize) = (1, 9);
/// Routes where no number is given.
const ROUTES: usize = 10_000;
/// The most instructions that our contenders may take.
const LIMITS: [(Contender, u64); 2] = [(LOCATE, 343), (DECIDE, 340)];
/// What the check allows beyond, in percent: libc chooses its `memcmp` by the processor that it finds.
const SLACK: u64 = 3;

fn main() -> Result<ExitCode, Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments {
        ["--sweep", name, routes, sweeps] => sweep(name, routes.parse()?, sweeps.parse()?),
        ["--try", ingresses, findings, times] => trials::run(ingresses.parse()?, findings.parse()?, times.parse()?),
        ["--measure"] => measure(ROUTES),
        ["--measure", routes] => measure(routes.parse()?),
        ["--check"] => check_limits(ROUTES),
        ["--check", routes] => check_limits(routes.parse()?),
        _ => Err("usage: instructions --measure [ROUTES] | --check [ROUTES]".into()),
    }
}

/// The work that is counted: build, then look up.
fn sweep(name: &str, routes: usize, sweeps: usize) -> Result<ExitCode, Error> {
    let contender = ALL.into_iter().find(|contender| contender.name == name).ok_or("no such contender")?;
    let workload = Workload::new(routes);
    let keys = Keys::timed(&workload, Distribution::Uniform, KEYS);
    let probes = keys.probes()?;
    let matcher = (contender.build)(&workload)?;
    for _ in 0..sweeps {
        probes.iter().for_each(|batch| matcher.sweep(batch));
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(routes: usize) -> Result<ExitCode, Error> {
    println!("| matcher | instructions per lookup at {routes} routes |\n|---|--:|");
    for contender in ALL.into_iter().filter(|contender| routes <= contender.most_routes) {
        match per_lookup(contender, routes)? {
            Some(count) => println!("| {} | {count} |", contender.name),
            None => return Ok(skipped()),
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn check_limits(routes: usize) -> Result<ExitCode, Error> {
    let mut within = true;
    for (contender, limit) in LIMITS {
        let allocations = allocations(contender, routes)?;
        println!("{}: {allocations} allocations in {KEYS} lookups, 0 allowed", contender.name);
        within &= allocations == 0;
        match per_lookup(contender, routes)? {
            Some(count) => {
                println!("{}: {count} instructions per lookup at {routes} routes, target {limit}", contender.name);
                within &= count * 100 <= limit * (100 + SLACK);
            }
            None => println!("{}: instructions not counted, for want of valgrind", contender.name),
        }
    }
    within &= trials::check()?;
    Ok(if within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn skipped() -> ExitCode {
    println!("skipped: valgrind is not installed");
    ExitCode::SUCCESS
}

/// How often a sweep asks for memory, once the answers have been seen to be right.
fn allocations(contender: Contender, routes: usize) -> Result<usize, Error> {
    let workload = Workload::new(routes);
    let matcher = (contender.build)(&workload)?;
    check(contender.name, &*matcher, &Keys::control(&workload))?;
    let keys = Keys::timed(&workload, Distribution::Uniform, KEYS);
    let probes = keys.probes()?;
    let region = Region::new(ALLOCATOR);
    probes.iter().for_each(|batch| matcher.sweep(batch));
    let change = region.change();
    Ok(change.allocations + change.reallocations)
}

/// Instructions per lookup; none without valgrind.
fn per_lookup(contender: Contender, routes: usize) -> Result<Option<u64>, Error> {
    let (few, many) = SWEEPS;
    let cost = |sweeps: usize| callgrind::count(&["--sweep", contender.name, &routes.to_string(), &sweeps.to_string()]);
    let (Some(few_cost), Some(many_cost)) = (cost(few)?, cost(many)?) else {
        return Ok(None);
    };
    let lookups = u64::try_from((many - few) * KEYS)?;
    Ok(Some(many_cost.saturating_sub(few_cost).div_ceil(lookups)))
}
