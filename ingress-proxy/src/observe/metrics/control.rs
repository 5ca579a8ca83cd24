//! What is known of the configuration in force, as figures. It changes some times per minute.

use std::collections::BTreeMap;
use std::time::Duration;

use ingress_core::diagnostic::{Code, Diagnostics, Severity};

use super::histogram::{Times, slot_of_time};

/// A configuration that was put in force.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants")]
pub struct Reload {
    /// A number that differs when the configuration does.
    pub hash: u64,
    /// When it was put in force, in seconds since 1970.
    pub unix_seconds: u64,
    /// How many hosts it has.
    pub hosts: usize,
}

/// What the figures of the configuration are made of.
#[derive(Debug, Default)]
pub(super) struct Control {
    pub(super) hash: u64,
    /// Whether all that there is to read is in force.
    pub(super) is_complete: bool,
    pub(super) last_good: u64,
    pub(super) hosts: usize,
    pub(super) swaps: u64,
    pub(super) failures: u64,
    /// The Lease that says which replica leads, and whether it is this one; none where no leader is elected.
    pub(super) leading: Option<(Box<str>, bool)>,
    pub(super) diagnostics: BTreeMap<(Code, Severity), u64>,
    /// Names with the second in which their certificate expires.
    pub(super) certificates: Vec<(Box<str>, i64)>,
    /// How long the answers of the validating webhook took, by what they were.
    pub(super) reviews: BTreeMap<&'static str, Times>,
    /// How answers of a shadow compare with those of the other controller.
    pub(super) comparisons: BTreeMap<&'static str, u64>,
}

impl Control {
    pub(super) fn reloaded(&mut self, reload: &Reload) {
        self.hash = reload.hash;
        self.last_good = reload.unix_seconds;
        self.hosts = reload.hosts;
        self.swaps += 1;
    }

    pub(super) fn reviewed(&mut self, result: &'static str, took: Duration) {
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.reviews.entry(result).or_default().observe(slot_of_time(microseconds), microseconds);
    }

    pub(super) fn found(&mut self, diagnostics: &Diagnostics) {
        self.diagnostics.clear();
        for diagnostic in diagnostics {
            *self.diagnostics.entry((diagnostic.code, diagnostic.severity)).or_default() += 1;
        }
    }
}
