//! What is wrong with the input, where, and what the engine did about it.
//!
//! Compiling never fails: it returns a table and [`Diagnostics`]. A diagnostic is plain data; rendering it with source
//! lines, as JSON or as a Kubernetes Event is the adapter's work.

mod code;

use std::fmt;
use std::sync::Arc;

pub use code::{Code, Severity};

use crate::object::{FieldPath, ObjectRef, Origin};

/// What the engine did because of the problem. The smallest unit that can be given up is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// Nothing changed.
    None,
    /// One value was ignored; a default stands in for it.
    ValueIgnored,
    /// The route is kept and answers with an error status.
    RouteRefused,
    /// The route, certificate entry or default backend is not used.
    RouteDropped,
    /// The whole object is not used.
    ObjectDropped,
}

impl Effect {
    /// The effect in kebab case, as the JSON output writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ValueIgnored => "value-ignored",
            Self::RouteRefused => "route-refused",
            Self::RouteDropped => "route-dropped",
            Self::ObjectDropped => "object-dropped",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A second place that a diagnostic points at, with a word on what it has to do with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_structs, reason = "plain data, built by adapters too")]
pub struct Related {
    /// The other place.
    pub origin: Origin,
    /// What it is.
    pub message: Box<str>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Diagnostic {
    /// The object it is about; none when the text could not be read as an object, or a flag is at fault.
    pub object: Option<Arc<ObjectRef>>,
    /// The field it is about.
    pub field: FieldPath,
    /// The stable code.
    pub code: Code,
    /// What the engine did.
    pub effect: Effect,
    /// How bad it is.
    pub severity: Severity,
    /// One line, lower case, user input in backticks.
    pub message: Box<str>,
    /// What to do about it, where there is something better than the code's page to say.
    pub help: Option<Box<str>>,
    /// Other places that take part.
    pub related: Vec<Related>,
}

impl Diagnostic {
    /// A finding with the severity and the effect that the code usually has.
    ///
    /// ```
    /// use ingress_core::diagnostic::{Code, Diagnostic, Severity};
    /// use ingress_core::object::{FieldPath, Kind, ObjectRef};
    ///
    /// let cafe = ObjectRef::new(Kind::Ingress, "shop", "cafe").into();
    /// let finding = Diagnostic::new(Code::InvalidHost, Some(cafe), FieldPath::named(&"spec.rules[0].host"), "`A.b` …");
    /// assert_eq!(finding.severity, Severity::Error);
    /// assert_eq!(finding.code.id(), "ING0305");
    /// ```
    #[must_use]
    pub fn new(code: Code, object: Option<Arc<ObjectRef>>, field: FieldPath, message: impl Into<Box<str>>) -> Self {
        Self {
            object,
            field,
            code,
            effect: code.effect(),
            severity: code.severity(),
            message: one_line(message.into()),
            help: None,
            related: Vec::new(),
        }
    }

    /// The same finding with advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<Box<str>>) -> Self {
        self.help = Some(one_line(help.into()));
        self
    }

    /// The same finding with a second place.
    #[must_use]
    pub fn with_related(mut self, origin: Origin, message: impl Into<Box<str>>) -> Self {
        self.related.push(Related { origin, message: message.into() });
        self
    }

    /// The same finding with another severity and effect than the code usually has.
    #[must_use]
    pub fn with_outcome(mut self, severity: Severity, effect: Effect) -> Self {
        self.severity = severity;
        self.effect = effect;
        self
    }
}

/// Writes out what could break a line or turn text around: messages quote what strangers wrote, and end up in terminals,
/// logs and Events.
fn one_line(text: Box<str>) -> Box<str> {
    let is_unsafe = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_unsafe) {
        return text;
    }
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line.into()
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {}", self.severity, self.code.id(), self.message)?;
        if let Some(object) = &self.object {
            write!(f, "\n  at {object} {}", self.field)?;
        }
        for related in &self.related {
            write!(f, "\n  {}: {}", related.origin, related.message)?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

/// Findings in a stable order (object, field, code) without repetitions. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(Arc<[Arc<Diagnostic>]>);

impl Diagnostics {
    /// The findings in order.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter().map(|finding| &**finding)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These and others.
    #[must_use]
    pub fn with(self, others: impl IntoIterator<Item = Diagnostic>) -> Self {
        let mut others = others.into_iter().map(Arc::new).peekable();
        if others.peek().is_none() {
            return self;
        }
        self.0.iter().cloned().chain(others).collect()
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<T: IntoIterator<Item = Diagnostic>>(findings: T) -> Self {
        findings.into_iter().map(Arc::new).collect()
    }
}

impl FromIterator<Arc<Diagnostic>> for Diagnostics {
    fn from_iter<T: IntoIterator<Item = Arc<Diagnostic>>>(findings: T) -> Self {
        let mut findings: Vec<Arc<Diagnostic>> = findings.into_iter().collect();
        findings.sort();
        findings.dedup();
        Self(findings.into())
    }
}

impl<'d> IntoIterator for &'d Diagnostics {
    type Item = &'d Diagnostic;
    type IntoIter = std::iter::Map<std::slice::Iter<'d, Arc<Diagnostic>>, fn(&'d Arc<Diagnostic>) -> &'d Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|finding| finding)
    }
}
