//! What the API server asks before it stores an Ingress, and what it is answered.
//!
//! All of it is a function of what is given: no socket, no clock, no Secret is in here. What an Ingress would do is found out by
//! a [`Trial`]; [`Review::read`] says of what there has to be one, and [`judge`] what comes of it.

mod answer;
mod rival;
mod wire;

use std::panic::{AssertUnwindSafe, catch_unwind};

use ingress_core::compiler::Trial;
use ingress_core::diagnostic::{Code, Diagnostic, Severity};
use ingress_core::model::Ingress;
use ingress_core::object::Kind;

pub use self::answer::Verdict;
use self::answer::{FORBIDDEN, INVALID, Remarks};
pub use self::wire::{BadReview, Review, Subject};

/// What is refused beside Ingresses that would not be in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the flags there are for this")]
pub struct Rules {
    /// Whether a host belongs to the namespace of its oldest Ingress, and is refused to all others. What Ingresses of other
    /// namespaces are called is then not told either.
    pub hosts_belong_to_namespaces: bool,
}

/// Says what becomes of an Ingress that has been tried.
#[must_use]
pub fn judge(ingress: &Ingress, trial: &Trial, rules: Rules) -> Verdict {
    if !trial.is_ours {
        return Verdict::allowed();
    }
    let mut denials = Remarks::denials();
    let mut is_forbidden = false;
    if rules.hosts_belong_to_namespaces {
        for host in rival::hosts_of_others(ingress, trial) {
            denials.add(format!("host `{host}` belongs to another namespace"));
            is_forbidden = true;
        }
    }
    let tells = |namespace: &str| !rules.hosts_belong_to_namespaces || namespace == &*ingress.metadata.namespace;
    for rival in rival::same_paths(ingress, trial) {
        let other = &rival.other.metadata;
        let owner = if tells(&other.namespace) {
            format!(" `{}/{}`", other.namespace, other.name)
        } else {
            " of another namespace".to_owned()
        };
        // The words are ingress-nginx's, which people look for.
        let (host, path) = (rival.host, rival.path);
        denials.add(format!("host `{host}` and path `{path}` is already defined in ingress{owner} ({})", rival.field));
    }
    let mut warnings = Remarks::warnings();
    for finding in &trial.findings {
        match outcome(finding, trial) {
            Outcome::Denied => denials.add(line(finding)),
            Outcome::Warned => warnings.add(line(finding)),
            Outcome::Nothing => {}
        }
    }
    if !denials.is_empty() {
        return denials.into_verdict(if is_forbidden { FORBIDDEN } else { INVALID });
    }
    for finding in trial.others.iter().filter(|finding| finding.severity != Severity::Note) {
        let whose = match finding.object.as_deref() {
            Some(object) if object.kind == Kind::Ingress && !tells(&object.namespace) => {
                "an Ingress of another namespace would be affected".to_owned()
            }
            Some(object) => format!("{object} would be affected: {}", line(finding)),
            None => line(finding),
        };
        warnings.add(whose);
    }
    Verdict { warnings: warnings.into_lines(), ..Verdict::allowed() }
}

/// Does something that cannot panic, as far as anybody knows; what it was is refused if it does.
pub(crate) fn guarded(judge: impl FnOnce() -> Verdict) -> Verdict {
    catch_unwind(AssertUnwindSafe(judge)).unwrap_or_else(|_| {
        Verdict::denied(INVALID, "this Ingress cannot be judged, which is a bug of the controller".to_owned())
    })
}

/// What comes of a finding.
enum Outcome {
    Denied,
    Warned,
    Nothing,
}

fn outcome(finding: &Diagnostic, trial: &Trial) -> Outcome {
    match (finding.code, finding.severity) {
        (Code::CatchAllDisabled, _) => Outcome::Denied,
        // These may come later, and whether they are there already nobody knows who has not read them.
        (Code::ReferenceMissing | Code::SecretNotFound, _) if is_of_unread(finding, trial) => Outcome::Nothing,
        (Code::ReferenceMissing, _) => Outcome::Warned,
        // It is about the pods of this moment.
        (Code::NoReadyEndpoints, _) | (_, Severity::Note) => Outcome::Nothing,
        (_, Severity::Error) => Outcome::Denied,
        _ => Outcome::Warned,
    }
}

/// Whether a finding is about an object that was not read for the trial.
fn is_of_unread(finding: &Diagnostic, trial: &Trial) -> bool {
    trial.unread.iter().any(|unread| {
        let names = [format!("`{}`", unread.name), format!("`{}`", unread.path())];
        names.iter().any(|name| finding.message.contains(name))
    })
}

/// A finding on one line.
fn line(finding: &Diagnostic) -> String {
    let Diagnostic { field, code, message, .. } = finding;
    format!("{}: {message} ({field})", code.id())
}

#[cfg(test)]
mod tests;
