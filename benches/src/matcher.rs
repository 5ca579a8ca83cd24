//! What every contender does: build, look up, be checked.

use std::fmt;
use std::hint::black_box;

use crate::keys::{Key, Keys, Probes};
use crate::workload::{RouteId, Workload};

/// Why a contender cannot be measured.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Finds the route of a host and path.
pub trait Matcher {
    /// The route, by number.
    fn find(&self, host: &str, path: &str) -> Option<RouteId>;

    /// Looks a batch of keys up and forgets the answers. One call per batch, so that the lookup itself is compiled in.
    fn sweep(&self, probes: &Probes<'_>) {
        for (host, path) in &probes.pairs {
            black_box(self.find(host, path));
        }
    }
}

/// What kind of matcher a contender is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The engine.
    Ours,
    /// The floor, which does less than is needed.
    Floor,
    /// A hash map of path routers from a crate.
    Router,
    /// A hash map of lists.
    List,
    /// One list for all hosts.
    Scan,
}

/// A contender: a way to build a matcher.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Contender {
    /// The name in tables.
    pub name: &'static str,
    /// What it is compared as.
    pub kind: Kind,
    /// The most routes that it is worth waiting for.
    pub most_routes: usize,
    /// Builds it.
    pub build: fn(&Workload) -> Result<Box<dyn Matcher>, Error>,
}

impl fmt::Debug for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Compares the answers of a matcher with those of the definition.
///
/// # Errors
///
/// The first answer that is wrong.
pub fn check(name: &str, matcher: &dyn Matcher, keys: &Keys) -> Result<(), Error> {
    for Key { host, path, route } in keys.as_slice() {
        let found = matcher.find(host, path);
        if found != *route {
            return Err(format!("{name}: {host}{path} gives {found:?} instead of {route:?}").into());
        }
    }
    Ok(())
}
