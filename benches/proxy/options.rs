//! The command line.

use std::path::{Path, PathBuf};

use clap::Parser;

use crate::peers::{Kind, Peer};
use crate::scenario::Scenario;

/// The windows of a round of `--scale`: a few percent are looked for.
const SCALE_TURNS: usize = 20;

/// Measures ingress-proxy beside nginx, HAProxy and Envoy.
#[derive(Debug, Parser)]
#[command(name = "proxy", version)]
pub(crate) struct Options {
    /// Scenarios to run; all but handshake-pq and one-of-many without this.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SCENARIO")]
    pub(crate) only: Vec<Scenario>,
    /// Proxies to measure; all without this.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PROXY")]
    pub(crate) peers: Vec<Kind>,
    /// Rounds, in each of which every proxy has its turn.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) rounds: u16,
    /// Windows of each round, in which proxies that stay up take turns; without this each is started for each measurement.
    #[arg(long, value_parser = clap::value_parser!(u16).range(2..=1_000), conflicts_with = "count")]
    turns: Option<u16>,
    /// How long each measurement takes.
    #[arg(long, default_value_t = 1.5, value_parser = seconds)]
    pub(crate) seconds: f64,
    /// How long the load runs before that.
    #[arg(long, default_value_t = 0.4, value_parser = seconds)]
    pub(crate) warm_up: f64,
    /// After how many minutes no further measurement begins.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) minutes: u16,
    /// One short round.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Hosts of the scenarios with many.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub(crate) hosts: u32,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Count instructions, allocations and system calls per request instead.
    #[arg(long, conflicts_with = "scale")]
    pub(crate) count: bool,
    /// Fail if ours needs more than it may, where that can be counted.
    #[arg(long, requires = "count")]
    pub(crate) check: bool,
    /// Measure start-up, memory and changes with many hosts instead.
    #[arg(long)]
    pub(crate) scale: bool,
    /// ingress-proxy, by default the one beside this program.
    #[arg(long, value_name = "PATH")]
    ours: Option<PathBuf>,
    /// nginx, by default the one in PATH or /usr/sbin.
    #[arg(long, value_name = "PATH")]
    nginx: Option<PathBuf>,
    /// haproxy, likewise.
    #[arg(long, value_name = "PATH")]
    haproxy: Option<PathBuf>,
    /// envoy, likewise.
    #[arg(long, value_name = "PATH")]
    envoy: Option<PathBuf>,
    /// Another build of ingress-proxy, to compare this one with.
    #[arg(long, value_name = "PATH")]
    before: Option<PathBuf>,
    /// Be the relay: LISTEN=CONNECT.
    #[arg(long, hide = true)]
    pub(crate) relay: Option<String>,
}

impl Options {
    /// The proxies that were asked for and are there. Names the others.
    pub(crate) fn find_peers(&self) -> Vec<Peer> {
        let all = [Kind::Ours, Kind::Before, Kind::Nginx, Kind::Haproxy, Kind::Envoy, Kind::Relay];
        let is_wanted = |kind: &Kind| match kind {
            Kind::Before => self.before.is_some() || self.peers.contains(kind),
            _ => self.peers.is_empty() || self.peers.contains(kind),
        };
        let wanted = all.into_iter().filter(is_wanted);
        let found = wanted.filter_map(|kind| match Peer::find(kind, self.path(kind)) {
            Ok(peer) => Some(peer),
            Err(reason) => {
                eprintln!("skipped: {kind}: {reason}");
                None
            }
        });
        found.collect()
    }

    /// Rounds, seconds of warm-up and seconds of measurement.
    pub(crate) fn timing(&self) -> (usize, f64, f64) {
        if self.quick { (1, 0.25, 0.75) } else { (self.rounds.into(), self.warm_up, self.seconds) }
    }

    /// How often a measurement is repeated before the proxies are started anew.
    pub(crate) fn turns(&self) -> usize {
        match self.turns {
            Some(turns) => turns.into(),
            None if self.scale => SCALE_TURNS,
            None => 1,
        }
    }

    fn path(&self, kind: Kind) -> Option<&Path> {
        match kind {
            Kind::Ours => self.ours.as_deref(),
            Kind::Nginx => self.nginx.as_deref(),
            Kind::Haproxy => self.haproxy.as_deref(),
            Kind::Envoy => self.envoy.as_deref(),
            Kind::Before => self.before.as_deref(),
            Kind::Relay => None,
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.05..=600.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0.05 to 600".into()),
    }
}
