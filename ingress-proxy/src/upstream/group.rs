//! The endpoints of one backend, and which of them is next.

mod sticky;

use std::cell::{Cell, OnceCell, RefCell};
use std::cmp::Ordering;
use std::rc::Rc;

use ingress_core::policy::{self, BackendRef};

use super::affinity::{self, Key};
use super::balance::{Draws, mix};
use super::endpoint::Endpoint;
use super::health::Peers;
use super::maglev::{self, Table};
use crate::config::{self, Balance};

pub use self::sticky::Session;

/// The endpoints of one backend, as one worker sees them.
#[derive(Debug)]
pub struct Group {
    /// The backend's name, which makes affinity keys differ from those of other backends.
    name: Box<str>,
    key: OnceCell<Key>,
    peers: Rc<Peers>,
    members: RefCell<Members>,
}

/// How an endpoint is chosen.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "whoever chooses has to know what there is")]
pub enum Choice<'a> {
    /// By turn, load or latency.
    Balance(Balance),
    /// The one that a key belongs to.
    Hash(&'a [u8]),
    /// One of the few that a key belongs to, at random.
    HashSubset {
        /// The key.
        key: &'a [u8],
        /// How many.
        size: u32,
    },
}

impl Group {
    /// A group without endpoints.
    #[must_use]
    pub fn new(backend: &BackendRef) -> Self {
        Self {
            name: affinity::backend_name(backend),
            key: OnceCell::new(),
            peers: Rc::default(),
            members: RefCell::default(),
        }
    }

    /// Takes over the endpoints that there are now. Those that stay keep what is known of them, new ones among them start
    /// slowly, those that went finish what they have begun.
    pub fn update(&self, endpoints: &[policy::Endpoint], config: &config::Upstream, now: u64) {
        self.peers.configure(config);
        let mut targets: Vec<&policy::Endpoint> = endpoints.iter().collect();
        targets.sort_unstable();
        targets.dedup();
        let mut members = self.members.borrow_mut();
        if members.list.iter().map(|endpoint| &endpoint.target).eq(targets.iter().copied()) {
            return;
        }
        let list = merge(&members.list, &targets, &self.peers, now);
        self.peers.recount(list.iter().map(|endpoint| &endpoint.health));
        let turn = Cell::new(members.turn.get());
        *members = Members { list, turn, ..Members::default() };
    }

    /// The endpoint for a request: none of those that it was tried on, and one that was left out for its failures only if
    /// there is nothing else. `draw` is random.
    #[must_use]
    pub fn pick(&self, choice: &Choice<'_>, tried: &[Rc<Endpoint>], now: u64, draw: u64) -> Option<Rc<Endpoint>> {
        let members = self.members.borrow();
        let asked = Asked { tried, now };
        let picked = match choice {
            Choice::Balance(Balance::RoundRobin) if tried.is_empty() && self.peers.are_equal(now) => members.next(draw),
            Choice::Balance(Balance::RoundRobin) => members.in_turn(&asked, draw),
            Choice::Balance(Balance::LeastRequest) => members.cheaper_of_two(&asked, draw, |it| it.load(now)),
            Choice::Balance(Balance::Ewma) => members.cheaper_of_two(&asked, draw, |it| it.cost(now)),
            Choice::Hash(key) => members.by_hash(&asked, maglev::hash(key)),
            Choice::HashSubset { key, size } => members.in_subset(&asked, maglev::hash(key), *size, draw),
        };
        picked.or_else(|| members.last_resort(tried, draw)).map(Rc::clone)
    }

    /// How many endpoints there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.borrow().list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls with each endpoint, in the order of their targets.
    pub fn for_each(&self, call: impl FnMut(&Rc<Endpoint>)) {
        self.members.borrow().list.iter().for_each(call);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.members.borrow().list.iter().for_each(|endpoint| endpoint.leave());
    }
}

