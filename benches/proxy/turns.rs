//! Proxies that stay up and take turns, in windows of which many fit into the time for which a noisy machine stays as it is.
//!
//! What differs by a few percent is lost between proxies that are started one after the other: where their memory and their
//! connections come to lie is another time's, and so is what else the machine does. Here a round starts all of them, shows each all
//! of its routes once, and then measures window by window, in an order that changes. Scenarios of the same site share a process.

use std::rc::Rc;
use std::time::{Duration, Instant};

use benches::matcher::Error;

use crate::compare::{any_order, shuffle};
use crate::cores::Cores;
use crate::load::{Generator, Plan};
use crate::options::Options;
use crate::peers::{Kind, Peer};
use crate::scenario::Scenario;
use crate::serve::{Served, serve};
use crate::site::Mode;
use crate::summary::Results;
use crate::window;

/// Of each window so much is not measured: connections are made, and caches have the other's data.
const SETTLE: f64 = 0.2;

/// A scenario that a proxy is put through.
struct Seat {
    scenario: Scenario,
    kind: Kind,
    served: Rc<Served>,
    plan: Plan,
}

/// Measures scenarios and proxies in so many rounds of so many windows each.
pub(crate) fn run(scenarios: &[Scenario], peers: &[Peer], options: &Options, cores: Cores) -> Result<Results, Error> {
    let mut random = any_order()?;
    let (rounds, warm_up, seconds) = options.timing();
    let [warm_up, settle, seconds] = [warm_up, seconds * SETTLE, seconds * (1.0 - SETTLE)].map(Duration::from_secs_f64);
    let turns = options.turns();
    let budget = Duration::from_secs(u64::from(options.minutes) * 60);
    let begin = Instant::now();
    let mut results = Results::default();
    for round in 0..rounds {
        // A relay adds no headers that the origin could look for.
        let mut generator = Generator::new(peers.iter().all(|peer| peer.kind != Kind::Relay))?;
        let mut seats = take_seats(scenarios, peers, options, cores, &mut generator)?;
        for seat in &seats {
            seat.scenario.meet(&seat.plan, &mut generator)?;
            generator.load(seat.plan.clone());
            generator.run_for(warm_up)?;
        }
        for turn in 0..turns {
            if begin.elapsed() > budget {
                eprintln!("skipped: turns {} to {turns} of round {}: out of time", turn + 1, round + 1);
                break;
            }
            shuffle(&mut seats, &mut random);
            for seat in &seats {
                generator.load(seat.plan.clone());
                generator.run_for(settle)?;
                let sample = window::measure(&seat.served.process, &mut generator, seconds)
                    .and_then(|sample| window::failure(&generator).map(|()| sample));
                results.add(seat.scenario, seat.kind, round * turns + turn, sample.map_err(|error| error.to_string()));
            }
        }
        generator.rest();
        eprintln!("[{:>4} s] round {} of {rounds}: {turns} turns", begin.elapsed().as_secs(), round + 1);
    }
    Ok(results)
}

/// Starts every proxy once for each site that a scenario of its has.
fn take_seats(
    scenarios: &[Scenario],
    peers: &[Peer],
    options: &Options,
    cores: Cores,
    generator: &mut Generator,
) -> Result<Vec<Seat>, Error> {
    let mut seats: Vec<Seat> = Vec::new();
    for peer in peers {
        for scenario in scenarios.iter().filter(|scenario| scenario.suits(peer.kind)) {
            let site = scenario.site(usize::try_from(options.hosts)?, generator.origins())?;
            let alike = seats.iter().find(|seat| seat.kind == peer.kind && seat.served.site.is_like(&site));
            let served = match alike.map(|seat| Rc::clone(&seat.served)) {
                Some(served) => served,
                None => {
                    if site.mode == Mode::Log {
                        site.use_memory()?;
                    }
                    Rc::new(serve(peer, site, None, generator, cores)?)
                }
            };
            match scenario.plan(&served.site)? {
                Some(plan) => seats.push(Seat { scenario: *scenario, kind: peer.kind, served, plan }),
                None => eprintln!("skipped: {scenario}: it takes no turns, as its load is another program's"),
            }
        }
    }
    Ok(seats)
}
