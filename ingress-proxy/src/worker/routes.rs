//! What one worker has found out about the routes that it has met.
//!
//! A host that a new snapshot has in common with the one before is the same in memory, and so what is known of its routes
//! stays: a change costs the routes of the hosts that it is about.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use ingress_core::decision::{Decision, Forward, Matched, Via};
use ingress_core::object::ObjectRef;
use ingress_core::policy::{BackendRef, Filters, Target, VirtualHost};

use crate::observe::metrics::{RouteLabels, RouteMetrics, WorkerMetrics};

/// What is counted and logged of a route, and what is done on it beside forwarding.
#[derive(Debug)]
pub struct RouteState {
    /// The counters.
    pub metrics: Arc<RouteMetrics>,
    /// The filters of the route, to keep beyond the snapshot.
    pub filters: Option<Arc<Filters>>,
    /// What a log says of the rule, if there is one.
    pub names: Option<Box<RouteNames>>,
}

/// What a log calls a rule by.
#[derive(Debug)]
#[non_exhaustive]
pub struct RouteNames {
    /// The Ingress.
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
/// There may be a hundred thousand routes and each request may be for another. A request for one that is like most others looks at nothing
/// here that is the route's or its host's own.
#[derive(Debug)]
pub(super) struct Routes {
    routes: RefCell<HashMap<Numbered, Rc<RouteState>, ahash::RandomState>>,
    /// The hosts that these are about.
    hosts: RefCell<HashMap<usize, Known, ahash::RandomState>>,
    /// Whether there is a log, which says of each request which route it was.
    is_logged: bool,
    /// The state of all routes that are not counted and have nothing else to be known by.
    rest: OnceCell<Rc<RouteState>>,
    /// How many sweeps shall still look for what has gone.
    sweeps: Cell<u8>,
}

/// After a change: others may need the snapshot before it for a while.
const SWEEPS: u8 = 12;

/// A route: the address of its host, and its place there.
type Numbered = (usize, usize);

/// What is known of one host beside its routes.
#[derive(Debug)]
struct Known {
    /// Keeps the host's address from being given to another, not the host.
    host: Weak<VirtualHost>,
    others: Vec<(Other, Rc<RouteState>)>,
}

/// What is not simply a route.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Other {
    /// A route whose canary took the request. Not by an address: the host stays when its canary is another.
    Canary(usize, Arc<BackendRef>),
    /// A setting of the host, by its address.
    Host(usize),
}

impl Routes {
    pub(super) fn new(is_logged: bool) -> Self {
        Self {
            routes: RefCell::default(),
            hosts: RefCell::default(),
            is_logged,
            rest: OnceCell::new(),
            sweeps: Cell::default(),
        }
    }

    /// The state of the rule of a host that decided; none if it is no host's.
    #[inline]
    pub(super) fn get(&self, metrics: &WorkerMetrics, decision: &Decision<'_>) -> Option<Rc<RouteState>> {
        match decision.matched()? {
            Matched::Route { is_counted: false, .. } if !self.is_logged && is_bare(decision) => {
                Some(Rc::clone(self.rest.get_or_init(|| self.new_state(metrics, decision))))
            }
            Matched::Route { host, place, .. } => Some(match canary(decision) {
                Some(canary) => self.other(host, Other::Canary(place, Arc::clone(canary)), metrics, decision),
                None => self.route(host, place, metrics, decision),
            }),
            Matched::Host { host, origin } => {
                Some(self.other(host, Other::Host(std::ptr::from_ref(origin).addr()), metrics, decision))
            }
            Matched::Default(_) => None,
        }
    }

    #[inline(never)]
    fn route(
        &self,
        host: &Arc<VirtualHost>,
        place: usize,
        metrics: &WorkerMetrics,
        decision: &Decision<'_>,
    ) -> Rc<RouteState> {
        let route = (Arc::as_ptr(host).addr(), place);
        if let Some(state) = self.routes.borrow().get(&route)
            && !state.metrics.is_gone()
        {
            return Rc::clone(state);
        }
        self.meet(route, host, metrics, decision)
    }

    #[cold]
    fn meet(
        &self,
        route: Numbered,
        host: &Arc<VirtualHost>,
        metrics: &WorkerMetrics,
        decision: &Decision<'_>,
    ) -> Rc<RouteState> {
        self.hosts.borrow_mut().entry(route.0).or_insert_with(|| Known::new(host));
        let state = self.new_state(metrics, decision);
        self.routes.borrow_mut().insert(route, Rc::clone(&state));
        state
    }

    fn other(
        &self,
        host: &Arc<VirtualHost>,
        what: Other,
        metrics: &WorkerMetrics,
        decision: &Decision<'_>,
    ) -> Rc<RouteState> {
        let mut hosts = self.hosts.borrow_mut();
        let known = hosts.entry(Arc::as_ptr(host).addr()).or_insert_with(|| Known::new(host));
        if let Some((_, state)) = known.others.iter().find(|(other, _)| *other == what)
            && !state.metrics.is_gone()
        {
            return Rc::clone(state);
        }
        let state = self.new_state(metrics, decision);
        known.others.retain(|(other, _)| *other != what);
        known.others.push((what, Rc::clone(&state)));
        state
    }

