//! Which of the replicas leads: it alone writes what only one should write. All of them serve, whoever leads.
//!
//! The Lease, or the ConfigMap in its place, is asked for with requests of its own; what they mean is decided in [`locks`].

mod elector;
mod lock;
mod locks;

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::sleep_until;

use self::elector::{Answer, Ask, Timing};
use self::lock::Lock;
use self::locks::Locks;
use crate::api::{self, Failure, Reason, WHOLE, Write};
use crate::resource::escaped;
use crate::{Say, now};

/// The most that a server which refuses is left alone.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Where that is written which says who leads, and for how long it is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the flags there are for this")]
pub struct Election {
    /// The namespace of the Lease and the ConfigMap.
    pub namespace: String,
    /// The name of the Lease: `--election-id`.
    pub name: String,
    /// The name of the ConfigMap that is used by replicas without a right to Leases, and respected by all; none if there is
    /// none. With ingress-nginx before its version 1.0 this is `--election-id`, a hyphen and `--ingress-class`.
    pub config_map: Option<String>,
    /// How long a leader that says nothing more is waited for: `--election-ttl`, in whole seconds.
    pub ttl: Duration,
}

impl Election {
    /// What a lock is called.
    fn name(&self, lock: Lock) -> &str {
        match lock {
            Lock::Lease => &self.name,
            Lock::ConfigMap => self.config_map.as_deref().unwrap_or_default(),
        }
    }

    /// A lock, for people.
    fn described(&self, lock: Lock) -> String {
        format!("{} {}/{}", lock.kind(), self.namespace, self.name(lock))
    }
}

/// Whether this replica leads, and until when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Term {
    /// Another one does, or nobody.
    #[default]
    None,
    /// This one may begin to write until then, and must have come to an end of it until then.
    Until(Instant, Instant),
    /// There is no election.
    Always,
}

/// For whoever writes only as the leader.
#[derive(Clone, Debug)]
pub(crate) struct Leadership(watch::Receiver<Term>);

impl Leadership {
    /// Without an election every replica leads.
    pub(crate) fn always() -> Self {
        Self(watch::Sender::new(Term::Always).subscribe())
    }

    /// How long a write that begins now may take; none if it must not begin. To be asked right before each.
    pub(crate) fn permit(&self, limit: Duration) -> Option<Duration> {
        match *self.0.borrow() {
            Term::None => None,
            Term::Until(begin, end) => {
                let now = now();
                (now < begin).then(|| limit.min(end.saturating_duration_since(now)))
            }
            Term::Always => Some(limit),
        }
    }

    /// Whether this replica leads now.
    pub(crate) fn leads(&self) -> bool {
        self.permit(Duration::MAX).is_some()
    }

