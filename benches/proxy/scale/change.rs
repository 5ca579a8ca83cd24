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
/// Changes to be made, and after how long there are enough.
const CHANGES: usize = 30;
const BUDGET: Duration = Duration::from_secs(40);
/// Between two changes.
const PAUSE: Duration = Duration::from_millis(200);
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Requests to the changed host and to another after the change has been seen.
const CONTROLS: usize = 5;

/// What came of the changes.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// From the event to the first answer that shows it.
    pub(super) milliseconds: Vec<f64>,
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
    let mut random = Random::new(11);
    generator.load(Plan { hosts: 0..hosts, paths: 0..site.paths, ..Plan::new(site.http, CONNECTIONS) });
    let begin = Instant::now();
    let mut before = None;
    while changes.milliseconds.len() < CHANGES && begin.elapsed() < BUDGET {
        let moved = random.below(hosts);
        if before == Some(moved) {
            continue;
        }
        let change = peer.change(site, Some(moved), before)?;
        generator.run_for(PAUSE)?;
        let start = Instant::now();
        change.apply(&served.process)?;
        while changes.ask(generator, site, moved)? != Some(NAMED[1]) {
            if start.elapsed() > PATIENCE {
                return Err(format!("a change had no effect within {PATIENCE:?}").into());
            }
        }
        changes.milliseconds.push(start.elapsed().as_secs_f64() * 1e3);
        for _ in 0..CONTROLS {
            for (host, origin) in [(moved, NAMED[1]), (before.unwrap_or((moved + 1) % hosts), NAMED[0])] {
                if changes.ask(generator, site, host)?.is_some_and(|answered| answered != origin) {
                    changes.probe_failed(format!("h{host} is answered by another backend after a change"));
                }
            }
        }
        before = Some(moved);
    }
    let counts = generator.counts();
    generator.rest();
    (changes.completed, changes.load_failed) = (counts.completed, counts.failed);
    changes.first_failure = counts.first_failure.or(changes.first_failure);
    Ok(changes)
}

impl Changes {
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
        let Self { milliseconds, completed, load_failed, probes_failed, first_failure } = self;
        json!({
            "milliseconds": milliseconds, "requests_completed": completed, "requests_failed": load_failed,
            "probes_failed": probes_failed, "first_failure": first_failure,
        })
    }
}

/// Cells of a table: how many, how long, what failed.
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = &self.milliseconds;
        let least = times.iter().copied().fold(f64::INFINITY, f64::min);
        let most = times.iter().copied().fold(0.0, f64::max);
        let middle = median(times.clone()).unwrap_or_default();
        let (failed, all) = (self.load_failed + self.probes_failed, self.completed);
        write!(f, "{} | {middle:.1} ({least:.1}–{most:.1}) | {failed} of {all}", times.len())
    }
}
