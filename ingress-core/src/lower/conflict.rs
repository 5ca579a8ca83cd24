//! Who comes first when several objects claim the same thing.

use std::sync::Arc;

use crate::model::Ingress;
use crate::object::ObjectRef;

/// The place of an object among those that claim the same thing: the lesser wins.
///
/// Older objects come first; one without a creation time is still to be created and comes last. Equal ages are told apart
/// by namespace and name, ascending (Gateway API's documented order).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConflictKey {
    created: i64,
    pub(super) object: Arc<ObjectRef>,
}

impl ConflictKey {
    pub(super) fn new(object: &Arc<ObjectRef>, ingress: &Ingress) -> Self {
        let created = ingress.metadata.creation_timestamp.map_or(i64::MAX, |time| time.0);
        Self { created, object: Arc::clone(object) }
    }

    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        self.created < other.created
    }
}
