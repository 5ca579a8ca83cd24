//! Secrets and ConfigMaps: which of them are needed, which of those are known, and which have to be read. No socket and no
//! clock is in here, and no byte of a Secret.
//!
//! Of all others nothing is kept, not even the name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ingress_core::object::{Kind, ObjectRef};

use crate::api::{Failure, Reason};
use crate::convert::{Item, Key, Revision};
use crate::resource::{Resource, Scope};
use crate::watch::Event;

/// The most objects that are read at one time.
const MOST_FETCHES: usize = 16;

/// The pauses between attempts to read an object, from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The least time between two attempts that only repeat others: a rule that is missing is missing for thousands.
const BETWEEN_RETRIES: Duration = Duration::from_millis(100);

/// Objects that are read because others refer to them.
#[derive(Debug, Default)]
pub(crate) struct References {
    wanted: BTreeMap<ObjectRef, Wanted>,
    /// What has to be read, by when.
    queue: BTreeSet<(Instant, ObjectRef)>,
    /// What has to be tried again, by when.
    retries: BTreeSet<(Instant, ObjectRef)>,
    /// Before this nothing is tried again.
    next_retry: Option<Instant>,
    fetching: usize,
    tickets: u64,
    /// How many have never been answered for.
    unanswered: usize,
}

#[derive(Debug)]
struct Wanted {
    known: Known,
    /// What the watch said last, which may be ahead of what was read, or behind.
    seen: Option<Revision>,
    fetch: Fetch,
    pause: Duration,
}

#[derive(Debug, PartialEq, Eq)]
enum Known {
    /// Nothing yet.
    Unanswered,
    /// It does not exist.
    Absent,
    /// It has been read.
    Present(Revision),
    /// It has never been read, and cannot be.
    Unreadable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fetch {
    Idle,
    /// It is in a queue for then.
    Queued {
        at: Instant,
        is_retry: bool,
    },
    /// It is being read; it may have changed since.
    Running {
        ticket: Ticket,
        again: bool,
    },
}

/// Tells one attempt to read an object from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// What became of an attempt to read an object.
#[derive(Debug)]
pub(crate) enum Answer<T> {
    Present(Revision, T),
    Absent,
    Failed(Failure),
}

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome<T> {
    /// It is different now.
    Changed(T),
    /// It does not exist, or no longer.
    Gone,
    /// It has never been read, and for this reason cannot be.
    Unreadable(Box<str>),
    /// Nothing is different.
    Same,
}

impl References {
    /// Takes what is referred to now. Returned are those that no longer are, for whoever keeps what they said.
    pub(crate) fn want(&mut self, references: &BTreeSet<ObjectRef>, now: Instant) -> Vec<ObjectRef> {
        let unwanted: Vec<ObjectRef> = self.wanted.keys().filter(|name| !references.contains(*name)).cloned().collect();
        for name in &unwanted {
            let Some(wanted) = self.wanted.remove(name) else { continue };
            self.unanswered -= usize::from(wanted.known == Known::Unanswered);
            self.dequeue(name, wanted.fetch);
        }
        for name in references {
            if self.wanted.contains_key(name) {
                continue;
            }
            self.unanswered += 1;
            self.queue.insert((now, name.clone()));
            let fetch = Fetch::Queued { at: now, is_retry: false };
            self.wanted
                .insert(name.clone(), Wanted { known: Known::Unanswered, seen: None, fetch, pause: FIRST_PAUSE });
        }
        unwanted
    }

    /// The next object to read now. Each has to be answered for.
    pub(crate) fn next_fetch(&mut self, now: Instant) -> Option<(ObjectRef, Ticket)> {
        if self.due()? > now {
            return None;
        }
        let name = match self.queue.first() {
            Some((at, _)) if *at <= now => self.queue.pop_first()?.1,
            _ => {
                self.next_retry = Some(now + BETWEEN_RETRIES);
                self.retries.pop_first()?.1
            }
        };
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.wanted.get_mut(&name)?.fetch = Fetch::Running { ticket, again: false };
        self.fetching += 1;
        Some((name, ticket))
    }

