//! Whether the proxy may be sent requests, and if not, why.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The state that readiness probes ask for.
#[derive(Debug)]
pub struct Health {
    is_ready: AtomicBool,
    is_draining: AtomicBool,
    reason: Mutex<Cow<'static, str>>,
}

impl Default for Health {
    /// Not ready, because it is starting.
    fn default() -> Self {
        Self {
            is_ready: AtomicBool::new(false),
            is_draining: AtomicBool::new(false),
            reason: Mutex::new("starting".into()),
        }
    }
}

impl Health {
    /// Requests can be served.
    pub fn ready(&self) {
        self.is_ready.store(true, Ordering::Release);
    }

    /// Requests cannot be served, for this reason.
    pub fn not_ready(&self, reason: impl Into<Cow<'static, str>>) {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = reason.into();
        self.is_ready.store(false, Ordering::Release);
    }

    /// The proxy is about to stop. This cannot be taken back.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Release);
    }

    /// Whether the proxy is about to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Acquire)
    }

    /// Why requests must not be sent here; none if they may.
    #[must_use]
    pub fn obstacle(&self) -> Option<Cow<'static, str>> {
        if self.is_draining() {
            return Some("draining".into());
        }
        if self.is_ready.load(Ordering::Acquire) {
            return None;
        }
        Some(self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draining_is_the_last_word() {
        let health = Health::default();
        assert_eq!(health.obstacle().as_deref(), Some("starting"));
        health.ready();
        assert_eq!(health.obstacle(), None);
        health.not_ready("no snapshot");
        assert_eq!(health.obstacle().as_deref(), Some("no snapshot"));
        health.drain();
        health.ready();
        assert_eq!(health.obstacle().as_deref(), Some("draining"));
    }
}
