//! Who leads by one lock, decided: what to ask of it and when, and until when what the answers say may be relied on. No socket
//! and no clock is in here.
//!
//! It is client-go's algorithm. A lease has run out when it has not changed for as long as it says, by the clock of whoever
//! waits; times that others wrote are never compared. The time of a leader counts from when it began to ask for it, and it stops
//! well before others may begin, so that two never lead at once however the clocks of the machines are set, whatever answer is
//! lost and whoever is stopped in the middle of it.

use std::time::{Duration, Instant};

use super::lock::Claim;

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timing {
    /// For how many seconds nobody else may lead after a lease was renewed.
    lease: u32,
    /// How long a leader may rely on having renewed it.
    pub(crate) deadline: Duration,
    /// How often it is renewed, or looked at.
    pub(crate) retry: Duration,
}

impl Timing {
    /// As ingress-nginx divides the time of `--election-ttl`.
    pub(crate) fn of(ttl: Duration) -> Self {
        // Leases have whole seconds.
        let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
        let lease = u32::try_from(seconds).unwrap_or(u32::MAX).max(1);
        let time = Duration::from_secs(lease.into());
        Self { lease, deadline: time / 2, retry: time / 4 }
    }

    /// How long nobody else may lead after a lease was renewed.
    pub(crate) fn lease(&self) -> Duration {
        Duration::from_secs(self.lease.into())
    }

    /// How long somebody's claim counts after it has last changed.
    pub(crate) fn patience(&self, claim: &Claim) -> Duration {
        // One that does not say counts as long as ours do.
        if claim.seconds == 0 { self.lease() } else { Duration::from_secs(claim.seconds.into()) }
    }
}

/// What to ask the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// What it says.
    Read,
    /// To create it.
    Create(Claim),
    /// To write this over the version that was seen last, and over no other.
    Update(Claim),
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// What it says now.
    Lease(Claim),
    /// There is none.
    Absent,
    /// It is not what it was, or was created by another.
    Conflict,
    /// There is no right to this; not to be asked again so soon.
    Refused(Duration),
    /// Nobody knows; not to be asked again so soon.
    Failed(Duration),
}

/// Takes part in an election.
#[derive(Debug)]
pub(crate) struct Elector {
    identity: Box<str>,
    timing: Timing,
    /// What it said last, and since when.
    observed: Option<(Claim, Instant)>,
    /// When what is under way was asked.
    asked: Option<(Ask, Instant)>,
    next: Next,
    due: Instant,
    /// When that began which made us lead, or lets us lead on.
    led_from: Option<Instant>,
    is_ending: bool,
    random: u64,
}

/// What is asked next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Read,
    Create,
    Update,
    /// Never anything again.
    Nothing,
}

impl Elector {
    /// Takes part as somebody whom nobody else is called like.
    pub(crate) fn new(identity: Box<str>, timing: Timing, random: u64, now: Instant) -> Self {
        Self {
            identity,
            timing,
            observed: None,
            asked: None,
            next: Next::Read,
            due: now,
            led_from: None,
            is_ending: false,
            random,
        }
    }

    /// When to call [`ask`](Self::ask); none while an answer is awaited, and when all is over.
    pub(crate) fn due(&self) -> Option<Instant> {
        (self.asked.is_none() && !self.is_over()).then_some(self.due)
    }

    /// What is to be asked now, if anything is. `stamp` is the time, for people.
    pub(crate) fn ask(&mut self, now: Instant, stamp: &str) -> Option<Ask> {
        if self.due().is_none_or(|due| due > now) {
            return None;
        }
        let ask = match self.next {
            Next::Read => Ask::Read,
            Next::Create => Ask::Create(self.claim(stamp)),
            Next::Update => Ask::Update(self.claim(stamp)),
            Next::Nothing => return None,
        };
        self.asked = Some((ask.clone(), now));
        Some(ask)
    }

