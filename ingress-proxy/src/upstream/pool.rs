//! Idle connections to one endpoint, kept for the next request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use ingress_core::policy;

use super::h1;
use super::tls::Terms;
use crate::config;
use crate::h2::client::Multiplexer;

/// How many HTTP/2 connections one worker has to one endpoint at the most, for one key.
const MULTIPLEXED: usize = 32;

/// For how many keys it has any. There are as many as clients choose where the name in a key is that of their `Host`.
const KEYS: usize = 32;

/// Which connections may serve for which: those with the same TLS settings and server name, or plain ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Key(pub(crate) Option<Terms>);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(&a.config, &b.config) && a.name == b.name,
            _ => false,
        }
    }
}

/// The pools of one worker, by what is dialled: backends that lead to one endpoint share its connections, as many Services may
/// select the same pods. Only those do not share that the operator has given their endpoint to, and others must not dial it.
#[derive(Debug, Default)]
pub struct Pools(RefCell<HashMap<(policy::Endpoint, bool), Weak<Pool>, ahash::RandomState>>);

impl Pools {
    /// The pool of an endpoint, which lives as long as somebody holds it.
    pub(super) fn of(&self, target: &policy::Endpoint, is_named: bool) -> Rc<Pool> {
        let mut pools = self.0.borrow_mut();
        let place = pools.entry((target.clone(), is_named)).or_default();
        place.upgrade().unwrap_or_else(|| {
            let pool = Rc::default();
            *place = Rc::downgrade(&pool);
            pool
        })
    }

    /// Forgets those that nobody holds, and closes idle connections of the others that are over.
    pub(crate) fn sweep(&self, config: &config::Upstream, now: u64) {
        let held: Vec<Rc<Pool>> = {
            let mut pools = self.0.borrow_mut();
            pools.retain(|_, pool| pool.strong_count() > 0);
            pools.values().filter_map(Weak::upgrade).collect()
        };
        held.iter().for_each(|pool| pool.sweep(config, now));
    }
}

/// Connections of one worker to one endpoint.
#[derive(Debug, Default)]
pub struct Pool {
    idle: RefCell<Vec<Idle>>,
    /// HTTP/2 connections, which many requests share at one time; those that were used last come last.
    multiplexers: RefCell<Vec<(Key, Rc<Multiplexer>)>>,
}

#[derive(Debug)]
struct Idle {
    connection: Box<h1::Connection>,
    key: Key,
    /// Since when it has been idle, by the worker's clock.
    since: u64,
}

impl Pool {
    /// The connection that was used last, if one is still good.
    pub(crate) fn take(&self, key: &Key, config: &config::Upstream, now: u64) -> Option<Box<h1::Connection>> {
        let mut idle = self.idle.borrow_mut();
        loop {
            let place = idle.iter().rposition(|it| it.key == *key)?;
            let mut found = idle.remove(place);
            if is_good(&mut found, config, now) {
                return Some(found.connection);
            }
        }
    }

    /// Keeps a connection, in place of the oldest if there are enough.
    pub(crate) fn put(&self, connection: Box<h1::Connection>, key: Key, config: &config::Upstream, now: u64) {
        let mut idle = self.idle.borrow_mut();
        if config.keep_alive_connections > 0 && connection.served < config.keep_alive_requests {
            if idle.len() >= config.keep_alive_connections {
                idle.remove(0);
            }
            idle.push(Idle { connection, key, since: now });
        }
    }

    /// The HTTP/2 connections for a key, in place of those for another if there are enough; what is under way on those is finished.
    pub(crate) fn multiplexer(&self, key: &Key) -> Rc<Multiplexer> {
        let mut all = self.multiplexers.borrow_mut();
        let found = match all.iter().rposition(|(other, _)| other == key) {
            Some(place) => all.remove(place),
            None => {
                if all.len() >= KEYS {
                    let is_unused = |it: &Rc<Multiplexer>| Rc::strong_count(it) == 1 && it.connections() == 0;
                    let unused = all.iter().position(|(_, it)| is_unused(it));
                    all.remove(unused.unwrap_or(0));
                }
                (key.clone(), Rc::new(Multiplexer::new(MULTIPLEXED)))
            }
        };
        let multiplexer = Rc::clone(&found.1);
        all.push(found);
        multiplexer
    }

    /// Closes what has been idle for too long or was closed by the endpoint.
    fn sweep(&self, config: &config::Upstream, now: u64) {
        self.idle.borrow_mut().retain_mut(|idle| is_good(idle, config, now));
        // Those of settings that are no longer in use have no connections after a while.
        self.multiplexers.borrow_mut().retain(|(_, it)| Rc::strong_count(it) > 1 || it.connections() > 0);
    }
}

fn is_good(idle: &mut Idle, config: &config::Upstream, now: u64) -> bool {
    let within = |since: u64, most: std::time::Duration| u128::from(now.saturating_sub(since)) < most.as_millis();
    within(idle.since, config.keep_alive_timeout)
        && within(idle.connection.since, config.keep_alive_age)
        && idle.connection.is_alive()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::tls;

    #[test]
    fn names_that_clients_choose_are_bounded() {
        let config = Arc::new(tls::unverified().unwrap());
        let key = |name: &str| {
            let name = rustls::pki_types::ServerName::try_from(name.to_owned()).unwrap();
            Key(Some(Terms { config: Arc::clone(&config), name }))
        };
        let pool = Pool::default();
        let used = pool.multiplexer(&key("used.example"));
        for number in 0..1_000 {
            drop(pool.multiplexer(&key(&format!("{number}.example"))));
        }
        assert_eq!(pool.multiplexers.borrow().len(), KEYS);
        assert!(Rc::ptr_eq(&used, &pool.multiplexer(&key("used.example"))), "what nobody uses goes first");
        let all: Vec<_> = (0..KEYS).map(|number| pool.multiplexer(&key(&format!("held{number}.example")))).collect();
        pool.multiplexer(&key("held0.example"));
        pool.multiplexer(&key("another.example"));
        assert!(Rc::ptr_eq(&all[0], &pool.multiplexer(&key("held0.example"))), "then what was used long ago");
    }

    #[test]
    fn a_pool_is_shared_while_somebody_holds_it() {
        let endpoint = |port: u16| policy::Endpoint::Address(([192, 0, 2, 1], port).into());
        let pools = Pools::default();
        let first = pools.of(&endpoint(80), false);
        assert!(Rc::ptr_eq(&first, &pools.of(&endpoint(80), false)));
        assert!(!Rc::ptr_eq(&first, &pools.of(&endpoint(81), false)));
        assert!(!Rc::ptr_eq(&first, &pools.of(&endpoint(80), true)), "not all may dial what only one may");
        pools.sweep(&config::Upstream::default(), 0);
        assert_eq!(pools.0.borrow().len(), 1, "nobody holds the others");
        drop(first);
        pools.sweep(&config::Upstream::default(), 0);
        assert!(pools.0.borrow().is_empty());
    }
}
