//! The backends of a host's routes. Hosts that lead to the same backends share one list: with many names for one application
//! a request finds it in a cache, whichever of the names it is for.

use std::collections::HashSet;
use std::sync::Arc;

use super::PRUNE_FROM;
use crate::lower::{BackendId, SeededState};

/// The lists in use, each made once.
#[derive(Debug)]
pub(crate) struct Lists {
    known: HashSet<Arc<[BackendId]>, SeededState>,
    /// With so many it is time to look for unused ones.
    prune_at: usize,
}

impl Lists {
    pub(crate) fn new(seed: u64) -> Self {
        Self { known: HashSet::with_hasher(SeededState::new(seed)), prune_at: PRUNE_FROM }
    }

    /// The list with these backends.
    pub(crate) fn get(&mut self, backends: &[BackendId]) -> Arc<[BackendId]> {
        if let Some(list) = self.known.get(backends) {
            return Arc::clone(list);
        }
        if self.known.len() >= self.prune_at {
            self.known.retain(|list| Arc::strong_count(list) > 1);
            self.prune_at = self.known.len() * 2 + PRUNE_FROM;
        }
        let list: Arc<[BackendId]> = backends.into();
        self.known.insert(Arc::clone(&list));
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lists_are_one_and_unused_ones_are_forgotten() {
        let mut lists = Lists::new(0);
        let kept = lists.get(&[BackendId(1), BackendId(2)]);
        assert!(Arc::ptr_eq(&kept, &lists.get(&[BackendId(1), BackendId(2)])));
        for number in 0..5_000 {
            assert_eq!(*lists.get(&[BackendId(number)]), [BackendId(number)]);
        }
        assert!(lists.known.len() <= 2 * PRUNE_FROM, "{}", lists.known.len());
        assert!(Arc::ptr_eq(&kept, &lists.get(&[BackendId(1), BackendId(2)])));
    }
}
