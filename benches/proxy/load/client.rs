//! A client: one request at a time, the next as soon as the response is complete.

use mio::{Registry, Token};

use super::job::Job;
use super::link::{Link, Received};
use super::reply::Reply;

/// A client.
pub(super) struct Client {
    token: Token,
    link: Option<Link>,
    reply: Reply,
    /// Whether a response is due.
    waiting: bool,
    /// Whether there is nothing left to ask.
    done: bool,
}

impl Client {
    pub(super) fn new(token: Token) -> Self {
        Self { token, link: None, reply: Reply::default(), waiting: false, done: false }
    }

    /// Whether it has no connection although there is something to ask.
    pub(super) fn is_down(&self) -> bool {
        self.link.is_none() && !self.done
    }

    /// Connects and asks, if it is down.
    pub(super) fn begin(&mut self, job: &mut Job, registry: &Registry) {
        if !self.is_down() {
            return;
        }
        match Link::open(&job.plan, registry, self.token) {
            Ok(link) => self.link = Some(link),
            Err(error) => return job.failed(format!("cannot connect: {error}")),
        }
        self.ask(job);
    }

    /// Reads what has come, and goes on when the response is complete.
    pub(super) fn advance(&mut self, job: &mut Job, registry: &Registry, scratch: &mut [u8]) {
        match self.read(scratch) {
            Ok(None) => {}
            Ok(Some(answer)) => {
                self.waiting = false;
                job.answered(&answer);
                if answer.last || job.plan.one_request_each {
                    self.hang_up();
                    self.begin(job, registry);
                } else {
                    self.ask(job);
                }
            }
            Err(failure) => self.fail(job, failure),
        }
    }

    fn read(&mut self, scratch: &mut [u8]) -> Result<Option<super::reply::Answer>, String> {
        let Some(link) = &mut self.link else { return Ok(None) };
        link.flush().map_err(|error| format!("cannot send: {error}"))?;
        loop {
            match link.receive(scratch).map_err(|error| format!("cannot receive: {error}"))? {
                Received::Nothing => return Ok(None),
                Received::End if self.waiting => return Err("closed before the response was complete".into()),
                Received::End => {
                    self.link = None;
                    return Ok(None);
                }
                Received::Bytes { count, drained } => {
                    let answer = self.reply.feed(scratch.get(..count).unwrap_or_default())?;
                    if answer.is_some() || drained {
                        return Ok(answer);
                    }
                }
            }
        }
    }

    fn ask(&mut self, job: &mut Job) {
        let Some(link) = &mut self.link else { return };
        let Some(request) = job.next() else {
            self.done = true;
            return self.hang_up();
        };
        self.waiting = true;
        if let Err(error) = link.send(request) {
            self.fail(job, format!("cannot send: {error}"));
        }
    }

    fn fail(&mut self, job: &mut Job, failure: String) {
        job.failed(failure);
        self.link = None;
        self.waiting = false;
        self.reply = Reply::default();
    }

    fn hang_up(&mut self) {
        if let Some(link) = self.link.take() {
            link.close();
        }
    }
}
