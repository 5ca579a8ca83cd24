//! What the figures were measured on.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::peers::Peer;

/// Date, machine and versions.
#[derive(Debug)]
pub(crate) struct Machine {
    date: String,
    processor: String,
    cores: usize,
    kernel: String,
    congestion_control: String,
    peers: Vec<(String, String)>,
}

impl Machine {
    /// Looks around.
    pub(crate) fn here(peers: &[Peer]) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let information = read("/proc/cpuinfo");
        let field = |name| information.lines().filter(move |line| line.starts_with(name));
        let processor =
            field("model name").next().and_then(|line| line.split_once(": ")).map(|(_, model)| model.to_owned());
        let date = Command::new("date").arg("+%F").output().map(|output| output.stdout).unwrap_or_default();
        Self {
            date: String::from_utf8_lossy(&date).trim().to_owned(),
            processor: processor.unwrap_or_default(),
            cores: field("processor").count(),
            kernel: read("/proc/sys/kernel/osrelease"),
            congestion_control: read("/proc/sys/net/ipv4/tcp_congestion_control"),
            peers: peers.iter().map(|peer| (peer.kind.to_string(), peer.version.clone())).collect(),
        }
    }

    pub(crate) fn print(&self) {
        let Self { date, processor, cores, kernel, congestion_control, peers } = self;
        println!("{date}, {processor}, {cores} cores, Linux {kernel}, {congestion_control}\n");
        for (name, version) in peers {
            println!("* {name}: {version}");
        }
        println!();
    }

    pub(crate) fn json(&self) -> Value {
        let Self { date, processor, cores, kernel, congestion_control, peers } = self;
        let peers: serde_json::Map<String, Value> =
            peers.iter().map(|(name, version)| (name.clone(), json!(version))).collect();
        json!({
            "date": date, "processor": processor, "cores": cores, "kernel": kernel,
            "congestion_control": congestion_control, "versions": peers,
        })
    }
}
