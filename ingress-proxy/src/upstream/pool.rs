//! Idle connections to one endpoint, kept for the next request.

use std::cell::RefCell;
use std::task::{Context, Waker};

use super::h1;
use crate::config;
use crate::h2::client::Multiplexer;

/// Which connections may serve for which: those with the same TLS settings and server name; 0 is plain text.
pub(crate) type Key = u64;

/// Connections of one worker to one endpoint.
#[derive(Debug, Default)]
pub struct Pool {
    idle: RefCell<Vec<Idle>>,
    /// HTTP/2 connections, which many requests share at one time.
    multiplexers: RefCell<Vec<(Key, Multiplexer)>>,
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
    pub(crate) fn take(&self, key: Key, config: &config::Upstream, now: u64) -> Option<Box<h1::Connection>> {
        let mut idle = self.idle.borrow_mut();
        loop {
            let place = idle.iter().rposition(|it| it.key == key)?;
            let mut found = idle.remove(place);
            if is_good(&mut found, config, now) {
                return Some(found.connection);
            }
        }
    }

    /// Keeps a connection, unless there are enough.
    pub(crate) fn put(&self, connection: Box<h1::Connection>, key: Key, config: &config::Upstream, now: u64) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < config.keep_alive_connections && connection.served < config.keep_alive_requests {
            idle.push(Idle { connection, key, since: now });
        }
    }

    /// The HTTP/2 connections for a key.
    pub(crate) fn multiplexer(&self, key: Key) -> Multiplexer {
        let mut all = self.multiplexers.borrow_mut();
        if let Some((_, multiplexer)) = all.iter().find(|(other, _)| *other == key) {
            return multiplexer.clone();
        }
        let multiplexer = Multiplexer::default();
        all.push((key, multiplexer.clone()));
        multiplexer
    }

    /// Closes what has been idle for too long or was closed by the endpoint.
    pub(crate) fn sweep(&self, config: &config::Upstream, now: u64) {
        self.idle.borrow_mut().retain_mut(|idle| is_good(idle, config, now));
    }
}

fn is_good(idle: &mut Idle, config: &config::Upstream, now: u64) -> bool {
    let within = |since: u64, most: std::time::Duration| u128::from(now.saturating_sub(since)) < most.as_millis();
    within(idle.since, config.keep_alive_timeout)
        && within(idle.connection.since, config.keep_alive_age)
        && idle.connection.is_alive(&mut Context::from_waker(Waker::noop()))
}
