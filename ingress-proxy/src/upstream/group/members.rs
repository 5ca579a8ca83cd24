//! Choosing among endpoints.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use crate::upstream::affinity::Key;
use crate::upstream::balance::{Draws, mix};
use crate::upstream::endpoint::Endpoint;
use crate::upstream::maglev::Table;

/// Which endpoints come into question.
pub(super) struct Asked<'a> {
    pub(super) tried: &'a [Rc<Endpoint>],
    pub(super) now: u64,
}

impl Asked<'_> {
    pub(super) fn admits(&self, endpoint: &Rc<Endpoint>) -> bool {
        // A request that has failed once is nobody's trial.
        let is_trusted = || self.tried.is_empty() || !endpoint.is_suspected();
        is_untried(self.tried, endpoint) && endpoint.is_open(self.now) && is_trusted()
    }
}

pub(super) fn is_untried(tried: &[Rc<Endpoint>], endpoint: &Rc<Endpoint>) -> bool {
    !tried.iter().any(|other| Rc::ptr_eq(other, endpoint))
}

/// The endpoints, and what is known as long as they stay the same.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// In the order of their targets.
    pub(super) list: Vec<Rc<Endpoint>>,
    /// Who is next in a round robin; none before the first.
    turn: Cell<Option<usize>>,
    /// For consistent hashing, with the size of the subsets that it is for.
    table: RefCell<Option<(Option<usize>, Rc<Table>)>>,
    /// The affinity keys, in order.
    pub(super) keys: OnceCell<Box<[(Key, usize)]>>,
}

impl Members {
    /// Others in place of these; the round robin goes on where it is.
    pub(super) fn succeeded_by(&self, list: Vec<Rc<Endpoint>>) -> Self {
        Self { list, turn: Cell::new(self.turn.get()), ..Self::default() }
    }

    /// The next in turn, whoever it is.
    pub(super) fn next(&self, draw: u64) -> Option<&Rc<Endpoint>> {
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
    pub(super) fn in_turn(&self, asked: &Asked<'_>, draw: u64) -> Option<&Rc<Endpoint>> {
        if !asked.tried.is_empty() {
            // Who takes the place of another takes nobody's turn, and it is not always the same neighbour.
            return self.drawn(asked, &mut Draws::new(draw), None).map(|(_, endpoint)| endpoint);
        }
        let takes_turn = |endpoint: &&Rc<Endpoint>| asked.admits(endpoint) && endpoint.takes_turn(asked.now);
        self.next_that(draw, takes_turn).or_else(|| self.next_that(draw, |endpoint| asked.admits(endpoint)))
    }

    fn next_that(&self, draw: u64, question: impl Fn(&&Rc<Endpoint>) -> bool) -> Option<&Rc<Endpoint>> {
        self.list.iter().find_map(|_| self.next(draw).filter(&question))
    }

    /// The cheaper of two that are drawn at random.
    pub(super) fn cheaper_of_two(
        &self,
        asked: &Asked<'_>,
        draw: u64,
        cost: impl Fn(&Endpoint) -> f64,
    ) -> Option<&Rc<Endpoint>> {
        let mut draws = Draws::new(draw);
        let (at, one) = self.drawn(asked, &mut draws, None)?;
        let Some((_, other)) = self.drawn(asked, &mut draws, Some(at)) else { return Some(one) };
        // On its slow start an endpoint has its turn now and then, however little it has to do, and no other time.
        match (one.takes_turn(asked.now), other.takes_turn(asked.now)) {
            (false, true) => Some(other),
            (true, false) => Some(one),
            _ if cost(other) < cost(one) => Some(other),
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
    pub(super) fn by_hash(&self, asked: &Asked<'_>, hash: u64) -> Option<&Rc<Endpoint>> {
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
    pub(super) fn in_subset(&self, asked: &Asked<'_>, hash: u64, size: u32, draw: u64) -> Option<&Rc<Endpoint>> {
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

    /// The next in turn that was not tried, at best one that is not left out.
    pub(super) fn last_resort(&self, asked: &Asked<'_>, draw: u64) -> Option<&Rc<Endpoint>> {
        let is_left = |endpoint: &&Rc<Endpoint>| is_untried(asked.tried, endpoint);
        let found = self.next_that(draw, |endpoint| is_left(endpoint) && endpoint.is_open(asked.now));
        found.or_else(|| self.next_that(draw, is_left))
    }

    /// The table of the endpoints, or that of the subsets of some size. One is kept.
    pub(super) fn table(&self, subset: Option<usize>) -> Rc<Table> {
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
