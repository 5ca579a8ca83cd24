//! What the proxies are put through.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use benches::matcher::Error;
use clap::ValueEnum;
use rustls::ClientConfig;

use crate::load::{Exchange, Generator, Plan, client_config};
use crate::peers::Kind;
use crate::site::{Mode, PATHS, Site};

/// Keep-alive connections of the generator.
const CONNECTIONS: usize = 64;
/// How long it may take to ask for every route once.
const PATIENCE: Duration = Duration::from_secs(120);

/// A kind of load on a kind of site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Scenario {
    /// HTTP/1.1, keep-alive, 1 KiB.
    H1,
    /// HTTP/1.1, keep-alive, 100 KiB.
    #[value(name = "100k")]
    Large,
    /// HTTPS/1.1, keep-alive, 1 KiB.
    Tls,
    /// HTTPS/1.1, a handshake for each request, X25519.
    Handshake,
    /// The same with X25519MLKEM768.
    HandshakePq,
    /// HTTP/2 over TLS, 1 KiB, by h2load.
    H2,
    /// As `h1`, with an access log.
    Log,
    /// As `h1`, uniform over ten paths of one host, each with a backend of its own.
    Paths,
    /// As `h1`, uniform over many hosts with ten paths each, to the same backends.
    Many,
    /// As `many`, but one of the routes is asked for.
    OneOfMany,
}

impl Scenario {
    /// Those that run unless others are named.
    pub(crate) const DEFAULT: [Self; 8] =
        [Self::H1, Self::Large, Self::Tls, Self::Handshake, Self::H2, Self::Log, Self::Paths, Self::Many];

    /// Whether a proxy can be put through it.
    pub(crate) fn suits(self, kind: Kind) -> bool {
        kind != Kind::Relay || matches!(self, Self::H1 | Self::Large)
    }

    /// What there is to serve.
    pub(crate) fn site(self, hosts: usize, origins: [std::net::SocketAddr; 2]) -> Result<Site, Error> {
        match self {
            Self::Many | Self::OneOfMany => Site::new(hosts, PATHS, origins, Mode::Plain),
            Self::Paths => Site::new(1, PATHS, origins, Mode::Plain),
            Self::Log => Site::new(1, 1, origins, Mode::Log),
            _ => Site::new(1, 1, origins, Mode::Plain),
        }
    }

    /// Asks for every route once, where there are many: what a proxy does once for a route is no part of what a request costs.
    pub(crate) fn meet(self, plan: &Plan, generator: &mut Generator) -> Result<(), Error> {
        let routes = u64::try_from(plan.hosts.len() * plan.paths.len())?;
        if self == Self::Many {
            generator.load(Plan { in_order: true, ..plan.clone() });
            generator.run_to(routes, PATIENCE)?;
        }
        Ok(())
    }

    /// What the generator asks. Nothing if another program does.
    pub(crate) fn plan(self, site: &Site) -> Result<Option<Plan>, Error> {
        let plain = Plan::new(site.http, CONNECTIONS);
        let secure = |config: Arc<ClientConfig>| Plan { tls: Some(config), ..Plan::new(site.https, CONNECTIONS) };
        Ok(Some(match self {
            Self::H1 | Self::Log | Self::OneOfMany => plain,
            Self::Large => Plan { large: true, ..plain },
            Self::Paths | Self::Many => Plan { hosts: 0..site.hosts, paths: 0..site.paths, ..plain },
            Self::Tls => secure(client_config(Exchange::Classic)?),
            Self::Handshake => Plan { one_request_each: true, ..secure(client_config(Exchange::Classic)?) },
            Self::HandshakePq => Plan { one_request_each: true, ..secure(client_config(Exchange::PostQuantum)?) },
            Self::H2 => return Ok(None),
        }))
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::H1 => "h1",
            Self::Large => "100k",
            Self::Tls => "tls",
            Self::Handshake => "handshake",
            Self::HandshakePq => "handshake-pq",
            Self::H2 => "h2",
            Self::Log => "log",
            Self::Paths => "paths",
            Self::Many => "many",
            Self::OneOfMany => "one-of-many",
        })
    }
}
