//! Numbers that one thread writes and any thread reads, at the price of a load and a store.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A count. Only its worker may add to it: a second writer would lose steps.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.store(self.get().wrapping_add(amount), Ordering::Relaxed);
    }

    /// Adds one.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// The count.
    #[must_use]
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many of something there are now. Only its worker may change it.
#[derive(Debug, Default)]
pub struct Gauge(Counter);

impl Gauge {
    /// One more.
    #[inline]
    pub fn increment(&self) {
        self.0.add(1);
    }

    /// One less.
    #[inline]
    pub fn decrement(&self) {
        self.0.add(u64::MAX);
    }

    /// How many there are.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

/// Values by key that are made when they are first asked for and then stay: one thread asks, any thread looks through them.
///
/// It is a list, because the keys are few and the first is the usual one.
#[derive(Debug)]
pub(super) struct Chain<K, V>(OnceLock<Box<Link<K, V>>>);

#[derive(Debug)]
struct Link<K, V> {
    key: K,
    value: V,
    next: Chain<K, V>,
}

impl<K, V> Default for Chain<K, V> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<K: Copy + PartialEq, V: Default> Chain<K, V> {
    /// The value of a key.
    pub(super) fn get(&self, key: K) -> &V {
        let mut chain = self;
        loop {
            let link = chain.0.get_or_init(|| Box::new(Link { key, value: V::default(), next: Self::default() }));
            if link.key == key {
                return &link.value;
            }
            chain = &link.next;
        }
    }
}

impl<K: Copy, V> Chain<K, V> {
    /// All keys with their values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        std::iter::successors(self.0.get(), |link| link.next.0.get()).map(|link| (link.key, &link.value))
    }
}

/// Counts by a reason from the program's text, never from a request.
#[derive(Debug, Default)]
pub struct Reasons(Chain<&'static str, Counter>);

impl Reasons {
    /// Counts one.
    pub fn count(&self, reason: &'static str) {
        self.0.get(reason).increment();
    }

    /// All reasons so far with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(reason, count)| (reason, count.get()))
    }
}
