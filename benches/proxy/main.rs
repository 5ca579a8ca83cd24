//! `ingress-proxy` beside nginx, HAProxy and Envoy, on this machine: see `benches/proxy/README.md`.
//!
//! The proxy has one core, this program the other: it is all clients and the origin. What counts is requests per second of
//! the proxy's time on a core, and in `--count` what needs no clock: instructions, system calls and allocations.

mod compare;
mod cores;
mod count;
mod h2load;
mod interrupt;
mod load;
mod machine;
mod options;
mod peers;
mod process;
mod relay;
mod scale;
mod scenario;
mod serve;
mod site;
mod summary;
mod turns;
mod usage;
mod window;

use std::process::ExitCode;

use benches::matcher::Error;
use clap::Parser as _;

use crate::cores::Cores;
use crate::options::Options;

fn main() -> Result<ExitCode, Error> {
    let options = Options::parse();
    if let Some(addresses) = &options.relay {
        relay::run(addresses)?;
        return Ok(ExitCode::SUCCESS);
    }
    interrupt::listen()?;
    let cores = Cores::take()?;
    if !cores.are_two() {
        eprintln!("there is only one core: the proxies share it with the clients, so times mean little");
    }
    let peers = options.find_peers();
    match (options.count, options.scale) {
        (true, _) => count::run(&options, &peers, cores),
        (_, true) => scale::run(&options, &peers, cores),
        _ => compare::run(&options, &peers, cores),
    }
}
