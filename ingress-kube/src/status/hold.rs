//! Which addresses an Ingress is to have: what is added counts at once, what is missing only after it has been for a while.
//!
//! What there was before is read from the Ingresses themselves, so that a replica which has just begun to lead holds on to what
//! the one before has written.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::convert::Address;

/// The addresses that are there, and since when others are not.
#[derive(Debug)]
pub(crate) struct Hold {
    time: Duration,
    /// None before anything was found. It is never empty: that there are no addresses is not believed.
    found: Option<BTreeSet<Address>>,
    /// When something was first found.
    since: Instant,
    /// Addresses that were found, and since when they are missing.
    missing: BTreeMap<Address, Instant>,
}

/// What an Ingress is to have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// In order.
    pub(crate) addresses: Vec<Address>,
    /// When some of them will no longer be held on to.
    pub(crate) until: Option<Instant>,
}

impl Hold {
    /// Nothing has been found yet; what is missing is held on to for so long.
    pub(crate) fn new(time: Duration, now: Instant) -> Self {
        Self { time, found: None, since: now, missing: BTreeMap::new() }
    }

    /// Takes what was found.
    pub(crate) fn found(&mut self, addresses: BTreeSet<Address>, now: Instant) {
        if addresses.is_empty() {
            return;
        }
        match &self.found {
            None => self.since = now,
            Some(before) => {
                for address in before.difference(&addresses) {
                    self.missing.insert(address.clone(), now);
                }
            }
        }
        // After its time an address is like any that was never there.
        self.missing.retain(|address, since| !addresses.contains(address) && *since + self.time > now);
        self.found = Some(addresses);
    }

    /// Whether anything was ever found.
    pub(crate) fn is_known(&self) -> bool {
        self.found.is_some()
    }

    /// What an Ingress with these addresses is to have; none if that is not known.
    pub(crate) fn target(&self, current: &[Address], now: Instant) -> Option<Target> {
        let found = self.found.as_ref()?;
        let over = |address: &Address| *self.missing.get(address).unwrap_or(&self.since) + self.time;
        let held = current.iter().filter(|address| !found.contains(*address) && over(address) > now);
        let until = held.clone().map(over).min();
        let addresses: BTreeSet<&Address> = found.iter().chain(held).collect();
        Some(Target { addresses: addresses.into_iter().cloned().collect(), until })
    }
}

/// Whether two lists have the same addresses, in whatever order.
pub(crate) fn is_same(current: &[Address], target: &[Address]) -> bool {
    // The API keeps lists as they are written, twice the same too.
    current.len() == target.len() && current.iter().collect::<BTreeSet<_>>() == target.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(ips: &[&str]) -> Vec<Address> {
        ips.iter().map(|ip| Address { ip: (*ip).into(), hostname: Box::default() }).collect()
    }

    struct Bench {
        hold: Hold,
        start: Instant,
        /// What the Ingress has, and how often it was written.
        current: Vec<Address>,
        writes: usize,
    }

    impl Bench {
        fn new(current: &[&str]) -> Self {
            let start = Instant::now();
            Self { hold: Hold::new(Duration::from_secs(30), start), start, current: all(current), writes: 0 }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        fn find(&mut self, seconds: u64, ips: &[&str]) -> &mut Self {
            self.hold.found(all(ips).into_iter().collect(), self.at(seconds));
            self.write(seconds)
        }

        fn write(&mut self, seconds: u64) -> &mut Self {
            if let Some(target) = self.hold.target(&self.current, self.at(seconds))
                && !is_same(&self.current, &target.addresses)
            {
                self.current = target.addresses;
                self.writes += 1;
            }
            self
        }

        fn has(&mut self, ips: &[&str], writes: usize) -> &mut Self {
            assert_eq!((&self.current, self.writes), (&all(ips), writes));
            self
        }
    }

    #[test]
    fn what_is_new_counts_at_once() {
        Bench::new(&[]).find(0, &["b", "a"]).has(&["a", "b"], 1).find(1, &["a", "b", "c"]).has(&["a", "b", "c"], 2);
    }

    #[test]
    fn what_is_missing_for_a_moment_stays() {
        let mut bench = Bench::new(&[]);
        bench.find(0, &["a", "b"]).find(10, &["a"]).has(&["a", "b"], 1).find(39, &["a", "b"]).has(&["a", "b"], 1);
        bench.find(40, &["a"]).write(69).has(&["a", "b"], 1).write(70).has(&["a"], 2);
    }

    #[test]
    fn flapping_is_not_seen() {
        let mut bench = Bench::new(&[]);
        for second in 0..600 {
            let found: &[&str] = match second % 4 {
                0 => &["a"],
                1 => &[],
                2 => &["b"],
                _ => &["a", "b"],
            };
            bench.find(second, found);
        }
        bench.has(&["a", "b"], 2);
    }

    #[test]
    fn the_last_address_is_never_taken_away() {
        let mut bench = Bench::new(&[]);
        bench.find(0, &["a"]).find(10, &[]).write(100_000).has(&["a"], 1);
        // After so long nobody expects it back.
        bench.find(100_001, &["b"]).has(&["a", "b"], 2).write(100_031).has(&["b"], 3);
    }

    #[test]
    fn whoever_begins_to_lead_holds_on_to_what_was_there() {
        let mut bench = Bench::new(&["a", "b"]);
        bench.write(5).has(&["a", "b"], 0);
        bench.find(10, &["b"]).write(39).has(&["a", "b"], 0).write(40).has(&["b"], 1);
        let target = bench.hold.target(&all(&["b", "x"]), bench.at(20)).unwrap();
        assert_eq!(target, Target { addresses: all(&["b", "x"]), until: Some(bench.at(40)) });
    }

    #[test]
    fn order_is_of_no_account_and_repetition_is() {
        assert!(is_same(&all(&["b", "a"]), &all(&["a", "b"])));
        assert!(!is_same(&all(&["a", "a"]), &all(&["a"])));
        assert!(!is_same(&all(&["a", "a"]), &all(&["a", "b"])));
        assert!(is_same(&[], &[]));
    }
}
