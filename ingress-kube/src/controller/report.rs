//! What goes into the log, each thing once: watches that fail and work again, and findings that are new.

use std::collections::{BTreeMap, BTreeSet};

use ingress_core::diagnostic::{Diagnostic, Diagnostics, Severity};

use crate::api::{Failure, Reason};
use crate::resource::{Resource, Scope};

/// The most findings that one change may put into the log; Events and pages have them all.
const MOST_FINDINGS: usize = 50;

/// What has been said.
#[derive(Debug, Default)]
pub(crate) struct Report {
    failing: BTreeMap<(Resource, Scope), Reason>,
    /// Where something else is read.
    instead: BTreeSet<(Resource, Scope)>,
}

impl Report {
    /// Says how it stands with a watch, if that is news.
    pub(crate) fn watch(&mut self, place: (Resource, Scope), failure: Option<&Failure>, say: &mut dyn FnMut(&str)) {
        let (resource, scope) = &place;
        match failure {
            Some(failure) if self.failing.get(&place) != Some(&failure.reason) => {
                say(&format!("warning: cannot read {resource} of {scope}: {failure}; what was read before counts"));
                self.failing.insert(place, failure.reason);
            }
            None if self.failing.contains_key(&place) => {
                say(&format!("{resource} of {scope} can be read again"));
                self.failing.remove(&place);
            }
            _ => {}
        }
    }

    /// Says that another resource is read in place of one that is refused.
    pub(crate) fn instead(
        &mut self,
        place: &(Resource, Scope),
        read: &str,
        refused: &Failure,
        say: &mut dyn FnMut(&str),
    ) {
        if self.instead.insert(place.clone()) {
            let (resource, scope) = place;
            say(&format!("warning: cannot read {resource} of {scope}: {refused}; `{read}` are read in their place"));
        }
    }

    /// Says what is wrong with objects and was not before. Notes are left to those who ask.
    pub(crate) fn findings(&self, before: &Diagnostics, now: &Diagnostics, say: &mut dyn FnMut(&str)) {
        let new = new_findings(before, now).filter(|finding| finding.severity != Severity::Note);
        let mut new: Vec<&Diagnostic> = new.collect();
        new.sort_by_key(|finding| finding.severity);
        for finding in new.iter().take(MOST_FINDINGS) {
            say(&line(finding));
        }
        if new.len() > MOST_FINDINGS {
            say(&format!("{} more findings", new.len() - MOST_FINDINGS));
        }
    }
}

/// What is found now and was not before.
pub(super) fn new_findings<'d>(before: &'d Diagnostics, now: &'d Diagnostics) -> impl Iterator<Item = &'d Diagnostic> {
    // Both are in order.
    let mut before = before.iter().peekable();
    now.iter().filter(move |finding| {
        while before.next_if(|earlier| earlier < finding).is_some() {}
        before.peek() != Some(finding)
    })
}

/// A finding on one line.
fn line(finding: &Diagnostic) -> String {
    let Diagnostic { object, field, code, severity, message, help, .. } = finding;
    let object = object.as_ref().map(|object| format!(" ({object} {field})")).unwrap_or_default();
    let help = help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    format!("{severity}[{}]: {message}{object}{help}", code.id())
}
