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
use crate::usage;

/// Less time on a core than this is too little to divide by.
const LEAST_CPU: f64 = 0.05;

pub(crate) fn run(options: &Options, peers: &[Peer], cores: Cores) -> Result<ExitCode, Error> {
    let scenarios = if options.only.is_empty() { Scenario::DEFAULT.to_vec() } else { options.only.clone() };
    let (rounds, ..) = options.timing();
    let mut results = Results::default();
    let mut random = Random::new(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs());
    let begin = Instant::now();
    let budget = Duration::from_secs(u64::from(options.minutes) * 60);
    for round in 0..rounds {
        for scenario in &scenarios {
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
    let machine = Machine::here(peers);
    if options.json {
        println!("{:#}", results.json(&machine));
    } else {
        machine.print();
        results.print();
    }
    Ok(if results.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// One proxy, one scenario, once.
pub(crate) fn measure(scenario: Scenario, peer: &Peer, options: &Options, cores: Cores) -> Result<Sample, Error> {
    let (_, warm_up, seconds) = options.timing();
    let [warm_up, seconds] = [warm_up * scenario.warm_ups(), seconds].map(Duration::from_secs_f64);
    // A relay adds no headers that the origin could look for.
    let mut generator = Generator::new(peer.kind != Kind::Relay)?;
    let site = scenario.site(usize::try_from(options.hosts)?, generator.origins())?;
    if site.mode == Mode::Log {
        site.use_memory()?;
    }
    let served = serve(peer, site, None, &mut generator, cores)?;
    let mut h2load = None;
    match scenario.plan(&served.site)? {
        Some(plan) => generator.load(plan),
        None => {
            let program = find_program("h2load").ok_or("skipped: h2load is not installed")?;
            h2load = Some(H2load::start(&program, &served.site, warm_up + seconds, cores)?);
        }
    }
    generator.run_for(warm_up)?;
    let family = served.process.family();
    let (answered, before, start) = (generator.answered(), usage::cpu(&family), Instant::now());
    generator.run_for(seconds)?;
    let (answered, after, time) = (generator.answered() - answered, usage::cpu(&family), start.elapsed());
    if let Some(h2load) = h2load {
        h2load.finish(&mut generator)?;
    }
    if let Some(failure) = generator.counts().first_failure.or_else(|| generator.complaint().map(str::to_owned)) {
        return Err(failure.into());
    }
    generator.rest();
    let (user, system) = (after.user - before.user, after.system - before.system);
    if answered == 0 || user + system < LEAST_CPU {
        return Err(format!("{answered} requests in {:.3} s on a core are too few", user + system).into());
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let requests = answered as f64;
    Ok(Sample {
        per_cpu_second: requests / (user + system),
        per_second: requests / time.as_secs_f64(),
        user: user * 1e6 / requests,
        system: system * 1e6 / requests,
    })
}

fn shuffle<T>(values: &mut [T], random: &mut Random) {
    for end in (1..values.len()).rev() {
        values.swap(end, random.below(end + 1));
    }
}
