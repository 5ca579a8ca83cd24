//! Who leads where there are two locks: the Lease, and for those who have no right to Leases a ConfigMap. No socket and no
//! clock is in here.
//!
//! Rights may change while replicas run, and with them the lock that a replica uses. So that two never lead at once by two
//! locks, whoever has taken its own looks at the other one before it leads, and leads only once that is free:
//!
//! * it is not there, or says that nobody leads;
//! * what it says has not changed for as long as it says, by our own clock;
//! * or it has been refused for a whole lease time, after which nobody who had the right leads by it any more.
//!
//! A Lease that may be read is never free for somebody who uses the ConfigMap: that one goes over to the Lease. Each takes its
//! own lock before it looks at the other, so that of two who do so at the same time one sees the other. The look is repeated
//! whenever a lead begins anew; one that is renewed in time goes on without.

use std::time::{Duration, Instant};

use super::elector::{Answer, Ask, Elector, Timing};
use super::lock::{Claim, Lock};

/// Takes part in an election that is held by one lock or the other.
#[derive(Debug)]
pub(crate) struct Locks {
    identity: Box<str>,
    timing: Timing,
    random: u64,
    has_config_map: bool,
    /// The one that decides.
    used: Lock,
    elector: Elector,
    /// Whether the other one has been free since this lead began.
    is_clear: bool,
    /// When to look at the other one.
    look: Option<Instant>,
    /// Whether that is what an answer is awaited to.
    is_looking: bool,
    /// What the other one said last, and since when.
    observed: Option<(Claim, Instant)>,
    /// From when until when there was no right to the Lease, and to the ConfigMap.
    refused: [Option<(Instant, Instant)>; 2],
    /// Whether the ConfigMap is being given back for the Lease.
    is_leaving: bool,
    is_ending: bool,
}

impl Locks {
    /// Takes part as somebody whom nobody else is called like, by the Lease as long as that is not refused.
    pub(crate) fn new(identity: Box<str>, timing: Timing, random: u64, has_config_map: bool, now: Instant) -> Self {
        Self {
            elector: Elector::new(identity.clone(), timing, random, now),
            identity,
            timing,
            random,
            has_config_map,
            used: Lock::Lease,
            is_clear: !has_config_map,
            // An old one runs out by the time at which this replica may lead.
            look: has_config_map.then_some(now),
            is_looking: false,
            observed: None,
            refused: [None; 2],
            is_leaving: false,
            is_ending: false,
        }
    }

    /// The lock that decides.
    pub(crate) fn used(&self) -> Lock {
        self.used
    }

    /// When to call [`ask`](Self::ask); none while an answer is awaited, and when all is over.
    pub(crate) fn due(&self) -> Option<Instant> {
        if self.is_looking {
            return None;
        }
        let own = self.elector.due()?;
        Some(self.look.map_or(own, |look| look.min(own)))
    }

    /// What is to be asked now, if anything is, and of which lock. `stamp` is the time, for people.
    pub(crate) fn ask(&mut self, now: Instant, stamp: &str) -> Option<(Lock, Ask)> {
        if self.due().is_none_or(|due| due > now) {
            return None;
        }
        if let Some(ask) = self.elector.ask(now, stamp) {
            return Some((self.used, ask));
        }
        self.look = None;
        self.is_looking = true;
        Some((self.used.other(), Ask::Read))
    }

    /// Takes the answer.
    pub(crate) fn answer(&mut self, answer: Answer, now: Instant) {
        let asked = if self.is_looking { self.used.other() } else { self.used };
        let refused = self.refused(asked, &answer, now);
        if std::mem::take(&mut self.is_looking) {
            self.looked(answer, refused, now);
        } else {
            self.answered(answer, refused, now);
        }
    }

    /// Leads no longer, and gives back what it has.
    pub(crate) fn end(&mut self) {
        self.is_ending = true;
        self.look = None;
        self.elector.end();
    }

    /// Whether there is nothing more to do.
    pub(crate) fn is_over(&self) -> bool {
        self.is_ending && self.elector.is_over()
    }

    /// Until when a leader may begin to write, and until when that must have come to an end; none if another one leads.
    pub(crate) fn term(&self) -> Option<(Instant, Instant)> {
        self.elector.term().filter(|_| self.is_clear)
    }

    /// Who leads, as far as is known; empty if nobody does.
    pub(crate) fn holder(&self) -> &str {
        match &self.observed {
            // Ours is the lock by which nobody leads yet.
            Some((claim, _)) if !self.is_clear && self.elector.holder() == &*self.identity => &claim.holder,
            _ => self.elector.holder(),
        }
    }

