//! Host names: as rules write them, and the order of preference among them.
//!
//! A [`HostName`] is lower case and has no port and no final dot, so that names are compared as bytes. How a request's
//! host gets that form is the work of [`crate::request`].

mod key;

use std::fmt;
use std::sync::Arc;

pub(crate) use key::{Block, NameKey, block};

use crate::path::{InvalidRegex, Search};

/// The longest DNS name (RFC 1035 2.3.4, without the final dot).
pub const MAX_HOST_LENGTH: usize = 253;

/// A DNS-1123 subdomain: lower-case labels of letters, digits and inner hyphens, joined by dots.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(Arc<str>);

impl HostName {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`InvalidHost`] says what is wrong with it.
    pub fn new(name: &str) -> Result<Self, InvalidHost> {
        if looks_like_ipv4(name) {
            return Err(InvalidHost::IpAddress);
        }
        check_subdomain(name).map(|()| Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The host of a rule: a name, one label in front of a name, or any host.
///
/// The order is the order of preference, least specific first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a host pattern that an adapter does not know would be a hole in its routing"
)]
pub enum HostPattern {
    /// Every host, also an IP address.
    Any,
    /// An expression that is searched for in the name.
    Regex(HostRegex),
    /// `*.name`: one or more labels in front of the name, where nothing more specific is. Of several, the longest name
    /// counts.
    Deep(HostName),
    /// `*.name`: exactly one non-empty label in front of the name.
    Wildcard(HostName),
    /// `name.*`: one or more labels behind the name. Of several, the longest name counts.
    Stem(HostName),
    /// `*.name`: one or more labels in front of the name. Of several, the longest name counts.
    Suffix(HostName),
    /// The name itself.
    Exact(HostName),
}

impl HostPattern {
    /// Reads `spec.rules[].host` (Kubernetes API reference, IngressRule): empty, a name, or `*.` and a name.
    ///
    /// ```
    /// use ingress_core::host::HostPattern;
    ///
    /// let pattern = HostPattern::new("*.shop.example")?;
    /// assert!(pattern.matches("tea.shop.example"));
    /// assert!(!pattern.matches("a.tea.shop.example"));
    /// assert!(!pattern.matches("shop.example"));
    /// # Ok::<(), ingress_core::host::InvalidHost>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidHost`] for an IP address, a misplaced `*` or anything else that is not a DNS-1123 subdomain.
    pub fn new(host: &str) -> Result<Self, InvalidHost> {
        Self::check(host)?;
        Ok(match host.strip_prefix("*.") {
            _ if host.is_empty() => Self::Any,
            Some(rest) => Self::Wildcard(HostName(rest.into())),
            None => Self::Exact(HostName(host.into())),
        })
    }

