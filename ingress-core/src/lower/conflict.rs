//! Who comes first when several objects claim the same thing.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::dialect::TieBreak;
use crate::model::Ingress;
use crate::object::ObjectRef;

/// The place of an object among those that claim the same thing: the lesser wins.
///
/// Older objects come first; one without a creation time is still to be created and comes last. Equal ages are told apart
/// by namespace and name, in the direction that the object's dialect has. Where objects of both directions meet, those that
/// ascend come first, so that there is one order for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConflictKey {
    created: i64,
    tie_break: TieBreak,
    pub(super) object: Arc<ObjectRef>,
}

impl ConflictKey {
    pub(super) fn new(object: &Arc<ObjectRef>, ingress: &Ingress, tie_break: TieBreak) -> Self {
        let created = ingress.metadata.creation_timestamp.map_or(i64::MAX, |time| time.0);
        Self { created, tie_break, object: Arc::clone(object) }
    }

    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        self.created < other.created
    }

    /// Whether the greater name comes first.
    pub(super) fn descends(&self) -> bool {
        self.tie_break == TieBreak::Descending
    }
}

impl PartialOrd for ConflictKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ConflictKey {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_age = self.created.cmp(&other.created).then(self.tie_break.cmp(&other.tie_break));
        by_age.then_with(|| match self.tie_break {
            TieBreak::Ascending => self.object.cmp(&other.object),
            // ingress-nginx compares the two joined by a slash.
            TieBreak::Descending => joined(&other.object).cmp(joined(&self.object)),
        })
    }
}

fn joined(object: &ObjectRef) -> impl Iterator<Item = u8> + '_ {
    object.namespace.bytes().chain(*b"/").chain(object.name.bytes())
}
