//! One writer, many readers, no lock: the snapshot in force.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;

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
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("snapshot", &self.cell.load()).finish()
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
