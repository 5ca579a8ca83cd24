//! Why a request is decided as it is, in values and in words.

mod notes;

use std::fmt;
use std::sync::Arc;

pub use notes::Note;

use crate::decision::{Decision, Matched};
use crate::host::HostPattern;
use crate::object::Origin;
use crate::path::PathPattern;
use crate::policy::{PrecedenceField, Route, ShadowReason, VirtualHost};

/// A decision with what was considered on the way to it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation<'s> {
    /// The decision.
    pub decision: Decision<'s>,
    /// The host whose paths were tried.
    pub host: Option<&'s HostPattern>,
    /// The candidates: the one that answered, those that it outranked, those that did not match.
    pub steps: Vec<Step<'s>>,
    /// How many hosts did not match. Only the first of them have their routes among the steps.
    pub other_hosts: usize,
    /// What annotations had to do with it.
    pub notes: Vec<Note<'s>>,
}

/// One candidate.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step<'s> {
    /// The host that it belongs to.
    pub host: &'s Arc<VirtualHost>,
    /// The route.
    pub route: &'s Route,
    /// What became of it.
    pub outcome: Outcome<'s>,
}

/// What became of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome<'s> {
    /// It answers.
    Chosen,
    /// It takes the request too, but another rule comes first.
    Outranked {
        /// The rule that comes first; none where the whole host came first.
        by: Option<&'s Origin>,
        /// The host of that rule.
        by_host: &'s HostPattern,
        /// What decided.
        because: PrecedenceField,
        /// Where the two rules are the same, what told them apart.
        shadowed: Option<ShadowReason>,
    },
    /// It does not take the request.
    NotMatched(WhyNot),
}

impl Outcome<'_> {
    /// The outcome in kebab case, as the JSON output writes it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Chosen => "chosen",
            Self::Outranked { .. } => "outranked",
            Self::NotMatched(_) => "not-matched",
        }
    }
}

/// Why a rule does not take a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum WhyNot {
    /// Another host.
    Host,
    /// A wildcard stands for one label, and the request has none in front.
    HostLacksLabel,
    /// A wildcard stands for one label, and the request has several.
    HostHasMoreLabels,
    /// Another path.
    Path,
    /// The path goes on behind an Exact rule with a final slash only.
    ExactFinalSlash,
    /// The rule ends in the middle of a path element.
    PrefixInsideElement,
    /// The request's path is refused before any rule is looked at.
    PathRefused,
    /// The rule is for the other of plain text and TLS.
    Scheme,
}

impl WhyNot {
    pub(crate) fn is_host(self) -> bool {
        matches!(self, Self::Host | Self::HostLacksLabel | Self::HostHasMoreLabels)
    }

    /// The reason why a pattern does not take a path.
    pub(crate) fn of_path(pattern: &PathPattern, path: &[u8]) -> Self {
        let text = pattern.significant().as_bytes();
        match pattern {
            PathPattern::Prefix(_) if path.starts_with(text) => Self::PrefixInsideElement,
            PathPattern::Exact(_) if text.strip_suffix(b"/") == Some(path) || path.strip_suffix(b"/") == Some(text) => {
                Self::ExactFinalSlash
            }
            _ => Self::Path,
        }
    }

    /// The reason in words, as a clause.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "the host is another",
            Self::HostLacksLabel => "`*` stands for one label, and the host has none in its place",
            Self::HostHasMoreLabels => "`*` stands for one label, and the host has several in its place",
            Self::Path => "the path is another",
            Self::ExactFinalSlash => "an Exact path must be equal, with or without the final slash",
            Self::PrefixInsideElement => "a Prefix matches whole path elements, and this one goes on",
            Self::PathRefused => "the path is refused whatever the rules say",
            Self::Scheme => "it is for the other of `http` and `https`",
        }
    }
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Explanation<'_> {
    /// How many of the hosts that did not match show their routes.
    pub const MAX_OTHER_HOSTS: usize = 20;
    /// How many routes such a host shows.
    pub const MAX_ROUTES_OF_OTHER_HOST: usize = 5;
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, route) = (self.host.pattern(), self.route);
        write!(f, "{host} {} ({}): ", route.path, route.origin)?;
        fmt::Display::fmt(&self.outcome, f)
    }
}

impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen => f.write_str("chosen"),
            Self::NotMatched(why) => write!(f, "not matched: {why}"),
            Self::Outranked { by: None, by_host, .. } => {
                write!(f, "outranked: host `{by_host}` is more specific, and the choice of host is final")
            }
            Self::Outranked { by: Some(by), because, shadowed, .. } => {
                write!(f, "outranked by {} {}, ", by.object.path(), by.field)?;
                match shadowed {
                    Some(reason) => write!(f, "the same rule, which answers because {}", reason.as_str()),
                    None => f.write_str(because.clause()),
                }
            }
        }
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", Headline(&self.decision))?;
        for note in &self.notes {
            writeln!(f, "  {note}")?;
        }
        for step in &self.steps {
            writeln!(f, "  {step}")?;
        }
        let hidden = self.other_hosts.saturating_sub(Self::MAX_OTHER_HOSTS);
        if hidden > 0 {
            writeln!(f, "  and {hidden} more hosts that are others")?;
        }
        Ok(())
    }
}

/// A decision in one line.
struct Headline<'d>(&'d Decision<'d>);

impl fmt::Display for Headline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Decision::Forward(forward) => write!(f, "forward to {}", forward.backend)?,
            Decision::Redirect(to) => write!(f, "redirect {} to {}", to.redirect.status, to.redirect.location)?,
            Decision::Respond(response) => write!(f, "respond {} {}", response.status, response.reason)?,
            Decision::Refuse(response) => write!(f, "refuse with {} {}", response.status, response.reason)?,
        }
        match self.0.matched() {
            Some(Matched::Default(default)) => match &default.origin {
                Some(origin) => write!(f, " by default, {origin}"),
                None => f.write_str(" by default, as the controller is told"),
            },
            _ => Ok(()),
        }
    }
}