    /// When there is something to read, unless too much is being read already.
    pub(crate) fn due(&self) -> Option<Instant> {
        if self.fetching >= MOST_FETCHES {
            return None;
        }
        let new = self.queue.first().map(|(at, _)| *at);
        let again = self.retries.first().map(|(at, _)| self.next_retry.map_or(*at, |next| next.max(*at)));
        new.into_iter().chain(again).min()
    }

    /// Takes the answer for an object.
    pub(crate) fn answer<T>(
        &mut self,
        name: &ObjectRef,
        ticket: Ticket,
        answer: Answer<T>,
        now: Instant,
    ) -> Outcome<T> {
        self.fetching -= 1;
        // Nobody needs it any more.
        let Some(wanted) = self.wanted.get_mut(name) else { return Outcome::Same };
        let again = match wanted.fetch {
            Fetch::Running { ticket: current, again } if current == ticket => again,
            // It was dropped and wanted again in the meantime, and is read anew for that.
            _ => return Outcome::Same,
        };
        wanted.fetch = Fetch::Idle;
        let was_unanswered = wanted.known == Known::Unanswered;
        let mut is_behind = again;
        let mut retry_at = None;
        let outcome = match answer {
            Answer::Present(revision, content) => {
                wanted.pause = FIRST_PAUSE;
                is_behind |= wanted.seen.as_ref().is_some_and(|seen| revision.is_before(seen));
                let present = Known::Present(revision);
                if wanted.known == present {
                    Outcome::Same
                } else {
                    wanted.known = present;
                    Outcome::Changed(content)
                }
            }
            Answer::Absent => {
                wanted.pause = FIRST_PAUSE;
                match std::mem::replace(&mut wanted.known, Known::Absent) {
                    Known::Absent => Outcome::Same,
                    _ => Outcome::Gone,
                }
            }
            Answer::Failed(failure) => {
                let asked = failure.retry_after.unwrap_or_default().min(LONGEST_PAUSE * 4);
                retry_at = Some(now + wanted.pause.max(asked));
                wanted.pause = (wanted.pause * 2).min(LONGEST_PAUSE);
                match wanted.known {
                    Known::Unanswered => {
                        wanted.known = Known::Unreadable;
                        Outcome::Unreadable(failure.to_string().into())
                    }
                    // What it said last still counts.
                    Known::Absent | Known::Present(_) | Known::Unreadable => Outcome::Same,
                }
            }
        };
        self.unanswered -= usize::from(was_unanswered);
        match retry_at {
            Some(at) => self.enqueue(name, at, true),
            None if is_behind => self.enqueue(name, now, false),
            None => {}
        }
        outcome
    }

    /// Whether an object is one of them.
    pub(crate) fn is_wanted(&self, name: &ObjectRef) -> bool {
        self.wanted.contains_key(name)
    }

    /// Whether something that is wanted has never been answered for.
    pub(crate) fn is_waiting(&self) -> bool {
        self.unanswered > 0
    }

    /// Where something has to be watched, if one watch is for one namespace.
    pub(crate) fn namespaces(&self, kind: Kind) -> BTreeSet<Box<str>> {
        let names = self.wanted.keys().filter(|name| name.kind == kind);
        names.map(|name| Box::from(&*name.namespace)).collect()
    }

    /// How many objects in a scope have been read.
    pub(crate) fn count(&self, resource: Resource, scope: &Scope) -> usize {
        let kinds = resource.kinds();
        let inside = self.wanted.iter().filter(|(name, _)| kinds.contains(&name.kind) && is_inside(name, scope));
        inside.filter(|(_, wanted)| matches!(wanted.known, Known::Present(_))).count()
    }

