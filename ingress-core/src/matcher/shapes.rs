//! What hosts with the same routes have in common.
//!
//! With many hosts, what a request costs is mostly the memory that it is the first to look at in a while. Hosts that lead to the same
//! backends by the same paths share one shape: with many names for one application a request finds it in a cache, whichever
//! of the names it is for.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::{PRUNE_FROM, Program};
use crate::lower::{BackendId, SeededState};
use crate::path::PathPolicy;

/// All that a request to a plain host needs: how its path is read, which route takes it, and where that leads.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) program: Arc<Program>,
    /// One per route; [`BackendId::NONE`] where the route does not lead to a backend.
    pub(crate) backends: Box<[BackendId]>,
    /// How paths are made canonical, if the host is plain.
    pub(crate) plain: Option<PathPolicy>,
    /// Whether requests are counted by route.
    pub(crate) is_counted: bool,
}

impl Shape {
    fn key(&self) -> (*const Program, Option<PathPolicy>, bool, &[BackendId]) {
        (Arc::as_ptr(&self.program), self.plain, self.is_counted, &self.backends)
    }

    /// Bytes that the shape takes beside the program.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self) + size_of_val(&*self.backends)
    }
}

impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Shape {}

impl Hash for Shape {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// The shapes in use, each made once.
#[derive(Debug)]
pub(crate) struct Shapes {
    known: HashSet<Arc<Shape>, SeededState>,
    /// With so many it is time to look for unused ones.
    prune_at: usize,
}

impl Shapes {
    pub(crate) fn new(seed: u64) -> Self {
        Self { known: HashSet::with_hasher(SeededState::new(seed)), prune_at: PRUNE_FROM }
    }

    /// The one that is equal to this.
    pub(crate) fn get(&mut self, shape: Shape) -> Arc<Shape> {
        if let Some(known) = self.known.get(&shape) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.prune_at {
            self.known.retain(|shape| Arc::strong_count(shape) > 1);
            self.prune_at = self.known.len() * 2 + PRUNE_FROM;
        }
        let shape = Arc::new(shape);
        self.known.insert(Arc::clone(&shape));
        shape
    }
}

#[cfg(test)]
mod tests {
    use super::super::Programs;
    use super::*;
    use crate::host::HostPattern;
    use crate::policy::VirtualHost;

    #[test]
    fn equal_shapes_are_one_and_unused_ones_are_forgotten() {
        let host = VirtualHost::new(HostPattern::Any, PathPolicy::Rfc3986, Vec::new(), Vec::new());
        let program = Programs::new(0).get(&Arc::new(host));
        let shape = |backends: &[u32], plain| Shape {
            program: Arc::clone(&program),
            backends: backends.iter().copied().map(BackendId).collect(),
            plain,
            is_counted: false,
        };
        let mut shapes = Shapes::new(0);
        let kept = shapes.get(shape(&[1, 2], None));
        let same = |shapes: &mut Shapes| Arc::ptr_eq(&kept, &shapes.get(shape(&[1, 2], None)));
        assert!(same(&mut shapes));
        assert!(!Arc::ptr_eq(&kept, &shapes.get(shape(&[1, 2], Some(PathPolicy::Rfc3986)))));
        assert!(!Arc::ptr_eq(&kept, &shapes.get(Shape { is_counted: true, ..shape(&[1, 2], None) })));
        for number in 3..5_000 {
            assert_eq!(*shapes.get(shape(&[number], None)).backends, [BackendId(number)]);
        }
        assert!(shapes.known.len() <= 2 * PRUNE_FROM, "{}", shapes.known.len());
        assert!(same(&mut shapes));
    }
}
