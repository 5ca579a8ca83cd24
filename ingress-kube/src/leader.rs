//! Which of the replicas leads: it alone writes what only one should write. All of them serve, whoever leads.
//!
//! The Lease is asked for with requests of its own; what they mean is decided in [`elector`].

mod elector;
mod lease;

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep_until;

use self::elector::{Answer, Ask, Elector, Timing};
use self::lease::Claim;
use crate::api::{self, Failure, Reason, WHOLE, Write};
use crate::resource::escaped;
use crate::{Say, now};

/// The most that a server which refuses is left alone.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Where the Lease is, and for how long it is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the flags there are for this")]
pub struct Election {
    /// The namespace of the Lease.
    pub namespace: String,
    /// Its name: `--election-id`.
    pub name: String,
    /// How long a leader that says nothing more is waited for: `--election-ttl`, in whole seconds.
    pub ttl: Duration,
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
    elector: Elector,
    timing: Timing,
    /// The Lease as the server gave it last.
    lease: Value,
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
    failure: Option<Reason>,
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
            elector: Elector::new(identity.clone(), timing, random.hash_one(1), now()),
            election,
            identity,
            timing,
            lease: Value::Null,
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
        while !self.elector.is_over() {
            // When it does not lead any longer although nothing comes.
            let over = self.elector.term().map(|(begin, _)| begin).filter(|begin| *begin > now());
            let due = self.elector.due().into_iter().chain(over).min();
            tokio::select! {
                () = sleep_until(due.unwrap_or_else(now).into()) => {}
                _ = &mut end, if !is_ending => {
                    is_ending = true;
                    self.elector.end();
                }
            }
            self.tell();
            if let Some(ask) = self.elector.ask(now(), &stamp()) {
                self.carry_out(ask, &mut end, &mut is_ending).await;
                self.tell();
            }
        }
        self.tell();
    }

    /// Asks, and hears meanwhile that it is to end.
    async fn carry_out(&mut self, ask: Ask, end: &mut tokio::sync::oneshot::Receiver<()>, is_ending: &mut bool) {
        let answering = self.send(&ask);
        tokio::pin!(answering);
        let answer = loop {
            tokio::select! {
                answer = &mut answering => break answer,
                _ = &mut *end, if !*is_ending => *is_ending = true,
            }
        };
        let answer = match answer {
            Ok(text) => self.understood(&text),
            Err(failure) => self.failed(&ask, &failure),
        };
        self.elector.answer(answer, now());
        if *is_ending {
            self.elector.end();
        }
    }

    /// Sends what is asked, with its own copy of all it takes.
    fn send(&self, ask: &Ask) -> impl Future<Output = Result<String, Failure>> + use<> {
        let (client, limit, mut lease) = (self.client.clone(), self.timing.retry, self.lease.clone());
        let Election { namespace, name, .. } = &self.election;
        let collection = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", escaped(namespace));
        let object = format!("{collection}/{}", escaped(name));
        let mut write = None;
        match ask {
            Ask::Read => {}
            Ask::Create(claim) => {
                let metadata = json!({"namespace": namespace, "name": name});
                lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata});
                claim.write(&mut lease);
                write = Some((Write::Create, collection));
            }
            Ask::Update(claim) => {
                claim.write(&mut lease);
                write = Some((Write::Update, object.clone()));
            }
        }
        async move {
            match write {
                None => api::get(&client, &object, WHOLE, limit).await,
                Some((how, target)) => api::write(&client, how, &target, &lease, limit).await,
            }
        }
    }

    fn understood(&mut self, text: &str) -> Answer {
        let Election { namespace, name, .. } = &self.election;
        if self.said.failure.take().is_some() {
            (self.say)(&format!("Lease {namespace}/{name} can be used again"));
        }
        self.pause = Duration::ZERO;
        match serde_json::from_str::<Value>(text) {
            // Without its version it could be written over whatever it has become.
            Ok(lease) if lease.pointer("/metadata/resourceVersion").is_some_and(Value::is_string) => {
                let claim = Claim::read(&lease);
                self.lease = lease;
                Answer::Lease(claim)
            }
            _ => Answer::Failed(LONGEST_PAUSE),
        }
    }

    fn failed(&mut self, ask: &Ask, failure: &Failure) -> Answer {
        match failure.reason {
            Reason::Conflict => return Answer::Conflict,
            Reason::NotFound if !matches!(ask, Ask::Create(_)) => return Answer::Absent,
            _ => {}
        }
        // A leader has some time to go on without an answer, so that one that fails once is not worth a word.
        if !self.leads() && self.said.failure != Some(failure.reason) {
            self.said.failure = Some(failure.reason);
            let Election { namespace, name, .. } = &self.election;
            (self.say)(&format!(
                "warning: cannot use Lease {namespace}/{name}: {failure}; no status is written meanwhile"
            ));
        }
        let asked = failure.retry_after.unwrap_or_default().min(LONGEST_PAUSE);
        if !matches!(failure.reason, Reason::Unreachable | Reason::Busy) {
            // What is refused will be for a while.
            self.pause = (self.pause * 2).clamp(self.timing.retry, LONGEST_PAUSE);
        }
        Answer::Failed(asked.max(self.pause))
    }

    fn leads(&self) -> bool {
        self.elector.term().is_some_and(|(begin, _)| now() < begin)
    }

    /// Tells everybody what is new.
    fn tell(&mut self) {
        let leads = self.leads();
        let term = self.elector.term().filter(|_| leads).map_or(Term::None, |(begin, end)| Term::Until(begin, end));
        self.terms.send_if_modified(|before| std::mem::replace(before, term) != term);
        if self.leads.send_if_modified(|before| std::mem::replace(before, leads) != leads) {
            (self.say)(if leads { "this replica leads" } else { "this replica leads no longer" });
        }
        let holder = self.elector.holder();
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
