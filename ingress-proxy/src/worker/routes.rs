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
use ingress_core::policy::{BackendRef, Filters, Route, Target, VirtualHost};

use crate::observe::metrics::{RouteLabels, RouteMetrics, WorkerMetrics};

/// What is counted and logged of a route, and what is done on it beside forwarding.
pub struct RouteState {
    /// The counters.
    pub metrics: Arc<RouteMetrics>,
    /// The filters of the route, to keep beyond the snapshot.
    pub filters: Option<Arc<Filters>>,
    /// The Ingress; it, the path and the backends only where something asks for them.
    pub ingress: Option<Arc<ObjectRef>>,
    /// The path of the rule.
    pub rule_path: Box<str>,
    /// The backend that the rule names.
    pub backend: Option<Arc<BackendRef>>,
    /// The canary that takes these requests in its place.
    pub canary: Option<Arc<BackendRef>>,
}

/// The routes of hosts, by the host's place in memory.
///
/// There may be a hundred thousand routes and each request may be for another, so that what is looked at here is little memory for
/// all of them: a number of bytes per host and a pointer per route.
#[derive(Debug)]
pub(super) struct Routes {
    hosts: RefCell<HashMap<usize, Known, ahash::RandomState>>,
    /// Whether there is a log, which says of each request which route it was.
    is_logged: bool,
    /// The state of all routes that have no figures of their own and nothing else to be known by.
    nameless: RefCell<Option<Rc<RouteState>>>,
    /// How many sweeps shall still look for what has gone.
    sweeps: Cell<u8>,
}

/// After a change: others may need the snapshot before it for a while.
const SWEEPS: u8 = 12;

/// What is known of one host.
#[derive(Debug)]
struct Known {
    /// Keeps the host's address from being given to another, not the host.
    host: Weak<VirtualHost>,
    /// One for each of its routes, once it was met.
    routes: Box<[Option<Rc<RouteState>>]>,
    /// What is neither: requests that went to a canary, and those that the host itself answers.
    others: Vec<(Place, Rc<RouteState>)>,
}

/// What decided, in its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A route, by its number.
    Route(usize),
    /// A route whose canary took the request, by the canary's address.
    Canary(usize, usize),
    /// A setting of the host, by its address.
    Host(usize),
}

impl Routes {
    pub(super) fn new(is_logged: bool) -> Self {
        Self { hosts: RefCell::default(), is_logged, nameless: RefCell::default(), sweeps: Cell::default() }
    }

    /// The state of the rule of a host that decided; none if it is no host's.
    #[inline]
    pub(super) fn get(&self, metrics: &WorkerMetrics, decision: &Decision<'_>) -> Option<Rc<RouteState>> {
        let (host, place) = match decision.matched()? {
            Matched::Route { host, route } => {
                let offset = std::ptr::from_ref(route).addr().wrapping_sub(host.routes().as_ptr().addr());
                let number = offset / size_of::<Route>();
                let place = canary(decision)
                    .map_or(Place::Route(number), |canary| Place::Canary(number, Arc::as_ptr(canary).addr()));
                (host, place)
            }
            Matched::Host { host, origin } => (host, Place::Host(std::ptr::from_ref(origin).addr())),
            Matched::Default(_) => return None,
        };
        if let Some(state) = self.hosts.borrow().get(&Arc::as_ptr(host).addr()).and_then(|known| known.get(place))
            && !state.metrics.is_gone()
        {
            return Some(Rc::clone(state));
        }
        Some(self.meet(place, host, metrics, decision))
    }

    #[cold]
    fn meet(
        &self,
        place: Place,
        host: &Arc<VirtualHost>,
        metrics: &WorkerMetrics,
        decision: &Decision<'_>,
    ) -> Rc<RouteState> {
        let state = self.state(metrics, decision);
        let mut hosts = self.hosts.borrow_mut();
        let known = hosts.entry(Arc::as_ptr(host).addr()).or_insert_with(|| Known {
            host: Arc::downgrade(host),
            routes: host.routes().iter().map(|_| None).collect(),
            others: Vec::new(),
        });
        known.set(place, Rc::clone(&state));
        state
    }

    /// A state for a rule that has none yet.
    fn state(&self, metrics: &WorkerMetrics, decision: &Decision<'_>) -> Rc<RouteState> {
        let state = RouteState::new(metrics, decision);
        if self.is_logged || state.filters.is_some() || !metrics.is_rest(&state.metrics) {
            return Rc::new(state);
        }
        let mut nameless = self.nameless.borrow_mut();
        if let Some(shared) = nameless.as_ref().filter(|shared| Arc::ptr_eq(&shared.metrics, &state.metrics)) {
            return Rc::clone(shared);
        }
        let shared =
            Rc::new(RouteState { rule_path: Box::default(), ingress: None, backend: None, canary: None, ..state });
        Rc::clone(nameless.insert(shared))
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
        self.hosts.borrow_mut().retain(|_, known| known.host.strong_count() > 0);
    }
}

impl Known {
    #[inline]
    fn get(&self, place: Place) -> Option<&Rc<RouteState>> {
        match place {
            Place::Route(number) => self.routes.get(number)?.as_ref(),
            _ => self.others.iter().find(|(other, _)| *other == place).map(|(_, state)| state),
        }
    }

    fn set(&mut self, place: Place, state: Rc<RouteState>) {
        match place {
            Place::Route(number) => {
                if let Some(known) = self.routes.get_mut(number) {
                    *known = Some(state);
                }
            }
            _ => {
                self.others.retain(|(other, _)| *other != place);
                self.others.push((place, state));
            }
        }
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
        let routes = Routes::new(true);
        let snapshot = snapshot(&["a.example"]);
        let meet =
            || with_decision(&snapshot, "http://a.example/tea", |decision| routes.get(&worker, decision)).unwrap();
        assert!(Rc::ptr_eq(&meet(), &meet()));
        routes.outdate();
        routes.sweep();
        assert_eq!(routes.hosts.borrow().len(), 1, "somebody has the snapshot");
        drop(snapshot);
        routes.sweep();
        assert_eq!(routes.hosts.borrow().len(), 0);
    }

    #[test]
    fn routes_that_are_counted_together_are_one_unless_a_log_names_them() {
        let snapshot = snapshot(&["a.example", "b.example", "c.example"]);
        for is_logged in [false, true] {
            let metrics = Metrics::new(1, Options { max_routes: 1, ..Options::default() });
            let worker = metrics.worker(0).unwrap();
            let routes = Routes::new(is_logged);
            let meet = |url: &str| with_decision(&snapshot, url, |decision| routes.get(&worker, decision)).unwrap();
            let [a, b, c] = ["http://a.example/tea", "http://b.example/tea", "http://c.example/tea"].map(meet);
            assert!(!Rc::ptr_eq(&a, &b), "the first has figures of its own");
            assert_eq!(Rc::ptr_eq(&b, &c), !is_logged);
            assert!(Rc::ptr_eq(&meet("http://b.example/tea"), &b));
            assert_eq!((a.ingress.is_some(), b.ingress.is_some()), (true, is_logged));
        }
    }
}