/// The old endpoints that stay and the new ones, in the order of their targets.
fn merge(old: &[Rc<Endpoint>], targets: &[&policy::Endpoint], peers: &Rc<Peers>, now: u64) -> Vec<Rc<Endpoint>> {
    let mut old = old.iter().peekable();
    let (mut list, mut new) = (Vec::with_capacity(targets.len()), Vec::new());
    let (mut stay, mut known, mut latencies) = (0_usize, 0.0, 0.0);
    for target in targets {
        let endpoint = loop {
            match old.peek().map(|endpoint| endpoint.target.cmp(target)) {
                Some(Ordering::Less) => {
                    old.next().into_iter().for_each(|endpoint| endpoint.leave());
                }
                Some(Ordering::Equal) => break old.next(),
                Some(Ordering::Greater) | None => break None,
            }
        };
        match endpoint {
            Some(endpoint) => {
                stay += 1;
                if let Some(average) = endpoint.latency.average(now) {
                    known += 1.0;
                    latencies += average;
                }
                list.push(Rc::clone(endpoint));
            }
            None => {
                let endpoint = Rc::new(Endpoint::new((*target).clone(), Rc::clone(peers)));
                list.push(Rc::clone(&endpoint));
                new.push(endpoint);
            }
        }
    }
    old.for_each(|endpoint| endpoint.leave());
    // Where nobody stays there is nobody to take more than his share meanwhile.
    if stay > 0 {
        for endpoint in new {
            endpoint.start_slowly(now);
            if known > 0.0 {
                endpoint.latency.assume(latencies / known, now);
            }
        }
    }
    list
}

/// Which endpoints come into question.
struct Asked<'a> {
    tried: &'a [Rc<Endpoint>],
    now: u64,
}

impl Asked<'_> {
    fn admits(&self, endpoint: &Rc<Endpoint>) -> bool {
        endpoint.is_open(self.now) && is_untried(self.tried, endpoint)
    }
}

fn is_untried(tried: &[Rc<Endpoint>], endpoint: &Rc<Endpoint>) -> bool {
    !tried.iter().any(|other| Rc::ptr_eq(other, endpoint))
}

/// The endpoints, and what is known as long as they stay the same.
#[derive(Debug)]
struct Members {
    /// In the order of their targets.
    list: Vec<Rc<Endpoint>>,
    /// Who is next in a round robin; none before the first.
    turn: Cell<Option<usize>>,
    /// For consistent hashing, with the size of the subsets that it is for.
    table: RefCell<Option<(Option<usize>, Rc<Table>)>>,
    /// The affinity keys, in order.
    keys: OnceCell<Box<[(Key, usize)]>>,
}

impl Default for Members {
    fn default() -> Self {
        Self { list: Vec::new(), turn: Cell::new(None), table: RefCell::default(), keys: OnceCell::new() }
    }
}

impl Members {
    /// The next in turn, whoever it is.
    fn next(&self, draw: u64) -> Option<&Rc<Endpoint>> {
        // Workers do not all begin with the same one.
        let turn = self.turn.get().unwrap_or_else(|| Draws::new(draw).below(self.list.len()));
        let (at, endpoint) = match self.list.get(turn) {
            Some(endpoint) => (turn, endpoint),
            None => (0, self.list.first()?),
        };
        self.turn.set(Some(at + 1));
        Some(endpoint)
    }

    /// The next in turn that comes into question and has its turn.
    fn in_turn(&self, asked: &Asked<'_>, draw: u64) -> Option<&Rc<Endpoint>> {
        let takes_turn = |endpoint: &&Rc<Endpoint>| asked.admits(endpoint) && endpoint.takes_turn(asked.now);
        self.next_that(draw, takes_turn).or_else(|| self.next_that(draw, |endpoint| asked.admits(endpoint)))
    }

    fn next_that(&self, draw: u64, question: impl Fn(&&Rc<Endpoint>) -> bool) -> Option<&Rc<Endpoint>> {
        self.list.iter().find_map(|_| self.next(draw).filter(&question))
    }