    /// For how long there has been no right to a lock, now that this is the answer.
    fn refused(&mut self, lock: Lock, answer: &Answer, now: Instant) -> Duration {
        let [lease, config_map] = &mut self.refused;
        let refused = match lock {
            Lock::Lease => lease,
            Lock::ConfigMap => config_map,
        };
        match answer {
            Answer::Refused(_) => {
                // What was between two answers that are far from each other nobody knows.
                let gap = self.timing.deadline + self.timing.retry;
                let since = refused.filter(|(_, last)| now.saturating_duration_since(*last) <= gap);
                let since = since.map_or(now, |(since, _)| since);
                *refused = Some((since, now));
                now.saturating_duration_since(since)
            }
            Answer::Failed(_) => Duration::ZERO,
            Answer::Lease(_) | Answer::Absent | Answer::Conflict => {
                *refused = None;
                Duration::ZERO
            }
        }
    }

    /// Takes the answer of the lock that decides.
    fn answered(&mut self, answer: Answer, refused: Duration, now: Instant) {
        // A lead that was over begins anew.
        self.is_clear &= self.has_own(now) || !self.has_config_map;
        let mut answer = answer;
        let mut refusal = None;
        if let Answer::Refused(pause) = &mut answer {
            refusal = Some(*pause);
            if self.used == Lock::Lease && self.has_config_map {
                // It is soon known whether the other one is used.
                *pause = self.timing.retry.min(*pause);
            }
        }
        self.elector.answer(answer, now);
        if self.is_leaving && !self.is_ending && self.elector.is_over() {
            return self.turn_to(Lock::Lease, now);
        }
        match (self.used, refusal) {
            _ if self.is_ending || self.is_leaving => return,
            // A server that has just started refuses everybody.
            (Lock::Lease, Some(_)) if self.has_config_map && refused >= self.timing.deadline => {
                return self.turn_to(Lock::ConfigMap, now);
            }
            (Lock::ConfigMap, Some(pause)) => return self.turn_to(Lock::Lease, now + pause),
            _ => {}
        }
        if self.has_own(now) && !self.is_clear && self.look.is_none() {
            self.look = Some(now);
        }
    }

    /// Takes the answer of the other lock.
    fn looked(&mut self, answer: Answer, refused: Duration, now: Instant) {
        if self.is_ending || self.is_leaving {
            return;
        }
        let retry = self.timing.retry;
        let again = match (self.used, answer) {
            (_, Answer::Refused(_)) => {
                let left = self.timing.lease().saturating_sub(refused);
                (!left.is_zero()).then(|| now + retry.min(left))
            }
            (_, Answer::Failed(pause)) => Some(now + pause.max(retry / 4)),
            (Lock::Lease, Answer::Lease(claim)) => self.free_at(claim, now).map(|free| free.min(now + retry)),
            (Lock::Lease, Answer::Absent | Answer::Conflict) => {
                self.observed = None;
                None
            }
            (Lock::ConfigMap, _) => {
                self.is_leaving = true;
                self.elector.end();
                if self.elector.is_over() {
                    self.turn_to(Lock::Lease, now);
                }
                return;
            }
        };
        if self.has_own(now) {
            self.is_clear = again.is_none();
            self.look = again;
        }
    }

    /// When what the other lock says has run out; none if that is so.
    fn free_at(&mut self, claim: Claim, now: Instant) -> Option<Instant> {
        if claim.holder.is_empty() || claim.holder == self.identity {
            self.observed = None;
            return None;
        }
        let free = match &self.observed {
            Some((before, since)) if *before == claim => *since + self.timing.patience(&claim),
            _ => {
                let free = now + self.timing.patience(&claim);
                self.observed = Some((claim, now));
                free
            }
        };
        (free > now).then_some(free)
    }

    /// Whether the lock that decides is ours.
    fn has_own(&self, now: Instant) -> bool {
        self.elector.term().is_some_and(|(begin, _)| now < begin)
    }

    /// Lets the other lock decide from now on, and asks it then.
    fn turn_to(&mut self, lock: Lock, then: Instant) {
        self.random = self.random.wrapping_add(1);
        self.elector = Elector::new(self.identity.clone(), self.timing, self.random, then);
        self.used = lock;
        self.is_clear = false;
        self.look = None;
        self.observed = None;
        self.is_leaving = false;
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
