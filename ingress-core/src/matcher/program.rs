//! What tells the routes of one host apart, compiled. Hosts with the same paths share one program.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use super::literals::Literals;
use super::regexes::Regexes;
use crate::lower::SeededState;
use crate::path::PathPattern;
use crate::policy::{Route, VirtualHost};

/// Finds the first route that takes a path.
#[derive(Debug)]
pub(crate) struct Program {
    literals: Literals,
    regexes: Option<Box<Regexes>>,
}

impl Program {
    /// Compiles the paths of routes in order of preference.
    fn new(routes: &[Route], seed: u64) -> Self {
        let regexes = routes.iter().enumerate().filter_map(|(place, route)| match &route.path {
            PathPattern::Regex(regex) => Some((place, regex)),
            _ => None,
        });
        Self { literals: Literals::new(routes, seed), regexes: Regexes::new(regexes).map(Box::new) }
    }

    /// The place of the most preferred route that takes a canonical path.
    // Into `decide` and into nothing else; the compiler's own choice costs a dozen instructions.
    #[inline(always)]
    pub(crate) fn find(&self, path: &[u8]) -> Option<usize> {
        let literal = self.literals.find(path);
        let Some(regexes) = &self.regexes else { return literal };
        // Places are in order of preference, whatever the kind.
        match (literal, regexes.find(path)) {
            (Some(literal), Some(regex)) => Some(literal.min(regex)),
            (literal, regex) => literal.or(regex),
        }
    }

    /// Bytes that the program takes beside its own size.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.literals.heap_bytes() + self.regexes.as_ref().map_or(0, |regexes| regexes.heap_bytes())
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
    made_since_pruning: usize,
}

impl Programs {
    pub(crate) fn new(seed: u64) -> Self {
        let hasher = SeededState::new(seed);
        Self { known: HashMap::with_hasher(hasher), hasher, seed, made_since_pruning: 0 }
    }

    /// A program of its own for some routes.
    pub(crate) fn make(&self, routes: &[Route]) -> Program {
        Program::new(routes, self.seed)
    }

    /// The program of a host.
    pub(crate) fn get(&mut self, host: &Arc<VirtualHost>) -> Arc<Program> {
        let mut hasher = self.hasher.build_hasher();
        for route in host.routes() {
            route.path.hash(&mut hasher);
        }
        let hash = hasher.finish();
        let same = |other: &VirtualHost| {
            let (ours, theirs) = (host.routes(), other.routes());
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| a.path == b.path)
        };
        if let Some((_, program)) = self.known.get(&hash).into_iter().flatten().find(|(other, _)| same(other)) {
            return Arc::clone(program);
        }
        self.prune_now_and_then();
        let program = Arc::new(Program::new(host.routes(), self.seed));
        self.known.entry(hash).or_default().push((Arc::clone(host), Arc::clone(&program)));
        program
    }

    /// Forgets programs that nothing uses any more, rarely enough not to matter.
    fn prune_now_and_then(&mut self) {
        self.made_since_pruning += 1;
        if self.made_since_pruning < 1_024 + self.known.len() {
            return;
        }
        self.made_since_pruning = 0;
        self.known.retain(|_, programs| {
            programs.retain(|(_, program)| Arc::strong_count(program) > 1);
            !programs.is_empty()
        });
    }
}