    /// Takes the answer.
    pub(crate) fn answer(&mut self, answer: Answer, now: Instant) {
        let Some((ask, asked)) = self.asked.take() else { return };
        match answer {
            Answer::Lease(claim) if ask == Ask::Read => self.seen(claim, now),
            Answer::Lease(claim) => {
                self.observed = Some((claim, now));
                if self.is_ending {
                    // What was written may be what asked for more time.
                    return self.end();
                }
                self.led_from = Some(asked);
                self.then(Next::Update, asked + self.timing.retry);
            }
            Answer::Absent => {
                self.led_from = None;
                self.observed = None;
                // Whoever did not find it to read creates it; whoever did not find it to write looks again.
                let next = if ask == Ask::Read { Next::Create } else { Next::Read };
                self.then(if self.is_ending { Next::Nothing } else { next }, now);
            }
            Answer::Conflict => {
                self.led_from = None;
                let pause = self.spread(self.timing.retry / 8);
                self.then(Next::Read, now + pause);
            }
            // What is not allowed cannot be given back.
            Answer::Refused(_) if self.is_ending => self.then(Next::Nothing, now),
            // Whether it may be read says more than whether it may be written.
            Answer::Refused(pause) => {
                let pause = self.pause(pause);
                self.then(Next::Read, now + pause);
            }
            // What was to be written may have been. If so the version is another one, and the next attempt finds out.
            Answer::Failed(pause) => {
                let pause = self.pause(pause);
                self.due = now + pause;
            }
        }
    }

    /// How long to wait after a failure, if not longer.
    fn pause(&mut self, least: Duration) -> Duration {
        let is_pressing = self.led_from.is_some() || self.is_ending;
        let retry = if is_pressing { self.timing.retry / 4 } else { self.timing.retry };
        self.spread(retry).max(least)
    }

    /// Leads no longer, and gives the lease back if it has it.
    pub(crate) fn end(&mut self) {
        self.is_ending = true;
        self.led_from = None;
        let next = if self.is_held_by_us() { Next::Update } else { Next::Nothing };
        self.next = next;
        if let Some((_, seen)) = &self.observed {
            self.due = *seen;
        }
    }

    /// Whether there is nothing more to do.
    pub(crate) fn is_over(&self) -> bool {
        self.is_ending && self.asked.is_none() && self.next == Next::Nothing
    }

    /// Until when a leader may begin to write, and until when that must have come to an end; none if another one leads.
    pub(crate) fn term(&self) -> Option<(Instant, Instant)> {
        let from = self.led_from?;
        Some((from + self.timing.deadline, from + self.timing.deadline * 9 / 5))
    }

    /// Who holds the lease, as far as is known; empty if nobody does.
    pub(crate) fn holder(&self) -> &str {
        self.observed.as_ref().map_or("", |(claim, _)| &claim.holder)
    }

    fn seen(&mut self, claim: Claim, now: Instant) {
        // A lease that says what it said is as old as it was.
        if self.observed.as_ref().is_none_or(|(before, _)| *before != claim) {
            self.observed = Some((claim, now));
        }
        if self.is_ending {
            return self.end();
        }
        let Some((claim, since)) = &self.observed else { return };
        let over = *since + self.timing.patience(claim);
        if claim.holder.is_empty() || self.is_held_by_us() || over <= now {
            return self.then(Next::Update, now);
        }
        self.led_from = None;
        // Not all at once, and no later than it takes.
        let look = now + self.spread(self.timing.retry);
        let over = over + self.spread(self.timing.retry / 16);
        self.then(Next::Read, look.min(over));
    }

    fn is_held_by_us(&self) -> bool {
        self.holder() == &*self.identity
    }

    fn then(&mut self, next: Next, due: Instant) {
        self.next = next;
        self.due = due;
    }

    /// What is to stand in it.
    fn claim(&self, stamp: &str) -> Claim {
        let before = self.observed.as_ref().map(|(claim, _)| claim.clone()).unwrap_or_default();
        if self.is_ending {
            return Claim { holder: Box::default(), seconds: 1, renewed: stamp.into(), ..before };
        }
        let (holder, seconds, renewed) = (self.identity.clone(), self.timing.lease, stamp.into());
        if self.is_held_by_us() {
            return Claim { holder, seconds, renewed, ..before };
        }
        let transitions = before.transitions.saturating_add(u32::from(self.observed.is_some()));
        Claim { holder, seconds, acquired: stamp.into(), renewed, transitions }
    }

    /// A pause, or up to a fifth more.
    fn spread(&mut self, pause: Duration) -> Duration {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut random = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        random = (random ^ (random >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let random = u32::try_from((random ^ (random >> 31)) % 1_000).unwrap_or_default();
        pause + pause / 5 * random / 1_000
    }
}

#[cfg(test)]
mod tests;