    /// Waits until this replica leads.
    pub(crate) async fn begins(&mut self) {
        // A term that is over leads no more than none.
        while !self.leads() {
            if self.0.changed().await.is_err() {
                // Nobody is left who could begin.
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Takes part in an election for as long as it is run.
pub(crate) struct Candidate {
    client: Client,
    election: Election,
    identity: Box<str>,
    locks: Locks,
    timing: Timing,
    /// The lock that decides, as the server gave it last.
    object: Value,
    terms: watch::Sender<Term>,
    leads: watch::Sender<bool>,
    say: Say,
    said: Said,
    pause: Duration,
}

/// What the log knows.
#[derive(Debug, Default)]
struct Said {
    holder: Option<Box<str>>,
    failure: Option<(Lock, Reason)>,
    /// That the ConfigMap is used.
    is_replaced: bool,
}

impl Candidate {
    /// A candidate that has not asked for anything yet. `pod` is what people know it by.
    pub(crate) fn new(client: Client, election: Election, pod: &str, leads: watch::Sender<bool>, say: Say) -> Self {
        // A pod's name outlives its container, and two processes must never take each other for themselves.
        let random = RandomState::new();
        let identity: Box<str> = format!("{pod}_{:016x}", random.hash_one(pod)).into();
        let timing = Timing::of(election.ttl);
        Self {
            client,
            locks: Locks::new(identity.clone(), timing, random.hash_one(1), election.config_map.is_some(), now()),
            election,
            identity,
            timing,
            object: Value::Null,
            terms: watch::Sender::default(),
            leads,
            say,
            said: Said::default(),
            pause: Duration::ZERO,
        }
    }

    /// For whoever writes only as the leader.
    pub(crate) fn leadership(&self) -> Leadership {
        Leadership(self.terms.subscribe())
    }

    /// Takes part until `end` is told, or its other end is dropped, and gives the lease back then.
    pub(crate) async fn run(mut self, mut end: tokio::sync::oneshot::Receiver<()>) {
        let mut is_ending = false;
        while !self.locks.is_over() {
            // When it does not lead any longer although nothing comes.
            let over = self.locks.term().map(|(begin, _)| begin).filter(|begin| *begin > now());
            let due = self.locks.due().into_iter().chain(over).min();
            tokio::select! {
                () = sleep_until(due.unwrap_or_else(now).into()) => {}
                _ = &mut end, if !is_ending => {
                    is_ending = true;
                    self.locks.end();
                }
            }
            self.tell();
            if let Some((lock, ask)) = self.locks.ask(now(), &stamp()) {
                self.carry_out(lock, ask, &mut end, &mut is_ending).await;
                self.tell();
            }
        }
        self.tell();
    }

    /// Asks, and hears meanwhile that it is to end.
    async fn carry_out(
        &mut self,
        lock: Lock,
        ask: Ask,
        end: &mut tokio::sync::oneshot::Receiver<()>,
        is_ending: &mut bool,
    ) {
        let answering = self.send(lock, &ask);
        tokio::pin!(answering);
        let answered = loop {
            tokio::select! {
                answered = &mut answering => break answered,
                _ = &mut *end, if !*is_ending => *is_ending = true,
            }
        };
        let used = self.locks.used();
        let answer = match &answered {
            Ok(text) => self.understood(lock, text),
            Err(failure) => self.failed(lock, &ask, failure),
        };
        self.locks.answer(answer, now());
        if *is_ending {
            self.locks.end();
        }
        if let (Lock::Lease, Lock::ConfigMap, Err(failure)) = (used, self.locks.used(), &answered)
            && !std::mem::replace(&mut self.said.is_replaced, true)
        {
            let [lease, config_map] = [used, used.other()].map(|lock| self.election.described(lock));
            (self.say)(&format!("cannot use {lease}: {failure}; {config_map} says who leads in its place"));
        }
    }

    /// Sends what is asked, with its own copy of all it takes.
    fn send(&self, lock: Lock, ask: &Ask) -> impl Future<Output = Result<String, Failure>> + use<> {
        let (client, limit, mut object) = (self.client.clone(), self.timing.retry, self.object.clone());
        let (namespace, name) = (&self.election.namespace, self.election.name(lock));
        let collection = lock.collection(namespace);
        let place = format!("{collection}/{}", escaped(name));
        let mut write = None;
        match ask {
            Ask::Read => {}
            Ask::Create(claim) => {
                object = lock.blank(namespace, name);
                lock.write(claim, &mut object);
                write = Some((Write::Create, collection));
            }
            Ask::Update(claim) => {
                lock.write(claim, &mut object);
                write = Some((Write::Update, place.clone()));
            }
        }
        async move {
            match write {
                None => api::get(&client, &place, WHOLE, limit).await,
                Some((how, target)) => api::write(&client, how, &target, &object, limit).await,
            }
        }
    }

    fn understood(&mut self, lock: Lock, text: &str) -> Answer {
        if self.said.failure.take_if(|(failing, _)| *failing == lock).is_some() {
            (self.say)(&format!("{} can be used again", self.election.described(lock)));
        }
        if lock == Lock::Lease && std::mem::take(&mut self.said.is_replaced) {
            (self.say)(&format!("{} can be used, and says who leads", self.election.described(lock)));
        }
        let is_used = lock == self.locks.used();
        if is_used {
            self.pause = Duration::ZERO;
        }
        match serde_json::from_str::<Value>(text) {
            // Without its version it could be written over whatever it has become.
            Ok(object) if object.pointer("/metadata/resourceVersion").is_some_and(Value::is_string) => {
                let claim = lock.read(&object);
                if is_used {
                    self.object = object;
                }
                Answer::Lease(claim)
            }
            _ => Answer::Failed(LONGEST_PAUSE),
        }
    }

    fn failed(&mut self, lock: Lock, ask: &Ask, failure: &Failure) -> Answer {
        match failure.reason {
            Reason::Conflict => return Answer::Conflict,
            Reason::NotFound if !matches!(ask, Ask::Create(_)) => return Answer::Absent,
            _ => {}
        }
        let is_refused = failure.reason == Reason::Forbidden;
        let asked = failure.retry_after.unwrap_or_default().min(LONGEST_PAUSE);
        if lock != self.locks.used() {
            return if is_refused { Answer::Refused(asked) } else { Answer::Failed(asked) };
        }
        // A leader has some time to go on without an answer, so that one that fails once is not worth a word. Nor is a Lease
        // that another lock may yet take the place of.
        let is_replaceable =
            is_refused && lock == Lock::Lease && *ask == Ask::Read && self.election.config_map.is_some();
        if !self.leads() && !is_replaceable && self.said.failure != Some((lock, failure.reason)) {
            self.said.failure = Some((lock, failure.reason));
            let lock = self.election.described(lock);
            (self.say)(&format!("warning: cannot use {lock}: {failure}; no status is written meanwhile"));
        }
        if !matches!(failure.reason, Reason::Unreachable | Reason::Busy) {
            // What is refused will be for a while.
            self.pause = (self.pause * 2).clamp(self.timing.retry, LONGEST_PAUSE);
        }
        let pause = asked.max(self.pause);
        if is_refused { Answer::Refused(pause) } else { Answer::Failed(pause) }
    }

    fn leads(&self) -> bool {
        self.locks.term().is_some_and(|(begin, _)| now() < begin)
    }

    /// Tells everybody what is new.
    fn tell(&mut self) {
        let leads = self.leads();
        let term = self.locks.term().filter(|_| leads).map_or(Term::None, |(begin, end)| Term::Until(begin, end));
        self.terms.send_if_modified(|before| std::mem::replace(before, term) != term);
        if self.leads.send_if_modified(|before| std::mem::replace(before, leads) != leads) {
            (self.say)(if leads { "this replica leads" } else { "this replica leads no longer" });
        }
        let holder = self.locks.holder();
        if holder != &*self.identity && !holder.is_empty() && self.said.holder.as_deref() != Some(holder) {
            (self.say)(&format!("`{holder}` leads"));
        }
        if self.said.holder.as_deref() != Some(holder) {
            self.said.holder = Some(holder.into());
        }
    }
}

/// The time, for people.
fn stamp() -> String {
    let time = serde_json::to_value(MicroTime(Timestamp::now()));
    time.ok().and_then(|time| time.as_str().map(str::to_owned)).unwrap_or_default()
}
