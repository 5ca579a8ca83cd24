//! Expressions as paths of rules.

use std::fmt;

use regex_automata::meta::Regex;

use super::pcre;

/// A regular expression over the bytes of a path, known to compile within a bounded size.
// In a box, so that the many paths that are none stay small.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RegexPattern(Box<Expression>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Expression {
    text: Box<str>,
    /// What is compiled, with what ties it to the beginning.
    compiled: Box<str>,
    case_insensitive: bool,
    /// Which of several with one text comes first.
    order: u32,
}

impl RegexPattern {
    /// The size that one compiled expression may have, in bytes.
    const SIZE_LIMIT: usize = 256 << 10;

    /// Checks an expression. It is tied to the beginning of the path, with or without a `^`, and may stop anywhere.
    ///
    /// ```
    /// use ingress_core::path::{PathPattern, RegexPattern};
    ///
    /// let regex = RegexPattern::new("/v[0-9]+/", false)?;
    /// assert!(PathPattern::Regex(regex).matches(b"/v2/users"));
    /// assert!(RegexPattern::new("(?=look-ahead)", false).is_err());
    /// # Ok::<(), ingress_core::path::InvalidRegex>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidRegex`] for an expression that is malformed, too large, or uses what no linear-time engine has.
    pub fn new(text: &str, case_insensitive: bool) -> Result<Self, InvalidRegex> {
        let invalid = |message: String| InvalidRegex { message: message.into() };
        // By itself first: an unbalanced `)` must not end the group that ties the expression to the beginning.
        let alone = regex_automata::util::syntax::parse_with(text, &Self::syntax());
        alone.map_err(|error| invalid(error.to_string()))?;
        let flag = if case_insensitive { "i" } else { "" };
        Self::checked(text, format!("^(?{flag}:{text})"), case_insensitive)
    }

    /// Reads a Perl-compatible expression as nginx reads `~* "^<text>"`: without regard to case, and with only the first of
    /// several alternatives tied to the beginning of the path.
    ///
    /// ```
    /// use ingress_core::path::{PathPattern, RegexPattern};
    ///
    /// let regex = PathPattern::Regex(RegexPattern::nginx("/a|/b")?);
    /// assert!(regex.matches(b"/A/x") && regex.matches(b"/x/b") && !regex.matches(b"/x/a"));
    /// # Ok::<(), ingress_core::path::InvalidRegex>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidRegex`] for an expression that is malformed, too large, or uses what no linear-time engine has.
    pub fn nginx(text: &str) -> Result<Self, InvalidRegex> {
        let expression = pcre::translate(text, true).map_err(|why| InvalidRegex::unsupported(&why))?.location();
        Self::checked(text, expression, true)
    }

    /// Where [`nginx`](Self::nginx) reads an expression nearly, not quite, as nginx does.
    pub(crate) fn caveats(text: &str) -> Vec<String> {
        let caveats = pcre::translate(text, true).map(|translated| translated.caveats).unwrap_or_default();
        caveats.iter().map(ToString::to_string).collect()
    }

    /// The same expression, shown as another text, and preferred to others of that text with a greater number.
    pub(crate) fn with_text(mut self, text: &str, order: u32) -> Self {
        self.0.text = text.into();
        self.0.order = order;
        self
    }

    /// Which of several with one text comes first: the one with the least number.
    pub(crate) fn order(&self) -> u32 {
        self.0.order
    }

    /// In place of an expression that [`nginx`](Self::nginx) refuses: whatever begins like its text up to the first special
    /// character. Where that is no more than the root it is the text itself, so that neighbours are left in peace, unless
    /// `all` says that nothing may get past it.
    pub(crate) fn beginning_of(text: &str, all: bool) -> Self {
        let special = |c: char| "\\^$.|?*+()[]{}".contains(c);
        let end = text.find(special).unwrap_or(text.len());
        let (mut head, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        if rest.starts_with(['?', '*', '{']) {
            head = head.get(..head.len().saturating_sub(1)).unwrap_or_default();
        }
        let escape = |text: &str| -> String { text.bytes().map(|byte| format!("\\x{byte:02x}")).collect() };
        let is_alternative = text.contains('|');
        let expression = if head.len() > 1 && !is_alternative {
            format!("^(?i:{})", escape(head))
        } else if all {
            "^".to_owned()
        } else {
            format!("^(?i:{})$", escape(text))
        };
        Self::of(text, expression, true)
    }

    fn of(text: &str, expression: String, case_insensitive: bool) -> Self {
        Self(Box::new(Expression { text: text.into(), compiled: expression.into(), case_insensitive, order: 0 }))
    }

    fn checked(text: &str, expression: String, case_insensitive: bool) -> Result<Self, InvalidRegex> {
        Self::build(&expression)?;
        Ok(Self::of(text, expression, case_insensitive))
    }

    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Whether ASCII letters match in either case.
    #[must_use]
    pub fn is_case_insensitive(&self) -> bool {
        self.0.case_insensitive
    }

    /// The expression with what ties it to the beginning.
    pub(crate) fn anchored(&self) -> &str {
        &self.0.compiled
    }

    /// Whether the expression takes a path. It is compiled at each call.
    pub(super) fn matches(&self, path: &[u8]) -> bool {
        Self::build(&self.0.compiled).is_ok_and(|regex| regex.is_match(path))
    }

    /// Bytes, not Unicode: a path need not be UTF-8, and nginx matches bytes too.
    pub(crate) fn syntax() -> regex_automata::util::syntax::Config {
        regex_automata::util::syntax::Config::new().unicode(false).utf8(false).nest_limit(50)
    }

    /// Compiles an expression within the size that one may have.
    pub(super) fn build(expression: &str) -> Result<Regex, InvalidRegex> {
        let config = Regex::config().utf8_empty(false).nfa_size_limit(Some(Self::SIZE_LIMIT));
        let built = Regex::builder().syntax(Self::syntax()).configure(config).build(expression);
        built.map_err(|error| InvalidRegex { message: error.to_string().into() })
    }
}

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidRegex {
    /// What the regex compiler said.
    pub message: Box<str>,
}

impl InvalidRegex {
    pub(super) fn unsupported(why: &pcre::Unsupported) -> Self {
        Self { message: why.to_string().into() }
    }
}

impl fmt::Display for InvalidRegex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for InvalidRegex {}
