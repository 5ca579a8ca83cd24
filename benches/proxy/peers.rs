//! The proxies: where they are found, how they are configured and started, how a change reaches them.
//!
//! The configurations are equal in spirit: all set X-Forwarded-For, -Proto and -Host and a request id, keep connections to
//! the backends, count what they do, run on one core, and write no access log unless the scenario is about that.

mod envoy;
mod haproxy;
mod nginx;
mod ours;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use benches::matcher::Error;
use clap::ValueEnum;

use crate::process::{Launch, Process};
use crate::site::Site;

/// A proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Kind {
    /// `ingress-proxy`.
    Ours,
    Nginx,
    Haproxy,
    Envoy,
    /// Another build of `ingress-proxy`.
    Before,
    /// The yardstick: bytes to and fro, nothing looked at.
    Relay,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ours => "ours",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
            Self::Before => "before",
            Self::Relay => "relay",
        })
    }
}

/// A proxy that is there.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) kind: Kind,
    pub(crate) program: PathBuf,
    pub(crate) version: String,
}

impl Peer {
    /// Looks for a proxy: where it was said to be, else where it usually is.
    pub(crate) fn find(kind: Kind, said: Option<&Path>) -> Result<Self, Error> {
        let program = match (kind, said) {
            (_, Some(path)) => path.to_owned(),
            (Kind::Ours, None) => std::env::current_exe()?.with_file_name("ingress-proxy"),
            (Kind::Relay, None) => std::env::current_exe()?,
            (Kind::Before, None) => return Err("--before does not say where it is".into()),
            (Kind::Nginx | Kind::Haproxy | Kind::Envoy, None) => {
                find_program(&kind.to_string()).ok_or("not installed")?
            }
        };
        let flag = if kind == Kind::Nginx || kind == Kind::Haproxy { "-v" } else { "--version" };
        let output =
            Command::new(&program).arg(flag).output().map_err(|error| format!("{}: {error}", program.display()))?;
        // nginx speaks on standard error.
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let version = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned();
        Ok(Self { kind, program, version })
    }

    /// Writes the configuration and tells how to start.
    pub(crate) fn prepare(&self, site: &Site) -> Result<Launch, Error> {
        let launch = Launch::new(&self.program);
        match self.kind {
            Kind::Ours | Kind::Before => ours::prepare(launch, site),
            Kind::Nginx => nginx::prepare(launch, site, &self.version),
            Kind::Haproxy => haproxy::prepare(launch, site),
            Kind::Envoy => envoy::prepare(launch, site),
            Kind::Relay => {
                let [origin, _] = site.origins;
                Ok(launch.arg("--relay").arg(format!("{}={origin}", site.http)))
            }
        }
    }

    /// Lets the first path of a host go to `other`, or, if it is not to be moved, back to its own backend. What takes time to
    /// write is written before; [`Change::apply`] is the event.
    pub(crate) fn change(&self, site: &Site, host: usize, moved: bool) -> Result<Change, Error> {
        let other = moved.then_some(host);
        match self.kind {
            Kind::Ours | Kind::Before => ours::change(site, host, moved),
            Kind::Nginx => nginx::change(site, other, &self.version),
            Kind::Haproxy => haproxy::change(site, other),
            Kind::Envoy => envoy::change(site, other),
            Kind::Relay => Err("a relay has no routes".into()),
        }
    }
}

/// A change that is ready to be made.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// Files to be put in the place of others.
    pub(crate) renames: Vec<(PathBuf, PathBuf)>,
    /// The signal that makes the proxy look.
    pub(crate) signal: Option<rustix::process::Signal>,
}

impl Change {
    /// Makes it.
    pub(crate) fn apply(self, process: &Process) -> Result<(), Error> {
        for (from, to) in self.renames {
            std::fs::rename(from, to)?;
        }
        match self.signal {
            Some(signal) => process.signal(signal),
            None => Ok(()),
        }
    }
}

/// The file of a program that the shell would run. Servers are where only root looks.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(usual).map(|directory| directory.join(name)).find(|file| file.is_file())
}
