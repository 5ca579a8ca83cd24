//! Certificates by server name.

use std::sync::Arc;

use crate::host::{HostPattern, NameKey, without_first_label};
use crate::matcher::{Named, Names};
use crate::policy::CertificateEntry;

/// A certificate with the name that it stands under.
#[derive(Clone, Debug)]
pub(crate) struct NamedCertificate {
    pub(crate) pattern: HostPattern,
    pub(crate) entry: Arc<CertificateEntry>,
}

impl Named for NamedCertificate {
    fn name(&self) -> &str {
        self.pattern.name()
    }
}

/// Certificates by server name.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    exact: Names<NamedCertificate>,
    suffix: Names<NamedCertificate>,
    wildcard: Names<NamedCertificate>,
    /// Expressions, and what stands for all names: few.
    other: Arc<[NamedCertificate]>,
}

impl Certificates {
    pub(super) fn new(seed: u64) -> Self {
        let names = || Names::new(seed);
        Self { exact: names(), suffix: names(), wildcard: names(), other: Arc::new([]) }
    }

    /// The certificate for a lower-case name: exact, then the longest suffix, then the wildcard, then an expression.
    pub(super) fn find(&self, name: &str) -> Option<&NamedCertificate> {
        if let Some(found) = self.exact.get(&NameKey::new(name)) {
            return Some(found);
        }
        let mut parent = without_first_label(name).filter(|_| !self.suffix.is_empty());
        while let Some(rest) = parent {
            if let Some(found) = self.suffix.get(&NameKey::new(rest)) {
                return Some(found);
            }
            parent = without_first_label(rest);
        }
        let wildcard = without_first_label(name).and_then(|rest| self.wildcard.get(&NameKey::new(rest)));
        let takes = |named: &&NamedCertificate| named.pattern != HostPattern::Any && named.pattern.matches(name);
        wildcard.or_else(|| self.other.iter().find(takes))
    }

    /// The certificate for every name.
    pub(super) fn any(&self) -> Option<&NamedCertificate> {
        self.other.iter().find(|named| named.pattern == HostPattern::Any)
    }

    /// Whether a certificate is registered for a name itself, or for all names under its parent.
    pub(super) fn is_registered(&self, name: &str) -> bool {
        let wildcard = || self.wildcard.get(&NameKey::new(without_first_label(name)?));
        self.exact.get(&NameKey::new(name)).or_else(wildcard).is_some()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &NamedCertificate> {
        let names = self.exact.values().chain(self.suffix.values()).chain(self.wildcard.values());
        names.chain(&*self.other)
    }

    /// The certificates with some of them replaced or, with none, taken away.
    pub(crate) fn with(&self, changes: Vec<(HostPattern, Option<Arc<CertificateEntry>>)>) -> Self {
        let (mut exact, mut suffix, mut wildcard) = (Vec::new(), Vec::new(), Vec::new());
        let mut other: Option<Vec<NamedCertificate>> = None;
        for (pattern, entry) in changes {
            let (list, key) = match &pattern {
                HostPattern::Any | HostPattern::Regex(_) | HostPattern::Stem(_) => {
                    let other = other.get_or_insert_with(|| self.other.to_vec());
                    other.retain(|named| named.pattern != pattern);
                    other.extend(entry.map(|entry| NamedCertificate { pattern, entry }));
                    continue;
                }
                HostPattern::Exact(name) => (&mut exact, NameKey::new(name.as_str())),
                HostPattern::Suffix(name) | HostPattern::Deep(name) => (&mut suffix, NameKey::new(name.as_str())),
                HostPattern::Wildcard(name) => (&mut wildcard, NameKey::new(name.as_str())),
            };
            list.push((key, entry.map(|entry| NamedCertificate { pattern, entry })));
        }
        let other = other.map(|mut other| {
            other.sort_by(|a, b| b.pattern.preference().cmp(&a.pattern.preference()));
            other.into()
        });
        Self {
            exact: self.exact.with(exact),
            suffix: self.suffix.with(suffix),
            wildcard: self.wildcard.with(wildcard),
            other: other.unwrap_or_else(|| Arc::clone(&self.other)),
        }
    }
}