    /// The cheaper of two that are drawn at random.
    fn cheaper_of_two(&self, asked: &Asked<'_>, draw: u64, cost: impl Fn(&Endpoint) -> f64) -> Option<&Rc<Endpoint>> {
        let mut draws = Draws::new(draw);
        let (at, one) = self.drawn(asked, &mut draws, None)?;
        match self.drawn(asked, &mut draws, Some(at)) {
            Some((_, other)) if cost(other) < cost(one) => Some(other),
            _ => Some(one),
        }
    }

    /// One that comes into question, at random, other than `except`.
    fn drawn(&self, asked: &Asked<'_>, draws: &mut Draws, except: Option<usize>) -> Option<(usize, &Rc<Endpoint>)> {
        /// At least half of a group is open, so that one in 2^8 needs the search.
        const ATTEMPTS: usize = 8;
        let count = self.list.len().saturating_sub(usize::from(except.is_some()));
        let past = |at: usize| if except.is_some_and(|except| at >= except) { at + 1 } else { at };
        let admitted = |at: usize| {
            let endpoint = self.list.get(past(at)).filter(|endpoint| asked.admits(endpoint))?;
            Some((past(at), endpoint))
        };
        let first = draws.below(count);
        if let Some(found) = admitted(first) {
            return Some(found);
        }
        let drawn = (1..ATTEMPTS).find_map(|_| admitted(draws.below(count)));
        drawn.or_else(|| (first..count).chain(0..first).find_map(admitted))
    }

    /// The one that a hash belongs to, or the one that has it when that does not come into question.
    fn by_hash(&self, asked: &Asked<'_>, hash: u64) -> Option<&Rc<Endpoint>> {
        let table = self.table(None);
        let mut endpoints = table.lookup(hash).filter_map(|index| self.list.get(index));
        let first = endpoints.next()?;
        if asked.admits(first) {
            return Some(first);
        }
        // A table is long, and if all were tried there is nothing to find in it.
        let any = self.list.iter().any(|endpoint| asked.admits(endpoint));
        any.then(|| endpoints.find(|endpoint| asked.admits(endpoint)))?
    }

    /// One of the subset that a hash belongs to, at random; another one if none of them comes into question.
    fn in_subset(&self, asked: &Asked<'_>, hash: u64, size: u32, draw: u64) -> Option<&Rc<Endpoint>> {
        let count = self.list.len();
        let size = usize::try_from(size).unwrap_or(usize::MAX).clamp(1, count.max(1));
        let subset = self.table(Some(size)).lookup(hash).next()?;
        let mut draws = Draws::new(draw);
        let first = draws.below(size);
        // The last subset is filled up with the first endpoints.
        let members = (first..size).chain(0..first).filter_map(|at| self.list.get((subset * size + at) % count));
        let mut members = members.filter(|endpoint| asked.admits(endpoint));
        members.next().or_else(|| self.drawn(asked, &mut draws, None).map(|(_, endpoint)| endpoint))
    }

    /// The next in turn that was not tried.
    fn last_resort(&self, tried: &[Rc<Endpoint>], draw: u64) -> Option<&Rc<Endpoint>> {
        self.next_that(draw, |endpoint| is_untried(tried, endpoint))
    }

    /// The table of the endpoints, or that of the subsets of some size. One is kept.
    fn table(&self, subset: Option<usize>) -> Rc<Table> {
        let mut kept = self.table.borrow_mut();
        match &*kept {
            Some((of, table)) if *of == subset => Rc::clone(table),
            _ => {
                let table = match subset {
                    None => Table::new(self.list.iter().map(|endpoint| endpoint.hash())),
                    Some(size) => {
                        let subsets = self.list.len().div_ceil(size);
                        Table::new((0..subsets).map(|number| mix(number as u64 + 1)))
                    }
                };
                Rc::clone(&kept.insert((subset, Rc::new(table))).1)
            }
        }
    }
}

#[cfg(test)]
mod tests;
