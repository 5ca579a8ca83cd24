//! Passive health: endpoints that fail are left out for a while, but never more than half of a group.
//!
//! Nobody is asked how he feels; only the outcome of requests counts. An endpoint that was left out gets one request when its
//! time is up. If that goes well it is back; if it fails it is left out for twice as long.

use std::cell::Cell;

use crate::config;

/// How often the time doubles for which an endpoint is left out.
const MAX_DOUBLINGS: u32 = 4;

/// What the endpoints of one group know of each other.
#[derive(Debug, Default)]
pub(super) struct Peers {
    max_fails: Cell<u32>,
    /// In milliseconds, like all times here.
    fail_timeout: Cell<u64>,
    slow_start: Cell<u64>,
    size: Cell<usize>,
    /// How many are suspected; never more than half.
    suspects: Cell<usize>,
    /// Until when some are on their slow start.
    slow_until: Cell<u64>,
}

impl Peers {
    /// Takes over settings; they count from the next event on.
    pub(super) fn configure(&self, config: &config::Upstream) {
        let millis = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.max_fails.set(config.max_fails);
        self.fail_timeout.set(millis(config.fail_timeout));
        self.slow_start.set(millis(config.slow_start));
    }

    /// How long a slow start takes.
    pub(super) fn slow_start(&self) -> u64 {
        self.slow_start.get()
    }

    /// Says that some endpoints are on their slow start for so long.
    pub(super) fn slow_until(&self, until: u64) {
        self.slow_until.set(self.slow_until.get().max(until));
    }

    /// Whether every endpoint may have its full share.
    pub(super) fn are_equal(&self, now: u64) -> bool {
        self.suspects.get() == 0 && now >= self.slow_until.get()
    }

    /// Counts again, after endpoints came or went. Where more than half would be suspected, nobody is.
    pub(super) fn recount<'h>(&self, members: impl ExactSizeIterator<Item = &'h Health> + Clone, now: u64) {
        let suspects = members.clone().filter(|health| health.is_suspected()).count();
        self.size.set(members.len());
        self.suspects.set(suspects);
        if suspects.saturating_mul(2) > members.len() {
            members.filter(|health| health.is_suspected()).for_each(|health| health.begin_anew(now));
            self.suspects.set(0);
        }
    }

    /// Whether one more may be suspected; it is counted then.
    fn suspect(&self) -> bool {
        let suspects = self.suspects.get().saturating_add(1);
        let is_allowed = suspects.saturating_mul(2) <= self.size.get();
        if is_allowed {
            self.suspects.set(suspects);
        }
        is_allowed
    }
}

/// The health of one endpoint.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Failures, each less than the time after the one before.
    fails: Cell<u32>,
    last_fail: Cell<u64>,
    /// How often in a row it has been left out; not 0 means suspected.
    ejections: Cell<u32>,
    /// When it was to be let in again. Requests that began before say nothing new.
    trial: Cell<u64>,
    /// Until when it is left out: until the trial, and while the trial is under way.
    closed_until: Cell<u64>,
}

impl Health {
    /// Whether requests may go there.
    pub(super) fn is_open(&self, now: u64) -> bool {
        now >= self.closed_until.get()
    }

    /// Whether it has been left out and has not served a request since.
    pub(super) fn is_suspected(&self) -> bool {
        self.ejections.get() != 0
    }

    /// A request goes there. The first one after the time of a suspect is its trial, and no other shall follow before it is
    /// over.
    pub(super) fn begin(&self, peers: &Peers, now: u64) {
        if self.is_suspected() && self.is_open(now) {
            self.closed_until.set(now.saturating_add(peers.fail_timeout.get()));
        }
    }

    /// A request that began at `started` was served.
    pub(super) fn succeeded(&self, peers: &Peers, started: u64) {
        if self.is_suspected() && started >= self.trial.get() {
            self.acquit();
            peers.suspects.set(peers.suspects.get().saturating_sub(1));
        }
    }

    /// A request that began at `started` was not served. Returned is whether it is left out for that.
    pub(super) fn failed(&self, peers: &Peers, started: u64, now: u64) -> bool {
        let (max_fails, timeout) = (peers.max_fails.get(), peers.fail_timeout.get());
        if max_fails == 0 || started < self.trial.get() {
            return false;
        }
        if now.saturating_sub(self.last_fail.replace(now)) >= timeout {
            self.fails.set(0);
        }
        self.fails.set(self.fails.get().saturating_add(1));
        let was_suspected = self.is_suspected();
        let is_left_out = was_suspected || (self.fails.get() >= max_fails && peers.suspect());
        if is_left_out {
            let ejections = self.ejections.get();
            let until = now.saturating_add(timeout.saturating_mul(1 << ejections.min(MAX_DOUBLINGS)));
            self.ejections.set(ejections.saturating_add(1));
            self.fails.set(0);
            self.trial.set(until);
            self.closed_until.set(until);
        }
        is_left_out
    }

    fn acquit(&self) {
        self.ejections.set(0);
        self.closed_until.set(0);
    }

    /// Counts as healthy without having had its trial: what fails from now on counts.
    fn begin_anew(&self, now: u64) {
        self.acquit();
        self.fails.set(0);
        self.trial.set(now);
    }
}