    /// Takes what a watch of metadata says. Returned are those that are gone.
    pub(crate) fn take(&mut self, resource: Resource, scope: &Scope, event: &Event, now: Instant) -> Vec<ObjectRef> {
        let Some(kind) = resource.kinds().first().copied() else { return Vec::new() };
        match event {
            Event::Applied(item) => {
                self.seen(kind, item, now);
                Vec::new()
            }
            Event::Deleted(item) => self.deleted(&item.key.reference(kind), Some(&item.revision)),
            Event::Replaced(items) => {
                let listed: BTreeMap<&Key, &Item> = items.iter().map(|item| (&item.key, item)).collect();
                let mut gone = Vec::new();
                for name in self.in_scope(kind, scope) {
                    let key = Key { namespace: Arc::clone(&name.namespace), name: Arc::clone(&name.name) };
                    match listed.get(&key) {
                        Some(item) => self.seen(kind, item, now),
                        None => gone.extend(self.deleted(&name, None)),
                    }
                }
                gone
            }
            // Whoever may not watch may perhaps still read: then each attempt to watch is an occasion to look.
            Event::Failed(Failure { reason: Reason::Forbidden, .. }) => {
                for name in self.in_scope(kind, scope) {
                    self.enqueue(&name, now, true);
                }
                Vec::new()
            }
            Event::Failed(_) | Event::Watching | Event::Instead(..) => Vec::new(),
        }
    }

    fn in_scope(&self, kind: Kind, scope: &Scope) -> Vec<ObjectRef> {
        self.wanted.keys().filter(|name| name.kind == kind && is_inside(name, scope)).cloned().collect()
    }

    fn seen(&mut self, kind: Kind, item: &Item, now: Instant) {
        let name = item.key.reference(kind);
        let Some(wanted) = self.wanted.get_mut(&name) else { return };
        wanted.seen = Some(item.revision.clone());
        if let Fetch::Running { .. } = wanted.fetch {
            // The answer may be this very state.
            return;
        }
        let is_known = match &wanted.known {
            Known::Present(known) => *known == item.revision || item.revision.is_before(known),
            Known::Unanswered | Known::Absent | Known::Unreadable => false,
        };
        if !is_known {
            self.enqueue(&name, now, false);
        }
    }

    fn deleted(&mut self, name: &ObjectRef, revision: Option<&Revision>) -> Vec<ObjectRef> {
        let Some(wanted) = self.wanted.get_mut(name) else { return Vec::new() };
        wanted.seen = None;
        match (&wanted.known, revision) {
            // It has been made again since.
            (Known::Present(known), Some(revision)) if revision.is_before(known) => return Vec::new(),
            (Known::Absent, _) => return Vec::new(),
            _ => {}
        }
        // What is being read may be what is gone by now.
        if let Fetch::Running { again, .. } = &mut wanted.fetch {
            *again = true;
            return Vec::new();
        }
        self.unanswered -= usize::from(wanted.known == Known::Unanswered);
        wanted.known = Known::Absent;
        let fetch = std::mem::replace(&mut wanted.fetch, Fetch::Idle);
        self.dequeue(name, fetch);
        vec![name.clone()]
    }

    /// Has an object read at some time, or sooner if it already is to be.
    fn enqueue(&mut self, name: &ObjectRef, at: Instant, is_retry: bool) {
        let Some(wanted) = self.wanted.get_mut(name) else { return };
        let before = match &mut wanted.fetch {
            Fetch::Running { again, .. } => {
                *again |= !is_retry;
                return;
            }
            Fetch::Queued { at: earlier, is_retry: false } if *earlier <= at => return,
            Fetch::Queued { at: earlier, is_retry: true } if is_retry && *earlier <= at => return,
            fetch => std::mem::replace(fetch, Fetch::Queued { at, is_retry }),
        };
        self.dequeue(name, before);
        let queue = if is_retry { &mut self.retries } else { &mut self.queue };
        queue.insert((at, name.clone()));
    }

    fn dequeue(&mut self, name: &ObjectRef, fetch: Fetch) {
        if let Fetch::Queued { at, is_retry } = fetch {
            let queue = if is_retry { &mut self.retries } else { &mut self.queue };
            queue.remove(&(at, name.clone()));
        }
    }
}

fn is_inside(name: &ObjectRef, scope: &Scope) -> bool {
    match scope {
        Scope::Cluster => true,
        Scope::Namespace(namespace) => *name.namespace == **namespace,
    }
}

#[cfg(test)]
mod tests;
