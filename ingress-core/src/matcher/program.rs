//! What tells the routes of one host apart, compiled. Hosts with the same paths for the same connections share one program.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use super::PRUNE_FROM;
use super::literals::Literals;
use super::regexes::Regexes;
use crate::lower::SeededState;
use crate::path::PathPattern;
use crate::policy::{Route, VirtualHost};

/// Finds the first route that takes a path.
#[derive(Debug)]
pub(crate) struct Program {
    literals: Literals,
    rare: Option<Box<Rare>>,
}

/// What most hosts have nothing of.
#[derive(Debug, Default)]
struct Rare {
    regexes: Option<Regexes>,
    /// Where plain text and TLS have different routes: those of each.
    split: Option<[Split; 2]>,
}

/// The routes for one kind of connection.
#[derive(Debug)]
struct Split {
    program: Program,
    /// The place in the host of each route.
    places: Box<[usize]>,
}

impl Program {
    /// Compiles the routes of a host.
    fn new(host: &VirtualHost, seed: u64) -> Self {
        let routes = host.routes();
        let mut program = Self::of_paths(routes, seed);
        if host.is_split() {
            program.rare.get_or_insert_default().split = Some([false, true].map(|tls| Split::new(routes, tls, seed)));
        }
        program
    }

    /// Compiles the paths of routes in order of preference.
    fn of_paths(routes: &[Route], seed: u64) -> Self {
        let regexes = routes.iter().enumerate().filter_map(|(place, route)| match &route.path {
            PathPattern::Regex(regex) => Some((place, regex)),
            _ => None,
        });
        let rare = Regexes::new(regexes).map(|regexes| Box::new(Rare { regexes: Some(regexes), split: None }));
        Self { literals: Literals::new(routes, seed), rare }
    }

    /// The place of the most preferred route that takes a canonical path.
    // Into `decide` and into little else; the compiler's own choice costs a dozen instructions.
    #[inline(always)]
    pub(crate) fn find(&self, path: &[u8]) -> Option<usize> {
        let literal = self.literals.find(path);
        let Some(rare) = &self.rare else { return literal };
        // Places are in order of preference, whatever the kind.
        match (literal, rare.find(path)) {
            (Some(literal), Some(regex)) => Some(literal.min(regex)),
            (literal, regex) => literal.or(regex),
        }
    }

    /// The same among the routes for one kind of connection.
    pub(crate) fn find_for(&self, tls: bool, path: &[u8]) -> Option<usize> {
        match self.rare.as_ref().and_then(|rare| rare.split.as_ref()) {
            None => self.find(path),
            Some([plain, secure]) => if tls { secure } else { plain }.find(path),
        }
    }

    /// Bytes that the program takes beside its own size.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.literals.heap_bytes() + self.rare.as_ref().map_or(0, |rare| size_of_val(&**rare) + rare.heap_bytes())
    }
}

impl Rare {
    /// The place of the most preferred expression that matches.
    fn find(&self, path: &[u8]) -> Option<usize> {
        self.regexes.as_ref()?.find(path)
    }

    fn heap_bytes(&self) -> usize {
        let regexes = self.regexes.as_ref().map_or(0, Regexes::heap_bytes);
        regexes + self.split.iter().flatten().map(Split::heap_bytes).sum::<usize>()
    }
}

impl Split {
    fn new(routes: &[Route], tls: bool, seed: u64) -> Self {
        let routes = routes.iter().enumerate().filter(|(_, route)| route.schemes.contains(tls));
        let (places, routes): (Vec<usize>, Vec<Route>) = routes.map(|(at, route)| (at, route.clone())).unzip();
        Self { program: Program::of_paths(&routes, seed), places: places.into() }
    }

    fn find(&self, path: &[u8]) -> Option<usize> {
        self.places.get(self.program.find(path)?).copied()
    }

    fn heap_bytes(&self) -> usize {
        self.program.heap_bytes() + size_of_val(&*self.places)
    }
}

/// A program with a host that it was made for, to compare others with.
type Known = (Arc<VirtualHost>, Arc<Program>);

/// The programs in use, each made once.
#[derive(Debug)]
pub(crate) struct Programs {
    known: HashMap<u64, Vec<Known>, SeededState>,
    hasher: SeededState,
    seed: u64,
    /// With so many it is time to look for unused ones.
    prune_at: usize,
}

impl Programs {
    pub(crate) fn new(seed: u64) -> Self {
        let hasher = SeededState::new(seed);
        Self { known: HashMap::with_hasher(hasher), hasher, seed, prune_at: PRUNE_FROM }
    }

    /// The program of a host.
    pub(crate) fn get(&mut self, host: &Arc<VirtualHost>) -> Arc<Program> {
        let mut hasher = self.hasher.build_hasher();
        for route in host.routes() {
            (&route.path, route.schemes).hash(&mut hasher);
        }
        let hash = hasher.finish();
        let same = |other: &VirtualHost| {
            let (ours, theirs) = (host.routes(), other.routes());
            let same = |(a, b): (&Route, &Route)| (&a.path, a.schemes) == (&b.path, b.schemes);
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(same)
        };
        if let Some((_, program)) = self.known.get(&hash).into_iter().flatten().find(|(other, _)| same(other)) {
            return Arc::clone(program);
        }
        if self.known.len() >= self.prune_at {
            self.prune();
        }
        let program = Arc::new(Program::new(host, self.seed));
        self.known.entry(hash).or_default().push((Arc::clone(host), Arc::clone(&program)));
        program
    }

    /// Forgets programs that nothing uses any more.
    fn prune(&mut self) {
        self.known.retain(|_, programs| {
            programs.retain(|(_, program)| Arc::strong_count(program) > 1);
            !programs.is_empty()
        });
        self.prune_at = self.known.len() * 2 + PRUNE_FROM;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostPattern;
    use crate::object::{FieldPath, Kind, ObjectRef, Origin};
    use crate::path::PathPolicy;
    use crate::policy::Target;

    fn host(path: &str) -> Arc<VirtualHost> {
        let origin =
            Origin { object: Arc::new(ObjectRef::new(Kind::Ingress, "a", "a")), field: FieldPath::named(&"spec") };
        let route = Route::new(PathPattern::Prefix(path.into()), Target::respond(204, "a"), origin);
        Arc::new(VirtualHost::new(HostPattern::Any, PathPolicy::Rfc3986, vec![route], Vec::new()))
    }

    #[test]
    fn equal_paths_are_one_program_and_unused_ones_are_forgotten() {
        let mut programs = Programs::new(0);
        let kept = programs.get(&host("/kept"));
        assert!(Arc::ptr_eq(&kept, &programs.get(&host("/kept"))));
        for number in 0..5_000 {
            programs.get(&host(&format!("/{number}")));
        }
        assert!(programs.known.len() <= 2 * PRUNE_FROM, "{}", programs.known.len());
        assert!(Arc::ptr_eq(&kept, &programs.get(&host("/kept"))));
    }
}
