//! What is to be told about which Ingress, how often and when. No socket and no clock is in here.
//!
//! What is told again and again is one Event with a count, and no faster than the API server can be asked to take.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ingress_core::diagnostic::{Code, Diagnostic, Effect, Severity};
use ingress_core::object::ObjectRef;

use crate::controller::View;
use crate::convert::IngressRecord;
use crate::rate::Rate;

/// The least time between two Events of one kind about one Ingress; what happens meanwhile is counted.
const GAP: Duration = Duration::from_secs(10);

/// When what is still wrong is told again: the API server forgets Events after an hour.
const AGAIN: Duration = Duration::from_secs(45 * 60);

/// The most Events at once, and the time between two of them after that.
const BURST: u32 = 25;
const SPACING: Duration = Duration::from_millis(200);

/// The longest note that an Event may have.
const MAX_NOTE: usize = 1_024;

/// The reason of an Event that an Ingress is accepted, as ingress-nginx calls it.
const SYNC: &str = "Sync";

/// A kind of Event about an Ingress.
pub(crate) type Key = (Arc<ObjectRef>, &'static str);

/// Everything that has been told, and is to be.
#[derive(Debug)]
pub(crate) struct Journal {
    /// Whether an Ingress without an address in its status has not been seen by anybody.
    is_empty_new: bool,
    ingresses: BTreeMap<Arc<ObjectRef>, Known>,
    entries: BTreeMap<Key, Entry>,
    /// Entries that have something to tell, by when they may.
    due: BTreeSet<(Instant, Key)>,
    rate: Rate,
    is_first: bool,
}

/// An Ingress as it was seen last.
#[derive(Debug)]
struct Known {
    record: Arc<IngressRecord>,
    state: State,
}

/// What became of an Ingress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// All of it is in force.
    Accepted,
    /// Some of it is not.
    InPart,
    /// Nothing of it is.
    Refused,
}

/// An Event, told or not.
#[derive(Debug, Default)]
struct Entry {
    note: Box<str>,
    /// Whether it is still so.
    is_standing: bool,
    /// How often it has happened since it was told.
    news: u32,
    told: Option<Told>,
    /// When it may be told.
    due: Option<Instant>,
}

/// What the API server has of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The name of the Event.
    pub(crate) event: Box<str>,
    pub(crate) count: u32,
    at: Instant,
}

/// Something to tell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) key: Key,
    pub(crate) record: Arc<IngressRecord>,
    pub(crate) is_warning: bool,
    pub(crate) text: Box<str>,
    /// How often in all.
    pub(crate) count: u32,
    /// The Event to change; none if it is a new one.
    pub(crate) event: Option<Box<str>>,
}

impl Journal {
    /// Nothing has been told. `is_empty_new` says whether whoever led before has written the status of every Ingress that it
    /// has told about.
    pub(crate) fn new(is_empty_new: bool) -> Self {
        Self {
            is_empty_new,
            ingresses: BTreeMap::new(),
            entries: BTreeMap::new(),
            due: BTreeSet::new(),
            rate: Rate::new(SPACING, BURST),
            is_first: true,
        }
    }

    /// Takes what is known now.
    pub(crate) fn take(&mut self, view: &View, now: Instant) {
        let findings = findings(view);
        self.forget(view, &findings);
        let others = findings.keys().copied().filter(|name| !view.claimed.contains(*name));
        for name in view.claimed.iter().chain(others) {
            let Some(record) = view.ingresses.get(name) else { continue };
            let none = BTreeMap::new();
            let found = findings.get(name).unwrap_or(&none);
            self.take_ingress(name, record, found, now);
        }
        self.is_first = false;
    }

    fn take_ingress(
        &mut self,
        name: &Arc<ObjectRef>,
        record: &Arc<IngressRecord>,
        found: &BTreeMap<Code, Vec<&Diagnostic>>,
        now: Instant,
    ) {
        let state = State::of(found);
        let known = self.ingresses.insert(Arc::clone(name), Known { record: Arc::clone(record), state });
        let is_changed = match &known {
            Some(known) => known.record.content_version != record.content_version,
            None => !self.is_first || (self.is_empty_new && record.addresses.is_empty()),
        };
        if state != State::Refused && (is_changed || known.is_some_and(|known| known.state != state)) {
            let note =
                if state == State::Accepted { "accepted" } else { "accepted, except for what the warnings name" };
            self.happened((Arc::clone(name), SYNC), note.into(), now);
        }
        for (code, found) in found {
            let key = (Arc::clone(name), code.id());
            let (note, entry) = (note(found), self.entries.get(&key));
            let is_old = |told: &Told| told.at + AGAIN <= now;
            let is_known = entry.is_some_and(|entry| entry.is_standing && entry.note == note);
            if !is_known || is_changed || entry.and_then(|entry| entry.told.as_ref()).is_some_and(is_old) {
                self.happened(key, note, now);
            }
        }
    }

