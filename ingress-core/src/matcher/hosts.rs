//! From a request's host to its entry: exact, then wildcard, then any. The first that there is, is final.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Named, Names, Shape};
use crate::host::{HostPattern, NameKey, behind_one_label, without_first_label};
use crate::policy::{HostSettings, VirtualHost};

/// A host ready to be matched. With its name it fills a slot of [`Names`]; most requests need not look at the host itself.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) shape: Arc<Shape>,
    pub(crate) host: Arc<VirtualHost>,
}

// With the 48 bytes of a name this is a cache line at the most.
const _: () = assert!(size_of::<Option<Bound>>() <= 16);

impl Named for Bound {
    fn name(&self) -> &str {
        self.host.pattern().name()
    }
}

/// All hosts.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    exact: Names<Bound>,
    /// Under the name that follows `*.`, with any number of labels in front.
    suffix: Names<Bound>,
    /// The same, with one label in front.
    wildcard: Names<Bound>,
    /// The same as the first, less preferred than the second.
    deep: Names<Bound>,
    /// Stems and expressions, few, in order of preference.
    other: Arc<[Bound]>,
    any: Option<Bound>,
    /// Those whose TLS handshakes differ from others.
    special: Arc<BTreeSet<HostPattern>>,
}

impl Hosts {
    pub(crate) fn new(seed: u64) -> Self {
        let names = || Names::new(seed);
        Self {
            exact: names(),
            suffix: names(),
            wildcard: names(),
            deep: names(),
            other: Arc::new([]),
            any: None,
            special: Arc::default(),
        }
    }

    /// The host that takes a request for the name with this key; the name itself is asked for only if it must be taken apart.
    #[inline]
    pub(crate) fn find<'n>(&self, key: &NameKey, name: impl FnOnce() -> &'n str) -> Option<&Bound> {
        self.exact.get(key).or_else(|| self.find_inexact(name()))
    }

    /// Has what [`find`](Self::find) looks at first on its way to the cache.
    #[inline]
    pub(crate) fn prefetch<'n>(&self, name: impl FnOnce() -> &'n [u8]) {
        self.exact.prefetch(name);
    }

    /// Apart, so that the usual case stays small.
    #[inline(never)]
    fn find_inexact(&self, name: &str) -> Option<&Bound> {
        self.inexact(name).next()
    }

    /// The host with this pattern.
    pub(crate) fn get(&self, pattern: &HostPattern) -> Option<&Bound> {
        match pattern {
            HostPattern::Any => self.any.as_ref(),
            HostPattern::Exact(name) => self.exact.get(&NameKey::new(name.as_str())),
            HostPattern::Suffix(name) => self.suffix.get(&NameKey::new(name.as_str())),
            HostPattern::Deep(name) => self.deep.get(&NameKey::new(name.as_str())),
            HostPattern::Wildcard(name) => self.wildcard.get(&NameKey::new(name.as_str())),
            HostPattern::Regex(_) | HostPattern::Stem(_) => {
                self.other.iter().find(|bound| bound.host.pattern() == pattern)
            }
        }
    }

    /// All hosts that take requests for a name, most preferred first.
    pub(crate) fn candidates(&self, key: &NameKey, name: &str) -> impl Iterator<Item = &Bound> {
        self.exact.get(key).into_iter().chain(self.inexact(name))
    }

    fn inexact(&self, name: &str) -> impl Iterator<Item = &Bound> {
        let suffixes = parents(&self.suffix, name);
        let rest = (!self.wildcard.is_empty()).then(|| behind_one_label(name)).flatten();
        let wildcard = rest.and_then(|rest| self.wildcard.get(&NameKey::new(rest)));
        let is_stem = |bound: &&Bound| matches!(bound.host.pattern(), HostPattern::Stem(_));
        let matching = move |bound: &&Bound| bound.host.pattern().matches(name);
        let stems = self.other.iter().filter(is_stem).filter(matching);
        let regexes = self.other.iter().filter(move |bound| !is_stem(bound)).filter(matching);
        suffixes.chain(stems).chain(wildcard).chain(parents(&self.deep, name)).chain(regexes).chain(&self.any)
    }

    /// Whether there is a host whose TLS handshakes differ from others.
    #[inline]
    pub(crate) fn has_special_handshakes(&self) -> bool {
        !self.special.is_empty()
    }

    /// All hosts, in no order that means anything.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Bound> {
        let names =
            self.exact.values().chain(self.suffix.values()).chain(self.wildcard.values()).chain(self.deep.values());
        names.chain(&*self.other).chain(&self.any)
    }

    pub(crate) fn len(&self) -> usize {
        let names = self.exact.len() + self.suffix.len() + self.wildcard.len() + self.deep.len();
        names + self.other.len() + usize::from(self.any.is_some())
    }

    /// Bytes of the slots, without what they point at.
    pub(crate) fn heap_bytes(&self) -> usize {
        [&self.exact, &self.suffix, &self.wildcard, &self.deep].map(Names::heap_bytes).iter().sum()
    }

    /// The hosts with some of them replaced or, with none, taken away.
    pub(crate) fn with(&self, changes: Vec<(HostPattern, Option<Bound>)>) -> Self {
        let (mut exact, mut suffix, mut wildcard, mut deep) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut other, mut any) = (Vec::new(), self.any.clone());
        let mut special = Arc::clone(&self.special);
        for (pattern, bound) in changes {
            if bound.as_ref().is_some_and(|bound| bound.host.settings().is_some_and(HostSettings::has_own_handshake)) {
                Arc::make_mut(&mut special).insert(pattern.clone());
            } else if special.contains(&pattern) {
                Arc::make_mut(&mut special).remove(&pattern);
            }
            match pattern {
                HostPattern::Any => any = bound,
                HostPattern::Exact(name) => exact.push((NameKey::new(name.as_str()), bound)),
                HostPattern::Suffix(name) => suffix.push((NameKey::new(name.as_str()), bound)),
                HostPattern::Deep(name) => deep.push((NameKey::new(name.as_str()), bound)),
                HostPattern::Wildcard(name) => wildcard.push((NameKey::new(name.as_str()), bound)),
                HostPattern::Regex(_) | HostPattern::Stem(_) => other.push((pattern, bound)),
            }
        }
        Self {
            exact: self.exact.with(exact),
            suffix: self.suffix.with(suffix),
            wildcard: self.wildcard.with(wildcard),
            deep: self.deep.with(deep),
            other: if other.is_empty() { Arc::clone(&self.other) } else { replaced(&self.other, other) },
            any,
            special,
        }
    }
}

/// What stands under the names that a name is below, the nearest first.
fn parents<'t>(table: &'t Names<Bound>, name: &str) -> impl Iterator<Item = &'t Bound> {
    // Only where a table holds something is it worth while to take the name apart.
    let first = (!table.is_empty()).then(|| without_first_label(name)).flatten();
    std::iter::successors(first, |name| without_first_label(name)).filter_map(|name| table.get(&NameKey::new(name)))
}

/// The hosts of this kind with some of them replaced or taken away, in order of preference.
fn replaced(before: &[Bound], changes: Vec<(HostPattern, Option<Bound>)>) -> Arc<[Bound]> {
    let is_changed = |bound: &Bound| changes.iter().any(|(pattern, _)| pattern == bound.host.pattern());
    let mut kept: Vec<Bound> = before.iter().filter(|bound| !is_changed(bound)).cloned().collect();
    kept.extend(changes.into_iter().filter_map(|(_, bound)| bound));
    kept.sort_by(|a, b| b.host.pattern().preference().cmp(&a.host.pattern().preference()));
    kept.into()
}
