//! An expression that is searched for in a text: a Perl-compatible one, compiled to run in linear time.

use std::fmt;
use std::sync::Arc;

use regex_automata::meta::Regex;
use regex_automata::util::captures::Captures;

use super::{InvalidRegex, RegexPattern, pcre};

/// A compiled expression with the text that it was written as. Equal texts are equal expressions.
#[derive(Clone)]
pub struct Search {
    text: Box<str>,
    case_insensitive: bool,
    regex: Arc<Regex>,
    /// For texts whose only line break is the last character: there `$` can be told from the line break.
    before_break: Option<Arc<Regex>>,
}

impl Search {
    /// Compiles an expression. It is found anywhere in a text unless it ties itself to an end.
    ///
    /// ```
    /// use ingress_core::path::Search;
    ///
    /// let search = Search::new("/v([0-9]+)", true)?;
    /// assert_eq!(search.groups(b"/api/V12")[1], Some(b"12".as_slice()));
    /// assert!(Search::new("(?=x)", false).is_err());
    /// # Ok::<(), ingress_core::path::InvalidRegex>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidRegex`] says what is wrong with it, or what in it linear time does not allow.
    pub fn new(text: &str, case_insensitive: bool) -> Result<Self, InvalidRegex> {
        let expression =
            pcre::translate(text, case_insensitive).map_err(|why| InvalidRegex::unsupported(&why))?.searching();
        let regex = Arc::new(RegexPattern::build(&expression)?);
        let before_break = match expression.contains(pcre::END) {
            true => Some(Arc::new(RegexPattern::build(&expression.replace(pcre::END, "(?m:$)"))?)),
            false => None,
        };
        Ok(Self { text: text.into(), case_insensitive, regex, before_break })
    }

    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the expression is found.
    #[must_use]
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.regex_for(text).is_match(text)
    }

    /// The whole match and the groups of the first place where the expression is found; empty if it is not.
    #[must_use]
    pub fn groups<'t>(&self, text: &'t [u8]) -> Vec<Option<&'t [u8]>> {
        let regex = self.regex_for(text);
        let mut captures: Captures = regex.create_captures();
        regex.captures(text, &mut captures);
        if !captures.is_match() {
            return Vec::new();
        }
        captures.iter().map(|span| span.and_then(|span| text.get(span.start..span.end))).collect()
    }

    fn regex_for(&self, text: &[u8]) -> &Regex {
        let ends_in_break = text.iter().position(|byte| *byte == b'\n') == text.len().checked_sub(1);
        match &self.before_break {
            Some(regex) if ends_in_break && !text.is_empty() => regex,
            _ => &self.regex,
        }
    }
}

impl PartialEq for Search {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.case_insensitive == other.case_insensitive
    }
}

impl Eq for Search {}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Search").field(&self.text).finish()
    }
}
