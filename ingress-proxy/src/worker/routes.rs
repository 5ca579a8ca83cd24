//! What one worker has found out about the routes that it has met.
//!
//! A host that a new snapshot has in common with the one before is the same in memory, and so what is known of its routes
//! stays: a change costs the routes of the hosts that it is about.

mod addresses;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use ingress_core::decision::{Decision, Forward, Matched, Via};
use ingress_core::object::ObjectRef;
use ingress_core::policy::{BackendRef, Filters, Route, Target, VirtualHost};

pub(super) use self::addresses::Addresses;
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
/// There may be a hundred thousand routes and each request may be for another. A request for one that is like most others looks at nothing
/// here that is the route's or its host's own, but for a bit.
#[derive(Debug)]
pub(super) struct Routes {
    routes: RefCell<HashMap<Numbered, Rc<RouteState>, ahash::RandomState>>,
    /// Hosts none of whose routes has anything to be known by. With very many routes most are of these, and cost no memory each.
    nameless_hosts: RefCell<HashSet<usize, ahash::RandomState>>,
    /// The hosts that either is about.
    hosts: RefCell<HashMap<usize, Known, ahash::RandomState>>,
    /// How many routes the other hosts have, met or not: hosts are taken whole for as long as there is room for figures.
    named: Cell<usize>,
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
    /// How many of its routes are named, if one was asked for.
    named: Option<usize>,
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
            named: Cell::default(),
            is_logged,
            nameless: RefCell::default(),
            sweeps: Cell::default(),
        }
    }

    /// The state of the rule of a host that decided; none if it is no host's. `met` has the places in the snapshot's memory of hosts that are
    /// known to be nameless.
    #[inline]
    pub(super) fn get(
        &self,
        metrics: &WorkerMetrics,
        met: &RefCell<Addresses>,
        decision: &Decision<'_>,
    ) -> Option<Rc<RouteState>> {
        match decision.matched()? {
            Matched::Route { host, place } => {
                let route = (Arc::as_ptr(host).addr(), place);
                Some(self.without_a_look(met, host).unwrap_or_else(|| match canary(decision) {
                    Some(canary) => {
                        self.other(host, Other::Canary(place, Arc::as_ptr(canary).addr()), metrics, decision)
                    }
                    None => self.route(route, met, host, metrics, decision),
                }))
            }
            Matched::Host { host, origin } => {
                Some(self.other(host, Other::Host(std::ptr::from_ref(origin).addr()), metrics, decision))
            }
            Matched::Default(_) => None,
        }
    }

    /// The state of all routes of a host, if it is known to be nameless.
    #[inline]
    fn without_a_look(&self, met: &RefCell<Addresses>, host: &Arc<VirtualHost>) -> Option<Rc<RouteState>> {
        let nameless = self.nameless.borrow();
        let state = nameless.as_ref()?;
        (met.borrow().contains(place_of(host)) && !state.metrics.is_gone()).then(|| Rc::clone(state))
    }

    #[inline(never)]
    fn route(
        &self,
        route: Numbered,
        met: &RefCell<Addresses>,
        host: &Arc<VirtualHost>,
        metrics: &WorkerMetrics,
        decision: &Decision<'_>,
    ) -> Rc<RouteState> {
        let known = match self.routes.borrow().get(&route) {
            Some(state) => Some(Rc::clone(state)),
            None if self.nameless_hosts.borrow().contains(&route.0) => {
                met.borrow_mut().insert(place_of(host));
                self.nameless.borrow().clone()
            }
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
        let mut hosts = self.hosts.borrow_mut();
        let known = hosts.entry(route.0).or_insert_with(|| Known::new(host));
        let named = *known.named.get_or_insert_with(|| self.name(metrics, host));
        if named == 0 {
            self.nameless_hosts.borrow_mut().insert(route.0);
            return self.state(metrics, RouteState::nameless(metrics));
        }
        let state = self.state(metrics, RouteState::new(metrics, decision));
        self.routes.borrow_mut().insert(route, Rc::clone(&state));
        state
    }

    /// How many routes of a host that is met are named from now on: all, or none.
    fn name(&self, metrics: &WorkerMetrics, host: &VirtualHost) -> usize {
        // It may have figures from before it was changed.
        let has_name = |route: &Route| route.policy.is_some() || metrics.has(host, route);
        let is_named = self.is_logged || self.named.get() < metrics.max_routes() || host.routes().iter().any(has_name);
        let named = if is_named { host.routes().len() } else { 0 };
        self.named.set(self.named.get() + named);
        named
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
        let shared = Rc::new(RouteState { metrics: state.metrics, ..RouteState::nameless(metrics) });
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
        self.named.set(hosts.values().filter_map(|known| known.named).sum());
        if hosts.len() < before {
            self.routes.borrow_mut().retain(|(host, _), _| hosts.contains_key(host));
            self.nameless_hosts.borrow_mut().retain(|host| hosts.contains_key(host));
        }
    }
}

