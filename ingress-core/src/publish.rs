//! One writer, many readers, no lock: the snapshot in force.

use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};

use crate::snapshot::Snapshot;

/// Puts snapshots in force.
///
/// ```
/// use std::sync::Arc;
/// use ingress_core::policy::RouteTable;
/// use ingress_core::publish::Publisher;
/// use ingress_core::snapshot::Snapshot;
///
/// let mut publisher = Publisher::default();
/// let reader = publisher.reader();
/// publisher.publish(Arc::new(Snapshot::new(RouteTable::default())));
/// assert_eq!(reader.load().host_count(), 0);
/// ```
pub struct Publisher {
    cell: Arc<ArcSwap<Snapshot>>,
}

impl Publisher {
    /// Puts a snapshot in force. Readers that loaded the one before keep it until they drop it.
    pub fn publish(&mut self, snapshot: Arc<Snapshot>) {
        self.cell.store(snapshot);
    }

    /// Another reader.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader { cell: Arc::clone(&self.cell) }
    }
}

impl Default for Publisher {
    /// Nothing is in force yet: every request gets 404.
    fn default() -> Self {
        Self { cell: Arc::new(ArcSwap::from_pointee(Snapshot::empty(0))) }
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("snapshot", &self.cell.load()).finish()
    }
}

/// Reads the snapshot in force. Cheap to clone; give each thread its own.
#[derive(Clone)]
pub struct Reader {
    cell: Arc<ArcSwap<Snapshot>>,
}

impl Reader {
    /// The snapshot in force, borrowed. Load once per request and drop the guard before waiting for anything: guards are
    /// few, and one held for long keeps an old snapshot alive.
    #[must_use]
    pub fn load(&self) -> Guard {
        Guard(self.cell.load())
    }

    /// The snapshot in force, to keep.
    #[must_use]
    pub fn load_full(&self) -> Arc<Snapshot> {
        self.cell.load_full()
    }

    /// A reader that remembers what it read last: the cheapest there is, for one thread that asks for every request.
    #[must_use]
    pub fn cached(&self) -> CachedReader {
        CachedReader { cache: Cache::new(Arc::clone(&self.cell)) }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("snapshot", &self.cell.load()).finish()
    }
}

/// Reads the snapshot in force and remembers it, so that reading again costs one comparison of pointers while nothing was
/// published. Each thread has its own.
///
/// It keeps the snapshot that it read last alive: a thread that has nothing to do should load once in a while, else an old
/// snapshot stays in memory for as long as the thread sleeps.
#[derive(Clone)]
pub struct CachedReader {
    cache: Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>,
}

impl CachedReader {
    /// The snapshot in force.
    pub fn load(&mut self) -> &Arc<Snapshot> {
        self.cache.load()
    }
}

impl fmt::Debug for CachedReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedReader").finish_non_exhaustive()
    }
}

/// A borrowed snapshot.
pub struct Guard(arc_swap::Guard<Arc<Snapshot>>);

impl std::ops::Deref for Guard {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.0
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cached_reader_sees_what_is_published() {
        let mut publisher = Publisher::default();
        let mut cached = publisher.reader().cached();
        let before = Arc::clone(cached.load());
        assert!(Arc::ptr_eq(&before, cached.load()), "nothing was published");

        let next = Arc::new(Snapshot::empty(1));
        publisher.publish(Arc::clone(&next));
        assert!(Arc::ptr_eq(&next, cached.load()));
        assert!(Arc::ptr_eq(&next, cached.clone().load()));
    }

    #[test]
    fn a_cached_reader_lets_go_of_the_snapshot_before() {
        let mut publisher = Publisher::default();
        let mut cached = publisher.reader().cached();
        let old = Arc::downgrade(cached.load());
        publisher.publish(Arc::new(Snapshot::empty(1)));
        assert!(old.upgrade().is_some(), "the cache still has it");
        cached.load();
        assert!(old.upgrade().is_none());
    }
}