    /// The state of a rule that has none yet.
    pub(super) fn new_state(&self, metrics: &WorkerMetrics, decision: &Decision<'_>) -> Rc<RouteState> {
        Rc::new(RouteState::new(metrics, decision, self.is_logged))
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
        let mut hosts = self.hosts.borrow_mut();
        let before = hosts.len();
        hosts.retain(|_, known| known.host.strong_count() > 0);
        if hosts.len() < before {
            self.routes.borrow_mut().retain(|(host, _), _| hosts.contains_key(host));
        }
    }
}

impl Known {
    fn new(host: &Arc<VirtualHost>) -> Self {
        Self { host: Arc::downgrade(host), others: Vec::new() }
    }
}

/// Whether nothing is done by the route that decided beside forwarding.
#[inline]
fn is_bare(decision: &Decision<'_>) -> bool {
    match decision {
        Decision::Forward(forward) => forward.policy.is_none(),
        _ => decision.matched().and_then(|matched| matched.filters()).is_none(),
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
    fn new(metrics: &WorkerMetrics, decision: &Decision<'_>, is_logged: bool) -> Self {
        let matched = decision.matched();
        let filters = matched.and_then(|matched| matched.policy());
        Self {
            metrics: match matched {
                Some(Matched::Route { is_counted: false, .. }) => metrics.rest(),
                _ => metrics.route(RouteLabels::new(decision)),
            },
            filters: filters.map(|policy| Arc::clone(&policy.filters)),
            names: is_logged.then(|| Box::new(RouteNames::new(decision))),
        }
    }
}

impl RouteNames {
    fn new(decision: &Decision<'_>) -> Self {
        let matched = decision.matched();
        let route = matched.and_then(|matched| matched.route());
        let backend = match matched.and_then(|matched| matched.target()) {
            Some(Target::Backend(reference)) => Some(Arc::clone(reference)),
            _ => None,
        };
        let origin = matched.and_then(|matched| matched.origin());
        Self {
            ingress: origin.map(|origin| Arc::clone(&origin.object)),
            rule_path: route.map(|route| route.path.as_str().into()).unwrap_or_default(),
            backend,
            canary: canary(decision).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ingress_core::snapshot::Snapshot;

    use super::*;
    use crate::observe::fixture::{snapshot, snapshot_with, with_decision};
    use crate::observe::metrics::{Metrics, Options};

    /// What one worker knows while there is one snapshot.
    struct Knowing<'a> {
        routes: Routes,
        metrics: Arc<WorkerMetrics>,
        snapshot: &'a Snapshot,
    }

    impl<'a> Knowing<'a> {
        fn new(is_logged: bool, snapshot: &'a Snapshot) -> Self {
            let metrics = Metrics::new(1, Options::default()).worker(0).unwrap();
            Self { routes: Routes::new(is_logged), metrics, snapshot }
        }

        fn meet(&self, url: &str) -> Rc<RouteState> {
            with_decision(self.snapshot, url, |decision| self.routes.get(&self.metrics, decision)).unwrap()
        }

        /// How many hosts and routes it knows.
        fn known(&self) -> (usize, usize) {
            (self.routes.hosts.borrow().len(), self.routes.routes.borrow().len())
        }
    }

    #[test]
    fn routes_are_known_as_long_as_their_host_is_somewhere() {
        let (one, two) = (snapshot(&["a.example"]), snapshot(&["b.example"]));
        let knowing = Knowing::new(true, &one);
        assert!(Rc::ptr_eq(&knowing.meet("http://a.example/tea"), &knowing.meet("http://a.example/tea")));
        knowing.routes.outdate();
        knowing.routes.sweep();
        assert_eq!(knowing.known(), (1, 1), "somebody has the snapshot");
        let later = Knowing { snapshot: &two, ..knowing };
        later.meet("http://b.example/tea");
        drop(one);
        later.routes.sweep();
        assert_eq!(later.known(), (1, 1));
    }

    #[test]
    fn routes_that_are_counted_together_are_one_unless_a_log_names_them() {
        let snapshot = snapshot_with(&["a.example", "b.example", "c.example"], 1);
        for is_logged in [false, true] {
            let knowing = Knowing::new(is_logged, &snapshot);
            let [a, b, c] =
                ["http://a.example/tea", "http://b.example/tea", "http://c.example/tea"].map(|url| knowing.meet(url));
            assert!(!Rc::ptr_eq(&a, &b), "the first has figures of its own");
            assert!(Arc::ptr_eq(&b.metrics, &c.metrics) && !Arc::ptr_eq(&a.metrics, &b.metrics));
            assert_eq!(Rc::ptr_eq(&b, &c), !is_logged);
            assert!(Rc::ptr_eq(&knowing.meet("http://b.example/tea"), &b));
            assert_eq!((a.names.is_some(), b.names.is_some()), (is_logged, is_logged));
            assert_eq!(knowing.known(), if is_logged { (3, 3) } else { (1, 1) });
        }
    }
}
