//! Backends by number, in chunks that versions share.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::lower::BackendId;
use crate::policy::Backend;

/// Backends of a chunk; a change copies this many pointers.
const CHUNK: usize = 128;

type Chunk = Arc<[Option<Arc<Backend>>; CHUNK]>;

/// A vector of backends with holes.
#[derive(Clone, Debug, Default)]
pub(crate) struct BackendTable {
    chunks: Box<[Chunk]>,
}

impl BackendTable {
    #[inline]
    pub(crate) fn get(&self, id: BackendId) -> Option<&Backend> {
        let number = id.0 as usize;
        self.chunks.get(number / CHUNK)?.get(number % CHUNK)?.as_deref()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Backend>> {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).flatten()
    }

    /// The table with some numbers set to a backend or emptied.
    pub(crate) fn with(&self, changes: BTreeMap<BackendId, Option<Arc<Backend>>>) -> Self {
        let Some((last, _)) = changes.last_key_value() else { return self.clone() };
        let mut chunks = self.chunks.to_vec();
        let needed = last.0 as usize / CHUNK + 1;
        if chunks.len() < needed {
            let empty: Chunk = Arc::new(std::array::from_fn(|_| None));
            chunks.resize(needed, empty);
        }
        for (id, backend) in changes {
            let number = id.0 as usize;
            if let Some(chunk) = chunks.get_mut(number / CHUNK)
                // Copies the chunk once, the first time that it is written to.
                && let Some(place) = Arc::make_mut(chunk).get_mut(number % CHUNK)
            {
                *place = backend;
            }
        }
        Self { chunks: chunks.into() }
    }
}
