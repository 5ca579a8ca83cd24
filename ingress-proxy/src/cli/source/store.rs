//! Who gives which object: per file what it gives, and of two files that give the same object the later one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;

use ingress_cli::input::{Reading, SecretData};
use ingress_core::model::Object;
use ingress_core::object::ObjectRef;

/// A file: the number of the `--file` that leads to it, and its path. The order is the one in which files are read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FileKey {
    pub(super) root: usize,
    pub(super) path: PathBuf,
}

/// An object as a file gives it.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) object: Object,
    pub(super) secret: Option<SecretData>,
    /// The line of its name.
    line: u32,
}

impl Given {
    fn is_same(&self, other: &Self) -> bool {
        self.object == other.object && self.secret == other.secret
    }
}

/// An object that two files give.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Contest {
    pub(super) object: ObjectRef,
    /// The file and line that do not count.
    pub(super) loser: (Arc<FileKey>, u32),
    /// The file and line that do.
    pub(super) winner: (Arc<FileKey>, u32),
}

/// The objects of one file in order; of most files one.
pub(super) type Objects = Box<[(ObjectRef, Given)]>;

/// The objects that were read from one file, without the tree that they were made of.
pub(super) fn objects(reading: Reading) -> Objects {
    let given = reading.objects.into_iter().map(|(reference, given)| {
        let line = given.place("metadata.name").line;
        (reference, Given { object: given.object, secret: given.secret, line })
    });
    given.collect()
}

/// What all files give.
#[derive(Debug, Default)]
pub(super) struct Store {
    files: BTreeMap<Arc<FileKey>, Objects>,
    givers: HashMap<ObjectRef, BTreeSet<Arc<FileKey>>>,
    /// The objects that more than one file gives.
    contested: BTreeSet<ObjectRef>,
}

impl Store {
    /// Takes what a file gives now in place of what it gave before. Returned are the objects that are different now.
    pub(super) fn replace(&mut self, key: &Arc<FileKey>, new: Objects) -> BTreeSet<ObjectRef> {
        let mut changed = BTreeSet::new();
        let old = self.files.remove(key).unwrap_or_default();
        for (reference, given) in &new {
            if find(&old, reference).is_none_or(|before| !before.is_same(given)) {
                changed.insert(reference.clone());
            }
        }
        let gone: Vec<&ObjectRef> =
            old.iter().map(|(reference, _)| reference).filter(|reference| find(&new, reference).is_none()).collect();
        self.take_over(key, &changed, &gone);
        changed.extend(gone.into_iter().cloned());
        changed.retain(|reference| !self.is_beaten(key, reference));
        self.files.insert(Arc::clone(key), new);
        changed
    }

    /// Takes away all that a file gave. Returned are the objects that are different now.
    pub(super) fn remove(&mut self, key: &Arc<FileKey>) -> BTreeSet<ObjectRef> {
        let changed = self.replace(key, Objects::default());
        self.files.remove(key);
        changed
    }

    /// The object as it counts.
    pub(super) fn get(&self, reference: &ObjectRef) -> Option<&Given> {
        find(self.files.get(self.giver(reference)?)?, reference)
    }

    /// The file whose version of an object counts.
    pub(super) fn giver(&self, reference: &ObjectRef) -> Option<&Arc<FileKey>> {
        self.givers.get(reference)?.last()
    }

    /// How many objects a file gives.
    pub(super) fn count_of(&self, key: &FileKey) -> usize {
        self.files.get(key).map_or(0, |given| given.len())
    }

    /// The files that give anything, or gave it and can still be read.
    pub(super) fn files(&self) -> impl ExactSizeIterator<Item = &Arc<FileKey>> {
        self.files.keys()
    }

    /// How many objects there are.
    pub(super) fn len(&self) -> usize {
        self.givers.len()
    }

    /// The objects that more than one file gives, each with every file that does not count.
    pub(super) fn contests(&self) -> impl Iterator<Item = Contest> {
        self.contested.iter().flat_map(|reference| {
            let place = |key: &Arc<FileKey>| {
                let line = self.files.get(key).and_then(|given| find(given, reference)).map_or(1, |given| given.line);
                (Arc::clone(key), line)
            };
            let mut places = self.givers.get(reference).into_iter().flatten().rev().map(place);
            let winner = places.next();
            places
                .zip(std::iter::repeat(winner))
                .filter_map(|(loser, winner)| Some(Contest { object: reference.clone(), loser, winner: winner? }))
        })
    }

