//! The path of a rule.

use std::fmt;

use super::RegexPattern;

/// The path of a rule with its way of matching. Matching is case-sensitive except where a regex says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a path pattern that an adapter does not know would be a hole in its routing"
)]
pub enum PathPattern {
    /// Byte-equal to the request path.
    Exact(Box<str>),
    /// Element by element: a final slash of the rule counts for nothing, `/foo` takes `/foo` and `/foo/x`, not `/foobar`.
    Prefix(Box<str>),
    /// Byte by byte: `/foo` takes `/foobar` too.
    StringPrefix(Box<str>),
    /// A regular expression that must match at the beginning of the path and may stop anywhere.
    Regex(RegexPattern),
}

impl PathPattern {
    /// The pattern as its rule writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Prefix(text) | Self::StringPrefix(text) => text,
            Self::Regex(regex) => regex.as_str(),
        }
    }

    /// The part of the text that takes part in matching: a prefix without its final slashes.
    #[must_use]
    pub fn significant(&self) -> &str {
        match self {
            Self::Prefix(text) => text.trim_end_matches('/'),
            other => other.as_str(),
        }
    }

    /// The way of matching.
    #[must_use]
    pub fn kind(&self) -> PathKind {
        match self {
            Self::Exact(_) => PathKind::Exact,
            Self::Prefix(_) => PathKind::Prefix,
            Self::StringPrefix(_) => PathKind::StringPrefix,
            Self::Regex(_) => PathKind::Regex,
        }
    }

    /// Whether the pattern takes a canonical request path.
    ///
    /// This is the definition; the compiled matcher is proven equal to it. A regex is compiled at each call.
    ///
    /// ```
    /// use ingress_core::path::PathPattern;
    ///
    /// let prefix = PathPattern::Prefix("/foo/".into());
    /// assert!(prefix.matches(b"/foo") && prefix.matches(b"/foo/bar"));
    /// assert!(!prefix.matches(b"/foobar"));
    /// ```
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        match self {
            Self::Exact(text) => path == text.as_bytes(),
            Self::StringPrefix(text) => path.starts_with(text.as_bytes()),
            Self::Prefix(_) => {
                let rest = path.strip_prefix(self.significant().as_bytes());
                rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
            }
            Self::Regex(regex) => regex.matches(path),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.as_str())
    }
}

/// The way a path pattern matches; what wins at equal length is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "one kind per pattern")]
pub enum PathKind {
    /// [`PathPattern::Regex`].
    Regex,
    /// [`PathPattern::StringPrefix`].
    StringPrefix,
    /// [`PathPattern::Prefix`].
    Prefix,
    /// [`PathPattern::Exact`].
    Exact,
}

impl PathKind {
    /// The kind as output writes it; `Exact` and `Prefix` are the values of `pathType`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Regex => "Regex",
            Self::StringPrefix => "StringPrefix",
            Self::Prefix => "Prefix",
            Self::Exact => "Exact",
        }
    }
}

impl fmt::Display for PathKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the Kubernetes documentation, "Ingress", path types, examples.
    #[test]
    fn kubernetes_table() {
        let prefix = |text: &str| PathPattern::Prefix(text.into());
        let exact = |text: &str| PathPattern::Exact(text.into());
        let table = [
            (prefix("/"), "/anything/at/all", true),
            (exact("/foo"), "/foo", true),
            (exact("/foo"), "/bar", false),
            (exact("/foo"), "/foo/", false),
            (exact("/foo/"), "/foo", false),
            (prefix("/foo"), "/foo", true),
            (prefix("/foo"), "/foo/", true),
            (prefix("/foo/"), "/foo", true),
            (prefix("/foo/"), "/foo/", true),
            (prefix("/aaa/bb"), "/aaa/bbb", false),
            (prefix("/aaa/bbb"), "/aaa/bbb", true),
            (prefix("/aaa/bbb/"), "/aaa/bbb", true),
            (prefix("/aaa/bbb"), "/aaa/bbb/", true),
            (prefix("/aaa/bbb"), "/aaa/bbb/ccc", true),
            (prefix("/aaa/bbb"), "/aaa/bbbxyz", false),
        ];
        for (pattern, path, expected) in table {
            assert_eq!(pattern.matches(path.as_bytes()), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_regex_begins_at_the_beginning_and_stops_anywhere() {
        let regex = |text: &str, case| PathPattern::Regex(RegexPattern::new(text, case).expect("a valid expression"));
        assert!(regex("/v[0-9]+/|/w", false).matches(b"/v12/x"));
        assert!(!regex("/v[0-9]+/|/w", false).matches(b"/a/w"));
        assert!(regex("/foo", true).matches(b"/FOObar"));
        assert!(!regex("/foo", false).matches(b"/FOO"));
        assert!(regex("/.", false).matches(b"/\xff"));
    }

    #[test]
    fn expressions_that_are_refused() {
        for text in ["(", "/a)|(b", "(?=x)", r"(a)\1", "a{1,1000}{1,1000}", &"(".repeat(60)] {
            assert!(RegexPattern::new(text, false).is_err(), "{text}");
        }
    }
}
