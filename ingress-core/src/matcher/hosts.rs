//! From a request's host to its entry: exact, then wildcard, then any. The first that there is, is final.

use std::sync::Arc;

use super::{Named, Names, Program};
use crate::host::{HostPattern, NameKey, without_first_label};
use crate::lower::BackendId;
use crate::policy::VirtualHost;

/// A host with the numbers of its backends.
#[derive(Debug)]
pub(crate) struct HostEntry {
    pub(crate) host: Arc<VirtualHost>,
    /// One per route; [`BackendId::NONE`] where the route does not lead to a backend.
    pub(crate) backends: Box<[BackendId]>,
}

/// A host ready to be matched. The program stands beside the entry so that finding a route does not need the entry.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) program: Arc<Program>,
    pub(crate) entry: Arc<HostEntry>,
}

impl Named for Bound {
    fn name(&self) -> &str {
        match self.entry.host.pattern() {
            HostPattern::Any => "",
            HostPattern::Wildcard(name) | HostPattern::Exact(name) => name.as_str(),
        }
    }
}

/// All hosts.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    exact: Names<Bound>,
    /// Under the name that follows `*.`.
    wildcard: Names<Bound>,
    any: Option<Bound>,
}

impl Hosts {
    pub(crate) fn new(seed: u64) -> Self {
        Self { exact: Names::new(seed), wildcard: Names::new(seed), any: None }
    }

    /// The host that takes a request for the name with this key; the name itself is asked for only if it must be taken apart.
    #[inline]
    pub(crate) fn find<'n>(&self, key: &NameKey, name: impl FnOnce() -> &'n str) -> Option<&Bound> {
        self.exact.get(key).or_else(|| self.find_inexact(name()))
    }

    /// Apart, so that the usual case stays small.
    #[inline(never)]
    fn find_inexact(&self, name: &str) -> Option<&Bound> {
        if !self.wildcard.is_empty()
            && let Some(rest) = without_first_label(name)
            && let Some(bound) = self.wildcard.get(&NameKey::new(rest))
        {
            return Some(bound);
        }
        self.any.as_ref()
    }

    /// All hosts, in no order that means anything.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Bound> {
        self.exact.values().chain(self.wildcard.values()).chain(&self.any)
    }

    pub(crate) fn len(&self) -> usize {
        self.exact.len() + self.wildcard.len() + usize::from(self.any.is_some())
    }

    /// Bytes of the slots, without what they point at.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.exact.heap_bytes() + self.wildcard.heap_bytes()
    }

    /// The hosts with some of them replaced or, with none, taken away.
    pub(crate) fn with(&self, changes: Vec<(HostPattern, Option<Bound>)>) -> Self {
        let (mut exact, mut wildcard, mut any) = (Vec::new(), Vec::new(), self.any.clone());
        for (pattern, bound) in changes {
            match pattern {
                HostPattern::Any => any = bound,
                HostPattern::Exact(name) => exact.push((NameKey::new(name.as_str()), bound)),
                HostPattern::Wildcard(name) => wildcard.push((NameKey::new(name.as_str()), bound)),
            }
        }
        Self { exact: self.exact.with(exact), wildcard: self.wildcard.with(wildcard), any }
    }
}
