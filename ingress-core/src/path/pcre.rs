//! PCRE patterns rewritten for an engine that matches in linear time.
//!
//! nginx compiles its patterns with PCRE2, without UTF mode: a pattern and its subject are bytes, and case and `\w` are
//! those of ASCII. [`translate`] reads a pattern as PCRE2 10.42 does and writes one for `regex-syntax` with Unicode
//! off, in which nothing is left that the two languages read differently: flags, comments, quoting and POSIX classes
//! are resolved, and a class is written as the bytes that it holds. Groups keep their numbers; their names are dropped.
//!
//! Look-around, back-references and what else needs backtracking is refused. Four things are close, not equal:
//!
//! * `$` and `\Z` take the newline that ends a subject, as no engine in linear time looks ahead. A group that has the
//!   `$` in it holds that newline, and a group behind the `$` cannot. Where this decides whether a pattern matches, the
//!   translation carries [`CaveatKind::NewlineAfterEnd`].
//! * A repetition whose body may match nothing stops at another place: [`CaveatKind::EmptyRepetition`].
//! * `\R` may give back the newline of a `\r\n`.
//! * PCRE gives up on subjects that make it backtrack too much; this does not.

mod bytes;
mod class;
mod escape;
mod facts;
mod group;
mod reader;
mod translator;

#[cfg(test)]
mod tests;

use std::fmt;

pub(super) use translator::END;

/// A pattern in the syntax of `regex-syntax` with Unicode off and no other flag: what a pattern says about case, lines
/// and newlines is in its classes and anchors, so no `(?i:…)` may be put around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Translated {
    /// The alternatives at the top level, in order; groups are numbered through. Joined by `|` they are the pattern.
    pub(crate) branches: Vec<String>,
    /// The number of capturing groups. The engine may count fewer: it drops what is repeated zero times.
    pub(crate) groups: usize,
    /// Where the translation may differ from the original; at most one of a kind.
    pub(crate) caveats: Vec<Caveat>,
}

impl Translated {
    /// The pattern as nginx finds it in a subject: at the first position where a branch matches.
    pub(crate) fn searching(&self) -> String {
        self.branches.join("|")
    }

    /// The pattern of a location `^<pattern>`, whose `^` belongs to the first branch only.
    ///
    /// The result is tied to the start. It prefers the first branch there, then the first position at which another
    /// matches, like a search would.
    pub(crate) fn location(&self) -> String {
        match self.branches.split_first() {
            None => String::from("^"),
            Some((first, [])) => format!("^(?:{first})"),
            Some((first, rest)) => format!("^(?:{first}|(?s:.*?)(?:{}))", rest.join("|")),
        }
    }
}

/// A place of a pattern where the translation is close to the original, not equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caveat {
    /// What may differ.
    pub(crate) kind: CaveatKind,
    /// Where, counted in characters from 1.
    pub(crate) column: usize,
}

/// What may differ between a pattern and its translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CaveatKind {
    /// What the groups hold, if there are any, and where a match ends. The same subjects match.
    EmptyRepetition,
    /// Whether subjects match that end in a newline.
    NewlineAfterEnd,
}

impl fmt::Display for Caveat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, column } = self;
        match kind {
            CaveatKind::EmptyRepetition => {
                write!(f, "the repetition at column {column} may match nothing, so groups may hold other text")
            }
            CaveatKind::NewlineAfterEnd => {
                write!(f, "what follows the `$` at column {column} may not see the newline that ends a subject")
            }
        }
    }
}

/// Why a pattern has no translation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unsupported {
    /// PCRE has it; an engine in linear time does not.
    Construct {
        /// What it is called.
        name: &'static str,
        /// How the pattern writes it.
        written: Box<str>,
        /// Where it begins, counted in characters from 1.
        column: usize,
    },
    /// PCRE does not accept the pattern either.
    Malformed {
        /// What is wrong.
        message: &'static str,
        /// Where, counted in characters from 1.
        column: usize,
    },
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Construct { name, written, column } => {
                write!(f, "{name} `{written}` at column {column} cannot be expressed by a linear-time engine")
            }
            Self::Malformed { message, column } => write!(f, "{message} at column {column}"),
        }
    }
}

impl std::error::Error for Unsupported {}

/// Translates a pattern, read as if it stood behind `(?i)` when it is to ignore case.
///
/// # Errors
///
/// [`Unsupported`] for what PCRE refuses and for what needs backtracking, whichever comes first in the pattern.
pub(crate) fn translate(pattern: &str, ignore_case: bool) -> Result<Translated, Unsupported> {
    translator::Translator::new(pattern, ignore_case).run()
}
