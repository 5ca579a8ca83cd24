//! Scenarios and proxies, in rounds: within a round and a scenario every proxy has its turn, in an order that changes, so that
//! noise meets all of them alike.

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use benches::matcher::Error;
use benches::random::Random;

use crate::cores::Cores;
use crate::h2load::H2load;
use crate::load::Generator;
use crate::machine::Machine;
use crate::options::Options;
use crate::peers::{Kind, Peer, find_program};
use crate::scenario::Scenario;
use crate::serve::serve;
use crate::site::Mode;
use crate::summary::{Results, Sample};
use crate::{turns, window};

pub(crate) fn run(options: &Options, peers: &[Peer], cores: Cores) -> Result<ExitCode, Error> {
    let scenarios = if options.only.is_empty() { Scenario::DEFAULT.to_vec() } else { options.only.clone() };
    let how = if options.turns() > 1 { turns::run } else { one_by_one };
    let results = how(&scenarios, peers, options, cores)?;
    let machine = Machine::here(peers);
    if options.json {
        println!("{:#}", results.json(&machine));
    } else {
        machine.print();
        results.print();
    }
    Ok(if results.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Each proxy is started for each measurement.
fn one_by_one(scenarios: &[Scenario], peers: &[Peer], options: &Options, cores: Cores) -> Result<Results, Error> {
    let mut random = any_order()?;
    let (rounds, ..) = options.timing();
    let mut results = Results::default();
    let begin = Instant::now();
    let budget = Duration::from_secs(u64::from(options.minutes) * 60);
    for round in 0..rounds {
        for scenario in scenarios {
            let mut order: Vec<&Peer> = peers.iter().filter(|peer| scenario.suits(peer.kind)).collect();
            shuffle(&mut order, &mut random);
            for peer in order {
                if begin.elapsed() > budget {
                    eprintln!("skipped: round {}, {scenario}, {}: out of time", round + 1, peer.kind);
                    continue;
                }
                let outcome = measure(*scenario, peer, options, cores);
                crate::interrupt::check()?;
                let told =
                    outcome.as_ref().map_or_else(ToString::to_string, |sample| format!("{:.0}", sample.per_cpu_second));
                let seconds = begin.elapsed().as_secs();
                eprintln!("[{seconds:>4} s] round {} of {rounds}, {scenario}, {}: {told}", round + 1, peer.kind);
                results.add(*scenario, peer.kind, round, outcome.map_err(|error| error.to_string()));
            }
        }
    }
    Ok(results)
}

/// One proxy, one scenario, once.
fn measure(scenario: Scenario, peer: &Peer, options: &Options, cores: Cores) -> Result<Sample, Error> {
    let (_, warm_up, seconds) = options.timing();
    let [warm_up, seconds] = [warm_up, seconds].map(Duration::from_secs_f64);
    // A relay adds no headers that the origin could look for.
    let mut generator = Generator::new(peer.kind != Kind::Relay)?;
    let site = scenario.site(usize::try_from(options.hosts)?, generator.origins())?;
    if site.mode == Mode::Log {
        site.use_memory()?;
    }
    let served = serve(peer, site, None, &mut generator, cores)?;
    let mut h2load = None;
    match scenario.plan(&served.site)? {
        Some(plan) => {
            scenario.meet(&plan, &mut generator)?;
            generator.load(plan);
        }
        None => {
            let program = find_program("h2load").ok_or("skipped: h2load is not installed")?;
            h2load = Some(H2load::start(&program, &served.site, warm_up + seconds, cores)?);
        }
    }
    generator.run_for(warm_up)?;
    let sample = window::measure(&served.process, &mut generator, seconds);
    if let Some(h2load) = h2load {
        h2load.finish(&mut generator)?;
    }
    window::failure(&generator)?;
    generator.rest();
    sample
}

/// Random numbers that differ from run to run.
pub(crate) fn any_order() -> Result<Random, Error> {
    Ok(Random::new(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs()))
}

pub(crate) fn shuffle<T>(values: &mut [T], random: &mut Random) {
    for end in (1..values.len()).rev() {
        values.swap(end, random.below(end + 1));
    }
}
