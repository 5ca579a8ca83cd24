//! A proxy that serves a site: started, and ready once its last route answers.

use std::time::{Duration, Instant};

use benches::matcher::Error;

use crate::cores::{Cores, Place};
use crate::load::{Generator, Plan};
use crate::peers::Peer;
use crate::process::{Launch, Process};
use crate::site::Site;

/// How long a proxy may take to be ready: nginx needs many seconds for 100,000 routes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(2);

/// A proxy at work.
#[derive(Debug)]
pub(crate) struct Served {
    // Ended before its files are removed.
    pub(crate) process: Process,
    pub(crate) site: Site,
    /// From its start to the first answer of the last route.
    pub(crate) ready: Duration,
}

/// Starts a proxy, under a tool if one is given, and waits until it serves. To start it has the cores that there are, and then one.
pub(crate) fn serve(
    peer: &Peer,
    site: Site,
    tool: Option<Launch>,
    generator: &mut Generator,
    cores: Cores,
) -> Result<Served, Error> {
    let mut launch = peer.prepare(&site)?;
    if let Some(tool) = tool {
        launch = launch.under(tool);
    }
    let start = Instant::now();
    let mut process = Process::start(&launch, cores, Place::Both, &site.file("output"))?;
    let last = Plan::probe(site.http, site.hosts - 1, site.paths - 1);
    loop {
        match generator.ask(last.clone(), PATIENCE)? {
            Ok(_) => break,
            Err(_) if process.has_ended() => {
                return Err(format!("{} ended: {}", peer.kind, process.last_words()).into());
            }
            Err(reason) if start.elapsed() > PATIENCE => {
                return Err(format!("{} is not ready: {reason}: {}", peer.kind, process.last_words()).into());
            }
            Err(_) => generator.run_for(PAUSE)?,
        }
    }
    let ready = start.elapsed();
    for process in process.family() {
        cores.hold(process, Place::Proxy)?;
    }
    Ok(Served { process, site, ready })
}