    fn take_over(&mut self, key: &Arc<FileKey>, given: &BTreeSet<ObjectRef>, gone: &[&ObjectRef]) {
        for reference in given {
            let givers = self.givers.entry(reference.clone()).or_default();
            givers.insert(Arc::clone(key));
            if givers.len() > 1 {
                self.contested.insert(reference.clone());
            }
        }
        for reference in gone {
            let Some(givers) = self.givers.get_mut(*reference) else { continue };
            givers.remove(key);
            if givers.len() < 2 {
                self.contested.remove(*reference);
            }
            if givers.is_empty() {
                self.givers.remove(*reference);
            }
        }
    }

    /// Whether a later file gives the object too, so that it does not matter what this one says.
    fn is_beaten(&self, key: &Arc<FileKey>, reference: &ObjectRef) -> bool {
        let later = (Bound::Excluded(Arc::clone(key)), Bound::Unbounded);
        self.givers.get(reference).is_some_and(|givers| givers.range(later).next().is_some())
    }
}

fn find<'a>(objects: &'a [(ObjectRef, Given)], reference: &ObjectRef) -> Option<&'a Given> {
    let place = objects.binary_search_by(|(other, _)| other.cmp(reference)).ok()?;
    objects.get(place).map(|(_, given)| given)
}

#[cfg(test)]
mod tests {
    use ingress_core::object::Kind;

    use super::*;

    fn key(path: &str) -> Arc<FileKey> {
        Arc::new(FileKey { root: 0, path: path.into() })
    }

    fn services(list: &[(&str, &str)]) -> Objects {
        let documents = list.iter().map(|(name, ip)| {
            format!(
                "{{apiVersion: v1, kind: Service, metadata: {{name: '{name}'}}, spec: {{clusterIP: '{ip}'}}}}\n---\n"
            )
        });
        objects(Reading::of(&documents.collect::<String>(), "d", ""))
    }

    fn names(changed: &BTreeSet<ObjectRef>) -> Vec<&str> {
        changed.iter().map(|reference| &*reference.name).collect()
    }

    fn ip(store: &Store, name: &str) -> Option<String> {
        match &store.get(&ObjectRef::new(Kind::Service, "d", name))?.object {
            Object::Service(service) => Some(service.spec.cluster_ip.to_string()),
            _ => None,
        }
    }

    #[test]
    fn only_what_differs_has_changed() {
        let mut store = Store::default();
        assert_eq!(names(&store.replace(&key("a"), services(&[("x", "1"), ("y", "1")]))), ["x", "y"]);
        assert!(store.replace(&key("a"), services(&[("y", "1"), ("x", "1")])).is_empty(), "they moved, that is all");
        assert_eq!(names(&store.replace(&key("a"), services(&[("y", "2"), ("z", "1")]))), ["x", "y", "z"]);
        assert_eq!((ip(&store, "x"), ip(&store, "y")), (None, Some("2".to_owned())));
        assert_eq!(names(&store.remove(&key("a"))), ["y", "z"]);
        assert_eq!((store.len(), store.files().len()), (0, 0));
    }

    #[test]
    fn the_later_file_counts_and_the_earlier_comes_back() {
        let mut store = Store::default();
        store.replace(&key("b"), services(&[("x", "1")]));
        assert!(store.replace(&key("a"), services(&[("x", "2")])).is_empty(), "b is later");
        assert_eq!(ip(&store, "x").as_deref(), Some("1"));
        assert_eq!(names(&store.replace(&key("c"), services(&[("x", "3")]))), ["x"]);
        let contests: Vec<_> = store.contests().map(|contest| (contest.loser.0, contest.winner.0)).collect();
        assert_eq!(contests, [(key("b"), key("c")), (key("a"), key("c"))]);
        assert_eq!(names(&store.remove(&key("c"))), ["x"]);
        assert_eq!(ip(&store, "x").as_deref(), Some("1"));
        assert!(store.remove(&key("a")).is_empty());
        assert_eq!(store.contests().count(), 0);
        assert_eq!(names(&store.remove(&key("b"))), ["x"]);
    }
}