impl Known {
    fn new(host: &Arc<VirtualHost>) -> Self {
        Self { host: Arc::downgrade(host), named: None, others: Vec::new() }
    }
}

/// Where in the memory of its snapshot a host stands.
#[inline]
fn place_of(host: &Arc<VirtualHost>) -> usize {
    std::ptr::from_ref(host).addr()
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
        let route = matched.and_then(|matched| matched.route());
        let backend = match matched.and_then(|matched| matched.target()) {
            Some(Target::Backend(reference)) => Some(Arc::clone(reference)),
            _ => None,
        };
        let origin = matched.and_then(|matched| matched.origin());
        Self {
            metrics: metrics.route(RouteLabels::new(decision)),
            filters: route.and_then(|route| route.policy.as_ref()).map(|policy| Arc::clone(&policy.filters)),
            ingress: origin.map(|origin| Arc::clone(&origin.object)),
            rule_path: route.map(|route| route.path.as_str().into()).unwrap_or_default(),
            backend,
            canary: canary(decision).cloned(),
        }
    }

    /// What all have in common that have nothing to be known by.
    fn nameless(metrics: &WorkerMetrics) -> Self {
        Self {
            metrics: metrics.rest(),
            filters: None,
            ingress: None,
            rule_path: Box::default(),
            backend: None,
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
    use ingress_core::snapshot::Snapshot;

    use super::*;
    use crate::observe::fixture::{snapshot, with_decision};
    use crate::observe::metrics::{Metrics, Options};

    /// What one worker knows while there is one snapshot.
    struct Knowing<'a> {
        routes: Routes,
        met: RefCell<Addresses>,
        metrics: Arc<WorkerMetrics>,
        snapshot: &'a Snapshot,
    }

    impl<'a> Knowing<'a> {
        fn new(metrics: &Metrics, is_logged: bool, snapshot: &'a Snapshot) -> Self {
            let metrics = metrics.worker(0).unwrap();
            Self { routes: Routes::new(is_logged), met: RefCell::default(), metrics, snapshot }
        }

        fn meet(&self, url: &str) -> Rc<RouteState> {
            with_decision(self.snapshot, url, |decision| self.routes.get(&self.metrics, &self.met, decision)).unwrap()
        }

        /// Whether a route is found without a look at what is its host's.
        fn is_met(&self, url: &str) -> bool {
            with_decision(self.snapshot, url, |decision| match decision.matched() {
                Some(Matched::Route { host, .. }) => self.routes.without_a_look(&self.met, host).is_some(),
                _ => false,
            })
        }
    }

    fn at_most(max_routes: usize) -> Arc<Metrics> {
        Metrics::new(1, Options { max_routes, ..Options::default() })
    }

    #[test]
    fn routes_are_known_as_long_as_their_host_is_somewhere() {
        let (one, two) = (snapshot(&["a.example"]), snapshot(&["b.example"]));
        let metrics = Metrics::new(1, Options::default());
        let knowing = Knowing::new(&metrics, true, &one);
        assert!(Rc::ptr_eq(&knowing.meet("http://a.example/tea"), &knowing.meet("http://a.example/tea")));
        knowing.routes.outdate();
        knowing.routes.sweep();
        assert_eq!(
            (knowing.routes.hosts.borrow().len(), knowing.routes.named.get()),
            (1, 2),
            "somebody has the snapshot"
        );
        let later = Knowing { snapshot: &two, met: RefCell::default(), ..knowing };
        later.meet("http://b.example/tea");
        drop(one);
        later.routes.sweep();
        assert_eq!((later.routes.hosts.borrow().len(), later.routes.named.get()), (1, 2));
        assert_eq!(later.routes.routes.borrow().len(), 1);
    }

    #[test]
    fn routes_that_are_counted_together_are_one_unless_a_log_names_them() {
        let snapshot = snapshot(&["a.example", "b.example", "c.example"]);
        for is_logged in [false, true] {
            let metrics = at_most(1);
            let knowing = Knowing::new(&metrics, is_logged, &snapshot);
            let [a, b, c] =
                ["http://a.example/tea", "http://b.example/tea", "http://c.example/tea"].map(|url| knowing.meet(url));
            assert!(!Rc::ptr_eq(&a, &b), "the first has figures of its own");
            assert_eq!(Rc::ptr_eq(&b, &c), !is_logged);
            assert!(Rc::ptr_eq(&knowing.meet("http://b.example/tea"), &b));
            assert_eq!((a.ingress.is_some(), b.ingress.is_some()), (true, is_logged));
            let met = ["a", "b", "c"].map(|host| knowing.is_met(&format!("http://{host}.example/coffee")));
            assert_eq!(met, [false, !is_logged, false], "a bit is set when a host is seen for the second time");
        }
    }

    #[test]
    fn hosts_are_taken_whole_while_there_is_room_for_figures() {
        let snapshot = snapshot(&["a.example", "b.example", "c.example"]);
        let urls = |path: &str| ["a", "b", "c"].map(|host| format!("http://{host}.example/{path}"));
        let metrics = at_most(3);
        let knowing = Knowing::new(&metrics, false, &snapshot);
        let [a, b, c] = urls("tea").map(|url| knowing.meet(&url));
        let [of_a, of_b, of_c] = urls("coffee").map(|url| knowing.meet(&url));
        assert!([&b, &c, &of_a, &of_b, &of_c].iter().all(|state| !Rc::ptr_eq(state, &a)));
        assert!(Rc::ptr_eq(&of_c, &c) && !Rc::ptr_eq(&b, &c), "two hosts with two routes each are three and more");
        assert!(!Rc::ptr_eq(&of_a, &c) && Rc::ptr_eq(&of_b, &c), "three have figures: the fourth is one of the others");
        assert_eq!((knowing.routes.routes.borrow().len(), knowing.routes.nameless_hosts.borrow().len()), (4, 1));
    }

    #[test]
    fn a_host_that_was_changed_keeps_its_figures() {
        let (before, after) = (snapshot(&["a.example", "b.example"]), snapshot(&["a.example", "b.example"]));
        let metrics = at_most(2);
        let knowing = Knowing::new(&metrics, false, &before);
        let [a, b] = ["http://a.example/tea", "http://b.example/tea"].map(|url| knowing.meet(url));
        let later = Knowing { snapshot: &after, met: RefCell::default(), ..knowing };
        // Met in another order than before, and while the old host still counts.
        let [later_b, later_a] = ["http://b.example/tea", "http://a.example/tea"].map(|url| later.meet(url));
        assert!(Arc::ptr_eq(&later_a.metrics, &a.metrics) && Rc::ptr_eq(&later_b, &b));
    }
}