    /// Says whether [`new`](Self::new) would take this host.
    pub(crate) fn check(host: &str) -> Result<(), InvalidHost> {
        if host.is_empty() {
            return Ok(());
        }
        // Only an address has a colon or consists of digits and dots; nothing else is worth a try.
        let may_be_address =
            host.starts_with('[') || host.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b'.' | b':'));
        if may_be_address && (host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok()) {
            return Err(InvalidHost::IpAddress);
        }
        let name = host.strip_prefix("*.").unwrap_or(host);
        if name.contains('*') {
            return Err(InvalidHost::MisplacedWildcard);
        }
        check_subdomain(name)
    }

    /// Reads `spec.tls[].hosts[]` or a certificate's DNS name: like [`new`](Self::new), but never empty, and an IPv4
    /// address passes as the API server lets it pass there.
    ///
    /// # Errors
    ///
    /// [`InvalidHost`] for a misplaced `*` or anything else that is not a DNS-1123 subdomain.
    pub fn for_certificate(host: &str) -> Result<Self, InvalidHost> {
        let (name, wildcard) = host.strip_prefix("*.").map_or((host, false), |rest| (rest, true));
        check_subdomain(name)?;
        let name = HostName(name.into());
        Ok(if wildcard { Self::Wildcard(name) } else { Self::Exact(name) })
    }

    /// Whether the pattern takes a request for `host`, which is lower case without port and final dot.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(name) => name.as_str() == host,
            Self::Wildcard(name) => behind_one_label(host) == Some(name.as_str()),
            Self::Stem(name) => {
                let labels = host.strip_prefix(name.as_str()).and_then(|tail| tail.strip_prefix('.'));
                labels.is_some_and(|labels| !labels.is_empty())
            }
            Self::Suffix(name) | Self::Deep(name) => {
                let labels = host.strip_suffix(name.as_str()).and_then(|head| head.strip_suffix('.'));
                labels.is_some_and(|labels| !labels.is_empty())
            }
            Self::Regex(regex) => regex.0.is_match(host.as_bytes()),
        }
    }

    /// The order in which patterns that take the same host are preferred, the greatest first.
    pub(crate) fn preference(&self) -> impl Ord + '_ {
        let length = match self {
            Self::Suffix(name) | Self::Stem(name) | Self::Deep(name) => name.as_str().len(),
            _ => 0,
        };
        let text = match self {
            Self::Regex(regex) => regex.as_str(),
            _ => "",
        };
        (self.rank(), length, std::cmp::Reverse(text))
    }

    /// The name that the pattern is made of; empty where there is none.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Any | Self::Regex(_) => "",
            Self::Deep(name) | Self::Wildcard(name) | Self::Stem(name) | Self::Suffix(name) | Self::Exact(name) => {
                name.as_str()
            }
        }
    }

    /// How specific the pattern is.
    #[must_use]
    pub fn rank(&self) -> HostRank {
        match self {
            Self::Any => HostRank::Any,
            Self::Regex(_) => HostRank::Regex,
            Self::Deep(_) => HostRank::Deep,
            Self::Wildcard(_) => HostRank::Wildcard,
            Self::Stem(_) => HostRank::Stem,
            Self::Suffix(_) => HostRank::Suffix,
            Self::Exact(_) => HostRank::Exact,
        }
    }
}

impl fmt::Display for HostPattern {
    /// `*` for any host, which no rule can write, so that it is not taken for an empty cell.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Regex(regex) => write!(f, "~{}", regex.as_str()),
            Self::Stem(name) => write!(f, "{name}.*"),
            Self::Wildcard(name) | Self::Suffix(name) | Self::Deep(name) => write!(f, "*.{name}"),
            Self::Exact(name) => write!(f, "{name}"),
        }
    }
}

/// An expression for host names, compared and ordered by its text.
// In a box, so that the many patterns that are none stay small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRegex(Box<Search>);

impl HostRegex {
    /// Compiles an expression, which is found anywhere in a name and does not mind the case.
    ///
    /// # Errors
    ///
    /// [`InvalidRegex`] says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, InvalidRegex> {
        Search::new(text, true).map(|search| Self(Box::new(search)))
    }

    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialOrd for HostRegex {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for HostRegex {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl std::hash::Hash for HostRegex {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// How specific a host pattern is; more specific is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "one rank per kind of pattern")]
pub enum HostRank {
    /// [`HostPattern::Any`].
    Any,
    /// [`HostPattern::Regex`].
    Regex,
    /// [`HostPattern::Deep`].
    Deep,
    /// [`HostPattern::Wildcard`].
    Wildcard,
    /// [`HostPattern::Stem`].
    Stem,
    /// [`HostPattern::Suffix`].
    Suffix,
    /// [`HostPattern::Exact`].
    Exact,
}

/// Why text is not a host that a rule can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidHost {
    /// An IPv4 or IPv6 literal.
    IpAddress,
    /// A `*` elsewhere than as the whole first label.
    MisplacedWildcard,
    /// Longer than [`MAX_HOST_LENGTH`].
    TooLong,
    /// A label that is empty, or begins or ends with a hyphen.
    BadLabel,
    /// A character other than `a-z`, `0-9`, `-` and `.`.
    BadCharacter(char),
}

impl fmt::Display for InvalidHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IpAddress => f.write_str("must be a DNS name, not an IP address"),
            Self::MisplacedWildcard => f.write_str("may have `*` only as its whole first label, as in `*.example.com`"),
            Self::TooLong => write!(f, "is longer than {MAX_HOST_LENGTH} characters"),
            Self::BadLabel => f.write_str("has a label that is empty or begins or ends with `-`"),
            Self::BadCharacter(':') => f.write_str("must not have a port"),
            Self::BadCharacter(c) if c.is_ascii_uppercase() => write!(f, "must be lower case, found `{c}`"),
            Self::BadCharacter(c) => {
                write!(f, "may only have `a-z`, `0-9`, `-` and `.`, found `{}`", c.escape_debug())
            }
        }
    }
}

