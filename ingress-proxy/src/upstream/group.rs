//! The endpoints of one backend, and which of them is next.

mod members;
mod sticky;

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use ingress_core::policy::{self, BackendRef};

use self::members::{Asked, Members, is_untried};
use super::affinity::{self, Key};
use super::endpoint::Endpoint;
use super::health::Peers;
use super::maglev;
use super::pool::Pools;
use crate::config::{self, Balance};

pub use self::sticky::Session;

/// The endpoints of one backend, as one worker sees them.
#[derive(Debug)]
pub struct Group {
    backend: Arc<BackendRef>,
    key: OnceCell<Key>,
    peers: Rc<Peers>,
    pools: Rc<Pools>,
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
    /// A group without endpoints, whose connections will be in these pools.
    #[must_use]
    pub fn new(backend: &Arc<BackendRef>, pools: &Rc<Pools>) -> Self {
        Self {
            backend: Arc::clone(backend),
            key: OnceCell::new(),
            peers: Rc::default(),
            pools: Rc::clone(pools),
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
        let list = self.merge(&members.list, &targets, config, now);
        self.peers.recount(list.iter().map(|endpoint| &endpoint.health), now);
        let new = members.succeeded_by(list);
        let old = std::mem::replace(&mut *members, new);
        // With an endpoint its connections go, and who hears of that may ask the group for another endpoint.
        drop(members);
        drop(old);
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
            Choice::Balance(Balance::LeastRequest) => members.cheaper_of_two(&asked, draw, Endpoint::load),
            Choice::Balance(Balance::Ewma) => members.cheaper_of_two(&asked, draw, |it| it.cost(now)),
            Choice::Hash(key) => members.by_hash(&asked, maglev::hash(key)),
            Choice::HashSubset { key, size } => members.in_subset(&asked, maglev::hash(key), *size, draw),
        };
        picked.or_else(|| members.last_resort(&asked, draw)).map(Rc::clone)
    }

    /// Whether there is an endpoint but for this one and those that were tried.
    #[must_use]
    pub fn has_another(&self, endpoint: &Rc<Endpoint>, tried: &[Rc<Endpoint>]) -> bool {
        let members = self.members.borrow();
        members.list.iter().any(|other| !Rc::ptr_eq(other, endpoint) && is_untried(tried, other))
    }

    /// The old endpoints that stay and the new ones, in the order of their targets.
    fn merge(
        &self,
        old: &[Rc<Endpoint>],
        targets: &[&policy::Endpoint],
        config: &config::Upstream,
        now: u64,
    ) -> Vec<Rc<Endpoint>> {
        let mut old = old.iter().peekable();
        let (mut list, mut new) = (Vec::with_capacity(targets.len()), Vec::new());
        let (mut stay, mut known, mut latencies) = (0_usize, 0.0, 0.0);
        for target in targets {
            while let Some(gone) = old.next_if(|endpoint| endpoint.target < **target) {
                gone.leave();
            }
            let endpoint = old.next_if(|endpoint| endpoint.target == **target);
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
                    let is_named = config.is_named(&self.backend, target);
                    let (peers, pool) = (Rc::clone(&self.peers), self.pools.of(target, is_named));
                    let endpoint = Rc::new(Endpoint::new((*target).clone(), is_named, peers, pool));
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

    /// What ingress-nginx calls the backend, which makes affinity keys differ from those of others.
    fn name(&self) -> Box<str> {
        affinity::backend_name(&self.backend)
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

    /// Calls with each endpoint, in the order of their targets. The call must not update the group.
    pub fn for_each(&self, call: impl FnMut(&Rc<Endpoint>)) {
        self.members.borrow().list.iter().for_each(call);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.members.borrow().list.iter().for_each(|endpoint| endpoint.leave());
    }
}

#[cfg(test)]
mod tests;
