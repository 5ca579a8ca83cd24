//! A snapshot, and what one worker has found out about its routes and backends.
//!
//! Routes and backends are known by their place in memory, which is good for as long as the snapshot is held here.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use ingress_core::decision::{Decision, Forward, Matched, Via};
use ingress_core::policy::{Backend, BackendRef, Filters, Target};
use ingress_core::snapshot::Snapshot;

use super::Worker;
use crate::observe::metrics::{RouteLabels, RouteMetrics};
use crate::upstream::Group;

/// A snapshot as one worker uses it.
pub struct Current {
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    routes: RefCell<HashMap<Rule, Rc<RouteState>, ahash::RandomState>>,
    groups: RefCell<HashMap<usize, Rc<Group>, ahash::RandomState>>,
}

/// The address of what decided, and whether a canary took the request.
type Rule = (usize, bool);

/// What is counted and logged of a route, and what is done on it beside forwarding.
pub struct RouteState {
    /// The counters.
    pub metrics: Arc<RouteMetrics>,
    /// The filters of the route, to keep beyond the snapshot.
    pub filters: Option<Arc<Filters>>,
    /// The namespace of the Ingress.
    pub namespace: Box<str>,
    /// The name of the Ingress.
    pub ingress: Box<str>,
    /// The path of the rule.
    pub rule_path: Box<str>,
    /// The name of the backend that the rule names.
    pub backend: Option<Backend>,
    /// The canary that takes these requests in its place.
    pub canary: Option<Arc<BackendRef>>,
}

impl Current {
    pub(super) fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot, routes: RefCell::default(), groups: RefCell::default() }
    }

    /// The state of the rule that decided, or of requests which no rule takes.
    pub fn route(&self, worker: &Worker, decision: &Decision<'_>) -> Rc<RouteState> {
        let matched = decision.matched();
        let address = match matched {
            Some(Matched::Route { route, .. }) => std::ptr::from_ref(route).addr(),
            Some(Matched::Host { origin, .. }) => std::ptr::from_ref(origin).addr(),
            Some(Matched::Default(default)) => std::ptr::from_ref(default).addr(),
            None => 0,
        };
        let is_canary = matches!(decision, Decision::Forward(Forward { via: Via::Canary(..), .. }));
        let mut routes = self.routes.borrow_mut();
        let state = routes
            .entry((address, is_canary))
            .or_insert_with(|| Rc::new(RouteState::new(worker.metrics.route(&RouteLabels::new(decision)), decision)));
        Rc::clone(state)
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

impl RouteState {
    fn new(metrics: Arc<RouteMetrics>, decision: &Decision<'_>) -> Self {
        let matched = decision.matched();
        let (origin, target, filters) = match &matched {
            Some(Matched::Route { route, .. }) => (Some(&route.origin), Some(&route.target), route.policy.as_ref()),
            Some(Matched::Host { origin, .. }) => (Some(*origin), None, None),
            Some(Matched::Default(default)) => (default.origin.as_ref(), Some(&default.target), None),
            None => (None, None, None),
        };
        let object = origin.map(|origin| &origin.object);
        let backend = match target {
            Some(Target::Backend(reference)) => Some(reference),
            _ => None,
        };
        Self {
            metrics,
            filters: filters.map(|policy| Arc::clone(&policy.filters)),
            namespace: object.map(|object| (*object.namespace).into()).unwrap_or_default(),
            ingress: object.map(|object| (*object.name).into()).unwrap_or_default(),
            rule_path: match &matched {
                Some(Matched::Route { route, .. }) => route.path.as_str().into(),
                _ => Box::default(),
            },
            backend: backend.map(|reference| Backend::assumed(Arc::clone(reference))),
            canary: match decision {
                Decision::Forward(Forward { via: Via::Canary(canary, _), .. }) => Some(Arc::clone(&canary.backend)),
                _ => None,
            },
        }
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current").field("hosts", &self.snapshot.host_count()).finish_non_exhaustive()
    }
}

impl fmt::Debug for RouteState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RouteState({}/{})", self.namespace, self.ingress)
    }
}
