//! The other end of both sides of a proxy: clients that ask without a pause, and the origin that answers.
//!
//! Both are one thread and one epoll instance, so that the core they share switches between no threads. The clients look at
//! every response (status, length, where it comes from), the origin at what the proxy added to the requests.

mod client;
mod job;
mod link;
mod origin;
mod reply;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use benches::matcher::Error;
use client::Client;
pub(crate) use job::{Counts, Plan};
use mio::{Events, Poll, Token};
use origin::Origin;
pub(crate) use tls::{Exchange, client_config};

use self::job::Job;
use crate::interrupt;

/// Tokens of the origin's connections start here, above those of the listeners and of the clients.
const ORIGIN: usize = 1 << 20;
/// The most clients of one group.
const GROUP: usize = 1 << 16;
/// Tokens below are the origin's listeners.
const LISTENERS: usize = 2;
/// How long an event may keep the loop waiting before it looks at the time.
const PATIENCE: Duration = Duration::from_millis(20);
/// More failed requests than this end the run: there is nothing left to measure.
const MOST_FAILURES: u64 = 10_000;

/// Clients that work off one plan.
struct Group {
    job: Job,
    clients: Vec<Client>,
}

impl Group {
    fn new(first_token: usize, plan: Plan) -> Self {
        let tokens = first_token..first_token + plan.connections.min(GROUP);
        Self { clients: tokens.map(|token| Client::new(Token(token))).collect(), job: Job::new(plan) }
    }
}

/// Clients and origin.
pub(crate) struct Generator {
    poll: Poll,
    events: Events,
    scratch: Vec<u8>,
    origin: Origin,
    load: Option<Group>,
    /// One client that asks a single thing while the load runs.
    probe: Option<Group>,
}

impl Generator {
    /// An origin on two free ports, and no client yet. If `strict`, requests must have the headers that a proxy adds.
    pub(crate) fn new(strict: bool) -> Result<Self, Error> {
        let poll = Poll::new()?;
        let origin = Origin::new(poll.registry(), strict)?;
        let scratch = vec![0; 256 << 10];
        Ok(Self { poll, events: Events::with_capacity(1024), scratch, origin, load: None, probe: None })
    }

    /// Where the origin listens: twice, so that it shows which of the two was asked.
    pub(crate) fn origins(&self) -> [SocketAddr; 2] {
        self.origin.addresses
    }

    /// The requests that the origin has answered.
    pub(crate) fn answered(&self) -> u64 {
        self.origin.answered
    }

    /// What the origin found wrong with requests, if anything.
    pub(crate) fn complaint(&self) -> Option<&str> {
        self.origin.complaint.as_deref()
    }

    /// Lets clients loose, and ends those there were.
    pub(crate) fn load(&mut self, plan: Plan) {
        self.load = Some(Group::new(LISTENERS, plan));
    }

    /// Ends all clients.
    pub(crate) fn rest(&mut self) {
        self.load = None;
    }

    /// What the load has achieved.
    pub(crate) fn counts(&self) -> Counts {
        self.load.as_ref().map(|group| group.job.counts.clone()).unwrap_or_default()
    }

    /// Runs for some time.
    pub(crate) fn run_for(&mut self, time: Duration) -> Result<(), Error> {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.turn(left)?;
        }
        Ok(())
    }

    /// Runs until the load has completed so many requests, none of which may fail.
    pub(crate) fn run_to(&mut self, completed: u64, patience: Duration) -> Result<(), Error> {
        let end = Instant::now() + patience;
        loop {
            let counts = self.counts();
            match counts.first_failure {
                Some(failure) => return Err(failure.into()),
                None if counts.completed >= completed => return Ok(()),
                None if Instant::now() > end => {
                    return Err(format!("only {} of {completed} requests in {patience:?}", counts.completed).into());
                }
                None => self.turn(PATIENCE)?,
            }
        }
    }

    /// Asks one thing on a connection of its own while everything else goes on: which of the origins answered, or what was
    /// wrong.
    pub(crate) fn ask(&mut self, plan: Plan, patience: Duration) -> Result<Result<u8, String>, Error> {
        let plan = Plan { connections: 1, limit: Some(1), ..plan };
        self.probe = Some(Group::new(LISTENERS + GROUP, plan));
        let end = Instant::now() + patience;
        let outcome = loop {
            self.turn(PATIENCE)?;
            let counts = self.probe.as_ref().map(|group| group.job.counts.clone()).unwrap_or_default();
            match counts.first_failure {
                Some(failure) => break Err(failure),
                None if counts.completed > 0 => break Ok(counts.origin),
                None if Instant::now() > end => break Err(format!("no answer in {patience:?}")),
                None => {}
            }
        };
        self.probe = None;
        Ok(outcome)
    }

    /// Handles what there is to handle, or waits for it.
    fn turn(&mut self, patience: Duration) -> Result<(), Error> {
        interrupt::check()?;
        for group in [&mut self.load, &mut self.probe].into_iter().flatten() {
            if group.job.counts.failed > MOST_FAILURES {
                return Err(group.job.counts.first_failure.clone().unwrap_or_default().into());
            }
            // At the start, and after a connection has failed.
            for client in group.clients.iter_mut().filter(|client| client.is_down()) {
                client.begin(&mut group.job, self.poll.registry());
            }
        }
        // Who puts a load on others does not sleep: to be woken on another core costs whoever sends, and the more the slower it is. Clients
        // on other machines do not cost that.
        let patience = if self.load.is_some() { Duration::ZERO } else { patience.min(PATIENCE) };
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        for event in &self.events {
            let token = event.token().0;
            if token >= ORIGIN {
                self.origin.serve(token - ORIGIN, &mut self.scratch);
            } else if token < LISTENERS {
                self.origin.accept(token, self.poll.registry())?;
            } else {
                let (group, index) = match (token - LISTENERS).checked_sub(GROUP) {
                    Some(index) => (&mut self.probe, index),
                    None => (&mut self.load, token - LISTENERS),
                };
                // What ended within this turn may have left an event behind.
                let Some(group) = group else { continue };
                if let Some(client) = group.clients.get_mut(index) {
                    client.advance(&mut group.job, self.poll.registry(), &mut self.scratch);
                }
            }
        }
        Ok(())
    }
}
