//! What is wrong, by what was looked at when it was found, and in order.
//!
//! A finding that comes or goes costs what it takes to find its place. All of them are put together only for whoever asks for
//! all, and only if they are others than last time.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::sync::Arc;

use super::BackendId;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::host::HostPattern;
use crate::object::ObjectRef;

/// Where findings come from; those of one source are replaced together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    Classes,
    Config,
    Object(Arc<ObjectRef>),
    Host(HostPattern),
    Derived(HostPattern),
    Certificate(HostPattern),
    DefaultBackend,
    Backend(BackendId),
    /// Of the routes of a host to it.
    BackendAt(BackendId, HostPattern),
}

/// All findings.
#[derive(Debug, Default)]
pub(super) struct Findings {
    by_source: BTreeMap<Source, Vec<Arc<Diagnostic>>>,
    /// Those about an object, each once, and how many sources have it. The order is that of [`Diagnostics`].
    by_object: BTreeMap<Option<Arc<ObjectRef>>, BTreeMap<Arc<Diagnostic>, u32>>,
    /// All of them when somebody asked last.
    collected: Diagnostics,
    /// Those that have come or gone since then, and are not back where they were.
    differing: BTreeSet<Arc<Diagnostic>>,
}

impl Findings {
    /// Replaces those of one source.
    pub(super) fn replace(&mut self, source: Source, findings: Vec<Diagnostic>) {
        let before = self.by_source.get(&source).map_or(&[][..], |before| before);
        if before.iter().map(|finding| &**finding).eq(&findings) {
            return;
        }
        let findings: Vec<Arc<Diagnostic>> = findings.into_iter().map(Arc::new).collect();
        for finding in &findings {
            self.enter(finding);
        }
        let before =
            if findings.is_empty() { self.by_source.remove(&source) } else { self.by_source.insert(source, findings) };
        for finding in before.into_iter().flatten() {
            self.leave(&finding);
        }
    }

    /// All findings.
    pub(super) fn all(&mut self) -> Diagnostics {
        if !self.differing.is_empty() {
            self.differing.clear();
            self.collected = self.by_object.values().flat_map(BTreeMap::keys).cloned().collect();
        }
        self.collected.clone()
    }

    /// Those about one object.
    pub(super) fn about(&self, object: &Arc<ObjectRef>) -> impl Iterator<Item = &Diagnostic> {
        // A key is an object or none, so that it takes an owned one to look for it.
        let findings = self.by_object.get(&Some(Arc::clone(object)));
        findings.into_iter().flat_map(BTreeMap::keys).map(|finding| &**finding)
    }

    /// Those that were not there when somebody asked for all.
    pub(super) fn new_ones(&self) -> impl Iterator<Item = &Diagnostic> {
        self.differing.iter().filter(|finding| self.is_there(finding)).map(|finding| &**finding)
    }

    fn is_there(&self, finding: &Diagnostic) -> bool {
        self.by_object.get(&finding.object).is_some_and(|findings| findings.contains_key(finding))
    }

    fn enter(&mut self, finding: &Arc<Diagnostic>) {
        let findings = self.by_object.entry(finding.object.clone()).or_default();
        let count = findings.entry(Arc::clone(finding)).or_default();
        *count += 1;
        if *count == 1 {
            self.toggle(finding);
        }
    }

    fn leave(&mut self, finding: &Arc<Diagnostic>) {
        let btree_map::Entry::Occupied(mut of_object) = self.by_object.entry(finding.object.clone()) else { return };
        let Some(count) = of_object.get_mut().get_mut(finding) else { return };
        *count -= 1;
        if *count > 0 {
            return;
        }
        of_object.get_mut().remove(finding);
        if of_object.get().is_empty() {
            of_object.remove();
        }
        self.toggle(finding);
    }

    /// Whoever comes after leaving, or leaves after coming, makes no difference.
    fn toggle(&mut self, finding: &Arc<Diagnostic>) {
        if !self.differing.remove(finding) {
            self.differing.insert(Arc::clone(finding));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Code;
    use crate::object::{FieldPath, Kind};

    fn object(name: &str) -> Arc<ObjectRef> {
        Arc::new(ObjectRef::new(Kind::Ingress, "shop", name))
    }

    fn finding(name: &str, message: &str) -> Diagnostic {
        Diagnostic::new(Code::WrongType, Some(object(name)), FieldPath::named(&"spec"), message)
    }

    fn words<'d>(findings: impl IntoIterator<Item = &'d Diagnostic>) -> Vec<&'d str> {
        findings.into_iter().map(|finding| &*finding.message).collect()
    }

    #[test]
    fn a_finding_of_two_sources_is_there_until_both_have_dropped_it() {
        let mut findings = Findings::default();
        findings.replace(Source::Classes, vec![finding("a", "one"), finding("b", "two")]);
        findings.replace(Source::Config, vec![finding("a", "one")]);
        assert_eq!(words(&findings.all()), ["one", "two"]);
        findings.replace(Source::Classes, Vec::new());
        assert_eq!((words(&findings.all()), words(findings.about(&object("a")))), (vec!["one"], vec!["one"]));
        findings.replace(Source::Config, Vec::new());
        assert!(findings.all().is_empty() && findings.about(&object("a")).next().is_none());
    }

    #[test]
    fn what_is_back_where_it_was_is_not_new() {
        let mut findings = Findings::default();
        findings.replace(Source::Classes, vec![finding("a", "one")]);
        assert_eq!(words(findings.new_ones()), ["one"]);
        let all = findings.all();
        assert!(findings.new_ones().next().is_none());
        findings.replace(Source::Classes, vec![finding("a", "two")]);
        assert_eq!(words(findings.new_ones()), ["two"]);
        // The same from elsewhere.
        findings.replace(Source::Config, vec![finding("a", "one")]);
        assert_eq!(words(findings.new_ones()), ["two"]);
        findings.replace(Source::Classes, Vec::new());
        assert!(findings.new_ones().next().is_none() && std::ptr::eq(first(&findings.all()), first(&all)));
    }

    fn first(findings: &Diagnostics) -> *const Diagnostic {
        findings.iter().next().map_or(std::ptr::null(), std::ptr::from_ref)
    }
}