impl std::error::Error for InvalidHost {}

/// What follows the first label and its dot; none without a dot or with an empty first label.
pub(crate) fn without_first_label(name: &str) -> Option<&str> {
    name.split_once('.').and_then(|(label, rest)| (!label.is_empty()).then_some(rest))
}

/// What follows one label that `*` stands for: ingress-nginx writes it `[\w-]+`, and no other character is in a DNS name.
pub(crate) fn behind_one_label(name: &str) -> Option<&str> {
    let is_label = |label: &str| label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    without_first_label(name).filter(|rest| name.get(..name.len() - rest.len() - 1).is_some_and(is_label))
}

/// A DNS-1123 subdomain (Kubernetes `IsDNS1123Subdomain`): used for hosts and for most object names.
pub(crate) fn check_subdomain(name: &str) -> Result<(), InvalidHost> {
    if name.len() > MAX_HOST_LENGTH {
        return Err(InvalidHost::TooLong);
    }
    if let Some(bad) = name.chars().find(|&c| !matches!(c, 'a'..='z' | '0'..='9' | '-' | '.')) {
        return Err(InvalidHost::BadCharacter(bad));
    }
    let good_label = |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
    if name.split('.').all(good_label) { Ok(()) } else { Err(InvalidHost::BadLabel) }
}

/// Four numbers are an address to every client, so a rule for such a name could never be meant as a DNS name.
fn looks_like_ipv4(name: &str) -> bool {
    name.parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_rules_cannot_have() {
        let table = [
            ("10.0.0.1", InvalidHost::IpAddress),
            ("::1", InvalidHost::IpAddress),
            ("[::1]", InvalidHost::IpAddress),
            ("*", InvalidHost::MisplacedWildcard),
            ("*a.b", InvalidHost::MisplacedWildcard),
            ("a.*.b", InvalidHost::MisplacedWildcard),
            ("*.*.b", InvalidHost::MisplacedWildcard),
            ("*.", InvalidHost::BadLabel),
            ("A.b", InvalidHost::BadCharacter('A')),
            ("a.b:80", InvalidHost::BadCharacter(':')),
            ("a_b.c", InvalidHost::BadCharacter('_')),
            ("a.b.", InvalidHost::BadLabel),
            (".a", InvalidHost::BadLabel),
            ("-a.b", InvalidHost::BadLabel),
            ("a..b", InvalidHost::BadLabel),
        ];
        for (host, why) in table {
            assert_eq!(HostPattern::new(host), Err(why), "{host}");
        }
        assert_eq!(HostPattern::new(&format!("{}.b", "a".repeat(252))), Err(InvalidHost::TooLong));
    }

    #[test]
    fn more_specific_patterns_are_greater() {
        let pattern = |host| HostPattern::new(host).expect("a valid host");
        assert!(pattern("a.b") > pattern("*.b"));
        assert!(pattern("*.b") > pattern(""));
    }
}
