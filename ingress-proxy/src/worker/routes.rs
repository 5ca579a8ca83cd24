//! What one worker has found out about the routes that it has met.
//!
//! A host that a new snapshot has in common with the one before is the same in memory, and so what is known of its routes
//! stays: a change costs the routes of the hosts that it is about.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
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
/// There may be a hundred thousand routes and each request may be for another, so that a request looks at one place here.
#[derive(Debug)]
pub(super) struct Routes {
    routes: RefCell<HashMap<Numbered, Rc<RouteState>, ahash::RandomState>>,
    /// Hosts whose other routes have nothing to be known by. With very many routes most are of these, and cost no memory each.
    nameless_hosts: RefCell<HashSet<usize, ahash::RandomState>>,
    /// The hosts that either is about.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Other {
    /// A route whose canary took the request, by the canary's address.
    Canary(usize, usize),
    /// A setting of the host, by its address.
    Host(usize),
}

impl Routes {
    pub(super) fn new(is_logged: bool) -> Self {
        Self {
            routes: RefCell::default(),
            nameless_hosts: RefCell::default(),
            hosts: RefCell::default(),
            is_logged,
            nameless: RefCell::default(),
            sweeps: Cell::default(),
        }
    }

    /// The state of the rule of a host that decided; none if it is no host's.
    #[inline]
    pub(super) fn get(&self, metrics: &WorkerMetrics, decision: &Decision<'_>) -> Option<Rc<RouteState>> {
        match decision.matched()? {
            Matched::Route { host, place } => match canary(decision) {
                Some(canary) => {
                    Some(self.other(host, Other::Canary(place, Arc::as_ptr(canary).addr()), metrics, decision))
                }
                None => Some(self.route((Arc::as_ptr(host).addr(), place), host, metrics, decision)),
            },
            Matched::Host { host, origin } => {
                Some(self.other(host, Other::Host(std::ptr::from_ref(origin).addr()), metrics, decision))
            }
            Matched::Default(_) => None,
        }
    }

    #[inline]
    fn route(
        &self,
        route: Numbered,
        host: &Arc<VirtualHost>,
        metrics: &WorkerMetrics,
        decision: &Decision<'_>,
    ) -> Rc<RouteState> {
        let known = match self.routes.borrow().get(&route) {
            Some(state) => Some(Rc::clone(state)),
            None if self.nameless_hosts.borrow().contains(&route.0) => self.nameless.borrow().clone(),
            None => None,
        };
        match known {
            Some(state) if !state.metrics.is_gone() => state,
            _ => self.meet(route, host, metrics, decision),
        }
    }

    #[cold]
    fn meet(
        &self,
        route: Numbered,
        host: &Arc<VirtualHost>,
        metrics: &WorkerMetrics,
        decision: &Decision<'_>,
    ) -> Rc<RouteState> {
        let state = self.state(metrics, RouteState::new(metrics, decision));
        self.hosts.borrow_mut().entry(route.0).or_insert_with(|| Known::new(host));
        if self.is_nameless(&state) {
            self.routes.borrow_mut().remove(&route);
            self.meet_others(metrics, host);
        } else {
            self.routes.borrow_mut().insert(route, Rc::clone(&state));
        }
        state
    }

    /// Meets the routes of a host that are not like the one of it that was met.
    fn meet_others(&self, metrics: &WorkerMetrics, host: &Arc<VirtualHost>) {
        for (place, route) in host.routes().iter().enumerate() {
            let numbered = (Arc::as_ptr(host).addr(), place);
            if (route.policy.is_some() || metrics.has(host, route)) && !self.routes.borrow().contains_key(&numbered) {
                let state = RouteState::of_route(metrics, host, place, route);
                self.routes.borrow_mut().insert(numbered, self.state(metrics, state));
            }
        }
        self.nameless_hosts.borrow_mut().insert(Arc::as_ptr(host).addr());
    }

    fn is_nameless(&self, state: &Rc<RouteState>) -> bool {
        self.nameless.borrow().as_ref().is_some_and(|nameless| Rc::ptr_eq(nameless, state))
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
        let state = self.state(metrics, RouteState::new(metrics, decision));
        known.others.retain(|(other, _)| *other != what);
        known.others.push((what, Rc::clone(&state)));
        state
    }

    /// The state of a rule that had none yet: its own, or the one that it shares with all that have nothing to be known by.
    fn state(&self, metrics: &WorkerMetrics, state: RouteState) -> Rc<RouteState> {
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
        let mut hosts = self.hosts.borrow_mut();
        let before = hosts.len();
        hosts.retain(|_, known| known.host.strong_count() > 0);
        if hosts.len() < before {
            self.routes.borrow_mut().retain(|(host, _), _| hosts.contains_key(host));
            self.nameless_hosts.borrow_mut().retain(|host| hosts.contains_key(host));
        }
    }
}

impl Known {
    fn new(host: &Arc<VirtualHost>) -> Self {
        Self { host: Arc::downgrade(host), others: Vec::new() }
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
        Self { canary: canary(decision).cloned(), ..Self::of(metrics, RouteLabels::new(decision), decision.matched()) }
    }

    fn of_route(metrics: &WorkerMetrics, host: &Arc<VirtualHost>, place: usize, route: &Route) -> Self {
        Self::of(metrics, RouteLabels::of_route(host.pattern(), route), Some(Matched::Route { host, place }))
    }

    fn of(metrics: &WorkerMetrics, labels: RouteLabels, matched: Option<Matched<'_>>) -> Self {
        let route = matched.and_then(|matched| matched.route());
        let backend = match matched.and_then(|matched| matched.target()) {
            Some(Target::Backend(reference)) => Some(Arc::clone(reference)),
            _ => None,
        };
        let origin = matched.and_then(|matched| matched.origin());
        Self {
            metrics: metrics.route(labels),
            filters: route.and_then(|route| route.policy.as_ref()).map(|policy| Arc::clone(&policy.filters)),
            ingress: origin.map(|origin| Arc::clone(&origin.object)),
            rule_path: route.map(|route| route.path.as_str().into()).unwrap_or_default(),
            backend,
            canary: None,
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

    #[test]
    fn a_host_may_have_routes_with_figures_of_their_own_and_others() {
        let snapshot = snapshot(&["a.example", "b.example"]);
        let metrics = Metrics::new(1, Options { max_routes: 1, ..Options::default() });
        let worker = metrics.worker(0).unwrap();
        let meet = |routes: &Routes, url: &str| {
            with_decision(&snapshot, url, |decision| routes.get(&worker, decision)).unwrap()
        };
        let (first, later) = (Routes::new(false), Routes::new(false));
        let tea = meet(&first, "http://a.example/tea");
        let others = ["http://a.example/coffee", "http://b.example/tea"].map(|url| meet(&first, url));
        assert!(others.iter().all(|other| Rc::ptr_eq(other, &others[0]) && !Rc::ptr_eq(other, &tea)));
        assert_eq!((first.routes.borrow().len(), first.nameless_hosts.borrow().len()), (1, 2));
        // Whatever route of a host is met first, one with figures keeps them.
        let coffee = meet(&later, "http://a.example/coffee");
        let same = meet(&later, "http://a.example/tea");
        assert!(Arc::ptr_eq(&same.metrics, &tea.metrics) && Arc::ptr_eq(&coffee.metrics, &others[0].metrics));
    }
}
