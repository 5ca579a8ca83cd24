//! All regular expressions of a host as one automaton.
//!
//! The automaton runs once over a path, anchored at its beginning, and reports the most preferred expression that matches,
//! however many there are. It is a dense DFA, which needs no scratch memory; where that would be too large, a lazy one.

use regex_automata::dfa::dense::{self, DFA};
use regex_automata::dfa::{Automaton, StartKind};
use regex_automata::meta::Regex;
use regex_automata::nfa::thompson;
use regex_automata::{Anchored, Input, MatchKind};

use crate::path::RegexPattern;

/// The size in bytes up to which a dense automaton is used, and which building it may take.
const DENSE_LIMIT: usize = 4 << 20;

#[derive(Debug)]
pub(super) struct Regexes {
    engine: Engine,
    /// The place in the host's routes of each expression.
    places: Box<[usize]>,
}

#[derive(Debug)]
enum Engine {
    Dense(Box<DFA<Vec<u32>>>),
    Lazy(Box<Regex>),
}

impl Regexes {
    /// Compiles expressions, which come with their places in order of preference; none if there are none.
    pub(super) fn new<'r>(regexes: impl Iterator<Item = (usize, &'r RegexPattern)>) -> Option<Self> {
        let (places, texts): (Vec<usize>, Vec<&str>) = regexes.map(|(place, regex)| (place, regex.anchored())).unzip();
        if texts.is_empty() {
            return None;
        }
        let engine = match dense(&texts) {
            Some(dfa) => Engine::Dense(Box::new(dfa)),
            None => Engine::Lazy(Box::new(lazy(&texts)?)),
        };
        Some(Self { engine, places: places.into() })
    }

    pub(super) fn find(&self, path: &[u8]) -> Option<usize> {
        let input = Input::new(path).anchored(Anchored::Yes);
        let pattern = match &self.engine {
            // Only a quit byte could make this fail, and none is configured.
            Engine::Dense(dfa) => dfa.try_search_fwd(&input).ok().flatten().map(|found| found.pattern()),
            Engine::Lazy(regex) => regex.search_half(&input).map(|found| found.pattern()),
        };
        self.places.get(pattern?.as_usize()).copied()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let engine = match &self.engine {
            Engine::Dense(dfa) => dfa.memory_usage(),
            Engine::Lazy(regex) => regex.memory_usage(),
        };
        engine + self.places.len() * size_of::<usize>()
    }
}

fn dense(texts: &[&str]) -> Option<DFA<Vec<u32>>> {
    let config = dense::Config::new()
        .match_kind(MatchKind::LeftmostFirst)
        .start_kind(StartKind::Anchored)
        .dfa_size_limit(Some(DENSE_LIMIT))
        .determinize_size_limit(Some(DENSE_LIMIT));
    dense::Builder::new()
        .configure(config)
        .syntax(RegexPattern::syntax())
        .thompson(thompson::Config::new().utf8(false).shrink(false))
        .build_many(texts)
        .ok()
}

fn lazy(texts: &[&str]) -> Option<Regex> {
    let config = Regex::config().utf8_empty(false).nfa_size_limit(None).hybrid_cache_capacity(32 << 20);
    Regex::builder().syntax(RegexPattern::syntax()).configure(config).build_many(texts).ok()
}
