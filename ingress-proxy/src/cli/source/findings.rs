//! What is wrong with the manifests: all of it for figures, and what is new for the log.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use ingress_cli::input::{Finding, Reading};
use ingress_core::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
use ingress_core::object::{FieldPath, ObjectRef};

use super::files::{self, Contents};
use super::store::{Contest, FileKey, Store};

/// A finding that has not been said yet, with its place if that is known already.
#[derive(Debug)]
struct New {
    diagnostic: Diagnostic,
    place: Option<(Arc<FileKey>, u32)>,
}

/// What is wrong.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What the reader said of each file.
    reader: BTreeMap<Arc<FileKey>, Vec<Diagnostic>>,
    /// What the engine says.
    engine: Diagnostics,
    contests: BTreeSet<Contest>,
    new: Vec<New>,
}

impl Findings {
    /// Takes what the reader says of a file now.
    pub(super) fn read(&mut self, key: &Arc<FileKey>, findings: Vec<Finding>) {
        let before = self.reader.remove(key).unwrap_or_default();
        let mut now = Vec::new();
        for Finding { diagnostic, place, .. } in findings {
            if !before.contains(&diagnostic) {
                let place = Some((Arc::clone(key), place.span.line));
                self.new.push(New { diagnostic: diagnostic.clone(), place });
            }
            now.push(diagnostic);
        }
        if !now.is_empty() {
            self.reader.insert(Arc::clone(key), now);
        }
    }

    /// Takes what the engine says now, and looks which objects are given twice. Returned is whether anything is different.
    pub(super) fn compiled(&mut self, engine: &Diagnostics, store: &Store) -> bool {
        let old = std::mem::replace(&mut self.engine, engine.clone());
        let mut before = old.iter().peekable();
        for diagnostic in engine {
            // Both are in order.
            while before.next_if(|earlier| *earlier < diagnostic).is_some() {}
            if before.peek() != Some(&diagnostic) {
                self.new.push(New { diagnostic: diagnostic.clone(), place: None });
            }
        }
        let contests: BTreeSet<Contest> = store.contests().collect();
        for contest in contests.difference(&self.contests) {
            self.new.push(New { diagnostic: duplicate(contest), place: Some(contest.loser.clone()) });
        }
        let is_different = !self.new.is_empty() || *engine != old || contests != self.contests;
        self.contests = contests;
        is_different
    }

    /// All that is wrong.
    pub(super) fn all(&self) -> Diagnostics {
        let reader = self.reader.values().flatten().cloned();
        reader.chain(self.contests.iter().map(duplicate)).chain(self.engine.iter().cloned()).collect()
    }

    /// Whether anything of it is an error.
    pub(super) fn has_errors(&self) -> bool {
        self.reader.values().flatten().chain(&self.engine).any(|finding| finding.severity == Severity::Error)
    }

    /// Says what is new, at most so many lines: errors first, then as it is written.
    pub(super) fn report<'l>(
        &mut self,
        most: usize,
        store: &Store,
        namespace: &str,
        label: &dyn Fn(&FileKey) -> &'l str,
        say: &mut dyn FnMut(&str),
    ) {
        let mut new = std::mem::take(&mut self.new);
        new.sort_by_key(|new| new.diagnostic.severity);
        let left_out = new.len().saturating_sub(most);
        new.truncate(most);
        let lines = lines(&new, store, namespace, label);
        let mut said = Vec::new();
        for New { diagnostic, place } in new {
            let object = diagnostic.object.as_deref();
            let place = place.or_else(|| {
                let object = object?;
                let line = lines.get(&(object.clone(), diagnostic.field.clone())).copied().unwrap_or(1);
                Some((Arc::clone(store.giver(object)?), line))
            });
            let text = line(place.as_ref().map(|(key, line)| (&*key.path, *line)), &diagnostic);
            said.push((diagnostic.severity, place, text));
        }
        said.sort();
        said.iter().for_each(|(.., text)| say(text));
        if left_out > 0 {
            say(&format!("{left_out} more findings; `ingress-proxy --check` shows all"));
        }
    }
}

/// Where the fields are written that the engine speaks of. Trees are not kept, so the files are read once more: findings are
/// few, and by now the routes are in force.
fn lines<'l>(
    new: &[New],
    store: &Store,
    namespace: &str,
    label: &dyn Fn(&FileKey) -> &'l str,
) -> BTreeMap<(ObjectRef, FieldPath), u32> {
    let mut wanted: BTreeMap<&Arc<FileKey>, Vec<(&ObjectRef, &FieldPath)>> = BTreeMap::new();
    for finding in new.iter().filter(|finding| finding.place.is_none()) {
        if let Some(object) = &finding.diagnostic.object
            && let Some(key) = store.giver(object)
        {
            wanted.entry(key).or_default().push((object, &finding.diagnostic.field));
        }
    }
    let mut lines = BTreeMap::new();
    for (key, places) in wanted {
        let Contents::Whole(text, _) = files::read(&key.path) else { continue };
        let reading = Reading::of(&text, namespace, label(key));
        for (object, field) in places {
            if let Some(given) = reading.objects.get(object) {
                lines.insert((object.clone(), field.clone()), given.place(&field.to_string()).line);
            }
        }
    }
    lines
}

/// The finding for an object that a later file gives too.
fn duplicate(contest: &Contest) -> Diagnostic {
    let (winner, line) = &contest.winner;
    let (object, path) = (&contest.object, winner.path.display());
    let message = format!("{object} is given again at {path}:{line}, and the later one counts");
    let field = FieldPath::named(&"metadata.name");
    Diagnostic::new(Code::DuplicateObject, Some(Arc::new(object.clone())), field, message)
}

/// A finding on one line.
fn line(place: Option<(&Path, u32)>, diagnostic: &Diagnostic) -> String {
    let Diagnostic { object, field, code, severity, message, help, .. } = diagnostic;
    let place = place.map(|(path, line)| format!("{}:{line}: ", path.display())).unwrap_or_default();
    let object = object.as_ref().map(|object| format!(" ({object} {field})")).unwrap_or_default();
    let help = help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    format!("{place}{severity}[{}]: {message}{object}{help}", code.id())
}
