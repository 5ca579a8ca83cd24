//! A snapshot, and what one worker has found out about its backends.
//!
//! Backends are known by their place in memory, which is good for as long as the snapshot is held here.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use ingress_core::decision::{Decision, Forward, Via};
use ingress_core::policy::Backend;
use ingress_core::snapshot::Snapshot;

use super::{RouteState, Worker};
use crate::upstream::Group;

/// A snapshot as one worker uses it.
pub struct Current {
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    unmatched: OnceCell<Rc<RouteState>>,
    default: OnceCell<Rc<RouteState>>,
    default_canary: OnceCell<Rc<RouteState>>,
    groups: RefCell<HashMap<usize, Rc<Group>, ahash::RandomState>>,
}

impl Current {
    pub(super) fn new(snapshot: Arc<Snapshot>) -> Self {
        Self {
            snapshot,
            unmatched: OnceCell::new(),
            default: OnceCell::new(),
            default_canary: OnceCell::new(),
            groups: RefCell::default(),
        }
    }

    /// The state of the rule that decided, or of requests which no rule takes.
    #[inline]
    pub fn route(&self, worker: &Worker, decision: &Decision<'_>) -> Rc<RouteState> {
        worker.routes.get(&worker.metrics, decision).unwrap_or_else(|| self.other(worker, decision))
    }

    /// The state of requests that no rule of a host takes.
    fn other(&self, worker: &Worker, decision: &Decision<'_>) -> Rc<RouteState> {
        let place = match decision {
            _ if decision.matched().is_none() => &self.unmatched,
            Decision::Forward(Forward { via: Via::Canary(..), .. }) => &self.default_canary,
            _ => &self.default,
        };
        Rc::clone(place.get_or_init(|| worker.routes.new_state(&worker.metrics, decision)))
    }

    /// The endpoints of a backend of this snapshot.
    pub fn group(&self, worker: &Worker, backend: &Backend) -> Rc<Group> {
        let address = std::ptr::from_ref(backend).addr();
        let mut groups = self.groups.borrow_mut();
        let group = groups.entry(address).or_insert_with(|| {
            let group = worker.group(&backend.reference);
            let endpoints = backend.availability.endpoints().unwrap_or_default();
            group.update(endpoints, &worker.config.upstream, worker.clock.now());
            group
        });
        Rc::clone(group)
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current").field("hosts", &self.snapshot.host_count()).finish_non_exhaustive()
    }
}