    /// Forgets Ingresses that are gone, and notes what is no longer wrong with the others.
    fn forget(&mut self, view: &View, findings: &BTreeMap<&Arc<ObjectRef>, BTreeMap<Code, Vec<&Diagnostic>>>) {
        let (ingresses, due) = (&mut self.ingresses, &mut self.due);
        ingresses.retain(|name, known| {
            let is_ours = view.claimed.contains(name) || findings.contains_key(name);
            is_ours && view.ingresses.get(name).is_some_and(|record| record.uid == known.record.uid)
        });
        self.entries.retain(|key, entry| {
            let is_there = ingresses.contains_key(&key.0);
            if !is_there && let Some(at) = entry.due {
                due.remove(&(at, key.clone()));
            }
            let found = findings.get(&key.0);
            entry.is_standing &= found.is_some_and(|found| found.keys().any(|code| code.id() == key.1));
            is_there
        });
    }

    fn happened(&mut self, key: Key, note: Box<str>, now: Instant) {
        let entry = self.entries.entry(key.clone()).or_default();
        entry.note = note;
        entry.is_standing = true;
        entry.news = entry.news.saturating_add(1);
        if entry.due.is_none() {
            let due = entry.told.as_ref().map_or(now, |told| (told.at + GAP).max(now));
            entry.due = Some(due);
            self.due.insert((due, key));
        }
    }

    /// When there is something to tell.
    pub(crate) fn due(&self) -> Option<Instant> {
        let (due, _) = self.due.first()?;
        Some(self.rate.ready().map_or(*due, |ready| ready.max(*due)))
    }

    /// What is to be told now, if anything is.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Note> {
        while self.due().is_some_and(|due| due <= now) {
            let (_, key) = self.due.pop_first()?;
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            entry.due = None;
            let is_warning = key.1 != SYNC;
            let Some(known) = self.ingresses.get(&key.0) else { continue };
            if is_warning && !entry.is_standing {
                // It has been mended before anybody was told.
                entry.news = 0;
                continue;
            }
            self.rate.done(now);
            let told = entry.told.as_ref();
            return Some(Note {
                record: Arc::clone(&known.record),
                is_warning,
                text: entry.note.clone(),
                count: told.map_or(0, |told| told.count).saturating_add(entry.news),
                event: told.map(|told| told.event.clone()),
                key,
            });
        }
        None
    }

    /// It has been told.
    pub(crate) fn told(&mut self, note: &Note, event: &str, now: Instant) {
        if let Some(entry) = self.entries.get_mut(&note.key) {
            entry.news = 0;
            entry.told = Some(Told { event: event.into(), count: note.count, at: now });
        }
    }

    /// It could not be told. What the server has lost is told anew; what it does not want is not.
    pub(crate) fn failed(&mut self, note: &Note, is_lost: bool, is_to_be_again: bool, now: Instant) {
        let Some(entry) = self.entries.get_mut(&note.key) else { return };
        if is_lost {
            entry.told = None;
        }
        if !is_to_be_again {
            entry.news = 0;
        } else if entry.due.is_none() {
            entry.due = Some(now);
            self.due.insert((now, note.key.clone()));
        }
    }
}

impl State {
    fn of(found: &BTreeMap<Code, Vec<&Diagnostic>>) -> Self {
        let effects = found.values().flatten().map(|finding| finding.effect);
        match effects.max() {
            Some(Effect::ObjectDropped) => Self::Refused,
            Some(Effect::RouteDropped | Effect::RouteRefused) => Self::InPart,
            _ => Self::Accepted,
        }
    }
}

/// What is wrong with the Ingresses that are ours, by code.
fn findings(view: &View) -> BTreeMap<&Arc<ObjectRef>, BTreeMap<Code, Vec<&Diagnostic>>> {
    let mut findings: BTreeMap<&Arc<ObjectRef>, BTreeMap<Code, Vec<&Diagnostic>>> = BTreeMap::new();
    for finding in &*view.findings {
        let Some(object) = &finding.object else { continue };
        let is_bad = view.claimed.contains(object) && finding.severity != Severity::Note;
        // Of our class too, and left out on our own wish.
        if is_bad || finding.code == Code::CatchAllDisabled {
            findings.entry(object).or_default().entry(finding.code).or_default().push(finding);
        }
    }
    findings
}

/// Findings of one code, as one text.
fn note(found: &[&Diagnostic]) -> Box<str> {
    let Some(first) = found.first() else { return Box::default() };
    let help = first.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    let more = if found.len() > 1 { format!(" (and {} more of this kind)", found.len() - 1) } else { String::new() };
    let mut note = format!("{} ({}){help}", first.message, first.field);
    if let Some(end) = (0..=MAX_NOTE - more.len()).rev().find(|end| note.is_char_boundary(*end)) {
        note.truncate(end);
    }
    note.push_str(&more);
    note.into()
}

#[cfg(test)]
mod tests;
