//! What one worker has found out about the routes that it has met.
//!
//! A host that a new snapshot has in common with the one before is the same in memory, and so what is known of its routes
//! stays: a change costs the routes of the hosts that it is about.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use ingress_core::decision::{Decision, Forward, Matched, Via};
use ingress_core::object::ObjectRef;
use ingress_core::policy::{BackendRef, Filters, Target, VirtualHost};

use crate::observe::metrics::{RouteLabels, RouteMetrics, WorkerMetrics};

/// What is counted and logged of a route, and what is done on it beside forwarding.
pub struct RouteState {
    /// The counters.
    pub metrics: Arc<RouteMetrics>,
    /// The filters of the route, to keep beyond the snapshot.
    pub filters: Option<Arc<Filters>>,
    /// The Ingress.
    pub ingress: Option<Arc<ObjectRef>>,
    /// The path of the rule.
    pub rule_path: Box<str>,
    /// The backend that the rule names.
    pub backend: Option<Arc<BackendRef>>,
    /// The canary that takes these requests in its place.
    pub canary: Option<Arc<BackendRef>>,
}

/// The routes of hosts, by their place in memory.
#[derive(Debug, Default)]
pub(super) struct Routes {
    known: RefCell<HashMap<Key, Known, ahash::RandomState>>,
    /// How many sweeps shall still look for what has gone.
    sweeps: Cell<u8>,
}

/// After a change: others may need the snapshot before it for a while.
const SWEEPS: u8 = 12;

/// The host, the place of the rule in it, and the canary that took the request.
type Key = (usize, usize, usize);

#[derive(Debug)]
struct Known {
    /// Keeps the host's address from being given to another, not the host.
    host: Weak<VirtualHost>,
    state: Rc<RouteState>,
}

impl Routes {
    /// The state of the rule of a host that decided; none if it is no host's.
    #[inline]
    pub(super) fn get(&self, metrics: &WorkerMetrics, decision: &Decision<'_>) -> Option<Rc<RouteState>> {
        let (host, rule) = match decision.matched()? {
            Matched::Route { host, route } => (host, std::ptr::from_ref(route).addr()),
            Matched::Host { host, origin } => (host, std::ptr::from_ref(origin).addr()),
            Matched::Default(_) => return None,
        };
        let canary = canary(decision).map_or(0, |canary| Arc::as_ptr(canary).addr());
        let key = (Arc::as_ptr(host).addr(), rule.wrapping_sub(host.routes().as_ptr().addr()), canary);
        if let Some(known) = self.known.borrow().get(&key)
            && !known.state.metrics.is_gone()
        {
            return Some(Rc::clone(&known.state));
        }
        Some(self.meet(key, host, metrics, decision))
    }

    #[cold]
    fn meet(
        &self,
        key: Key,
        host: &Arc<VirtualHost>,
        metrics: &WorkerMetrics,
        decision: &Decision<'_>,
    ) -> Rc<RouteState> {
        let state = Rc::new(RouteState::new(metrics, decision));
        let known = Known { host: Arc::downgrade(host), state: Rc::clone(&state) };
        self.known.borrow_mut().insert(key, known);
        state
    }

    /// There is another snapshot.
    pub(super) fn outdate(&self) {
        self.sweeps.set(SWEEPS);
    }

    /// Forgets the routes of hosts that no snapshot has. There may be a hundred thousand, so that nothing is looked at while nothing
    /// changes.
    pub(super) fn sweep(&self) {
        let Some(left) = self.sweeps.get().checked_sub(1) else { return };
        self.sweeps.set(left);
        self.known.borrow_mut().retain(|_, known| known.host.strong_count() > 0);
    }
}

/// The backend of the canary that took the request.
fn canary<'s>(decision: &Decision<'s>) -> Option<&'s Arc<BackendRef>> {
    match decision {
        Decision::Forward(Forward { via: Via::Canary(canary, _), .. }) => Some(&canary.backend),
        _ => None,
    }
}

impl RouteState {
    pub(super) fn new(metrics: &WorkerMetrics, decision: &Decision<'_>) -> Self {
        let matched = decision.matched();
        let (origin, target, policy) = match &matched {
            Some(Matched::Route { route, .. }) => (Some(&route.origin), Some(&route.target), route.policy.as_ref()),
            Some(Matched::Host { origin, .. }) => (Some(*origin), None, None),
            Some(Matched::Default(default)) => (default.origin.as_ref(), Some(&default.target), None),
            None => (None, None, None),
        };
        let rule_path = match &matched {
            Some(Matched::Route { route, .. }) => route.path.as_str().into(),
            _ => Box::default(),
        };
        let backend = match target {
            Some(Target::Backend(reference)) => Some(Arc::clone(reference)),
            _ => None,
        };
        Self {
            metrics: metrics.route(RouteLabels::new(decision)),
            filters: policy.map(|policy| Arc::clone(&policy.filters)),
            ingress: origin.map(|origin| Arc::clone(&origin.object)),
            rule_path,
            backend,
            canary: canary(decision).cloned(),
        }
    }
}

impl fmt::Debug for RouteState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RouteState({:?} {})", self.ingress, self.rule_path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{snapshot, with_decision};
    use crate::observe::metrics::{Metrics, Options};

    #[test]
    fn routes_are_known_as_long_as_their_host_is_somewhere() {
        let metrics = Metrics::new(1, Options::default());
        let worker = metrics.worker(0).unwrap();
        let routes = Routes::default();
        let snapshot = snapshot(&["a.example"]);
        let meet =
            || with_decision(&snapshot, "http://a.example/tea", |decision| routes.get(&worker, decision)).unwrap();
        assert!(Rc::ptr_eq(&meet(), &meet()));
        routes.outdate();
        routes.sweep();
        assert_eq!(routes.known.borrow().len(), 1, "somebody has the snapshot");
        drop(snapshot);
        routes.sweep();
        assert_eq!(routes.known.borrow().len(), 0);
    }
}
