//! The one ordering of rules. Sorting, matching and explaining all use it.

use std::cmp::Reverse;
use std::fmt;

use crate::host::{HostPattern, HostRank};
use crate::path::{PathKind, PathPattern};

/// How much a rule is preferred among those that match; the greatest wins.
///
/// The order is derived: the fields decide in the order in which they stand here. Two rules are equal only if host rank,
/// text and way of matching are.
///
/// ```
/// use ingress_core::host::HostPattern;
/// use ingress_core::path::PathPattern;
/// use ingress_core::policy::{Precedence, PrecedenceField};
///
/// let (exact, prefix) = (PathPattern::Exact("/foo".into()), PathPattern::Prefix("/foo/".into()));
/// let exact = Precedence::new(&HostPattern::Any, &exact);
/// let prefix = Precedence::new(&HostPattern::Any, &prefix);
/// assert!(exact > prefix);
/// assert_eq!(exact.deciding_field(&prefix), Some(PrecedenceField::Type));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Precedence<'r> {
    /// The more specific host. It is settled before paths are looked at.
    pub host: HostRank,
    /// The longer path, in bytes, a prefix without its final slashes (Kubernetes documentation, "multiple matches").
    pub length: usize,
    /// At equal length Exact beats Prefix (same place).
    pub kind: PathKind,
    /// Nothing in the specification tells the rest apart, so the greater text wins, as ingress-nginx sorts.
    pub text: &'r str,
    /// A regex that minds the case beats one that does not.
    pub case_sensitive: bool,
    /// Of expressions with one text the first that was written, where the dialect keeps several.
    pub first: Reverse<u32>,
}

impl<'r> Precedence<'r> {
    /// The precedence of a path under a host.
    #[must_use]
    pub fn new(host: &HostPattern, path: &'r PathPattern) -> Self {
        Self {
            host: host.rank(),
            // `/` as a prefix has nothing left without its slash, but it is one byte long like any other `/`.
            length: path.significant().len().max(1),
            kind: path.kind(),
            text: path.as_str(),
            case_sensitive: !matches!(path, PathPattern::Regex(regex) if regex.is_case_insensitive()),
            first: Reverse(if let PathPattern::Regex(regex) = path { regex.order() } else { 0 }),
        }
    }

    /// The first field in which two rules differ, none if they are equal.
    #[must_use]
    pub fn deciding_field(&self, other: &Self) -> Option<PrecedenceField> {
        if self.host != other.host {
            Some(PrecedenceField::Host)
        } else if self.length != other.length {
            Some(PrecedenceField::Length)
        } else if self.kind != other.kind {
            Some(PrecedenceField::Type)
        } else if self.text != other.text || self.case_sensitive != other.case_sensitive {
            Some(PrecedenceField::Text)
        } else if self != other {
            Some(PrecedenceField::Age)
        } else {
            None
        }
    }
}

/// What one rule wins over another by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PrecedenceField {
    /// A more specific host.
    Host,
    /// A longer path.
    Length,
    /// A stricter way of matching.
    Type,
    /// The greater text.
    Text,
    /// An older object, or the lesser name, or the earlier place in one object: for rules that are the same.
    Age,
}

impl PrecedenceField {
    /// The field in lower case, as the JSON output writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Length => "length",
            Self::Type => "type",
            Self::Text => "text",
            Self::Age => "age",
        }
    }

    /// Why the winner comes first, as a clause.
    #[must_use]
    pub fn clause(self) -> &'static str {
        match self {
            Self::Host => "whose host is more specific",
            Self::Length => "whose path is longer",
            Self::Type => "which matches more strictly at equal length",
            Self::Text => "whose text is greater at equal length and type",
            Self::Age => "which is the same rule and comes first",
        }
    }
}

impl fmt::Display for PrecedenceField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
