//! Changes of one host of many while requests go on: how long each takes to have effect, and whether any request suffers.

use std::fmt;
use std::time::{Duration, Instant};

use benches::matcher::Error;
use benches::random::Random;
use serde_json::{Value, json};

use crate::load::{Generator, Plan};
use crate::peers::Peer;
use crate::serve::Served;
use crate::site::{NAMED, Site};
use crate::summary::median;

/// Connections that ask meanwhile.
const CONNECTIONS: usize = 16;
/// Changes to be made without and with that load, and after how long there are enough of each.
const CHANGES: usize = 20;
const BUDGET: Duration = Duration::from_secs(25);
/// Between two changes.
const PAUSE: Duration = Duration::from_millis(200);
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Requests to the changed host and to another after the change has been seen.
const CONTROLS: usize = 5;

/// What came of the changes.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Milliseconds from the event to the first answer that shows it, while nothing else goes on.
    pub(super) at_rest: Vec<f64>,
    /// The same under load.
    pub(super) under_load: Vec<f64>,
    /// Requests of the load that were answered well, and that were not.
    completed: u64,
    load_failed: u64,
    /// Probes that failed, or that were answered by the wrong backend once the change had been seen.
    probes_failed: u64,
    pub(super) first_failure: Option<String>,
}

pub(super) fn measure(peer: &Peer, served: &Served, generator: &mut Generator) -> Result<Changes, Error> {
    let (site, hosts) = (&served.site, served.site.hosts);
    let mut changes = Changes::default();
    changes.at_rest = changes.make(peer, served, generator)?;
    generator.load(Plan { hosts: 0..hosts, paths: 0..site.paths, ..Plan::new(site.http, CONNECTIONS) });
    changes.under_load = changes.make(peer, served, generator)?;
    let counts = generator.counts();
    generator.rest();
    (changes.completed, changes.load_failed) = (counts.completed, counts.failed);
    changes.first_failure = counts.first_failure.or(changes.first_failure);
    Ok(changes)
}

impl Changes {
    /// Moves hosts to the other backend and back, one step at a time, and tells how long each took.
    fn make(&mut self, peer: &Peer, served: &Served, generator: &mut Generator) -> Result<Vec<f64>, Error> {
        let (site, hosts) = (&served.site, served.site.hosts);
        let mut random = Random::new(11);
        let mut times = Vec::new();
        let begin = Instant::now();
        // A host that has been moved is moved back, so that an even number of steps leaves everything as it was.
        while times.len() < CHANGES && (begin.elapsed() < BUDGET || times.is_empty()) {
            let host = random.below(hosts);
            for (moved, due) in [(true, NAMED[1]), (false, NAMED[0])] {
                let change = peer.change(site, host, moved)?;
                generator.run_for(PAUSE)?;
                let start = Instant::now();
                change.apply(&served.process)?;
                while self.ask(generator, site, host)? != Some(due) {
                    if start.elapsed() > PATIENCE {
                        return Err(format!("a change had no effect within {PATIENCE:?}").into());
                    }
                }
                times.push(start.elapsed().as_secs_f64() * 1e3);
                for _ in 0..CONTROLS {
                    for (host, due) in [(host, due), ((host + 1) % hosts, NAMED[0])] {
                        if self.ask(generator, site, host)?.is_some_and(|origin| origin != due) {
                            self.probe_failed(format!("h{host} is answered by the wrong backend after a change"));
                        }
                    }
                }
            }
        }
        Ok(times)
    }

    /// Requests that should have been answered well and were not.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    pub(super) fn failed(&self) -> f64 {
        (self.load_failed + self.probes_failed) as f64
    }

    /// Which origin answers for the first path of a host. A failure is noted.
    fn ask(&mut self, generator: &mut Generator, site: &Site, host: usize) -> Result<Option<u8>, Error> {
        match generator.ask(Plan::probe(site.http, host, 0), PATIENCE)? {
            Ok(origin) => Ok(Some(origin)),
            Err(failure) => {
                self.probe_failed(failure);
                Ok(None)
            }
        }
    }

    fn probe_failed(&mut self, failure: String) {
        self.probes_failed += 1;
        self.first_failure.get_or_insert(failure);
    }

    pub(super) fn json(&self) -> Value {
        let Self { at_rest, under_load, completed, load_failed, probes_failed, first_failure } = self;
        json!({
            "milliseconds_at_rest": at_rest, "milliseconds_under_load": under_load, "requests_completed": completed,
            "requests_failed": load_failed, "probes_failed": probes_failed, "first_failure": first_failure,
        })
    }
}

/// Cells of a table: how long changes took at rest and under load, and what failed.
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for times in [&self.at_rest, &self.under_load] {
            let least = times.iter().copied().fold(f64::INFINITY, f64::min);
            let most = times.iter().copied().fold(0.0, f64::max);
            write!(f, "{:.1} ({least:.1}–{most:.1}) | ", median(times.clone()).unwrap_or_default())?;
        }
        write!(f, "{} of {}", self.load_failed + self.probes_failed, self.completed)
    }
}
